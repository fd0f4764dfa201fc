//! Kubernetes' own kinds, as far as they mean something here: Namespace, Secret, Event.
//!
//! Shapes and meanings are those of Kubernetes' core/v1, so that its clients can be used as they are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Condition;

/// A project. There is nothing to want of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamespaceSpec {
    /// Kept as clients send it; what must happen before a project goes stands in its metadata.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
}

/// The state of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamespaceStatus {
    /// The generation that the agent last acted on.
    #[serde(default)]
    pub observed_generation: u64,
    /// Its state, aspect by aspect.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// `Active`, or `Terminating` while it is being emptied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

/// What nobody else may see.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretSpec {
    /// What it is for, as `kubernetes.io/tls`; `Opaque` if left out.
    #[serde(default = "opaque")]
    pub r#type: String,
    /// The values, in base64 (RFC 4648, section 4).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
    /// Values as they are: they become part of `data`. Never read back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub string_data: BTreeMap<String, String>,
    /// Whether it stays as it is until it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub immutable: Option<bool>,
}

impl std::fmt::Debug for SecretSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.data.keys().chain(self.string_data.keys()).collect();
        f.debug_struct("SecretSpec").field("type", &self.r#type).field("keys", &names).finish_non_exhaustive()
    }
}

fn opaque() -> String {
    "Opaque".to_owned()
}

/// Something that happened to a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventSpec {
    /// What it happened to.
    #[schemars(extend("examples" = [{ "kind": "Instance", "name": "web-1" }]))]
    pub involved_object: Box<ObjectReference>,
    /// What happened, in one word of camel case.
    #[serde(default)]
    pub reason: String,
    /// What happened, for people.
    #[serde(default)]
    pub message: String,
    /// `Normal` or `Warning`.
    #[serde(default)]
    pub r#type: String,
    /// Who says so.
    #[serde(default)]
    pub source: EventSource,
    /// RFC 3339: when it first happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_timestamp: Option<String>,
    /// RFC 3339: when it last happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_timestamp: Option<String>,
    /// How often it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// RFC 3339, to the microsecond: when it first happened, of who writes it in the newer way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<String>,
    /// The newer way to say how often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<EventSeries>,
    /// What was done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// A second resource that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related: Option<Box<ObjectReference>>,
    /// The newer way to say who says so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reporting_component: String,
    /// Which of them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reporting_instance: String,
}

impl EventSpec {
    /// When it last happened, in whichever way that is said.
    pub fn last_seen(&self) -> Option<Timestamp> {
        let series = self.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
        let all = [self.last_timestamp.as_ref(), series, self.event_time.as_ref()];
        all.into_iter().flatten().find_map(|time| time.parse().ok())
    }
}

/// Which resource an event is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectReference {
    /// Its group and version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Its kind.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Its project.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its uid.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The version of it that was seen.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
    /// Which part of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field_path: String,
}

/// Who reports an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventSource {
    /// The component, as `madang-agent`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub component: String,
    /// The host that it is on.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host: String,
}

/// An event that happens again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventSeries {
    /// How often.
    #[serde(default)]
    pub count: u32,
    /// RFC 3339, to the microsecond: when last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_observed_time: Option<String>,
}
