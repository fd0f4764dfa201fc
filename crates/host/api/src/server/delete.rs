//! Deletes: of one resource, or of all that are chosen.

use hyper::{Response, StatusCode};
use madang_model::{Kind, ObjectRef};
use serde::Deserialize;
use serde_json::json;

use super::answer;
use super::body::AnswerBody;
use super::handle::Api;
use super::query::Query;
use super::sent::Sent;
use crate::{ApiError, DeleteOptions, Deletion, Preconditions, Propagation, Reason, Registry};

/// The part of Kubernetes' `DeleteOptions` that matters here.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentOptions {
    #[serde(default)]
    preconditions: Option<SentPreconditions>,
    #[serde(default)]
    propagation_policy: Option<String>,
    #[serde(default)]
    orphan_dependents: Option<bool>,
    #[serde(default)]
    dry_run: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentPreconditions {
    uid: Option<String>,
    resource_version: Option<String>,
}

impl Api {
    pub(super) async fn delete(
        &self,
        object: ObjectRef,
        query: &Query,
        sent: Sent,
    ) -> Result<Response<AnswerBody>, ApiError> {
        let options = delete_options(query, &sent)?;
        let meant = object.clone();
        let deletion = self.blocking(move |registry| delete(registry, &meant, &options)).await?;
        Ok(answer::deletion(&object, &deletion))
    }

    /// Deletes all that are chosen; what was deleted is the answer.
    pub(super) async fn delete_collection(
        &self,
        kind: Kind,
        namespace: Option<String>,
        query: &Query,
        sent: Sent,
    ) -> Result<Response<AnswerBody>, ApiError> {
        let chosen = query.chosen(kind)?;
        let options = delete_options(query, &sent)?;
        let deleted = self
            .blocking(move |registry| {
                let (objects, _) = registry.objects(kind)?;
                let wanted = objects.values().filter(|entry| {
                    let project = entry.resource.metadata().namespace.as_deref();
                    namespace.as_deref().is_none_or(|wanted| project == Some(wanted))
                        && chosen.includes(&entry.resource)
                });
                let mut deleted = Vec::new();
                for entry in wanted {
                    match delete(registry, &entry.resource.object_ref(), &options) {
                        Ok(Deletion::Pending(now)) => deleted.push(now.to_json()),
                        Ok(Deletion::Gone { .. }) => deleted.push(entry.resource.to_json()),
                        Err(error) if error.is(Reason::NotFound) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(deleted)
            })
            .await?;
        let list = json!({
            "apiVersion": kind.api_version(), "kind": format!("{kind}List"), "metadata": {}, "items": deleted,
        });
        Ok(answer::json(StatusCode::OK, &list))
    }
}

/// A delete, as it is to be done.
struct Delete {
    options: DeleteOptions,
    dry_run: bool,
}

fn delete_options(query: &Query, sent: &Sent) -> Result<Delete, ApiError> {
    let sent: SentOptions = match sent.is_empty() {
        true => SentOptions::default(),
        false => serde_json::from_value(sent.document()?)
            .map_err(|error| ApiError::bad_request(format!("the body cannot be read: {error}")))?,
    };
    let SentPreconditions { uid, resource_version } = sent.preconditions.unwrap_or_default();
    let orphan = (sent.orphan_dependents == Some(true)).then(|| "Orphan".to_owned());
    let policy = sent.propagation_policy.or(orphan).or_else(|| query.propagation.clone());
    let options = DeleteOptions {
        preconditions: Preconditions { uid, resource_version },
        propagation: policy.as_deref().map_or(Ok(Propagation::Background), propagation)?,
    };
    let dry_run = query.dry_run || sent.dry_run.is_some_and(|stages| !stages.is_empty());
    Ok(Delete { options, dry_run })
}

fn propagation(policy: &str) -> Result<Propagation, ApiError> {
    match policy {
        "Background" => Ok(Propagation::Background),
        "Foreground" => Ok(Propagation::Foreground),
        "Orphan" => Ok(Propagation::Orphan),
        _ => {
            let message = format!("propagationPolicy is {policy:?}: write Background, Foreground or Orphan");
            Err(ApiError::bad_request(message))
        }
    }
}

fn delete(registry: &Registry, object: &ObjectRef, delete: &Delete) -> Result<Deletion, ApiError> {
    if delete.dry_run {
        let stored = registry.get(object)?;
        delete.options.preconditions.hold(&stored)?;
        return Ok(Deletion::Gone { uid: stored.metadata().uid.clone().unwrap_or_default() });
    }
    registry.delete_if(object, delete.options.clone())
}
