//! What happens to resources, from a revision on.

use std::collections::VecDeque;
use std::sync::Arc;

use madang_model::{Kind, Resource};
use madang_store::Revision;
use tokio::sync::watch;

use super::cache::{Cache, Change};
use crate::{ApiError, Reason};

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
    cache: Arc<Cache>,
    kinds: Vec<Kind>,
    changed: watch::Receiver<Revision>,
    after: Revision,
    ready: VecDeque<Arc<Change>>,
}

impl Watch {
    pub(super) fn new(
        cache: Arc<Cache>,
        changed: watch::Receiver<Revision>,
        kinds: &[Kind],
        after: Revision,
    ) -> Self {
        Self { cache, kinds: kinds.to_vec(), changed, after, ready: VecDeque::new() }
    }

    /// The next change, each once and in order. [`Reason::Expired`]: what happened is no longer known; list again and
    /// watch from there. Nothing is lost if the future is dropped.
    pub async fn next_change(&mut self) -> Result<Arc<Change>, ApiError> {
        loop {
            while let Some(change) = self.ready.pop_front() {
                if self.kinds.is_empty() || self.kinds.contains(&change.object.kind) {
                    return Ok(change);
                }
            }
            let present = *self.changed.borrow_and_update();
            if self.after != present {
                let (changes, to) = self.cache.changes(self.after)?;
                (self.ready, self.after) = (changes.into(), to);
            } else if self.changed.changed().await.is_err() {
                return Err(ApiError::new(Reason::ServiceUnavailable, "the store is closed"));
            }
        }
    }

    /// Up to which revision everything was given out. What comes next is later.
    pub fn seen(&self) -> Option<Revision> {
        self.ready.is_empty().then_some(self.after)
    }

    /// The next event: the same for who wants resources.
    pub async fn next(&mut self) -> Result<WatchEvent, ApiError> {
        loop {
            let change = self.next_change().await?;
            let resource = |entry: &super::cache::Entry| entry.resource.clone();
            match (&change.old, &change.new) {
                (None, Some(new)) => return Ok(WatchEvent::Added(resource(new))),
                (Some(_), Some(new)) => return Ok(WatchEvent::Modified(resource(new))),
                (Some(old), None) => return Ok(WatchEvent::Deleted(resource(old))),
                (None, None) => {}
            }
        }
    }
}
