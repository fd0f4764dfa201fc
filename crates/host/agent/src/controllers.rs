//! What follows from what is declared by itself: groups get their instances, what lost its owner goes, projects that are
//! deleted are emptied.
//!
//! What to do is decided from one moment's resources, in `madang_plan`; here it is done, a bounded number of steps a turn,
//! so that the host is looked after in between. Nothing is remembered that matters: what was half done when a daemon died
//! is seen by the next one, which goes on with it.

mod groups;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use madang_api::{ApiError, Bundle, DeleteOptions, Preconditions, Reason, Registry};
use madang_model::{Kind, ObjectRef, Resource};
use madang_plan::{Chore, ChoreKind, Emptying, NAMESPACE_FINALIZER, emptying, garbage};

pub(crate) use self::groups::GroupReport;
use self::groups::Groups;
use crate::events::EventRecorder;
use crate::runtime::chain;
use crate::status::{More, Verdict, updated};
use crate::world::World;

/// How many resources are written one by one in a turn: each waits for the disk.
const STEPS: usize = 50;
/// How many events are deleted at once.
const BATCH: usize = 500;

/// What looks after the resources themselves.
pub(crate) struct Controllers {
    desk: Desk,
    groups: Groups,
    /// What was last looked at, and needs no other look unless something failed.
    seen: Option<Arc<World>>,
    /// Whether a project is being emptied, which may wait for what is not declared.
    is_emptying: bool,
    last: Outcome,
}

/// What they work with.
struct Desk {
    registry: Registry,
    events: EventRecorder,
}

/// What a turn came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// How each group is, by its uid.
    pub(crate) groups: BTreeMap<String, GroupReport>,
    /// What could not be done, in words.
    pub(crate) troubles: BTreeSet<String>,
}

impl Controllers {
    /// Of the resources of this registry.
    pub(crate) fn new(registry: Registry, events: EventRecorder) -> Self {
        let desk = Desk { registry, events };
        Self { desk, groups: Groups::default(), seen: None, is_emptying: false, last: Outcome::default() }
    }

    /// Does what follows from what is declared now.
    pub(crate) fn turn(&mut self, world: &Arc<World>) -> Outcome {
        let now = Instant::now();
        let seen = self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, world));
        if seen && !self.is_emptying && self.last.troubles.is_empty() && !self.groups.is_due(now) {
            return self.last.clone();
        }
        self.seen = Some(Arc::clone(world));
        let mut troubles = BTreeSet::new();
        let mut note = |doing: &str, result: Result<(), ApiError>| {
            if let Err(error) = result {
                troubles.insert(format!("cannot {doing}: {}", chain(&error)));
            }
        };
        let projects = emptying(&world.resources);
        self.is_emptying = !projects.is_empty();
        for project in projects {
            note(
                &format!("empty the project {}", project.project.metadata().name),
                empty(&self.desk, &project),
            );
        }
        for chore in garbage(&world.resources).into_iter().take(STEPS) {
            note(
                &format!("put the owners of {} in order", chore.resource.object_ref()),
                tidy(&self.desk, &chore),
            );
        }
        let groups = self.groups.turn(&self.desk, world, now);
        self.last = Outcome { groups, troubles };
        self.last.clone()
    }
}

/// What somebody else did meanwhile is no failure: there is another look at it.
fn unless_changed(result: Result<(), ApiError>) -> Result<(), ApiError> {
    match result {
        Err(error) if error.is(Reason::Conflict) || error.is(Reason::NotFound) => Ok(()),
        other => other,
    }
}

fn tidy(desk: &Desk, chore: &Chore<'_>) -> Result<(), ApiError> {
    let (registry, resource) = (&desk.registry, chore.resource);
    unless_changed(match &chore.what {
        ChoreKind::Delete(propagation) => {
            let metadata = resource.metadata();
            let preconditions = Preconditions {
                uid: metadata.uid.clone(),
                // Somebody may just have given it another owner.
                resource_version: metadata.resource_version.clone(),
            };
            let options = DeleteOptions { preconditions, propagation: *propagation };
            tracing::info!("delete {}: what it belongs to is gone", resource.object_ref());
            registry.delete_if(&resource.object_ref(), options).map(drop)
        }
        ChoreKind::Disown(owners) => registry.disown(resource, owners),
        ChoreKind::Finalize(finalizer) => registry.finalize(resource, finalizer),
    })
}

/// Deletes what is in a project; when nothing is, the project itself.
fn empty(desk: &Desk, emptying: &Emptying<'_>) -> Result<(), ApiError> {
    let Emptying { project, delete, .. } = emptying;
    if desk.registry.confirmation()?.waiting.is_some() {
        // What is in it could not be brought back, if the change is rolled back.
        let message = "a change waits to be confirmed: it is emptied after that";
        return unless_changed(say(desk, project, message.to_owned()));
    }
    if !delete.is_empty() {
        delete_all(desk, delete)?;
    }
    if !emptying.is_done() {
        return unless_changed(tell_what_is_left(desk, emptying));
    }
    // Last, since it is told until then what happens in it; and nothing new is recorded in a project that is going.
    let of_project =
        |event: &Resource| event.metadata().namespace.as_deref() == Some(&project.metadata().name);
    let mut events = desk.registry.list(Kind::Event)?.items;
    events.retain(of_project);
    for batch in events.chunks(BATCH) {
        desk.registry.forget_events(batch)?;
    }
    desk.registry.finalize(project, NAMESPACE_FINALIZER)?;
    desk.events.normal(project, "Emptied", "nothing is in it any longer, and it is gone");
    Ok(())
}

/// All at once; if that is refused, one by one, so that one that cannot go does not keep the others.
fn delete_all(desk: &Desk, objects: &[ObjectRef]) -> Result<(), ApiError> {
    let bundle = Bundle { delete: objects.to_vec(), ..Bundle::default() };
    let Err(refused) = desk.registry.apply(bundle) else { return Ok(()) };
    tracing::debug!("not all at once: {}", chain(&refused));
    for object in objects.iter().take(STEPS) {
        unless_changed(desk.registry.delete(object).map(drop))?;
    }
    Ok(())
}

fn tell_what_is_left(desk: &Desk, emptying: &Emptying<'_>) -> Result<(), ApiError> {
    let left: Vec<String> = emptying.going.iter().chain(&emptying.delete).map(ToString::to_string).collect();
    let message = format!("it is being emptied: {} left ({})", left.len(), some(&left));
    say(desk, emptying.project, message)
}

fn say(desk: &Desk, project: &Resource, message: String) -> Result<(), ApiError> {
    let verdict = Verdict::not_ready("Terminating", message);
    let new = updated(project, &verdict, More::Nothing, &crate::node::now());
    new.map_or(Ok(()), |new| desk.registry.update_status(new).map(drop))
}

/// The first few of them.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{}, and {more} more", names[..SHOWN].join(", ")),
    }
}

#[cfg(test)]
mod tests;
