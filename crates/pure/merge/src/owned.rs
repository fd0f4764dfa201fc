//! What an applied configuration owns: every field and item that it names (KEP-555, "Apply").

use serde_json::Value;

use crate::field_set::{FieldSet, Node};
use crate::schema::Type;
use crate::shape::{Part, Shape};

/// The fields that a value at this depth names, without itself.
///
/// An object that the schema declares is not owned by who writes a field of it, or else two who write different fields of
/// it could not both let go of it; an empty one is, as nothing else stands for it. An entry of a map and an item of a list
/// are always owned.
pub(crate) fn owned(of: &Type, value: &Value, depth: usize) -> FieldSet {
    FieldSet::from_nodes(
        Shape::of(of, value, depth).parts(value).into_iter().map(|part| node(part, depth + 1)),
    )
}

/// Whether a value names anything at all.
pub(crate) fn owns_anything(of: &Type, value: &Value, depth: usize) -> bool {
    let below = depth + 1;
    Shape::of(of, value, depth).parts(value).into_iter().any(|part| {
        owns_itself(part.of, part.declared, part.value, below) || owns_anything(part.of, part.value, below)
    })
}

/// Whether a part itself is owned by who names it, and not only what is in it.
pub(crate) fn owns_itself(of: &Type, declared: bool, value: &Value, depth: usize) -> bool {
    let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    !declared || empty || Shape::of(of, value, depth).is_leaf()
}

fn node(part: Part<'_, '_>, depth: usize) -> Node {
    let member = owns_itself(part.of, part.declared, part.value, depth);
    let below = match part.twins.is_empty() {
        true => owned(part.of, part.value, depth),
        false => FieldSet::default(),
    };
    Node { element: part.element, member, below }
}
