//! From what a change made of resources back to what they were, as far as nobody else has changed them meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use madang_model::{Condition, ConditionStatus, Kind, Layout, ObjectRef, Resource};
use madang_plan::Propagation;

use super::BeforeAfter;
use crate::registry::ROLLED_BACK;
use crate::registry::draft::Draft;
use crate::registry::lifecycle::{Outcome, deleted, is_going, newborn};
use crate::registry::parts::{now, take_allocations};
use crate::{ApiError, Kept};

/// What became of each resource.
#[derive(Default)]
pub(super) struct Undone {
    pub(super) restored: Vec<ObjectRef>,
    pub(super) deleted: Vec<ObjectRef>,
    /// As they were; they are still being deleted, and come back after that.
    pub(super) returning: Vec<Resource>,
    pub(super) kept: Vec<Kept>,
}

/// Puts everything back in the draft.
pub(super) fn undo(draft: &mut Draft, changed: &[BeforeAfter], because: &str) -> Result<Undone, ApiError> {
    let mut undone = Undone::default();
    let was: BTreeSet<&str> = changed.iter().filter_map(|(before, _)| uid(before.as_ref()?)).collect();
    // What the change left, and nobody has touched; and the uids of what somebody has.
    let (mut held, mut touched) = (BTreeMap::new(), BTreeSet::new());
    for after in changed.iter().filter_map(|(_, after)| after.as_ref()).filter(|after| !is_going(after)) {
        let Some(uid) = uid(after) else { continue };
        let object = after.object_ref();
        let why = match draft.after.get(&object) {
            Some(now) if self::uid(now) != Some(uid) => Some("somebody has deleted it meanwhile"),
            Some(now) if is_going(now) => Some("somebody deletes it"),
            Some(now) if !same(now, after) => Some("somebody has changed it meanwhile"),
            Some(_) => None,
            None => Some("somebody has deleted it meanwhile"),
        };
        match why {
            None => held.extend(draft.after.remove(&object).map(|now| (uid.to_owned(), now))),
            Some(why) => {
                touched.insert(uid.to_owned());
                let is_gone = draft.after.get(&object).is_none_or(is_going);
                // What the change had made and somebody has deleted is as it was before.
                if was.contains(uid) || !is_gone {
                    undone.kept.push(Kept { object, why: why.to_owned() });
                }
            }
        }
    }
    let mut revived = Vec::new();
    for before in changed.iter().filter_map(|(before, _)| before.as_ref()) {
        let uid = uid(before).unwrap_or_default();
        match held.remove(uid) {
            Some(now) => undone.restore(draft, before, now, because),
            None if touched.contains(uid) => {}
            None => undone.revive(draft, before, because, &mut revived)?,
        }
    }
    for made in held.into_values() {
        let object = made.object_ref();
        if let Outcome::Put(going) = deleted(&made, Propagation::Background)? {
            draft.after.insert(object.clone(), *going);
        }
        undone.deleted.push(object);
    }
    undone.allocate(draft, &revived);
    undone.note_left_alone(draft, changed);
    Ok(undone)
}

/// Creates again what was deleted and is gone now. Gives what is there again.
pub(super) fn bring_back(
    draft: &mut Draft,
    resources: Vec<Resource>,
    because: &str,
) -> Result<Vec<ObjectRef>, ApiError> {
    let (mut undone, mut revived) = (Undone::default(), Vec::new());
    for resource in &resources {
        undone.revive(draft, resource, because, &mut revived)?;
    }
    undone.allocate(draft, &revived);
    Ok(revived)
}

impl Undone {
    /// Of a resource that the change has only changed.
    fn restore(&mut self, draft: &mut Draft, before: &Resource, now: Resource, because: &str) {
        let (object, here) = (before.object_ref(), now.object_ref());
        if object != here && draft.after.contains_key(&object) {
            let why = format!("somebody has created another {object} meanwhile, which was its name");
            self.kept.push(Kept { object: here.clone(), why });
            draft.after.insert(here, now);
            return;
        }
        let mut new = now.clone();
        new.take_spec(before);
        let metadata = new.metadata_mut();
        metadata.name.clone_from(&object.name);
        metadata.labels.clone_from(&before.metadata().labels);
        metadata.annotations.clone_from(&before.metadata().annotations);
        if new == now {
            // It was given an address, say, that it had waited for.
            draft.after.insert(object, new);
            return;
        }
        if !new.same_spec(&now) {
            new.metadata_mut().generation += 1;
        }
        mark(&mut new, because);
        draft.after.insert(object.clone(), new);
        self.restored.push(object);
    }

    /// Of a resource that the change has deleted.
    fn revive(
        &mut self,
        draft: &mut Draft,
        before: &Resource,
        because: &str,
        revived: &mut Vec<ObjectRef>,
    ) -> Result<(), ApiError> {
        let object = before.object_ref();
        match draft.after.get(&object) {
            // It is emptied only when the change is confirmed: nothing in it is lost yet.
            Some(now) if uid(now) == uid(before) && object.kind == Kind::Namespace => {
                let mut new = before.clone();
                new.metadata_mut().generation = now.metadata().generation;
                draft.after.insert(object.clone(), new);
                self.restored.push(object);
            }
            Some(now) if uid(now) == uid(before) => self.returning.push(before.clone()),
            Some(_) => {
                let why = "it was deleted, and somebody has created another one of its name meanwhile";
                self.kept.push(Kept { object, why: why.to_owned() });
            }
            None => {
                let mut new = newborn(before.clone())?;
                take_allocations(&mut new, before);
                yield_allocations(&mut new, draft);
                mark(&mut new, because);
                draft.after.insert(object.clone(), new);
                self.restored.push(object.clone());
                revived.push(object);
            }
        }
        Ok(())
    }

    /// What others have made meanwhile, and is not right without the change.
    fn note_left_alone(&mut self, draft: &Draft, changed: &[BeforeAfter]) {
        let of_change: BTreeSet<ObjectRef> =
            changed.iter().flat_map(|(a, b)| [a, b]).flatten().map(Resource::object_ref).collect();
        for diagnostic in draft.wrong(&[]) {
            let Some(object) = diagnostic.object.filter(|object| !of_change.contains(object)) else {
                continue;
            };
            let why = format!("it is not right without the change: {}", diagnostic.message);
            self.kept.push(Kept { object, why });
        }
    }

    fn allocate(&mut self, draft: &mut Draft, revived: &[ObjectRef]) {
        for diagnostic in draft.allocate(revived) {
            if let Some(object) = diagnostic.object {
                self.kept.push(Kept { object, why: diagnostic.message });
            }
        }
    }
}

/// What a resource that comes back cannot have again: what somebody else has by now, and an instance's Ethernet address,
/// which is made of its uid.
fn yield_allocations(new: &mut Resource, draft: &Draft) {
    let others = || draft.after.values();
    match new {
        Resource::Vpc(vpc) => {
            let number = |r: &Resource| if let Resource::Vpc(v) = r { v.status.number } else { None };
            if others().any(|other| number(other) == vpc.status.number) {
                vpc.status.number = None;
            }
        }
        Resource::Instance(instance) => {
            instance.status.mac = None;
            let project = &instance.metadata.namespace;
            let taken = others().any(|other| match other {
                Resource::Instance(other) => {
                    other.status.address == instance.status.address
                        && other.spec.subnet == instance.spec.subnet
                        && other.metadata.namespace == *project
                }
                _ => false,
            });
            if taken {
                instance.status.address = None;
            }
        }
        Resource::NatGateway(nat) if others().any(|r| pool_address(r) == nat.status.address) => {
            nat.status.address = None;
        }
        Resource::PublicAddress(public) if others().any(|r| pool_address(r) == public.status.address) => {
            public.status.address = None;
        }
        _ => {}
    }
}

fn pool_address(resource: &Resource) -> Option<std::net::IpAddr> {
    match resource {
        Resource::NatGateway(nat) => nat.status.address,
        Resource::PublicAddress(public) => public.status.address,
        _ => None,
    }
}

/// Says on the resource itself that it was put back.
fn mark(resource: &mut Resource, because: &str) {
    if resource.kind().layout() == Layout::Flat || resource.kind() == Kind::Namespace {
        return;
    }
    let generation = resource.metadata().generation;
    let conditions = resource.conditions_mut();
    conditions.retain(|condition| condition.r#type != ROLLED_BACK);
    conditions.push(Condition {
        r#type: ROLLED_BACK.to_owned(),
        status: ConditionStatus::True,
        reason: "ChangeNotConfirmed".to_owned(),
        message: format!("a change of it was rolled back: {because}"),
        observed_generation: generation,
        last_transition_time: now(),
    });
}

/// Whether nobody has changed what somebody wants of it.
fn same(now: &Resource, after: &Resource) -> bool {
    let (a, b) = (now.metadata(), after.metadata());
    now.same_spec(after) && a.labels == b.labels && a.annotations == b.annotations
}

fn uid(resource: &Resource) -> Option<&str> {
    resource.metadata().uid.as_deref()
}
