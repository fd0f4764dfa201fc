//! From text, or JSON, to resources.

use serde_json::{Map, Value};

use crate::fields::{Problem, missing_field, prune, unknown_field, walk, wrong_type};
use crate::shape::{self, Field, Parts, Shape};
use crate::words::{describe, nearest, quote};
use crate::yaml::{self, Marks, YamlDocument};
use crate::{
    API_VERSION, ApiGroup, DEFAULT_NAMESPACE, Diagnostic, Document, Kind, Layout, ObjectRef, Resource,
    SourceFile, Span, alone,
};

/// The most resources that are taken at once.
const MOST_DOCUMENTS: usize = 100_000;
/// The most diagnostics that are given at once.
const MOST_DIAGNOSTICS: usize = 1_000;
/// Metadata that the store alone writes: ignored in files, so that what `get -o yaml` prints can be applied.
const OF_THE_STORE: [&str; 10] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "finalizers",
    "managedFields",
    "ownerReferences",
    "selfLink",
];
/// Kinds that the design has, and that do not exist yet.
const PLANNED: [&str; 23] = [
    "NetworkAcl",
    "Peering",
    "VpnGateway",
    "VpnConnection",
    "BgpPeer",
    "LoadBalancer",
    "DhcpServer",
    "GatewayClass",
    "Gateway",
    "HTTPRoute",
    "GRPCRoute",
    "TLSRoute",
    "TCPRoute",
    "UDPRoute",
    "ReferenceGrant",
    "Backend",
    "BackendPolicy",
    "CachePolicy",
    "AccessPolicy",
    "RateLimitPolicy",
    "Distribution",
    "ForwardProxy",
    "Alert",
];

/// The resources that the files declare, in the order of the files, or everything that is wrong with them.
///
/// `status`, and metadata that the store writes, are ignored; a document of kind `List` stands for its items.
pub fn parse(files: &[SourceFile]) -> Result<Vec<Document>, Vec<Diagnostic>> {
    let mut reader = Reader::default();
    for file in files {
        let before = reader.diagnostics.len();
        let (documents, problems) = yaml::load(file);
        for document in documents {
            reader.document(document, &file.name);
        }
        reader.diagnostics.extend(problems);
        reader.diagnostics[before..].sort_by_key(|d| d.span.as_ref().map(|span| (span.line, span.column)));
    }
    reader.end()
}

/// The value of a text of YAML, or of JSON, which is YAML too: one document.
///
/// # Errors
/// It is no YAML, or not one document.
pub fn yaml_value(name: &str, text: &str) -> Result<Value, Box<Diagnostic>> {
    let wrong = |message: &str| Err(Box::new(Diagnostic::new("wrongType", message)));
    let (mut documents, problems) = yaml::load(&SourceFile { name: name.to_owned(), text: text.to_owned() });
    match (documents.pop(), documents.is_empty(), problems.into_iter().next()) {
        (_, _, Some(problem)) => Err(Box::new(problem)),
        (Some(document), true, None) => Ok(document.value),
        (Some(_), false, None) => wrong("there are several documents, where one is expected"),
        (None, ..) => wrong("there is no document"),
    }
}

/// The resource of this JSON, with its status, or everything that is wrong with it.
pub fn from_json(value: Value) -> Result<Resource, Vec<Diagnostic>> {
    let object = object_of(&value);
    read(value).map_err(|problems| {
        let about = |problem: Problem| Diagnostic { object: object.clone(), ..problem.diagnostic };
        problems.into_iter().map(about).collect()
    })
}

/// Takes away the fields that no kind of this name has, and says which they were: what Kubernetes does where it is not
/// told to be strict. A document of no known kind is left as it is.
pub fn prune_unknown(value: &mut Value) -> Vec<Diagnostic> {
    let object = object_of(value);
    let Some(kind) = value.get("kind").and_then(Value::as_str).and_then(kind_named) else {
        return Vec::new();
    };
    let mut gone = Vec::new();
    prune(&shape::parts(kind).whole(kind), value, "", &mut gone);
    gone.into_iter().map(|problem| Diagnostic { object: object.clone(), ..problem.diagnostic }).collect()
}

#[derive(Default)]
struct Reader {
    documents: Vec<Document>,
    diagnostics: Vec<Diagnostic>,
    too_many: bool,
}

impl Reader {
    fn document(&mut self, document: YamlDocument, file: &str) {
        if document.value.get("kind").and_then(Value::as_str) == Some("List") {
            return self.list(document, file);
        }
        if self.documents.len() >= MOST_DOCUMENTS {
            self.too_many = true;
            return;
        }
        let YamlDocument { mut value, marks } = document;
        drop_what_the_store_owns(&mut value);
        let object = object_of(&value);
        match read(value) {
            Ok(resource) => {
                let source = marks.values.into_iter().map(|(path, mark)| (path, mark.span(file))).collect();
                self.documents.push(Document { resource, source });
            }
            Err(problems) => self.diagnostics.extend(problems.into_iter().map(|problem| {
                let span = place(&marks, &problem, file);
                Diagnostic { object: object.clone(), span, ..problem.diagnostic }
            })),
        }
    }

    /// Each item as a document of its own.
    fn list(&mut self, mut document: YamlDocument, file: &str) {
        let items = document.value.get_mut("items").map(Value::take);
        let Some(Value::Array(items)) = items else {
            let found = items.as_ref().map_or_else(|| "nothing".to_owned(), describe);
            let diagnostic =
                Diagnostic::new("wrongType", format!("expected a list of resources, found {found}"))
                    .hint("write the resources under items:, each with \"- \" before it");
            let problem = Problem::new("items", diagnostic);
            let span = place(&document.marks, &problem, file);
            self.diagnostics.push(Diagnostic { span, ..problem.diagnostic });
            return;
        };
        for (n, value) in items.into_iter().enumerate() {
            let marks = document.marks.below(&format!("items[{n}]"));
            self.document(YamlDocument { value, marks }, file);
        }
    }

    fn end(mut self) -> Result<Vec<Document>, Vec<Diagnostic>> {
        if self.too_many {
            let message = format!("there are more than {MOST_DOCUMENTS} resources");
            self.diagnostics.push(Diagnostic::new("tooMany", message).hint("apply them in several parts"));
        }
        if self.diagnostics.is_empty() {
            return Ok(self.documents);
        }
        let left_out = self.diagnostics.len().saturating_sub(MOST_DIAGNOSTICS);
        self.diagnostics.truncate(MOST_DIAGNOSTICS);
        if left_out > 0 {
            let message = format!("{left_out} more things are wrong");
            self.diagnostics.push(Diagnostic::new("tooMany", message).hint("mend these first"));
        }
        Err(self.diagnostics)
    }
}

/// Where a problem is; if the field was not written, where what is around it was.
fn place(marks: &Marks, problem: &Problem, file: &str) -> Option<Span> {
    let path = problem.diagnostic.path.as_str();
    if let Some(mark) = marks.keys.get(path).filter(|_| problem.at_name) {
        return Some(mark.span(file));
    }
    let mut path = path;
    loop {
        if let Some(mark) = marks.values.get(path) {
            return Some(mark.span(file));
        }
        path = crate::origin::parent(path)?;
    }
}

fn drop_what_the_store_owns(value: &mut Value) {
    let Some(document) = value.as_object_mut() else { return };
    document.shift_remove("status");
    if let Some(Value::Object(metadata)) = document.get_mut("metadata") {
        for name in OF_THE_STORE {
            metadata.shift_remove(name);
        }
    }
}

/// Which resource a document is about, if it says so.
fn object_of(value: &Value) -> Option<ObjectRef> {
    let kind = kind_named(value.get("kind")?.as_str()?)?;
    let metadata = value.get("metadata")?;
    let namespace =
        metadata.get("namespace").and_then(Value::as_str).filter(|namespace| !namespace.is_empty());
    Some(ObjectRef::in_namespace(kind, namespace, metadata.get("name")?.as_str()?))
}

fn kind_named(name: &str) -> Option<Kind> {
    Kind::ALL.iter().copied().find(|kind| kind.name() == name)
}

/// A document as a resource that is right by itself.
fn read(value: Value) -> Result<Resource, Vec<Problem>> {
    let Value::Object(mut document) = value else {
        let message = format!("expected a resource, found {}", describe(&value));
        let hint = "write apiVersion, kind, metadata and spec";
        return Err(vec![Problem::new("", Diagnostic::new("wrongType", message).hint(hint))]);
    };
    let mut problems = Vec::new();
    let kind = header(&document, &mut problems);
    let Some(kind) = kind else { return Err(problems) };
    let parts = shape::parts(kind);
    if let Some(Value::Object(metadata)) = document.get_mut("metadata") {
        metadata.retain(|_, value| !value.is_null());
    }
    let (spec, status) = match kind.layout() {
        Layout::Spec => {
            let misplaced = unknown_parts(&document, parts, &mut problems);
            if misplaced && !document.contains_key("spec") {
                return Err(problems);
            }
            let spec = part(&mut document, "spec", (&parts.spec, parts.example.as_ref()), &mut problems);
            (spec, part(&mut document, "status", (&parts.status, None), &mut problems))
        }
        Layout::Flat => {
            let beside = |name: &str| !matches!(name, "apiVersion" | "kind" | "metadata");
            let spec: Map<String, Value> = document
                .iter()
                .filter(|(name, value)| beside(name) && !value.is_null())
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            let spec = Value::Object(spec);
            walk(&parts.spec, &spec, "", &mut problems);
            (spec, Value::Object(Map::new()))
        }
    };
    let metadata = part(&mut document, "metadata", (&parts.metadata, None), &mut problems);
    let named = |metadata: &Value| metadata.get("name").or(metadata.get("generateName")).is_some();
    if metadata.is_object() && !named(&metadata) {
        problems.push(missing_field(&required("name", "web-1"), "metadata.name"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut resource = Resource::from_parts(kind, metadata, spec, status)
        .map_err(|error| vec![Problem::new(&error.path, Diagnostic::new("invalidValue", error.message))])?;
    if kind.is_namespaced() {
        resource.metadata_mut().namespace.get_or_insert_with(|| DEFAULT_NAMESPACE.to_owned());
    }
    let problems = alone::problems(&resource);
    if problems.is_empty() { Ok(resource) } else { Err(problems) }
}

/// The kind, if it is one.
fn header(document: &Map<String, Value>, problems: &mut Vec<Problem>) -> Option<Kind> {
    let text = |name: &str, example: &str, problems: &mut Vec<Problem>| match document.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => {
            problems.push(Problem::new(name, wrong_type(&Shape::Text, other)));
            None
        }
        None => {
            problems.push(missing_field(&required(name, example), name));
            None
        }
    };
    let kind = text("kind", "Vpc", problems);
    let known = kind.as_deref().and_then(kind_named);
    let right = known.map_or(API_VERSION, Kind::api_version);
    let version = text("apiVersion", right, problems);
    let served = |version: &str| ApiGroup::ALL.iter().any(|group| group.api_version() == version);
    match (known, &kind, version.as_deref()) {
        (None, Some(kind), version) => {
            let other_version = version.filter(|version| !served(version));
            problems.push(Problem::new("kind", unknown_kind(kind, other_version)));
        }
        (Some(_), _, Some(version)) if version != right => {
            let diagnostic =
                Diagnostic::new("unknownApiVersion", format!("unknown apiVersion {}", quote(version)));
            problems.push(Problem::new("apiVersion", diagnostic.hint(format!("write {right}"))));
        }
        _ => {}
    }
    known
}

fn required(name: &str, example: &str) -> Field {
    Field { name: name.to_owned(), shape: Shape::Text, required: true, example: Some(example.into()) }
}

fn unknown_kind(kind: &str, other_version: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new("unknownKind", format!("unknown kind {}", quote(kind)));
    let names = Kind::ALL.iter().map(|kind| kind.name());
    if PLANNED.contains(&kind) {
        return diagnostic.cause("it is planned, and not there yet").hint("leave it out for now");
    }
    let diagnostic = match other_version {
        Some(version) => diagnostic.cause(format!("apiVersion {} is not one of Madang's", quote(version))),
        None => diagnostic,
    };
    match nearest(kind, names.clone()) {
        Some(kind) => diagnostic.hint(format!("did you mean \"{kind}\"?")),
        None => diagnostic.hint(format!("the kinds are {}", crate::words::and(&names.collect::<Vec<_>>()))),
    }
}

/// Fields beside metadata and spec that mean nothing; whether some are fields of the spec that lack its indentation.
fn unknown_parts(document: &Map<String, Value>, parts: &Parts, problems: &mut Vec<Problem>) -> bool {
    const PARTS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
    let known: Vec<Field> = PARTS.iter().map(|name| required(name, "")).collect();
    let is_of = |shape: &Shape, name: &str| shape.fields().iter().any(|field| field.name == name);
    let mut misplaced = false;
    for name in document.keys().filter(|name| !PARTS.contains(&name.as_str())) {
        let mut problem = unknown_field(name, name, &known, document);
        if is_of(&parts.spec, name) {
            misplaced = true;
            problem.diagnostic.hint =
                Some("it belongs under spec: write it below spec:, indented".to_owned());
        } else if is_of(&parts.metadata, name) {
            problem.diagnostic.hint =
                Some("it belongs under metadata: write it below metadata:, indented".to_owned());
        }
        problems.push(problem);
    }
    misplaced
}

/// One part of a document, looked through. Its example, or what must be in it, is shown if it is missing.
fn part(
    document: &mut Map<String, Value>,
    name: &str,
    (shape, example): (&Shape, Option<&Value>),
    problems: &mut Vec<Problem>,
) -> Value {
    // Clients write null for what they do not say.
    match document.shift_remove(name).filter(|value| !value.is_null()) {
        Some(value) => {
            walk(shape, &value, name, problems);
            value
        }
        None if shape.requires_something() => {
            let least = shape.fields().iter().filter(|field| field.required);
            let least = least.filter_map(|field| Some((field.name.clone(), field.example.clone()?)));
            let example = example.cloned().unwrap_or_else(|| Value::Object(least.collect()));
            let field = Field { example: Some(example), ..required(name, "") };
            problems.push(missing_field(&field, name));
            Value::Null
        }
        None => Value::Object(Map::new()),
    }
}
