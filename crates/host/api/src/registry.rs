//! What is declared: resources in a store, with the meanings of the Kubernetes resource API.
//!
//! A registry holds nothing itself: every write is computed from what is stored and committed only if that still holds,
//! else computed again. What must be unique beyond one resource (addresses, VPC numbers, the rightness of a bundle as
//! a whole) is guarded by one key that every such write compares and raises ([`draft`]), so it also holds between
//! processes that share a store.

mod bundle;
mod draft;
mod in_use;
mod lifecycle;
mod parts;
mod stored;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};

use madang_model::{Kind, ObjectRef, Resource};
use madang_store::{Revision, Store, StoreError, Txn};

use crate::{ApiError, Reason};
use draft::{Draft, heeded};
pub use lifecycle::Preconditions;
use lifecycle::{
    Outcome, already_exists, checked, deleted, in_namespace, matters_to_others, newborn, put_or_gone,
    replaced, too_busy,
};
use parts::{same_spec, take_allocations, take_status};
use stored::{decode, decode_item, encode, key, prefix};
pub use watch::{Watch, WatchEvent};

/// Every instance has this finalizer from its creation: the agent takes it off when nothing of it is left on the host.
pub const INSTANCE_FINALIZER: &str = "madang.dev/instance";

/// How often a write is computed again because somebody else was faster.
const ATTEMPTS: usize = 100;

/// The declared resources.
///
/// Every method but [`watch`](Self::watch) may block for the disk (a write: for its sync); call them from a blocking
/// context, or accept a few milliseconds. Clones share the store.
#[derive(Clone)]
pub struct Registry {
    store: Arc<dyn Store>,
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
        Self { store, turn: Arc::default() }
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
        let key = key(object);
        let found = self.store.get(&key)?;
        found.map(|found| decode(&key, &found.value, found.revision)).transpose()
    }

    /// The resources of this kind.
    pub fn list(&self, kind: Kind) -> Result<List, ApiError> {
        self.list_prefix(&prefix(kind))
    }

    /// All resources.
    pub fn all(&self) -> Result<List, ApiError> {
        let mut list = self.list_prefix(stored::PREFIX)?;
        list.items.sort_by_cached_key(Resource::object_ref);
        Ok(list)
    }

    fn list_prefix(&self, prefix: &str) -> Result<List, ApiError> {
        let page = self.store.range(prefix, usize::MAX, None)?;
        let items = page.items.iter().map(decode_item).collect::<Result<_, _>>()?;
        Ok(List { items, revision: page.revision })
    }

    /// Stores a new resource: gives it a uid, addresses and finalizers, ignores its status. What it refers to need not
    /// exist yet; an address that cannot be had is an error.
    pub fn create(&self, resource: Resource) -> Result<Resource, ApiError> {
        let new = newborn(checked(resource)?)?;
        let object = new.object_ref();
        if draft::allocates(new.kind()) {
            let (_, draft) = self.with_draft(false, |draft| {
                if let Some(stored) = draft.after.get(&object) {
                    return Err(already_exists(stored));
                }
                draft.after.insert(object.clone(), new.clone());
                draft.allocate_for(&object)
            })?;
            return draft.into_resource(&object);
        }
        let key = key(&object);
        match self.store.commit(heeded(Txn::new().absent(&key).put(&key, encode(&new)))) {
            Ok(revision) => Ok(stored::at(new, revision)),
            Err(StoreError::Conflict { .. }) => Err(already_exists(&self.get(&object).unwrap_or(new))),
            Err(other) => Err(other.into()),
        }
    }

    /// Stores another spec, labels and annotations of a resource that exists; its status is ignored. With a
    /// resourceVersion it must be the present one (and then finalizers are taken from it too).
    pub fn update(&self, resource: Resource) -> Result<Resource, ApiError> {
        let resource = checked(resource)?;
        let object = resource.object_ref();
        let stored = self.get(&object)?;
        if draft::allocates(object.kind) && !same_spec(&stored, &resource) {
            let (_, draft) = self.with_draft(false, |draft| {
                let stored = draft.after.get(&object).ok_or_else(|| ApiError::not_found(&object))?;
                let new = replaced(stored, &resource)?;
                draft.after.insert(object.clone(), new);
                draft.allocate_for(&object)
            })?;
            return draft.into_resource(&object);
        }
        self.rewrite(&object, |stored| Ok(put_or_gone(replaced(stored, &resource)?)))
    }

    /// Stores another status; everything else of the resource is ignored, and so is what the registry itself
    /// allocates. With a uid or a resourceVersion, those must be the present ones.
    pub fn update_status(&self, resource: Resource) -> Result<Resource, ApiError> {
        let resource = in_namespace(resource);
        self.rewrite(&resource.object_ref(), |stored| {
            Preconditions::of(&resource).hold(stored)?;
            let mut new = stored.clone();
            take_status(&mut new, &resource);
            take_allocations(&mut new, stored);
            Ok(Outcome::Put(Box::new(new)))
        })
    }

    /// Deletes a resource, or, if it has finalizers, says that it shall go.
    pub fn delete(&self, object: &ObjectRef) -> Result<Deletion, ApiError> {
        self.delete_if(object, &Preconditions::default())
    }

    /// Deletes a resource if it is in this state.
    pub fn delete_if(&self, object: &ObjectRef, wanted: &Preconditions) -> Result<Deletion, ApiError> {
        let resource = self.rewrite(object, |stored| {
            wanted.hold(stored)?;
            Ok(deleted(stored))
        })?;
        let metadata = resource.metadata();
        Ok(if metadata.finalizers.is_empty() {
            Deletion::Gone { uid: metadata.uid.clone().unwrap_or_default() }
        } else {
            Deletion::Pending(Box::new(resource))
        })
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
        Watch::new(Arc::clone(&self.store), kinds, from)
    }

    /// Changes one stored resource, computed again as long as somebody else is faster. The resource as it is now, or
    /// was at last.
    fn rewrite(
        &self,
        object: &ObjectRef,
        change: impl Fn(&Resource) -> Result<Outcome, ApiError>,
    ) -> Result<Resource, ApiError> {
        let key = key(object);
        for _ in 0..ATTEMPTS {
            let found = self.store.get(&key)?.ok_or_else(|| ApiError::not_found(object))?;
            let stored = decode(&key, &found.value, found.revision)?;
            let txn = Txn::new().at(&key, found.revision);
            let (txn, result) = match change(&stored)? {
                Outcome::Unchanged => return Ok(stored),
                Outcome::Put(new) if *new == stored => return Ok(stored),
                Outcome::Put(new) if matters_to_others(&stored, &new) => {
                    (heeded(txn).put(&key, encode(&new)), *new)
                }
                Outcome::Put(new) => (txn.put(&key, encode(&new)), *new),
                Outcome::Gone => (heeded(txn).delete(&key), stored),
            };
            match self.store.commit(txn) {
                Ok(revision) => return Ok(stored::at(result, revision)),
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
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..ATTEMPTS {
            let mut draft = Draft::read(&*self.store)?;
            let result = change(&mut draft)?;
            if dry_run {
                return Ok((result, draft));
            }
            match draft.commit(&*self.store) {
                Ok(()) => return Ok((result, draft)),
                Err(StoreError::Conflict { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(too_busy())
    }
}

#[cfg(test)]
mod tests;
