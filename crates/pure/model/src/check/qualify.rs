//! Projects: names as they are told from those of other projects.
//!
//! A name in a spec means something of the resource's own project. Here every name, and every reference, gets the project
//! before it ([`qualified`]), so that all that follows can go by names alone: two projects may use the same ones.

use std::borrow::Cow;

use super::groups::DEFAULT_GROUP;
use crate::{DEFAULT_NAMESPACE, Peer, Resource, SecurityGroupSpec, qualified};

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
    let full = |name: &mut String| *name = qualified(Some(project), name);
    match &mut new {
        Resource::SecurityGroup(group) => {
            full(&mut group.spec.vpc);
            peers(&mut group.spec).for_each(full);
        }
        Resource::NatGateway(nat) => full(&mut nat.spec.vpc),
        Resource::RouteTable(table) => {
            full(&mut table.spec.vpc);
            table.spec.routes.iter_mut().filter_map(|route| route.nat_gateway.as_mut()).for_each(full);
        }
        Resource::Subnet(subnet) => {
            full(&mut subnet.spec.vpc);
            subnet.spec.route_table.iter_mut().for_each(full);
        }
        Resource::Instance(instance) => {
            full(&mut instance.spec.subnet);
            let groups = &mut instance.spec.security_groups;
            if groups.is_empty() {
                groups.push(DEFAULT_GROUP.to_owned());
            }
            groups.iter_mut().for_each(full);
        }
        Resource::PublicAddress(public) => {
            public.spec.forwards.iter_mut().map(|forward| &mut forward.instance).for_each(full);
        }
        _ => {}
    }
    full(&mut new.metadata_mut().name);
    new
}

/// The groups that a group's rules name.
fn peers(spec: &mut SecurityGroupSpec) -> impl Iterator<Item = &mut String> {
    let ingress = spec.ingress.iter_mut().flat_map(|rule| &mut rule.from);
    let egress = spec.egress.iter_mut().flatten().flat_map(|rule| &mut rule.to);
    ingress.chain(egress).filter_map(|peer| if let Peer::Group(name) = peer { Some(name) } else { None })
}
