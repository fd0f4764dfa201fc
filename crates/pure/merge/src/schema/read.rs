//! Reading a structural OpenAPI v3 schema.

use serde_json::{Map, Value};

use super::{ListKey, ListType, MapType, Type};
use crate::MAX_DEPTH;
use crate::scalar::Scalar;

/// Why a schema cannot be merged by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema of \"{path}\": {reason}")]
pub struct SchemaError {
    /// The field it is about, as `.spec.ports[]`; empty for the whole object.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

/// The schema of a whole object of the API.
pub(super) fn object(open_api: &Value) -> Result<Type, SchemaError> {
    match schema(open_api, "", 0)? {
        Type::Map(mut map) => {
            map.fields.insert("metadata".to_owned(), metadata());
            Ok(Type::Map(map))
        }
        _ => Err(wrong("", "an object of the API is of type object")),
    }
}

/// ObjectMeta (meta/v1), as far as it is merged in other ways than a whole or field by field.
pub(super) fn metadata() -> Type {
    let names = || Type::Map(MapType::new([], Type::Scalar));
    let uid = ListKey { name: "uid".into(), default: None };
    let owner = Type::Map(MapType { atomic: true, ..MapType::new([], Type::Deduced) });
    let owners = ListType::Map { keys: vec![uid], items: Box::new(owner) };
    let fields = [
        ("labels", names()),
        ("annotations", names()),
        ("finalizers", Type::List(ListType::Set)),
        ("ownerReferences", Type::List(owners)),
        ("generateName", Type::Scalar),
    ];
    Type::Map(MapType::new(fields.map(|(name, of)| (name.to_owned(), of)), Type::Deduced))
}

fn schema(schema: &Value, path: &str, depth: usize) -> Result<Type, SchemaError> {
    let Value::Object(schema) = schema else { return Err(wrong(path, "it is no object")) };
    if depth > MAX_DEPTH {
        return Err(wrong(path, "it is too deep"));
    }
    if schema.contains_key("$ref") {
        return Err(wrong(path, "a structural schema has no $ref"));
    }
    match schema.get("type").map(|of| of.as_str().unwrap_or_default()) {
        Some("object") => map(schema, path, depth),
        Some("array") => list(schema, path, depth),
        Some("string" | "integer" | "number" | "boolean") => Ok(Type::Scalar),
        Some(_) => Err(wrong(path, "its type is none of object, array, string, integer, number, boolean")),
        None if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) => Ok(Type::Scalar),
        None if schema.contains_key("properties") => map(schema, path, depth),
        None => Ok(Type::Deduced),
    }
}

fn map(this: &Map<String, Value>, path: &str, depth: usize) -> Result<Type, SchemaError> {
    let atomic = match this.get("x-kubernetes-map-type").map(|of| of.as_str().unwrap_or_default()) {
        Some("atomic") => true,
        Some("granular") | None => false,
        Some(_) => return Err(wrong(path, "x-kubernetes-map-type is none of atomic, granular")),
    };
    let others = match this.get("additionalProperties") {
        Some(others @ Value::Object(_)) => schema(others, &format!("{path}.*"), depth + 1)?,
        _ => Type::Deduced,
    };
    let mut map = MapType { atomic, ..MapType::new([], others) };
    match this.get("properties") {
        Some(Value::Object(properties)) => {
            for (name, of) in properties {
                map.fields.insert(name.clone(), schema(of, &format!("{path}.{name}"), depth + 1)?);
            }
        }
        Some(_) => return Err(wrong(path, "properties is no object")),
        None => {}
    }
    Ok(Type::Map(map))
}

fn list(this: &Map<String, Value>, path: &str, depth: usize) -> Result<Type, SchemaError> {
    let items = this.get("items").map(|items| schema(items, &format!("{path}[]"), depth + 1)).transpose()?;
    match this.get("x-kubernetes-list-type").map(|of| of.as_str().unwrap_or_default()) {
        Some("atomic") | None => Ok(Type::List(ListType::Atomic)),
        Some("set") => Ok(Type::List(ListType::Set)),
        Some("map") => {
            let keys = keys(this).ok_or_else(|| wrong(path, "x-kubernetes-list-map-keys names no key"))?;
            let Some(items @ Type::Map(_)) = items else {
                return Err(wrong(path, "the items of a list of type map are objects"));
            };
            Ok(Type::List(ListType::Map { keys, items: Box::new(items) }))
        }
        Some(_) => Err(wrong(path, "x-kubernetes-list-type is none of atomic, set, map")),
    }
}

/// The keys of a list of type map, sorted, with their defaults; none if one is no text or there is none.
fn keys(this: &Map<String, Value>) -> Option<Vec<ListKey>> {
    let names = this.get("x-kubernetes-list-map-keys")?.as_array()?;
    let default = |name: &str| Scalar::of(this.get("items")?.get("properties")?.get(name)?.get("default")?);
    let key = |name: &Value| {
        let name = name.as_str()?;
        Some(ListKey { name: name.into(), default: default(name) })
    };
    let mut keys: Vec<ListKey> = names.iter().map(key).collect::<Option<_>>()?;
    keys.sort_by(|a, b| a.name.cmp(&b.name));
    keys.dedup_by(|a, b| a.name == b.name);
    (!keys.is_empty()).then_some(keys)
}

fn wrong(path: &str, reason: &str) -> SchemaError {
    SchemaError { path: path.to_owned(), reason: reason.to_owned() }
}
