//! Projects: names as they are told from those of other projects.
//!
//! A name in a spec means something of the resource's own project. Here every name, and every reference, gets the project
//! before it ([`qualified`]), so that all that follows can go by names alone: two projects may use the same ones.

use std::borrow::Cow;

use super::groups::DEFAULT_GROUP;
use crate::references::references_mut;
use crate::{DEFAULT_NAMESPACE, Resource, qualified};

/// The resources with qualified names. Those of the default project are as they were.
pub(super) fn qualify(resources: &[Resource]) -> Cow<'_, [Resource]> {
    if resources.iter().all(|resource| project(resource).is_none()) {
        return Cow::Borrowed(resources);
    }
    Cow::Owned(resources.iter().map(one).collect())
}

/// The project whose names need it before them.
fn project(resource: &Resource) -> Option<&str> {
    let project = resource.metadata().namespace.as_deref();
    project.filter(|project| *project != DEFAULT_NAMESPACE && resource.kind().is_of_the_network())
}

fn one(resource: &Resource) -> Resource {
    let Some(project) = project(resource) else { return resource.clone() };
    let mut new = resource.clone();
    if let Resource::Instance(instance) = &mut new
        && instance.spec.security_groups.is_empty()
    {
        instance.spec.security_groups.push(DEFAULT_GROUP.to_owned());
    }
    references_mut(&mut new, |kind, name| {
        if kind.is_namespaced() {
            *name = qualified(Some(project), name);
        }
    });
    let name = &mut new.metadata_mut().name;
    *name = qualified(Some(project), name);
    new
}
