//! What every resource has beside its spec: the Kubernetes object metadata.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DEFAULT_NAMESPACE, Kind};

/// A resource's name, labels, and what the store says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// A DNS label: lower-case letters, digits and dashes, at most 63.
    #[serde(default)]
    #[schemars(extend("examples" = ["web-1"]))]
    pub name: String,
    /// What a new resource's name begins with, if it has none: the rest is made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate_name: Option<String>,
    /// The project: a Namespace; `default` if left out. Kinds of the host (AddressPool, Node) have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// For people and selectors.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// For tools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Given by the store at creation; another for each resource that ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The store's revision at the last write. Sent with an update, it must be the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
    /// Raised by every change of the spec.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u64,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// RFC 3339: when deletion was asked for. The resource goes when its last finalizer does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<String>,
    /// How long its deletion may take; only kept, since nothing here needs to be asked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_grace_period_seconds: Option<i64>,
    /// Who must still clean up before the resource goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
    /// What it belongs to: when all of these are gone, it goes too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<OwnerReference>,
    /// Which tool wrote which fields (server-side apply).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managed_fields: Vec<ManagedFieldsEntry>,
}

/// What a resource belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OwnerReference {
    /// The owner's group and version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name; it is in the same project, or of the host.
    pub name: String,
    /// Its uid: another resource of this name is no owner.
    pub uid: String,
    /// Whether it is the one that manages the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<bool>,
    /// Whether the owner stays until the resource is gone, if it is deleted in the foreground.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_owner_deletion: Option<bool>,
}

/// The fields that one tool wrote in one way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManagedFieldsEntry {
    /// The tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// `Apply` or `Update`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The group and version that the fields are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// RFC 3339: when the set of fields last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// `FieldsV1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields_type: Option<String>,
    /// The fields, in Kubernetes' form.
    #[serde(rename = "fieldsV1", default, skip_serializing_if = "serde_json::Value::is_null")]
    pub fields_v1: serde_json::Value,
    /// The subresource that they were written through; none for the resource itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Which resource is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: Kind,
    /// Its project; empty for kinds of the host.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectRef {
    /// The resource of this kind and name: `web` in the default project, `lab/web` in the project lab.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        let name = name.into();
        match name.split_once('/') {
            Some((namespace, name)) => Self::in_namespace(kind, Some(namespace), name),
            None => Self::in_namespace(kind, None, name),
        }
    }

    /// The resource of this kind and name in this project; the default one if none is said.
    pub fn in_namespace(kind: Kind, namespace: Option<&str>, name: impl Into<String>) -> Self {
        let namespace = if kind.is_namespaced() { namespace.unwrap_or(DEFAULT_NAMESPACE) } else { "" };
        Self { kind, namespace: namespace.to_owned(), name: name.into() }
    }

    /// Its name, with the project before it if that is not the default one.
    pub fn qualified_name(&self) -> String {
        qualified(Some(&self.namespace), &self.name)
    }
}

/// A name as it is told from those of other projects: bare in the default project and for kinds of the host, else
/// `PROJECT/NAME`.
pub fn qualified(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        None | Some("" | DEFAULT_NAMESPACE) => name.to_owned(),
        Some(namespace) => format!("{namespace}/{name}"),
    }
}

/// A qualified name without its project.
pub fn bare(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, name)| name)
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.qualified_name())
    }
}
