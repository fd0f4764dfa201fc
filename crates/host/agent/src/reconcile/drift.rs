//! What somebody else had changed on the host, and the loop has put right: told, since nobody would know otherwise.

use std::collections::BTreeMap;

use madang_model::{Kind, ObjectRef, Resource};
use madang_plan::{Action, Plan};

use crate::host::{Done, subject};
use crate::world::World;

/// The resources that a plan has put right, and with what. The plan is one for a host that was as declared before, with
/// the same declared as now.
pub(super) fn mended<'a>(plan: &Plan, done: &Done, world: &'a World) -> Vec<(&'a Resource, String)> {
    let mut steps: BTreeMap<ObjectRef, Vec<String>> = BTreeMap::new();
    let mut tables = None;
    for action in &plan.actions {
        let objects = match (action, subject(action)) {
            (_, Some(uid)) if done.failed.contains_key(uid) => Vec::new(),
            (_, Some(uid)) => of_uid(world, uid).into_iter().collect(),
            (Action::AttachUplink { interface }, None) => pools(world, interface),
            (Action::WriteTables, None) => {
                tables = Some(action.to_string());
                Vec::new()
            }
            _ => Vec::new(),
        };
        objects.into_iter().for_each(|object| steps.entry(object).or_default().push(action.to_string()));
    }
    // After whatever else was done they are written anew; by themselves they are a change of their own.
    if let Some(tables) = tables.filter(|_| steps.is_empty()) {
        let node = ObjectRef::new(Kind::Node, crate::node::name());
        steps.entry(node).or_default().push(tables);
    }
    let told = |(object, steps): (ObjectRef, Vec<String>)| {
        let message = format!("somebody else had changed this on the host; put right: {}", steps.join("; "));
        world.find(&object).map(|resource| (resource, message))
    };
    steps.into_iter().filter_map(told).collect()
}

fn of_uid(world: &World, uid: &str) -> Option<ObjectRef> {
    let found = world.resources.iter().find(|resource| resource.metadata().uid.as_deref() == Some(uid));
    found.map(Resource::object_ref)
}

/// The pools of an interface; not those whose interface was missing, which is told as what it is.
fn pools(world: &World, interface: &str) -> Vec<ObjectRef> {
    let missing = |resource: &Resource| resource.conditions().iter().any(|c| c.reason == "InterfaceNotFound");
    let of = |resource: &&Resource| match resource {
        Resource::AddressPool(pool) => pool.spec.interface == interface && !missing(resource),
        _ => false,
    };
    world.resources.iter().filter(of).map(Resource::object_ref).collect()
}
