//! Owned paths that do not fit the object: those that lead nowhere, and those into what has become one piece.

use serde_json::Value;

use crate::field_set::{FieldSet, Node};
use crate::path::PathElement;
use crate::schema::Type;
use crate::shape::{Part, Shape};

/// What of the set is in the value. Who owned something in what is now one piece (its schema says atomic since) owns the
/// piece.
pub(crate) fn settle(of: &Type, value: &Value, set: &FieldSet) -> FieldSet {
    settle_below(Shape::of(of, value, 0), value, set, 0)
}

/// The set itself, if all of it is there.
fn settle_below(shape: Shape<'_>, value: &Value, set: &FieldSet, depth: usize) -> FieldSet {
    if set.is_empty() {
        return FieldSet::default();
    }
    let settled: Vec<Option<(bool, FieldSet)>> = match (shape, value) {
        (Shape::Fields(fields), Value::Object(values)) => {
            let settled = |node: &Node| {
                let PathElement::Field(name) = &node.element else { return None };
                Some(settle_part(fields.field(name).0, values.get(name)?, node, depth + 1))
            };
            set.nodes().iter().map(settled).collect()
        }
        (shape, value) => {
            let parts = shape.parts(value);
            let settled = |node: &Node| {
                let place = parts.binary_search_by(|part| part.step.cmp_element(&node.element)).ok()?;
                let Part { of, value, twins, .. } = &parts[place];
                match twins.is_empty() {
                    true => Some(settle_part(of, value, node, depth + 1)),
                    false => Some((node.member, FieldSet::default())),
                }
            };
            set.nodes().iter().map(settled).collect()
        }
    };
    let is_so = |(node, settled): (&Node, &Option<(bool, FieldSet)>)| {
        settled.as_ref().is_some_and(|(member, below)| *member == node.member && *below == node.below)
    };
    if set.nodes().iter().zip(&settled).all(is_so) {
        return set.clone();
    }
    FieldSet::from_nodes(set.nodes().iter().zip(settled).filter_map(|(node, settled)| {
        let (member, below) = settled?;
        Some(Node { element: node.element.clone(), member, below })
    }))
}

/// Whether the part itself is owned, and what in it.
fn settle_part(of: &Type, value: &Value, node: &Node, depth: usize) -> (bool, FieldSet) {
    let shape = Shape::of(of, value, depth);
    if shape.is_leaf() {
        let in_it = !node.below.is_empty() && (value.is_array() || value.is_object());
        return (node.member || in_it, FieldSet::default());
    }
    (node.member, settle_below(shape, value, &node.below, depth))
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
        settle(schema(kind).root(), &value, &set).to_fields_v1()
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
