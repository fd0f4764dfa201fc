//! JSON Patch (RFC 6902): a list of operations that are carried out one after the other, all of them or none.

mod pointer;

use serde_json::Value;

use self::pointer::Pointer;
use crate::MAX_DEPTH;
use crate::scalar::same;

/// The most operations of a patch.
const MAX_OPERATIONS: usize = 10_000;
/// The most that the copies and moves of a patch may add up to, in bytes of JSON, roughly: copies of copies grow fast.
const MAX_COPIED: usize = 3 << 20;
/// How many places may be shifted in all, in lists and objects out of which or into which something is put.
const MAX_SHIFTED: usize = 20_000_000;

/// Why a patch was not carried out. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// It is no list.
    #[error("the patch is no list of operations")]
    NoList,
    /// It is too long.
    #[error("the patch has {count} operations, more than {MAX_OPERATIONS}")]
    TooLong {
        /// How many it has.
        count: usize,
    },
    /// An operation cannot be carried out.
    #[error("operation {index} ({operation} \"{path}\"): {reason}")]
    Operation {
        /// Its place in the patch, from 0.
        index: usize,
        /// What it does; empty if it does not say.
        operation: String,
        /// Where; empty for the whole document, or if it does not say.
        path: String,
        /// Why not.
        reason: PatchReason,
    },
}

/// Why an operation cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchReason {
    /// It is no object.
    #[error("it is no object")]
    NoObject,
    /// `op` is missing or none of the six.
    #[error("op is none of add, remove, replace, move, copy, test")]
    UnknownOperation,
    /// A member that it needs is missing, or no text where it must be.
    #[error("\"{0}\" is missing or of the wrong type")]
    Member(&'static str),
    /// A pointer that is none (RFC 6901 section 3).
    #[error("\"{0}\" is no JSON pointer")]
    Pointer(String),
    /// There is nothing where the pointer leads.
    #[error("there is nothing at \"{0}\"")]
    Missing(String),
    /// A place in a list is none, or past its end.
    #[error("\"{step}\" is no place in a list of {length}")]
    Place {
        /// As it is written.
        step: String,
        /// How many items there are.
        length: usize,
    },
    /// The value is not the one expected.
    #[error("the value is another")]
    Test,
    /// The document itself cannot be removed.
    #[error("the whole document cannot be removed")]
    Root,
    /// Something cannot be moved into itself.
    #[error("\"{0}\" cannot be moved into itself")]
    IntoItself(String),
    /// The document would be too deep.
    #[error("the document would be more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// The copies are too much.
    #[error("what the patch copies and moves is more than {MAX_COPIED} bytes")]
    TooMuch,
    /// Long lists are changed too often.
    #[error(
        "the patch changes long lists or objects in too many places, one by one: replace them as a whole"
    )]
    TooSlow,
}

impl PatchError {
    /// Whether the patch is none, whatever it is for: 400 and not 422.
    pub fn is_malformed(&self) -> bool {
        match self {
            Self::NoList | Self::TooLong { .. } => true,
            Self::Operation { reason, .. } => matches!(
                reason,
                PatchReason::NoObject
                    | PatchReason::UnknownOperation
                    | PatchReason::Member(_)
                    | PatchReason::Pointer(_)
            ),
        }
    }
}

/// What a patch may still do.
struct Budget {
    bytes: usize,
    places: usize,
}

impl Budget {
    fn copy(&mut self, value: &Value) -> Result<(), PatchReason> {
        self.bytes = self.bytes.checked_sub(weight(value)).ok_or(PatchReason::TooMuch)?;
        Ok(())
    }

    fn shift(&mut self, places: usize) -> Result<(), PatchReason> {
        self.places = self.places.checked_sub(places).ok_or(PatchReason::TooSlow)?;
        Ok(())
    }
}

/// The target after the operations of the patch.
pub fn json_patch(target: &Value, patch: &Value) -> Result<Value, PatchError> {
    let Value::Array(operations) = patch else { return Err(PatchError::NoList) };
    if operations.len() > MAX_OPERATIONS {
        return Err(PatchError::TooLong { count: operations.len() });
    }
    let mut document = target.clone();
    let mut budget = Budget { bytes: MAX_COPIED, places: MAX_SHIFTED };
    for (index, operation) in operations.iter().enumerate() {
        carry_out(&mut document, operation, &mut budget).map_err(|reason| {
            let text = |name| operation.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            PatchError::Operation { index, operation: text("op"), path: text("path"), reason }
        })?;
    }
    Ok(document)
}

fn carry_out(document: &mut Value, operation: &Value, budget: &mut Budget) -> Result<(), PatchReason> {
    if !operation.is_object() {
        return Err(PatchReason::NoObject);
    }
    let pointer = |name| match operation.get(name) {
        Some(Value::String(text)) => Pointer::parse(text),
        _ => Err(PatchReason::Member(name)),
    };
    let value = || operation.get("value").ok_or(PatchReason::Member("value"));
    let path = || pointer("path");
    match operation.get("op").and_then(Value::as_str).unwrap_or_default() {
        "add" => add(document, &path()?, value()?.clone(), budget),
        "remove" => path()?.remove(document, budget).map(drop),
        "replace" => {
            let (path, value) = (path()?, value()?);
            is_shallow(&path, value)?;
            *path.find_mut(document)? = value.clone();
            Ok(())
        }
        "move" => {
            let (from, path) = (pointer("from")?, path()?);
            if from == path {
                return from.find(document).map(drop);
            }
            if path.is_below(&from) {
                return Err(PatchReason::IntoItself(from.to_string()));
            }
            budget.copy(from.find(document)?)?;
            let value = from.remove(document, budget)?;
            add(document, &path, value, budget)
        }
        "copy" => {
            let (from, path) = (pointer("from")?, path()?);
            let value = from.find(document)?;
            budget.copy(value)?;
            let value = value.clone();
            add(document, &path, value, budget)
        }
        "test" => {
            let (path, value) = (path()?, value()?);
            if same(path.find(document)?, value) { Ok(()) } else { Err(PatchReason::Test) }
        }
        _ => Err(PatchReason::UnknownOperation),
    }
}

fn add(document: &mut Value, path: &Pointer, value: Value, budget: &mut Budget) -> Result<(), PatchReason> {
    is_shallow(path, &value)?;
    path.add(document, value, budget)
}

fn is_shallow(path: &Pointer, value: &Value) -> Result<(), PatchReason> {
    let left = MAX_DEPTH.checked_sub(path.depth()).ok_or(PatchReason::TooDeep)?;
    if is_deeper_than(value, left) { Err(PatchReason::TooDeep) } else { Ok(()) }
}

fn is_deeper_than(value: &Value, levels: usize) -> bool {
    let mut parts: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => return false,
    };
    levels.checked_sub(1).is_none_or(|levels| parts.any(|part| is_deeper_than(part, levels)))
}

/// About how long the value is as JSON. Values in a document that a patch made are no deeper than [`MAX_DEPTH`], and those
/// of the target no deeper than a parser lets them be.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 3,
        Value::Array(items) => 2 + items.iter().map(weight).sum::<usize>(),
        Value::Object(fields) => {
            2 + fields.iter().map(|(name, value)| name.len() + 4 + weight(value)).sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests;
