//! What happens to resources, from a revision on.

use std::collections::VecDeque;
use std::sync::Arc;

use madang_model::{Kind, Resource};
use madang_store::{Event, Revision, Store};
use tokio::sync::watch;

use super::stored::{decode, kind_of};
use crate::{ApiError, Reason};

/// How many events are read from the store at once.
const BATCH: usize = 500;

/// What happened to a resource. Its resourceVersion is when.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// It is new.
    Added(Resource),
    /// It is this now.
    Modified(Resource),
    /// It is gone; this is what it was.
    Deleted(Resource),
}

impl WatchEvent {
    /// The resource.
    pub fn resource(&self) -> &Resource {
        match self {
            Self::Added(resource) | Self::Modified(resource) | Self::Deleted(resource) => resource,
        }
    }
}

/// What happens to resources, as it happens.
pub struct Watch {
    store: Arc<dyn Store>,
    kinds: Vec<Kind>,
    changed: watch::Receiver<Revision>,
    after: Revision,
    ready: VecDeque<Event>,
}

impl Watch {
    pub(super) fn new(store: Arc<dyn Store>, kinds: &[Kind], after: Revision) -> Self {
        let changed = store.changed();
        Self { store, kinds: kinds.to_vec(), changed, after, ready: VecDeque::new() }
    }

    /// The next event, each once and in order. [`Reason::Expired`]: what happened is no longer known; list again and
    /// watch from there. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Result<WatchEvent, ApiError> {
        loop {
            while let Some(event) = self.ready.pop_front() {
                if let Some(event) = self.decode(&event)? {
                    return Ok(event);
                }
            }
            let present = *self.changed.borrow_and_update();
            if self.after > present {
                let message = format!(
                    "revision {} has not been yet (the present one is {present}): the store is another one, list again",
                    self.after
                );
                return Err(ApiError::new(Reason::Expired, message));
            }
            if self.after < present {
                self.read(present)?;
            } else if self.changed.changed().await.is_err() {
                return Err(ApiError::new(Reason::ServiceUnavailable, "the store is closed"));
            }
        }
    }

    fn read(&mut self, present: Revision) -> Result<(), ApiError> {
        let events = self.store.events(self.after, BATCH)?;
        self.after = events.last().map_or(present, |last| last.revision);
        self.ready = events.into();
        Ok(())
    }

    fn decode(&self, event: &Event) -> Result<Option<WatchEvent>, ApiError> {
        let wanted = |kind: &Kind| self.kinds.is_empty() || self.kinds.contains(kind);
        if !kind_of(&event.key).as_ref().is_some_and(wanted) {
            return Ok(None);
        }
        let resource = |value: &[u8]| decode(&event.key, value, event.revision);
        Ok(match (&event.previous, &event.new) {
            (None, Some(new)) => Some(WatchEvent::Added(resource(new)?)),
            (Some(_), Some(new)) => Some(WatchEvent::Modified(resource(new)?)),
            (Some(previous), None) => Some(WatchEvent::Deleted(resource(previous)?)),
            (None, None) => None,
        })
    }
}
