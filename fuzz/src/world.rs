//! A small cloud for packets: two VPCs whose addresses overlap, a service, NAT and public addresses, and little room.

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::{Mac, Prefix};
use madang_datapath::*;

use crate::input::Input;

const VPC: VpcId = VpcId(1);
const TWIN: VpcId = VpcId(2);
/// The only interface to the outside.
pub const UPLINK: UplinkId = UplinkId(31);
/// Its Ethernet address.
pub const UPLINK_MAC: Mac = Mac([2, 0, 0, 0, 0, 31]);
/// Whoever is outside has this Ethernet address.
pub const OUTSIDE_MAC: Mac = Mac([2, 9, 9, 9, 9, 9]);

/// The ports of instances: web and app of one subnet, db of another, one of the twin VPC, and a service.
pub const PORTS: [PortId; 5] = [PortId(11), PortId(12), PortId(13), PortId(21), PortId(41)];
const WEB: PortId = PORTS[0];
const APP: PortId = PORTS[1];
const DB: PortId = PORTS[2];
const OTHER: PortId = PORTS[3];
const SERVICE: PortId = PORTS[4];

/// Where packets may go to, and come from: instances, gateways, the outside, public addresses, the service, nobody.
pub const ADDRESSES: [Ipv4Addr; 16] = [
    Ipv4Addr::new(10, 0, 1, 4),
    Ipv4Addr::new(10, 0, 1, 5),
    Ipv4Addr::new(10, 0, 2, 4),
    Ipv4Addr::new(198, 51, 100, 7),
    Ipv4Addr::new(203, 0, 113, 10),
    Ipv4Addr::new(203, 0, 113, 20),
    Ipv4Addr::new(203, 0, 113, 30),
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(10, 0, 1, 1),
    Ipv4Addr::new(10, 0, 2, 1),
    Ipv4Addr::new(10, 0, 9, 9),
    Ipv4Addr::new(192, 0, 2, 1),
    Ipv4Addr::new(10, 0, 2, 99),
    Ipv4Addr::new(224, 0, 0, 1),
    Ipv4Addr::new(240, 0, 0, 11),
    Ipv4Addr::new(127, 0, 0, 1),
];
const WEB_AT: Ipv4Addr = ADDRESSES[0];
const APP_AT: Ipv4Addr = ADDRESSES[1];
const DB_AT: Ipv4Addr = ADDRESSES[2];
const NAT: Ipv4Addr = ADDRESSES[4];
const PUBLIC: Ipv4Addr = ADDRESSES[5];
const WHOLE: Ipv4Addr = ADDRESSES[6];
const SERVICE_AT: Ipv4Addr = ADDRESSES[7];

/// Tables, flows and a clock.
#[derive(Clone, Debug)]
pub struct World {
    /// What the pipeline knows.
    pub tables: Tables,
    /// How often each VPC's tables were changed.
    pub generations: Generations,
    /// What connections there are.
    pub flows: FlowTable,
    /// How many entries of flows there may be.
    pub capacity: usize,
    /// The time.
    pub now_ns: u64,
    /// What is random.
    pub random: u32,
}

impl World {
    /// The world that a few bytes choose.
    pub fn new(input: &mut Input<'_>) -> Self {
        let capacity = input.one_of(&[1000, 1000, 6, 2]);
        let many = |most| Quotas { instance: most, instance_half_open: most, vpc: most, vpc_half_open: most };
        let quotas = input.one_of(&[many(1000), many(1000), many(2), Quotas::of(1000)]);
        let mtu = input.one_of(&[1500, 1500, 0, 60]);
        let flows = FlowTable::new(capacity).with_quotas(quotas);
        let generations = [VpcId::OUTSIDE, VPC, TWIN, VpcId::SERVICES].map(|vpc| (vpc, 1));
        Self {
            tables: tables(mtu),
            generations: Generations(generations.into()),
            flows,
            capacity,
            now_ns: 1_000_000_000,
            random: input.u32(),
        }
    }

    /// What an instance's interface is like.
    pub fn port(&self, port: PortId) -> &Port {
        &self.tables.ports[&port]
    }

    /// Changes the tables, as an apply does.
    pub fn change(&mut self, what: u8) {
        let vpc = self.tables.vpcs.entry(VPC).or_default();
        let outside = &mut self.tables.outside;
        match what % 6 {
            0 => toggle(&mut vpc.rules, rule(2, Direction::Ingress, 2, Some(6), Some(5432))),
            1 => toggle(&mut vpc.rules, rule(1, Direction::Egress, 1, None, None)),
            2 => outside.forwards.retain(|key, _| key.protocol != 6 || key.port != 80),
            3 => outside.nats.values_mut().for_each(|nat| nat.first_port ^= 4),
            4 => drop(vpc.endpoints.remove(&IpAddr::from(APP_AT))),
            _ => drop(outside.addresses.remove(&IpAddr::from(NAT))),
        }
        let changed = if [2, 3, 5].contains(&(what % 6)) { VpcId::OUTSIDE } else { VPC };
        self.generations.raise(changed);
    }
}

fn toggle(rules: &mut std::collections::BTreeSet<Rule>, rule: Rule) {
    if !rules.remove(&rule) {
        rules.insert(rule);
    }
}

fn rule(policy: u32, direction: Direction, class: u32, protocol: Option<u8>, port: Option<u16>) -> Rule {
    let ports = port.map_or(PortPrefix::ALL, |port| PortPrefix::new(port, 16).expect("one port is a prefix"));
    Rule { policy: PolicyId(policy), direction, class: ClassId(class), protocol, ports }
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect("written here")
}

fn tables(mtu: u16) -> Tables {
    let mut tables = Tables::default();
    let everybody = [
        (VPC, WEB, WEB_AT, 1, 1),
        (VPC, APP, APP_AT, 1, 1),
        (VPC, DB, DB_AT, 2, 2),
        (TWIN, OTHER, WEB_AT, 1, 1),
        (VpcId::SERVICES, SERVICE, SERVICE_AT, 0, 0),
    ];
    for (vpc, port, address, policy, routes) in everybody {
        let subnet = Prefix::containing(address.into(), 24).expect("24 is a length");
        let gateway = subnet.nth(1).expect("there are 256");
        let mac = Mac([2, 0, 0, 0, 1, port.0.to_be_bytes()[3]]);
        let address = address.into();
        tables.ports.insert(port, Port { vpc, address, mac, subnet, gateway });
        let (policy, routes) = (PolicyId(policy), RouteTableId(routes));
        let nat = (port == APP).then_some(NatId(2));
        let endpoint = Endpoint { port, mac, policy, routes, nat, of_host: false };
        tables.vpcs.entry(vpc).or_default().endpoints.insert(address, endpoint);
    }
    fill(tables.vpcs.get_mut(&VPC).expect("it has instances"));
    outside(&mut tables.outside, mtu);
    tables
}

fn fill(vpc: &mut VpcTables) {
    let classes = [("0.0.0.0/0", 1), ("10.0.1.4/32", 2), ("10.0.1.5/32", 2), ("10.0.2.4/32", 3)];
    vpc.classes = classes.map(|(range, class)| (prefix(range), ClassId(class))).into();
    vpc.routes = [
        (0, "10.0.0.0/16", Route::Local),
        (1, "10.0.0.0/16", Route::Local),
        (1, "10.0.9.0/24", Route::Blackhole),
        (1, "0.0.0.0/0", Route::Nat(NatId(1))),
        (1, "192.0.2.0/24", Route::Nat(NatId(9))),
        (2, "10.0.0.0/16", Route::Local),
        (2, "198.51.0.0/16", Route::Internet),
        (2, "203.0.113.0/24", Route::Nat(NatId(1))),
    ]
    .map(|(table, range, route)| ((RouteTableId(table), prefix(range)), route))
    .into();
    vpc.rules = [
        rule(1, Direction::Egress, 1, None, None),
        rule(1, Direction::Egress, 2, None, None),
        rule(1, Direction::Egress, 3, None, None),
        rule(1, Direction::Ingress, 1, Some(6), Some(8080)),
        rule(1, Direction::Ingress, 1, Some(1), None),
        rule(1, Direction::Ingress, 2, None, None),
        rule(2, Direction::Ingress, 2, Some(6), Some(5432)),
        rule(2, Direction::Egress, 2, None, None),
        rule(2, Direction::Egress, 1, Some(17), None),
    ]
    .into();
    let service = |port| Forward { vpc: VpcId::SERVICES, address: SERVICE_AT.into(), port };
    vpc.forwards = [(6, 53), (17, 53), (6, 80)]
        .map(|(protocol, port)| (ForwardKey { address: SERVICE_AT.into(), protocol, port }, service(port)))
        .into();
}

fn outside(outside: &mut Outside, mtu: u16) {
    let next_hop = Ipv4Addr::new(203, 0, 113, 1).into();
    outside.uplinks.insert(UPLINK, Uplink { mac: UPLINK_MAC, next_hop, mtu });
    outside.addresses = [NAT, PUBLIC, WHOLE].map(|address| (address.into(), UPLINK)).into();
    let nat =
        |address: Ipv4Addr, first_port, last_port| Nat { address: address.into(), first_port, last_port };
    outside.nats = [(NatId(1), nat(NAT, 20_000, 20_007)), (NatId(2), nat(WHOLE, 1, 65_535))].into();
    let to = |address: Ipv4Addr, port| Forward { vpc: VPC, address: address.into(), port };
    let at = |port| ForwardKey { address: PUBLIC.into(), protocol: 6, port };
    outside.forwards = [
        (at(80), to(WEB_AT, 8080)),
        (at(22), to(DB_AT, 22)),
        (ForwardKey { address: PUBLIC.into(), protocol: 17, port: 53 }, to(APP_AT, 5353)),
        (ForwardKey::whole(WHOLE.into()), to(APP_AT, 0)),
    ]
    .into();
}
