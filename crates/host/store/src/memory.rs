//! The store in memory: the tests' double, and a state to look at. Same contract, nothing survives.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::watch;

use crate::{Event, Item, KEPT_EVENTS, Page, Revision, Store, StoreError, Txn, Versioned};

/// A store in memory.
#[derive(Debug)]
pub struct Memory {
    state: Mutex<State>,
    changed: watch::Sender<Revision>,
    kept_events: u64,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Versioned>,
    events: VecDeque<Event>,
    revision: Revision,
    /// Events up to this revision are gone.
    compacted: Revision,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::with_kept_events(KEPT_EVENTS)
    }

    /// An empty store that keeps this many events.
    pub fn with_kept_events(kept_events: u64) -> Self {
        Self { state: Mutex::default(), changed: watch::Sender::new(Revision(0)), kept_events }
    }

    /// A store with these objects, and nothing known of before.
    pub(crate) fn holding(objects: BTreeMap<String, Versioned>, revision: Revision) -> Self {
        let state = State { objects, revision, compacted: revision, ..State::default() };
        Self { state: Mutex::new(state), changed: watch::Sender::new(revision), kept_events: KEPT_EVENTS }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for Memory {
    fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        Ok(self.state().objects.get(key).cloned())
    }

    fn range(&self, prefix: &str, limit: usize, after: Option<&str>) -> Result<Page, StoreError> {
        let state = self.state();
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut found = state
            .objects
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, v)| Item { key: key.clone(), value: v.value.clone(), revision: v.revision });
        let items: Vec<_> = found.by_ref().take(limit).collect();
        Ok(Page { items, revision: state.revision, more: found.next().is_some() })
    }

    fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        let changes = txn.changes()?;
        let mut state = self.state();
        let written = |key: &str| state.objects.get(key).map(|v| v.revision);
        if let Some(failed) = txn.compares.iter().find(|c| !c.expect.holds(written(&c.key))) {
            return Err(StoreError::Conflict { key: failed.key.clone() });
        }
        let revision = state.revision.next();
        let mut events = Vec::new();
        for (key, new) in changes {
            let previous = match new {
                Some(value) => {
                    state.objects.insert(key.to_owned(), Versioned { value: value.clone(), revision })
                }
                None => state.objects.remove(key),
            };
            if new.is_some() || previous.is_some() {
                let previous = previous.map(|v| v.value);
                events.push(Event { revision, key: key.to_owned(), new: new.cloned(), previous });
            }
        }
        if events.is_empty() {
            return Ok(state.revision);
        }
        state.events.extend(events);
        state.revision = revision;
        state.trim(self.kept_events);
        // Told while the lock is held, so that nobody hears of revisions in another order.
        self.changed.send_replace(revision);
        Ok(revision)
    }

    fn events(&self, after: Revision, limit: usize) -> Result<Vec<Event>, StoreError> {
        let state = self.state();
        if after < state.compacted {
            return Err(StoreError::Compacted { after, oldest: state.compacted });
        }
        let first = state.events.partition_point(|e| e.revision <= after);
        let mut found: Vec<Event> = Vec::new();
        for event in state.events.iter().skip(first) {
            if found.len() >= limit.max(1) && found.last().is_some_and(|last| last.revision != event.revision)
            {
                break;
            }
            found.push(event.clone());
        }
        Ok(found)
    }

    fn changed(&self) -> watch::Receiver<Revision> {
        self.changed.subscribe()
    }

    fn compact(&self, before: Revision) -> Result<(), StoreError> {
        self.state().compact(before);
        Ok(())
    }
}

impl State {
    /// Forgets the oldest events beyond this many, and the rest of a revision that it began to forget.
    fn trim(&mut self, kept: u64) {
        let over = (self.events.len() as u64).saturating_sub(kept);
        let last =
            usize::try_from(over).ok().and_then(|over| over.checked_sub(1)).and_then(|i| self.events.get(i));
        if let Some(last) = last {
            let before = last.revision.next();
            self.compact(before);
        }
    }

    fn compact(&mut self, before: Revision) {
        let before = before.min(self.revision.next());
        while self.events.front().is_some_and(|event| event.revision < before) {
            self.events.pop_front();
        }
        self.compacted = self.compacted.max(Revision(before.0.saturating_sub(1)));
    }
}
