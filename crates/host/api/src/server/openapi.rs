//! The OpenAPI v3 document of a group: every path, what it takes and what it answers.
//!
//! kubectl looks here whether a kind's PATCH takes `fieldValidation` (if not, it wants another protocol), and `kubectl
//! explain` reads the schemas.

use madang_model::{ApiGroup, Kind};
use serde_json::{Map, Value, json};

use super::discovery::{schema, schema_name};
use super::route::Part;

/// The parameters that are said at each path.
const COLLECTION: [(&str, &str, &str); 10] = [
    ("allowWatchBookmarks", "boolean", "whether a watch tells now and then how far it is"),
    ("continue", "string", "where a list goes on: from the list before"),
    ("fieldSelector", "string", "which fields resources must have, as metadata.name=web-1"),
    ("labelSelector", "string", "which labels resources must have, as app=web"),
    ("limit", "integer", "how many resources a list has at most"),
    ("resourceVersion", "string", "from when on to watch"),
    ("resourceVersionMatch", "string", "how resourceVersion is meant"),
    ("sendInitialEvents", "boolean", "whether a watch begins with all that there is"),
    ("timeoutSeconds", "integer", "how long a watch lasts"),
    ("watch", "boolean", "go on with what changes"),
];
const WRITE: [(&str, &str, &str); 3] = [
    ("dryRun", "string", "All: nothing is stored"),
    ("fieldManager", "string", "who writes"),
    ("fieldValidation", "string", "Strict, Warn or Ignore: what becomes of unknown fields"),
];
const DELETE: [(&str, &str, &str); 3] = [
    ("dryRun", "string", "All: nothing is deleted"),
    ("gracePeriodSeconds", "integer", "is taken and ignored"),
    ("propagationPolicy", "string", "Background, Foreground or Orphan: what becomes of what belongs to it"),
];
const BODIES: [&str; 3] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
const PATCHES: [&str; 4] = [
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

/// The document.
pub(super) fn document(group: ApiGroup) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for kind in Kind::ALL.iter().copied().filter(|kind| kind.group() == group) {
        schemas.insert(schema_name(kind), schema(kind).clone());
        schemas.insert(format!("{}List", schema_name(kind)), list_schema(kind));
        add_paths(kind, &mut paths);
    }
    if group == ApiGroup::Madang {
        schemas.insert("io.k8s.api.autoscaling.v1.Scale".to_owned(), scale_schema());
    }
    json!({
        "openapi": "3.0.0",
        "info": { "title": "Madang", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

fn add_paths(kind: Kind, paths: &mut Map<String, Value>) {
    let root = match kind.group() {
        ApiGroup::Core => "/api/v1".to_owned(),
        group => format!("/apis/{}", group.api_version()),
    };
    let plural = kind.plural();
    let (collection, in_project) = if kind.is_namespaced() {
        paths.insert(format!("{root}/{plural}"), json!({ "get": list(kind) }));
        (format!("{root}/namespaces/{{namespace}}/{plural}"), true)
    } else {
        (format!("{root}/{plural}"), false)
    };
    let with = |parameters: Vec<Value>, mut operations: Value| {
        if !parameters.is_empty() {
            operations["parameters"] = parameters.into();
        }
        operations
    };
    let project = || in_project.then(|| path_parameter("namespace", "the project"));
    let operations = json!({
        "get": list(kind),
        "post": write(kind, "post", &WRITE, &BODIES, &["200", "201", "202"]),
        "delete": operation(kind, "deletecollection", &[&COLLECTION[..], &DELETE[..]].concat()),
    });
    paths.insert(collection.clone(), with(project().into_iter().collect(), operations));
    let of_one = || project().into_iter().chain([path_parameter("name", "the resource's name")]).collect();
    let operations = json!({
        "get": operation(kind, "get", &[]),
        "put": write(kind, "put", &WRITE, &BODIES, &["200", "201"]),
        "patch": patch(kind),
        "delete": operation(kind, "delete", &DELETE),
    });
    paths.insert(format!("{collection}/{{name}}"), with(of_one(), operations));
    for part in Part::of(kind) {
        let operations = match part {
            Part::Status | Part::Scale => json!({
                "get": operation(kind, "get", &[]),
                "put": write(kind, "put", &WRITE, &BODIES, &["200", "201"]),
                "patch": patch(kind),
            }),
            Part::Log => json!({ "get": operation(kind, "connect", &[
                ("follow", "boolean", "go on with what is written"),
                ("tailLines", "integer", "only the last lines"),
            ]) }),
            Part::Exec | Part::Whole => continue,
        };
        paths.insert(format!("{collection}/{{name}}/{}", part.name()), with(of_one(), operations));
    }
}

fn list(kind: Kind) -> Value {
    let mut operation = operation(kind, "list", &COLLECTION);
    operation["responses"]["200"] = answer(&format!("{}List", schema_name(kind)));
    operation
}

fn operation(kind: Kind, action: &str, parameters: &[(&str, &str, &str)]) -> Value {
    let group = kind.group();
    json!({
        "tags": [if group == ApiGroup::Core { "core_v1" } else { "madang" }],
        "description": format!("{action} {}", kind.name()),
        "operationId": format!("{action}{kind}"),
        "parameters": parameters.iter().map(query_parameter).collect::<Vec<_>>(),
        "responses": { "200": answer(&schema_name(kind)), "default": { "description": "a Status that says why not" } },
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {
            "group": group.name(), "version": group.version(), "kind": kind.name(),
        },
    })
}

fn write(
    kind: Kind,
    action: &str,
    parameters: &[(&str, &str, &str)],
    bodies: &[&str],
    codes: &[&str],
) -> Value {
    let mut operation = operation(kind, action, parameters);
    let schema = json!({ "schema": { "$ref": format!("#/components/schemas/{}", schema_name(kind)) } });
    let content: Map<String, Value> =
        bodies.iter().map(|body| ((*body).to_owned(), schema.clone())).collect();
    operation["requestBody"] = json!({ "content": content, "required": true });
    for code in codes {
        operation["responses"][*code] = answer(&schema_name(kind));
    }
    operation
}

fn patch(kind: Kind) -> Value {
    let mut operation = operation(
        kind,
        "patch",
        &[&WRITE[..], &[("force", "boolean", "take fields that others own")]].concat(),
    );
    // Clients take the strategic one where it is named, and only Kubernetes' own kinds have it.
    let possible = |body: &&&str| kind.group() != ApiGroup::Madang || !body.contains("strategic");
    let content: Map<String, Value> = PATCHES
        .iter()
        .filter(possible)
        .map(|body| {
            let kind = if body.contains("json-patch") { "array" } else { "object" };
            let schema = if kind == "array" {
                json!({ "type": kind, "items": { "type": "object" } })
            } else {
                json!({ "type": kind })
            };
            ((*body).to_owned(), json!({ "schema": schema }))
        })
        .collect();
    operation["requestBody"] = json!({ "content": content, "required": true });
    operation
}

fn answer(schema: &str) -> Value {
    let schema = json!({ "schema": { "$ref": format!("#/components/schemas/{schema}") } });
    json!({ "description": "OK", "content": { "application/json": schema } })
}

fn query_parameter((name, kind, what): &(&str, &str, &str)) -> Value {
    json!({ "name": name, "in": "query", "description": what, "schema": { "type": kind, "uniqueItems": true } })
}

fn path_parameter(name: &str, what: &str) -> Value {
    json!({
        "name": name, "in": "path", "description": what, "required": true,
        "schema": { "type": "string", "uniqueItems": true },
    })
}

fn list_schema(kind: Kind) -> Value {
    json!({
        "description": format!("A list of resources of kind {kind}."),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": {
                "type": "object",
                "properties": {
                    "resourceVersion": { "type": "string" },
                    "continue": { "type": "string" },
                    "remainingItemCount": { "type": "integer" },
                },
            },
            "items": {
                "type": "array",
                "items": { "$ref": format!("#/components/schemas/{}", schema_name(kind)) },
            },
        },
        "x-kubernetes-group-version-kind": [{
            "group": kind.group().name(), "version": kind.group().version(), "kind": format!("{kind}List"),
        }],
    })
}

fn scale_schema() -> Value {
    json!({
        "description": "How many there are to be, and are.",
        "type": "object",
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "type": "object" },
            "spec": { "type": "object", "properties": { "replicas": { "type": "integer" } } },
            "status": {
                "type": "object",
                "properties": { "replicas": { "type": "integer" }, "selector": { "type": "string" } },
            },
        },
        "x-kubernetes-group-version-kind": [{ "group": "autoscaling", "version": "v1", "kind": "Scale" }],
    })
}
