use std::collections::BTreeSet;

use madang_plan::{FOREGROUND_FINALIZER, ORPHAN_FINALIZER, Propagation, groups};

use super::*;

fn group(subnet: &str) -> Value {
    let template = json!({ "spec": { "subnet": subnet, "process": { "command": ["sleep", "1"] } } });
    value("InstanceGroup", "web", &json!({ "replicas": 2, "template": template }))
}

fn members(group: &Resource, count: usize) -> Vec<Resource> {
    let Resource::InstanceGroup(group) = group else { panic!("{group:?}") };
    let mut draw = 0;
    let random = || {
        draw += 1;
        draw
    };
    groups::new_instances(group, count, random, |_| false)
}

#[test]
fn what_a_resource_makes_is_made_at_once_and_right() {
    let registry = registry();
    registry.apply(bundle(&[shop(), vec![group("web")]].concat())).unwrap();
    let owner = registry.get(&object(Kind::InstanceGroup, "web")).unwrap();
    let made = registry.create_for(&owner, members(&owner, 2)).unwrap();
    let addresses: Vec<_> = made.iter().filter_map(address).collect();
    assert_eq!(addresses, ["10.0.1.6", "10.0.1.7"], "{made:?}");
    assert_eq!(made[0].metadata().owner_references[0].uid, owner.metadata().uid.clone().unwrap());
    assert_eq!(registry.get(&made[0].object_ref()).unwrap(), made[0]);
    let before = registry.revision();
    assert_eq!(reason(registry.create_for(&owner, members(&owner, 3))), Reason::AlreadyExists);
    assert_eq!(registry.revision(), before, "all or none");
}

#[test]
fn what_would_be_wrong_is_not_made() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    let owner = registry.create(typed(group("none"))).unwrap();
    let error = registry.create_for(&owner, members(&owner, 1)).unwrap_err();
    assert_eq!(error.reason, Reason::Invalid);
    assert!(error.message.contains("there is no subnet"), "{error}");
    assert_eq!(registry.list(Kind::Instance).unwrap().items.len(), 2);
}

#[test]
fn an_owner_that_is_gone_or_going_makes_nothing() {
    let registry = registry();
    registry.apply(bundle(&[shop(), vec![group("web")]].concat())).unwrap();
    let owner = registry.get(&object(Kind::InstanceGroup, "web")).unwrap();
    let foreground = DeleteOptions { propagation: Propagation::Foreground, ..DeleteOptions::default() };
    let Deletion::Pending(going) = registry.delete_if(&owner.object_ref(), foreground).unwrap() else {
        panic!("it waits for what belongs to it")
    };
    assert_eq!(going.metadata().finalizers, [FOREGROUND_FINALIZER]);
    assert_eq!(reason(registry.create_for(&owner, members(&owner, 1))), Reason::NotFound);
    registry.finalize(&going, FOREGROUND_FINALIZER).unwrap();
    registry.create(typed(group("web"))).unwrap();
    assert_eq!(
        reason(registry.create_for(&owner, members(&owner, 1))),
        Reason::NotFound,
        "it is another one"
    );
}

#[test]
fn how_a_resource_is_deleted_is_kept_with_it() {
    let registry = registry();
    let delete = |propagation| {
        let owner = registry.create(typed(group("web"))).unwrap();
        let options = DeleteOptions { propagation, ..DeleteOptions::default() };
        let finalizers = match registry.delete_if(&owner.object_ref(), options).unwrap() {
            Deletion::Gone { .. } => Vec::new(),
            Deletion::Pending(going) => going.metadata().finalizers.clone(),
        };
        for finalizer in &finalizers {
            registry.finalize(&owner, finalizer).unwrap();
        }
        finalizers
    };
    assert_eq!(delete(Propagation::Background), Vec::<String>::new());
    assert_eq!(delete(Propagation::Foreground), [FOREGROUND_FINALIZER]);
    assert_eq!(delete(Propagation::Orphan), [ORPHAN_FINALIZER]);
}

#[test]
fn an_owner_can_be_taken_off() {
    let registry = registry();
    registry.apply(bundle(&[shop(), vec![group("web")]].concat())).unwrap();
    let owner = registry.get(&object(Kind::InstanceGroup, "web")).unwrap();
    let made = registry.create_for(&owner, members(&owner, 1)).unwrap().remove(0);
    let uids = |resource: &Resource| {
        let owners = resource.metadata().owner_references.iter();
        owners.map(|owner| owner.uid.clone()).collect::<BTreeSet<_>>()
    };
    let mut another = made.clone();
    another.metadata_mut().uid = Some("another".into());
    registry.disown(&another, &uids(&made)).unwrap();
    assert_eq!(uids(&registry.get(&made.object_ref()).unwrap()), uids(&made), "not a later one of the name");
    registry.disown(&made, &BTreeSet::from(["nobody".to_owned()])).unwrap();
    assert_eq!(registry.get(&made.object_ref()).unwrap(), made);
    registry.disown(&made, &uids(&made)).unwrap();
    let free = registry.get(&made.object_ref()).unwrap();
    assert_eq!((uids(&free).len(), free.metadata().generation), (0, 1));
    let mut adopted = free;
    adopted.metadata_mut().owner_references = made.metadata().owner_references.clone();
    assert_eq!(uids(&registry.update(adopted).unwrap()), uids(&made), "who has read it may write it");
}
