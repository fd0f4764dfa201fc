//! The services that every VPC has, as its name service: where they are on a host, and at which addresses a VPC's instances
//! ask them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use madang_addr::{Mac, Prefix};
use madang_datapath::{Endpoint, Forward, ForwardKey, PolicyId, Port, PortId, RouteTableId, Tables, VpcId};
use madang_model::Model;

use crate::host::{End, PortSpec};
use crate::{TCP, UDP};

/// The place of the services in lists of ports and namespaces, where an instance has its uid. No uid looks like this.
pub const SERVICES: &str = "services";
/// Where the services listen, in a namespace of their own.
pub const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
/// Where every VPC's instances may ask for names, beside the third address of their subnet.
pub const NAME_SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 253));
/// The port of DNS.
pub const NAMES_PORT: u16 = 53;

/// The port of DHCP servers: asked at a subnet's gateway.
pub const LEASES_PORT: u16 = 67;
/// The port of the metadata service, which is asked where it listens.
pub const METADATA_PORT: u16 = 80;

const MAC: Mac = Mac([0x02, 0x00, 0x6d, 0x61, 0x64, 0x02]);
const GATEWAY: IpAddr = NAME_SERVER;
const MTU: u16 = 1500;

/// The address of the name service in a subnet: its third one, as in AWS.
pub fn name_server(subnet: Prefix) -> Option<IpAddr> {
    subnet.nth(2)
}

/// At which addresses the instances of a VPC ask.
pub(crate) fn asked(model: &Model, vpc: &str) -> BTreeMap<ForwardKey, Forward> {
    let subnets = || model.subnets().values().filter(|subnet| subnet.spec.vpc == vpc);
    let servers = subnets().filter_map(|subnet| name_server(subnet.spec.cidr)).chain([NAME_SERVER]);
    let names = |address| [TCP, UDP].map(|protocol| ForwardKey { address, protocol, port: NAMES_PORT });
    let forward = |key: ForwardKey| (key, Forward { vpc: VpcId::SERVICES, address: SERVER, port: key.port });
    let metadata = ForwardKey { address: SERVER, protocol: TCP, port: METADATA_PORT };
    let leases = |address| ForwardKey { address, protocol: UDP, port: LEASES_PORT };
    let leased = subnets().filter(|subnet| subnet.spec.dhcp.enabled);
    let leased = leased.filter_map(|subnet| subnet.spec.cidr.nth(1)).map(leases);
    servers.flat_map(names).chain([metadata]).chain(leased).map(forward).collect()
}

fn subnet() -> Option<Prefix> {
    Prefix::containing(SERVER, 30).ok()
}

/// The services' port, and how their end of it is set up.
pub(crate) fn port_spec() -> Option<PortSpec> {
    Some(PortSpec {
        uid: SERVICES.to_owned(),
        name: SERVICES.to_owned(),
        vpc: VpcId::SERVICES,
        address: SERVER,
        mac: MAC,
        subnet: subnet()?,
        gateway: GATEWAY,
        mtu: MTU,
        end: End::Instance,
    })
}

/// Puts the services' port into the tables. They open nothing: no rule is theirs, and no route.
pub(crate) fn add_port(tables: &mut Tables, id: PortId) {
    let Some(subnet) = subnet() else { return };
    let vpc = VpcId::SERVICES;
    tables.ports.insert(id, Port { vpc, address: SERVER, mac: MAC, subnet, gateway: GATEWAY });
    let endpoint = Endpoint {
        port: id,
        mac: MAC,
        policy: PolicyId(0),
        routes: RouteTableId(0),
        nat: None,
        of_host: false,
    };
    tables.vpcs.entry(vpc).or_default().endpoints.insert(SERVER, endpoint);
}
