//! Patches of any JSON on any JSON: lines of JSON are an object, what is done to it, and who owned its fields before.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use madang_merge::{ManagedFields, Schema, Write, apply, json_patch, merge_patch, update};
use serde_json::Value;

/// One of everything that merges in its own way.
const SCHEMA: &str = r#"{ "type": "object", "properties": {
  "spec": { "type": "object", "properties": {
    "a": { "type": "integer" },
    "m": { "type": "object", "additionalProperties": { "type": "string" } },
    "l": { "type": "array", "items": { "type": "string" } },
    "t": { "type": "object", "additionalProperties": { "type": "string" }, "x-kubernetes-map-type": "atomic" },
    "s": { "type": "array", "items": { "type": "string" }, "x-kubernetes-list-type": "set" },
    "k": { "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["p", "q"],
           "items": { "type": "object", "properties": {
             "p": { "type": "integer" }, "q": { "type": "string", "default": "T" }, "n": { "type": "string" } } } },
    "x": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } } },
  "status": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } } }"#;

static KNOWN: LazyLock<Schema> = LazyLock::new(|| {
    Schema::new(&serde_json::from_str(SCHEMA).expect("it is written here")).expect("it is structural")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((flags, lines)) = bytes.split_first() else { return };
    let mut lines = lines.split(|byte| *byte == b'\n').map(serde_json::from_slice::<Value>);
    let Some(Ok(live)) = lines.next() else { return };
    let Some(Ok(patch)) = lines.next() else { return };
    let owners = lines.next().and_then(Result::ok).unwrap_or(Value::Null);
    let another = lines.next().and_then(Result::ok).map(|schema| Schema::new(&schema));

    let merged = merge_patch(&live, &patch);
    assert_eq!(merge_patch(&merged, &patch), merged, "a merge patch twice is one");
    if let Err(error) = json_patch(&live, &patch) {
        assert!(!error.to_string().is_empty());
    }
    let managed = ManagedFields::from_value(&owners).unwrap_or_default();
    assert_eq!(ManagedFields::from_value(&managed.to_value()).as_ref(), Ok(&managed));
    let unknown = Schema::unknown();
    let schema = match &another {
        Some(Ok(another)) => another,
        _ if flags & 1 == 0 => &KNOWN,
        _ => &unknown,
    };
    let write = Write {
        manager: ["", "a", "b", "kubectl"][usize::from(flags >> 1) % 4],
        api_version: "madang.dev/v1alpha1",
        subresource: (flags & 8 != 0).then_some("status"),
        now: "2026-01-01T00:00:00Z",
    };
    server_side(schema, &live, &managed, &patch, &write, flags & 16 != 0);
    let owned = update(schema, Some(&live), &managed, &merged, &write);
    assert_eq!(ManagedFields::from_value(&owned.to_value()), Ok(owned));
    let live = Some(&live).filter(|_| flags & 32 == 0);
    let _ = update(schema, live, &managed, &patch, &write);
});

/// Server-side apply: what was applied is applied already.
fn server_side(
    schema: &Schema,
    live: &Value,
    managed: &ManagedFields,
    config: &Value,
    write: &Write<'_>,
    force: bool,
) {
    let _ = apply(schema, None, managed, config, write, force).map_err(|error| error.to_string());
    match apply(schema, Some(live), managed, config, write, force) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok((object, owners)) => {
            assert_eq!(ManagedFields::from_value(&owners.to_value()).as_ref(), Ok(&owners));
            let again = apply(schema, Some(&object), &owners, config, write, force);
            let (same, still) = again.expect("what was applied can be applied");
            assert_eq!(same, object, "what was applied changes nothing");
            // Of an object of which nobody owns anything, all was somebody's before.
            assert!(still == owners || owners.is_empty(), "what was applied is owned already: {still:?}");
        }
    }
}
