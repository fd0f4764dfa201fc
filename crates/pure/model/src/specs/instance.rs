//! Instances: what runs on a subnet.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalars::Address;

/// Somebody on a subnet: a process in a sandbox, or the host itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("examples" = [{ "subnet": "web", "process": { "command": ["python3", "-m", "http.server", "8080"] } }]))]
pub struct InstanceSpec {
    /// The subnet that it is on.
    #[schemars(extend("examples" = ["web"]))]
    pub subnet: String,
    /// A particular address of the subnet; else the lowest free one. It stays until the instance is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Address>")]
    pub address: Option<IpAddr>,
    /// Its security groups. None: the VPC's `default` group (in from its own members, out to anywhere).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<String>,
    /// A command that runs in a sandbox of its own. Either this or `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [{ "command": ["python3", "-m", "http.server", "8080"] }]))]
    pub process: Option<ProcessSpec>,
    /// The host itself: it gets an interface on the subnet, and reaches the VPC by it as its security groups allow. Nothing is
    /// started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [{}]))]
    pub host: Option<HostSpec>,
    /// Whether it has a network stack of its own: its interface is there, without address and routes, which it gets by DHCP. Its
    /// process may open packet sockets: it has the capability `NET_RAW`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unmanaged: bool,
    /// What it may use of the host.
    #[serde(default, skip_serializing_if = "Resources::is_default")]
    pub resources: Resources,
    /// Up to 16 KiB of text that it reads from the metadata service. No place for secrets: whoever may read the instance
    /// reads this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// The host as an instance. There is nothing to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostSpec {}

/// A command that runs in a sandbox: own namespaces, no capabilities, a read-only root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProcessSpec {
    /// The program and its arguments. A name without a slash is looked up in PATH. No shell is involved.
    #[schemars(extend("examples" = [["python3", "-m", "http.server", "8080"]]))]
    pub command: Vec<String>,
    /// Added to an environment of PATH, HOME, HOSTNAME and LANG.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Where it starts; `/tmp` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// The user that it runs as: 65534 (nobody) if left out; never 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as_user: Option<u32>,
    /// The group that it runs as: the user's number if left out; never 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as_group: Option<u32>,
    /// Whether it is started again when it ends.
    #[serde(default)]
    pub restart_policy: RestartPolicy,
}

/// Whether a process is started again when it ends. Between starts the wait doubles, from 1 s to 1 min.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RestartPolicy {
    /// Whatever its exit status was.
    #[default]
    Always,
    /// Only after a failure.
    OnFailure,
    /// Never.
    Never,
}

/// What a workload may use of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resources {
    /// CPUs, as "500m" or 2: no limit if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuQuantity>,
    /// Memory, as 64Mi: no limit if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryQuantity>,
}

impl Resources {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// An amount of CPU time, in thousandths of a CPU. Written as in Kubernetes: `500m`, `2`, `0.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CpuQuantity(pub u32);

/// An amount of memory, in bytes. Written as in Kubernetes: `64Mi`, `1Gi`, `500M`, `1048576`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryQuantity(pub u64);

/// A number of instances that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceGroupSpec {
    /// How many: 1 if left out.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: u32,
    /// What each of them is like. A change makes new instances, one after the other, and deletes the old ones.
    #[schemars(extend("examples" = [{ "spec": { "subnet": "web", "process": { "command": ["sleep", "infinity"] } } }]))]
    pub template: Box<InstanceTemplate>,
}

fn one() -> u32 {
    1
}

/// What each instance of a group is like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceTemplate {
    /// The labels of each.
    #[serde(default, skip_serializing_if = "TemplateMetadata::is_default")]
    pub metadata: TemplateMetadata,
    /// The spec of each; without an address, since no two can have the same.
    #[schemars(extend("examples" = [{ "subnet": "web", "process": { "command": ["sleep", "infinity"] } }]))]
    pub spec: InstanceSpec,
}

/// What the instances of a group have beside their spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TemplateMetadata {
    /// Their labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Their annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl TemplateMetadata {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
