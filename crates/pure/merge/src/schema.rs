//! What a schema says about merging (Kubernetes' structural schemas: KEP-2338, KEP-555 "Lists" and "Maps").
//!
//! Only what decides how two values become one is kept: which objects have fields that are owned one by one, which lists
//! have items that are, and by what an item is told from another. Whether a value is valid is somebody else's business.

mod read;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use read::SchemaError;
use serde_json::Value;

use crate::path::PathElement;
use crate::scalar::Scalar;

/// How objects of a kind are merged.
#[derive(Clone, Debug)]
pub struct Schema {
    root: Type,
}

/// How a value is merged.
#[derive(Clone, Debug)]
pub(crate) enum Type {
    /// As the value looks: the fields of an object one by one, a list as a whole. What no schema describes.
    Deduced,
    /// As a whole.
    Scalar,
    /// A list.
    List(ListType),
    /// An object with fields, or a map.
    Map(MapType),
}

/// How a list is merged (`x-kubernetes-list-type`).
#[derive(Clone, Debug)]
pub(crate) enum ListType {
    /// As a whole.
    Atomic,
    /// Item by item, which are plain values that are there once.
    Set,
    /// Item by item, told apart by keys.
    Map {
        /// Sorted by name.
        keys: Vec<ListKey>,
        items: Box<Type>,
    },
}

/// A field that tells the items of a list apart (`x-kubernetes-list-map-keys`).
#[derive(Clone, Debug)]
pub(crate) struct ListKey {
    pub(crate) name: Arc<str>,
    /// What it is where an item does not say.
    pub(crate) default: Option<Scalar>,
}

/// How an object is merged.
#[derive(Clone, Debug)]
pub(crate) struct MapType {
    /// `x-kubernetes-map-type: atomic`: as a whole.
    pub(crate) atomic: bool,
    fields: BTreeMap<String, Type>,
    /// What is not among the fields.
    others: Box<Type>,
}

static DEDUCED: Type = Type::Deduced;
static SCALAR: Type = Type::Scalar;

impl Schema {
    /// From a structural OpenAPI v3 schema, as a version of a CustomResourceDefinition has it.
    ///
    /// `metadata` is ObjectMeta, whatever the schema says: labels and annotations are owned one by one, finalizers are a
    /// set, owner references are told apart by their uid.
    pub fn new(open_api: &Value) -> Result<Self, SchemaError> {
        Ok(Self { root: read::object(open_api)? })
    }

    /// A schema that knows ObjectMeta and nothing else.
    pub fn unknown() -> Self {
        Self { root: Type::Map(MapType::new([("metadata".to_owned(), read::metadata())], Type::Deduced)) }
    }

    pub(crate) fn root(&self) -> &Type {
        &self.root
    }
}

impl MapType {
    pub(crate) fn new(fields: impl IntoIterator<Item = (String, Type)>, others: Type) -> Self {
        Self { atomic: false, fields: fields.into_iter().collect(), others: Box::new(others) }
    }

    /// The type of a field, and whether the schema declares it.
    pub(crate) fn field(&self, name: &str) -> (&Type, bool) {
        self.fields.get(name).map_or((&*self.others, false), |field| (field, true))
    }
}

impl ListType {
    /// The type of each item.
    pub(crate) fn items(&self) -> &Type {
        match self {
            Self::Atomic => &DEDUCED,
            Self::Set => &SCALAR,
            Self::Map { items, .. } => items,
        }
    }

    /// The step to an item; if there is none, why.
    pub(crate) fn step(&self, item: &Value) -> Result<PathElement, &'static str> {
        match self {
            Self::Atomic => Err("the list is owned as a whole"),
            Self::Set => match Scalar::of(item) {
                Some(Scalar::Null) | None => Err("expected a plain value, as in every set"),
                Some(item) => Ok(PathElement::Item(item)),
            },
            Self::Map { keys, .. } => {
                let Value::Object(fields) = item else { return Err("expected an object") };
                let mut found = Vec::with_capacity(keys.len());
                for key in keys {
                    let value = match fields.get(&*key.name) {
                        Some(value) => Some(Scalar::of(value).ok_or("expected a plain value as a key")?),
                        None => key.default.clone(),
                    };
                    found.extend(value.map(|value| (key.name.clone(), value)));
                }
                if found.is_empty() {
                    Err("expected an item with one of its keys at least")
                } else {
                    Ok(PathElement::Key(found))
                }
            }
        }
    }
}

/// What a field of an unknown object is.
pub(crate) fn deduced() -> &'static Type {
    &DEDUCED
}

#[cfg(test)]
mod tests;
