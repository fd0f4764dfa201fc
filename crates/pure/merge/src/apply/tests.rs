use serde_json::json;

use super::*;
use crate::testing::Story;

#[test]
fn an_applier_owns_what_it_says() {
    let mut story = Story::new();
    story.apply("x", json!({ "mtu": 1500, "route": { "via": "a" }, "labels": { "k": "v" } }));
    assert_eq!(story.spec(), r#"{"mtu":1500,"route":{"via":"a"},"labels":{"k":"v"}}"#);
    // Fields that the schema declares are there for what is in them.
    assert_eq!(story.owned_by("x"), ".spec.labels.k .spec.mtu .spec.route.via");
}

#[test]
fn what_an_applier_no_longer_says_goes() {
    let mut story = Story::new();
    story.apply("x", json!({ "mtu": 1500, "name": "a", "labels": { "k": "v", "l": "w" } }));
    story.apply("x", json!({ "mtu": 1500, "labels": { "k": "v" } }));
    assert_eq!(story.spec(), r#"{"mtu":1500,"labels":{"k":"v"}}"#);
    assert_eq!(story.owned_by("x"), ".spec.labels.k .spec.mtu");
    story.try_apply("x", json!({}), false).unwrap();
    assert_eq!(story.live, Some(json!({})));
    assert!(story.managed.is_empty());
}

#[test]
fn a_value_that_others_own_is_a_conflict_unless_it_is_the_same() {
    let mut story = Story::new();
    story.apply("x", json!({ "mtu": 1500, "name": "a" }));
    assert_eq!(story.conflicts("y", json!({ "mtu": 9000, "name": "b" })), ["x: .spec.mtu", "x: .spec.name"]);
    story.apply("y", json!({ "mtu": 1500.0 }));
    assert_eq!(story.owned_by("x"), ".spec.mtu .spec.name");
    assert_eq!(story.owned_by("y"), ".spec.mtu");
    // Now neither can change it alone, and it stays until both let go.
    assert_eq!(story.conflicts("x", json!({ "mtu": 9000, "name": "a" })), ["y: .spec.mtu"]);
    story.apply("x", json!({ "name": "a" }));
    assert_eq!(story.spec(), r#"{"mtu":1500.0,"name":"a"}"#);
    story.apply("y", json!({}));
    assert_eq!(story.spec(), r#"{"name":"a"}"#);
}

#[test]
fn force_takes_what_others_own() {
    let mut story = Story::new();
    story.apply("x", json!({ "mtu": 1500, "name": "a" })).force("y", json!({ "mtu": 9000 }));
    assert_eq!(story.owned_by("x"), ".spec.name");
    assert_eq!(story.owned_by("y"), ".spec.mtu");
    story.force("x", json!({ "mtu": 1, "name": "a" }));
    assert_eq!(story.owned_by("y"), "");
    assert_eq!(story.spec(), r#"{"mtu":1,"name":"a"}"#);
}

#[test]
fn the_message_is_the_one_that_kubectl_shows() {
    let mut story = Story::new();
    story.update("edit", json!({ "mtu": 1500, "ports": [{ "port": 80, "name": "a" }] }));
    let error = story.try_apply("y", json!({ "spec": { "mtu": 9000 } }), false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"edit\" using madang.dev/v1alpha1: .spec.mtu"
    );
    let config = json!({ "spec": { "mtu": 9000, "ports": [{ "port": 80, "name": "b" }] } });
    assert_eq!(
        story.try_apply("y", config, false).unwrap_err().to_string(),
        "Apply failed with 2 conflicts: conflicts with \"edit\" using madang.dev/v1alpha1:\n\
         - .spec.mtu\n- .spec.ports[port=80,protocol=\"TCP\"].name"
    );
}

#[test]
fn what_an_updater_took_stays_when_the_applier_lets_go() {
    let mut story = Story::new();
    story.apply("x", json!({ "mtu": 1500, "name": "a" }));
    story.update("edit", json!({ "mtu": 9000, "name": "a" }));
    assert_eq!(story.owned_by("x"), ".spec.name");
    assert_eq!(story.owned_by("edit"), ".spec.mtu");
    story.apply("x", json!({ "name": "a" }));
    assert_eq!(story.spec(), r#"{"mtu":9000,"name":"a"}"#);
}

#[test]
fn who_updates_and_applies_by_one_name_is_two_owners() {
    let mut story = Story::new();
    story.apply("kubectl", json!({ "mtu": 1500 })).update("kubectl", json!({ "mtu": 9000 }));
    assert_eq!(story.conflicts("kubectl", json!({ "mtu": 1500 })), ["kubectl: .spec.mtu"]);
}

#[test]
fn items_of_a_list_are_told_apart_by_their_keys() {
    let mut story = Story::new();
    story.apply("x", json!({ "ports": [{ "port": 80, "name": "a" }, { "port": 443, "name": "b" }] }));
    story.apply("y", json!({ "ports": [{ "port": 53, "protocol": "UDP" }, { "port": 80, "weight": 1 }] }));
    assert_eq!(
        story.spec(),
        r#"{"ports":[{"port":53,"protocol":"UDP"},{"port":80,"name":"a","weight":1},{"port":443,"name":"b"}]}"#
    );
    assert_eq!(
        story.owned_by("y"),
        ".spec.ports[port=53,protocol=\"UDP\"] .spec.ports[port=53,protocol=\"UDP\"].port \
         .spec.ports[port=53,protocol=\"UDP\"].protocol .spec.ports[port=80,protocol=\"TCP\"] \
         .spec.ports[port=80,protocol=\"TCP\"].port .spec.ports[port=80,protocol=\"TCP\"].weight"
    );
    story.apply("x", json!({ "ports": [{ "port": 443, "name": "b" }] }));
    assert_eq!(
        story.spec(),
        r#"{"ports":[{"port":53,"protocol":"UDP"},{"port":80,"weight":1},{"port":443,"name":"b"}]}"#
    );
}

#[test]
fn a_key_that_is_left_out_is_its_default() {
    let mut story = Story::new();
    story.apply("x", json!({ "ports": [{ "port": 80, "protocol": "TCP", "name": "a" }] }));
    assert_eq!(
        story.conflicts("y", json!({ "ports": [{ "port": 80, "name": "b" }] })),
        ["x: .spec.ports[port=80,protocol=\"TCP\"].name"]
    );
    story.apply("y", json!({ "ports": [{ "port": 80, "weight": 1 }, { "port": 80, "protocol": "UDP" }] }));
    assert_eq!(
        story.spec(),
        r#"{"ports":[{"port":80,"protocol":"TCP","name":"a","weight":1},{"port":80,"protocol":"UDP"}]}"#
    );
}

#[test]
fn an_item_that_nobody_owns_goes_with_all_that_others_wrote_into_it() {
    let mut story = Story::new();
    story.apply("x", json!({ "mtu": 1, "ports": [{ "port": 80, "name": "a" }, { "port": 443 }] }));
    story.update(
        "tuner",
        json!({ "mtu": 1, "ports": [{ "port": 80, "name": "a", "weight": 5 }, { "port": 443, "weight": 5 }] }),
    );
    assert_eq!(
        story.owned_by("tuner"),
        ".spec.ports[port=80,protocol=\"TCP\"].weight .spec.ports[port=443,protocol=\"TCP\"].weight"
    );
    story.apply("x", json!({ "mtu": 1, "ports": [{ "port": 80, "name": "a" }] }));
    assert_eq!(story.spec(), r#"{"mtu":1,"ports":[{"port":80,"name":"a","weight":5}]}"#);
    assert_eq!(story.owned_by("tuner"), ".spec.ports[port=80,protocol=\"TCP\"].weight");
}

#[test]
fn a_field_that_somebody_else_wrote_keeps_the_object_that_it_is_in() {
    let mut story = Story::new();
    story.apply("x", json!({ "mtu": 1, "route": { "via": "a" } }));
    story.update("edit", json!({ "mtu": 1, "route": { "via": "a", "metric": 5 } }));
    story.apply("x", json!({ "mtu": 1 }));
    assert_eq!(story.spec(), r#"{"mtu":1,"route":{"metric":5}}"#);
}

#[test]
fn what_becomes_empty_stays_only_if_somebody_owns_it() {
    let mut story = Story::new();
    story.update("create", json!({ "mtu": 1, "labels": { "k": "v" } }));
    story.apply("x", json!({ "labels": { "l": "w" }, "zones": ["a"] }));
    story.update("create", json!({ "mtu": 1, "labels": { "l": "w" }, "zones": ["a"] }));
    story.apply("x", json!({}));
    // Whoever created the object owns the labels; nobody but x owned the zones.
    assert_eq!(story.spec(), r#"{"mtu":1,"labels":{}}"#);
}

#[test]
fn an_atomic_list_or_map_is_one_field() {
    let mut story = Story::new();
    story.apply("x", json!({ "command": ["a", "b"], "selector": { "k": "v" } }));
    assert_eq!(story.owned_by("x"), ".spec.command .spec.selector");
    assert_eq!(
        story.conflicts("y", json!({ "command": ["a"], "selector": { "l": "w" } })),
        ["x: .spec.command", "x: .spec.selector"]
    );
    story.force("y", json!({ "command": ["c"], "selector": { "l": "w" } }));
    assert_eq!(story.spec(), r#"{"command":["c"],"selector":{"l":"w"}}"#);
}

#[test]
fn a_set_has_each_item_once_and_an_owner_for_each() {
    let mut story = Story::new();
    story.apply("x", json!({ "zones": ["a", "b"] })).apply("y", json!({ "zones": ["b", "c"] }));
    assert_eq!(story.spec(), r#"{"zones":["a","b","c"]}"#);
    story.apply("x", json!({ "zones": ["d"] }));
    assert_eq!(story.spec(), r#"{"zones":["b","c","d"]}"#);
    assert_eq!(story.owned_by("y"), ".spec.zones[=\"b\"] .spec.zones[=\"c\"]");
}

#[test]
fn a_list_takes_the_appliers_order_and_what_it_does_not_name_stays_in_place() {
    let mut story = Story::new();
    story.update("create", json!({ "zones": ["a", "b", "c", "d", "e"] }));
    story.apply("x", json!({ "zones": ["d", "b"] }));
    assert_eq!(story.spec(), r#"{"zones":["a","c","d","e","b"]}"#);
    story.apply("x", json!({ "zones": ["b", "new", "d"] }));
    assert_eq!(story.spec(), r#"{"zones":["a","c","e","b","new","d"]}"#);
}

#[test]
fn unknown_fields_are_owned_one_by_one_and_their_lists_as_a_whole() {
    let mut story = Story::new();
    story.apply("x", json!({ "any": { "a": { "b": [{ "name": "n" }] } } }));
    assert_eq!(story.owned_by("x"), ".spec.any.a .spec.any.a.b");
    assert_eq!(story.conflicts("y", json!({ "any": { "a": { "b": [] } } })), ["x: .spec.any.a.b"]);
    story.apply("y", json!({ "any": { "a": { "c": 1 } }, "unheard": { "d": 1 } }));
    assert_eq!(story.spec(), r#"{"any":{"a":{"b":[{"name":"n"}],"c":1}},"unheard":{"d":1}}"#);
    // An object in the place of a value, and the other way around, is a change of that value.
    assert_eq!(
        story.conflicts("x", json!({ "any": { "a": { "b": [{ "name": "n" }], "c": {} } } })),
        ["y: .spec.any.a.c"]
    );
    assert_eq!(story.conflicts("x", json!({ "any": { "a": 1 } })), ["y: .spec.any.a"]);
}

#[test]
fn an_empty_object_says_nothing_of_what_is_in_it() {
    let mut story = Story::new();
    story.apply("x", json!({ "route": { "via": "a" } })).apply("y", json!({ "route": {}, "labels": null }));
    assert_eq!(story.spec(), r#"{"route":{"via":"a"},"labels":null}"#);
    assert_eq!(story.owned_by("y"), ".spec.labels .spec.route");
    story.apply("x", json!({}));
    assert_eq!(story.spec(), r#"{"route":{},"labels":null}"#);
}

#[test]
fn applying_the_same_again_changes_nothing() {
    let mut story = Story::new();
    story.update("create", json!({ "mtu": 1, "zones": ["b", "a"] }));
    story.at(1).apply("x", json!({ "name": "n", "zones": ["a"] }));
    let before = (story.live.clone(), story.managed.clone());
    story.at(2).apply("x", json!({ "zones": ["a"], "name": "n" }));
    assert_eq!((story.live.clone(), story.managed.clone()), before);
    assert_eq!(story.live.unwrap().to_string(), before.0.unwrap().to_string());
}

#[test]
fn an_entrys_time_is_when_its_owner_last_changed_something() {
    let mut story = Story::new();
    story.at(1).apply("x", json!({ "mtu": 1, "name": "n" }));
    story.at(2).apply("y", json!({ "mtu": 1 }));
    assert_eq!((story.time_of("x"), story.time_of("y")), (Some(1), Some(2)));
    // Losing a field is nothing that its owner did.
    story.at(3).force("y", json!({ "mtu": 2 }));
    assert_eq!((story.time_of("x"), story.time_of("y")), (Some(1), Some(3)));
    // Another value of the same fields is.
    story.at(4).apply("y", json!({ "mtu": 3 }));
    assert_eq!((story.time_of("x"), story.time_of("y")), (Some(1), Some(4)));
    story.at(5).apply("y", json!({ "name": "n" }));
    assert_eq!((story.time_of("x"), story.time_of("y")), (Some(1), Some(5)));
}

#[test]
fn what_names_an_object_belongs_to_nobody() {
    let mut story = Story::new();
    let config = json!({
        "apiVersion": "madang.dev/v1alpha1",
        "kind": "Vpc",
        "metadata": { "name": "a", "namespace": "b", "labels": { "k": "v" }, "uid": "1", "creationTimestamp": null },
        "spec": { "mtu": 1 },
        "status": { "phase": "Ready" },
    });
    story.try_apply("x", config, false).unwrap();
    assert_eq!(story.owned_by("x"), ".metadata.labels.k .spec.mtu");
    assert_eq!(
        story.live.clone().unwrap().to_string(),
        r#"{"apiVersion":"madang.dev/v1alpha1","kind":"Vpc","metadata":{"name":"a","namespace":"b","uid":"1","creationTimestamp":null,"labels":{"k":"v"}},"spec":{"mtu":1}}"#
    );
    // What the server set since is not the configuration's to change.
    let live = story.live.as_mut().unwrap();
    live["metadata"]["resourceVersion"] = json!("7");
    live["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
    let before = story.live.clone();
    let config = json!({
        "metadata": { "name": "a", "resourceVersion": "5", "creationTimestamp": null, "labels": { "k": "v" } },
        "spec": { "mtu": 1 },
    });
    story.try_apply("x", config, false).unwrap();
    assert_eq!(story.live, before);
}

#[test]
fn metadata_is_merged_as_object_meta() {
    let mut story = Story::new();
    let meta = |metadata: Value| json!({ "metadata": metadata });
    let owner = |uid: &str, name: &str| json!({ "uid": uid, "name": name });
    story
        .try_apply("x", meta(json!({ "finalizers": ["a"], "ownerReferences": [owner("1", "o")] })), false)
        .unwrap();
    story
        .try_apply("y", meta(json!({ "finalizers": ["b"], "ownerReferences": [owner("2", "p")] })), false)
        .unwrap();
    assert_eq!(
        story.live.clone().unwrap().to_string(),
        r#"{"metadata":{"finalizers":["a","b"],"ownerReferences":[{"uid":"1","name":"o"},{"uid":"2","name":"p"}]}}"#
    );
    assert_eq!(story.owned_by("x"), ".metadata.finalizers[=\"a\"] .metadata.ownerReferences[uid=\"1\"]");
    story.try_apply("x", meta(json!({})), false).unwrap();
    assert_eq!(
        story.live.unwrap(),
        meta(json!({ "finalizers": ["b"], "ownerReferences": [owner("2", "p")] }))
    );
}

#[test]
fn a_write_to_the_status_is_about_the_status_alone() {
    let mut story = Story::new();
    story.apply("x", json!({ "mtu": 1 }));
    story.through(Some("status"));
    story.try_apply("agent", json!({ "spec": { "mtu": 2 }, "status": { "phase": "Ready" } }), false).unwrap();
    assert_eq!(story.live, Some(json!({ "spec": { "mtu": 1 }, "status": { "phase": "Ready" } })));
    assert_eq!(story.owned_by("agent"), ".status.phase");
    // And the same name through the object is another owner, and says nothing of the status.
    story.through(None);
    story
        .try_apply("agent", json!({ "spec": { "name": "n" }, "status": { "phase": "Failed" } }), false)
        .unwrap();
    assert_eq!(
        story.live,
        Some(json!({ "spec": { "mtu": 1, "name": "n" }, "status": { "phase": "Ready" } }))
    );
    assert_eq!(story.managed.entries().len(), 3);
    story.through(Some("status"));
    let error = story.try_apply("y", json!({ "status": { "phase": "Failed" } }), false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"agent\" with subresource \"status\": .status.phase"
    );
}

#[test]
fn what_was_there_before_owners_were_told_is_not_taken_by_accident() {
    let mut story = Story::new();
    story.live = Some(json!({ "metadata": { "name": "a" }, "spec": { "mtu": 1, "name": "n" } }));
    assert_eq!(story.conflicts("x", json!({ "mtu": 2 })), ["before-first-apply: .spec.mtu"]);
    story.apply("x", json!({ "mtu": 1 }));
    assert_eq!(story.owned_by("before-first-apply"), ".spec .spec.mtu .spec.name");
    assert_eq!(story.owned_by("x"), ".spec.mtu");
}

#[test]
fn moving_from_client_side_apply_needs_no_force() {
    let mut story = Story::new();
    let annotation = "kubectl.kubernetes.io/last-applied-configuration";
    let object = json!({ "metadata": { "annotations": { annotation: "{}" } }, "spec": { "mtu": 1 } });
    story.update_object("kubectl-client-side-apply", object.clone());
    assert_eq!(
        story.owned_by("kubectl-client-side-apply"),
        format!(".metadata.annotations .metadata.annotations.{annotation} .spec .spec.mtu")
    );
    // kubectl applies with its old name's entry still there, and then joins it into its new one by a patch.
    assert_eq!(story.conflicts("kubectl", json!({ "mtu": 2 })), ["kubectl-client-side-apply: .spec.mtu"]);
    story.apply("kubectl", json!({ "mtu": 1 }));
    let mut entries = story.managed.to_value();
    let entries = entries.as_array_mut().unwrap();
    entries.retain(|entry| entry["operation"] == "Apply");
    entries[0]["fieldsV1"] = json!({
        "f:metadata": { "f:annotations": { (format!("f:{annotation}")): {} } },
        "f:spec": { "f:mtu": {} },
    });
    let submitted = json!(entries);
    story.managed = story.managed.clone().submitted(Some(&submitted), None).unwrap();
    let live = story.live.clone().unwrap();
    story.update_object("kubectl", live);
    assert_eq!(story.managed.to_value(), submitted);
    // The next apply may change the field, and removes the annotation, which it does not say.
    story.apply("kubectl", json!({ "mtu": 2 }));
    assert_eq!(story.live, Some(json!({ "spec": { "mtu": 2 } })));
}

#[test]
fn a_configuration_that_cannot_be_applied_is_refused_with_its_place() {
    let refused = |object: Value| Story::new().try_apply("x", object, true).unwrap_err().to_string();
    let spec = |spec: Value| refused(json!({ "spec": spec }));
    assert_eq!(refused(json!([])), "the object: expected an object");
    assert_eq!(refused(json!({ "metadata": 1 })), ".metadata: expected an object");
    assert_eq!(refused(json!({ "metadata": { "managedFields": [] } })), "metadata.managedFields must be nil");
    assert_eq!(spec(json!([])), ".spec: expected an object");
    assert_eq!(spec(json!({ "mtu": {} })), ".spec.mtu: expected a plain value");
    assert_eq!(spec(json!({ "command": "a b" })), ".spec.command: expected a list");
    assert_eq!(spec(json!({ "zones": ["a", "a"] })), ".spec.zones: there are two of [=\"a\"]");
    assert_eq!(spec(json!({ "zones": [null] })), ".spec.zones[0]: expected a plain value, as in every set");
    assert_eq!(spec(json!({ "ports": [{ "port": 1 }, 1] })), ".spec.ports[1]: expected an object");
    assert_eq!(
        spec(json!({ "ports": [{ "port": 80 }, { "port": 80.0, "protocol": "TCP" }] })),
        ".spec.ports: there are two of [port=80,protocol=\"TCP\"]"
    );
    assert_eq!(
        spec(json!({ "ports": [{ "port": 80, "name": [] }] })),
        ".spec.ports[port=80,protocol=\"TCP\"].name: expected a plain value"
    );
    let deep = (0..70).fold(json!(1), |below, _| json!({ "a": below }));
    assert!(spec(json!({ "any": deep })).ends_with("a.a.a: it is too deep"));
}

#[test]
fn a_live_object_that_does_not_fit_its_schema_is_replaced_where_it_does_not() {
    let mut story = Story::new();
    story.live = Some(json!({ "spec": { "ports": [1, 2], "route": "a", "zones": [{}] } }));
    story.force("x", json!({ "ports": [{ "port": 80 }], "route": { "via": "a" }, "zones": ["a"] }));
    assert_eq!(story.spec(), r#"{"ports":[{"port":80}],"route":{"via":"a"},"zones":["a"]}"#);
}

#[test]
fn who_owned_parts_of_what_is_now_atomic_owns_it() {
    let of = |kind: &str| {
        Schema::new(&json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": {
            "pool": { "type": "object", "x-kubernetes-map-type": kind },
        } } } }))
        .unwrap()
    };
    let mut story = Story::new();
    story.schema = of("granular");
    story.apply("x", json!({ "pool": { "a": 1 } }));
    story.schema = of("atomic");
    assert_eq!(story.conflicts("y", json!({ "pool": { "b": 1 } })), ["x: .spec.pool"]);
    story.apply("x", json!({ "pool": { "c": 1 } }));
    assert_eq!(story.spec(), r#"{"pool":{"c":1}}"#);
}
