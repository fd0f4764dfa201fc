use std::sync::Arc;

use madang_model::{Condition, ConditionStatus, Kind, ObjectRef, Resource};
use madang_store::{Memory, Revision, Store};
use serde_json::{Value, json};

use super::*;
use crate::Bundle;

mod asserted;
mod bundles;
mod confirmations;
mod convergence;
mod events;
mod owned;
mod projects;
mod properties;
mod renames;

fn registry() -> Registry {
    Registry::new(Arc::new(Memory::new()))
}

fn value(kind: &str, name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": "madang.dev/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec })
}

fn vpc(name: &str) -> Value {
    value("Vpc", name, &json!({ "cidrs": ["10.0.0.0/16"] }))
}

fn subnet(name: &str, vpc: &str, third: u8) -> Value {
    value("Subnet", name, &json!({ "vpc": vpc, "cidr": format!("10.0.{third}.0/24") }))
}

fn instance(name: &str, subnet: &str) -> Value {
    value("Instance", name, &json!({ "subnet": subnet, "process": { "command": ["sleep", "1"] } }))
}

fn at_address(name: &str, subnet: &str, address: &str) -> Value {
    let mut value = instance(name, subnet);
    value["spec"]["address"] = address.into();
    value
}

fn project(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
}

/// The same in a project.
fn inside(project: &str, mut value: Value) -> Value {
    value["metadata"]["namespace"] = project.into();
    value
}

fn typed(value: Value) -> Resource {
    madang_model::from_json(value).unwrap()
}

fn object(kind: Kind, name: &str) -> ObjectRef {
    ObjectRef::new(kind, name)
}

fn bundle(items: &[Value]) -> Bundle {
    Bundle { items: items.to_vec(), ..Bundle::default() }
}

fn shop() -> Vec<Value> {
    vec![vpc("shop"), subnet("web", "shop", 1), instance("web-1", "web"), instance("web-2", "web")]
}

fn address(resource: &Resource) -> Option<String> {
    let Resource::Instance(instance) = resource else { panic!("{resource:?} is no instance") };
    instance.status.address.map(|address| address.to_string())
}

fn ready() -> Condition {
    Condition {
        r#type: "Ready".into(),
        status: ConditionStatus::True,
        reason: "Running".into(),
        message: String::new(),
        observed_generation: 1,
        last_transition_time: "2026-01-01T00:00:00Z".into(),
    }
}

fn reason<T: std::fmt::Debug>(result: Result<T, ApiError>) -> Reason {
    result.unwrap_err().reason
}

#[test]
fn what_is_created_can_be_got_and_is_created_once() {
    let registry = registry();
    let mut sent = typed(vpc("shop"));
    sent.conditions_mut().push(ready());
    sent.metadata_mut().generation = 7;
    let created = registry.create(sent.clone()).unwrap();
    let metadata = created.metadata();
    assert_eq!((metadata.generation, metadata.resource_version.as_deref()), (1, Some("1")));
    assert_eq!(metadata.namespace.as_deref(), Some("default"));
    assert_eq!(created.conditions(), [], "a new resource's status is nobody's to send");
    let uid = metadata.uid.clone().unwrap();
    assert_eq!((uid.len(), uid.as_bytes()[14]), (36, b'4'), "{uid}");
    assert!(metadata.creation_timestamp.as_ref().is_some_and(|time| time.ends_with('Z') && time.len() == 20));
    assert_eq!(registry.get(&object(Kind::Vpc, "shop")).unwrap(), created);
    assert_eq!(reason(registry.create(sent)), Reason::AlreadyExists);
    assert_eq!(reason(registry.get(&object(Kind::Vpc, "other"))), Reason::NotFound);
    let other = registry.create(typed(vpc("other"))).unwrap();
    assert_ne!(other.metadata().uid.as_ref(), Some(&uid));
    let list = registry.list(Kind::Vpc).unwrap();
    assert_eq!((list.items, list.revision), (vec![other, created], Revision(2)));
}

#[test]
fn two_vpcs_of_one_range_are_two_numbers() {
    let registry = registry();
    let number = |resource: Resource| match resource {
        Resource::Vpc(vpc) => vpc.status.number.unwrap(),
        other => panic!("{other:?}"),
    };
    let a = number(registry.create(typed(vpc("a"))).unwrap());
    let b = number(registry.create(typed(vpc("b"))).unwrap());
    assert_ne!(a, b);
}

#[test]
fn only_what_changes_is_a_change() {
    let registry = registry();
    let created = registry.create(typed(vpc("shop"))).unwrap();
    let same = registry.update(typed(vpc("shop"))).unwrap();
    assert_eq!(same, created, "the same again raises no resourceVersion");
    let mut labelled = created.clone();
    labelled.metadata_mut().labels.insert("tier".into(), "web".into());
    let labelled = registry.update(labelled).unwrap();
    assert_eq!(labelled.metadata().resource_version.as_deref(), Some("2"));
    assert_eq!(labelled.metadata().generation, 1, "a label is no spec");
    let mut wider = labelled.to_json();
    wider["spec"]["cidrs"] = json!(["10.0.0.0/16", "10.1.0.0/16"]);
    let wider = registry.update(typed(wider)).unwrap();
    assert_eq!(wider.metadata().generation, 2);
    assert_eq!(wider.metadata().uid, created.metadata().uid);
    assert_eq!(reason(registry.update(labelled)), Reason::Conflict, "somebody was faster");
    assert_eq!(reason(registry.update(typed(vpc("none")))), Reason::NotFound);
}

#[test]
fn what_cannot_be_changed_is_refused_with_the_way_round() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    let error = registry.update(typed(instance("web-1", "other"))).unwrap_err();
    assert_eq!(error.reason, Reason::Invalid);
    assert!(error.diagnostics[0].hint.is_some(), "{error:?}");
    let mut other = registry.get(&object(Kind::Vpc, "shop")).unwrap();
    other.metadata_mut().uid = Some("another".into());
    assert_eq!(reason(registry.update(other)), Reason::Conflict);
}

#[test]
fn spec_and_status_have_a_door_each() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    let stored = registry.get(&object(Kind::Instance, "web-1")).unwrap();
    let mut reported = stored.to_json();
    reported["spec"]["process"]["command"] = json!(["other"]);
    reported["metadata"]["labels"] = json!({ "a": "b" });
    reported["status"] = json!({ "conditions": [ready()], "node": "here" });
    let reported = registry.update_status(typed(reported)).unwrap();
    assert_eq!(reported.conditions().len(), 1);
    assert_eq!(reported.metadata().generation, 1);
    assert_eq!(reported.metadata().labels.len(), 0);
    assert_eq!(address(&reported), address(&stored), "what is allocated is nobody's to take");
    assert_eq!(reported.to_json()["spec"], stored.to_json()["spec"]);
    assert_eq!(registry.update_status(reported.clone()).unwrap(), reported, "no change, no write");
    assert_eq!(
        reason(registry.update_status(stored.clone())),
        Reason::Conflict,
        "it is of an older resource"
    );
    let mut unconditional = stored;
    unconditional.metadata_mut().resource_version = None;
    registry.update_status(unconditional).unwrap();
    let updated = registry.update(typed(instance("web-2", "web"))).unwrap();
    assert!(address(&updated).is_some(), "an update leaves the status alone");
}

#[test]
fn an_instance_goes_when_the_agent_says_so() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    let name = object(Kind::Instance, "web-1");
    let living = registry.get(&name).unwrap();
    assert_eq!(living.metadata().finalizers, [INSTANCE_FINALIZER]);
    let Deletion::Pending(going) = registry.delete(&name).unwrap() else { panic!("it has a finalizer") };
    assert!(going.metadata().deletion_timestamp.is_some());
    assert_eq!(registry.delete(&name).unwrap(), Deletion::Pending(going.clone()), "once is enough");
    assert_eq!(reason(registry.create(typed(instance("web-1", "web")))), Reason::AlreadyExists);
    let new = registry.create(typed(instance("web-3", "web"))).unwrap();
    assert_ne!(address(&new), address(&going), "its address is its own until it is gone");
    registry.finalize(&going, "another").unwrap();
    assert!(registry.get(&name).is_ok());
    registry.finalize(&going, INSTANCE_FINALIZER).unwrap();
    assert_eq!(reason(registry.get(&name)), Reason::NotFound);
    registry.finalize(&going, INSTANCE_FINALIZER).unwrap();
    let again = registry.create(typed(instance("web-1", "web"))).unwrap();
    assert_eq!(address(&again), address(&going), "the lowest free address again");
    registry.finalize(&going, INSTANCE_FINALIZER).unwrap();
    let again = registry.get(&name).unwrap();
    assert_eq!(again.metadata().finalizers.len(), 1, "a later resource of the name is another one");
    let gone = registry.delete(&object(Kind::Subnet, "web")).unwrap();
    assert!(matches!(gone, Deletion::Gone { uid } if uid.len() == 36), "no finalizer: gone at once");
    assert_eq!(reason(registry.delete(&object(Kind::Subnet, "web"))), Reason::NotFound);
}

#[test]
fn a_delete_can_mean_one_state_alone() {
    let registry = registry();
    let created = registry.create(typed(vpc("shop"))).unwrap();
    let uid = |uid: &str| Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    let name = object(Kind::Vpc, "shop");
    assert_eq!(reason(registry.delete_if(&name, &uid("another"))), Reason::Conflict);
    let old = Preconditions { uid: None, resource_version: Some("0".into()) };
    assert_eq!(reason(registry.delete_if(&name, &old)), Reason::Conflict);
    registry.delete_if(&name, &uid(created.metadata().uid.as_ref().unwrap())).unwrap();
}

#[test]
fn single_writes_may_come_in_any_order() {
    let registry = registry();
    let waiting = registry.create(typed(instance("web-1", "web"))).unwrap();
    assert_eq!(address(&waiting), None);
    registry.create(typed(subnet("web", "shop", 1))).unwrap();
    registry.create(typed(vpc("shop"))).unwrap();
    let found = registry.get(&object(Kind::Instance, "web-1")).unwrap();
    assert_eq!(address(&found).as_deref(), Some("10.0.1.4"), "it gets its address when there is one to get");
    assert_eq!(found.metadata().generation, 1);
}

#[test]
fn a_single_write_gets_no_address_that_it_cannot_have() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    let before = registry.all().unwrap();
    for (address, code) in
        [("10.0.1.4", "duplicateAddress"), ("10.0.1.1", "reservedAddress"), ("10.0.2.9", "outsideSubnet")]
    {
        let error = registry.create(typed(at_address("a-1", "web", address))).unwrap_err();
        assert_eq!((error.reason, error.diagnostics.len()), (Reason::Invalid, 1), "{error:?}");
        assert_eq!(
            (error.diagnostics[0].code.as_str(), error.diagnostics[0].path.as_str()),
            (code, "spec.address")
        );
        assert_eq!(error.object, Some(object(Kind::Instance, "a-1")), "the newcomer is told");
    }
    assert_eq!(registry.all().unwrap(), before);
    registry
        .create(typed(value("Subnet", "tiny", &json!({ "vpc": "shop", "cidr": "10.0.9.0/29" }))))
        .unwrap();
    for n in 0..3 {
        registry.create(typed(instance(&format!("t-{n}"), "tiny"))).unwrap();
    }
    assert_eq!(
        reason(registry.create(typed(instance("t-3", "tiny")))),
        Reason::Invalid,
        "the subnet is full"
    );
}

#[test]
fn a_single_write_may_be_wrong_itself_but_makes_nothing_else_wrong() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    // Named before and after what it overlaps: the newcomer is the one that is wrong.
    registry.create(typed(subnet("a", "shop", 1))).unwrap();
    registry.create(typed(subnet("z", "shop", 1))).unwrap();
    let pool = |last: u8| {
        let spec = json!({ "interface": "up0", "nextHop": "203.0.113.1", "addresses": [format!("203.0.113.{last}")] });
        typed(value("AddressPool", "pool", &spec))
    };
    registry.create(pool(10)).unwrap();
    let nat = value("NatGateway", "nat", &json!({ "vpc": "shop", "pool": "pool" }));
    registry.create(typed(nat)).unwrap();
    let error = registry.update(pool(20)).unwrap_err();
    assert_eq!(error.reason, Reason::Invalid);
    assert_eq!(error.object, Some(object(Kind::NatGateway, "nat")), "{error:?}");
}

#[test]
fn a_field_that_is_wrong_is_refused_even_from_within() {
    let registry = registry();
    let mut wrong = typed(vpc("shop"));
    wrong.metadata_mut().name = "Not A Name".into();
    let error = registry.create(wrong).unwrap_err();
    assert_eq!((error.reason, error.diagnostics.is_empty()), (Reason::Invalid, false));
}

#[tokio::test]
async fn a_watch_tells_each_change_once() {
    let store = Arc::new(Memory::new());
    let registry = Registry::new(Arc::clone(&store) as Arc<dyn Store>);
    let mut all = registry.watch(&[], Revision(0));
    let mut instances = registry.watch(&[Kind::Instance], Revision(0));
    registry.apply(bundle(&shop())).unwrap();
    let name = object(Kind::Instance, "web-1");
    let Deletion::Pending(going) = registry.delete(&name).unwrap() else { panic!() };
    registry.finalize(&going, INSTANCE_FINALIZER).unwrap();
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(all.next().await.unwrap());
    }
    let of = |kind: fn(Resource) -> WatchEvent, event: &WatchEvent| *event == kind(event.resource().clone());
    assert!(seen[..4].iter().all(|event| of(WatchEvent::Added, event)), "{seen:?}");
    assert!(of(WatchEvent::Modified, &seen[4]) && of(WatchEvent::Deleted, &seen[5]));
    assert_eq!(seen[5].resource().metadata().resource_version.as_deref(), Some("3"), "when it went");
    assert_eq!(instances.next().await.unwrap().resource().object_ref(), name, "no other kinds");
    let late = tokio::spawn(async move { all.next().await });
    registry.create(typed(vpc("other"))).unwrap();
    assert_eq!(late.await.unwrap().unwrap().resource().metadata().name, "other");
    store.compact(Revision(3)).unwrap();
    registry.watch(&[], Revision(1)).next().await.expect("it is still in memory");
    let registry = Registry::new(Arc::clone(&store) as Arc<dyn Store>);
    assert_eq!(reason(registry.watch(&[], Revision(1)).next().await), Reason::Expired);
    assert_eq!(reason(registry.watch(&[], Revision(99)).next().await), Reason::Expired, "of another store");
}

#[test]
fn what_a_newer_build_stored_is_named() {
    let store = Arc::new(Memory::new());
    let registry = Registry::new(Arc::clone(&store) as Arc<dyn Store>);
    let newer = json!({ "schema": 99, "resource": vpc("shop") }).to_string();
    store.commit(Txn::new().put("/registry/vpcs/default/shop", newer.into_bytes())).unwrap();
    let error = registry.get(&object(Kind::Vpc, "shop")).unwrap_err();
    assert_eq!(error.reason, Reason::InternalError);
    assert!(error.message.contains("/registry/vpcs/default/shop has the schema 99"), "{error}");
    store.commit(Txn::new().put("/registry/vpcs/default/shop", b"{".as_slice())).unwrap();
    assert_eq!(reason(registry.list(Kind::Vpc)), Reason::InternalError, "damage is not left out silently");
}

#[test]
fn what_is_too_large_is_refused_however_it_is_written() {
    let registry = registry();
    let group = |rules: usize| {
        let rule = json!({ "protocol": "tcp", "ports": [80], "from": ["10.0.0.0/8", "192.168.0.0/16"] });
        value("SecurityGroup", "g", &json!({ "vpc": "shop", "ingress": vec![rule; rules] }))
    };
    assert_eq!(reason(registry.create(typed(group(30_000)))), Reason::RequestEntityTooLarge);
    registry.apply(bundle(&[vpc("shop")])).unwrap();
    assert_eq!(reason(registry.apply(bundle(&[group(30_000)]))), Reason::RequestEntityTooLarge);
    let small = registry.create(typed(group(10_000))).unwrap();
    let grow = |_: &Resource| Ok(typed(group(30_000)));
    assert_eq!(reason(registry.modify(&small.object_ref(), false, grow)), Reason::RequestEntityTooLarge);
    let mut noted = vpc("noted");
    noted["metadata"]["annotations"] = json!({ "a": "x".repeat(300_000) });
    assert!(madang_model::from_json(noted).is_err());
}
