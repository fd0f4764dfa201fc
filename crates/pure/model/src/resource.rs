//! A resource of any kind.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::shape;
use crate::{
    AddressPoolSpec, AddressPoolStatus, AssertionSpec, BindingSpec, Condition, DhcpServerSpec, EventSpec,
    InstanceGroupSpec, InstanceGroupStatus, InstanceSpec, InstanceStatus, Metadata, NamespaceSpec,
    NamespaceStatus, NatGatewaySpec, NatGatewayStatus, NodeSpec, NodeStatus, ObjectRef, PlainStatus,
    PrefixListSpec, PublicAddressSpec, PublicAddressStatus, RoleSpec, RouteTableSpec, SecretSpec,
    SecurityGroupSpec, SubnetSpec, VpcSpec, VpcStatus,
};

/// An API group, in the one version of it that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiGroup {
    /// Kubernetes' own: namespaces, secrets, events.
    Core,
    /// Madang's.
    Madang,
    /// Who may do what.
    Rbac,
}

impl ApiGroup {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Core, Self::Madang, Self::Rbac];

    /// As in `/apis/NAME`; empty for the core group.
    pub fn name(self) -> &'static str {
        match self {
            Self::Core => "",
            Self::Madang => "madang.dev",
            Self::Rbac => "rbac.authorization.k8s.io",
        }
    }

    /// The version that is served.
    pub fn version(self) -> &'static str {
        match self {
            Self::Core | Self::Rbac => "v1",
            Self::Madang => "v1alpha1",
        }
    }

    /// As written in `apiVersion:`.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::Core => "v1",
            Self::Madang => crate::API_VERSION,
            Self::Rbac => "rbac.authorization.k8s.io/v1",
        }
    }
}

/// How a kind's document is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// What is wanted under `spec`, what is true under `status`.
    Spec,
    /// What is wanted beside `metadata`, and no status: Secrets, Events, roles.
    Flat,
}

/// What a kind's names may be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// A DNS label (RFC 1123): a name becomes a host's, or a part of one.
    Label,
    /// DNS labels with dots between them (RFC 1123).
    Subdomain,
    /// What can be one part of a URL's path.
    Segment,
}

/// A resource whose spec and status are of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object<S, T> {
    /// Name, labels, and what the store says of it.
    pub metadata: Metadata,
    /// What somebody wants.
    pub spec: S,
    /// What is true.
    pub status: T,
}

macro_rules! kinds {
    ($($kind:ident { $spec:ty, $status:ty, $plural:literal, [$($short:literal),*], $group:ident, $layout:ident, $naming:ident, namespaced: $namespaced:literal, $what:literal })*) => {
        /// The kinds there are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind { $(#[doc = $what] $kind,)* }

        impl Kind {
            /// All of them, in an order in which they can be created.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// As written in `kind:`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind),)* }
            }

            /// As in URLs and on the command line.
            pub fn plural(self) -> &'static str {
                match self { $(Self::$kind => $plural,)* }
            }

            /// Other names that the command line takes.
            pub fn short_names(self) -> &'static [&'static str] {
                match self { $(Self::$kind => &[$($short),*],)* }
            }

            /// Whether it belongs to a project, and not to the host.
            pub fn is_namespaced(self) -> bool {
                match self { $(Self::$kind => $namespaced,)* }
            }

            /// The API group that it is of.
            pub fn group(self) -> ApiGroup {
                match self { $(Self::$kind => ApiGroup::$group,)* }
            }

            /// How its document is laid out.
            pub fn layout(self) -> Layout {
                match self { $(Self::$kind => Layout::$layout,)* }
            }

            /// What its names may be made of.
            pub fn naming(self) -> Naming {
                match self { $(Self::$kind => Naming::$naming,)* }
            }

            /// What it declares, in one line.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$kind => $what,)* }
            }
        }

        /// A resource of any kind.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Resource { $(#[doc = $what] $kind(Object<$spec, $status>),)* }

        impl Resource {
            /// Its kind.
            pub fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind,)* }
            }

            /// Its metadata.
            pub fn metadata(&self) -> &Metadata {
                match self { $(Self::$kind(o) => &o.metadata,)* }
            }

            /// Its metadata, to change.
            pub fn metadata_mut(&mut self) -> &mut Metadata {
                match self { $(Self::$kind(o) => &mut o.metadata,)* }
            }

            /// Its conditions.
            pub fn conditions(&self) -> &[Condition] {
                match self { $(Self::$kind(o) => &o.status.conditions,)* }
            }

            /// Its conditions, to change.
            pub fn conditions_mut(&mut self) -> &mut Vec<Condition> {
                match self { $(Self::$kind(o) => &mut o.status.conditions,)* }
            }

            /// Whether they are of one kind and want the same.
            pub fn same_spec(&self, other: &Self) -> bool {
                match (self, other) {
                    $((Self::$kind(a), Self::$kind(b)) => a.spec == b.spec,)*
                    _ => false,
                }
            }

            /// Takes the spec of another of its kind; of one of another kind, nothing.
            pub fn take_spec(&mut self, from: &Self) {
                match (self, from) {
                    $((Self::$kind(to), Self::$kind(from)) => to.spec.clone_from(&from.spec),)*
                    _ => {}
                }
            }

            /// Takes the status of another of its kind; of one of another kind, nothing.
            pub fn take_status(&mut self, from: &Self) {
                match (self, from) {
                    $((Self::$kind(to), Self::$kind(from)) => to.status.clone_from(&from.status),)*
                    _ => {}
                }
            }

            /// Nothing is true of it yet.
            pub fn reset_status(&mut self) {
                match self { $(Self::$kind(o) => o.status = <$status>::default(),)* }
            }

            /// Notes which generation its status was last written for.
            pub fn set_observed_generation(&mut self, generation: u64) {
                match self { $(Self::$kind(o) => o.status.observed_generation = generation,)* }
            }

            fn parts(&self) -> Result<(Value, Value, Value), serde_json::Error> {
                match self {
                    $(Self::$kind(o) => Ok((
                        serde_json::to_value(&o.metadata)?,
                        serde_json::to_value(&o.spec)?,
                        serde_json::to_value(&o.status)?,
                    )),)*
                }
            }

            /// From its parts, without a look at what they mean: for what was checked before.
            fn decoded(
                kind: Kind,
                metadata: Value,
                spec: Value,
                status: Value,
            ) -> Result<Self, serde_json::Error> {
                Ok(match kind {
                    $(Kind::$kind => Self::$kind(Object {
                        metadata: serde_json::from_value(metadata)?,
                        spec: serde_json::from_value::<$spec>(spec)?,
                        status: if status.is_null() { <$status>::default() } else { serde_json::from_value(status)? },
                    }),)*
                })
            }

            /// From its parts, as found in the Kubernetes shape. An error's path begins with `metadata`, `spec` or `status`.
            pub(crate) fn from_parts(
                kind: Kind,
                metadata: Value,
                spec: Value,
                status: Value,
            ) -> Result<Self, PartError> {
                Ok(match kind {
                    $(Kind::$kind => Self::$kind(Object {
                        metadata: part("metadata", metadata)?,
                        spec: part::<$spec>("spec", spec)?,
                        status: part::<$status>("status", status)?,
                    }),)*
                })
            }

            /// JSON Schema of the kind's spec and status.
            pub(crate) fn schemas(kind: Kind) -> (schemars::Schema, schemars::Schema) {
                match kind { $(Kind::$kind => (schemars::schema_for!($spec), schemars::schema_for!($status)),)* }
            }
        }
    };
}

kinds! {
    Namespace { NamespaceSpec, NamespaceStatus, "namespaces", ["ns", "namespace", "project", "projects"], Core, Spec, Label, namespaced: false, "a project: resources that belong together, and who may change them" }
    Node { NodeSpec, NodeStatus, "nodes", ["no", "node"], Madang, Spec, Label, namespaced: false, "a host: what it has and what it can do" }
    AddressPool { AddressPoolSpec, AddressPoolStatus, "addresspools", ["pool", "pools", "addresspool"], Madang, Spec, Label, namespaced: false, "addresses that the outside routes to this host" }
    DhcpServer { DhcpServerSpec, PlainStatus, "dhcpservers", ["dhcp", "dhcpserver"], Madang, Spec, Label, namespaced: false, "DHCP on a link of this host" }
    Vpc { VpcSpec, VpcStatus, "vpcs", ["vpc"], Madang, Spec, Label, namespaced: true, "a private network with ranges of its own" }
    PrefixList { PrefixListSpec, PlainStatus, "prefixlists", ["pl", "pls", "prefixlist"], Madang, Spec, Label, namespaced: true, "addresses that rules speak of by one name" }
    SecurityGroup { SecurityGroupSpec, PlainStatus, "securitygroups", ["sg", "sgs", "securitygroup"], Madang, Spec, Label, namespaced: true, "who may reach the instances in it, and whom they may reach" }
    NatGateway { NatGatewaySpec, NatGatewayStatus, "natgateways", ["nat", "nats", "natgateway"], Madang, Spec, Label, namespaced: true, "source NAT for private subnets" }
    RouteTable { RouteTableSpec, PlainStatus, "routetables", ["rt", "routetable"], Madang, Spec, Label, namespaced: true, "where a subnet's packets go" }
    Subnet { SubnetSpec, PlainStatus, "subnets", ["subnet"], Madang, Spec, Label, namespaced: true, "a part of a VPC's range" }
    Instance { InstanceSpec, InstanceStatus, "instances", ["i", "instance"], Madang, Spec, Label, namespaced: true, "a workload on a subnet" }
    InstanceGroup { InstanceGroupSpec, InstanceGroupStatus, "instancegroups", ["ig", "instancegroup"], Madang, Spec, Label, namespaced: true, "a number of instances that are alike" }
    PublicAddress { PublicAddressSpec, PublicAddressStatus, "publicaddresses", ["eip", "eips", "publicaddress"], Madang, Spec, Label, namespaced: true, "an address of a pool: an instance's own, or forwarding ports" }
    Assertion { AssertionSpec, PlainStatus, "assertions", ["assert", "assertion"], Madang, Spec, Label, namespaced: true, "what must be reachable, or must not be" }
    Secret { SecretSpec, PlainStatus, "secrets", ["secret"], Core, Flat, Subdomain, namespaced: true, "keys, certificates, tokens: kept with mode 0600 and never printed" }
    Role { RoleSpec, PlainStatus, "roles", ["role"], Rbac, Flat, Segment, namespaced: true, "what may be done in a project" }
    RoleBinding { BindingSpec, PlainStatus, "rolebindings", ["rolebinding"], Rbac, Flat, Segment, namespaced: true, "who has a role in a project" }
    ClusterRole { RoleSpec, PlainStatus, "clusterroles", ["clusterrole"], Rbac, Flat, Segment, namespaced: false, "what may be done everywhere, or in whichever project it is bound" }
    ClusterRoleBinding { BindingSpec, PlainStatus, "clusterrolebindings", ["clusterrolebinding"], Rbac, Flat, Segment, namespaced: false, "who has a role everywhere" }
    Event { EventSpec, PlainStatus, "events", ["ev", "event"], Core, Flat, Subdomain, namespaced: true, "what happened to a resource, and why" }
}

impl Kind {
    /// As written in `apiVersion:`.
    pub fn api_version(self) -> &'static str {
        self.group().api_version()
    }

    /// The kind of this plural in this group.
    pub fn of_plural(group: ApiGroup, plural: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.group() == group && kind.plural() == plural)
    }

    /// Whether resources of this kind are wired together into networks: what [`check`](crate::check) looks at. Of the
    /// others each stands alone.
    pub fn is_of_the_network(self) -> bool {
        self.group() == ApiGroup::Madang
    }
}

impl Resource {
    /// A resource of this kind that has no name and says as little as possible.
    pub fn least(kind: Kind) -> Self {
        let parts = shape::parts(kind);
        let metadata = Value::Object(Map::new());
        Self::decoded(kind, metadata, parts.spec.least(), Value::Null)
            .expect("what a schema requires has examples, and a test says so")
    }

    /// The Kubernetes shape: apiVersion, kind, metadata, and spec and status or what the kind has in their place.
    pub fn to_json(&self) -> Value {
        let kind = self.kind();
        let (metadata, spec, status) = self.parts().expect("a resource has a JSON value");
        let mut json = serde_json::json!({ "apiVersion": kind.api_version(), "kind": kind.name(), "metadata": metadata });
        match (kind.layout(), spec) {
            (Layout::Flat, Value::Object(fields)) => {
                let own = json.as_object_mut().expect("it was made as one");
                own.extend(fields);
            }
            (_, spec) => {
                json["spec"] = spec;
                json["status"] = status;
            }
        }
        json
    }

    /// From what [`to_json`](Self::to_json) made, by this build or an older one. What comes from elsewhere goes through
    /// [`from_json`](crate::from_json), which says all that is wrong with it.
    ///
    /// # Errors
    /// It is no resource that this build knows.
    pub fn decode(value: Value) -> Result<Self, serde_json::Error> {
        let Value::Object(mut parts) = value else {
            return Err(serde::de::Error::custom("a resource is an object"));
        };
        let kind: Kind = serde_json::from_value(parts.shift_remove("kind").unwrap_or_default())?;
        let metadata = parts.shift_remove("metadata").unwrap_or_default();
        match kind.layout() {
            Layout::Spec => {
                let spec = parts.shift_remove("spec").filter(|spec| !spec.is_null());
                let spec = spec.unwrap_or_else(|| Value::Object(Map::new()));
                Self::decoded(kind, metadata, spec, parts.shift_remove("status").unwrap_or_default())
            }
            Layout::Flat => {
                parts.shift_remove("apiVersion");
                Self::decoded(kind, metadata, Value::Object(parts), Value::Null)
            }
        }
    }

    /// Which resource this is.
    pub fn object_ref(&self) -> ObjectRef {
        let Metadata { name, namespace, .. } = self.metadata();
        ObjectRef::in_namespace(self.kind(), namespace.as_deref(), name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A part of a resource that is not of its type: where, and what serde says.
pub(crate) struct PartError {
    pub(crate) path: String,
    pub(crate) message: String,
}

fn part<T: serde::de::DeserializeOwned>(name: &str, value: Value) -> Result<T, PartError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = error.path().to_string();
        let path = if inner == "." { name.to_owned() } else { format!("{name}.{inner}") };
        PartError { path, message: error.into_inner().to_string() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_least_resource_and_comes_back_as_it_was() {
        for kind in Kind::ALL {
            let least = Resource::least(*kind);
            assert_eq!(least.kind(), *kind);
            assert_eq!(Resource::decode(least.to_json()).unwrap(), least, "{kind}");
        }
    }
}
