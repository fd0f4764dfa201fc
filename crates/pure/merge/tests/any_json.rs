//! Whatever a client sends: nothing panics, and what comes of it makes sense.

mod common;

use common::{schema, write};
use madang_merge::{ManagedFields, PatchError, Schema, apply, json_patch, merge_patch, update};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: &str = "2025-01-01T00:00:00Z";

/// Names that mean something somewhere, and some that do not.
fn name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(
        &[
            "spec",
            "metadata",
            "labels",
            "zones",
            "ports",
            "port",
            "protocol",
            "name",
            "mtu",
            "pool",
            "command",
            "status",
            "finalizers",
            "ownerReferences",
            "uid",
            "apiVersion",
            "managedFields",
            ".",
            "f:spec",
            "f:mtu",
            "f:ports",
            "f:zones",
            "f:labels",
            "f:metadata",
            "f:name",
            "k:{\"port\":1,\"protocol\":\"TCP\"}",
            "k:{}",
            "v:\"a\"",
            "v:1.0",
            "i:0",
            "z:later",
            "f:",
            "",
        ][..],
    );
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => "[a-z~/:.]{0,3}"]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..3_i64).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Floats that a parser reads as they were written.
        (-100..100_i32).prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        prop::sample::select(&["a", "b", "TCP", "UDP", "Apply", "Update", "FieldsV1"][..])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |below| {
        prop_oneof![
            vec(below.clone(), 0..4).prop_map(Value::Array),
            vec((name(), below), 0..5).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// An object of the API, more or less.
fn any_object() -> impl Strategy<Value = Value> {
    let fields = |names: &'static [&'static str]| {
        vec((prop::sample::select(names), any_json()), 0..5).prop_map(|fields| {
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Value>()
        })
    };
    let ports = vec(fields(&["port", "protocol", "name", "weight", "other"]), 0..4);
    let names = vec(prop::sample::select(&["a", "b", "c"][..]), 0..3);
    let spec = (fields(&["mtu", "labels", "zones", "ports", "pool", "command", "other"]), ports, names);
    let spec = spec.prop_map(|(mut spec, ports, zones)| {
        if let Some(spec) = spec.as_object_mut() {
            spec.entry("ports").or_insert(json!(ports));
            spec.entry("zones").or_insert(json!(zones));
        }
        spec
    });
    let metadata = fields(&["name", "labels", "annotations", "finalizers", "ownerReferences", "uid"]);
    prop_oneof![
        1 => any_json(),
        9 => (spec, metadata, any_json()).prop_map(|(spec, metadata, status)| {
            json!({ "spec": spec, "metadata": metadata, "status": status })
        }),
    ]
}

/// Entries that mostly are some.
fn any_managed_fields() -> impl Strategy<Value = Value> {
    let entry =
        (prop::sample::select(&["x", "y"][..]), prop::sample::select(&["Apply", "Update"][..]), any_json());
    let entry = entry.prop_map(|(manager, operation, fields)| {
        json!({
            "manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields,
        })
    });
    prop_oneof![1 => any_json(), 9 => vec(entry, 0..4).prop_map(Value::Array)]
}

fn any_patch() -> impl Strategy<Value = Value> {
    let pointer = vec(prop_oneof![name(), "[0-3-]"], 0..4)
        .prop_map(|steps| steps.iter().map(|step| format!("/{step}")).collect::<String>());
    let op = prop::sample::select(&["add", "remove", "replace", "move", "copy", "test"][..]);
    let operation = (op, pointer.clone(), pointer, any_json())
        .prop_map(|(op, path, from, value)| json!({ "op": op, "path": path, "from": from, "value": value }));
    prop_oneof![1 => any_json(), 9 => vec(operation, 0..8).prop_map(Value::Array)]
}

/// Whether every owned path is in the object: a write that changes nothing takes none away.
fn has_no_dead_paths(schema: &Schema, object: &Value, managed: &ManagedFields) -> bool {
    update(schema, Some(object), managed, object, &write("z", NOW)) == *managed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_configuration_is_applied_or_refused(
        live in proptest::option::of(any_object()),
        managed in any_managed_fields(),
        config in any_object(),
        force in any::<bool>(),
    ) {
        let schema = schema();
        let managed = ManagedFields::from_value(&managed).unwrap_or_default();
        let applied = apply(&schema, live.as_ref(), &managed, &config, &write("x", NOW), force);
        if let Ok((object, owners)) = applied {
            prop_assert_eq!(ManagedFields::from_value(&owners.to_value()), Ok(owners.clone()));
            prop_assert!(has_no_dead_paths(&schema, &object, &owners));
            // The same again changes nothing, not even the time.
            let later = write("x", "2025-01-01T00:00:01Z");
            let again = apply(&schema, Some(&object), &owners, &config, &later, false);
            if !owners.is_empty() {
                prop_assert_eq!(again, Ok((object, owners)));
            }
        }
    }

    #[test]
    fn any_object_may_be_written_over_any_other(
        live in proptest::option::of(any_object()),
        managed in any_managed_fields(),
        new in any_object(),
    ) {
        let schema = schema();
        let managed = ManagedFields::from_value(&managed).unwrap_or_default();
        let owners = update(&schema, live.as_ref(), &managed, &new, &write("x", NOW));
        prop_assert!(has_no_dead_paths(&schema, &new, &owners));
        // Back and forth, nobody else owns what x wrote twice.
        let back = update(&schema, Some(&new), &owners, &live.unwrap_or_default(), &write("x", NOW));
        prop_assert_eq!(ManagedFields::from_value(&back.to_value()), Ok(back));
    }

    #[test]
    fn any_list_of_owners_is_read_or_refused(submitted in any_managed_fields(), mut object in any_object()) {
        if let Ok(managed) = ManagedFields::from_value(&submitted) {
            managed.put_into(&mut object);
            if object.pointer("/metadata").is_some_and(Value::is_object) {
                prop_assert_eq!(ManagedFields::of(&object), Ok(managed));
            }
        }
        let _ = ManagedFields::default().submitted(Some(&submitted), None);
    }

    #[test]
    fn any_patch_is_carried_out_or_refused(target in any_object(), patch in any_patch()) {
        match json_patch(&target, &patch) {
            Ok(_) => prop_assert!(patch.is_array()),
            Err(PatchError::NoList) => prop_assert!(!patch.is_array()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn a_merge_patch_leaves_no_null_of_its_own_and_is_the_same_again(target in any_object(), patch in any_json()) {
        let merged = merge_patch(&target, &patch);
        prop_assert_eq!(merge_patch(&merged, &patch), merged.clone());
        prop_assert_eq!(merge_patch(&target, &json!({})).is_object(), true);
        // A patch from nothing makes what it says, without its nulls (RFC 7396 section 2).
        if patch.is_object() {
            let made = merge_patch(&Value::Null, &patch);
            prop_assert_eq!(merge_patch(&Value::Null, &made), made);
        }
    }

    #[test]
    fn any_json_is_a_schema_or_is_refused(open_api in any_json()) {
        let _ = Schema::new(&open_api);
    }
}
