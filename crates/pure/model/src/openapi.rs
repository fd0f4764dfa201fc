//! OpenAPI v3 and CustomResourceDefinitions: the kinds as Kubernetes' tools want to know them.
//!
//! A structural schema ([Kubernetes, custom resources]): no references, no alternatives, every field with a type. Made of
//! the same types as everything else, so that discovery, documentation, merging and checking cannot differ.
//!
//! [Kubernetes, custom resources]: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::immutable::fixed;
use crate::{ApiGroup, Kind, Layout, schema};

/// Lists whose items have keys, or are a set; all others are replaced as a whole. In `map` lists the keys follow.
const LISTS: &[(Option<Kind>, &str, &[&str])] = &[
    (None, "status.conditions", &["type"]),
    (None, "metadata.ownerReferences", &["uid"]),
    (None, "metadata.finalizers", &[]),
    (Some(Kind::Vpc), "spec.cidrs", &[]),
    (Some(Kind::PrefixList), "spec.cidrs", &[]),
    (Some(Kind::RouteTable), "spec.routes", &["destination"]),
    (Some(Kind::PublicAddress), "spec.forwards", &["port", "protocol"]),
    (Some(Kind::AddressPool), "spec.addresses", &[]),
    (Some(Kind::Instance), "spec.securityGroups", &[]),
];

/// The structural schema of a kind's document.
pub fn openapi(kind: Kind) -> &'static Value {
    static SCHEMAS: LazyLock<HashMap<Kind, Value>> =
        LazyLock::new(|| Kind::ALL.iter().map(|kind| (*kind, made(*kind))).collect());
    &SCHEMAS[&kind]
}

fn made(kind: Kind) -> Value {
    let root = schema(Some(kind));
    let mut made = structural(&root, &root);
    for name in ["apiVersion", "kind"] {
        let description = made["properties"][name]["description"].clone();
        made["properties"][name] = json!({ "type": "string", "description": description });
    }
    // What a client need not say is no reason to refuse it.
    made["required"] = Value::Array(match kind.layout() {
        Layout::Spec => {
            root["required"].as_array().into_iter().flatten().filter(|n| *n == "spec").cloned().collect()
        }
        Layout::Flat => {
            let own = |name: &&Value| !matches!(name.as_str(), Some("apiVersion" | "kind" | "metadata"));
            root["required"].as_array().into_iter().flatten().filter(own).cloned().collect()
        }
    });
    if made["required"].as_array().is_some_and(Vec::is_empty) {
        made.as_object_mut().expect("a schema is an object").shift_remove("required");
    }
    for (of, path, keys) in LISTS.iter().filter(|(of, ..)| of.is_none_or(|of| of == kind)) {
        let Some(list) = field(&mut made, path) else {
            debug_assert!(of.is_none(), "{kind} has no {path}");
            continue;
        };
        list["x-kubernetes-list-type"] = if keys.is_empty() { "set" } else { "map" }.into();
        if !keys.is_empty() {
            list["x-kubernetes-list-map-keys"] = json!(keys);
        }
    }
    made["x-kubernetes-group-version-kind"] = json!([{
        "group": kind.group().name(), "version": kind.group().version(), "kind": kind.name(),
    }]);
    made
}

/// The schema of a field, by its path.
fn field<'a>(schema: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    path.split('.').try_fold(schema, |schema, name| schema.get_mut("properties")?.get_mut(name))
}

fn structural(schema: &Value, root: &Value) -> Value {
    let mut made = Map::new();
    if let Some(description) = schema.get("description") {
        made.insert("description".to_owned(), description.clone());
    }
    if let Some(default) = schema.get("default") {
        made.insert("default".to_owned(), default.clone());
    }
    if let Some(to) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(&to[1..]).expect("a schema's references lead somewhere");
        return over(structural(target, root), made);
    }
    if schema.get("x-kubernetes-int-or-string").is_some() {
        let of = schema["anyOf"].as_array().into_iter().flatten();
        if of.clone().any(|schema| schema["type"] == "null") {
            made.insert("nullable".to_owned(), true.into());
        }
        made.insert("x-kubernetes-int-or-string".to_owned(), true.into());
        return made.into();
    }
    if let Some(any_of) = schema.get("anyOf").and_then(Value::as_array) {
        let real = any_of.iter().find(|schema| schema["type"] != "null").expect("an option is of something");
        made.insert("nullable".to_owned(), true.into());
        return over(structural(real, root), made);
    }
    let choices = choices(schema);
    if !choices.is_empty() {
        made.insert("type".to_owned(), "string".into());
        made.insert("enum".to_owned(), choices.into());
        return made.into();
    }
    for name in ["minimum", "maximum", "minLength", "maxLength", "pattern", "minItems"] {
        if let Some(value) = schema.get(name) {
            made.insert(name.to_owned(), value.clone());
        }
    }
    typed(schema, root, &mut made);
    made.into()
}

fn typed(schema: &Value, root: &Value, made: &mut Map<String, Value>) {
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    if types.contains(&"null") {
        made.insert("nullable".to_owned(), true.into());
    }
    let mut types = types.into_iter().filter(|name| *name != "null");
    match (types.next(), types.next()) {
        (None, _) => drop(made.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into())),
        (Some(_), Some(_)) => drop(made.insert("x-kubernetes-int-or-string".to_owned(), true.into())),
        (Some("object"), None) => object(schema, root, made),
        (Some("array"), None) => {
            made.insert("type".to_owned(), "array".into());
            made.insert("items".to_owned(), structural(&schema["items"], root));
        }
        (Some("integer"), None) => {
            let wide = matches!(schema["format"].as_str(), Some("uint64" | "int64" | "uint32" | "uint"));
            made.insert("type".to_owned(), "integer".into());
            made.insert("format".to_owned(), if wide { "int64" } else { "int32" }.into());
        }
        (Some(other), None) => {
            made.insert("type".to_owned(), other.into());
            if let Some(format) = schema.get("format").filter(|_| other == "string") {
                made.insert("format".to_owned(), format.clone());
            }
        }
    }
}

fn object(schema: &Value, root: &Value, made: &mut Map<String, Value>) {
    made.insert("type".to_owned(), "object".into());
    match schema.get("additionalProperties") {
        Some(Value::Bool(true)) => {
            made.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
        }
        Some(of) if of.is_object() => {
            made.insert("additionalProperties".to_owned(), structural(of, root));
        }
        _ => {}
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let properties = properties.iter().map(|(name, schema)| (name.clone(), structural(schema, root)));
        made.insert("properties".to_owned(), Value::Object(properties.collect()));
    }
    if let Some(required) = schema.get("required") {
        made.insert("required".to_owned(), required.clone());
    }
}

/// What stands where something is used is said over what it says of itself.
fn over(mut schema: Value, more: Map<String, Value>) -> Value {
    schema.as_object_mut().expect("a schema is an object").extend(more);
    schema
}

fn choices(schema: &Value) -> Vec<Value> {
    let of = |schema: &Value| -> Vec<Value> {
        let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        listed.chain(schema.get("const")).cloned().collect()
    };
    match schema.get("oneOf").and_then(Value::as_array) {
        Some(one_of) => one_of.iter().flat_map(of).collect(),
        None => of(schema),
    }
}

/// The CustomResourceDefinition of one of Madang's own kinds, as a Kubernetes cluster takes it.
pub fn crd(kind: Kind) -> Value {
    let group = ApiGroup::Madang;
    let mut schema = openapi(kind).clone();
    let fields = schema.as_object_mut().expect("a schema is an object");
    fields.shift_remove("x-kubernetes-group-version-kind");
    schema["properties"]["metadata"] = json!({ "type": "object" });
    let rules: Vec<Value> = fixed(kind).iter().map(|name| fixed_rule(name)).collect();
    if !rules.is_empty() {
        schema["properties"]["spec"]["x-kubernetes-validations"] = rules.into();
    }
    let mut subresources = json!({ "status": {} });
    if kind == Kind::InstanceGroup {
        subresources["scale"] = json!({
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        });
    }
    let column = |name: &str, kind: &str, path: &str| json!({ "name": name, "type": kind, "jsonPath": path });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{}.{}", kind.plural(), group.name()) },
        "spec": {
            "group": group.name(),
            "names": {
                "kind": kind.name(),
                "listKind": format!("{kind}List"),
                "plural": kind.plural(),
                "singular": kind.name().to_lowercase(),
                "shortNames": kind.short_names(),
                "categories": ["madang"],
            },
            "scope": if kind.is_namespaced() { "Namespaced" } else { "Cluster" },
            "versions": [{
                "name": group.version(),
                "served": true,
                "storage": true,
                "schema": { "openAPIV3Schema": schema },
                "subresources": subresources,
                "additionalPrinterColumns": [
                    column("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].reason"),
                    column("Age", "date", ".metadata.creationTimestamp"),
                ],
            }],
        },
    })
}

/// In the Common Expression Language: the field is as it was, or was not there and is not.
fn fixed_rule(name: &str) -> Value {
    let rule = format!(
        "has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || self.{name} == oldSelf.{name})"
    );
    json!({ "rule": rule, "message": format!("{name} is fixed when the resource is created: delete it and create it again") })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every schema in a schema, with where it is.
    fn visit(schema: &Value, path: &str, see: &mut impl FnMut(&Value, &str)) {
        see(schema, path);
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            visit(field, &format!("{path}.{name}"), see);
        }
        for name in ["items", "additionalProperties"] {
            if schema.get(name).is_some_and(Value::is_object) {
                visit(&schema[name], &format!("{path}[]"), see);
            }
        }
    }

    #[test]
    fn every_schema_is_structural() {
        for kind in Kind::ALL {
            visit(openapi(*kind), kind.name(), &mut |schema, path| {
                let typed = schema.get("type").is_some()
                    || schema["x-kubernetes-int-or-string"] == true
                    || schema["x-kubernetes-preserve-unknown-fields"] == true;
                assert!(typed, "{path}: {schema}");
                for name in ["$ref", "oneOf", "anyOf", "allOf", "const", "$defs"] {
                    assert!(schema.get(name).is_none(), "{path}: {schema}");
                }
                assert!(schema.get("description").is_some() || path.ends_with("[]"), "{path}: {schema}");
            });
        }
    }

    #[test]
    fn lists_have_their_keys() {
        let forwards = &openapi(Kind::PublicAddress)["properties"]["spec"]["properties"]["forwards"];
        assert_eq!(forwards["x-kubernetes-list-map-keys"], json!(["port", "protocol"]));
        assert_eq!(forwards["items"]["properties"]["protocol"]["default"], "tcp");
        let cidrs = &openapi(Kind::Vpc)["properties"]["spec"]["properties"]["cidrs"];
        assert_eq!(
            (&cidrs["x-kubernetes-list-type"], &cidrs["items"]["format"]),
            (&json!("set"), &json!("cidr"))
        );
        assert_eq!(openapi(Kind::Secret)["properties"]["data"]["additionalProperties"]["type"], "string");
    }

    #[test]
    fn a_definition() {
        let crd = crd(Kind::Subnet);
        assert_eq!(crd["metadata"]["name"], "subnets.madang.dev");
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        assert_eq!(schema["properties"]["spec"]["x-kubernetes-validations"].as_array().unwrap().len(), 2);
        assert_eq!(schema["required"], json!(["spec"]));
    }
}
