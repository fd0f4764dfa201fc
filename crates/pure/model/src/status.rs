//! What is true, for each kind. Written by the API (what was allocated) and the agent (what it sees).

use std::net::IpAddr;

use madang_addr::Mac;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One aspect of a resource's state, as in Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Condition {
    /// Which aspect: `Ready`.
    pub r#type: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in one word of camel case.
    pub reason: String,
    /// Why, for people.
    #[serde(default)]
    pub message: String,
    /// The generation that this was said of.
    #[serde(default)]
    pub observed_generation: u64,
    /// RFC 3339: since when the status is so.
    pub last_transition_time: String,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody can say.
    Unknown,
}

/// The state of a kind that has nothing of its own to say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlainStatus {
    /// The generation that the agent last acted on.
    #[serde(default)]
    pub observed_generation: u64,
    /// Its state, aspect by aspect.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// The state of a VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VpcStatus {
    /// The generation that the agent last acted on.
    #[serde(default)]
    pub observed_generation: u64,
    /// Its state, aspect by aspect.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// Its number in the datapath: given at creation, never that of another VPC that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
}

/// The state of an address pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddressPoolStatus {
    /// The generation that the agent last acted on.
    #[serde(default)]
    pub observed_generation: u64,
    /// Its state, aspect by aspect.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// The index of its interface on this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface_index: Option<u32>,
}

/// The state of a NAT gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NatGatewayStatus {
    /// The generation that the agent last acted on.
    #[serde(default)]
    pub observed_generation: u64,
    /// Its state, aspect by aspect.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// The address that the outside sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
}

/// The state of a public address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublicAddressStatus {
    /// The generation that the agent last acted on.
    #[serde(default)]
    pub observed_generation: u64,
    /// Its state, aspect by aspect.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// The address that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
}

/// The state of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceStatus {
    /// The generation that the agent last acted on.
    #[serde(default)]
    pub observed_generation: u64,
    /// Its state, aspect by aspect.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// Its address: given at creation, kept until it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Its Ethernet address, made from its uid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub mac: Option<Mac>,
    /// The host that it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The name of its port on that host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessStatus>,
}

/// The state of an instance's process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProcessStatus {
    /// Its process id on the host, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// RFC 3339: when it was last started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// How often it was started again.
    #[serde(default)]
    pub restarts: u32,
    /// How it last ended: the exit status, or 128 and the signal's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_exit_code: Option<i32>,
}

/// The state of a group of instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceGroupStatus {
    /// The generation that the agent last acted on.
    #[serde(default)]
    pub observed_generation: u64,
    /// Its state, aspect by aspect.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// How many instances it has.
    #[serde(default)]
    pub replicas: u32,
    /// How many of them are Ready.
    #[serde(default)]
    pub ready_replicas: u32,
    /// How many of them are as the template is now.
    #[serde(default)]
    pub updated_replicas: u32,
    /// The label selector that finds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
}

/// The state of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeStatus {
    /// The generation that the agent last acted on.
    #[serde(default)]
    pub observed_generation: u64,
    /// Its state, aspect by aspect.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// CPUs that can be used.
    #[serde(default)]
    pub cpus: u32,
    /// Memory, in bytes.
    #[serde(default)]
    pub memory: u64,
    /// The kernel's release.
    #[serde(default)]
    pub kernel: String,
    /// Of the machine, as `x86_64`.
    #[serde(default)]
    pub architecture: String,
    /// Network interfaces and their addresses.
    #[serde(default)]
    pub interfaces: Vec<NodeInterface>,
    /// What the kernel offers, as `tcx` or `cgroup-v2`.
    #[serde(default)]
    pub features: Vec<String>,
}

/// One network interface of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeInterface {
    /// Its name.
    pub name: String,
    /// Its Ethernet address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub mac: Option<Mac>,
    /// Its addresses, with their prefix lengths.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Whether it is up.
    pub up: bool,
}
