//! JSON pointers (RFC 6901).

use std::fmt;

use serde_json::Value;

use super::{Budget, PatchReason};

/// Behind the last item of a list (RFC 6901 section 4).
const END: &str = "-";

/// A way into a document, step by step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    steps: Vec<String>,
}

impl Pointer {
    /// From its text: nothing, or steps that begin with a slash, in which `~1` is a slash and `~0` a tilde.
    pub(super) fn parse(text: &str) -> Result<Self, PatchReason> {
        let wrong = || PatchReason::Pointer(text.to_owned());
        let steps = match text.strip_prefix('/') {
            Some(steps) => steps.split('/').map(unescape).collect::<Option<_>>().ok_or_else(wrong)?,
            None if text.is_empty() => Vec::new(),
            None => return Err(wrong()),
        };
        Ok(Self { steps })
    }

    /// How many steps it has.
    pub(super) fn depth(&self) -> usize {
        self.steps.len()
    }

    /// Whether it leads to something in what the other leads to.
    pub(super) fn is_below(&self, other: &Self) -> bool {
        self.steps.len() > other.steps.len() && self.steps.starts_with(&other.steps)
    }

    /// What it leads to.
    pub(super) fn find<'v>(&self, document: &'v Value) -> Result<&'v Value, PatchReason> {
        let step = |value: &'v Value, step: &String| match value {
            Value::Object(fields) => fields.get(step).ok_or_else(|| self.missing()),
            Value::Array(items) => Ok(&items[place(step, items.len(), items.len())?]),
            _ => Err(self.missing()),
        };
        self.steps.iter().try_fold(document, step)
    }

    /// What it leads to, to be changed.
    pub(super) fn find_mut<'v>(&self, document: &'v mut Value) -> Result<&'v mut Value, PatchReason> {
        let step = |value: &'v mut Value, step: &String| match value {
            Value::Object(fields) => fields.get_mut(step).ok_or_else(|| self.missing()),
            Value::Array(items) => {
                let place = place(step, items.len(), items.len())?;
                Ok(&mut items[place])
            }
            _ => Err(self.missing()),
        };
        self.steps.iter().try_fold(document, step)
    }

    /// Puts a value there: a field takes the place of one of its name, an item goes before the one that is there.
    pub(super) fn add(
        &self,
        document: &mut Value,
        value: Value,
        budget: &mut Budget,
    ) -> Result<(), PatchReason> {
        let Some((last, above)) = self.split() else {
            *document = value;
            return Ok(());
        };
        match above.find_mut(document)? {
            Value::Object(fields) => drop(fields.insert(last.clone(), value)),
            Value::Array(items) if last == END => items.push(value),
            Value::Array(items) => {
                let place = place(last, items.len() + 1, items.len())?;
                budget.shift(items.len() - place)?;
                items.insert(place, value);
            }
            _ => return Err(above.missing()),
        }
        Ok(())
    }

    /// Takes away what is there.
    pub(super) fn remove(&self, document: &mut Value, budget: &mut Budget) -> Result<Value, PatchReason> {
        let (last, above) = self.split().ok_or(PatchReason::Root)?;
        match above.find_mut(document)? {
            Value::Object(fields) => {
                budget.shift(fields.len())?;
                fields.shift_remove(last).ok_or_else(|| self.missing())
            }
            Value::Array(items) => {
                let place = place(last, items.len(), items.len())?;
                budget.shift(items.len() - place)?;
                Ok(items.remove(place))
            }
            _ => Err(self.missing()),
        }
    }

    fn split(&self) -> Option<(&String, Self)> {
        let (last, above) = self.steps.split_last()?;
        Some((last, Self { steps: above.to_vec() }))
    }

    fn missing(&self) -> PatchReason {
        PatchReason::Missing(self.to_string())
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| write!(f, "/{}", step.replace('~', "~0").replace('/', "~1")))
    }
}

fn unescape(step: &str) -> Option<String> {
    let mut parts = step.split('~');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (sign, rest) = [("/", '1'), ("~", '0')]
            .iter()
            .find_map(|(sign, code)| Some((sign, part.strip_prefix(*code)?)))?;
        text += sign;
        text += rest;
    }
    Some(text)
}

/// A place below the limit: digits without a leading zero (RFC 6901 section 4).
fn place(step: &str, limit: usize, length: usize) -> Result<usize, PatchReason> {
    let digits = step.bytes().all(|byte| byte.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    let place = step.parse().ok().filter(|place| digits && *place < limit);
    place.ok_or_else(|| PatchReason::Place { step: step.to_owned(), length })
}
