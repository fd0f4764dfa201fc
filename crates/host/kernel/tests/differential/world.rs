//! Random worlds: small, overlapping, and with something wrong here and there.

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::{Mac, Prefix};
use madang_datapath::{
    ClassId, Direction, Endpoint, Forward, ForwardKey, Nat, NatId, PolicyId, Port, PortId, PortPrefix, Route,
    RouteTableId, Rule, Tables, Uplink, UplinkId, VpcId, VpcTables,
};

use crate::support::Random;

pub(crate) const PORTS: &[u16] =
    &[22, 53, 80, 443, 1023, 1024, 0x0800, 0x0d00, 5432, 8080, 40000, 40001, 65535];
const PROTOCOLS: &[u8] = &[1, 6, 17];

pub(crate) fn ip(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    Ipv4Addr::new(a, b, c, d).into()
}

pub(crate) fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// The subnets of every VPC: all VPCs have the same.
fn subnets() -> Vec<Prefix> {
    ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.16/28", "10.0.3.0/31"].map(prefix).to_vec()
}

fn mac(port: u32) -> Mac {
    let [.., a, b] = port.to_be_bytes();
    Mac([0x02, 0, 0, 0, a, b])
}

/// Addresses outside, from which and to which things are sent.
pub(crate) fn remotes() -> Vec<IpAddr> {
    vec![
        ip(203, 0, 113, 7),
        ip(203, 0, 113, 8),
        ip(192, 0, 2, 1),
        ip(8, 8, 8, 8),
        ip(10, 0, 1, 77),
        ip(10, 0, 1, 77),
    ]
}

/// The pools' addresses.
pub(crate) fn pool() -> Vec<IpAddr> {
    (1..=5).map(|last| ip(198, 51, 100, last)).collect()
}

/// A world on these interfaces; the last few are left out of it.
pub(crate) fn make(random: &mut Random, interfaces: &[u32]) -> Tables {
    let mut tables = Tables::default();
    let mut free = interfaces.iter().copied();
    let uplinks: Vec<u32> = free.by_ref().take(2).collect();
    make_outside(random, &mut tables, &uplinks);
    for vpc in 1..=random.between(2, 4) {
        let vpc = VpcId(u32::try_from(vpc * 7).unwrap());
        let own = make_vpc(random, &mut tables, vpc, &mut free);
        tables.vpcs.insert(vpc, own);
    }
    make_services(random, &mut tables, &mut free);
    make_forwards(random, &mut tables);
    make_public(random, &mut tables);
    tables
}

/// Where services are, and the addresses at which they are asked.
fn make_services(random: &mut Random, tables: &mut Tables, free: &mut impl Iterator<Item = u32>) {
    let Some(port) = free.next() else { return };
    let (address, subnet, vpc) = (SERVER.into(), prefix("169.254.169.252/30"), VpcId::SERVICES);
    let (gateway, mac) = (subnet.nth(1).unwrap(), mac(port));
    tables.ports.insert(PortId(port), Port { vpc, address, mac, subnet, gateway });
    for own in tables.vpcs.values_mut() {
        make_asked(random, own);
    }
    let endpoint = Endpoint {
        port: PortId(port),
        mac,
        policy: PolicyId(0),
        routes: RouteTableId(0),
        nat: None,
        of_host: false,
    };
    let endpoints = [(address, endpoint)].into();
    tables.vpcs.insert(vpc, VpcTables { endpoints, ..VpcTables::default() });
}

fn make_asked(random: &mut Random, own: &mut VpcTables) {
    own.forwards.clear();
    for address in services() {
        for (protocol, port) in [(17, 53), (6, 53), (6, 80)] {
            if !random.once_in(4) {
                // Now and then to somewhere else, where no service is.
                let vpc = if random.once_in(10) { VpcId(7) } else { VpcId::SERVICES };
                let address = ForwardKey { address, protocol, port };
                own.forwards.insert(address, Forward { vpc, address: SERVER.into(), port });
            }
        }
    }
    // Of some subnets the gateway answers DHCP.
    for address in subnets().iter().filter_map(|subnet| subnet.nth(1)) {
        if random.once_in(3) {
            continue;
        }
        let key = ForwardKey { address, protocol: 17, port: 67 };
        let to = if random.once_in(10) { ip(10, 0, 0, 4) } else { SERVER.into() };
        own.forwards.insert(key, Forward { vpc: VpcId::SERVICES, address: to, port: 67 });
    }
}

/// Addresses at which services are asked.
pub(crate) fn services() -> [IpAddr; 4] {
    [ip(10, 0, 0, 2), ip(10, 0, 1, 2), ip(169, 254, 169, 253), SERVER.into()]
}

const SERVER: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

fn make_outside(random: &mut Random, tables: &mut Tables, uplinks: &[u32]) {
    for (i, uplink) in uplinks.iter().enumerate() {
        let next_hop = ip(198, 51, 100, 254 - u8::try_from(i).unwrap());
        let mtu = *random.pick(&[0, 1500, 1500, 60, 44, 36]);
        tables.outside.uplinks.insert(UplinkId(*uplink), Uplink { mac: mac(*uplink), next_hop, mtu });
    }
    for address in pool() {
        // Now and then at an uplink that is not there.
        let uplink = if random.once_in(12) { 9999 } else { *random.pick(uplinks) };
        if !random.once_in(15) {
            tables.outside.addresses.insert(address, UplinkId(uplink));
        }
    }
    for nat in 1..=3 {
        tables.outside.nats.insert(NatId(nat), make_nat(random));
    }
}

fn make_nat(random: &mut Random) -> Nat {
    let address = *random.pick(&pool());
    let (first_port, last_port) = match random.below(7) {
        0 | 5 | 6 => (40000, 40000 + u16::try_from(random.below(4)).unwrap()),
        1 => (5, 4),
        2 => (0, 65535),
        3 => (32768, 49151),
        _ => (1024, 1024 + u16::try_from(random.below(20)).unwrap()),
    };
    Nat { address, first_port, last_port }
}

fn make_vpc(
    random: &mut Random,
    tables: &mut Tables,
    vpc: VpcId,
    free: &mut impl Iterator<Item = u32>,
) -> VpcTables {
    let mut own = VpcTables::default();
    for subnet in subnets() {
        for _ in 0..random.between(0, 2) {
            add_endpoint(random, tables, &mut own, vpc, subnet, free);
        }
    }
    for prefix in
        ["10.0.0.0/16", "10.0.1.0/24", "0.0.0.0/0", "203.0.113.0/24", "203.0.113.8/32", "10.0.2.16/28"]
    {
        if !random.once_in(3) {
            own.classes.insert(self::prefix(prefix), class(random));
        }
    }
    for address in own.endpoints.keys().copied().collect::<Vec<_>>() {
        if random.once_in(2) {
            own.classes.insert(Prefix::host(address), class(random));
        }
    }
    for table in 1..=3 {
        make_routes(random, &mut own, RouteTableId(table));
    }
    for _ in 0..random.between(4, 40) {
        own.rules.insert(rule(random));
    }
    own
}

fn add_endpoint(
    random: &mut Random,
    tables: &mut Tables,
    own: &mut VpcTables,
    vpc: VpcId,
    subnet: Prefix,
    free: &mut impl Iterator<Item = u32>,
) {
    let size = 1u64 << subnet.host_bits();
    // One address is also that of someone outside, who may have the tuple that an instance wants.
    let place = if random.once_in(5) { 77 } else { random.below(size.min(20)) };
    let Some(address) = subnet.nth(u128::from(place)) else { return };
    // Of those without a port some are on other hosts.
    let port = if random.once_in(8) { None } else { free.next() };
    let endpoint = Endpoint {
        port: PortId(port.unwrap_or(5000)),
        mac: mac(port.unwrap_or(5000)),
        policy: policy(random),
        routes: RouteTableId(u32::try_from(random.between(1, 3)).unwrap()),
        nat: random.once_in(2).then(|| NatId(u32::try_from(random.between(1, 4)).unwrap())),
        of_host: random.once_in(4),
    };
    if let Some(port) = port {
        let gateway = subnet.nth(1).unwrap();
        tables.ports.insert(PortId(port), Port { vpc, address, mac: mac(port), subnet, gateway });
    }
    // A port whose address nobody has: its VPC's tables come later, or never.
    if !random.once_in(12) {
        own.endpoints.insert(address, endpoint);
    }
}

fn make_routes(random: &mut Random, own: &mut VpcTables, table: RouteTableId) {
    if !random.once_in(4) {
        own.routes.insert((RouteTableId::RANGES, prefix("10.0.0.0/16")), Route::Local);
    }
    if !random.once_in(10) {
        own.routes.insert((table, prefix("10.0.0.0/16")), Route::Local);
    }
    for prefix in ["0.0.0.0/0", "203.0.113.0/24", "8.0.0.0/8", "10.0.1.0/24", "10.0.1.77/32"] {
        if !random.once_in(3) {
            let route = route(random, prefix.starts_with("10."));
            own.routes.insert((table, self::prefix(prefix)), route);
        }
    }
}

fn route(random: &mut Random, local: bool) -> Route {
    match random.below(12) {
        0 => Route::Blackhole,
        1 | 3 | 4 => Route::Internet,
        2 => Route::Local,
        _ if local => Route::Local,
        // The last one is not there.
        _ => Route::Nat(NatId(
            u32::try_from(if random.once_in(15) { 4 } else { random.between(1, 3) }).unwrap(),
        )),
    }
}

fn class(random: &mut Random) -> ClassId {
    ClassId(u32::try_from(random.below(4)).unwrap())
}

fn policy(random: &mut Random) -> PolicyId {
    PolicyId(u32::try_from(random.between(1, 3)).unwrap())
}

fn rule(random: &mut Random) -> Rule {
    let ports = match random.below(4) {
        0 | 1 => PortPrefix::ALL,
        2 => PortPrefix::new(*random.pick(PORTS), 16).unwrap(),
        _ => {
            let first = *random.pick(PORTS);
            *random.pick(&PortPrefix::cover(first, first.saturating_add(3000)))
        }
    };
    Rule {
        policy: policy(random),
        direction: if random.once_in(2) { Direction::Ingress } else { Direction::Egress },
        class: class(random),
        protocol: (!random.once_in(3)).then(|| *random.pick(PROTOCOLS)),
        ports,
    }
}

fn make_forwards(random: &mut Random, tables: &mut Tables) {
    for _ in 0..random.between(2, 12) {
        let (address, port) = (*random.pick(&pool()), *random.pick(PORTS));
        let protocol = *random.pick(&[6, 6, 17, 1]);
        let whole = random.once_in(4);
        let key = if whole { ForwardKey::whole(address) } else { ForwardKey { address, protocol, port } };
        if let Some(forward) = forward(random, tables) {
            tables.outside.forwards.insert(key, forward);
        }
    }
}

/// Public addresses of instances' own: whatever is sent to them arrives, and they go out with them.
fn make_public(random: &mut Random, tables: &mut Tables) {
    for (vpc, own) in &tables.vpcs {
        for (address, endpoint) in &own.endpoints {
            let nat = endpoint.nat.and_then(|nat| tables.outside.nats.get(&nat));
            if let Some(nat) = nat.filter(|_| random.once_in(3)) {
                let forward = Forward { vpc: *vpc, address: *address, port: 0 };
                tables.outside.forwards.insert(ForwardKey::whole(nat.address), forward);
            }
        }
    }
}

fn forward(random: &mut Random, tables: &Tables) -> Option<Forward> {
    let vpcs: Vec<VpcId> = tables.vpcs.keys().copied().chain([VpcId(4)]).collect();
    let vpc = *random.pick(&vpcs);
    let known = tables.vpcs.get(&vpc).map(|own| own.endpoints.keys().copied().collect::<Vec<_>>());
    let address = match known {
        Some(known) if !known.is_empty() && !random.once_in(10) => *random.pick(&known),
        _ => ip(10, 0, 0, 99),
    };
    Some(Forward { vpc, address, port: *random.pick(PORTS) })
}

/// Changes something, so that flows must be decided again.
pub(crate) fn change(random: &mut Random, tables: &mut Tables) {
    for _ in 0..random.between(1, 3) {
        change_one(random, tables);
    }
}

fn change_one(random: &mut Random, tables: &mut Tables) {
    let vpcs: Vec<VpcId> = tables.vpcs.keys().copied().collect();
    let Some(own) = (!vpcs.is_empty()).then(|| *random.pick(&vpcs)).and_then(|vpc| tables.vpcs.get_mut(&vpc))
    else {
        return;
    };
    match random.below(14) {
        13 => {
            if let Some(endpoint) = own.endpoints.values_mut().next_back() {
                endpoint.nat = random.once_in(2).then_some(NatId(2));
            }
        }
        12 => make_asked(random, own),
        0 | 1 => {
            own.rules.insert(rule(random));
        }
        2 | 3 => {
            let rules: Vec<Rule> = own.rules.iter().copied().collect();
            if !rules.is_empty() {
                own.rules.remove(random.pick(&rules));
            }
        }
        4 => {
            let table = RouteTableId(u32::try_from(random.between(1, 3)).unwrap());
            make_routes(random, own, table);
        }
        5 => {
            own.classes.insert(prefix("203.0.113.0/24"), class(random));
        }
        6 => {
            let policy = policy(random);
            if let Some(endpoint) = own.endpoints.values_mut().next() {
                endpoint.policy = policy;
            }
        }
        7 => {
            own.endpoints.pop_first();
        }
        8 => {
            let nat = make_nat(random);
            tables.outside.nats.insert(NatId(u32::try_from(random.between(1, 3)).unwrap()), nat);
        }
        9 => make_forwards(random, tables),
        10 => {
            tables.outside.forwards.pop_first();
        }
        _ => {
            let address = *random.pick(&pool());
            if tables.outside.addresses.remove(&address).is_none() {
                let uplink = *tables.outside.uplinks.keys().next().unwrap();
                tables.outside.addresses.insert(address, uplink);
            }
        }
    }
}
