//! What the tables do is what the resources say: random worlds, every pair, through the reference pipeline.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use common::{Meaning, OUTSIDE, model, services, worlds};
use madang_addr::Mac;
use madang_compile::{Desired, Host, HostUplink, TCP, UDP, compile};
use madang_datapath::{
    ClassId, Entrance, Entry, PortId, Probe, Protocol, Rule, Tables, UplinkId, Verdict, explain,
};
use madang_model::Resource;
use proptest::prelude::*;

const UPLINK: UplinkId = UplinkId(2);

/// All instances and the uplink are on this host.
fn desired(resources: &[Resource]) -> Desired {
    let network = compile(&model(resources));
    let ports = network.instances.keys().cloned().zip((10..).map(PortId)).collect();
    let mac: Mac = "02:00:00:00:00:02".parse().unwrap();
    network.for_host(&Host {
        ports,
        uplinks: BTreeMap::from([("up0".to_owned(), HostUplink { id: UPLINK, mac, mtu: 1500 })]),
    })
}

fn protocol(number: u8) -> Protocol {
    [Protocol::Tcp, Protocol::Udp, Protocol::Icmp].into_iter().find(|p| p.number() == number).unwrap()
}

fn verdict(
    tables: &Tables,
    from: Entrance,
    source: IpAddr,
    destination: IpAddr,
    service: (u8, u16),
) -> Verdict {
    let (protocol, port) = (protocol(service.0), service.1);
    explain(tables, None, None, &Probe { from, source, destination, protocol, source_port: 40000, port })
        .outcome
        .verdict
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_tables_do_what_the_resources_say(world in worlds()) {
        let (meaning, desired) = (Meaning(&world), desired(&world));
        let tables = &desired.tables;
        let port = |name: &str| tables.ports.iter().zip(desired.ports.iter()).find(|(_, spec)| spec.name == name).map(|((id, _), _)| *id).unwrap();
        for from in meaning.instances() {
            let (entrance, source) = (Entrance::Port(port(&from.metadata.name)), from.status.address.unwrap());
            for service in services() {
                for to in meaning.instances().into_iter().filter(|to| to.status.address != Some(source)) {
                    // The twin's address is, from here, whoever has it here.
                    let address = to.status.address.unwrap();
                    let here = meaning.instances().into_iter().find(|i| {
                        i.status.address == Some(address) && i.metadata.name.starts_with(&from.metadata.name[..1])
                    });
                    let expected = here.filter(|to| meaning.connects(from, to, service)).map(|to| Verdict::ToPort(port(&to.metadata.name)));
                    let got = verdict(tables, entrance, source, address, service);
                    prop_assert_eq!(Some(got).filter(|v| v.drop_reason().is_none()), expected, "{} to {} {:?}", from.metadata.name, to.metadata.name, service);
                }
                for to in OUTSIDE.map(|to| to.parse::<IpAddr>().unwrap()) {
                    let got = verdict(tables, entrance, source, to, service);
                    let expected = meaning.goes_out(from, to, service);
                    prop_assert_eq!(matches!(got, Verdict::ToUplink(UPLINK, _)), expected, "{} to {} {:?}: {:?}", from.metadata.name, to, service, got);
                    prop_assert!(expected || got.drop_reason().is_some());
                }
            }
        }
        for (from, public) in meaning.instances().into_iter().flat_map(|from| meaning.public_addresses().into_iter().map(move |to| (from, to))) {
            let (entrance, source) = (Entrance::Port(port(&from.metadata.name)), from.status.address.unwrap());
            for service in services().chain([(UDP, 53), (TCP, 53)]) {
                let got = verdict(tables, entrance, source, public, service);
                let expected = meaning.comes_back(from, public, service).map(|(to, _)| Verdict::ToPort(port(&to.metadata.name)));
                prop_assert_eq!(Some(got).filter(|v| v.drop_reason().is_none()), expected, "{} to {} {:?}", from.metadata.name, public, service);
            }
        }
        for public in meaning.public_addresses() {
        for from in OUTSIDE.map(|from| from.parse::<IpAddr>().unwrap()) {
            for service in services().chain([(UDP, 53), (TCP, 53)]) {
                let got = verdict(tables, Entrance::Uplink(UPLINK), from, public, service);
                let expected = meaning.comes_in(from, public, service).map(|(to, _)| Verdict::ToPort(port(&to.metadata.name)));
                prop_assert_eq!(Some(got).filter(|v| v.drop_reason().is_none()), expected, "{} to {} {:?}", from, public, service);
            }
        }
        }
    }

    #[test]
    fn nothing_is_said_twice(world in worlds()) {
        for tables in desired(&world).tables.vpcs.values() {
            let rules: Vec<&Rule> = tables.rules.iter().collect();
            for (n, a) in rules.iter().enumerate() {
                for b in &rules[n + 1..] {
                    let same = (a.policy, a.direction) == (b.policy, b.direction)
                        && (a.class == b.class || a.class == ClassId(0));
                    let overlap = a.ports.contains(b.ports.base()) || b.ports.contains(a.ports.base());
                    let covers = a.protocol.is_none() || a.protocol == b.protocol;
                    prop_assert!(!(same && covers && overlap), "{a:?} and {b:?}");
                }
            }
            let used: BTreeSet<_> = tables.endpoints.values().map(|e| e.policy).collect();
            prop_assert!(tables.rules.iter().all(|rule| used.contains(&rule.policy)));
            for (prefix, class) in &tables.classes {
                let around = madang_compile::parent(&tables.classes, *prefix).map(|(_, class)| *class);
                prop_assert_ne!(around.unwrap_or_default(), *class);
            }
        }
    }

    #[test]
    fn every_entry_has_its_origins(world in worlds()) {
        let Desired { tables, origins, .. } = desired(&world);
        let known: BTreeSet<_> = world.iter().map(Resource::object_ref).collect();
        let mut entries: Vec<Entry> = tables.ports.keys().copied().map(Entry::Port).collect();
        for (vpc, tables) in &tables.vpcs {
            entries.extend(tables.endpoints.keys().map(|a| Entry::Endpoint(*vpc, *a)));
            entries.extend(tables.classes.keys().map(|p| Entry::Class(*vpc, *p)));
            entries.extend(tables.routes.keys().map(|(t, p)| Entry::Route(*vpc, *t, *p)));
            entries.extend(tables.rules.iter().map(|rule| Entry::Rule(*vpc, *rule)));
        }
        entries.extend(tables.outside.uplinks.keys().copied().map(Entry::Uplink));
        entries.extend(tables.outside.addresses.keys().copied().map(Entry::Address));
        entries.extend(tables.outside.nats.keys().copied().map(Entry::Nat));
        entries.extend(tables.outside.forwards.keys().copied().map(Entry::Forward));
        for entry in &entries {
            let because = origins.get(entry).map(Vec::as_slice).unwrap_or_default();
            prop_assert!(!because.is_empty(), "{entry:?}");
            for origin in because {
                prop_assert!(known.contains(&origin.object), "{entry:?} by {origin}");
                let resource = world.iter().find(|r| r.object_ref() == origin.object).unwrap().to_json();
                let pointer = format!("/{}", origin.path.replace(['.', '['], "/").replace(']', ""));
                // What was left out stands for its default.
                let left_out = ["/spec/egress", "/spec/securityGroups", "/spec/public"].contains(&pointer.as_str());
                prop_assert!(pointer == "/" || left_out || resource.pointer(&pointer).is_some(), "{entry:?} by {origin}");
            }
        }
        prop_assert_eq!(origins.len(), entries.len());
    }

    #[test]
    fn the_order_of_writing_does_not_matter((world, shuffled) in worlds().prop_flat_map(|w| (Just(w.clone()), Just(w).prop_shuffle()))) {
        prop_assert_eq!(compile(&model(&world)), compile(&model(&shuffled)));
    }
}
