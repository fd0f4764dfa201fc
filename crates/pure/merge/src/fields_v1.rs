//! Sets of fields as JSON: FieldsV1 (meta/v1 ManagedFieldsEntry, KEP-555).
//!
//! A tree of objects with a step as each name. An object that names no step says that the path is in the set; one that
//! does says so with `"."`. So `{"f:spec":{"f:mtu":{}}}` has `.spec.mtu` alone, `{"f:spec":{".":{},"f:mtu":{}}}` both.

use serde_json::{Map, Value};

use crate::MAX_DEPTH;
use crate::field_set::{FieldSet, Node};
use crate::path::{ParsePathElementError, Path, PathElement};

/// Says that the path itself is in the set.
const SELF: &str = ".";

/// Why JSON is no FieldsV1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldsV1Error {
    /// Something else than an object.
    #[error("what is below \"{path}\" is no object")]
    NotAnObject {
        /// Where, as far as it can be read.
        path: Path,
    },
    /// A name that is no step.
    #[error("below \"{path}\" is a name that is no step of a path")]
    Step {
        /// Where.
        path: Path,
        /// What is wrong with it.
        source: ParsePathElementError,
    },
    /// More steps than an object may be deep.
    #[error("it is more than {MAX_DEPTH} steps deep")]
    TooDeep,
}

impl FieldSet {
    /// As FieldsV1.
    pub fn to_fields_v1(&self) -> Value {
        let mut fields = Map::new();
        for node in self.nodes() {
            let mut below = node.below.to_fields_v1();
            if let (true, Value::Object(below)) = (node.member && !node.below.is_empty(), &mut below) {
                below.shift_insert(0, SELF.to_owned(), Value::Object(Map::new()));
            }
            fields.insert(node.element.to_fields_v1(), below);
        }
        Value::Object(fields)
    }

    /// From FieldsV1. Steps of kinds that are not known are passed over.
    pub fn from_fields_v1(fields: &Value) -> Result<Self, FieldsV1Error> {
        Ok(read(fields, &Path::default())?.0)
    }
}

/// What is below a path, and whether the path itself is in the set.
fn read(fields: &Value, path: &Path) -> Result<(FieldSet, bool), FieldsV1Error> {
    if path.0.len() > MAX_DEPTH {
        return Err(FieldsV1Error::TooDeep);
    }
    let fields = match fields {
        Value::Object(fields) => fields,
        Value::Null => return Ok((FieldSet::default(), true)),
        _ => return Err(FieldsV1Error::NotAnObject { path: path.clone() }),
    };
    let mut nodes = Vec::with_capacity(fields.len());
    for (step, below) in fields.iter().filter(|(step, _)| *step != SELF) {
        let element = PathElement::from_fields_v1(step)
            .map_err(|source| FieldsV1Error::Step { path: path.clone(), source })?;
        let Some(element) = element else { continue };
        let (below, member) = read(below, &path.then(element.clone()))?;
        nodes.push(Node { element, member, below });
    }
    let set = FieldSet::from_nodes(nodes);
    let member = set.is_empty() || fields.contains_key(SELF);
    Ok((set, member))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_set_is_read_and_written_as_kubernetes_does() {
        let fields = json!({
            "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
            "f:spec": {
                "f:mtu": {},
                "f:ports": {
                    "k:{\"port\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:port": {}, "f:protocol": {} },
                },
                "f:zones": { "v:\"a\"": {}, "v:\"b\"": {} },
            },
        });
        let set = FieldSet::from_fields_v1(&fields).unwrap();
        let paths: Vec<_> = set.paths().iter().map(ToString::to_string).collect();
        assert_eq!(
            paths,
            [
                ".metadata.labels",
                ".metadata.labels.app",
                ".spec.mtu",
                ".spec.ports[port=80,protocol=\"TCP\"]",
                ".spec.ports[port=80,protocol=\"TCP\"].port",
                ".spec.ports[port=80,protocol=\"TCP\"].protocol",
                ".spec.zones[=\"a\"]",
                ".spec.zones[=\"b\"]",
            ]
        );
        assert_eq!(set.to_fields_v1().to_string(), fields.to_string());
    }

    #[test]
    fn no_fields_are_an_empty_set() {
        for fields in [json!({}), json!(null), json!({ ".": {} })] {
            assert_eq!(FieldSet::from_fields_v1(&fields).unwrap(), FieldSet::default());
        }
        assert_eq!(FieldSet::default().to_fields_v1(), json!({}));
    }

    #[test]
    fn steps_of_later_kinds_are_passed_over() {
        let set = FieldSet::from_fields_v1(&json!({ "f:a": { "z:new": { "f:b": {} } }, "z:x": {} })).unwrap();
        assert_eq!(set.to_fields_v1(), json!({ "f:a": {} }));
    }

    #[test]
    fn one_step_written_twice_is_one() {
        let fields = json!({ "v:1": { ".": {}, "f:a": {} }, "v:1.0": { "f:b": {} } });
        let set = FieldSet::from_fields_v1(&fields).unwrap();
        assert_eq!(set.to_fields_v1(), json!({ "v:1": { ".": {}, "f:a": {}, "f:b": {} } }));
    }

    #[test]
    fn what_is_no_set_is_refused_with_its_place() {
        let error = FieldSet::from_fields_v1(&json!({ "f:a": { "f:b": 1 } })).unwrap_err();
        assert_eq!(error.to_string(), "what is below \".a.b\" is no object");
        let error = FieldSet::from_fields_v1(&json!({ "f:a": { "b": {} } })).unwrap_err();
        assert_eq!(error.to_string(), "below \".a\" is a name that is no step of a path");
        assert_eq!(
            FieldSet::from_fields_v1(&json!([])).unwrap_err().to_string(),
            "what is below \"\" is no object"
        );
    }

    #[test]
    fn a_set_is_no_deeper_than_an_object_may_be() {
        let deep = |n| (0..n).fold(json!({}), |below, _| json!({ "f:a": below }));
        assert!(FieldSet::from_fields_v1(&deep(MAX_DEPTH)).is_ok());
        assert_eq!(FieldSet::from_fields_v1(&deep(MAX_DEPTH + 1)), Err(FieldsV1Error::TooDeep));
        assert_eq!(FieldSet::from_fields_v1(&deep(2_000)), Err(FieldsV1Error::TooDeep));
    }
}
