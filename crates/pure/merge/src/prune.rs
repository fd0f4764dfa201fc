//! What goes when an applier no longer names it: what nobody else owns (KEP-555, "Apply", removal of fields).

use serde_json::Value;

use crate::field_set::{FieldSet, Node};
use crate::owned::owns_anything;
use crate::path::PathElement;
use crate::schema::Type;
use crate::shape::Shape;

/// Removes from the value what the applier named last time (`last`) and is in no set of `owners`, one of which has what
/// the applier names now.
///
/// What goes takes along what is in it, whoever owns that: an item of a list-map that nobody owns is gone, even if somebody
/// wrote a field of it. What becomes empty and is owned stays, empty.
pub(crate) fn prune(of: &Type, value: &mut Value, last: &FieldSet, owners: &[&FieldSet]) {
    prune_below(of, value, last, owners, Standing::default(), 0);
}

/// What is known of a part.
#[derive(Clone, Copy, Default)]
struct Standing {
    /// The applier named it or something above it last time.
    applied: bool,
    /// Nobody owns it or something above it now.
    abandoned: bool,
    goes: bool,
}

fn prune_below(
    of: &Type,
    value: &mut Value,
    last: &FieldSet,
    owners: &[&FieldSet],
    above: Standing,
    depth: usize,
) {
    match (Shape::of(of, value, depth), value) {
        (Shape::Fields(fields), Value::Object(values)) => {
            for node in last.nodes() {
                let PathElement::Field(name) = &node.element else { continue };
                let Some(value) = values.get_mut(name) else { continue };
                let (of, declared) = fields.field(name);
                if prune_part(of, declared, value, node, owners, above, depth + 1) {
                    values.shift_remove(name);
                }
            }
        }
        (Shape::Items(steps, of), Value::Array(items)) => {
            let mut steps = steps.iter();
            items.retain_mut(|item| {
                let node = steps.next().and_then(|step| last.node(step));
                node.is_none_or(|node| !prune_part(of, false, item, node, owners, above, depth + 1))
            });
        }
        _ => {}
    }
}

/// Whether the part goes. If it stays, what is in it may go.
fn prune_part(
    of: &Type,
    declared: bool,
    value: &mut Value,
    last: &Node,
    owners: &[&FieldSet],
    above: Standing,
    depth: usize,
) -> bool {
    let owners: Vec<&Node> = owners.iter().filter_map(|set| set.node(&last.element)).collect();
    let standing = stand(of, declared, value, last, &owners, above, depth);
    // The object's metadata has fields that belong to nobody (its name, its finalizers): it goes only
    // when nothing is left in it.
    let metadata = depth == 1 && matches!(&last.element, PathElement::Field(name) if &**name == "metadata");
    let goes = standing.goes && !metadata;
    if !goes && !last.below.is_empty() {
        let owners: Vec<&FieldSet> = owners.iter().map(|node| &node.below).collect();
        prune_below(of, value, &last.below, &owners, standing, depth);
    }
    goes || (standing.goes && value.as_object().is_some_and(serde_json::Map::is_empty))
}

fn stand(
    of: &Type,
    declared: bool,
    value: &Value,
    last: &Node,
    owners: &[&Node],
    above: Standing,
    depth: usize,
) -> Standing {
    // A declared field is there for what is in it: who names that holds the field too.
    let holds = |node: &Node| node.member || (declared && !node.below.is_empty());
    let applied = above.applied || holds(last);
    let unowned = above.abandoned || (applied && !owners.iter().any(|node| holds(node)));
    // What stands for nothing, as a field with an empty list, is not removed by itself.
    let counts = unowned && owns_anything(of, declared, value, depth);
    Standing { applied, abandoned: above.abandoned || counts, goes: holds(last) && counts }
}
