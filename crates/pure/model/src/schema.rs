//! JSON Schema, for editors and for the API.

use serde_json::{Map, Value, json};

use crate::{Kind, Layout, Metadata, Resource};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// JSON Schema 2020-12 of a kind's whole document; without a kind, of a document of any kind.
pub fn schema(kind: Option<Kind>) -> Value {
    let mut definitions = Map::new();
    let mut schema = match kind {
        Some(kind) => document(kind, &mut definitions),
        None => {
            let kinds = Kind::ALL.iter().map(|kind| document(*kind, &mut definitions)).collect::<Vec<_>>();
            let names = Kind::ALL.iter().map(|kind| kind.name());
            let one_of: Vec<_> =
                names.clone().map(|name| json!({ "$ref": format!("#/$defs/{name}") })).collect();
            definitions.extend(names.map(str::to_owned).zip(kinds));
            json!({ "title": "Madang", "description": "A resource of any kind.", "oneOf": one_of })
        }
    };
    schema["$schema"] = DIALECT.into();
    definitions.sort_keys();
    schema["$defs"] = definitions.into();
    schema
}

/// The document of a kind, without its definitions: they are added to those that there are.
fn document(kind: Kind, definitions: &mut Map<String, Value>) -> Value {
    let (spec, status) = Resource::schemas(kind);
    let mut part = |schema: schemars::Schema, description: &str| {
        let mut schema = schema.to_value();
        let fields = schema.as_object_mut().expect("the schema of a struct is an object");
        fields.remove("$schema");
        fields.remove("title");
        fields.insert("description".to_owned(), description.into());
        if let Some(Value::Object(inner)) = fields.remove("$defs") {
            definitions.extend(inner);
        }
        schema
    };
    let metadata = part(schemars::schema_for!(Metadata), "Name, labels, and what the store says of it.");
    let spec = part(spec, "What you want.");
    let status = part(status, "What is true. Written by Madang; ignored in what is applied.");
    let mut required = vec![json!("apiVersion"), json!("kind"), json!("metadata")];
    let mut properties = json!({
        "apiVersion": { "const": kind.api_version(), "description": "The group and version of the kind." },
        "kind": { "const": kind.name(), "description": "Which kind of resource this is." },
        "metadata": metadata,
    });
    let fields = properties.as_object_mut().expect("it was made as one");
    match kind.layout() {
        Layout::Spec => {
            if spec.get("required").is_some() {
                required.push("spec".into());
            }
            fields.insert("spec".to_owned(), spec);
            fields.insert("status".to_owned(), status);
        }
        Layout::Flat => {
            required.extend(spec["required"].as_array().cloned().unwrap_or_default());
            fields.extend(spec["properties"].as_object().cloned().unwrap_or_default());
        }
    }
    json!({
        "title": kind.name(),
        "description": format!("{}: {}.", kind.name(), kind.summary()),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Visits every schema in a schema.
    fn visit(value: &Value, see: &mut impl FnMut(&Map<String, Value>)) {
        match value {
            Value::Object(fields) => {
                see(fields);
                fields.values().for_each(|value| visit(value, see));
            }
            Value::Array(items) => items.iter().for_each(|value| visit(value, see)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_struct_is_closed() {
        for kind in Kind::ALL.iter().map(|kind| Some(*kind)).chain([None]) {
            let schema = schema(kind);
            visit(&schema, &mut |fields| {
                if let Some(Value::String(to)) = fields.get("$ref") {
                    assert!(schema.pointer(&to[1..]).is_some(), "{kind:?}: {to}");
                }
                if fields.contains_key("properties") && fields.get("type") == Some(&"object".into()) {
                    assert_eq!(
                        fields.get("additionalProperties"),
                        Some(&false.into()),
                        "{kind:?}: {fields:?}"
                    );
                }
            });
        }
    }

    #[test]
    fn every_field_of_a_document_has_a_description() {
        let schema = schema(None);
        visit(&schema, &mut |fields| {
            if let Some(Value::Object(properties)) = fields.get("properties") {
                for (name, field) in properties {
                    assert!(field.get("description").is_some(), "{name}: {field}");
                }
            }
        });
    }

    #[test]
    fn a_subnet() {
        let schema = schema(Some(Kind::Subnet));
        assert_eq!(schema["$schema"], DIALECT);
        assert_eq!(schema["properties"]["kind"]["const"], "Subnet");
        assert_eq!(schema["required"], json!(["apiVersion", "kind", "metadata", "spec"]));
        assert_eq!(schema["properties"]["spec"]["required"], json!(["vpc", "cidr"]));
        assert_eq!(schema["properties"]["spec"]["properties"]["cidr"]["format"], "cidr");
    }
}
