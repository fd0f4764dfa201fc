//! What is stored, decoded and in memory: reads and watches are answered from here.
//!
//! Nothing is pushed: whoever reads asks the store for its present revision first, and the cache catches up with the
//! store's events if it is behind. So a read sees every write that was acknowledged before it, by whomever, and each event
//! is decoded once, however many watch.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use madang_model::{Kind, ObjectRef, Resource};
use madang_store::{Event, Revision, Store, StoreError};

use super::stored::{self, decode, object_of};
use crate::{ApiError, Reason};

/// How many of the latest changes are kept for watches; older ones are read from the store.
const KEPT: usize = 1024;
/// How long what they are about may be in all, as it is stored.
const KEPT_BYTES: usize = 8 << 20;
/// How many events are read from the store at once.
const BATCH: usize = 512;
/// The same for who was away for long.
const OLD_BATCH: usize = 64;

/// A stored resource.
#[derive(Debug)]
pub struct Entry {
    /// What it is.
    pub resource: Resource,
    json: OnceLock<Bytes>,
}

impl Entry {
    fn new(resource: Resource) -> Arc<Self> {
        Arc::new(Self { resource, json: OnceLock::new() })
    }

    /// As it is sent: written once, shared by all that it is sent to.
    pub fn json(&self) -> &Bytes {
        self.json.get_or_init(|| {
            serde_json::to_vec(&self.resource.to_json()).expect("a resource has a JSON text").into()
        })
    }
}

/// What became of one resource in one revision.
#[derive(Debug)]
pub struct Change {
    /// When.
    pub revision: Revision,
    /// Which resource.
    pub object: ObjectRef,
    /// What it was before; none if it is new.
    pub old: Option<Arc<Entry>>,
    /// What it is now; none if it is gone.
    pub new: Option<Arc<Entry>>,
    /// How long both are, as they are stored.
    size: usize,
}

impl Change {
    /// What it is now, or was at last: with the revision of the change.
    pub fn last(&self) -> Option<&Arc<Entry>> {
        self.new.as_ref().or(self.old.as_ref())
    }
}

/// The resources of one kind, by project and name.
pub type Objects = BTreeMap<(String, String), Arc<Entry>>;

/// All that is stored.
pub(super) struct Cache {
    store: Arc<dyn Store>,
    state: RwLock<State>,
}

#[derive(Default)]
pub(super) struct State {
    loaded: bool,
    revision: Revision,
    kinds: BTreeMap<Kind, Arc<Objects>>,
    /// The latest changes, all of those after `oldest`.
    log: VecDeque<Arc<Change>>,
    log_bytes: usize,
    oldest: Revision,
    /// What stands in the store and cannot be read, by its key.
    damaged: BTreeMap<String, (ObjectRef, ApiError)>,
}

impl Cache {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, state: RwLock::default() }
    }

    /// The state at the store's present revision, or a later one.
    fn state(&self) -> Result<RwLockReadGuard<'_, State>, ApiError> {
        let present = *self.store.changed().borrow();
        loop {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            if state.loaded && state.revision >= present {
                return Ok(state);
            }
            drop(state);
            self.catch_up(present)?;
        }
    }

    fn catch_up(&self, present: Revision) -> Result<(), ApiError> {
        let mut state: RwLockWriteGuard<'_, State> =
            self.state.write().unwrap_or_else(PoisonError::into_inner);
        while !state.loaded || state.revision < present {
            let events = if state.loaded { self.store.events(state.revision, BATCH) } else { Ok(Vec::new()) };
            match events {
                Ok(events) if state.loaded => {
                    // Revisions without an event of their own do not exist; none means that there is nothing newer.
                    let last = events.last().map_or(present, |last| last.revision);
                    events.iter().for_each(|event| state.apply(event));
                    state.revision = last;
                }
                Ok(_) | Err(StoreError::Compacted { .. }) => *state = self.load()?,
                Err(other) => return Err(other.into()),
            }
        }
        Ok(())
    }

    fn load(&self) -> Result<State, ApiError> {
        let page = self.store.range(stored::PREFIX, usize::MAX, None)?;
        let mut state =
            State { loaded: true, revision: page.revision, oldest: page.revision, ..State::default() };
        for item in page.items {
            let Some(object) = object_of(&item.key) else { continue };
            match decode(&item.key, &item.value, item.revision) {
                Ok(resource) => drop(state.insert(&object, Entry::new(resource))),
                Err(error) => state.note_damage(item.key, object, error),
            }
        }
        Ok(state)
    }

    pub(super) fn find(&self, object: &ObjectRef) -> Result<Option<Arc<Entry>>, ApiError> {
        let state = self.state()?;
        if let Some((_, error)) = state.damaged.values().find(|(damaged, _)| damaged == object) {
            return Err(error.clone());
        }
        let objects = state.kinds.get(&object.kind);
        let found = objects.and_then(|objects| objects.get(&(object.namespace.clone(), object.name.clone())));
        Ok(found.cloned())
    }

    /// The resources of a kind, and the moment at which they are so.
    pub(super) fn list(&self, kind: Kind) -> Result<(Arc<Objects>, Revision), ApiError> {
        let state = self.state()?;
        state.whole(|object| object.kind == kind)?;
        Ok((state.kinds.get(&kind).cloned().unwrap_or_default(), state.revision))
    }

    /// The resources of all kinds, and the moment at which they are so.
    pub(super) fn all(&self) -> Result<(BTreeMap<Kind, Arc<Objects>>, Revision), ApiError> {
        let state = self.state()?;
        state.whole(|_| true)?;
        Ok((state.kinds.clone(), state.revision))
    }

    /// What happened after this revision to resources of these kinds (none: of all; some of others may be among them), in
    /// order, and where to go on: a part of it, if it is much.
    pub(super) fn changes(
        &self,
        after: Revision,
        kinds: &[Kind],
    ) -> Result<(Vec<Arc<Change>>, Revision), ApiError> {
        let state = self.state()?;
        if after > state.revision {
            let message = format!(
                "revision {after} has not been yet (the present one is {}): the store is another one, list again",
                state.revision
            );
            return Err(ApiError::new(Reason::Expired, message));
        }
        if after >= state.oldest {
            let from = state.log.partition_point(|change| change.revision <= after);
            return Ok((state.log.range(from..).cloned().collect(), state.revision));
        }
        drop(state);
        self.old_changes(after, kinds)
    }

    /// Whether what happened after this revision has to be read from the store, which takes a while.
    pub(super) fn is_old(&self, after: Revision) -> Result<bool, ApiError> {
        Ok(after < self.state()?.oldest)
    }

    /// The same, of what is not in memory any more.
    fn old_changes(&self, after: Revision, kinds: &[Kind]) -> Result<(Vec<Arc<Change>>, Revision), ApiError> {
        let events = self.store.events(after, OLD_BATCH)?;
        let last = events.last().map_or_else(|| *self.store.changed().borrow(), |last| last.revision);
        let changes = events.iter().filter_map(|event| change(event, kinds)).collect::<Result<_, _>>()?;
        Ok((changes, last))
    }
}

impl State {
    fn apply(&mut self, event: &Event) {
        let Some(object) = object_of(&event.key) else { return };
        self.damaged.remove(&event.key);
        let (old, new) = match event.new.as_deref().map(|new| decode(&event.key, new, event.revision)) {
            Some(Ok(resource)) => {
                let new = Entry::new(resource);
                (self.insert(&object, Arc::clone(&new)), Some(new))
            }
            Some(Err(error)) => {
                self.note_damage(event.key.clone(), object.clone(), error);
                (self.remove(&object), None)
            }
            None => (self.remove(&object).map(|old| gone(&old, event.revision)), None),
        };
        if old.is_none() && new.is_none() {
            return;
        }
        let size = size(event);
        self.log_bytes += size;
        self.log.push_back(Arc::new(Change { revision: event.revision, object, old, new, size }));
        while self.log.len() > KEPT || self.log_bytes > KEPT_BYTES {
            // A revision is kept whole or not at all.
            let Some(first) = self.log.pop_front() else { break };
            self.log_bytes -= first.size;
            self.oldest = first.revision;
        }
    }

    fn insert(&mut self, object: &ObjectRef, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        let objects = Arc::make_mut(self.kinds.entry(object.kind).or_default());
        objects.insert((object.namespace.clone(), object.name.clone()), entry)
    }

    fn remove(&mut self, object: &ObjectRef) -> Option<Arc<Entry>> {
        let objects = Arc::make_mut(self.kinds.get_mut(&object.kind)?);
        objects.remove(&(object.namespace.clone(), object.name.clone()))
    }

    fn note_damage(&mut self, key: String, object: ObjectRef, error: ApiError) {
        tracing::error!(key, %error, "a resource cannot be read");
        self.damaged.insert(key, (object, error));
    }

    /// Damage is not left out silently.
    fn whole(&self, among: impl Fn(&ObjectRef) -> bool) -> Result<(), ApiError> {
        match self.damaged.values().find(|(object, _)| among(object)) {
            Some((_, error)) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

/// What was deleted, as of its deletion: that is the version a watch goes on from.
fn gone(old: &Entry, revision: Revision) -> Arc<Entry> {
    Entry::new(stored::at(old.resource.clone(), revision))
}

fn size(event: &Event) -> usize {
    [&event.previous, &event.new].into_iter().flatten().map(|value| value.len()).sum()
}

fn change(event: &Event, kinds: &[Kind]) -> Option<Result<Arc<Change>, ApiError>> {
    let object = object_of(&event.key).filter(|o| kinds.is_empty() || kinds.contains(&o.kind))?;
    let read = |value: &madang_store::Value| decode(&event.key, value, event.revision).map(Entry::new);
    let both = || {
        let (old, new) = (event.previous.as_ref().map(read), event.new.as_ref().map(read));
        Ok(Arc::new(Change {
            revision: event.revision,
            object,
            old: old.transpose()?,
            new: new.transpose()?,
            size: size(event),
        }))
    };
    Some(both())
}
