//! Paths count as the resources were written, and say no more than what made the entry.

mod common;

use std::collections::BTreeMap;

use common::resources;
use madang_addr::Mac;
use madang_compile::{Desired, Host, HostUplink, compile};
use madang_datapath::{Direction, Entry, PortId, Route, UplinkId};
use madang_model::check;

const WORLD: &str = "
AddressPool outside { interface: up0, nextHop: 203.0.113.1, addresses: [203.0.113.10] }
Vpc shop { cidrs: [10.0.0.0/16] }
Subnet a { vpc: shop, cidr: 10.0.1.0/24, public: true }
Subnet b { vpc: shop, cidr: 10.0.2.0/24, public: true }
Subnet c { vpc: shop, cidr: 10.0.3.0/24 }
SecurityGroup web { vpc: shop, ingress: [{ from: [nobody] }, { protocol: tcp, ports: [80], from: [gone, 9.9.9.9/32, db] }], egress: [{ to: [gone] }, { to: [db] }] }
SecurityGroup db { vpc: shop, ingress: [] }
Instance web-1 { subnet: a, securityGroups: [web], process: { command: [a] } }
Instance web-2 { subnet: b, securityGroups: [web], process: { command: [a] } }
Instance db-1 { subnet: c, securityGroups: [db], process: { command: [a] } }
Instance plain { subnet: c, process: { command: [a] } }
PublicAddress front { pool: outside, forwards: [{ port: 22, instance: gone }, { port: 80, instance: web-1 }] }";

/// What is there of it, with all on one host. What is wrong is left to `check`.
fn desired(text: &str) -> Desired {
    let line = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (kind, name, spec) = (words.next()?, words.next()?, words.next()?);
        Some(format!(
            "--- {{apiVersion: madang.dev/v1alpha1, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}\n"
        ))
    };
    let (model, _) = check(&resources(&text.lines().filter_map(line).collect::<String>()));
    let network = compile(&model);
    let ports = network.instances.keys().cloned().zip((10..).map(PortId)).collect();
    let uplinks = BTreeMap::from([(
        "up0".to_owned(),
        HostUplink { id: UplinkId(2), mac: Mac([2, 0, 0, 0, 0, 2]), mtu: 1500 },
    )]);
    network.for_host(&Host { ports, uplinks })
}

/// The origins of the entries that it picks, each with what the entry is.
fn because(desired: &Desired, pick: impl Fn(&Entry) -> Option<String>) -> Vec<String> {
    let line = |(entry, origins): (&Entry, &Vec<_>)| {
        let origins: Vec<String> = origins.iter().map(ToString::to_string).collect();
        pick(entry).map(|entry| format!("{entry}: {}", origins.join(", ")))
    };
    desired.origins.iter().filter_map(line).collect()
}

#[test]
fn what_leads_nowhere_keeps_its_place() {
    let desired = desired(WORLD);
    let forwards = because(&desired, |entry| match entry {
        Entry::Forward(key) => Some(key.port.to_string()),
        _ => None,
    });
    let expected = ["22: PublicAddress/front spec.forwards[0]", "80: PublicAddress/front spec.forwards[1]"];
    assert_eq!(forwards, expected, "one that leads to nobody is none of the others'");
    let rules = because(&desired, |entry| match entry {
        Entry::Rule(_, rule) if rule.direction == Direction::Ingress && rule.protocol.is_some() => {
            Some("in".to_owned())
        }
        _ => None,
    });
    // From db, and from 9.9.9.9.
    assert_eq!(rules, ["in: SecurityGroup/web spec.ingress[1]"; 2]);
    let out = because(&desired, |entry| match entry {
        Entry::Rule(_, rule) if rule.direction == Direction::Egress => Some("out".to_owned()),
        _ => None,
    });
    assert!(out.contains(&"out: SecurityGroup/web spec.egress[1]".to_owned()), "{out:?}");
    assert!(!out.iter().any(|line| line.contains("spec.egress[0]")), "{out:?}");
    let class = because(&desired, |entry| match entry {
        Entry::Class(_, prefix) if prefix.to_string() == "9.9.9.9/32" => Some(prefix.to_string()),
        _ => None,
    });
    assert_eq!(class, ["9.9.9.9/32: SecurityGroup/web spec.ingress[1].from[1]"]);
}

#[test]
fn a_default_group_that_nobody_declared_is_the_vpcs() {
    let plain = "
Vpc shop { cidrs: [10.0.0.0/16] }
Subnet a { vpc: shop, cidr: 10.0.1.0/24 }
Instance i { subnet: a, process: { command: [a] } }
Instance j { subnet: a, securityGroups: [default], process: { command: [a] } }";
    let rules = because(&desired(plain), |entry| match entry {
        Entry::Rule(_, rule) => Some(format!("{:?}", rule.direction)),
        _ => None,
    });
    // In from each other; out to anywhere.
    assert_eq!(rules, ["Ingress: Vpc/shop", "Egress: Vpc/shop"]);
}

#[test]
fn a_public_subnets_default_route_is_its_own() {
    let desired = desired(WORLD);
    let routes = because(&desired, |entry| match entry {
        Entry::Route(_, _, prefix) if prefix.length() == 0 => Some(prefix.to_string()),
        _ => None,
    });
    assert_eq!(routes, ["0.0.0.0/0: Subnet/a spec.public", "0.0.0.0/0: Subnet/b spec.public"]);
    let tables = desired.tables.vpcs.first_key_value().unwrap().1;
    let internet = |address: &str| {
        let table = tables.endpoints[&address.parse().unwrap()].routes;
        tables.routes.get(&(table, "0.0.0.0/0".parse().unwrap())) == Some(&Route::Internet)
    };
    assert_eq!(["10.0.1.4", "10.0.2.4", "10.0.3.4"].map(internet), [true, true, false]);
}
