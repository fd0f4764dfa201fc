//! What belongs to what, when an owner goes.
//!
//! The meanings are those of Kubernetes' garbage collector. A resource all of whose owners are gone is deleted. An owner
//! that is deleted in the foreground stays until the dependants that block it are gone; one whose dependants are to be
//! orphaned stays until none names it any more. All of it is decided from one moment's resources, so it goes on where it
//! was after a restart.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use madang_model::{Kind, ObjectRef, OwnerReference, Resource};
use serde::{Deserialize, Serialize};

/// Finalizer: the owner goes when no dependant blocks it any longer.
pub const FOREGROUND_FINALIZER: &str = "foregroundDeletion";
/// Finalizer: the owner goes when no dependant names it any longer.
pub const ORPHAN_FINALIZER: &str = "orphan";

/// What becomes of the dependants of a resource that is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Propagation {
    /// They are deleted after it.
    #[default]
    Background,
    /// They are deleted before it.
    Foreground,
    /// They stay, and no longer belong to it.
    Orphan,
}

/// Something to be done so that no resource belongs to nobody.
#[derive(Clone, Debug, PartialEq)]
pub struct Chore<'a> {
    /// With which resource: as it was when this was decided.
    pub resource: &'a Resource,
    /// What.
    pub what: ChoreKind,
}

/// What is to be done with a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChoreKind {
    /// Delete it: its owners are gone, or go with it.
    Delete(Propagation),
    /// Take these owners (their uids) off it.
    Disown(BTreeSet<String>),
    /// Take this finalizer off it.
    Finalize(&'static str),
}

/// What is to be done, in the order of the resources.
pub fn garbage(resources: &[Resource]) -> Vec<Chore<'_>> {
    let family = Family::of(resources);
    let chores = |resource| {
        let all = family.as_dependant(resource).into_iter().chain(family.as_owner(resource));
        all.map(move |what| Chore { resource, what })
    };
    resources.iter().flat_map(chores).collect()
}

/// All resources that could not do without these: what belongs to them alone, and what belongs to that.
pub fn dependants<'a>(resources: &'a [Resource], of: &BTreeSet<String>) -> Vec<&'a Resource> {
    let mut named: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (n, resource) in resources.iter().enumerate() {
        for owner in &resource.metadata().owner_references {
            named.entry(&owner.uid).or_default().push(n);
        }
    }
    let mut gone: BTreeSet<&str> = of.iter().map(String::as_str).collect();
    let (mut found, mut last) = (Vec::new(), gone.clone());
    while !last.is_empty() {
        let asked: BTreeSet<usize> =
            last.iter().filter_map(|uid| named.get(uid)).flatten().copied().collect();
        let belongs = |resource: &&Resource| {
            let mut owners = resource.metadata().owner_references.iter();
            !gone.contains(uid(resource)) && owners.all(|owner| gone.contains(owner.uid.as_str()))
        };
        let more: Vec<&Resource> = asked.into_iter().map(|n| &resources[n]).filter(belongs).collect();
        last = more.iter().map(|resource| uid(resource)).collect();
        gone.extend(&last);
        found.extend(more);
    }
    found
}

/// Who belongs to whom.
struct Family<'a> {
    by_uid: BTreeMap<&'a str, &'a Resource>,
    dependants: BTreeMap<&'a str, Vec<Dependant<'a>>>,
    /// Those that wait until others have gone, and among which of them they wait for each other.
    circles: BTreeMap<&'a str, usize>,
}

/// A resource, and how it names an owner.
type Dependant<'a> = (&'a Resource, &'a OwnerReference);

/// How an owner is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// It is there.
    Stands,
    /// It is there, and goes when its dependants have gone.
    Waits,
    /// It is there, and goes when its dependants are its own no longer.
    LetsGo,
    /// It is gone.
    Gone,
}

impl<'a> Family<'a> {
    fn of(resources: &'a [Resource]) -> Self {
        let mut family =
            Self { by_uid: BTreeMap::new(), dependants: BTreeMap::new(), circles: BTreeMap::new() };
        for resource in resources {
            let metadata = resource.metadata();
            family.by_uid.extend(metadata.uid.as_deref().map(|uid| (uid, resource)));
            for owner in &metadata.owner_references {
                family.dependants.entry(owner.uid.as_str()).or_default().push((resource, owner));
            }
        }
        family.find_circles();
        family
    }

    /// How the owner is that a resource names. Of one that cannot be known here, the best is assumed: what is kept by
    /// mistake can be deleted by hand.
    fn owner(&self, (resource, owner): Dependant<'_>) -> Owner {
        let Some(kind) = kind(owner).filter(|kind| can_own(*kind, resource)) else { return Owner::Stands };
        let namespace = resource.metadata().namespace.as_deref();
        let named = ObjectRef::in_namespace(kind, namespace, &owner.name);
        match self.by_uid.get(owner.uid.as_str()).filter(|found| found.object_ref() == named) {
            None => Owner::Gone,
            Some(found) if is_going(found, ORPHAN_FINALIZER) => Owner::LetsGo,
            Some(found) if is_going(found, FOREGROUND_FINALIZER) => Owner::Waits,
            Some(_) => Owner::Stands,
        }
    }

    /// What follows for a resource from how its owners are.
    fn as_dependant(&self, resource: &Resource) -> Option<ChoreKind> {
        let metadata = resource.metadata();
        if metadata.owner_references.is_empty() || metadata.deletion_timestamp.is_some() {
            return None;
        }
        let owners = metadata.owner_references.iter();
        let owners: Vec<_> = owners.map(|owner| (owner, self.owner((resource, owner)))).collect();
        let any = |wanted: Owner| owners.iter().any(|(_, is)| *is == wanted);
        if any(Owner::Stands) || any(Owner::LetsGo) {
            let others = owners.iter().filter(|(_, is)| *is != Owner::Stands);
            let others: BTreeSet<_> = others.map(|(owner, _)| owner.uid.clone()).collect();
            return (!others.is_empty()).then_some(ChoreKind::Disown(others));
        }
        // Whoever is waited for waits for its own dependants in turn.
        let waits = any(Owner::Waits) && self.dependants(resource).next().is_some();
        Some(ChoreKind::Delete(if waits { Propagation::Foreground } else { Propagation::Background }))
    }

    /// What follows for a resource that is being deleted from how its dependants are.
    fn as_owner(&self, resource: &Resource) -> Vec<ChoreKind> {
        let mut done = Vec::new();
        let stays = |(dependant, _): Dependant<'_>| dependant.metadata().deletion_timestamp.is_none();
        if is_going(resource, ORPHAN_FINALIZER) && !self.dependants(resource).any(stays) {
            done.push(ChoreKind::Finalize(ORPHAN_FINALIZER));
        }
        // In a circle nobody would ever go: there nobody waits for another.
        let blocks = |dependant: &Resource| self.circle(dependant) != self.circle(resource);
        if is_going(resource, FOREGROUND_FINALIZER) && !self.blockers(resource).any(blocks) {
            done.push(ChoreKind::Finalize(FOREGROUND_FINALIZER));
        }
        done
    }

    /// Which of those that wait for each other this resource is among, if it waits.
    fn circle(&self, resource: &Resource) -> Option<usize> {
        self.circles.get(uid(resource)).copied()
    }

    /// Tells apart those that wait for each other, through whatever is between: a number for each such set (the strongly
    /// connected components, by Kosaraju's two walks).
    fn find_circles(&mut self) {
        let waiting = || self.by_uid.values().copied().filter(|r| is_going(r, FOREGROUND_FINALIZER));
        let waits_for = |owner: &'a Resource| {
            self.blockers(owner).filter(|blocker| is_going(blocker, FOREGROUND_FINALIZER))
        };
        let mut awaited: BTreeMap<&str, Vec<&'a Resource>> = BTreeMap::new();
        for owner in waiting() {
            for blocker in waits_for(owner) {
                awaited.entry(uid(blocker)).or_default().push(owner);
            }
        }
        // Whoever waits comes behind those that it waits for.
        let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
        for first in waiting() {
            let mut open = vec![(first, false)];
            while let Some((next, is_left)) = open.pop() {
                if is_left {
                    order.push(next);
                } else if seen.insert(uid(next)) {
                    open.push((next, true));
                    open.extend(waits_for(next).map(|blocker| (blocker, false)));
                }
            }
        }
        let mut circles = BTreeMap::new();
        for (number, first) in order.into_iter().rev().enumerate() {
            let mut open = vec![first];
            while let Some(next) = open.pop() {
                if let Entry::Vacant(place) = circles.entry(uid(next)) {
                    place.insert(number);
                    open.extend(awaited.get(uid(next)).into_iter().flatten());
                }
            }
        }
        self.circles = circles;
    }

    /// Those that keep an owner from going, if it is deleted in the foreground.
    fn blockers(&self, owner: &Resource) -> impl Iterator<Item = &'a Resource> {
        let blocks = |(_, reference): &Dependant<'a>| reference.block_owner_deletion == Some(true);
        self.dependants(owner).filter(blocks).map(|(dependant, _)| dependant)
    }

    fn dependants(&self, owner: &Resource) -> impl Iterator<Item = Dependant<'a>> {
        let all = self.dependants.get(uid(owner)).map_or(&[][..], Vec::as_slice);
        all.iter().copied().filter(|dependant| self.owner(*dependant) != Owner::Gone)
    }
}

/// The kind that an owner is of, if there is such a kind here.
fn kind(owner: &OwnerReference) -> Option<Kind> {
    let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
    Kind::ALL.iter().copied().find(|kind| kind.name() == owner.kind && kind.group().name() == group)
}

/// What belongs to a project can only be owned there, or by something of the host; what is of the host, only by the latter.
fn can_own(kind: Kind, resource: &Resource) -> bool {
    resource.kind().is_namespaced() || !kind.is_namespaced()
}

fn uid(resource: &Resource) -> &str {
    resource.metadata().uid.as_deref().unwrap_or_default()
}

fn is_going(resource: &Resource, finalizer: &str) -> bool {
    let metadata = resource.metadata();
    metadata.deletion_timestamp.is_some() && metadata.finalizers.iter().any(|f| f == finalizer)
}

#[cfg(test)]
mod tests;
