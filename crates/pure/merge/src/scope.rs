//! Which fields a write is about at all (KEP-555; resource API conventions, "Metadata" and "Spec and status").
//!
//! What names an object or is kept by the server belongs to nobody. A write to the object does not touch its status, and a
//! write to the status nothing else.

use serde_json::{Map, Value};

use crate::field_set::FieldSet;
use crate::path::PathElement;

/// Fields of ObjectMeta that nobody owns.
const UNOWNED_METADATA: [&str; 10] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
];

/// The part of an object that a request may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All but the status.
    Object,
    /// Nothing but the status.
    Status,
}

impl Scope {
    /// Of a request to the object (none) or to a subresource.
    pub(crate) fn of(subresource: Option<&str>) -> Self {
        if subresource == Some("status") { Self::Status } else { Self::Object }
    }

    /// What of an object a write is about.
    pub(crate) fn within(self, object: &Value) -> Value {
        let mut within = fields_where(object, |name| self.has(name));
        if let Some(metadata) = within.get_mut("metadata").filter(|metadata| metadata.is_object()) {
            let owned = fields_where(metadata, |name| !UNOWNED_METADATA.contains(&name));
            *metadata = Value::Object(owned);
        }
        if within.get("metadata").and_then(Value::as_object).is_some_and(Map::is_empty) {
            within.shift_remove("metadata");
        }
        Value::Object(within)
    }

    /// What of an object belongs to nobody, its status aside.
    pub(crate) fn unowned(object: &Value) -> Value {
        let mut unowned = fields_where(object, |name| matches!(name, "apiVersion" | "kind" | "metadata"));
        if let Some(metadata) = unowned.get_mut("metadata") {
            *metadata = Value::Object(fields_where(metadata, |name| UNOWNED_METADATA.contains(&name)));
        }
        Value::Object(unowned)
    }

    /// Takes out of a set what the write is not about.
    pub(crate) fn confine(self, set: &mut FieldSet) {
        set.retain(|node| {
            let PathElement::Field(name) = &node.element else { return false };
            if name == "metadata" {
                node.member = false;
                node.below.retain(|node| match &node.element {
                    PathElement::Field(name) => !UNOWNED_METADATA.contains(&name.as_str()),
                    _ => false,
                });
            }
            self.has(name)
        });
    }

    /// Whether a field of the object is in it, at least in part.
    fn has(self, name: &str) -> bool {
        match self {
            Self::Object => !matches!(name, "apiVersion" | "kind" | "status"),
            Self::Status => name == "status",
        }
    }
}

/// The fields of an object whose names are wanted; none of what is no object.
fn fields_where(object: &Value, wanted: impl Fn(&str) -> bool) -> Map<String, Value> {
    let fields = object.as_object().into_iter().flatten().filter(|(name, _)| wanted(name));
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}
