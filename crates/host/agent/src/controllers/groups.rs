//! Groups of instances, brought to their number and their template.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use madang_api::{ApiError, Preconditions, Reason};
use madang_model::{Readiness, Resource, readiness};
use madang_plan::GroupStep;
use madang_plan::groups::{self, Group};

use super::{Desk, STEPS, some, unless_changed};
use crate::runtime::chain;
use crate::status::Verdict;
use crate::world::World;

/// How long to wait before instances that could not be made are tried again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How many instances are made at once.
const AT_ONCE: usize = 100;

/// What of the groups is not to be read from what is declared: who could not make an instance, and when it is tried again.
#[derive(Default)]
pub(super) struct Groups {
    failed: BTreeMap<String, Failure>,
}

struct Failure {
    trouble: String,
    pause: Duration,
    again: Instant,
    /// What was declared when it failed: another declaration may be right.
    declared: u64,
}

/// How a group is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GroupReport {
    pub(crate) verdict: Verdict,
    pub(crate) replicas: u32,
    pub(crate) ready: u32,
    pub(crate) updated: u32,
    pub(crate) selector: String,
}

impl Groups {
    /// Whether a group that failed is to be tried again.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.failed.values().any(|failure| failure.again <= now)
    }

    /// Does a step for each group, and says how each is.
    pub(super) fn turn(&mut self, desk: &Desk, world: &World, now: Instant) -> BTreeMap<String, GroupReport> {
        let declared = fingerprint(world);
        let members = members(world);
        let mut reports = BTreeMap::new();
        for resource in &world.resources {
            let Resource::InstanceGroup(group) = resource else { continue };
            let Some(uid) = group.metadata.uid.clone() else { continue };
            if group.metadata.deletion_timestamp.is_some() {
                continue;
            }
            let own = members.get(uid.as_str()).map_or(&[][..], Vec::as_slice);
            let own: Vec<_> = own.iter().copied().filter(|member| groups::is_of(group, member)).collect();
            let step = GroupStep::next(group, &own);
            if step.create == 0 {
                self.failed.remove(&uid);
            } else if self.may_try(&uid, declared, now) {
                self.create(desk, (resource, group), &step, (declared, now));
            }
            delete(desk, resource, &own, &step);
            let trouble = self.failed.get(&uid).map(|failure| failure.trouble.as_str());
            reports.insert(uid, report(group, &own, &step, trouble));
        }
        self.failed.retain(|uid, _| reports.contains_key(uid));
        reports
    }

    fn may_try(&self, uid: &str, declared: u64, now: Instant) -> bool {
        self.failed.get(uid).is_none_or(|failure| failure.again <= now || failure.declared != declared)
    }

    fn create(
        &mut self,
        desk: &Desk,
        (resource, group): (&Resource, &Group),
        step: &GroupStep,
        (declared, now): (u64, Instant),
    ) {
        let uid = resource.metadata().uid.clone().unwrap_or_default();
        let at_once = step.create.min(AT_ONCE);
        let made = match create(desk, resource, group, at_once) {
            // Perhaps there is not room for all of them, but for one.
            Err(error) if error.is(Reason::Invalid) && at_once > 1 => create(desk, resource, group, 1),
            other => other,
        };
        match made {
            Ok(made) => {
                self.failed.remove(&uid);
                let names: Vec<_> = made.iter().map(|made| made.metadata().name.clone()).collect();
                let (from, to) = (step.replicas, step.replicas + made.len());
                desk.events.normal(
                    resource,
                    "ScaledUp",
                    format!("from {from} to {to}: made {}", some(&names)),
                );
            }
            // It is going, or so is its project; or somebody was faster. There is another look.
            Err(error)
                if [Reason::NotFound, Reason::Forbidden, Reason::AlreadyExists, Reason::Conflict]
                    .contains(&error.reason) => {}
            Err(error) => {
                let trouble = format!("an instance could not be made: {}", chain(&error));
                desk.events.warning(resource, "CreateFailed", &trouble);
                let pause = self.failed.get(&uid).map_or(PAUSE.0, |failure| (failure.pause * 2).min(PAUSE.1));
                let again = now + pause;
                self.failed.insert(uid, Failure { trouble, pause, again, declared });
            }
        }
    }
}

fn create(desk: &Desk, resource: &Resource, group: &Group, count: usize) -> Result<Vec<Resource>, ApiError> {
    let mut random = random()?;
    let namespace = group.metadata.namespace.as_deref();
    // What is there at the moment of the write counts in the end; this only saves an attempt.
    let is_taken = |name: &str| {
        let object = madang_model::ObjectRef::in_namespace(madang_model::Kind::Instance, namespace, name);
        desk.registry.find(&object).is_ok_and(|found| found.is_some())
    };
    let new = groups::new_instances(group, count, &mut random, is_taken);
    if new.is_empty() {
        return Err(ApiError::internal("no name for it is free"));
    }
    desk.registry.create_for(resource, new)
}

fn delete(desk: &Desk, resource: &Resource, members: &[&Resource], step: &GroupStep) {
    let mut gone = Vec::new();
    let going = members.iter().map(|member| (member.object_ref(), member));
    for (object, member) in going.filter(|(object, _)| step.delete.contains(object)).take(STEPS) {
        let same = Preconditions { uid: member.metadata().uid.clone(), resource_version: None };
        match unless_changed(desk.registry.delete_if(&object, &same).map(drop)) {
            Ok(()) => gone.push(object.name),
            Err(error) => {
                tracing::warn!("cannot delete {object}: {}", chain(&error));
                break;
            }
        }
    }
    if !gone.is_empty() {
        let (from, to) = (step.replicas, step.replicas - gone.len());
        desk.events.normal(resource, "ScaledDown", format!("from {from} to {to}: deleted {}", some(&gone)));
    }
}

/// The instances that each resource controls, by its uid.
fn members(world: &World) -> BTreeMap<&str, Vec<&Resource>> {
    let mut members: BTreeMap<&str, Vec<&Resource>> = BTreeMap::new();
    for resource in &world.resources {
        let owners = resource.metadata().owner_references.iter();
        for owner in owners.filter(|owner| owner.controller == Some(true)) {
            members.entry(&owner.uid).or_default().push(resource);
        }
    }
    members
}

/// Another one whenever somebody declares something else: statuses do not count.
fn fingerprint(world: &World) -> u64 {
    world.resources.iter().map(|resource| resource.metadata().generation + 1).sum()
}

fn report(group: &Group, members: &[&Resource], step: &GroupStep, trouble: Option<&str>) -> GroupReport {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    GroupReport {
        verdict: verdict(group, members, step, trouble),
        replicas: number(step.replicas),
        ready: number(step.ready),
        updated: number(step.updated),
        selector: groups::selector(group),
    }
}

fn verdict(group: &Group, members: &[&Resource], step: &GroupStep, trouble: Option<&str>) -> Verdict {
    let wanted = group.spec.replicas;
    let GroupStep { replicas, ready, updated, .. } = *step;
    if let Some(trouble) = trouble {
        let message = format!("{replicas} of {wanted} instances are there: {trouble}");
        return Verdict::not_ready("CreateFailed", message);
    }
    if step.is_done(group) {
        return match wanted {
            0 => Verdict::ready("NoneWanted", "no instances are wanted"),
            1 => Verdict::ready("InstancesReady", "its one instance is ready"),
            _ => Verdict::ready("InstancesReady", format!("all {wanted} instances are ready")),
        };
    }
    let (fault, why) = unready(members);
    if updated < replicas && wanted > 0 {
        let message = format!("{updated} of {wanted} instances are of the new template{why}");
        return Verdict::not_ready("RollingOut", message);
    }
    if replicas > usize::try_from(wanted).unwrap_or(usize::MAX) {
        let message = format!("{replicas} instances are there, and {wanted} are wanted");
        return Verdict::not_ready("Scaling", message);
    }
    let reason = if fault { "InstancesNotReady" } else { "Scaling" };
    Verdict::not_ready(reason, format!("{ready} of {wanted} instances are ready{why}"))
}

/// One of the instances that are not ready and why, one that will not become so by itself if there is one; and whether
/// there is.
fn unready(members: &[&Resource]) -> (bool, String) {
    const UNDER_WAY: [&str; 2] = ["Creating", "Starting"];
    let trouble = members.iter().find_map(|member| match readiness(member) {
        Readiness::NotReady { reason, message } if !UNDER_WAY.contains(&reason.as_str()) => {
            Some(format!("; {}: {reason}: {message}", member.metadata().name))
        }
        _ => None,
    });
    (trouble.is_some(), trouble.unwrap_or_default())
}

/// Random bits, as many as are asked for.
fn random() -> Result<impl FnMut() -> u64, ApiError> {
    let mut seed = [0; 8];
    rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| ApiError::internal(format!("the system gives no random bytes: {error}")))?;
    let mut state = u64::from_ne_bytes(seed);
    // SplitMix64: names only have to be different ones.
    Ok(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

#[cfg(test)]
mod tests;
