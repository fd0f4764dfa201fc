//! Resources that get another name and stay what they are.

use super::*;

fn renamed(mut value: Value, new: &str) -> Value {
    let old = value["metadata"]["name"].take();
    value["metadata"]["name"] = new.into();
    value["metadata"]["annotations"] = json!({ madang_model::RENAMED_FROM: old });
    value
}

fn said(result: Result<crate::BundleResult, ApiError>) -> Vec<String> {
    let error = result.unwrap_err();
    assert_eq!(error.reason, Reason::Invalid, "{error}");
    error.diagnostics.iter().map(|d| d.message.clone()).collect()
}

#[test]
fn an_instance_keeps_all_but_its_name() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    let mut old = registry.get(&object(Kind::Instance, "web-1")).unwrap();
    old.conditions_mut().push(ready());
    let old = registry.update_status(old).unwrap();
    let mut items = shop();
    items[2] = renamed(items[2].clone(), "front-1");
    let result = registry.apply(bundle(&items)).unwrap();
    assert_eq!(result.preview.to_string(), "rename Instance/web-1 to Instance/front-1\n");
    let new = registry.get(&object(Kind::Instance, "front-1")).unwrap();
    assert_eq!(registry.find(&object(Kind::Instance, "web-1")).unwrap(), None);
    let (was, is) = (old.metadata(), new.metadata());
    assert_eq!(
        (&is.uid, &is.creation_timestamp, &is.finalizers),
        (&was.uid, &was.creation_timestamp, &was.finalizers)
    );
    assert_eq!((address(&new), new.conditions()), (address(&old), old.conditions()));
    let Resource::Instance(instance) = &new else { panic!() };
    let Resource::Instance(before) = &old else { panic!() };
    assert_eq!(instance.status.mac, before.status.mac);
    assert_eq!(is.deletion_timestamp, None);
    // The same again is nothing; and the old name is free.
    let revision = registry.revision();
    assert!(registry.apply(bundle(&items)).unwrap().preview.is_empty());
    assert_eq!(registry.revision(), revision);
    items.push(instance_of("web-1"));
    let result = registry.apply(bundle(&items)).unwrap();
    assert_eq!(result.preview.changes.len(), 1, "{}", result.preview);
    assert!(registry.apply(bundle(&items)).unwrap().preview.is_empty());
}

fn instance_of(name: &str) -> Value {
    instance(name, "web")
}

#[test]
fn what_refers_to_it_uses_the_new_name() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    // A VPC and a subnet, which are fixed in what refers to them.
    let mut items = shop();
    items[0] = renamed(items[0].clone(), "store");
    items[1] = renamed(items[1].clone(), "front");
    items[1]["spec"]["vpc"] = "store".into();
    for instance in &mut items[2..] {
        instance["spec"]["subnet"] = "front".into();
    }
    let result = registry.apply(bundle(&items)).unwrap();
    assert_eq!(
        result.preview.to_string(),
        "rename Vpc/shop to Vpc/store\nrename Subnet/web to Subnet/front\n  spec.vpc: shop -> store\n\
         update Instance/web-1\n  spec.subnet: web -> front\nupdate Instance/web-2\n  spec.subnet: web -> front\n"
    );
    assert_eq!(address(&result.items[2]).as_deref(), Some("10.0.1.4"));
    // What is not in the bundle has to follow.
    let mut half = items[1].clone();
    half = renamed(half, "back");
    let messages = said(registry.apply(bundle(&[half])));
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].contains("there is no subnet front"), "{messages:?}");
    // Another change of what is fixed stays refused.
    let mut moved = renamed(items[2].clone(), "web-9");
    moved["spec"]["process"]["command"] = json!(["true"]);
    assert!(said(registry.apply(bundle(&[moved])))[0].contains("cannot be changed"));
}

#[test]
fn two_change_places() {
    let registry = registry();
    let first = registry.apply(bundle(&shop())).unwrap().items;
    let items = [renamed(instance_of("web-1"), "web-2"), renamed(instance_of("web-2"), "web-1")];
    registry.apply(bundle(&items)).unwrap();
    let uid = |name: &str| registry.get(&object(Kind::Instance, name)).unwrap().metadata().uid.clone();
    assert_eq!(
        (uid("web-1"), uid("web-2")),
        (first[3].metadata().uid.clone(), first[2].metadata().uid.clone())
    );
    assert!(registry.apply(bundle(&items)).unwrap().preview.is_empty(), "they are done");
}

#[test]
fn a_name_that_is_given_up_can_be_another_ones() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    let items = [renamed(instance_of("web-1"), "web-0"), instance_of("web-1")];
    let result = registry.apply(bundle(&items)).unwrap();
    assert_eq!(result.preview.changes.len(), 2, "{}", result.preview);
    assert_eq!(address(&result.items[0]).as_deref(), Some("10.0.1.4"));
    assert_eq!(address(&result.items[1]).as_deref(), Some("10.0.1.6"), "a new one");
}

#[test]
fn what_cannot_be() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    let apply = |value: Value| said(registry.apply(bundle(&[value]))).remove(0);
    assert_eq!(
        apply(renamed(instance_of("web-9"), "web-1x")),
        "there is no Instance/web-9 that could become Instance/web-1x"
    );
    assert_eq!(
        apply(renamed(instance_of("web-1"), "web-2")),
        "Instance/web-1 cannot become Instance/web-2: both exist"
    );
    assert_eq!(apply(renamed(instance_of("web-1"), "web-1")), "Instance/web-1 is its own name");
    let error = registry.apply(bundle(&[renamed(instance_of("shop"), "web-3")])).unwrap_err();
    assert_eq!(
        error.diagnostics[0].cause.as_deref(),
        Some("there is Vpc/shop, and a resource never becomes one of another kind")
    );
    let twice = [renamed(instance_of("web-1"), "a"), renamed(instance_of("web-1"), "b")];
    assert_eq!(said(registry.apply(bundle(&twice))), ["Instance/web-1 is renamed twice"]);
    // One that is being deleted stays what it was.
    registry.delete(&object(Kind::Instance, "web-1")).unwrap();
    assert_eq!(
        apply(renamed(instance_of("web-1"), "a")),
        "Instance/web-1 is being deleted, and cannot be renamed"
    );
    // It has been done, as far as anybody can tell.
    registry.finalize(&registry.get(&object(Kind::Instance, "web-1")).unwrap(), INSTANCE_FINALIZER).unwrap();
    registry.apply(bundle(&[renamed(instance_of("web-1"), "web-2")])).unwrap();
}

#[test]
fn prune_does_not_take_what_is_renamed() {
    let registry = registry();
    let from = |mut value: Value| {
        value["metadata"]["annotations"][madang_model::SOURCE_FILE] = "/a.yaml".into();
        value
    };
    registry.apply(bundle(&shop().into_iter().map(from).collect::<Vec<_>>())).unwrap();
    let mut items: Vec<Value> = shop();
    items[2] = renamed(items[2].clone(), "front-1");
    let items: Vec<Value> = items.into_iter().map(from).collect();
    let pruned = registry.apply(Bundle { prune_files: vec!["/a.yaml".into()], ..bundle(&items) }).unwrap();
    assert_eq!(pruned.preview.to_string(), "rename Instance/web-1 to Instance/front-1\n");
    assert_eq!(registry.list(Kind::Instance).unwrap().items.len(), 2);
}

#[test]
fn an_assertion_that_still_has_the_old_name_is_not_lost() {
    let registry = registry();
    let mut items = shop();
    let claim = json!({ "from": "web-1", "to": "web-2", "port": 80, "expect": "reachable" });
    items.push(value("Assertion", "a", &claim));
    registry.apply(bundle(&items)).unwrap();
    let mut changed = items.clone();
    changed[2] = renamed(changed[2].clone(), "front-1");
    changed.pop();
    let error = registry.apply(bundle(&changed)).unwrap_err();
    assert_eq!(error.diagnostics[0].object, Some(object(Kind::Assertion, "a")));
    changed.push(value(
        "Assertion",
        "a",
        &json!({ "from": "front-1", "to": "web-2", "port": 80, "expect": "reachable" }),
    ));
    registry.apply(bundle(&changed)).unwrap();
}
