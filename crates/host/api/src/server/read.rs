//! Answers to looks: one resource, a list of them, or what happens to them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use madang_model::columns::Around;
use madang_model::{Kind, ObjectRef};
use madang_store::Revision;
use serde::{Deserialize, Serialize};

use super::accept::Form;
use super::body::AnswerBody;
use super::handle::Api;
use super::query::{Chosen, Query};
use super::{answer, stream, table};
use crate::{ApiError, Entry, Objects, Reason, Registry};

/// How long the rest of a list that was begun can be had.
const KEPT: Duration = Duration::from_secs(300);
/// How many begun lists are kept.
const MOST_KEPT: usize = 64;

/// Lists of which not all was sent yet, as they were when they were begun: so a list is of one moment, however many parts
/// it comes in.
#[derive(Default)]
pub(super) struct Pages(Mutex<BTreeMap<(Kind, u64), Begun>>);

/// When a list was begun, and what it is of.
type Begun = (Instant, Arc<Objects>);

/// Where a list goes on.
#[derive(Serialize, Deserialize)]
struct Continue {
    #[serde(rename = "rv")]
    revision: u64,
    /// The last one that was sent.
    after: (String, String),
}

impl Pages {
    fn keep(&self, kind: Kind, revision: Revision, objects: &Arc<Objects>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (since, _)| since.elapsed() < KEPT);
        while kept.len() >= MOST_KEPT {
            let Some(oldest) = kept.iter().min_by_key(|(_, (since, _))| *since).map(|(key, _)| *key) else {
                break;
            };
            kept.remove(&oldest);
        }
        kept.insert((kind, revision.0), (Instant::now(), Arc::clone(objects)));
    }

    fn find(&self, kind: Kind, revision: u64) -> Option<Arc<Objects>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&(kind, revision)).map(|(_, objects)| Arc::clone(objects))
    }
}

/// Some resources of one kind, of one moment.
struct Found {
    entries: Vec<Arc<Entry>>,
    revision: Revision,
    continue_: Option<String>,
    remaining: Option<usize>,
}

impl Api {
    pub(super) fn get(
        &self,
        object: &ObjectRef,
        form: Form,
        query: &Query,
    ) -> Result<Response<AnswerBody>, ApiError> {
        let entry = self.registry.entry(object)?.ok_or_else(|| ApiError::not_found(object))?;
        Ok(match form {
            Form::Table => {
                let around = around(&self.registry, object.kind)?;
                answer::json(
                    StatusCode::OK,
                    &table::table(object.kind, &[entry], &around, query.include_object),
                )
            }
            Form::PartialMetadata => answer::json(StatusCode::OK, &table::partial(&entry.resource)),
            _ => answer::bytes(StatusCode::OK, entry.json().clone()),
        })
    }

    /// A list, or a watch.
    pub(super) fn collection(
        &self,
        kind: Kind,
        namespace: Option<String>,
        form: Form,
        query: &Query,
    ) -> Result<Response<AnswerBody>, ApiError> {
        let chosen = query.chosen(kind)?;
        if query.watch {
            return self.watch(kind, namespace, form, query, chosen);
        }
        let found = self.list(kind, namespace.as_deref(), query, &chosen)?;
        let Found { entries, revision, continue_, remaining } = &found;
        let mut metadata = serde_json::json!({ "resourceVersion": revision.to_string() });
        if let Some(continue_) = continue_ {
            metadata["continue"] = continue_.as_str().into();
            if let Some(remaining) = remaining {
                metadata["remainingItemCount"] = (*remaining).into();
            }
        }
        Ok(match form {
            Form::Table => {
                let around = around(&self.registry, kind)?;
                let mut table = table::table(kind, entries, &around, query.include_object);
                table["metadata"] = metadata;
                answer::json(StatusCode::OK, &table)
            }
            Form::PartialMetadata => {
                let items: Vec<_> = entries.iter().map(|entry| table::partial(&entry.resource)).collect();
                let list = serde_json::json!({
                    "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                    "items": items,
                });
                answer::json(StatusCode::OK, &list)
            }
            _ => answer::bytes(StatusCode::OK, list_bytes(kind, &metadata, entries)),
        })
    }

    fn list(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        query: &Query,
        chosen: &Chosen,
    ) -> Result<Found, ApiError> {
        let from = query.continue_.as_deref().map(parse_continue).transpose()?;
        let (objects, revision) = match &from {
            Some(from) => {
                let kept = self.pages.find(kind, from.revision);
                (kept.ok_or_else(too_late)?, Revision(from.revision))
            }
            None => self.registry.objects(kind)?,
        };
        if from.is_none() && query.resource_version.is_some_and(|wanted| wanted > revision.0) {
            let message = format!(
                "there is no revision {:?} yet, the present one is {revision}",
                query.resource_version
            );
            return Err(ApiError::new(Reason::Timeout, message));
        }
        let begin = from.as_ref().map(|from| std::ops::Bound::Excluded(&from.after));
        let range = (begin.unwrap_or(std::ops::Bound::Unbounded), std::ops::Bound::Unbounded);
        let wanted = |((project, _), entry): &(&(String, String), &Arc<Entry>)| {
            namespace.is_none_or(|namespace| namespace == project) && chosen.includes(&entry.resource)
        };
        let mut rest = objects.range::<(String, String), _>(range).filter(wanted);
        let limit = if query.limit == 0 { usize::MAX } else { query.limit };
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let left = rest.count();
        let last = page.last().map(|(key, _)| (*key).clone()).filter(|_| left > 0);
        if last.is_some() && from.is_none() {
            self.pages.keep(kind, revision, &objects);
        }
        let continue_ = last.map(|after| write_continue(&Continue { revision: revision.0, after }));
        let remaining = continue_.is_some().then_some(left);
        Ok(Found {
            entries: page.into_iter().map(|(_, entry)| Arc::clone(entry)).collect(),
            revision,
            continue_,
            remaining,
        })
    }

    fn watch(
        &self,
        kind: Kind,
        namespace: Option<String>,
        form: Form,
        query: &Query,
        chosen: Chosen,
    ) -> Result<Response<AnswerBody>, ApiError> {
        let around = around(&self.registry, kind)?;
        let asked = stream::Asked {
            kind,
            namespace,
            form,
            chosen,
            include: query.include_object,
            bookmarks: query.bookmarks,
            end_of_initial: query.initial_events == Some(true),
            lasts: query.timeout.map(Duration::from_secs),
            around,
        };
        let from = query.resource_version.filter(|from| *from > 0).map(Revision);
        // Who names no moment wants all that there is first, and so does who says so.
        if let (Some(from), None | Some(false)) = (from, query.initial_events) {
            let watch = self.registry.watch(&[kind], from);
            return Ok(stream::watch(watch, Vec::new(), None, asked, self.phase.clone()));
        }
        let (objects, revision) = self.registry.objects(kind)?;
        let initial = if query.initial_events == Some(false) {
            Vec::new()
        } else {
            objects.values().cloned().collect()
        };
        let watch = self.registry.watch(&[kind], revision);
        Ok(stream::watch(watch, initial, Some(revision), asked, self.phase.clone()))
    }
}

/// What the rows of a kind's table say beside the resources themselves.
fn around(registry: &Registry, kind: Kind) -> Result<Around, ApiError> {
    let now = Timestamp::now();
    if kind != Kind::Instance {
        return Ok(Around::new(now, []));
    }
    let (subnets, _) = registry.objects(Kind::Subnet)?;
    Ok(Around::new(now, subnets.values().map(|entry| &entry.resource)))
}

/// A list's text, put together from those of the resources.
fn list_bytes(kind: Kind, metadata: &serde_json::Value, entries: &[Arc<Entry>]) -> Bytes {
    let length: usize = entries.iter().map(|entry| entry.json().len() + 1).sum();
    let mut text = Vec::with_capacity(length + 256);
    let head = format!(
        "{{\"apiVersion\":\"{}\",\"kind\":\"{kind}List\",\"metadata\":{metadata},\"items\":[",
        kind.api_version()
    );
    text.extend_from_slice(head.as_bytes());
    for (n, entry) in entries.iter().enumerate() {
        if n > 0 {
            text.push(b',');
        }
        text.extend_from_slice(entry.json());
    }
    text.extend_from_slice(b"]}");
    text.into()
}

fn write_continue(continue_: &Continue) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(continue_).expect("a place in a list has a JSON text"))
}

fn parse_continue(text: &str) -> Result<Continue, ApiError> {
    let wrong = || ApiError::bad_request("the parameter continue is none that a list has given");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    serde_json::from_slice(&bytes).map_err(|_| wrong())
}

fn too_late() -> ApiError {
    let message = "the rest of that list is not kept any longer: list again from the beginning";
    ApiError::new(Reason::Expired, message)
}
