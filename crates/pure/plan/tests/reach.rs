//! Between two random worlds, what the preview says opens and is cut is what the resources say.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../compile/tests/common/mod.rs"]
mod common;

use std::collections::BTreeSet;
use std::net::IpAddr;

use common::{Meaning, OUTSIDE, services, worlds};
use madang_compile::{ICMP, TCP, UDP};
use madang_model::Resource;
use madang_plan::{Party, Path, Ports, Protocol, preview};
use proptest::prelude::*;

/// A connection: who opens it, to whom, which protocol and port, and by which public port.
type Connection = (String, String, (u8, u16), Option<String>);

fn outside() -> impl Iterator<Item = IpAddr> {
    OUTSIDE.into_iter().map(|address| address.parse().unwrap())
}

/// What can be opened in a world.
fn possible(world: &[Resource]) -> BTreeSet<Connection> {
    let meaning = Meaning(world);
    let mut possible = BTreeSet::new();
    for from in meaning.instances() {
        let name = &from.metadata.name;
        for service in services() {
            let others = meaning.instances().into_iter().filter(|to| to.metadata.name != *name);
            let reached =
                others.filter(|to| meaning.connects(from, to, service)).map(|to| to.metadata.name.clone());
            possible.extend(reached.map(|to| (name.clone(), to, service, None)));
            let out = outside().filter(|to| meaning.goes_out(from, *to, service));
            possible.extend(out.map(|to| (name.clone(), to.to_string(), service, None)));
        }
    }
    for public in meaning.public_addresses() {
        for service in services().chain([(TCP, 53), (UDP, 53)]) {
            let via = match meaning.forward(public, service) {
                Some(forward) => format!("{public}:{}", forward.port),
                None => public.to_string(),
            };
            for from in outside() {
                let reached = meaning.comes_in(from, public, service);
                let known = reached.filter(|(_, port)| services().any(|asked| asked == (service.0, *port)));
                possible.extend(known.map(|(to, port)| {
                    (from.to_string(), to.metadata.name.clone(), (service.0, port), Some(via.clone()))
                }));
            }
        }
    }
    possible
}

/// What the lines say, each connection once.
fn said(paths: &[Path]) -> BTreeSet<Connection> {
    let mut said = BTreeSet::new();
    for path in paths {
        for from in ends(&path.from) {
            for to in ends(&path.to).into_iter().filter(|to| *to != from) {
                for service in
                    services().filter(|service| path.traffic.iter().any(|ports| has(ports, *service)))
                {
                    let connection = (from.clone(), to.clone(), service, path.via.clone());
                    assert!(said.insert(connection.clone()), "{connection:?} is said twice, now by {path}");
                }
            }
        }
    }
    said
}

fn ends(party: &Party) -> Vec<String> {
    match party {
        Party::Instances { names, count, .. } => {
            assert_eq!(names.len(), *count);
            names.clone()
        }
        Party::Outside(addresses) => {
            let is = |address: &IpAddr| {
                let of = |prefixes: &[madang_addr::Prefix]| {
                    prefixes.iter().any(|prefix| prefix.contains(*address))
                };
                of(&addresses.cidrs) && !of(&addresses.except)
            };
            outside().filter(is).map(|address| address.to_string()).collect()
        }
    }
}

fn has(ports: &Ports, (protocol, port): (u8, u16)) -> bool {
    let number = match ports.protocol {
        Protocol::Tcp => TCP,
        Protocol::Udp => UDP,
        // A ping is meant.
        Protocol::Icmp => {
            let ping = |range: &madang_model::PortRange| (range.first()..=range.last()).contains(&8);
            return protocol == ICMP && (ports.ports.is_empty() || ports.ports.iter().any(ping));
        }
        Protocol::Other => return false,
        Protocol::All => return true,
    };
    let range = |range: &madang_model::PortRange| (range.first()..=range.last()).contains(&port);
    protocol == number && (ports.ports.is_empty() || ports.ports.iter().any(range))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_preview_says_what_changes((before, after) in (worlds(), worlds()), same in 0..4) {
        // Often most of the world stays.
        let after: Vec<Resource> = if same == 0 { after } else {
            let kinds = |r: &Resource| matches!(r, Resource::SecurityGroup(_) | Resource::RouteTable(_));
            before.iter().filter(|r| !kinds(r)).chain(after.iter().filter(|r| kinds(r))).cloned().collect()
        };
        let (was, will) = (possible(&before), possible(&after));
        let reachability = preview(&before, &after).reachability;
        prop_assert_eq!(said(&reachability.opens), &will - &was, "{}", reachability);
        prop_assert_eq!(said(&reachability.cuts), &was - &will, "{}", reachability);
    }

    #[test]
    fn all_opens_from_nothing_and_nothing_from_the_same(world in worlds()) {
        let opens = preview(&[], &world);
        prop_assert_eq!(said(&opens.reachability.opens), possible(&world));
        prop_assert!(opens.reachability.cuts.is_empty());
        prop_assert_eq!(preview(&world, &[]).reachability.cuts, opens.reachability.opens);
        prop_assert!(preview(&world, &world).is_empty());
    }

    #[test]
    fn what_loses_what_it_needs_opens_nothing(world in worlds(), gone in any::<prop::sample::Index>()) {
        let mut rest = world.clone();
        let gone = rest.remove(gone.index(world.len()));
        // Without one that is declared, a VPC has the default group that it has anyway, and a subnet without its route
        // table reaches its VPC, even where the table had a blackhole.
        let replaced = matches!(&gone, Resource::SecurityGroup(group) if group.metadata.name == "default")
            || matches!(gone, Resource::RouteTable(_));
        let opens = preview(&world, &rest).reachability.opens;
        prop_assert!(replaced || opens.is_empty(), "without {}: {opens:?}", gone.object_ref());
    }
}
