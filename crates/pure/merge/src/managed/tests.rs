use serde_json::json;

use super::*;
use crate::testing::Story;

fn entry(manager: &str, operation: &str, fields: Value) -> Value {
    json!({
        "manager": manager,
        "operation": operation,
        "apiVersion": "madang.dev/v1alpha1",
        "time": "2025-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    })
}

fn read(entries: &Value) -> ManagedFields {
    ManagedFields::from_value(entries).unwrap()
}

/// The reason why an entry is refused in which one field is another.
fn refused(field: &str, value: Value) -> String {
    let mut entry = entry("x", "Apply", json!({ "f:a": {} }));
    entry[field] = value;
    ManagedFields::from_value(&json!([entry])).unwrap_err().to_string()
}

#[test]
fn entries_are_the_same_again_as_json() {
    let mut status = entry("agent", "Update", json!({ "f:status": { "f:phase": {} } }));
    status["subresource"] = json!("status");
    let mut timeless = entry("z", "Apply", json!({ "f:spec": { ".": {}, "f:mtu": {} } }));
    timeless.as_object_mut().unwrap().shift_remove("time");
    let entries = json!([timeless, entry("x", "Apply", json!({ "f:a": {} })), status]);
    assert_eq!(read(&entries).to_value().to_string(), entries.to_string());
}

#[test]
fn entries_are_sorted_as_kubernetes_lists_them() {
    let fields = json!({ "f:a": {} });
    let at = |manager: &str, operation: &str, second: u8| {
        let mut entry = entry(manager, operation, fields.clone());
        entry["time"] = json!(format!("2025-01-01T00:00:0{second}Z"));
        entry
    };
    let [a, b, c, d] = [at("z", "Apply", 1), at("a", "Apply", 2), at("a", "Update", 0), at("b", "Update", 0)];
    assert_eq!(read(&json!([d, c, b, a])).to_value(), json!([a, b, c, d]));
}

#[test]
fn an_entry_without_fields_is_none_and_of_two_of_one_owner_the_later_counts() {
    let [first, second] =
        [json!({ "f:a": {} }), json!({ "f:b": {} })].map(|fields| entry("x", "Apply", fields));
    let mut other_version = entry("x", "Apply", json!({ "f:c": {} }));
    other_version["apiVersion"] = json!("madang.dev/v1");
    assert_eq!(read(&json!([first, second])).to_value(), json!([second]));
    // An applier is one in every version, an updater one in each.
    assert_eq!(read(&json!([first, other_version])).entries().len(), 1);
    let [mut first, mut other_version] = [first, other_version];
    first["operation"] = json!("Update");
    other_version["operation"] = json!("Update");
    assert_eq!(read(&json!([first, other_version])).entries().len(), 2);
    assert!(read(&json!([entry("x", "Apply", json!({}))])).is_empty());
}

#[test]
fn what_is_malformed_is_refused_with_its_place() {
    let error = |value: Value| ManagedFields::from_value(&value).unwrap_err().to_string();
    assert_eq!(error(json!({})), "metadata.managedFields: it is no list");
    assert_eq!(error(json!([1])), "metadata.managedFields[0]: it is no object");
    let at = |field: &str, reason: &str| format!("metadata.managedFields[0].{field}: {reason}");
    for value in [json!("Create"), json!(null), json!("apply")] {
        assert_eq!(refused("operation", value), at("operation", "it is none of Apply, Update"));
    }
    assert_eq!(refused("operation", json!(1)), at("operation", "it is no text"));
    assert_eq!(refused("apiVersion", json!("")), at("apiVersion", "it is missing"));
    assert_eq!(refused("fieldsType", json!("")), at("fieldsType", "it is not FieldsV1"));
    assert_eq!(refused("fieldsType", json!("FieldsV2")), at("fieldsType", "it is not FieldsV1"));
    assert_eq!(refused("fieldsV1", json!({ "a": {} })), at("fieldsV1", "it is no set of fields"));
    assert_eq!(
        refused("manager", json!("x".repeat(129))),
        at("manager", "it is longer than 128 bytes, or has characters that cannot be printed")
    );
    assert_eq!(
        refused("subresource", json!("x".repeat(257))),
        at("subresource", "it is longer than 256 bytes")
    );
    for time in [
        "now",
        "2025-01-01",
        "2025-01-01T00:00:00",
        "2025-01-01T00:00:00.Z",
        "2025-01-01T00:00:00+0:00",
        "2025-01-01T00:00:0\u{661}Z",
    ] {
        assert_eq!(refused("time", json!(time)), at("time", "it is no time as RFC 3339 writes it"), "{time}");
    }
}

#[test]
fn times_may_have_fractions_and_zones() {
    for time in ["2025-01-01T00:00:00.123456Z", "2025-01-01T00:00:00+09:00", "2025-01-01T00:00:00.5-00:30"] {
        let mut entry = entry("x", "Apply", json!({ "f:a": {} }));
        entry["time"] = json!(time);
        assert_eq!(read(&json!([entry])).entries()[0].time.as_deref(), Some(time));
    }
}

#[test]
fn a_client_may_replace_or_clear_the_owners() {
    let live = read(&json!([entry("x", "Apply", json!({ "f:a": {} }))]));
    let submitted = |value: Option<&Value>, subresource| live.clone().submitted(value, subresource);
    // Who does not know of owners does not clear them.
    assert_eq!(submitted(None, None), Ok(live.clone()));
    assert_eq!(submitted(Some(&Value::Null), None), Ok(live.clone()));
    for reset in [json!([]), json!([{}])] {
        assert_eq!(submitted(Some(&reset), None), Ok(ManagedFields::default()));
    }
    let others = json!([entry("y", "Update", json!({ "f:b": {} }))]);
    assert_eq!(submitted(Some(&others), None), Ok(read(&others)));
    assert!(submitted(Some(&json!([{}, {}])), None).is_err());
    assert!(submitted(Some(&json!("x")), None).is_err());
    assert_eq!(submitted(Some(&others), Some("status")), Ok(live.clone()));
}

#[test]
fn submitted_owners_count_as_those_before_the_write() {
    let mut story = Story::new();
    story.update("a", json!({ "mtu": 1, "name": "n" }));
    let submitted =
        json!([entry("b", "Update", json!({ "f:spec": { "f:mtu": {}, "f:name": {}, "f:gone": {} } }))]);
    story.managed = story.managed.clone().submitted(Some(&submitted), None).unwrap();
    story.update("c", json!({ "mtu": 2, "name": "n" }));
    assert_eq!(story.owned_by("a"), "");
    // What is not in the object is not owned.
    assert_eq!(story.owned_by("b"), ".spec.name");
    assert_eq!(story.owned_by("c"), ".spec.mtu");
}

#[test]
fn owners_are_written_into_metadata_and_read_from_it() {
    let mut object = json!({ "spec": {} });
    assert!(ManagedFields::of(&object).unwrap().is_empty());
    let managed = read(&json!([entry("x", "Apply", json!({ "f:a": {} }))]));
    managed.put_into(&mut object);
    assert_eq!(ManagedFields::of(&object), Ok(managed));
    ManagedFields::default().put_into(&mut object);
    assert_eq!(object, json!({ "spec": {}, "metadata": {} }));
}

#[test]
fn joined_updates_are_of_one_version() {
    let update = |n: usize| {
        let mut entry = entry(&format!("m{n:02}"), "Update", json!({ (format!("f:{n}")): {} }));
        entry["apiVersion"] = json!(if n.is_multiple_of(2) { "v1" } else { "v2" });
        entry
    };
    let entries: Value = (0..13).map(update).collect();
    let capped = read(&entries).capped();
    let ancient: Vec<_> = capped.entries().iter().filter(|entry| entry.manager == ANCIENT).collect();
    assert_eq!(capped.entries().len(), MAX_UPDATE_ENTRIES);
    for entry in ancient {
        let odd = entry.api_version == "v2";
        for path in entry.fields.paths() {
            let n: usize = path.to_string()[1..].parse().unwrap();
            assert_eq!(n.is_multiple_of(2), !odd);
        }
    }
    // One of each version cannot be joined.
    let each: Value = (0..13)
        .map(|n| {
            let mut entry = update(n);
            entry["apiVersion"] = json!(format!("v{n}"));
            entry
        })
        .collect();
    assert_eq!(read(&each).capped().entries().len(), 13);
}

#[test]
fn a_key_that_is_a_large_number_is_the_same_again() {
    let item = json!({ "f:k": { r#"k:{"p":222222222222222222222222}"#: { ".": {} } } });
    let managed = read(&json!([entry("x", "Apply", item)]));
    assert_eq!(read(&managed.to_value()), managed);
}
