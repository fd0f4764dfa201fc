use serde_json::json;

use crate::managed::{ANCIENT, MAX_UPDATE_ENTRIES};
use crate::testing::Story;

#[test]
fn who_creates_an_object_owns_all_of_it() {
    let mut story = Story::new();
    let object = json!({
        "apiVersion": "madang.dev/v1alpha1",
        "kind": "Vpc",
        "metadata": { "name": "a", "labels": { "k": "v" } },
        "spec": { "mtu": 1, "zones": ["a"], "command": ["b"], "ports": [{ "port": 80 }] },
        "status": { "phase": "Ready" },
    });
    story.update_object("create", object);
    assert_eq!(
        story.owned_by("create"),
        ".metadata.labels .metadata.labels.k .spec .spec.command .spec.mtu .spec.ports \
         .spec.ports[port=80,protocol=\"TCP\"] .spec.ports[port=80,protocol=\"TCP\"].port .spec.zones \
         .spec.zones[=\"a\"]"
    );
}

#[test]
fn who_changes_a_field_takes_it_and_what_stays_the_same_stays_whose_it_is() {
    let mut story = Story::new();
    story.update("a", json!({ "mtu": 1, "name": "n" }));
    story.update("b", json!({ "mtu": 2, "name": "n", "zones": ["z"] }));
    assert_eq!(story.owned_by("a"), ".spec .spec.name");
    assert_eq!(story.owned_by("b"), ".spec.mtu .spec.zones .spec.zones[=\"z\"]");
    story.update("c", json!({ "mtu": 2.0, "name": "n", "zones": ["z"] }));
    assert_eq!(story.owned_by("c"), "");
}

#[test]
fn what_is_removed_belongs_to_nobody() {
    let mut story = Story::new();
    story.apply("x", json!({ "mtu": 1, "route": { "via": "a" }, "ports": [{ "port": 80, "name": "n" }] }));
    story.update("b", json!({ "mtu": 1 }));
    assert_eq!(story.owned_by("x"), ".spec.mtu");
    assert_eq!(story.owned_by("b"), "");
    // And comes back as the applier's when it is applied again.
    story.apply("x", json!({ "mtu": 1, "route": { "via": "a" } }));
    assert_eq!(story.owned_by("x"), ".spec.mtu .spec.route.via");
}

#[test]
fn a_write_that_changes_nothing_changes_no_owner_and_no_time() {
    let mut story = Story::new();
    story.at(1).update("a", json!({ "mtu": 1 }));
    story.at(2).apply("x", json!({ "mtu": 1, "name": "n" }));
    let before = story.managed.clone();
    for manager in ["a", "x", "new"] {
        story.at(3).update(manager, json!({ "mtu": 1, "name": "n" }));
        assert_eq!(story.managed, before);
    }
}

#[test]
fn an_entrys_time_is_when_its_owner_last_changed_something() {
    let mut story = Story::new();
    story.at(1).update("a", json!({ "mtu": 1, "name": "n" }));
    story.at(2).update("b", json!({ "mtu": 2, "name": "n" }));
    assert_eq!((story.time_of("a"), story.time_of("b")), (Some(1), Some(2)));
    // A new value of an owned field counts, and the removal of one.
    story.at(3).update("b", json!({ "mtu": 3, "name": "n" }));
    assert_eq!((story.time_of("a"), story.time_of("b")), (Some(1), Some(3)));
    story.at(4).update("a", json!({ "mtu": 3 }));
    assert_eq!((story.time_of("a"), story.time_of("b")), (Some(4), Some(3)));
    // What another removes does not.
    story.at(5).update("a", json!({}));
    assert_eq!((story.time_of("a"), story.time_of("b")), (Some(4), None));
}

#[test]
fn fields_that_the_server_keeps_are_never_owned() {
    let mut story = Story::new();
    story.update_object("a", json!({ "metadata": { "name": "n" }, "spec": { "mtu": 1 } }));
    let before = story.managed.clone();
    story.update_object(
        "b",
        json!({
            "apiVersion": "v2",
            "kind": "Other",
            "metadata": {
                "name": "m", "namespace": "o", "uid": "u", "resourceVersion": "1", "generation": 2, "selfLink": "/",
                "creationTimestamp": "t", "deletionTimestamp": "t", "deletionGracePeriodSeconds": 0,
                "managedFields": [{}],
            },
            "spec": { "mtu": 1 },
            "status": { "phase": "Ready" },
        }),
    );
    assert_eq!(story.managed, before);
}

#[test]
fn a_status_is_written_apart() {
    let mut story = Story::new();
    story.update("create", json!({ "mtu": 1 }));
    story.through(Some("status"));
    story.update_object("agent", json!({ "spec": { "mtu": 2 }, "status": { "phase": "Ready" } }));
    assert_eq!(story.owned_by("agent"), ".status .status.phase");
    assert_eq!(story.owned_by("create"), ".spec .spec.mtu");
    let entry = &story.managed.to_value()[0];
    assert_eq!(entry["subresource"], "status");
}

#[test]
fn an_object_without_owners_stays_so_until_it_is_applied() {
    let mut story = Story::new();
    story.update("create", json!({ "mtu": 1 }));
    story.managed = story.managed.clone().submitted(Some(&json!([])), None).unwrap();
    story.update("edit", json!({ "mtu": 2, "name": "n" }));
    assert!(story.managed.is_empty());
    assert_eq!(story.conflicts("x", json!({ "mtu": 3 })), ["before-first-apply: .spec.mtu"]);
}

#[test]
fn a_list_that_cannot_be_told_apart_is_owned_as_a_whole() {
    let mut story = Story::new();
    story.update("a", json!({ "ports": [{ "port": 80 }] }));
    story.update("b", json!({ "ports": [{ "port": 80 }, 1] }));
    assert_eq!((story.owned_by("a").as_str(), story.owned_by("b").as_str()), (".spec", ".spec.ports"));
    story.update("c", json!({ "ports": [{ "port": 80 }] }));
    assert_eq!(story.owned_by("b"), "");
}

#[test]
fn items_that_nothing_tells_apart_are_owned_together() {
    let mut story = Story::new();
    let twins = |name: &str| json!({ "ports": [{ "port": 80, "name": "a" }, { "port": 80, "name": name }] });
    story.update("a", twins("b"));
    let item = ".spec.ports[port=80,protocol=\"TCP\"]";
    assert_eq!(story.owned_by("a"), format!(".spec .spec.ports {item}"));
    story.update("b", twins("c"));
    assert_eq!(story.owned_by("b"), item);
    story.update("c", json!({ "ports": [{ "port": 80, "name": "a" }] }));
    assert_eq!(story.owned_by("c"), format!("{item} {item}.name {item}.port"));
    assert_eq!(story.owned_by("b"), "");
    story.update("d", twins("d"));
    assert_eq!(story.owned_by("d"), item);
    story.update("e", json!({ "ports": [] }));
    assert_eq!(story.owned_by("a"), ".spec .spec.ports");
}

#[test]
fn only_so_many_updates_are_kept_apart_and_the_oldest_are_joined() {
    let mut story = Story::new();
    let mut spec = json!({ "any": {} });
    for n in 0..u8::try_from(MAX_UPDATE_ENTRIES).unwrap() + 3 {
        spec["any"][format!("field{n:02}")] = json!(n);
        story.at(n).update(&format!("manager{n:02}"), spec.clone());
    }
    let managers: Vec<_> = story.managed.entries().iter().map(|entry| entry.manager.as_str()).collect();
    assert_eq!(managers.len(), MAX_UPDATE_ENTRIES);
    assert_eq!(managers[..2], [ANCIENT, "manager04"]);
    assert_eq!(
        story.owned_by(ANCIENT),
        ".spec .spec.any .spec.any.field00 .spec.any.field01 .spec.any.field02 .spec.any.field03"
    );
    assert_eq!(story.time_of(ANCIENT), Some(3));
}

#[test]
fn who_has_no_name_is_unknown() {
    let mut story = Story::new();
    story.update("", json!({ "mtu": 1 }));
    assert_eq!(story.owned_by("unknown"), ".spec .spec.mtu");
}
