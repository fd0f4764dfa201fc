//! The model: what is right, and needs nothing that is not.

use std::collections::BTreeMap;

use super::world::{Findings, World};
use crate::{Model, Object, Resource, RouteTarget};

pub(super) fn model(world: &World<'_>, findings: &Findings) -> Model {
    let right = right(world, findings);
    let mut model = Model::default();
    for (n, right) in right.iter().enumerate() {
        if *right {
            insert(&mut model, world.resource(n));
        }
    }
    close(&mut model);
    model
}

/// Which resources are right, allocated, and need only such.
fn right(world: &World<'_>, findings: &Findings) -> Vec<bool> {
    let count = findings.is_wrong.len();
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (n, needs) in findings.needs.iter().enumerate() {
        for needed in needs {
            needed_by[*needed].push(n);
        }
    }
    let mut right: Vec<bool> =
        (0..count).map(|n| !findings.is_wrong[n] && is_complete(world.resource(n))).collect();
    let mut gone: Vec<usize> = (0..count).filter(|n| !right[*n]).collect();
    while let Some(n) = gone.pop() {
        for user in &needed_by[n] {
            if std::mem::replace(&mut right[*user], false) {
                gone.push(*user);
            }
        }
    }
    right
}

/// Whether it has what is allocated, and is to stay if it is a workload.
fn is_complete(resource: &Resource) -> bool {
    match resource {
        Resource::Vpc(vpc) => vpc.status.number.is_some(),
        Resource::NatGateway(nat) => nat.status.address.is_some(),
        Resource::PublicAddress(public) => public.status.address.is_some(),
        Resource::Instance(instance) => {
            instance.status.address.is_some()
                && instance.status.mac.is_some()
                && instance.metadata.deletion_timestamp.is_none()
        }
        _ => true,
    }
}

fn insert(model: &mut Model, resource: &Resource) {
    fn put<S: Clone, T: Clone>(into: &mut BTreeMap<String, Object<S, T>>, object: &Object<S, T>) {
        into.insert(object.metadata.name.clone(), object.clone());
    }
    match resource {
        Resource::AddressPool(object) => put(&mut model.address_pools, object),
        Resource::DhcpServer(object) => put(&mut model.dhcp_servers, object),
        Resource::Vpc(object) => put(&mut model.vpcs, object),
        Resource::SecurityGroup(object) => put(&mut model.security_groups, object),
        Resource::NatGateway(object) => put(&mut model.nat_gateways, object),
        Resource::PrefixList(object) => put(&mut model.prefix_lists, object),
        Resource::RouteTable(object) => put(&mut model.route_tables, object),
        Resource::Subnet(object) => put(&mut model.subnets, object),
        Resource::Instance(object) => put(&mut model.instances, object),
        Resource::PublicAddress(object) => put(&mut model.public_addresses, object),
        _ => {}
    }
}

/// Makes what leads to something that is not in the model reach less, never more. Nothing is taken out of a list, so that
/// every path counts as the resource was written: a group that is not of the VPC has no members there, since whoever names
/// it is not in the model either, and a forward to an instance that is not in the model is one to nobody.
fn close(model: &mut Model) {
    for table in model.route_tables.values_mut() {
        for route in &mut table.spec.routes {
            let gateway = route.nat_gateway.as_ref().and_then(|name| model.nat_gateways.get(name));
            if route.target == RouteTarget::Nat && gateway.is_none_or(|nat| nat.spec.vpc != table.spec.vpc) {
                route.target = RouteTarget::Blackhole;
                route.nat_gateway = None;
            }
        }
    }
    for subnet in model.subnets.values_mut() {
        let table = subnet.spec.route_table.as_ref().and_then(|name| model.route_tables.get(name));
        if table.is_none_or(|table| table.spec.vpc != subnet.spec.vpc) {
            subnet.spec.route_table = None;
        }
    }
}
