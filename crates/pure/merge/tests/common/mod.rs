//! What the property tests share.

use madang_merge::{Schema, Write};
use serde_json::json;

/// A kind that has one field of each type.
pub(crate) fn schema() -> Schema {
    Schema::new(&json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": {
        "mtu": { "type": "integer" },
        "command": { "type": "array", "items": { "type": "string" } },
        "labels": { "type": "object", "additionalProperties": { "type": "integer" } },
        "zones": { "type": "array", "items": { "type": "string" }, "x-kubernetes-list-type": "set" },
        "pool": { "type": "object", "x-kubernetes-map-type": "atomic" },
        "ports": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port", "protocol"],
            "items": { "type": "object", "properties": {
                "port": { "type": "integer" },
                "protocol": { "type": "string", "default": "TCP" },
                "name": { "type": "string" },
                "weight": { "type": "integer" },
            } },
        },
    } } } }))
    .expect("the schema is structural")
}

/// A write to the object at this second.
pub(crate) fn write<'a>(manager: &'a str, now: &'a str) -> Write<'a> {
    Write { manager, api_version: "v1", subresource: None, now }
}
