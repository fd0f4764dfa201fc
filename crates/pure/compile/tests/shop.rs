//! The example of the README, table by table, and what only shows in particular worlds.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use common::{SHOP, large, model, network, resources};
use madang_addr::{Mac, Prefix};
use madang_compile::{Desired, Host, HostUplink, Network, SERVER, SERVICES, VpcNetwork, compile};
use madang_datapath::{
    ClassId, Direction, Entry, ForwardKey, PortId, PortPrefix, Route, Rule, UplinkId, VpcId,
};
use madang_model::Resource;

fn vpc<'a>(network: &'a Network, name: &str) -> &'a VpcNetwork {
    network.vpcs.values().find(|vpc| vpc.name == name).unwrap()
}

/// Every rule, with names instead of numbers: `db in 10.0.1.10/32 tcp/5432`.
fn rules(vpc: &VpcNetwork) -> Vec<String> {
    let policies: BTreeMap<_, _> = vpc.policies.iter().map(|(groups, id)| (*id, groups)).collect();
    let mut prefixes = BTreeMap::from([(ClassId(0), vec!["anybody".to_owned()])]);
    for (prefix, class) in &vpc.classes {
        prefixes.entry(*class).or_default().push(prefix.to_string());
    }
    let line = |rule: &Rule| {
        let groups = policies[&rule.policy].iter().cloned().collect::<Vec<_>>().join("+");
        let direction = if rule.direction == Direction::Ingress { "in" } else { "out" };
        let ports = if rule.ports == PortPrefix::ALL {
            String::new()
        } else {
            format!("/{}+{}", rule.ports.base(), rule.ports.length())
        };
        let protocol = rule.protocol.map_or("all".to_owned(), |p| p.to_string());
        format!("{groups} {direction} {} {protocol}{ports}", prefixes[&rule.class].join(","))
    };
    vpc.rules.iter().map(line).collect()
}

fn routes(vpc: &VpcNetwork) -> Vec<String> {
    vpc.routes.iter().map(|((table, prefix), route)| format!("{} {prefix} {route:?}", table.0)).collect()
}

fn on_host(network: &Network) -> Desired {
    let ports = network.instances.keys().cloned().zip((10..).map(PortId)).collect();
    let uplinks = BTreeMap::from([(
        "shop-uplink".to_owned(),
        HostUplink { id: UplinkId(2), mac: Mac([2, 0, 0, 0, 0, 2]), mtu: 1500 },
    )]);
    network.for_host(&Host { ports, uplinks })
}

fn because(desired: &Desired, entry: Entry) -> Vec<String> {
    desired.origins[&entry].iter().map(ToString::to_string).collect()
}

#[test]
fn the_shop() {
    let network = network(SHOP);
    let shop = vpc(&network, "shop");
    assert_eq!(
        rules(shop),
        [
            "db in 10.0.1.10/32 6/5432+16",
            "db out anybody all",
            "web in anybody 6/8080+16",
            "web out anybody all",
        ]
    );
    assert_eq!(
        routes(shop),
        [
            "0 10.0.0.0/16 Local",
            "1 0.0.0.0/0 Nat(NatId(1))",
            "1 10.0.0.0/16 Local",
            "1 198.51.100.0/24 Blackhole",
            "2 0.0.0.0/0 Internet",
            "2 10.0.0.0/16 Local",
        ]
    );
    let twin = vpc(&network, "twin");
    assert_eq!(routes(twin), ["0 10.0.0.0/16 Local", "1 10.0.0.0/16 Local"]);
    // One class has both twins: nothing tells them apart.
    assert_eq!(rules(twin), ["default in 10.0.1.4/32,10.0.1.10/32 all", "default out anybody all",]);
    let hosts: Vec<_> =
        shop.hosts.lines.iter().map(|(address, names)| format!("{address} {names}")).collect();
    assert_eq!(hosts, ["10.0.1.10 web-1 web-1.shop.internal", "10.0.2.10 db-1 db-1.shop.internal"]);
}

#[test]
fn every_vpc_asks_for_names_at_each_subnets_third_address() {
    let network = network(SHOP);
    let (id, shop) = network.vpcs.iter().find(|(_, vpc)| vpc.name.ends_with("shop")).unwrap();
    let asked: BTreeSet<String> = shop.services.keys().map(|key| key.address.to_string()).collect();
    assert!(asked.contains("10.0.1.2") && asked.contains("169.254.169.253"), "{asked:?}");
    assert!(shop.services.values().all(|to| to.vpc == VpcId::SERVICES && to.address == SERVER));
    let workload =
        network.for_host(&Host::default()).workloads.into_iter().find(|w| w.name == "web-1").unwrap();
    assert_eq!(
        (workload.nameservers[0].to_string(), &*workload.domain),
        ("10.0.1.2".to_owned(), "shop.internal")
    );

    let ports = [("uid-web-1", 7), (SERVICES, 8)].map(|(uid, port)| (uid.to_owned(), PortId(port)));
    let tables = network.for_host(&Host { ports: ports.into(), ..Host::default() }).tables;
    assert_eq!(tables.vpcs[id].forwards, shop.services);
    let services = &tables.vpcs[&VpcId::SERVICES];
    assert_eq!(services.endpoints[&SERVER].port, PortId(8));
    assert!(services.rules.is_empty() && services.routes.is_empty(), "they open nothing");
}

#[test]
fn entries_say_where_they_come_from() {
    let desired = on_host(&network(SHOP));
    let (vpc, tables) = desired.tables.vpcs.first_key_value().unwrap();
    let of = |direction, base| {
        tables.rules.iter().find(|r| r.direction == direction && r.ports.base() == base).unwrap()
    };
    let rule = |direction, base| because(&desired, Entry::Rule(*vpc, *of(direction, base)));
    assert_eq!(rule(Direction::Ingress, 5432), ["SecurityGroup/db spec.ingress[0]"]);
    assert_eq!(rule(Direction::Egress, 0), ["SecurityGroup/db spec.egress"]);
    let class = |prefix: &str| because(&desired, Entry::Class(*vpc, prefix.parse().unwrap()));
    assert_eq!(class("10.0.1.10/32"), ["Instance/web-1 spec.securityGroups"]);
    assert_eq!(rule(Direction::Ingress, 8080), ["SecurityGroup/web spec.ingress[0]"]);
    let address = |text: &str| because(&desired, Entry::Address(text.parse().unwrap()));
    assert_eq!(address("203.0.113.11"), ["NatGateway/out", "AddressPool/internet spec.addresses[1]"]);
    let key = ForwardKey { address: "203.0.113.10".parse().unwrap(), protocol: 6, port: 80 };
    assert_eq!(because(&desired, Entry::Forward(key)), ["PublicAddress/front spec.forwards[0]"]);
    assert_eq!(because(&desired, Entry::Uplink(UplinkId(2))), ["AddressPool/internet spec.interface"]);
    let route = tables.routes.iter().find(|(_, route)| **route == Route::Blackhole).unwrap().0;
    assert_eq!(
        because(&desired, Entry::Route(*vpc, route.0, route.1)),
        ["RouteTable/private spec.routes[1]"]
    );
}

#[test]
fn what_a_host_has_not_is_not_in_its_tables() {
    let network = network(SHOP);
    let bare = network.for_host(&Host::default());
    assert_eq!((bare.tables.ports.len(), bare.tables.vpcs.len()), (0, 0));
    assert!(bare.tables.outside.addresses.is_empty() && bare.tables.outside.uplinks.is_empty());
    assert_eq!(bare.tables.outside.nats.len(), 1);
    assert_eq!(
        (bare.ports.len(), bare.workloads.len(), bare.uplinks[0].interface.as_str()),
        (5, 4, "shop-uplink"),
        "four instances, and the services"
    );

    let only = Host { ports: BTreeMap::from([("uid-web-1".to_owned(), PortId(7))]), ..Host::default() };
    let tables = network.for_host(&only).tables;
    let endpoints: Vec<_> =
        tables.vpcs.values().flat_map(|vpc| vpc.endpoints.keys()).map(IpAddr::to_string).collect();
    assert_eq!(endpoints, ["10.0.1.10"]);
    assert_eq!(tables.ports[&PortId(7)].gateway.to_string(), "10.0.1.1");

    let (with, without) = (on_host(&network), bare);
    assert_eq!((with.ports, with.workloads), (without.ports, without.workloads));
}

#[test]
fn a_spec_hash_is_of_what_runs_and_nothing_else() {
    let workloads = |resources: &[Resource]| compile(&model(resources)).for_host(&Host::default()).workloads;
    let before = resources(SHOP);
    let mut after = before.clone();
    for resource in &mut after {
        resource.metadata_mut().labels.insert("a".to_owned(), "b".to_owned());
        if let Resource::SecurityGroup(group) = resource {
            group.spec.ingress.clear();
        }
    }
    assert_eq!(workloads(&before), workloads(&after));
    for resource in &mut after {
        if let Resource::Instance(instance) = resource {
            instance.spec.process.as_mut().unwrap().command.push("--more".to_owned());
        }
    }
    for (before, after) in workloads(&before).iter().zip(workloads(&after)) {
        assert_ne!(before.spec_hash, after.spec_hash, "{}", before.name);
    }
    // It is compared with what another build has stored.
    let hash = workloads(&before).into_iter().find(|w| w.name == "twin-2").unwrap().spec_hash;
    assert_eq!(hash, "90714e00493f2851");
}

#[test]
fn ranges_of_several_rules_become_few_entries() {
    let group = |name: &str, rules: &str| {
        format!(
            "---\napiVersion: madang.dev/v1alpha1\nkind: SecurityGroup\nmetadata: {{ name: {name} }}\nspec: {{ vpc: v, egress: [], ingress: [{rules}] }}\n"
        )
    };
    let cases = [
        // Overlapping and touching ranges of two groups.
        (
            "{ protocol: tcp, ports: [8000-8003], from: [9.9.9.9/32] }",
            "{ protocol: tcp, ports: [8002-8007], from: [9.9.9.9/32] }",
            vec!["a+b in 9.9.9.9/32 6/8000+13"],
        ),
        // All protocols take in the others.
        (
            "{ protocol: tcp, ports: [80], from: [9.9.9.9/32] }",
            "{ from: [9.9.9.9/32] }",
            vec!["a+b in 9.9.9.9/32 all"],
        ),
        // A wider CIDR counts inside too.
        (
            "{ protocol: udp, from: [9.0.0.0/8] }",
            "{ protocol: icmp, from: [9.9.9.9/32] }",
            vec!["a+b in 9.0.0.0/8 17", "a+b in 9.9.9.9/32 1", "a+b in 9.9.9.9/32 17"],
        ),
        // What anybody may is not said again of those who are singled out, but for what cannot be said otherwise.
        (
            "{ protocol: tcp, ports: [80], from: [0.0.0.0/0] }",
            "{ protocol: tcp, ports: [80-81], from: [9.9.9.9/32] }",
            vec!["a+b in anybody 6/80+16", "a+b in 9.9.9.9/32 6/81+16"],
        ),
        (
            "{ protocol: tcp, ports: [80], from: [0.0.0.0/0] }",
            "{ from: [9.9.9.9/32] }",
            vec!["a+b in anybody 6/80+16", "a+b in 9.9.9.9/32 all"],
        ),
        // One rule, however many CIDRs: one class.
        (
            "{ protocol: tcp, ports: [22], from: [8.8.8.8/32, 9.0.0.0/8, 9.9.9.9/32] }",
            "",
            vec!["a+b in 8.8.8.8/32,9.0.0.0/8 6/22+16"],
        ),
    ];
    for (a, b, expected) in cases {
        let world = format!(
            "apiVersion: madang.dev/v1alpha1\nkind: Vpc\nmetadata: {{ name: v }}\nspec: {{ cidrs: [10.0.0.0/16] }}\n\
             ---\napiVersion: madang.dev/v1alpha1\nkind: Subnet\nmetadata: {{ name: s }}\nspec: {{ vpc: v, cidr: 10.0.0.0/24 }}\n\
             ---\napiVersion: madang.dev/v1alpha1\nkind: Instance\nmetadata: {{ name: i }}\nspec: {{ subnet: s, securityGroups: [a, b], process: {{ command: [\"true\"] }} }}\n{}{}",
            group("a", a),
            group("b", b)
        );
        assert_eq!(rules(vpc(&network(&world), "v")), expected, "{a} {b}");
    }
}

#[test]
fn tables_grow_with_what_is_allowed() {
    let network = compile(&model(&large()));
    let vpc = vpc(&network, "v");
    let classes: BTreeSet<_> = vpc.classes.values().collect();
    // A class for each rule's peers, group and CIDR alike. That each policy may go out to anybody is one rule.
    assert_eq!(classes.len(), 100);
    assert_eq!(vpc.rules.iter().filter(|rule| rule.direction == Direction::Egress).count(), 100);
    let entries = PortPrefix::cover(8000, 8100).len() + 2;
    assert_eq!(vpc.rules.iter().filter(|rule| rule.direction == Direction::Ingress).count(), 100 * entries);
    assert!(!vpc.classes.contains_key(&"10.0.0.0/8".parse::<Prefix>().unwrap()));
}
