//! Writes: from what was sent to what the registry stores.
//!
//! Each write is a function of the stored resource, computed again if somebody else was faster: a patch is applied to what
//! is there at the moment when it is stored.

use hyper::{Response, StatusCode};
use madang_model::{Diagnostic, Kind, ObjectRef, Resource};
use serde_json::{Map, Value, json};

use super::answer;
use super::body::AnswerBody;
use super::handle::Api;
use super::patch::{apply, patched};
use super::query::Query;
use super::route::{Part, project};
use super::sent::{Format, Sent};
use super::writer::Writer;
use crate::{ApiError, Preconditions, Registry};

/// An answer to a write, and what to warn of.
pub(super) struct Written {
    pub(super) code: StatusCode,
    pub(super) resource: Resource,
    pub(super) warnings: Vec<Diagnostic>,
}

impl Written {
    pub(super) fn answer(self) -> Response<AnswerBody> {
        let mut response = answer::json(self.code, &self.resource.to_json());
        answer::warn(&mut response, &self.warnings);
        response
    }
}

impl Api {
    pub(super) async fn create(
        &self,
        kind: Kind,
        namespace: Option<String>,
        query: &Query,
        sent: Sent,
    ) -> Result<Response<AnswerBody>, ApiError> {
        let writer = Writer::new(query, &sent, Part::Whole)?;
        let (resource, warnings) = self
            .blocking(move |registry| {
                let document = document(sent.document()?, kind, namespace.as_deref(), None)?;
                let (resource, warnings) = writer.resource(document)?;
                Ok((create(registry, resource, &writer)?, warnings))
            })
            .await?;
        Ok(Written { code: StatusCode::CREATED, resource, warnings }.answer())
    }

    /// PUT, of a resource or its status.
    pub(super) async fn replace(
        &self,
        object: ObjectRef,
        part: Part,
        query: &Query,
        sent: Sent,
    ) -> Result<Response<AnswerBody>, ApiError> {
        let writer = Writer::new(query, &sent, part)?;
        let (resource, warnings) = self
            .blocking(move |registry| {
                let (kind, namespace, name) = (object.kind, Some(&*object.namespace), Some(&*object.name));
                let (resource, warnings) =
                    writer.resource(document(sent.document()?, kind, namespace, name)?)?;
                let written = write(registry, &object, &writer, |stored| {
                    Preconditions::of(&resource).hold(stored)?;
                    Ok(resource.clone())
                })?;
                Ok((written, warnings))
            })
            .await?;
        Ok(Written { code: StatusCode::OK, resource, warnings }.answer())
    }

    /// PATCH, of a resource or its status.
    pub(super) async fn patch(
        &self,
        object: ObjectRef,
        part: Part,
        query: &Query,
        sent: Sent,
    ) -> Result<Response<AnswerBody>, ApiError> {
        let writer = Writer::new(query, &sent, part)?;
        if sent.format == Format::Apply {
            if query.manager.is_none() {
                return Err(ApiError::bad_request("fieldManager is required for apply patch"));
            }
            return self
                .blocking(move |registry| {
                    let (namespace, name) = (Some(&*object.namespace), Some(&*object.name));
                    let config = document(sent.document()?, object.kind, namespace, name)?;
                    apply(registry, &object, &writer, config)
                })
                .await;
        }
        if query.force {
            return Err(ApiError::bad_request("the parameter force is only for apply patches"));
        }
        let format = sent.format;
        let resource = self
            .blocking(move |registry| {
                let patch = sent.document()?;
                write(registry, &object, &writer, |stored| {
                    let patched = patched(&stored.to_json(), &patch, format, object.kind)?;
                    let (kind, namespace, name) =
                        (object.kind, Some(&*object.namespace), Some(&*object.name));
                    let (resource, _) = writer.resource(document(patched, kind, namespace, name)?)?;
                    Preconditions::of(&resource).hold(stored)?;
                    Ok(resource)
                })
            })
            .await?;
        Ok(Written { code: StatusCode::OK, resource, warnings: Vec::new() }.answer())
    }
}

fn create(registry: &Registry, mut resource: Resource, writer: &Writer) -> Result<Resource, ApiError> {
    resource.reset_status();
    writer.own(None, &mut resource)?;
    registry.create_with(resource, writer.dry_run)
}

/// Writes what becomes of the stored resource, with who owns what.
pub(super) fn write(
    registry: &Registry,
    object: &ObjectRef,
    writer: &Writer,
    change: impl Fn(&Resource) -> Result<Resource, ApiError>,
) -> Result<Resource, ApiError> {
    let change = |stored: &Resource| {
        let mut new = change(stored)?;
        writer.own(Some(stored), &mut new)?;
        Ok(new)
    };
    match writer.part {
        Part::Status => registry.modify_status(object, writer.dry_run, change),
        _ => registry.modify(object, writer.dry_run, change),
    }
}

/// A body as a document of this kind. What it leaves out and the URL says is taken from there; they may not differ.
fn document(body: Value, kind: Kind, namespace: Option<&str>, name: Option<&str>) -> Result<Value, ApiError> {
    let Value::Object(mut value) = body else {
        return Err(ApiError::bad_request("the body cannot be read: it is no object"));
    };
    same_or_set(&mut value, "apiVersion", kind.api_version())?;
    same_or_set(&mut value, "kind", kind.name())?;
    let metadata = value.entry("metadata").or_insert_with(|| json!({}));
    let Value::Object(metadata) = metadata else {
        return Err(ApiError::bad_request("metadata is not an object with a name"));
    };
    if let Some(name) = name {
        same_or_set(metadata, "name", name)?;
    }
    match namespace.filter(|namespace| !namespace.is_empty()) {
        Some(namespace) => same_or_set(metadata, "namespace", namespace)?,
        None => {
            if let Some(project) = project(kind, None) {
                metadata.entry("namespace").or_insert_with(|| project.into());
            }
        }
    }
    Ok(Value::Object(value))
}

fn same_or_set(value: &mut Map<String, Value>, field: &str, is: &str) -> Result<(), ApiError> {
    match value.get(field) {
        None | Some(Value::Null) => {
            value.insert(field.to_owned(), is.into());
            Ok(())
        }
        Some(Value::String(sent)) if sent.is_empty() || sent == is => {
            value.insert(field.to_owned(), is.into());
            Ok(())
        }
        Some(sent) => Err(ApiError::bad_request(format!(
            "the body has the {field} {sent}, and the URL says {is:?}: they must be the same"
        ))),
    }
}
