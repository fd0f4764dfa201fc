//! Instances: on a subnet, with an address of it, in groups of its VPC.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::groups::{DEFAULT_GROUP, unfit};
use super::world::{Findings, Need, World};
use crate::addresses::{reserved, usable};
use crate::{Diagnostic, InstanceSpec, InstanceStatus, Kind, Object, SubnetSpec};

type Instance = Object<InstanceSpec, InstanceStatus>;

pub(super) fn instances(world: &World<'_>, findings: &mut Findings) {
    // By VPC, since its subnets share no address.
    let mut held: BTreeMap<(&str, IpAddr), usize> = BTreeMap::new();
    let mut instances: Vec<(usize, &Instance)> = world.instances().collect();
    // Who has an address keeps it; who wants one is told.
    instances.sort_by_key(|(n, instance)| (instance.status.address.is_none(), *n));
    for (n, instance) in instances {
        let subnet =
            world.follow(findings, (n, "spec.subnet"), Kind::Subnet, &instance.spec.subnet, Need::Whole);
        let Some(subnet) = subnet.and_then(|_| world.subnet(&instance.spec.subnet)) else { continue };
        groups(world, findings, n, &instance.spec, &subnet.spec);
        let Some(address) = instance.status.address.or(instance.spec.address) else { continue };
        if let Some(diagnostic) = unusable(&instance.spec.subnet, &subnet.spec, address) {
            findings.wrong(n, "spec.address", diagnostic);
            continue;
        }
        let first = *held.entry((&subnet.spec.vpc, address)).or_insert(n);
        if first != n {
            let message = format!("{address} is already the address of {}", world.called(first));
            let hint = "leave the address out to get the lowest free one, or choose another";
            findings.wrong(n, "spec.address", Diagnostic::new("duplicateAddress", message).hint(hint));
        }
    }
}

/// Why no instance can have this address.
fn unusable(name: &str, subnet: &SubnetSpec, address: IpAddr) -> Option<Diagnostic> {
    let cidr = subnet.cidr;
    let hint = match usable(cidr).filter(|_| cidr.address().is_ipv4()) {
        Some((first, last)) => {
            format!("choose one of {first} to {last}, or leave it out to get the lowest free one")
        }
        None => "leave it out".to_owned(),
    };
    if !cidr.contains(address) {
        let message = format!("{address} is outside subnet {name}, which has {cidr}");
        return Some(Diagnostic::new("outsideSubnet", message).hint(hint));
    }
    let what = reserved(cidr, address)?;
    let cause = "the first four addresses of a subnet and the last one are not for instances";
    let message = format!("{address} is reserved in subnet {name} ({cidr}): it is {what}");
    Some(Diagnostic::new("reservedAddress", message).cause(cause).hint(hint))
}

fn groups(
    world: &World<'_>,
    findings: &mut Findings,
    n: usize,
    instance: &InstanceSpec,
    subnet: &SubnetSpec,
) {
    // Who names none is in the VPC's `default` group: if that is declared and wrong, nothing else takes its place.
    let none = [DEFAULT_GROUP.to_owned()];
    let named = if instance.security_groups.is_empty() { &none[..] } else { &instance.security_groups };
    for (at, name) in named.iter().enumerate() {
        let path = format!("spec.securityGroups[{at}]");
        match unfit(world, name, &subnet.vpc, "the instance's subnet") {
            Some(diagnostic) => findings.wrong(n, path, diagnostic),
            None => {
                // The group `default` that is declared may be that of another VPC.
                let declared = world.group(name).filter(|group| group.spec.vpc == subnet.vpc);
                let declared = declared.and_then(|_| world.find(Kind::SecurityGroup, name));
                findings.needs[n].extend(declared);
            }
        }
    }
}
