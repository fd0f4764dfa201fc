//! What differs between two values of JSON, field by field.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A field that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// As `spec.ingress[0].ports`. A place in a list is counted as it is after the change, or before it if it goes.
    pub path: String,
    /// What it was; none, if it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it will be; none, if it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "{path}: {} -> {}", Plain(before), Plain(after)),
            (None, Some(after)) => write!(f, "{path}: + {}", Plain(after)),
            (Some(before), None) => write!(f, "{path}: - {}", Plain(before)),
            (None, None) => f.write_str(path),
        }
    }
}

/// Values as people write them in YAML: no quotes around plain words.
struct Plain<'a>(&'a Value);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = |n| if n == 0 { "" } else { ", " };
        match self.0 {
            Value::String(text) => f.write_str(text),
            Value::Array(items) => {
                f.write_str("[")?;
                for (n, item) in items.iter().enumerate() {
                    write!(f, "{}{}", separator(n), Plain(item))?;
                }
                f.write_str("]")
            }
            Value::Object(fields) if fields.is_empty() => f.write_str("{}"),
            Value::Object(fields) => {
                f.write_str("{ ")?;
                for (n, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{name}: {}", separator(n), Plain(value))?;
                }
                f.write_str(" }")
            }
            other => write!(f, "{other}"),
        }
    }
}

/// Appends what differs. Lists are compared without their common beginning and end, so that an item put in between is
/// one change.
pub(crate) fn diff(path: &str, before: &Value, after: &Value, changes: &mut Vec<FieldChange>) {
    match (before, after) {
        (a, b) if a == b => {}
        (Value::Object(before), Value::Object(after)) => {
            let only_before = before.keys().filter(|key| !after.contains_key(*key));
            for key in after.keys().chain(only_before) {
                let path = format!("{path}.{key}");
                either(path, before.get(key), after.get(key), changes);
            }
        }
        // A list of plain values reads better as a whole.
        (Value::Array(before), Value::Array(after)) if before.iter().chain(after).any(Value::is_object) => {
            let start = before.iter().zip(after).take_while(|(a, b)| a == b).count();
            let (before_rest, after_rest) = (&before[start..], &after[start..]);
            let end =
                before_rest.iter().rev().zip(after_rest.iter().rev()).take_while(|(a, b)| a == b).count();
            let (before_rest, after_rest) =
                (&before_rest[..before_rest.len() - end], &after_rest[..after_rest.len() - end]);
            for n in 0..before_rest.len().max(after_rest.len()) {
                either(format!("{path}[{}]", start + n), before_rest.get(n), after_rest.get(n), changes);
            }
        }
        (before, after) => changes.push(FieldChange {
            path: path.to_owned(),
            before: Some(before.clone()),
            after: Some(after.clone()),
        }),
    }
}

fn either(path: String, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<FieldChange>) {
    match (before, after) {
        (Some(before), Some(after)) => diff(&path, before, after, changes),
        (before, after) => changes.push(FieldChange { path, before: before.cloned(), after: after.cloned() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(before: &Value, after: &Value) -> Vec<String> {
        let mut changes = Vec::new();
        diff("spec", before, after, &mut changes);
        changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_field_that_differs_is_named() {
        let before = json!({ "a": 1, "b": { "c": [1, 2] }, "gone": "x" });
        let after = json!({ "a": 1, "b": { "c": [1, 2, 3] }, "new": { "k": "v" } });
        assert_eq!(
            lines(&before, &after),
            ["spec.b.c: [1, 2] -> [1, 2, 3]", "spec.new: + { k: v }", "spec.gone: - x"]
        );
        assert!(lines(&after, &after).is_empty());
    }

    #[test]
    fn an_item_put_in_between_is_one_change() {
        let rule = |port: u16| json!({ "ports": [port] });
        let before = json!([rule(1), rule(2), rule(3)]);
        assert_eq!(
            lines(&before, &json!([rule(1), rule(9), rule(2), rule(3)])),
            ["spec[1]: + { ports: [9] }"]
        );
        assert_eq!(lines(&before, &json!([rule(1), rule(3)])), ["spec[1]: - { ports: [2] }"]);
        assert_eq!(lines(&before, &json!([rule(1), rule(5), rule(3)])), ["spec[1].ports: [2] -> [5]"]);
        assert_eq!(lines(&json!([rule(1), rule(1)]), &json!([rule(1)])), ["spec[1]: - { ports: [1] }"]);
    }
}
