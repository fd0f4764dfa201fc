//! Who may do what: Kubernetes' rbac.authorization.k8s.io/v1.
//!
//! A role is a list of permissions, a binding gives a role to somebody; nothing is ever forbidden, only not allowed. In a
//! project: Role and RoleBinding. Everywhere: ClusterRole and ClusterRoleBinding; a ClusterRole may also be bound in a
//! project.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What may be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleSpec {
    /// The permissions; what one of them allows is allowed.
    #[serde(default)]
    pub rules: Vec<PolicyRule>,
}

/// Some verbs on some resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyRule {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; `*`: all.
    #[schemars(extend("examples" = [["get", "list", "watch"]]))]
    pub verbs: Vec<String>,
    /// The API groups, "" for the core one; `*`: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    /// Plural names, with `/` and the subresource if one is meant, as `instances/exec`; `*`: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Only resources of these names; all, if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// Paths that name no resource, as `/healthz`, or `/metrics/*`; only in a ClusterRole.
    #[serde(rename = "nonResourceURLs", default, skip_serializing_if = "Vec::is_empty")]
    pub non_resource_urls: Vec<String>,
}

/// Who has a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BindingSpec {
    /// Users and groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Subject>,
    /// The role. It cannot be changed: delete the binding and create another one.
    #[schemars(extend("examples" = [{ "kind": "ClusterRole", "name": "view" }]))]
    pub role_ref: RoleRef,
}

/// A user or a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subject {
    /// `User` or `Group`.
    #[schemars(extend("examples" = ["User"]))]
    pub kind: String,
    /// `rbac.authorization.k8s.io`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_group: String,
    /// Its name.
    #[schemars(extend("examples" = ["ana"]))]
    pub name: String,
    /// Of a ServiceAccount, which does not exist here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Which role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleRef {
    /// `rbac.authorization.k8s.io`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_group: String,
    /// `Role` or `ClusterRole`.
    #[schemars(extend("examples" = ["ClusterRole"]))]
    pub kind: String,
    /// Its name.
    #[schemars(extend("examples" = ["view"]))]
    pub name: String,
}
