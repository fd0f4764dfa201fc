//! What a user did wrong, said so that it can be mended.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ObjectRef;

/// One thing that is wrong with what a user wrote: drawn by the CLI, sent as JSON by the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// A short stable name in camel case, as `unknownField`: for tools.
    pub code: String,
    /// What is wrong, with what: one sentence, without a full stop.
    pub message: String,
    /// Why it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The resource that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// The field, as `spec.ingress[0].ports[1]`; empty for the whole resource.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Where in the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

impl Diagnostic {
    /// A diagnostic with a code and a message; the rest by the other methods.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            cause: None,
            hint: None,
            object: None,
            path: String::new(),
            span: None,
        }
    }

    /// With the reason.
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// With the way out.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// About this field of this resource.
    pub fn at(mut self, object: ObjectRef, path: impl Into<String>) -> Self {
        self.object = Some(object);
        self.path = path.into();
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(span) = &self.span {
            write!(f, "{}:{}:{}: ", span.file, span.line, span.column)?;
        }
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

/// A place in a text that somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// As it was given on the command line; `-` is standard input.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// In characters; 0 where only the beginning is known.
    pub length: usize,
}
