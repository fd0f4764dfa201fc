//! Whether assertions hold, and what is said when they do not.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../compile/tests/common/mod.rs"]
mod common;

use std::collections::BTreeSet;
use std::net::IpAddr;

use common::{Meaning, SHOP, resources, services, worlds};
use madang_compile::{ICMP, TCP, UDP};
use madang_model::{Kind, ObjectRef, Resource, from_json};
use madang_plan::{Asserted, Standing, assertions, preview, refused};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

fn assertion(from: &str, to: &str, service: &str, expect: &str) -> Resource {
    let (protocol, port) = service.split_once('/').unwrap_or((service, ""));
    let mut spec = json!({ "from": from, "to": to, "protocol": protocol, "expect": expect });
    if let Ok(port) = port.parse::<u16>() {
        spec["port"] = port.into();
    }
    let document = json!({
        "apiVersion": madang_model::API_VERSION, "kind": "Assertion", "metadata": { "name": "it" }, "spec": spec,
    });
    from_json(document).unwrap()
}

/// What becomes of an assertion beside these resources.
fn judged(others: &[Resource], assertion: Resource) -> Asserted {
    let all: Vec<Resource> = others.iter().cloned().chain([assertion]).collect();
    let mut judged = assertions(&all);
    assert_eq!(judged.len(), 1);
    judged.remove(0)
}

fn said(asserted: &Asserted) -> String {
    let Some(diagnostic) = &asserted.diagnostic else { return asserted.standing.to_string() };
    let more = [&diagnostic.cause, &diagnostic.hint].into_iter().flatten();
    let parts: Vec<&str> = [&diagnostic.message].into_iter().chain(more).map(String::as_str).collect();
    format!("{}: {}", asserted.standing, parts.join(" | "))
}

/// The shop, changed, and what is said of an assertion there: `FROM TO SERVICE EXPECT`.
fn in_shop(changes: &[(&str, &str)], claim: &str) -> String {
    let text = changes.iter().fold(SHOP.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    let words: Vec<&str> = claim.split(' ').collect();
    said(&judged(&resources(&text), assertion(words[0], words[1], words[2], words[3])))
}

#[test]
fn what_holds() {
    for claim in [
        "web-1 db-1 tcp/5432 reachable",
        "sg/web SecurityGroup/db tcp/5432 reachable",
        "web-1 db-1 tcp/22 unreachable",
        "web-1 db-1 udp unreachable",
        "web-1 db-1 icmp unreachable",
        "db-1 web-1 tcp reachable",
        "internet web-1 tcp/8080 reachable",
        "internet front tcp/80 reachable",
        "192.0.2.7 203.0.113.10 tcp/80 reachable",
        "internet db-1 tcp unreachable",
        "internet front tcp/22 unreachable",
        "db-1 internet tcp/443 reachable",
        "db-1 198.51.100.0/24 tcp unreachable",
        "web-1 internet tcp unreachable",
        "twin-1 db-1 tcp unreachable",
        "twin-1 twin-2 icmp reachable",
        "default default icmp reachable",
        "10.0.1.0/24 db-1 tcp/5432 reachable",
        "10.0.2.0/24 db-1 tcp unreachable",
        "db-1 10.0.1.10 tcp/8080 reachable",
        "db-1 front tcp/80 reachable",
        "web-1 front tcp/80 unreachable",
    ] {
        assert_eq!(in_shop(&[], claim), "holds", "{claim}");
    }
}

#[test]
fn a_rule_that_lets_in_too_much_is_named() {
    assert_eq!(
        in_shop(&[("from: [web] }", "from: [web, 0.0.0.0/0] }")], "db-1 web-1 tcp/8080 unreachable"),
        "broken: db-1 must not reach web-1 by tcp/8080, and does | SecurityGroup/web spec.ingress[0] lets it in | take that out or narrow it, or change the assertion if it is meant"
    );
    assert_eq!(
        in_shop(
            &[(
                "from: [web] }",
                "from: [web] }\n    - { protocol: tcp, ports: [\"5000-6000\"], from: [10.0.1.0/24] }"
            )],
            "sg/web db-1 tcp/5432 unreachable"
        ),
        "broken: web-1 (of SecurityGroup/web) must not reach db-1 by tcp/5432, and does | SecurityGroup/db spec.ingress[0] and SecurityGroup/db spec.ingress[1] lets it in | take that out or narrow it, or change the assertion if it is meant"
    );
    // The other rule of the same entry of the tables is not one for this port.
    assert_eq!(
        in_shop(
            &[("from: [web] }", "from: [web] }\n    - { protocol: tcp, ports: [5433], from: [web] }")],
            "web-1 db-1 tcp/5432 unreachable"
        ),
        "broken: web-1 must not reach db-1 by tcp/5432, and does | SecurityGroup/db spec.ingress[0] lets it in | take that out or narrow it, or change the assertion if it is meant"
    );
    assert_eq!(
        in_shop(&[], "internet sg/web tcp unreachable"),
        "broken: the internet must not reach web-1 (of SecurityGroup/web) by tcp/8080, and does | PublicAddress/front spec.forwards[0] leads to it, and SecurityGroup/web spec.ingress[0] lets it in | take that out or narrow it, or change the assertion if it is meant"
    );
    assert_eq!(
        in_shop(&[], "192.0.2.0/24 front tcp unreachable"),
        "broken: 192.0.2.0/24 must not reach 203.0.113.10 (of PublicAddress/front) by tcp/80, and does | PublicAddress/front spec.forwards[0] leads to web-1, and SecurityGroup/web spec.ingress[0] lets it in | take that out or narrow it, or change the assertion if it is meant"
    );
    assert_eq!(
        in_shop(&[], "db-1 internet udp unreachable"),
        "broken: db-1 must not reach the internet by udp/1, and does | SecurityGroup/db spec.egress lets it out, and RouteTable/private spec.routes[0] leads there | take that out or narrow it, or change the assertion if it is meant"
    );
    assert_eq!(
        in_shop(
            &[("from: [web] }", "from: [web] }\n  egress: [{ protocol: tcp, to: [10.0.1.0/24] }]")],
            "db-1 web-1 tcp/8080 unreachable"
        ),
        "broken: db-1 must not reach web-1 by tcp/8080, and does | SecurityGroup/web spec.ingress[0] lets it in, and SecurityGroup/db spec.egress[0] lets it out | take that out or narrow it, or change the assertion if it is meant"
    );
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(
        in_shop(&[("ports: [5432]", "ports: [5433]")], "web-1 db-1 tcp/5432 reachable"),
        "broken: web-1 must reach db-1 by tcp/5432, and does not | no ingress rule of SecurityGroup/db allows tcp/5432 from web-1 | add { protocol: tcp, ports: [5432], from: [web] } to spec.ingress of SecurityGroup/db, or change the assertion"
    );
    assert_eq!(
        in_shop(
            &[
                ("from: [0.0.0.0/0] }", "from: [0.0.0.0/0] }\n  egress: [{ to: [192.0.2.0/24] }]"),
                ("ports: [5432]", "ports: [5433]")
            ],
            "web-1 db-1 tcp/5432 reachable"
        ),
        "broken: web-1 must reach db-1 by tcp/5432, and does not | no egress rule of SecurityGroup/web allows tcp/5432 to db-1; no ingress rule of SecurityGroup/db allows tcp/5432 from web-1 | add { protocol: tcp, ports: [5432], to: [db] } to spec.egress of SecurityGroup/web, or change the assertion"
    );
    assert_eq!(
        in_shop(&[("198.51.100.0/24, target", "10.0.1.0/24, target")], "db-1 web-1 tcp/8080 reachable"),
        "broken: db-1 must reach web-1 by tcp/8080, and does not | RouteTable/private spec.routes[1] is a blackhole for 10.0.1.0/24 | take it out, or change the assertion"
    );
    assert_eq!(
        in_shop(&[], "db-1 198.51.100.7 tcp/443 reachable"),
        "broken: db-1 must reach 198.51.100.7 by tcp/443, and does not | RouteTable/private spec.routes[1] is a blackhole for 198.51.100.0/24 | take it out, or change the assertion"
    );
    assert_eq!(
        in_shop(&[], "web-1 internet tcp/443 reachable"),
        "broken: web-1 must reach the internet by tcp/443, and does not | Subnet/web spec.public leads to the internet gateway, and the instance has no public address of its own, for 0.0.0.0/0 | route to a NAT gateway, or change the assertion"
    );
    assert_eq!(
        in_shop(&[], "internet db-1 tcp/5432 reachable"),
        "broken: the internet must reach db-1 by tcp/5432, and does not | no public address forwards a port to tcp/5432 of db-1 | add a forward to db-1 to a PublicAddress, or change the assertion"
    );
    assert_eq!(
        in_shop(&[("from: [0.0.0.0/0]", "from: [192.0.2.0/24]")], "internet front tcp/80 reachable"),
        "broken: the internet must reach 203.0.113.10 (of PublicAddress/front) by tcp/80, and does not | no ingress rule of SecurityGroup/web allows tcp/8080 from the internet | add { protocol: tcp, ports: [8080], from: [0.0.0.0/0] } to spec.ingress of SecurityGroup/web, or change the assertion"
    );
    assert_eq!(
        in_shop(&[], "web-1 twin-1 tcp/80 reachable"),
        "broken: web-1 must reach twin-1 by tcp/80, and does not | web-1 is in VPC shop and twin-1 in VPC twin, and nothing leads from the one to the other | put both into one VPC, or change the assertion"
    );
}

#[test]
fn who_is_not_there_is_waited_for() {
    assert_eq!(
        in_shop(&[], "web-1 db-2 tcp/5432 reachable"),
        "waits: there is no instance, security group or public address db-2 | did you mean \"db-1\"?"
    );
    assert_eq!(
        in_shop(&[], "instance/web db-1 tcp/5432 unreachable"),
        "waits: there is no Instance web | there are db-1, twin-1, twin-2 and web-1"
    );
    let idle = &[("subnet: data", "subnet: nowhere")];
    assert_eq!(
        in_shop(idle, "web-1 db-1 tcp/5432 reachable"),
        "waits: Instance/db-1 is not in force | something is wrong with it, or with what it refers to | look at what it says itself"
    );
    assert_eq!(in_shop(idle, "web-1 db-1 tcp/5432 unreachable"), "holds");
    let empty = &[("securityGroups: [db]", "securityGroups: [web]")];
    assert_eq!(
        in_shop(empty, "web-1 sg/db tcp/5432 reachable"),
        "waits: SecurityGroup/db has no members yet | it is looked at again when there are instances"
    );
    assert_eq!(in_shop(empty, "web-1 sg/db tcp/5432 unreachable"), "holds");
}

#[test]
fn what_makes_no_sense_is_broken() {
    assert_eq!(
        in_shop(
            &[("name: web-1", "name: web"), ("instance: web-1", "instance: web")],
            "web db-1 tcp reachable"
        ),
        "broken: web is the name of several: Instance/web, SecurityGroup/web | write which is meant, as instance/web"
    );
    assert!(
        in_shop(&[], "front web-1 tcp reachable")
            .starts_with("broken: PublicAddress/front is an address of a pool")
    );
    assert!(in_shop(&[], "internet 192.0.2.1 tcp reachable").starts_with("broken: both ends are addresses"));
}

#[test]
fn names_are_of_the_assertions_own_project() {
    let mut world = resources(SHOP);
    for resource in &mut world {
        if resource.kind().is_namespaced() {
            resource.metadata_mut().namespace = Some("lab".to_owned());
        }
    }
    let mut claim = assertion("web-1", "db-1", "tcp/5432", "reachable");
    let elsewhere = judged(&world, claim.clone());
    assert_eq!(elsewhere.diagnostic.unwrap().code, "referenceNotFound");
    claim.metadata_mut().namespace = Some("lab".to_owned());
    assert_eq!(said(&judged(&world, claim)), "holds");
    let mut claim = assertion("sg/web", "db-1", "tcp/5432", "unreachable");
    claim.metadata_mut().namespace = Some("lab".to_owned());
    let said = said(&judged(&world, claim));
    assert!(said.contains("SecurityGroup/lab/db spec.ingress[0] lets it in"), "{said}");
}

#[test]
fn a_preview_says_what_held_before() {
    let with = |text: &str| {
        let mut all = resources(text);
        all.push(assertion("internet", "web-1", "tcp/8080", "reachable"));
        all
    };
    let (before, after) = (with(SHOP), with(&SHOP.replace("ports: [8080]", "ports: [80]")));
    let preview = preview(&before, &after);
    let [asserted] = preview.assertions.as_slice() else { panic!("{preview:?}") };
    assert_eq!((asserted.was, asserted.standing), (Some(Standing::Holds), Standing::Broken));
    assert!(
        preview.to_string().ends_with("broken Assertion/it: internet -> web-1 tcp/8080 reachable\n"),
        "{preview}"
    );
    let json = serde_json::to_value(asserted).unwrap();
    assert_eq!((&json["standing"], &json["was"]), (&json!("broken"), &json!("holds")));
}

#[test]
fn which_changes_are_refused() {
    use Standing::{Broken, Holds, Waits};
    let of = |expect: &str, was: Option<Standing>, changes: &[(&str, &str)], claim: (&str, &str)| {
        let text = changes.iter().fold(SHOP.to_owned(), |text, (from, to)| text.replacen(from, to, 1));
        Asserted { was, ..judged(&resources(&text), assertion(claim.0, claim.1, "tcp/5432", expect)) }
    };
    let is_refused = |asserted: &Asserted, written: bool, whole: bool| {
        !refused(std::slice::from_ref(asserted), |_| written, whole).is_empty()
    };
    let open = ("web-1", "db-1");
    let closed = ("twin-1", "db-1");
    // Broken, by somebody else's change: what held, and what must never be.
    for (expect, claim, was, expected) in [
        ("unreachable", open, Some(Holds), true),
        ("unreachable", open, Some(Waits), true),
        ("unreachable", open, Some(Broken), false),
        ("reachable", closed, Some(Holds), true),
        ("reachable", closed, Some(Waits), false),
        ("reachable", closed, Some(Broken), false),
    ] {
        let asserted = of(expect, was, &[], claim);
        assert_eq!(asserted.standing, Broken);
        assert_eq!(is_refused(&asserted, false, false), expected, "{expect} {was:?}");
        assert!(is_refused(&asserted, true, false), "nobody writes a broken one");
    }
    // Somebody is deleted: that is meant. Somebody is cut off: that is not.
    let gone = of("reachable", Some(Holds), &[], ("web-1", "db-2"));
    assert_eq!((is_refused(&gone, false, true), is_refused(&gone, true, false)), (false, false));
    assert!(is_refused(&gone, true, true), "a whole refers to nobody who is not there");
    let idle = of("reachable", Some(Holds), &[("subnet: data", "subnet: nowhere")], open);
    assert_eq!((idle.standing, is_refused(&idle, false, false)), (Waits, true));
    assert!(!is_refused(&of("reachable", Some(Holds), &[], open), true, true));
}

// What the assertions say is what the resources mean, read one by one.

const ENDS: [&str; 20] = [
    "i0",
    "i1",
    "i2",
    "i3",
    "j0",
    "j1",
    "g0",
    "g1",
    "g2",
    "g3",
    "h0",
    "sg/default",
    "front",
    "8.8.8.8",
    "8.8.8.9",
    "8.8.4.4",
    "198.51.100.7",
    "198.51.100.200",
    "1.1.1.1",
    "10.9.0.1",
];

/// Everybody who is meant: instances by name, or one address.
fn who(world: &[Resource], end: &str) -> BTreeSet<String> {
    let name = end.trim_start_matches("sg/");
    let of_group = |resource: &Resource| match resource {
        Resource::Instance(i) => {
            let groups = &i.spec.security_groups;
            groups.iter().any(|group| group == name) || (groups.is_empty() && name == "default")
        }
        _ => false,
    };
    let declared = |resource: &&Resource| {
        resource.metadata().name == end && resource.kind() == Kind::Instance
            || (!end.starts_with('i') && !end.starts_with('j') && of_group(resource))
    };
    if end.parse::<IpAddr>().is_ok() {
        return BTreeSet::from([end.to_owned()]);
    }
    let declared_default =
        world.iter().any(|r| r.object_ref() == ObjectRef::new(Kind::SecurityGroup, "default"));
    let of_vpc = |resource: &&Resource| {
        // The default group that is declared is of VPC a, as all that have it are.
        let Resource::Instance(i) = resource else { return false };
        !(declared_default && name == "default") || i.spec.subnet.starts_with('a')
    };
    world.iter().filter(declared).filter(of_vpc).map(|r| r.metadata().name.clone()).collect()
}

/// Whether there is such a connection: directly, or, if that counts, by a public address too.
fn possible(world: &[Resource], from: &str, to: &str, service: (u8, u16), round: bool) -> bool {
    let meaning = Meaning(world);
    let address = |end: &str| end.parse::<IpAddr>().ok();
    match (meaning.instance(from), meaning.instance(to)) {
        (Some(from), Some(to)) => {
            let led = |public, port| {
                let led = meaning.comes_back(from, public, (service.0, port));
                led.is_some_and(|(got, port)| got.metadata.name == to.metadata.name && port == service.1)
            };
            let ports = [service.1, 80, 53, 443, 22];
            meaning.connects(from, to, service)
                || round
                    && meaning
                        .public_addresses()
                        .into_iter()
                        .any(|public| ports.iter().any(|port| led(public, *port)))
        }
        (Some(from), None) if address(to).is_some_and(|to| meaning.public_addresses().contains(&to)) => {
            meaning.comes_back(from, address(to).unwrap(), service).is_some()
        }
        (Some(from), None) => address(to).is_some_and(|to| meaning.goes_out(from, to, service)),
        (None, Some(to)) => {
            let led = |public, port| {
                let led = meaning.comes_in(address(from).unwrap(), public, (service.0, port));
                led.is_some_and(|(got, port)| got.metadata.name == to.metadata.name && port == service.1)
            };
            let ports = [service.1, 80, 53, 443, 22];
            let publics = meaning.public_addresses();
            publics.into_iter().any(|public| ports.iter().any(|port| led(public, *port)))
        }
        (None, None) => meaning.comes_in(address(from).unwrap(), address(to).unwrap(), service).is_some(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn an_assertion_holds_if_everybody_does_what_it_says(
        world in worlds(),
        claims in prop::collection::vec((select(&ENDS[..]), select(&ENDS[..]), any::<prop::sample::Index>()), 24),
    ) {
        let services: Vec<(u8, u16)> = services().chain([(TCP, 53), (UDP, 53)]).collect();
        let public = Meaning(&world).public_addresses()[0].to_string();
        for (from, to, service) in claims {
            let service = services[service.index(services.len())];
            let is_address = |end: &str| end.parse::<IpAddr>().is_ok();
            let senseless = from == "front" || (is_address(from) && is_address(to));
            let targets = if to == "front" { BTreeSet::from([public.clone()]) } else { who(&world, to) };
            let pairs = |round| -> Vec<bool> {
                who(&world, from)
                    .iter()
                    .flat_map(|a| targets.iter().filter(move |b| *b != a).map(move |b| (a.clone(), b.clone())))
                    .map(|(a, b)| possible(&world, &a, &b, service, round))
                    .collect()
            };
            let word = match service {
                (TCP, port) => format!("tcp/{port}"),
                (UDP, port) => format!("udp/{port}"),
                (ICMP, _) => "icmp".to_owned(),
                other => panic!("{other:?}"),
            };
            for (expect, holds) in [("reachable", true), ("unreachable", false)] {
                let got = judged(&world, assertion(from, to, &word, expect));
                let pairs = pairs(!holds);
                let expected = if senseless {
                    Standing::Broken
                } else if pairs.is_empty() && holds {
                    Standing::Waits
                } else if pairs.iter().all(|possible| *possible == holds) {
                    Standing::Holds
                } else {
                    Standing::Broken
                };
                prop_assert_eq!(got.standing, expected, "{}: {:?}", got.claim, got.diagnostic);
                let named = got.diagnostic.as_ref().and_then(|d| d.cause.clone()).unwrap_or_default();
                prop_assert!(senseless || expected != Standing::Broken || !named.is_empty(), "{:?}", got.diagnostic);
                prop_assert!(!named.contains("  ") && !named.starts_with(' '), "{}", named);
            }
        }
    }
}
