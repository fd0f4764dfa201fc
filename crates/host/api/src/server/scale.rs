//! How many there are and shall be of something: autoscaling/v1.

use hyper::{Response, StatusCode};
use madang_model::{ObjectRef, Resource, from_json};
use serde_json::{Value, json};

use super::answer;
use super::body::AnswerBody;
use super::handle::Api;
use super::patch::patched;
use super::query::Query;
use super::route::Part;
use super::sent::Sent;
use super::write::write;
use super::writer::Writer;
use crate::{ApiError, Preconditions};

impl Api {
    /// How many there are, as autoscaling/v1 says it.
    pub(super) fn scale(&self, object: &ObjectRef) -> Result<Response<AnswerBody>, ApiError> {
        Ok(answer::json(StatusCode::OK, &scale_of(&self.registry.get(object)?)?))
    }

    /// Writes how many there shall be: PUT, or a patch of what [`scale`](Self::scale) says.
    pub(super) async fn rescale(
        &self,
        object: ObjectRef,
        query: &Query,
        sent: Sent,
        patch: bool,
    ) -> Result<Response<AnswerBody>, ApiError> {
        let writer = Writer { part: Part::Scale, ..Writer::new(query, &sent, Part::Whole)? };
        let document = sent.document()?;
        let format = sent.format;
        let written = self
            .blocking(move |registry| {
                write(registry, &object, &writer, |stored| {
                    let scale = scale_of(stored)?;
                    let wanted = if patch {
                        patched(&scale, &document, format, object.kind)?
                    } else {
                        document.clone()
                    };
                    let version = wanted.pointer("/metadata/resourceVersion").and_then(Value::as_str);
                    let uid = wanted.pointer("/metadata/uid").and_then(Value::as_str);
                    let (uid, resource_version) = (uid.map(str::to_owned), version.map(str::to_owned));
                    Preconditions { uid, resource_version }.hold(stored)?;
                    let replicas = wanted.pointer("/spec/replicas").cloned().unwrap_or_else(|| 0.into());
                    let mut new = stored.to_json();
                    new["spec"]["replicas"] = replicas;
                    from_json(new).map_err(ApiError::invalid)
                })
            })
            .await?;
        Ok(answer::json(StatusCode::OK, &scale_of(&written)?))
    }
}

fn scale_of(resource: &Resource) -> Result<Value, ApiError> {
    let Resource::InstanceGroup(group) = resource else {
        return Err(ApiError::not_found(&resource.object_ref()));
    };
    let metadata = &group.metadata;
    Ok(json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid,
            "resourceVersion": metadata.resource_version, "creationTimestamp": metadata.creation_timestamp,
        },
        "spec": { "replicas": group.spec.replicas },
        "status": {
            "replicas": group.status.replicas,
            "selector": group.status.selector.clone().unwrap_or_default(),
        },
    }))
}
