//! Patches: what they make of what is there.

use hyper::{Response, StatusCode};
use madang_merge::{ApplyError, ManagedFields, json_patch, merge_patch};
use madang_model::{ApiGroup, Diagnostic, Kind, ObjectRef, Resource, from_json, prune_unknown};
use serde_json::Value;

use super::body::AnswerBody;
use super::query::Validation;
use super::route::Part;
use super::sent::Format;
use super::write::Written;
use super::writer::Writer;
use crate::owners::{self, schema};
use crate::{ApiError, Preconditions, Reason, Registry};

/// What a patch makes of a document.
pub(super) fn patched(
    document: &Value,
    patch: &Value,
    format: Format,
    kind: Kind,
) -> Result<Value, ApiError> {
    match format {
        Format::JsonPatch => json_patch(document, patch).map_err(|error| {
            if error.is_malformed() {
                ApiError::bad_request(error.to_string())
            } else {
                ApiError::new(Reason::Invalid, error.to_string())
            }
        }),
        Format::MergePatch => object_patch(patch).map(|patch| merge_patch(document, patch)),
        Format::StrategicMergePatch if kind.group() != ApiGroup::Madang => {
            object_patch(patch).and_then(|patch| super::strategic::merge(document, patch))
        }
        _ => {
            let message = "the body of a patch is of a type that is not possible here: send application/json-patch+json, application/merge-patch+json or application/apply-patch+yaml";
            Err(ApiError::new(Reason::UnsupportedMediaType, message))
        }
    }
}

fn object_patch(patch: &Value) -> Result<&Value, ApiError> {
    if patch.is_object() { Ok(patch) } else { Err(ApiError::bad_request("a merge patch is an object")) }
}

/// Server-side apply: makes the resource, or changes the fields that the configuration has.
pub(super) fn apply(
    registry: &Registry,
    object: &ObjectRef,
    writer: &Writer,
    config: Value,
) -> Result<Response<AnswerBody>, ApiError> {
    let mut config = config;
    let mut warnings = Vec::new();
    if writer.validation != Validation::Strict {
        warnings = prune_unknown(&mut config);
    }
    if writer.validation == Validation::Ignore {
        warnings.clear();
    }
    let applied = |stored: Option<&Resource>| -> Result<Resource, ApiError> {
        let mut live = stored.map(Resource::to_json);
        let known = live.as_ref().map_or_else(|| Ok(ManagedFields::default()), ManagedFields::of);
        let known = known.map_err(|e| ApiError::internal(e.to_string()))?;
        live.iter_mut().for_each(owners::without);
        let write = writer.write(object.kind);
        let result =
            madang_merge::apply(schema(object.kind), live.as_ref(), &known, &config, &write, writer.force);
        let (new, owned) = result.map_err(|error| refused(error, object))?;
        let mut new = from_json(new).map_err(ApiError::invalid)?;
        if let Some(stored) = stored {
            sent_preconditions(&config).hold(stored)?;
        }
        owners::set(&mut new, &owned)?;
        writer.giver.may_write(&new, stored)?;
        Ok(new)
    };
    loop {
        if registry.entry(object)?.is_some() {
            let change = |stored: &Resource| applied(Some(stored));
            let written = match writer.part {
                Part::Status => registry.modify_status(object, writer.dry_run, change),
                _ => registry.modify(object, writer.dry_run, change),
            };
            match written {
                Err(error) if error.is(Reason::NotFound) => continue,
                written => {
                    let resource = written?;
                    return Ok(Written { code: StatusCode::OK, resource, warnings }.answer());
                }
            }
        }
        if writer.part != Part::Whole {
            return Err(ApiError::not_found(object));
        }
        writer.giver.may_create(object)?;
        match registry.create_with(applied(None)?, writer.dry_run) {
            Err(error) if error.is(Reason::AlreadyExists) => {}
            created => {
                let resource = created?;
                return Ok(Written { code: StatusCode::CREATED, resource, warnings }.answer());
            }
        }
    }
}

fn refused(error: ApplyError, object: &ObjectRef) -> ApiError {
    match error {
        ApplyError::Conflicts(conflicts) => {
            let diagnostic = |conflict: &madang_merge::Conflict| {
                Diagnostic::new(madang_merge::FIELD_MANAGER_CONFLICT, conflict.message())
                    .at(object.clone(), conflict.field())
            };
            let message = format!("Apply failed with {conflicts}");
            let message =
                if conflicts.to_string().starts_with("Apply") { conflicts.to_string() } else { message };
            ApiError {
                diagnostics: conflicts.each().iter().map(diagnostic).collect(),
                ..ApiError::new(Reason::Conflict, message).about(object)
            }
        }
        other => ApiError::bad_request(other.to_string()).about(object),
    }
}

fn sent_preconditions(config: &Value) -> Preconditions {
    let text = |name: &str| config["metadata"][name].as_str().map(str::to_owned);
    Preconditions { uid: text("uid"), resource_version: text("resourceVersion") }
}
