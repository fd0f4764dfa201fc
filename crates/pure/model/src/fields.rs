//! Whether a value has its shape: every field that is unknown, missing or of the wrong type is found, not only the first.

use serde_json::{Map, Value};

use crate::Diagnostic;
use crate::formats::Format;
use crate::shape::{Field, Shape};
use crate::words::{and, describe, flow, nearest, quote};

/// More than this is not looked for in one document.
pub(crate) const MOST_PROBLEMS: usize = 100;
/// Fields and values that are planned.
const PLANNED: [&str; 6] = ["container", "vm", "instance", "peering", "vpn", "unreachable"];

/// Something wrong at a path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    /// With the path, without object and span.
    pub(crate) diagnostic: Diagnostic,
    /// Whether it is the field's name that is wrong, and not its value.
    pub(crate) at_name: bool,
}

impl Problem {
    /// About the value at the path.
    pub(crate) fn new(path: &str, diagnostic: Diagnostic) -> Self {
        Self { diagnostic: Diagnostic { path: path.to_owned(), ..diagnostic }, at_name: false }
    }
}

/// Adds what is wrong with the value at the path.
pub(crate) fn walk(shape: &Shape, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    if problems.len() >= MOST_PROBLEMS {
        return;
    }
    match (shape, value) {
        (Shape::Fields(known), Value::Object(written)) => fields(known, written, path, problems),
        (Shape::Map(of), Value::Object(written)) => {
            for (name, value) in written {
                walk(of, value, &below(path, name), problems);
            }
        }
        (Shape::List(of), Value::Array(items)) => {
            for (n, item) in items.iter().enumerate() {
                walk(of, item, &format!("{path}[{n}]"), problems);
            }
        }
        (Shape::Any, _) | (Shape::Text, Value::String(_)) | (Shape::Boolean, Value::Bool(_)) => {}
        (Shape::Choice(names), Value::String(name)) => {
            if !names.contains(name) {
                problems.push(Problem::new(path, no_choice(name, names)));
            }
        }
        (Shape::Written(format), Value::String(text)) => complain(*format, text, path, problems),
        (Shape::Written(format), Value::Number(n)) if format.takes_numbers() => {
            complain(*format, &n.to_string(), path, problems);
        }
        (Shape::Integer { min, max }, Value::Number(n)) if n.is_u64() || n.is_i64() => {
            let inside = n.as_u64().is_some_and(|n| n <= *max)
                && n.as_u64().is_some_and(|n| *min < 0 || n >= min.unsigned_abs());
            let inside = inside || n.as_i64().is_some_and(|n| n < 0 && n >= *min);
            if !inside {
                problems.push(Problem::new(path, out_of_range(n, *min, *max)));
            }
        }
        _ => problems.push(Problem::new(path, wrong_type(shape, value))),
    }
}

/// The path of a field of what is at this path.
fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Takes away the fields that nobody knows, and says which they were.
pub(crate) fn prune(shape: &Shape, value: &mut Value, path: &str, gone: &mut Vec<Problem>) {
    match (shape, value) {
        (Shape::Fields(known), Value::Object(written)) => {
            let is_known = |name: &str| known.iter().any(|field| field.name == name);
            let unknown: Vec<&String> = written.keys().filter(|name| !is_known(name)).collect();
            let room = MOST_PROBLEMS.saturating_sub(gone.len());
            let said = unknown.iter().take(room);
            gone.extend(said.map(|name| unknown_field(name, &below(path, name), known, written)));
            if !unknown.is_empty() {
                written.retain(|name, _| is_known(name));
            }
            for (name, value) in written {
                if let Some(field) = known.iter().find(|field| field.name == *name) {
                    prune(&field.shape, value, &below(path, name), gone);
                }
            }
        }
        (Shape::Map(of), Value::Object(written)) => {
            for (name, value) in written {
                prune(of, value, &below(path, name), gone);
            }
        }
        (Shape::List(of), Value::Array(items)) => {
            for (n, item) in items.iter_mut().enumerate() {
                prune(of, item, &format!("{path}[{n}]"), gone);
            }
        }
        _ => {}
    }
}

fn complain(format: Format, text: &str, path: &str, problems: &mut Vec<Problem>) {
    if let Some(complaint) = format.complaint(text) {
        problems.push(Problem::new(path, complaint.into()));
    }
}

fn fields(known: &[Field], written: &Map<String, Value>, path: &str, problems: &mut Vec<Problem>) {
    for (name, value) in written {
        let path = below(path, name);
        match known.iter().find(|field| field.name == *name) {
            Some(field) if field.required && value.is_null() => problems.push(no_value(field, &path)),
            Some(field) => walk(&field.shape, value, &path, problems),
            None => problems.push(unknown_field(name, &path, known, written)),
        }
        if problems.len() >= MOST_PROBLEMS {
            return;
        }
    }
    for field in known.iter().filter(|field| field.required && !written.contains_key(&field.name)) {
        // A required field under a name that is nearly right is said once, as unknown.
        if written.keys().any(|name| likely(name, known, written) == Some(&field.name)) {
            continue;
        }
        problems.push(missing_field(field, &below(path, &field.name)));
    }
}

/// The field that an unknown name most likely means: one that is not written yet.
fn likely<'a>(name: &str, known: &'a [Field], written: &Map<String, Value>) -> Option<&'a str> {
    if known.iter().any(|field| field.name == name) {
        return None;
    }
    let names = known.iter().map(|field| field.name.as_str());
    nearest(name, names.filter(|name| !written.contains_key(*name)))
}

/// A name that no field has.
pub(crate) fn unknown_field(
    name: &str,
    path: &str,
    known: &[Field],
    written: &Map<String, Value>,
) -> Problem {
    let diagnostic = Diagnostic::new("unknownField", format!("unknown field {}", quote(name)));
    let names: Vec<&str> = known.iter().map(|field| field.name.as_str()).collect();
    let diagnostic = if PLANNED.contains(&name) {
        diagnostic.cause("it is planned, and not there yet").hint("leave it out")
    } else if let Some(likely) = likely(name, known, written) {
        diagnostic.hint(format!("did you mean \"{likely}\"?"))
    } else if names.is_empty() {
        diagnostic.hint("leave it out: there are no fields here")
    } else {
        diagnostic.hint(format!("the fields here are {}", and(&names)))
    };
    Problem { at_name: true, ..Problem::new(path, diagnostic) }
}

/// A field that must be there.
pub(crate) fn missing_field(field: &Field, path: &str) -> Problem {
    let diagnostic = Diagnostic::new("missingField", format!("the field \"{}\" is missing", field.name));
    Problem::new(path, diagnostic.hint(format!("add it{}", example(field))))
}

/// A field that must be there, and says nothing.
fn no_value(field: &Field, path: &str) -> Problem {
    let diagnostic = Diagnostic::new("missingField", format!("the field \"{}\" has no value", field.name));
    Problem::new(path, diagnostic.hint(format!("write one{}", example(field))))
}

fn example(field: &Field) -> String {
    let example = field.example.as_ref();
    example.map_or_else(String::new, |example| format!(", as {}: {}", field.name, flow(example)))
}

fn no_choice(name: &str, names: &[String]) -> Diagnostic {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let diagnostic =
        Diagnostic::new("invalidValue", format!("{} is none of {}", quote(name), names.join(", ")));
    if PLANNED.contains(&name) {
        return diagnostic.cause("it is planned, and not there yet");
    }
    match nearest(name, names) {
        Some(name) => diagnostic.hint(format!("did you mean \"{name}\"?")),
        None => diagnostic.hint("write one of them"),
    }
}

fn out_of_range(n: &serde_json::Number, min: i64, max: u64) -> Diagnostic {
    Diagnostic::new("outOfRange", format!("{n} is out of range"))
        .hint(format!("write a number of {min} to {max}"))
}

/// A value of another type than expected.
pub(crate) fn wrong_type(shape: &Shape, value: &Value) -> Diagnostic {
    let message = format!("expected {}, found {}", expected(shape), describe(value));
    let diagnostic = Diagnostic::new("wrongType", message);
    match type_hint(shape, value) {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}

fn expected(shape: &Shape) -> &'static str {
    match shape {
        Shape::Fields(_) => "a map of fields",
        Shape::Map(_) => "a map of names to values",
        Shape::List(_) => "a list",
        Shape::Choice(_) | Shape::Text => "text",
        Shape::Written(format) => format.expected(),
        Shape::Integer { .. } => "a whole number",
        Shape::Boolean => "true or false",
        Shape::Any => "anything",
    }
}

fn type_hint(shape: &Shape, value: &Value) -> Option<String> {
    match (shape, value) {
        (Shape::List(_), Value::Null) => {
            Some("write its items, or [] for none, or leave the field out".to_owned())
        }
        (_, Value::Null) => Some("write a value, or leave the field out".to_owned()),
        // A command as a shell would take it, or several things in one text.
        (Shape::List(_), Value::String(text)) if text.contains(' ') => {
            let words: Vec<Value> = text.split_whitespace().map(Value::from).collect();
            Some(match text.contains(['"', '\'']) {
                true => "write it as a list, each word or quoted text as an item of its own".to_owned(),
                false => format!("write it as a list: {}", flow(&Value::Array(words))),
            })
        }
        (Shape::List(_), Value::String(_) | Value::Number(_) | Value::Bool(_)) => {
            Some(format!("write it as a list: [{}]", flow(value)))
        }
        (Shape::List(_), Value::Object(_)) => {
            Some("put \"- \" before it, to make it the first item of a list".to_owned())
        }
        (Shape::Text | Shape::Written(Format::Peer), Value::Number(n)) if n.is_f64() => {
            Some("put it in quotes".to_owned())
        }
        (Shape::Text | Shape::Written(Format::Peer), Value::Number(_) | Value::Bool(_)) => {
            Some(format!("put it in quotes: \"{value}\""))
        }
        (Shape::Integer { .. }, Value::String(text)) => {
            text.parse::<u64>().ok().map(|n| format!("write it without quotes: {n}"))
        }
        (Shape::Boolean, Value::String(text)) => match text.to_lowercase().as_str() {
            "yes" | "y" | "on" | "true" => Some("write true".to_owned()),
            "no" | "n" | "off" | "false" => Some("write false".to_owned()),
            _ => None,
        },
        (Shape::Fields(known), _) if !known.is_empty() => {
            let names: Vec<&str> = known.iter().map(|field| field.name.as_str()).collect();
            Some(format!("its fields are {}", and(&names)))
        }
        (Shape::Choice(names), _) => Some(format!("write one of {}", names.join(", "))),
        (Shape::Map(_), _) => Some("write it as NAME: value".to_owned()),
        (_, Value::Array(items)) if items.len() == 1 => {
            Some("write it without brackets or \"- \"".to_owned())
        }
        _ => None,
    }
}
