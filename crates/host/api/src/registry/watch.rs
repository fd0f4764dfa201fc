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
            if let Some(change) = self.pop() {
                return Ok(change);
            }
            let present = *self.changed.borrow_and_update();
            if self.after != present {
                let (changes, to) = self.changes().await?;
                (self.ready, self.after) = (changes.into(), to);
                // Others have their turn, also if none of it is looked for here.
                tokio::task::consume_budget().await;
            } else if self.changed.changed().await.is_err() {
                return Err(ApiError::new(Reason::ServiceUnavailable, "the store is closed"));
            }
        }
    }

    /// Whether anything has happened since the last one was given out, which is forgotten with this.
    pub(crate) fn has_more(&mut self) -> Result<bool, ApiError> {
        loop {
            if self.pop().is_some() {
                return Ok(true);
            }
            if self.after == *self.changed.borrow_and_update() {
                return Ok(false);
            }
            let (changes, to) = self.cache.changes(self.after, &self.kinds)?;
            (self.ready, self.after) = (changes.into(), to);
        }
    }

    fn pop(&mut self) -> Option<Arc<Change>> {
        let is_wanted =
            |change: &Arc<Change>| self.kinds.is_empty() || self.kinds.contains(&change.object.kind);
        let skipped = self.ready.iter().take_while(|change| !is_wanted(change)).count();
        self.ready.drain(..skipped);
        self.ready.pop_front()
    }

    /// What comes next, read where it does not hold up others.
    async fn changes(&self) -> Result<(Vec<Arc<Change>>, Revision), ApiError> {
        if !self.cache.is_old(self.after)? {
            return self.cache.changes(self.after, &self.kinds);
        }
        let (cache, after, kinds) = (Arc::clone(&self.cache), self.after, self.kinds.clone());
        tokio::task::spawn_blocking(move || cache.changes(after, &kinds))
            .await
            .map_err(|error| ApiError::internal(format!("a watch could not go on: {error}")))?
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
