use serde_json::json;

use super::*;

fn reason(open_api: &Value) -> String {
    Schema::new(open_api).unwrap_err().to_string()
}

fn ports() -> ListType {
    let schema = Schema::new(&json!({ "type": "object", "properties": { "ports": {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["protocol", "port"],
        "items": { "type": "object", "properties": {
            "port": { "type": "integer" },
            "protocol": { "type": "string", "default": "TCP" },
        } },
    } } }))
    .unwrap();
    let Type::Map(root) = schema.root() else { unreachable!() };
    let (Type::List(list), true) = root.field("ports") else { unreachable!() };
    list.clone()
}

#[test]
fn an_item_is_told_by_its_keys_and_their_defaults() {
    let step = |item: Value| ports().step(&item).map(|step| step.to_string());
    assert_eq!(step(json!({ "port": 80 })).unwrap(), "[port=80,protocol=\"TCP\"]");
    assert_eq!(
        step(json!({ "port": 80, "protocol": "UDP", "name": "x" })).unwrap(),
        "[port=80,protocol=\"UDP\"]"
    );
    // A key without a default may be missing, and makes another item.
    assert_eq!(step(json!({ "name": "x" })).unwrap(), "[protocol=\"TCP\"]");
    assert_eq!(step(json!({ "port": [80] })).unwrap_err(), "expected a plain value as a key");
    assert_eq!(step(json!("80")).unwrap_err(), "expected an object");
}

#[test]
fn an_item_of_a_set_is_told_by_what_it_is() {
    assert_eq!(ListType::Set.step(&json!("a")).unwrap(), PathElement::item("a"));
    for item in [json!(null), json!({}), json!([])] {
        assert_eq!(ListType::Set.step(&item).unwrap_err(), "expected a plain value, as in every set");
    }
}

#[test]
fn metadata_is_object_meta_whatever_the_schema_says() {
    let schema =
        Schema::new(&json!({ "type": "object", "properties": { "metadata": { "type": "object" } } }))
            .unwrap();
    for schema in [schema, Schema::unknown()] {
        let Type::Map(root) = schema.root() else { unreachable!() };
        let (Type::Map(metadata), true) = root.field("metadata") else { unreachable!() };
        assert!(matches!(metadata.field("finalizers"), (Type::List(ListType::Set), true)));
        assert!(matches!(metadata.field("ownerReferences"), (Type::List(ListType::Map { .. }), true)));
        assert!(matches!(metadata.field("labels"), (Type::Map(_), true)));
    }
}

#[test]
fn a_schema_that_cannot_be_merged_by_is_refused_with_its_place() {
    let of = |field: Value| json!({ "type": "object", "properties": { "spec": field } });
    let array = |kind: &str, rest: Value| {
        let mut array = json!({ "type": "array", "x-kubernetes-list-type": kind });
        array.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        of(array)
    };
    assert_eq!(
        reason(&json!({ "type": "string" })),
        "schema of \"\": an object of the API is of type object"
    );
    assert_eq!(reason(&json!([])), "schema of \"\": it is no object");
    assert_eq!(reason(&of(json!(true))), "schema of \".spec\": it is no object");
    assert_eq!(reason(&of(json!({ "$ref": "#/x" }))), "schema of \".spec\": a structural schema has no $ref");
    assert_eq!(
        reason(&of(json!({ "type": ["string"] }))),
        "schema of \".spec\": its type is none of object, array, string, integer, number, boolean"
    );
    assert_eq!(
        reason(&of(json!({ "type": "object", "x-kubernetes-map-type": "x" }))),
        "schema of \".spec\": x-kubernetes-map-type is none of atomic, granular"
    );
    assert_eq!(
        reason(&of(json!({ "type": "object", "properties": [] }))),
        "schema of \".spec\": properties is no object"
    );
    assert_eq!(
        reason(&array("bag", json!({}))),
        "schema of \".spec\": x-kubernetes-list-type is none of atomic, set, map"
    );
    assert_eq!(
        reason(&array("map", json!({ "items": { "type": "object" } }))),
        "schema of \".spec\": x-kubernetes-list-map-keys names no key"
    );
    assert_eq!(
        reason(&array("map", json!({ "items": { "type": "string" }, "x-kubernetes-list-map-keys": ["a"] }))),
        "schema of \".spec\": the items of a list of type map are objects"
    );
    assert_eq!(
        reason(&of(json!({ "type": "array", "items": { "type": "x" } }))),
        "schema of \".spec[]\": its type is none of object, array, string, integer, number, boolean"
    );
    let deep = (0..200).fold(json!({ "type": "string" }), |below, _| of(below));
    assert!(reason(&deep).ends_with("it is too deep"));
}

#[test]
fn what_has_no_type_is_taken_as_it_looks() {
    let schema = Schema::new(&json!({ "type": "object", "properties": {
        "any": { "x-kubernetes-preserve-unknown-fields": true },
        "port": { "x-kubernetes-int-or-string": true },
        "some": { "x-kubernetes-preserve-unknown-fields": true, "properties": { "set": { "type": "array", "x-kubernetes-list-type": "set" } } },
    } }))
    .unwrap();
    let Type::Map(root) = schema.root() else { unreachable!() };
    assert!(matches!(root.field("any"), (Type::Deduced, true)));
    assert!(matches!(root.field("port"), (Type::Scalar, true)));
    assert!(matches!(root.field("unheard"), (Type::Deduced, false)));
    let (Type::Map(some), true) = root.field("some") else { unreachable!() };
    assert!(matches!(some.field("set"), (Type::List(ListType::Set), true)));
}
