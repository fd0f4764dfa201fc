use super::*;

#[test]
fn a_bundle_is_applied_as_one() {
    let registry = registry();
    let result = registry.apply(bundle(&shop())).unwrap();
    assert_eq!(result.preview.changes.len(), 4, "{:?}", result.preview);
    let names: Vec<_> = result.items.iter().map(|item| item.metadata().name.as_str()).collect();
    assert_eq!(names, ["shop", "web", "web-1", "web-2"], "in the bundle's order");
    assert_eq!(address(&result.items[2]).as_deref(), Some("10.0.1.4"));
    assert_eq!(address(&result.items[3]).as_deref(), Some("10.0.1.5"));
    assert!(result.items.iter().all(|item| item.metadata().resource_version.as_deref() == Some("1")));
    let stored = registry.all().unwrap();
    assert_eq!((stored.items.len(), stored.revision), (4, Revision(1)));
    assert!(result.items.iter().all(|item| registry.get(&item.object_ref()).unwrap() == *item));
}

#[test]
fn the_same_again_changes_nothing() {
    let registry = registry();
    let first = registry.apply(bundle(&shop())).unwrap();
    let again = registry.apply(bundle(&shop())).unwrap();
    assert!(again.preview.is_empty(), "{:?}", again.preview);
    assert_eq!(again.items, first.items);
    assert_eq!(registry.revision(), Revision(1));
}

#[test]
fn what_a_bundle_changes_is_the_bundles() {
    let registry = registry();
    let owners = |resource: &Resource| {
        let entries = resource.metadata().managed_fields.iter();
        entries
            .map(|entry| (entry.manager.clone().unwrap_or_default(), entry.fields_v1.to_string()))
            .collect::<Vec<_>>()
    };
    let new = registry.apply(bundle(&[vpc("shop")])).unwrap();
    let owned = owners(&new.items[0]);
    assert!(
        matches!(&owned[..], [(manager, fields)] if manager == "madang-apply" && fields.contains("f:cidrs")),
        "{owned:?}"
    );
    let mut larger = vpc("shop");
    larger["spec"]["mtu"] = 9000.into();
    let changed = registry.apply(bundle(&[larger])).unwrap();
    assert!(owners(&changed.items[0])[0].1.contains("f:mtu"), "{:?}", changed.items[0]);
    assert!(
        changed.preview.changes[0].fields.len() == 1,
        "owners are no change to tell: {:?}",
        changed.preview
    );
}

#[test]
fn a_dry_run_does_nothing() {
    let registry = registry();
    let dry = registry.apply(Bundle { dry_run: true, ..bundle(&shop()) }).unwrap();
    assert_eq!(dry.preview.changes.len(), 4);
    assert_eq!(address(&dry.items[2]).as_deref(), Some("10.0.1.4"), "it says what would be");
    assert_eq!(registry.revision(), Revision(0));
    let wrong = Bundle { dry_run: true, ..bundle(&[instance("a", "none")]) };
    assert_eq!(reason(registry.apply(wrong)), Reason::Invalid);
}

#[test]
fn what_exists_keeps_its_uid_and_status() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    let mut reported = registry.get(&object(Kind::Instance, "web-1")).unwrap();
    reported.conditions_mut().push(ready());
    let reported = registry.update_status(reported).unwrap();
    let mut changed = shop();
    changed[2]["metadata"]["labels"] = json!({ "app": "web" });
    changed[2]["spec"]["securityGroups"] = json!(["default"]);
    let result = registry.apply(bundle(&changed)).unwrap();
    let item = &result.items[2];
    assert_eq!(item.metadata().uid, reported.metadata().uid);
    assert_eq!(item.metadata().generation, 2);
    assert_eq!(item.conditions(), reported.conditions());
    assert_eq!(item.metadata().labels["app"], "web");
    assert_eq!(result.items[3].metadata().resource_version.as_deref(), Some("1"), "the rest is not written");
    let result = registry.apply(bundle(&shop())).unwrap();
    assert_eq!(result.items[2].metadata().labels.len(), 0, "what the file no longer says is gone");
}

#[test]
fn everything_wrong_is_said_at_once_and_nothing_is_done() {
    let registry = registry();
    let items = [
        vpc("shop"),
        value("Vpc", "typo", &json!({ "cidr": ["10.0.0.0/16"] })),
        value("Nonsense", "x", &json!({})),
        vpc("shop"),
    ];
    let error = registry.apply(bundle(&items)).unwrap_err();
    let codes: Vec<_> = error.diagnostics.iter().map(|d| d.code.as_str()).collect();
    assert!(
        ["unknownField", "unknownKind", "duplicateName"].iter().all(|code| codes.contains(code)),
        "{codes:?}"
    );
    let items = [vpc("shop"), subnet("a", "shop", 1), subnet("b", "shop", 1), instance("i", "none")];
    let error = registry.apply(bundle(&items)).unwrap_err();
    let codes: Vec<_> = error.diagnostics.iter().map(|d| d.code.as_str()).collect();
    assert_eq!(codes, ["overlap", "referenceNotFound"]);
    assert_eq!(registry.revision(), Revision(0));
}

#[test]
fn a_bundle_may_not_break_others_but_need_not_mend_them() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    let delete = Bundle { delete: vec![object(Kind::Subnet, "web")], ..Bundle::default() };
    let error = registry.apply(delete).unwrap_err();
    assert_eq!(
        error.message,
        "Subnet/web: still used by Instance/web-1, Instance/web-2 (delete those first, or use madang down -f FILE, which \
         deletes all that a file declares)"
    );
    assert_eq!((error.diagnostics.len(), error.diagnostics[0].code.as_str()), (1, "inUse"));
    registry.create(typed(instance("lost", "none"))).unwrap();
    registry.apply(bundle(&[vpc("other")])).unwrap();
    let error = registry.apply(bundle(&[instance("lost", "none")])).unwrap_err();
    assert_eq!(error.diagnostics[0].code, "referenceNotFound", "its own items have to be right");
}

#[test]
fn whatever_is_still_used_says_by_whom() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    let mut more: Vec<_> = (3..9).map(|n| instance(&format!("web-{n}"), "web")).collect();
    more.push(value("SecurityGroup", "own", &json!({ "vpc": "shop" })));
    more[0]["spec"]["securityGroups"] = json!(["own"]);
    registry.apply(bundle(&more)).unwrap();
    let delete = |objects: &[ObjectRef]| Bundle { delete: objects.to_vec(), ..Bundle::default() };
    let messages = |bundle| {
        let error = registry.apply(bundle).unwrap_err();
        error
            .diagnostics
            .into_iter()
            .map(|d| format!("{}: {}", d.object.unwrap(), d.message))
            .collect::<Vec<_>>()
    };
    let subnet = "Subnet/web: still used by Instance/web-1, Instance/web-2, Instance/web-3, Instance/web-4, Instance/web-5 \
                  and 3 more";
    let group = "SecurityGroup/own: still used by Instance/web-3";
    let both = [object(Kind::Subnet, "web"), object(Kind::SecurityGroup, "own")];
    assert_eq!(messages(delete(&both)), [group, subnet]);
    // Of one that goes too, and of one that the bundle itself writes, there is nothing to say here.
    let with_user = [both[1].clone(), object(Kind::Instance, "web-3")];
    registry.apply(Bundle { dry_run: true, ..delete(&with_user) }).unwrap();
    let written = Bundle { items: vec![more[0].clone()], ..delete(&both[1..]) };
    assert_eq!(messages(written), ["Instance/web-3: there is no security group own"]);
}

#[test]
fn deleted_together_nothing_is_left_dangling() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    let going = vec![
        object(Kind::Vpc, "shop"),
        object(Kind::Instance, "web-1"),
        object(Kind::Subnet, "web"),
        object(Kind::Instance, "web-2"),
        object(Kind::Instance, "never-was"),
    ];
    let result = registry.apply(Bundle { delete: going.clone(), ..Bundle::default() }).unwrap();
    assert_eq!(result.preview.changes.len(), 4);
    let left = registry.all().unwrap().items;
    assert_eq!(left.len(), 2, "the instances wait for the agent");
    assert!(left.iter().all(|instance| instance.metadata().deletion_timestamp.is_some()));
    assert_eq!(reason(registry.apply(bundle(&shop()))), Reason::Conflict, "they are still there");
    left.iter().for_each(|instance| registry.finalize(instance, INSTANCE_FINALIZER).unwrap());
    assert_eq!(registry.all().unwrap().items, []);
    registry.apply(bundle(&shop())).unwrap();
    let both = Bundle { delete: going, ..bundle(&shop()) };
    assert_eq!(reason(registry.apply(both)), Reason::BadRequest);
}

#[test]
fn prune_takes_what_the_file_no_longer_has() {
    let registry = registry();
    let from = |file: &str, mut items: Vec<Value>| {
        for item in &mut items {
            item["metadata"]["annotations"] = json!({ madang_model::SOURCE_FILE: file });
        }
        items
    };
    registry.apply(bundle(&from("/a.yaml", shop()))).unwrap();
    registry.apply(bundle(&from("/b.yaml", vec![vpc("b")]))).unwrap();
    registry.apply(bundle(&[vpc("c")])).unwrap();
    let mut items = from("/a.yaml", shop());
    let last = items.pop();
    let unpruned = registry.apply(bundle(&items)).unwrap();
    assert!(unpruned.preview.is_empty(), "without prune it stays");
    let prune_files = vec!["/a.yaml".to_owned()];
    let pruned = registry.apply(Bundle { prune_files, ..bundle(&items) }).unwrap();
    assert_eq!(pruned.preview.changes.len(), 1, "{:?}", pruned.preview);
    let gone =
        registry.get(&object(Kind::Instance, last.unwrap()["metadata"]["name"].as_str().unwrap())).unwrap();
    assert!(gone.metadata().deletion_timestamp.is_some());
    assert_eq!(registry.list(Kind::Vpc).unwrap().items.len(), 3);
}
