//! What a client sent: the body, what it is, and who wrote it.

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::giver::Giver;
use crate::{ApiError, Reason};

/// How deep a body's values may be in each other.
const DEEPEST: usize = 64;

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// JSON; also of who says nothing.
    Json,
    /// YAML 1.2.
    Yaml,
    /// Kubernetes' own binary form.
    Protobuf,
    /// RFC 6902.
    JsonPatch,
    /// RFC 7396.
    MergePatch,
    /// Kubernetes' own kind of patch.
    StrategicMergePatch,
    /// Server-side apply.
    Apply,
}

/// A body that came as a whole.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) format: Format,
    /// What the client calls itself: who owns what it writes, if it does not say.
    pub(super) agent: String,
    /// Who sent it.
    pub(super) giver: Giver,
    body: Bytes,
    _room: OwnedSemaphorePermit,
}

impl Format {
    /// Of these headers, if it is one that is read.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(sent) = headers.get(CONTENT_TYPE) else { return Ok(Self::Json) };
        let kind = sent.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        Ok(match kind {
            "application/json" => Self::Json,
            "application/yaml" => Self::Yaml,
            "application/vnd.kubernetes.protobuf" => Self::Protobuf,
            "application/json-patch+json" => Self::JsonPatch,
            "application/merge-patch+json" => Self::MergePatch,
            "application/strategic-merge-patch+json" => Self::StrategicMergePatch,
            "application/apply-patch+yaml" => Self::Apply,
            _ => {
                let message =
                    format!("a body of the type {sent:?} is not read: send JSON as application/json");
                return Err(ApiError::new(Reason::UnsupportedMediaType, message));
            }
        })
    }

    /// Whether it is a patch, which PATCH takes and nothing else does.
    pub(super) fn is_patch(self) -> bool {
        matches!(self, Self::JsonPatch | Self::MergePatch | Self::StrategicMergePatch | Self::Apply)
    }
}

impl Sent {
    pub(super) fn new(
        format: Format,
        headers: &HeaderMap,
        giver: Giver,
        body: Bytes,
        room: OwnedSemaphorePermit,
    ) -> Self {
        let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        let agent = agent.split(['/', ' ']).next().unwrap_or_default();
        let agent = if agent.is_empty() { "unknown" } else { agent };
        let agent = agent.chars().filter(|c| !c.is_control()).take(128).collect();
        Self { format, agent, giver, body, _room: room }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The body as a value.
    pub(super) fn document(&self) -> Result<Value, ApiError> {
        let wrong = |why: String| ApiError::bad_request(format!("the body cannot be read: {why}"));
        let value = match self.format {
            Format::Protobuf => crate::protobuf::decode(&self.body)?,
            Format::Yaml | Format::Apply => {
                let text = std::str::from_utf8(&self.body).map_err(|error| wrong(error.to_string()))?;
                match serde_json::from_str(text) {
                    Ok(value) => value,
                    Err(_) => madang_model::yaml_value("body", text)
                        .map_err(|diagnostic| wrong(diagnostic.to_string()))?,
                }
            }
            _ => serde_json::from_slice(&self.body).map_err(|error| wrong(error.to_string()))?,
        };
        if depth(&value) > DEEPEST {
            return Err(wrong(format!("its values are more than {DEEPEST} deep in each other")));
        }
        Ok(value)
    }
}

/// serde_json reads at most 128 levels, so this ends.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
