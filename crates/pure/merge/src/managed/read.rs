//! Reading `metadata.managedFields`, from the store or from a client.

use serde_json::{Map, Value};

use super::{Entry, ManagedFields, Operation};
use crate::field_set::FieldSet;
use crate::fields_v1::FieldsV1Error;

/// The longest name of a field manager, in bytes (meta/v1).
const MAX_MANAGER: usize = 128;
/// The longest name of a subresource, in bytes.
const MAX_SUBRESOURCE: usize = 256;

/// How many entries are read.
const MAX_ENTRIES: usize = 1_000;

/// What is wrong with `metadata.managedFields`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct ManagedFieldsError {
    /// The field, as `metadata.managedFields[0].operation`.
    pub path: String,
    /// Why it is refused.
    pub reason: String,
    /// What of the fields cannot be read.
    pub source: Option<FieldsV1Error>,
}

impl ManagedFields {
    /// From the value of `metadata.managedFields`, which may be missing (`null`).
    pub fn from_value(value: &Value) -> Result<Self, ManagedFieldsError> {
        let entries = match value {
            Value::Null => return Ok(Self::default()),
            Value::Array(entries) if entries.len() > MAX_ENTRIES => {
                return Err(wrong("metadata.managedFields", "it has too many entries"));
            }
            Value::Array(entries) => entries,
            _ => return Err(wrong("metadata.managedFields", "it is no list")),
        };
        let entries = entries.iter().enumerate().map(|(n, entry)| read(n, entry));
        Ok(Self::from_entries(entries.collect::<Result<Vec<_>, _>>()?))
    }

    /// Those of a stored object.
    pub fn of(object: &Value) -> Result<Self, ManagedFieldsError> {
        object.pointer("/metadata/managedFields").map_or_else(|| Ok(Self::default()), Self::from_value)
    }

    /// Those to go on with when a client sends an object with `metadata.managedFields` of its own (`submitted`) in a
    /// create, update or patch, to be given to [`update`](crate::update) as what was there before.
    ///
    /// None or `null`: what the live object has, as a client that does not know the field must not clear it by leaving it
    /// out. An empty list, or one with one empty entry: nobody's. Entries that are right: those. A request to a
    /// subresource does not change them. A client replaces entries when it moves from client-side to server-side apply.
    pub fn submitted(
        self,
        submitted: Option<&Value>,
        subresource: Option<&str>,
    ) -> Result<Self, ManagedFieldsError> {
        match submitted {
            _ if subresource.is_some() => Ok(self),
            None | Some(Value::Null) => Ok(self),
            Some(Value::Array(entries)) if is_reset(entries) => Ok(Self::default()),
            Some(submitted) => Self::from_value(submitted),
        }
    }
}

/// Whether the text can be the name of a field manager: at most 128 bytes, all of it printable.
pub fn is_manager_name(name: &str) -> bool {
    name.len() <= MAX_MANAGER && !name.chars().any(char::is_control)
}

fn is_reset(entries: &[Value]) -> bool {
    match entries {
        [] => true,
        [entry] => entry.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}

fn read(n: usize, entry: &Value) -> Result<Entry, ManagedFieldsError> {
    let path = format!("metadata.managedFields[{n}]");
    let Value::Object(entry) = entry else { return Err(wrong(path, "it is no object")) };
    let at = |field: &str| format!("{path}.{field}");
    let text = |field: &str| match entry.get(field) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err(wrong(at(field), "it is no text")),
    };
    let (manager, subresource) = (text("manager")?, text("subresource")?);
    if !is_manager_name(manager) {
        return Err(wrong(
            at("manager"),
            "it is longer than 128 bytes, or has characters that cannot be printed",
        ));
    }
    if subresource.len() > MAX_SUBRESOURCE {
        return Err(wrong(at("subresource"), "it is longer than 256 bytes"));
    }
    let operation = match text("operation")? {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return Err(wrong(at("operation"), "it is none of Apply, Update")),
    };
    let api_version = text("apiVersion")?;
    if api_version.is_empty() {
        return Err(wrong(at("apiVersion"), "it is missing"));
    }
    if text("fieldsType")? != "FieldsV1" {
        return Err(wrong(at("fieldsType"), "it is not FieldsV1"));
    }
    let time = text("time")?;
    if !time.is_empty() && !is_rfc_3339(time) {
        return Err(wrong(at("time"), "it is no time as RFC 3339 writes it"));
    }
    let fields = entry.get("fieldsV1").map_or(Ok(FieldSet::default()), FieldSet::from_fields_v1);
    let fields = fields.map_err(|source| ManagedFieldsError {
        path: at("fieldsV1"),
        reason: "it is no set of fields".to_owned(),
        source: Some(source),
    })?;
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(Entry {
        manager: some(manager).unwrap_or_else(|| "unknown".to_owned()),
        operation,
        api_version: api_version.to_owned(),
        time: some(time),
        subresource: some(subresource),
        fields,
    })
}

/// Whether the text has the form of RFC 3339 section 5.6; the calendar is not asked.
fn is_rfc_3339(time: &str) -> bool {
    let digits =
        |text: &str| text.bytes().map(|byte| if byte.is_ascii_digit() { '0' } else { byte.into() }).collect();
    let Some((date, rest)) = time.split_at_checked("0000-00-00T00:00:00".len()) else { return false };
    let date: String = digits(date);
    let fraction =
        rest.strip_prefix('.').map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let zone: String = digits(fraction);
    let fraction_is_right = !rest.starts_with('.') || rest.len() > fraction.len() + 1;
    date == "0000-00-00T00:00:00" && fraction_is_right && matches!(zone.as_str(), "Z" | "+00:00" | "-00:00")
}

fn wrong(path: impl Into<String>, reason: &str) -> ManagedFieldsError {
    ManagedFieldsError { path: path.into(), reason: reason.to_owned(), source: None }
}
