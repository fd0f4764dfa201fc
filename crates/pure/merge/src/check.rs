//! Whether a configuration can be applied by its schema at all: fields and items must be told apart.

use serde_json::Value;

use crate::MAX_DEPTH;
use crate::schema::{ListType, Type};
use crate::shape::Shape;

/// Why a configuration cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", if path.is_empty() { "the object" } else { path })]
pub struct ConfigError {
    /// The field, as `.spec.ports[1]`; empty for the whole object.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

/// Refuses a configuration that is not shaped as its schema says, one with two items that nothing tells apart, and one
/// that is too deep.
pub(crate) fn check(of: &Type, config: &Value) -> Result<(), ConfigError> {
    if !config.is_object() {
        return Err(wrong("", "it is no object"));
    }
    check_below(of, config, "", 0)
}

fn check_below(of: &Type, config: &Value, path: &str, depth: usize) -> Result<(), ConfigError> {
    if depth >= MAX_DEPTH && (config.is_object() || config.is_array()) {
        return Err(wrong(path, &format!("it is more than {MAX_DEPTH} levels deep")));
    }
    match (of, config) {
        (_, Value::Null) | (Type::Deduced, _) => {}
        (Type::Scalar, Value::Object(_) | Value::Array(_)) => return Err(wrong(path, "it is a plain value")),
        (Type::Map(_), Value::Object(_)) | (Type::Scalar, _) => {}
        (Type::Map(_), _) => return Err(wrong(path, "it is an object")),
        (Type::List(list), Value::Array(items)) => check_items(list, items, path)?,
        (Type::List(_), _) => return Err(wrong(path, "it is a list")),
    }
    let parts = Shape::of(of, config, depth).parts(config);
    parts
        .iter()
        .try_for_each(|part| check_below(part.of, part.value, &format!("{path}{}", part.element), depth + 1))
}

fn check_items(list: &ListType, items: &[Value], path: &str) -> Result<(), ConfigError> {
    if matches!(list, ListType::Atomic) {
        return Ok(());
    }
    let mut seen = std::collections::BTreeSet::new();
    for (n, item) in items.iter().enumerate() {
        let step = list.step(item).map_err(|reason| wrong(&format!("{path}[{n}]"), reason))?;
        if seen.contains(&step) {
            return Err(wrong(&format!("{path}[{n}]"), &format!("there are two of {step}")));
        }
        seen.insert(step);
    }
    Ok(())
}

fn wrong(path: &str, reason: &str) -> ConfigError {
    ConfigError { path: path.to_owned(), reason: reason.to_owned() }
}
