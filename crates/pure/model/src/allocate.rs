//! Numbers and addresses for what has none yet: the lowest that are free, so that the same resources get the same ones.

mod ranges;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use madang_addr::Mac;

use crate::{Diagnostic, ObjectRef, Resource};
use ranges::Ranges;

/// Fills in what the incoming resources lack: VPC numbers, the addresses of instances, NAT gateways and public addresses,
/// and MACs. Keeps what is there, in the incoming resource or in its older self among the existing ones. An address that
/// somebody asks for in the spec is theirs before any other is given. Says which resources got nothing, and why; what
/// [`check`](crate::check) says is not said again.
pub fn allocate(existing: &[Resource], incoming: &mut [Resource]) -> Vec<Diagnostic> {
    keep(existing, incoming);
    let replaced: HashSet<ObjectRef> = incoming.iter().map(Resource::object_ref).collect();
    let others: Vec<&Resource> =
        existing.iter().filter(|other| !replaced.contains(&other.object_ref())).collect();
    let mut ranges = Ranges::new(others.iter().copied().chain(incoming.iter()));
    numbers(&others, incoming);
    macs(&others, incoming);
    asked_for(incoming);
    for resource in others.iter().copied().chain(incoming.iter()) {
        if let Some((range, address)) = ranges.of(resource).zip(address(resource)) {
            range.taken.insert(address);
        }
    }
    let mut diagnostics = Vec::new();
    for resource in incoming {
        if address(resource).is_some() {
            continue;
        }
        let Some(range) = ranges.of(resource) else { continue };
        match range.next() {
            Some(free) => set_address(resource, free),
            None => diagnostics.push(range.exhausted().at(resource.object_ref(), "spec.address")),
        }
    }
    diagnostics
}

/// Gives the incoming resources what their older selves have.
fn keep(existing: &[Resource], incoming: &mut [Resource]) {
    let older: HashMap<ObjectRef, &Resource> =
        existing.iter().map(|older| (older.object_ref(), older)).collect();
    for resource in incoming {
        let Some(older) = older.get(&resource.object_ref()) else { continue };
        let uids = resource.metadata().uid.as_ref().zip(older.metadata().uid.as_ref());
        if uids.is_some_and(|(new, old)| new != old) {
            continue;
        }
        match (resource, older) {
            (Resource::Vpc(new), Resource::Vpc(old)) => {
                new.status.number = new.status.number.or(old.status.number)
            }
            (Resource::Instance(new), Resource::Instance(old)) => {
                new.status.address = new.status.address.or(old.status.address);
                new.status.mac = new.status.mac.or(old.status.mac);
            }
            (Resource::NatGateway(new), Resource::NatGateway(old)) => {
                new.status.address = new.status.address.or(old.status.address);
            }
            (Resource::PublicAddress(new), Resource::PublicAddress(old)) => {
                new.status.address = new.status.address.or(old.status.address);
            }
            _ => {}
        }
    }
}

fn numbers(others: &[&Resource], incoming: &mut [Resource]) {
    let number =
        |resource: &Resource| if let Resource::Vpc(vpc) = resource { vpc.status.number } else { None };
    let taken: HashSet<u32> = others.iter().copied().chain(incoming.iter()).filter_map(number).collect();
    let mut free = (1..).filter(|n| !taken.contains(n));
    for resource in incoming {
        if let Resource::Vpc(vpc) = resource {
            vpc.status.number = vpc.status.number.or_else(|| free.next());
        }
    }
}

fn macs(others: &[&Resource], incoming: &mut [Resource]) {
    let mac = |resource: &Resource| {
        if let Resource::Instance(instance) = resource { instance.status.mac } else { None }
    };
    let mut taken: HashSet<Mac> = others.iter().copied().chain(incoming.iter()).filter_map(mac).collect();
    for resource in incoming {
        let object = resource.object_ref();
        let Resource::Instance(instance) = resource else { continue };
        if instance.status.mac.is_some() {
            continue;
        }
        let by_name = || format!("{}/{}/{}", object.kind, object.namespace, object.name);
        let seed = instance.metadata.uid.clone().unwrap_or_else(by_name);
        // Two seeds in 2^40 share a MAC; the later one is made of the seed and a number then.
        let first = Mac::from_seed(&seed);
        let mut others = (1_u32..).map(|n| Mac::from_seed(&format!("{seed}#{n}")));
        let free = if taken.contains(&first) { others.find(|mac| !taken.contains(mac)) } else { Some(first) };
        instance.status.mac = free;
        taken.extend(free);
    }
}

/// Gives whoever asks for a particular address that one. Whether they may have it is for `check` to say.
fn asked_for(incoming: &mut [Resource]) {
    for resource in incoming {
        match resource {
            Resource::Instance(o) => o.status.address = o.status.address.or(o.spec.address),
            Resource::NatGateway(o) => o.status.address = o.status.address.or(o.spec.address),
            Resource::PublicAddress(o) => o.status.address = o.status.address.or(o.spec.address),
            _ => {}
        }
    }
}

fn address(resource: &Resource) -> Option<IpAddr> {
    match resource {
        Resource::Instance(o) => o.status.address,
        Resource::NatGateway(o) => o.status.address,
        Resource::PublicAddress(o) => o.status.address,
        _ => None,
    }
}

fn set_address(resource: &mut Resource, address: IpAddr) {
    match resource {
        Resource::Instance(o) => o.status.address = Some(address),
        Resource::NatGateway(o) => o.status.address = Some(address),
        Resource::PublicAddress(o) => o.status.address = Some(address),
        _ => {}
    }
}
