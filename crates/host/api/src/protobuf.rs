//! Bodies in Kubernetes' protobuf, as far as its own clients insist on it: decoded into the JSON that means the same.
//!
//! A body is four magic bytes and an envelope that names the kind; behind it stands the object (protocol buffers, version 2).
//! What kinds look like stands in [`shapes`]. Any bytes are decoded or refused: nesting is as deep as the shapes, and nothing
//! grows beyond the body's own length.

mod shapes;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{ApiError, Reason};
use shapes::{ENVELOPE, Field, Message, TIME, Type, of_kind};

/// The type of such a body.
pub const CONTENT_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What every body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// Why a body cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufError {
    /// The magic bytes are missing.
    #[error("the body is not Kubernetes' protobuf: it does not begin with its magic bytes")]
    Magic,
    /// It is damaged.
    #[error("the body's protobuf is damaged: {0}")]
    Damaged(&'static str),
    /// Its kind is taken as JSON only.
    #[error("{kind} of {api_version} is not read as protobuf: send JSON as application/json")]
    Kind {
        /// The kind.
        kind: String,
        /// Its group and version.
        api_version: String,
    },
}

impl From<ProtobufError> for ApiError {
    fn from(error: ProtobufError) -> Self {
        let reason = match error {
            ProtobufError::Kind { .. } => Reason::UnsupportedMediaType,
            ProtobufError::Magic | ProtobufError::Damaged(_) => Reason::BadRequest,
        };
        Self::new(reason, error.to_string())
    }
}

/// The object in a body, as JSON.
///
/// # Errors
/// It is damaged, or of a kind that is taken as JSON only.
pub fn decode(body: &[u8]) -> Result<Value, ProtobufError> {
    let envelope = body.strip_prefix(MAGIC).ok_or(ProtobufError::Magic)?;
    let (mut type_meta, mut raw) = (Map::new(), &[][..]);
    for field in Fields(envelope) {
        match field? {
            (1, Wire::Bytes(bytes)) => type_meta = message(bytes, &ENVELOPE)?,
            (2, Wire::Bytes(bytes)) => raw = bytes,
            (3, Wire::Bytes(encoding)) if !encoding.is_empty() => {
                return Err(ProtobufError::Damaged("the object is encoded in a way that is not known"));
            }
            _ => {}
        }
    }
    let text = |name: &str| type_meta.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let Some(shape) = of_kind(&api_version, &kind) else {
        return Err(ProtobufError::Kind { kind, api_version });
    };
    let mut object = type_meta;
    object.extend(message(raw, shape)?);
    Ok(Value::Object(object))
}

/// A message's fields as an object. What has its type's zero is left out, since Kubernetes writes out what nobody set; in a
/// list it stays.
fn message(bytes: &[u8], shape: &Message) -> Result<Map<String, Value>, ProtobufError> {
    let mut object = Map::new();
    for field in Fields(bytes) {
        let (number, wire) = field?;
        let Some(field) = shape.iter().find(|field| field.number == number) else { continue };
        let value = value(wire, field)?;
        match field.of {
            Type::Map(_) => {
                let Value::Object(entry) = value else { continue };
                let entries = object.entry(field.name).or_insert_with(|| Map::new().into());
                if let Value::Object(entries) = entries {
                    entries.extend(entry);
                }
            }
            _ if field.repeated => {
                let list = object.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    list.push(value);
                }
            }
            _ if is_zero(&value) => {}
            _ => drop(object.insert(field.name.to_owned(), value)),
        }
    }
    Ok(object)
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn value(wire: Wire<'_>, field: &Field) -> Result<Value, ProtobufError> {
    match (&field.of, wire) {
        (Type::Text, Wire::Bytes(bytes)) => text(bytes).map(Value::from),
        (Type::Bytes, Wire::Bytes(bytes)) => Ok(STANDARD.encode(bytes).into()),
        (Type::Bool, Wire::Varint(n)) => Ok((n != 0).into()),
        (Type::Integer, Wire::Varint(n)) => Ok(n.cast_signed().into()),
        (Type::Time, Wire::Bytes(bytes)) => time(bytes),
        (Type::Json, Wire::Bytes(bytes)) => json(bytes),
        (Type::Message(shape), Wire::Bytes(bytes)) => message(bytes, shape).map(Value::Object),
        (Type::Map(of), Wire::Bytes(bytes)) => entry(bytes, of),
        _ => Err(ProtobufError::Damaged("a field is of another type than it should be")),
    }
}

/// One entry of a map, as an object: a message with the key in field 1 and the value in field 2.
fn entry(bytes: &[u8], of: &Type) -> Result<Value, ProtobufError> {
    let (mut key, mut entry) = (String::new(), Value::from(""));
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(bytes)) => key = text(bytes)?,
            (2, Wire::Bytes(bytes)) if matches!(of, Type::Bytes) => entry = STANDARD.encode(bytes).into(),
            (2, Wire::Bytes(bytes)) => entry = text(bytes)?.into(),
            _ => {}
        }
    }
    Ok(Value::Object(Map::from_iter([(key, entry)])))
}

/// RFC 3339, or nothing for no time.
fn time(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let fields = message(bytes, &TIME)?;
    let part = |name: &str| fields.get(name).and_then(Value::as_i64).unwrap_or_default();
    let (seconds, nanos) = (part("seconds"), part("nanos"));
    // The time of nobody: Go's first of January of the year 1.
    if fields.is_empty() || seconds == -62_135_596_800 {
        return Ok(Value::Null);
    }
    let nanos = i32::try_from(nanos).map_err(|_| ProtobufError::Damaged("a time is none"))?;
    let time = Timestamp::new(seconds, nanos).map_err(|_| ProtobufError::Damaged("a time is none"))?;
    Ok(time.to_string().into())
}

/// JSON inside of protobuf: of which fields an entry of managedFields is.
fn json(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let mut raw = &[][..];
    for field in Fields(bytes) {
        if let (1, Wire::Bytes(bytes)) = field? {
            raw = bytes;
        }
    }
    serde_json::from_slice(raw).map_err(|_| ProtobufError::Damaged("fieldsV1 is no JSON"))
}

fn text(bytes: &[u8]) -> Result<String, ProtobufError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| ProtobufError::Damaged("a text is not UTF-8"))
}

/// A field's value as it is sent.
enum Wire<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Fixed lengths, which no field here has.
    Fixed,
}

/// The fields of a message, as they come. Ends after an error.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Wire<'a>), ProtobufError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(ProtobufError::Damaged("it ends too early, or has a field of no known type")))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Wire<'a>)> {
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => self.take(8).map(|_| Wire::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Wire::Fixed)?,
            _ => return None,
        };
        Some((tag >> 3, wire))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests;
