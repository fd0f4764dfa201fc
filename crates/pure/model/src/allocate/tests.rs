use super::*;
use crate::{Kind, from_json};

fn resource(kind: Kind, name: &str, spec: serde_json::Value) -> Resource {
    let value = serde_json::json!({ "apiVersion": crate::API_VERSION, "kind": kind, "metadata": { "name": name }, "spec": spec });
    from_json(value).unwrap()
}

fn vpc(name: &str) -> Resource {
    resource(Kind::Vpc, name, serde_json::json!({ "cidrs": ["10.0.0.0/8"] }))
}

fn subnet(name: &str, cidr: &str) -> Resource {
    resource(Kind::Subnet, name, serde_json::json!({ "vpc": "shop", "cidr": cidr }))
}

fn instance(name: &str, address: Option<&str>) -> Resource {
    let mut spec = serde_json::json!({ "subnet": "web", "process": { "command": ["a"] } });
    if let Some(address) = address {
        spec["address"] = address.into();
    }
    resource(Kind::Instance, name, spec)
}

fn number(resource: &Resource) -> u32 {
    if let Resource::Vpc(vpc) = resource { vpc.status.number.unwrap() } else { panic!("{resource:?}") }
}

fn given(resources: &[Resource]) -> Vec<String> {
    resources.iter().filter_map(address).map(|address| address.to_string()).collect()
}

#[test]
fn numbers_are_the_lowest_that_are_free() {
    let mut first = [vpc("a"), vpc("b"), vpc("c")];
    assert_eq!(allocate(&[], &mut first), []);
    assert_eq!(first.iter().map(number).collect::<Vec<_>>(), [1, 2, 3]);
    let [a, _, c] = first;
    let mut later = [vpc("d"), vpc("c"), vpc("e")];
    allocate(&[a, c], &mut later);
    assert_eq!(later.iter().map(number).collect::<Vec<_>>(), [2, 3, 4], "c keeps its number");
}

#[test]
fn who_asks_for_an_address_gets_it_before_others_get_any() {
    let mut all = [
        instance("a", None),
        instance("b", Some("10.0.1.4")),
        instance("c", None),
        subnet("web", "10.0.1.0/24"),
    ];
    assert_eq!(allocate(&[], &mut all), []);
    assert_eq!(given(&all), ["10.0.1.5", "10.0.1.4", "10.0.1.6"]);
    let again = all.clone();
    allocate(&again, &mut all);
    assert_eq!(all, again, "a second time changes nothing");
}

#[test]
fn what_exists_keeps_its_address_and_what_is_gone_frees_it() {
    let mut old =
        [subnet("web", "10.0.1.0/29"), instance("a", None), instance("b", None), instance("c", None)];
    allocate(&[], &mut old);
    let [subnet, a, _, c] = old;
    let mut new = [instance("c", None), instance("d", None), instance("e", None)];
    let diagnostics = allocate(&[subnet, a, c], &mut new);
    assert_eq!(given(&new), ["10.0.1.6", "10.0.1.5"]);
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].object, Some(new[2].object_ref()));
    assert_eq!(
        diagnostics[0].cause.as_deref(),
        Some("it holds 3 instances: five of its 8 addresses are reserved")
    );
}

#[test]
fn another_resource_of_the_same_name_starts_anew() {
    let mut old = [subnet("web", "10.0.1.0/24"), instance("x", Some("10.0.1.9"))];
    old[1].metadata_mut().uid = Some("1".to_owned());
    allocate(&[], &mut old);
    let mut new = [instance("x", None)];
    new[0].metadata_mut().uid = Some("2".to_owned());
    allocate(&old, &mut new);
    assert_eq!(given(&new), ["10.0.1.4"]);
}

#[test]
fn pools_give_from_the_lowest_of_all_their_parts() {
    let pool = serde_json::json!({ "interface": "eth0", "nextHop": "203.0.113.1", "addresses": ["203.0.113.16/31", "203.0.113.10"] });
    let nat = serde_json::json!({ "vpc": "shop", "pool": "outside" });
    let public = serde_json::json!({ "pool": "outside" });
    let mut all = [
        resource(Kind::PublicAddress, "a", public.clone()),
        resource(Kind::NatGateway, "b", nat),
        resource(Kind::PublicAddress, "c", public.clone()),
        resource(Kind::PublicAddress, "d", public),
        resource(Kind::AddressPool, "outside", pool),
    ];
    let diagnostics = allocate(&[], &mut all);
    assert_eq!(given(&all), ["203.0.113.10", "203.0.113.16", "203.0.113.17"]);
    assert_eq!(diagnostics[0].message, "address pool outside has no free address");
    assert_eq!(diagnostics[0].cause.as_deref(), Some("it holds 3 addresses"));
}

#[test]
fn macs_are_made_of_the_uid_or_of_the_name() {
    let mac = |resource: &Resource| {
        if let Resource::Instance(instance) = resource { instance.status.mac } else { None }
    };
    let mut all = [instance("a", None), instance("b", None), instance("c", None)];
    all[0].metadata_mut().uid = Some("7".to_owned());
    all[2].metadata_mut().uid = Some("7".to_owned());
    allocate(&[], &mut all);
    assert_eq!(mac(&all[0]), Some(Mac::from_seed("7")));
    assert_eq!(mac(&all[1]), Some(Mac::from_seed("Instance/default/b")));
    assert_eq!(mac(&all[2]), Some(Mac::from_seed("7#1")), "no two share one");
}

#[test]
fn what_has_no_range_gets_nothing_and_it_is_for_check_to_say() {
    let mut lost =
        [instance("a", None), resource(Kind::PublicAddress, "b", serde_json::json!({ "pool": "x" }))];
    assert_eq!(allocate(&[], &mut lost), []);
    assert_eq!(given(&lost), Vec::<String>::new());
}
