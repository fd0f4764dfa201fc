//! What an applied configuration owns: every field and item that it names (KEP-555, "Apply").

use serde_json::Value;

use crate::MAX_DEPTH;
use crate::field_set::{FieldSet, Node};
use crate::schema::{ListType, Type};
use crate::shape::{Part, Shape};

/// Why a configuration cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", if path.is_empty() { "the object" } else { path })]
pub struct ConfigError {
    /// The field, as `.spec.ports[1]`; empty for the whole object.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

/// The fields that a value at this depth names, without itself.
///
/// An object that the schema declares is not owned by who writes a field of it, or else two who write different fields of
/// it could not both let go of it; an empty one is, as nothing else stands for it. An entry of a map and an item of a list
/// are always owned.
///
/// Refused is what is not shaped as its schema says, what is too deep, and two items that nothing tells apart.
pub(crate) fn owned(of: &Type, value: &Value, depth: usize) -> Result<FieldSet, ConfigError> {
    Ok(seen(of, value, depth)?.1)
}

/// Whether the value is one piece, and what it names.
fn seen(of: &Type, value: &Value, depth: usize) -> Result<(bool, FieldSet), ConfigError> {
    let shape = Shape::of(of, value, depth);
    if shape.is_leaf() {
        return misshapen(of, value, depth).map_or(Ok((true, FieldSet::default())), Err);
    }
    let parts = shape.parts(value);
    let nodes = parts.into_iter().map(|part| node(part, depth + 1)).collect::<Result<Vec<_>, _>>()?;
    Ok((false, FieldSet::from_nodes(nodes)))
}

/// Whether anything is owned of a part by who names it.
pub(crate) fn owns_anything(of: &Type, declared: bool, value: &Value, depth: usize) -> bool {
    let shape = Shape::of(of, value, depth);
    owns_itself(declared, value, shape.is_leaf()) || {
        let mut parts = shape.parts(value).into_iter();
        parts.any(|part| owns_anything(part.of, part.declared, part.value, depth + 1))
    }
}

/// Whether a part itself is owned by who names it, and not only what is in it.
fn owns_itself(declared: bool, value: &Value, piece: bool) -> bool {
    let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    !declared || empty || piece
}

fn node(part: Part<'_, '_>, depth: usize) -> Result<Node, ConfigError> {
    let element = part.step.into_element();
    if !part.twins.is_empty() {
        return Err(wrong(format!("there are two of {element}")));
    }
    match seen(part.of, part.value, depth) {
        Ok((piece, below)) => {
            Ok(Node { element, member: owns_itself(part.declared, part.value, piece), below })
        }
        Err(ConfigError { path, reason }) => Err(ConfigError { path: format!("{element}{path}"), reason }),
    }
}

/// Why a value is one piece where its schema says something else.
fn misshapen(of: &Type, value: &Value, depth: usize) -> Option<ConfigError> {
    let reason = match (of, value) {
        (_, Value::Object(_) | Value::Array(_)) if depth >= MAX_DEPTH => "it is too deep",
        (Type::Scalar, Value::Object(_) | Value::Array(_)) => "expected a plain value",
        (Type::Map(_), value) if !value.is_object() => "expected an object",
        (Type::List(ListType::Atomic), Value::Array(_)) => return None,
        (Type::List(list), Value::Array(items)) => {
            let mut steps = items.iter().map(|item| list.step(item)).enumerate();
            let (n, reason) = steps.find_map(|(n, step)| Some((n, step.err()?)))?;
            return Some(ConfigError { path: format!("[{n}]"), reason: reason.to_owned() });
        }
        (Type::List(_), _) => "expected a list",
        _ => return None,
    };
    Some(wrong(reason))
}

impl ConfigError {
    /// About the whole configuration, which is no object.
    pub(crate) fn no_object() -> Self {
        wrong("expected an object")
    }
}

fn wrong(reason: impl Into<String>) -> ConfigError {
    ConfigError { path: String::new(), reason: reason.into() }
}
