//! Changes of several resources, computed from all that is stored and committed as one.

use std::collections::{BTreeMap, BTreeSet};

use madang_model::{Diagnostic, Kind, Model, ObjectRef, Resource, allocate, check};
use madang_store::{Expect, Revision, Store, StoreError, Txn};

use super::asserted;
use super::cache::Cache;
use super::lifecycle::{Outcome, is_going};
use super::parts::lacks_allocation;
use super::stored::{self, encode, key};
use crate::ApiError;

/// Every draft that is committed compares and writes this key, so that of two that were computed from the same state only
/// one is.
const GUARD: &str = "/guard/drafts";

/// Says with a single write that drafts which did not see it have to be computed again. Statuses and labels matter to
/// none.
pub(super) fn heeded(txn: Txn) -> Txn {
    txn.put(GUARD, Vec::new())
}

/// All resources, as they are and as they shall be; events only where they are included.
pub(super) struct Draft {
    pub(super) before: BTreeMap<ObjectRef, Resource>,
    pub(super) after: BTreeMap<ObjectRef, Resource>,
    /// What is written beside resources.
    pub(super) also: Txn,
    guard: Option<Revision>,
}

/// Whether a single write of this kind has to look at all the others: it is given something, or others can be given
/// something when there is one, or it says something of them.
pub(super) fn is_needed_for(kind: Kind) -> bool {
    allocates(kind) || kind == Kind::Assertion
}

fn allocates(kind: Kind) -> bool {
    use Kind::{AddressPool, Instance, NatGateway, PublicAddress, Subnet, Vpc};
    matches!(kind, AddressPool | Vpc | Subnet | Instance | NatGateway | PublicAddress)
}

impl Draft {
    /// No changes yet. For a resource that is written alone, without those that cannot make a difference to it.
    pub(super) fn read(store: &dyn Store, cache: &Cache, alone: Option<&Resource>) -> Result<Self, ApiError> {
        // The guard is read first: a draft that is committed in between is noticed.
        let guard = store.get(GUARD)?.map(|guard| guard.revision);
        let (all, _) = cache.all()?;
        // Events are many, and nobody allocates by them.
        let kinds = all.iter().filter(|(kind, _)| **kind != Kind::Event);
        let entries = kinds.flat_map(|(_, objects)| objects.values());
        // What an assertion says depends on everything.
        let asserted = all.get(&Kind::Assertion).is_some_and(|assertions| !assertions.is_empty());
        let entries = entries
            .filter(|entry| asserted || !alone.is_some_and(|alone| are_strangers(alone, &entry.resource)));
        let before: BTreeMap<_, _> =
            entries.map(|entry| (entry.resource.object_ref(), entry.resource.clone())).collect();
        Ok(Self { after: before.clone(), before, also: Txn::new(), guard })
    }

    /// Takes this event, if there is one, among the resources.
    pub(super) fn include(&mut self, event: Option<Resource>) {
        if let Some(event) = event {
            self.after.insert(event.object_ref(), event.clone());
            self.before.insert(event.object_ref(), event);
        }
    }

    /// Gives the incoming resources, and those that have waited for something to refer to, what they lack.
    pub(super) fn allocate(&mut self, incoming: &[ObjectRef]) -> Vec<Diagnostic> {
        let named: BTreeSet<_> = incoming.iter().collect();
        let waiting = |(object, r): &(&ObjectRef, &Resource)| {
            !named.contains(object) && lacks_allocation(r) && !is_going(r)
        };
        let waiting: Vec<_> = self.after.iter().filter(waiting).map(|(object, _)| object.clone()).collect();
        let order = incoming.iter().chain(&waiting);
        let mut given: Vec<_> = order.filter_map(|object| self.after.remove(object)).collect();
        let existing: Vec<_> = self.after.values().cloned().collect();
        let mut diagnostics = allocate(&existing, &mut given);
        self.after.extend(given.into_iter().map(|r| (r.object_ref(), r)));
        diagnostics.retain(|d| d.object.as_ref().is_none_or(|object| named.contains(object)));
        diagnostics
    }

    /// Puts a resource into the place that it has after what happened to it. Gives what it is, or was at last.
    pub(super) fn put(&mut self, object: &ObjectRef, outcome: Outcome) -> Result<Resource, ApiError> {
        let stored = self.after.get(object).ok_or_else(|| ApiError::not_found(object))?.clone();
        Ok(match outcome {
            Outcome::Unchanged => stored,
            Outcome::Put(new) => {
                self.after.insert(object.clone(), (*new).clone());
                *new
            }
            Outcome::Gone => {
                self.after.remove(object);
                stored
            }
        })
    }

    /// What is to be done and seen to for one resource that is written alone.
    pub(super) fn settle(&mut self, object: &ObjectRef) -> Result<(), ApiError> {
        if allocates(object.kind) {
            self.allocate_for(object)
        } else {
            self.asserted(std::slice::from_ref(object))
        }
    }

    /// The same for one resource that is written alone. Its references may lead nowhere yet, and it may be wrong
    /// beside others: then it waits, and its conditions say why. Refused is an address that it cannot have, and what
    /// would make others wrong that are right, or break an assertion.
    fn allocate_for(&mut self, object: &ObjectRef) -> Result<(), ApiError> {
        let written = std::slice::from_ref(object);
        let mut refused = self.allocate(written);
        let resources = ordered(&self.after, written);
        let (after, wrong) = check(&resources);
        let about = |d: &Diagnostic, object: &ObjectRef| d.object.as_ref() == Some(object);
        let address = |d: &Diagnostic| d.path == ADDRESS && d.code != REFERENCE_NOT_FOUND && about(d, object);
        refused.extend(wrong.iter().filter(|d| address(d)).cloned());
        refused.extend(self.lost(object, &after, wrong));
        refused.extend(self.unasserted(written, &resources, &after));
        if refused.is_empty() { Ok(()) } else { Err(ApiError::invalid(distinct(refused))) }
    }

    /// Why others that are right now would not be any longer.
    fn lost(&self, object: &ObjectRef, after: &Model, mut wrong: Vec<Diagnostic>) -> Vec<Diagnostic> {
        if wrong.is_empty() {
            return wrong;
        }
        let (before, _) = check(&ordered(&self.before, std::slice::from_ref(object)));
        let others = self.after.iter().filter(|(other, resource)| *other != object && !is_going(resource));
        let right_now = others.map(|(other, _)| other).filter(|other| before.contains(other));
        let lost: BTreeSet<_> = right_now.filter(|other| !after.contains(other)).collect();
        // A resource that needs a wrong one is lost without a word of its own: then it is the written one that is wrong.
        let says_why = |d: &Diagnostic| d.object.as_ref().is_some_and(|o| o == object || lost.contains(o));
        wrong.retain(|d| !lost.is_empty() && says_why(d));
        wrong
    }

    /// What is wrong with the resources as they shall be: with these, and with others that were right before.
    pub(super) fn wrong(&self, bundle: &[ObjectRef]) -> Vec<Diagnostic> {
        let named: BTreeSet<_> = bundle.iter().collect();
        let of_bundle = |d: &Diagnostic| d.object.as_ref().is_some_and(|object| named.contains(object));
        let (_, mut wrong) = check(&ordered(&self.after, bundle));
        if !wrong.iter().all(of_bundle) {
            let (_, known) = check(&ordered(&self.before, bundle));
            wrong.retain(|d| of_bundle(d) || !known.contains(d));
        }
        wrong
    }

    /// Commits what changed, if anything did. Afterwards, what is in `after` is what is stored. Whether it was done: not
    /// if somebody else was faster.
    pub(super) fn commit(&mut self, store: &dyn Store) -> Result<bool, ApiError> {
        let changed: Vec<_> = self
            .after
            .iter()
            .filter(|(object, resource)| self.before.get(*object) != Some(*resource))
            .map(|(object, _)| object.clone())
            .collect();
        let gone: Vec<_> =
            self.before.keys().filter(|object| !self.after.contains_key(*object)).cloned().collect();
        let mut txn = self.also.clone();
        if changed.iter().chain(&gone).any(|object| object.kind == Kind::Assertion) {
            txn = txn.put(asserted::GUARD, Vec::new());
        }
        for object in &changed {
            let key = key(object);
            txn = self.compared(txn, object, &key).put(key, encode(&self.after[object])?);
        }
        for object in &gone {
            let key = key(object);
            txn = self.compared(txn, object, &key).delete(key);
        }
        if txn.puts.is_empty() && txn.deletes.is_empty() {
            return Ok(true);
        }
        let expect = self.guard.map_or(Expect::Absent, Expect::At);
        txn.compares.push(madang_store::Compare { key: GUARD.to_owned(), expect });
        let revision = match store.commit(heeded(txn)) {
            Err(StoreError::Conflict { .. }) => return Ok(false),
            done => done?,
        };
        for object in changed {
            if let Some(resource) = self.after.remove(&object) {
                self.after.insert(object, stored::at(resource, revision));
            }
        }
        Ok(true)
    }

    fn compared(&self, txn: Txn, object: &ObjectRef, key: &str) -> Txn {
        let revision = self.before.get(object).and_then(|r| r.metadata().resource_version.as_deref());
        match revision.and_then(|revision| revision.parse().ok()) {
            Some(revision) => txn.at(key, revision),
            None => txn.absent(key),
        }
    }

    /// One of the resources.
    pub(super) fn into_resource(mut self, object: &ObjectRef) -> Result<Resource, ApiError> {
        self.after.remove(object).ok_or_else(|| ApiError::not_found(object))
    }
}

/// Whether these are instances that share no subnet: neither can have the other's address, nor make it right or wrong.
fn are_strangers(one: &Resource, other: &Resource) -> bool {
    let (Resource::Instance(one), Resource::Instance(other)) = (one, other) else { return false };
    let apart = one.metadata.namespace != other.metadata.namespace || one.spec.subnet != other.spec.subnet;
    apart && one.metadata.name != other.metadata.name
}

/// The resources, those that are written last: of two that cannot both be, the newcomer is told.
pub(super) fn ordered(resources: &BTreeMap<ObjectRef, Resource>, written: &[ObjectRef]) -> Vec<Resource> {
    let named: BTreeSet<_> = written.iter().collect();
    let others = resources.iter().filter(|(object, _)| !named.contains(object)).map(|(_, resource)| resource);
    others.chain(written.iter().filter_map(|object| resources.get(object))).cloned().collect()
}

/// What is said of one thing twice is said once.
pub(super) fn distinct(diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut said: Vec<Diagnostic> = Vec::new();
    for d in diagnostics {
        if !said.contains(&d) {
            said.push(d);
        }
    }
    said
}

/// Where an address is asked for.
const ADDRESS: &str = "spec.address";

/// The code of a diagnostic that says that a reference leads nowhere.
pub(super) const REFERENCE_NOT_FOUND: &str = "referenceNotFound";
