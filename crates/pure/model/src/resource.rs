//! A resource of any kind.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    AddressPoolSpec, AddressPoolStatus, Condition, InstanceSpec, InstanceStatus, Metadata, NatGatewaySpec,
    NatGatewayStatus, NodeSpec, NodeStatus, ObjectRef, PlainStatus, PublicAddressSpec, PublicAddressStatus,
    RouteTableSpec, SecurityGroupSpec, SubnetSpec, VpcSpec, VpcStatus,
};

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
    ($($kind:ident { $spec:ty, $status:ty, $plural:literal, [$($short:literal),*], namespaced: $namespaced:literal, $what:literal })*) => {
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

            /// The Kubernetes shape: apiVersion, kind, metadata, spec, status.
            pub fn to_json(&self) -> serde_json::Value {
                match self {
                    $(Self::$kind(o) => serde_json::json!({
                        "apiVersion": crate::API_VERSION,
                        "kind": stringify!($kind),
                        "metadata": o.metadata,
                        "spec": o.spec,
                        "status": o.status,
                    }),)*
                }
            }

            /// From its parts, as found in the Kubernetes shape. An error's path begins with `metadata`, `spec` or `status`.
            pub(crate) fn from_parts(
                kind: Kind,
                metadata: serde_json::Value,
                spec: serde_json::Value,
                status: serde_json::Value,
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
    Node { NodeSpec, NodeStatus, "nodes", ["no", "node"], namespaced: false, "a host: what it has and what it can do" }
    AddressPool { AddressPoolSpec, AddressPoolStatus, "addresspools", ["pool", "pools", "addresspool"], namespaced: false, "addresses that the outside routes to this host" }
    Vpc { VpcSpec, VpcStatus, "vpcs", ["vpc"], namespaced: true, "a private network with ranges of its own" }
    SecurityGroup { SecurityGroupSpec, PlainStatus, "securitygroups", ["sg", "sgs", "securitygroup"], namespaced: true, "who may reach the instances in it, and whom they may reach" }
    NatGateway { NatGatewaySpec, NatGatewayStatus, "natgateways", ["nat", "nats", "natgateway"], namespaced: true, "source NAT for private subnets" }
    RouteTable { RouteTableSpec, PlainStatus, "routetables", ["rt", "routetable"], namespaced: true, "where a subnet's packets go" }
    Subnet { SubnetSpec, PlainStatus, "subnets", ["subnet"], namespaced: true, "a part of a VPC's range" }
    Instance { InstanceSpec, InstanceStatus, "instances", ["i", "instance"], namespaced: true, "a workload on a subnet" }
    PublicAddress { PublicAddressSpec, PublicAddressStatus, "publicaddresses", ["eip", "eips", "publicaddress"], namespaced: true, "an address of a pool, forwarding ports to instances" }
}

impl Resource {
    /// Which resource this is.
    pub fn object_ref(&self) -> ObjectRef {
        let m = self.metadata();
        let object = ObjectRef::new(self.kind(), &m.name);
        match &m.namespace {
            Some(namespace) => ObjectRef { namespace: namespace.clone(), ..object },
            None => object,
        }
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

fn part<T: serde::de::DeserializeOwned>(name: &str, value: serde_json::Value) -> Result<T, PartError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = error.path().to_string();
        let path = if inner == "." { name.to_owned() } else { format!("{name}.{inner}") };
        PartError { path, message: error.into_inner().to_string() }
    })
}
