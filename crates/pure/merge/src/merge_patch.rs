//! JSON Merge Patch (RFC 7396).

use serde_json::{Map, Value};

/// The target with the patch: objects are joined field by field, `null` removes a field, all else takes the place of what
/// was there (section 2).
pub fn merge_patch(target: &Value, patch: &Value) -> Value {
    let mut target = target.clone();
    merge(&mut target, patch);
    target
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    // All at once: to close the gap after each would take a time that grows with the square.
    if patch.values().any(Value::is_null) {
        target.retain(|name, _| !patch.get(name).is_some_and(Value::is_null));
    }
    for (name, patch) in patch.iter().filter(|(_, patch)| !patch.is_null()) {
        merge(target.entry(name).or_insert(Value::Null), patch);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn many_fields_go_at_once() {
        let of =
            |value: Value| Value::Object((0..200_000).map(|n| (format!("f{n}"), value.clone())).collect());
        assert_eq!(merge_patch(&of(json!(1)), &of(Value::Null)), json!({}));
    }

    #[test]
    fn the_cases_of_the_rfc() {
        // RFC 7396 appendix A.
        for (original, patch, result) in [
            (json!({ "a": "b" }), json!({ "a": "c" }), json!({ "a": "c" })),
            (json!({ "a": "b" }), json!({ "b": "c" }), json!({ "a": "b", "b": "c" })),
            (json!({ "a": "b" }), json!({ "a": null }), json!({})),
            (json!({ "a": "b", "b": "c" }), json!({ "a": null }), json!({ "b": "c" })),
            (json!({ "a": ["b"] }), json!({ "a": "c" }), json!({ "a": "c" })),
            (json!({ "a": "c" }), json!({ "a": ["b"] }), json!({ "a": ["b"] })),
            (
                json!({ "a": { "b": "c" } }),
                json!({ "a": { "b": "d", "c": null } }),
                json!({ "a": { "b": "d" } }),
            ),
            (json!({ "a": [{ "b": "c" }] }), json!({ "a": [1] }), json!({ "a": [1] })),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({ "a": "b" }), json!(["c"]), json!(["c"])),
            (json!({ "a": "foo" }), json!(null), json!(null)),
            (json!({ "a": "foo" }), json!("bar"), json!("bar")),
            (json!({ "e": null }), json!({ "a": 1 }), json!({ "e": null, "a": 1 })),
            (json!([1, 2]), json!({ "a": "b", "c": null }), json!({ "a": "b" })),
            (json!({}), json!({ "a": { "bb": { "ccc": null } } }), json!({ "a": { "bb": {} } })),
        ] {
            assert_eq!(merge_patch(&original, &patch), result, "{original} with {patch}");
        }
    }

    #[test]
    fn fields_keep_their_order() {
        let target = json!({ "a": 1, "b": 2, "c": 3 });
        assert_eq!(merge_patch(&target, &json!({ "a": null, "c": 4 })).to_string(), r#"{"b":2,"c":4}"#);
    }
}
