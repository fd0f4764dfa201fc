//! What is declared: resources in a store, with the meanings of the Kubernetes resource API.
//!
//! A registry holds nothing itself: every write is computed from what is stored and committed only if that still holds,
//! else computed again. What must be unique beyond one resource (addresses, VPC numbers, the rightness of a bundle as
//! a whole) is guarded by one key that every such write compares and raises ([`draft`]), so it also holds between
//! processes that share a store.

mod asserted;
mod bundle;
mod cache;
mod confirm;
mod draft;
mod events;
mod in_use;
mod lifecycle;
mod owned;
mod parts;
mod projects;
mod rename;
mod stored;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};

use madang_model::{Kind, ObjectRef, Resource};
use madang_store::{Revision, Store, StoreError, Txn};

use crate::{ApiError, Reason};
use cache::Cache;
pub use cache::{Change, Entry, Objects};
use draft::{Draft, heeded};
pub use lifecycle::{DeleteOptions, Preconditions};
use lifecycle::{
    Outcome, already_exists, checked, deleted, in_namespace, matters_to_others, named, newborn, put_or_gone,
    replaced, rewritten, too_busy,
};
use parts::take_allocations;
pub(crate) use parts::{new_uid, now};
use stored::{encode, key};
pub use watch::{Watch, WatchEvent};

/// Every instance has this finalizer from its creation: the agent takes it off when nothing of it is left on the host.
pub const INSTANCE_FINALIZER: &str = "madang.dev/instance";

/// Condition of a resource that was put back to what it was, since a change was not confirmed.
pub const ROLLED_BACK: &str = "RolledBack";

/// How often a write is computed again because somebody else was faster.
const ATTEMPTS: usize = 100;

/// The declared resources.
///
/// Every method but [`watch`](Self::watch) may block for the disk (a write: for its sync); call them from a blocking
/// context, or accept a few milliseconds. Clones share the store.
#[derive(Clone)]
pub struct Registry {
    store: Arc<dyn Store>,
    cache: Arc<Cache>,
    /// Whose turn it is to allocate, in this process: without it, who comes late computes again and again.
    turn: Arc<Mutex<()>>,
}

/// Resources of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// In the order of their kinds, projects and names.
    pub items: Vec<Resource>,
    /// The moment: from here on, a watch tells what changed.
    pub revision: Revision,
}

/// What a delete did.
#[derive(Clone, Debug, PartialEq)]
pub enum Deletion {
    /// It is gone.
    Gone {
        /// Which it was.
        uid: String,
    },
    /// It goes when its last finalizer does.
    Pending(Box<Resource>),
}

impl Registry {
    /// The resources of this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { cache: Arc::new(Cache::new(Arc::clone(&store))), store, turn: Arc::default() }
    }

    /// The store's present revision.
    pub fn revision(&self) -> Revision {
        *self.store.changed().borrow()
    }

    /// The store's present revision, and each new one.
    pub fn changed(&self) -> tokio::sync::watch::Receiver<Revision> {
        self.store.changed()
    }

    /// The resource.
    pub fn get(&self, object: &ObjectRef) -> Result<Resource, ApiError> {
        self.find(object)?.ok_or_else(|| ApiError::not_found(object))
    }

    /// The resource, if there is one.
    pub fn find(&self, object: &ObjectRef) -> Result<Option<Resource>, ApiError> {
        Ok(self.entry(object)?.map(|entry| entry.resource.clone()))
    }

    /// The same, shared.
    pub fn entry(&self, object: &ObjectRef) -> Result<Option<Arc<Entry>>, ApiError> {
        self.cache.find(object)
    }

    /// The resources of this kind.
    pub fn list(&self, kind: Kind) -> Result<List, ApiError> {
        let (objects, revision) = self.cache.list(kind)?;
        Ok(List { items: objects.values().map(|entry| entry.resource.clone()).collect(), revision })
    }

    /// The same, shared, and the moment.
    pub fn objects(&self, kind: Kind) -> Result<(Arc<Objects>, Revision), ApiError> {
        self.cache.list(kind)
    }

    /// All resources.
    pub fn all(&self) -> Result<List, ApiError> {
        let (kinds, revision) = self.cache.all()?;
        let items = kinds.values().flat_map(|objects| objects.values()).map(|entry| entry.resource.clone());
        Ok(List { items: items.collect(), revision })
    }

    /// Stores a new resource: gives it a uid, addresses and finalizers, ignores its status. Its project must exist. What
    /// it refers to need not exist yet; an address that cannot be had is an error.
    pub fn create(&self, resource: Resource) -> Result<Resource, ApiError> {
        self.create_with(resource, false)
    }

    /// The same; with `dry_run`, nothing is stored.
    pub fn create_with(&self, resource: Resource, dry_run: bool) -> Result<Resource, ApiError> {
        let new = newborn(checked(named(resource)?)?)?;
        let object = new.object_ref();
        if !draft::is_needed_for(new.kind())
            && let Some(created) = self.create_alone(&new, dry_run)?
        {
            return Ok(created);
        }
        let (_, draft) = self.with_draft_for(Some(&new), dry_run, |draft| {
            if let Some(stored) = draft.after.get(&object) {
                return Err(already_exists(stored));
            }
            projects::open(&draft.after, [&object])?;
            draft.after.insert(object.clone(), new.clone());
            draft.settle(&object)
        })?;
        draft.into_resource(&object)
    }

    /// Stores a new resource without a look at the others; none, if that is not enough.
    fn create_alone(&self, new: &Resource, dry_run: bool) -> Result<Option<Resource>, ApiError> {
        let object = new.object_ref();
        let key = key(&object);
        for _ in 0..ATTEMPTS {
            if let Some(stored) = self.find(&object)? {
                return Err(already_exists(&stored));
            }
            let Some(txn) = self.unasserted(object.kind, Txn::new())? else { return Ok(None) };
            let txn = self.in_open_project(txn, &object)?;
            if dry_run {
                return Ok(Some(new.clone()));
            }
            match self.store.commit(heeded(txn.absent(&key).put(&key, encode(new)?))) {
                Ok(revision) => return Ok(Some(stored::at(new.clone(), revision))),
                Err(StoreError::Conflict { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(too_busy().about(&object))
    }

    /// Stores what becomes of a resource that exists: its spec, labels, annotations, finalizers, owners and managers; its
    /// status, and what the registry itself writes, are ignored. The change is computed again as long as somebody else is
    /// faster. With `dry_run`, nothing is stored.
    pub fn modify(
        &self,
        object: &ObjectRef,
        dry_run: bool,
        change: impl Fn(&Resource) -> Result<Resource, ApiError>,
    ) -> Result<Resource, ApiError> {
        let stored = self.get(object)?;
        let wanted = rewritten(&stored, &change(&stored)?)?;
        let same = stored.same_spec(&wanted);
        if dry_run && (same || self.is_free(object.kind)?) {
            return Ok(wanted);
        }
        self.change(object, same, dry_run, |stored| rewritten(stored, &change(stored)?))
    }

    /// Puts another resource in the place of a stored one: alone, if nobody else has to be looked at.
    fn change(
        &self,
        object: &ObjectRef,
        same_spec: bool,
        dry_run: bool,
        change: impl Fn(&Resource) -> Result<Resource, ApiError>,
    ) -> Result<Resource, ApiError> {
        if (same_spec || !draft::is_needed_for(object.kind))
            && !dry_run
            && let Some(done) = self.rewrite_alone(object, |stored| Ok(put_or_gone(change(stored)?)))?
        {
            return Ok(done);
        }
        let alone = self.find(object)?;
        let (last, draft) = self.with_draft_for(alone.as_ref(), dry_run, |draft| {
            let stored = draft.after.get(object).ok_or_else(|| ApiError::not_found(object))?;
            let outcome = put_or_gone(change(stored)?);
            let last = draft.put(object, outcome)?;
            draft.settle(object)?;
            Ok(last)
        })?;
        Ok(draft.into_resource(object).unwrap_or(last))
    }

    /// Whether a write of this kind needs no look at the others.
    fn is_free(&self, kind: Kind) -> Result<bool, ApiError> {
        Ok(!draft::is_needed_for(kind) && self.unasserted(kind, Txn::new())?.is_some())
    }

    /// The same for its status, and nothing else of it but the managers of that.
    pub fn modify_status(
        &self,
        object: &ObjectRef,
        dry_run: bool,
        change: impl Fn(&Resource) -> Result<Resource, ApiError>,
    ) -> Result<Resource, ApiError> {
        let with_status = |stored: &Resource| {
            let changed = change(stored)?;
            let mut new = stored.clone();
            new.take_status(&changed);
            new.metadata_mut().managed_fields.clone_from(&changed.metadata().managed_fields);
            take_allocations(&mut new, stored);
            Ok(new)
        };
        if dry_run {
            return with_status(&self.get(object)?);
        }
        self.rewrite(object, |stored| Ok(Outcome::Put(Box::new(with_status(stored)?))))
    }

    /// Stores another spec, labels and annotations of a resource that exists; its status is ignored. With a
    /// resourceVersion it must be the present one (and then finalizers and owners are taken from it too).
    pub fn update(&self, resource: Resource) -> Result<Resource, ApiError> {
        let resource = checked(resource)?;
        let object = resource.object_ref();
        let same = self.get(&object)?.same_spec(&resource);
        self.change(&object, same, false, |stored| replaced(stored, &resource))
    }

    /// Stores another status; everything else of the resource is ignored, and so is what the registry itself
    /// allocates. With a uid or a resourceVersion, those must be the present ones.
    pub fn update_status(&self, resource: Resource) -> Result<Resource, ApiError> {
        let resource = in_namespace(resource);
        self.rewrite(&resource.object_ref(), |stored| {
            Preconditions::of(&resource).hold(stored)?;
            let mut new = stored.clone();
            new.take_status(&resource);
            take_allocations(&mut new, stored);
            Ok(Outcome::Put(Box::new(new)))
        })
    }

    /// Deletes a resource, or, if it has finalizers, says that it shall go.
    pub fn delete(&self, object: &ObjectRef) -> Result<Deletion, ApiError> {
        self.delete_if(object, DeleteOptions::default())
    }

    /// Deletes a resource as these options say.
    pub fn delete_if(
        &self,
        object: &ObjectRef,
        options: impl Into<DeleteOptions>,
    ) -> Result<Deletion, ApiError> {
        let options = options.into();
        let delete = |stored: &Resource| {
            options.preconditions.hold(stored)?;
            deleted(stored, options.propagation)
        };
        let alone = match asserted::heeds_deletion(object.kind) {
            true => self.rewrite_alone(object, delete)?,
            false => Some(self.rewrite(object, delete)?),
        };
        let resource = match alone {
            Some(resource) => resource,
            None => self.delete_asserted(object, delete)?,
        };
        let metadata = resource.metadata();
        Ok(if metadata.finalizers.is_empty() {
            Deletion::Gone { uid: metadata.uid.clone().unwrap_or_default() }
        } else {
            Deletion::Pending(Box::new(resource))
        })
    }

    fn delete_asserted(
        &self,
        object: &ObjectRef,
        delete: impl Fn(&Resource) -> Result<Outcome, ApiError>,
    ) -> Result<Resource, ApiError> {
        let (last, draft) = self.with_draft(false, |draft| {
            let stored = draft.after.get(object).ok_or_else(|| ApiError::not_found(object))?;
            let outcome = delete(stored)?;
            let last = draft.put(object, outcome)?;
            draft.asserted(&[])?;
            Ok(last)
        })?;
        Ok(draft.into_resource(object).unwrap_or(last))
    }

    /// Takes a finalizer off this very resource (by its uid); if it is being deleted and has no other, it is gone
    /// after this. A resource that is gone already is no error.
    pub fn finalize(&self, resource: &Resource, finalizer: &str) -> Result<(), ApiError> {
        let done = self.rewrite(&resource.object_ref(), |stored| {
            if stored.metadata().uid != resource.metadata().uid {
                return Ok(Outcome::Unchanged);
            }
            let mut new = stored.clone();
            new.metadata_mut().finalizers.retain(|f| f != finalizer);
            Ok(put_or_gone(new))
        });
        match done {
            Err(error) if !error.is(Reason::NotFound) => Err(error),
            _ => Ok(()),
        }
    }

    /// What happens to resources of these kinds (none: of all) after this revision.
    pub fn watch(&self, kinds: &[Kind], from: Revision) -> Watch {
        Watch::new(Arc::clone(&self.cache), self.store.changed(), kinds, from)
    }

    /// Changes one stored resource, computed again as long as somebody else is faster. The resource as it is now, or
    /// was at last.
    fn rewrite(
        &self,
        object: &ObjectRef,
        change: impl Fn(&Resource) -> Result<Outcome, ApiError>,
    ) -> Result<Resource, ApiError> {
        let done = self.try_rewrite(object, change, |txn| Ok(Some(txn)))?;
        done.ok_or_else(|| too_busy().about(object))
    }

    /// The same for what can make others right or wrong; none, if others have to be looked at.
    fn rewrite_alone(
        &self,
        object: &ObjectRef,
        change: impl Fn(&Resource) -> Result<Outcome, ApiError>,
    ) -> Result<Option<Resource>, ApiError> {
        self.try_rewrite(object, change, |txn| self.unasserted(object.kind, txn))
    }

    fn try_rewrite(
        &self,
        object: &ObjectRef,
        change: impl Fn(&Resource) -> Result<Outcome, ApiError>,
        unasserted: impl Fn(Txn) -> Result<Option<Txn>, ApiError>,
    ) -> Result<Option<Resource>, ApiError> {
        let key = key(object);
        for _ in 0..ATTEMPTS {
            let stored = self.get(object)?;
            let revision = stored::revision(&stored)?;
            let (new, result) = match change(&stored)? {
                Outcome::Unchanged => return Ok(Some(stored)),
                Outcome::Put(new) if *new == stored => return Ok(Some(stored)),
                Outcome::Put(new) => (Some(encode(&new)?), *new),
                Outcome::Gone => (None, stored.clone()),
            };
            let mut txn = Txn::new().at(&key, revision);
            if new.is_none() || matters_to_others(&stored, &result) {
                let Some(checked) = unasserted(txn)? else { return Ok(None) };
                txn = heeded(checked);
            }
            let txn = match new {
                Some(new) => txn.put(&key, new),
                None => txn.delete(&key),
            };
            match self.store.commit(txn) {
                Ok(revision) => return Ok(Some(stored::at(result, revision))),
                Err(StoreError::Conflict { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(too_busy().about(object))
    }

    /// Changes resources that depend on each other, computed again as long as somebody else is faster. The draft as
    /// it was committed.
    fn with_draft<T>(
        &self,
        dry_run: bool,
        change: impl Fn(&mut Draft) -> Result<T, ApiError>,
    ) -> Result<(T, Draft), ApiError> {
        self.with_draft_for(None, dry_run, change)
    }

    /// The same for a resource that is written alone, if it is: those that make no difference to it are not in the draft.
    fn with_draft_for<T>(
        &self,
        alone: Option<&Resource>,
        dry_run: bool,
        change: impl Fn(&mut Draft) -> Result<T, ApiError>,
    ) -> Result<(T, Draft), ApiError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..ATTEMPTS {
            let mut draft = Draft::read(&*self.store, &self.cache, alone)?;
            let result = change(&mut draft)?;
            if dry_run {
                return Ok((result, draft));
            }
            match draft.commit(&*self.store) {
                Ok(true) => return Ok((result, draft)),
                Ok(false) => {}
                Err(other) => return Err(other),
            }
        }
        Err(too_busy())
    }
}

#[cfg(test)]
mod tests;
