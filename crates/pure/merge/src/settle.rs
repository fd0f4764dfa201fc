//! Owned paths that do not fit the object: those that lead nowhere, and those into what has become one piece.

use serde_json::Value;

use crate::field_set::{FieldSet, Node};
use crate::schema::Type;
use crate::shape::{Part, Shape};

/// What of the set is in the value. Who owned something in what is now one piece (its schema says atomic since) owns the
/// piece.
pub(crate) fn settle(of: &Type, value: &Value, set: FieldSet) -> FieldSet {
    settle_below(of, value, set, 0)
}

fn settle_below(of: &Type, value: &Value, set: FieldSet, depth: usize) -> FieldSet {
    if set.is_empty() {
        return set;
    }
    let parts = Shape::of(of, value, depth).parts(value);
    let nodes = set.into_nodes().into_iter().filter_map(|node| {
        let part = parts.binary_search_by(|part| part.element.cmp(&node.element)).ok()?;
        Some(settle_part(&parts[part], node, depth + 1))
    });
    FieldSet::from_nodes(nodes)
}

fn settle_part(part: &Part<'_, '_>, node: Node, depth: usize) -> Node {
    let Node { element, mut member, mut below } = node;
    if !part.twins.is_empty() {
        below = FieldSet::default();
    } else if Shape::of(part.of, part.value, depth).is_leaf() {
        member |= !below.is_empty() && (part.value.is_array() || part.value.is_object());
        below = FieldSet::default();
    } else {
        below = settle_below(part.of, part.value, below, depth);
    }
    Node { element, member, below }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Schema;

    fn schema(kind: &str) -> Schema {
        Schema::new(&json!({ "type": "object", "properties": {
            "pool": { "type": "object", "x-kubernetes-map-type": kind },
            "zones": { "type": "array", "x-kubernetes-list-type": if kind == "atomic" { "atomic" } else { "set" } },
            "mtu": { "type": "integer" },
        } }))
        .unwrap()
    }

    fn settled(kind: &str, value: Value, set: Value) -> Value {
        let set = FieldSet::from_fields_v1(&set).unwrap();
        settle(schema(kind).root(), &value, set).to_fields_v1()
    }

    #[test]
    fn paths_that_lead_nowhere_are_dropped() {
        let value = json!({ "pool": { "a": { "b": 1 } }, "zones": ["x"], "mtu": 1, "gone": null });
        let set = json!({
            "f:pool": { ".": {}, "f:a": { "f:b": {}, "f:c": {} }, "f:d": {} },
            "f:zones": { "v:\"x\"": {}, "v:\"y\"": {}, "i:0": {} },
            "f:mtu": { "f:deep": {} },
            "f:gone": { ".": {}, "f:x": {} },
            "f:other": {},
        });
        assert_eq!(
            settled("granular", value, set),
            json!({ "f:gone": {}, "f:pool": { ".": {}, "f:a": { "f:b": {} } }, "f:zones": { "v:\"x\"": {} } })
        );
    }

    #[test]
    fn who_owned_a_part_of_what_has_become_atomic_owns_the_whole() {
        let value = json!({ "pool": { "a": 1 }, "zones": ["x"] });
        let set = json!({ "f:pool": { "f:a": {} }, "f:zones": { "v:\"x\"": {} } });
        assert_eq!(settled("atomic", value, set), json!({ "f:pool": {}, "f:zones": {} }));
    }
}
