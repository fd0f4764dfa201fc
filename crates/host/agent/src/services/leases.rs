//! What the DHCP worker tells the instances of each subnet.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use madang_addr::Prefix;
use madang_compile::{Host, name_server};
use madang_model::{DhcpSettings, InstanceSpec, InstanceStatus, Object, bare};
use madang_workers::{LeaseClient, LeaseSubnet, Leases};

use crate::world::World;

/// The subnets that have a server, and their instances on this host.
pub(super) fn leases(world: &World, host: &Host) -> Leases {
    let mut subnets: BTreeMap<(u32, Prefix), LeaseSubnet> = BTreeMap::new();
    // By their whole names: another project's subnet may be called the same.
    for object in world.model.instances().values() {
        let settings = world.model.subnets().get(&object.spec.subnet).map(|subnet| &subnet.spec.dhcp);
        let Some(settings) = settings.filter(|own| own.enabled) else { continue };
        // The host's own ways are not for a VPC to set.
        if object.spec.host.is_none() {
            add(world, host, object, settings, &mut subnets);
        }
    }
    Leases { subnets: subnets.into_values().collect() }
}

fn add(
    world: &World,
    host: &Host,
    object: &Object<InstanceSpec, InstanceStatus>,
    settings: &DhcpSettings,
    subnets: &mut BTreeMap<(u32, Prefix), LeaseSubnet>,
) -> Option<()> {
    let uid = object.metadata.uid.as_deref()?;
    let instance = world.network.instances.get(uid)?;
    let vpc = world.network.vpcs.get(&instance.vpc)?;
    let client = LeaseClient {
        port: *host.ports.get(uid)?,
        mac: instance.mac,
        address: v4(instance.address)?,
        name: bare(&instance.name).to_owned(),
    };
    let gateway = v4(instance.gateway)?;
    let subnet = subnets.entry((instance.vpc.0, instance.subnet)).or_insert_with(|| LeaseSubnet {
        vpc: instance.vpc.0,
        range: instance.subnet,
        gateway,
        name_servers: match settings.domain_name_servers.as_slice() {
            [] => name_server(instance.subnet).and_then(v4).into_iter().collect(),
            own => own.iter().copied().filter_map(v4).collect(),
        },
        ntp_servers: settings.ntp_servers.iter().copied().filter_map(v4).collect(),
        domain: settings.domain_name.clone().unwrap_or_else(|| vpc.domain()),
        mtu: instance.mtu,
        lease: settings.lease_seconds,
        clients: Vec::new(),
    });
    subnet.clients.push(client);
    Some(())
}

fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    }
}
