//! What somebody wants, for each kind. Defaults make the short form right; unknown fields are errors.

mod dhcp;
mod instance;

use std::net::IpAddr;

use madang_addr::Prefix;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::dhcp::*;
pub use self::instance::*;
use crate::scalars::{Address, Cidr};

/// A private network with ranges of its own. May overlap any other VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VpcSpec {
    /// The VPC's ranges, as 10.0.0.0/16; more can be added later.
    #[schemars(with = "Vec<Cidr>", extend("examples" = [["10.0.0.0/16"]]))]
    pub cidrs: Vec<Prefix>,
    /// The largest IP packet, in bytes: 576 to 9000.
    #[serde(default = "default_mtu")]
    #[schemars(range(min = 576, max = 9000))]
    pub mtu: u16,
}

fn default_mtu() -> u16 {
    1500
}

/// A part of a VPC's range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubnetSpec {
    /// The VPC that it is part of.
    #[schemars(extend("examples" = ["shop"]))]
    pub vpc: String,
    /// Its range, inside one of the VPC's. The first four addresses and the last are reserved.
    #[schemars(with = "Cidr", extend("examples" = ["10.0.1.0/24"]))]
    pub cidr: Prefix,
    /// Whether its default route leads to the internet gateway. Not together with a route table.
    #[serde(default)]
    pub public: bool,
    /// Its route table. None: only the VPC itself is reached, and the internet if the subnet is public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_table: Option<String>,
    /// What its DHCP server tells those who ask. It gives each instance the address that it has.
    #[serde(default, skip_serializing_if = "DhcpSettings::is_default")]
    pub dhcp: DhcpSettings,
}

/// Where packets go. The route to the VPC's own ranges is always there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteTableSpec {
    /// The VPC that it belongs to.
    #[schemars(extend("examples" = ["shop"]))]
    pub vpc: String,
    /// The routes; the longest prefix wins.
    #[serde(default)]
    pub routes: Vec<Route>,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// For packets to this prefix.
    #[schemars(with = "Cidr", extend("examples" = ["0.0.0.0/0"]))]
    pub destination: Prefix,
    /// Where they go.
    #[schemars(extend("examples" = ["internet"]))]
    pub target: RouteTarget,
    /// Which NAT gateway, if the target is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat_gateway: Option<String>,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RouteTarget {
    /// To the VPC's own instances.
    Local,
    /// To the internet gateway: only for who has a public address.
    Internet,
    /// To a NAT gateway.
    Nat,
    /// Nowhere: dropped without a word.
    Blackhole,
}

/// Who may reach the instances in it, and whom they may reach. Stateful: answers always pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecurityGroupSpec {
    /// The VPC that it belongs to.
    #[schemars(extend("examples" = ["shop"]))]
    pub vpc: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who may come in. Nobody, if there is none.
    #[serde(default)]
    pub ingress: Vec<IngressRule>,
    /// Where its members may go. Left out: anywhere. An empty list: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<Vec<EgressRule>>,
}

/// Who may come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngressRule {
    /// Which protocol; `all` if left out.
    #[serde(default)]
    pub protocol: RuleProtocol,
    /// Which destination ports, for tcp and udp: 80 or "8000-8100". All, if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortRange>,
    /// Which ICMP requests, for icmp. All, if left out. Answers and errors need no rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["echoRequest"]]))]
    pub icmp_types: Vec<IcmpType>,
    /// From whom: CIDRs, names of security groups of the VPC, and prefix lists, as prefixlist/office.
    #[schemars(extend("examples" = [["0.0.0.0/0"]]))]
    pub from: Vec<Peer>,
}

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EgressRule {
    /// Which protocol; `all` if left out.
    #[serde(default)]
    pub protocol: RuleProtocol,
    /// Which destination ports, for tcp and udp: 80 or "8000-8100". All, if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortRange>,
    /// Which ICMP requests, for icmp. All, if left out. Answers and errors need no rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["echoRequest"]]))]
    pub icmp_types: Vec<IcmpType>,
    /// To whom: CIDRs, names of security groups of the VPC, and prefix lists, as prefixlist/office.
    #[schemars(extend("examples" = [["0.0.0.0/0"]]))]
    pub to: Vec<Peer>,
}

/// A protocol that a rule speaks of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RuleProtocol {
    /// Every protocol.
    #[default]
    All,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
}

/// Ports from a first to a last one, both in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// From the first to the last, if they are in this order.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The lowest port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    pub fn last(self) -> u16 {
        self.last
    }
}

/// Whom a rule speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// Addresses.
    Cidr(Prefix),
    /// The members of a security group of the same VPC.
    Group(String),
    /// The addresses of a prefix list.
    List(String),
}

/// What a rule may let somebody ask by ICMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum IcmpType {
    /// Type 8: a ping.
    EchoRequest,
    /// Type 13: what time it is there.
    TimestampRequest,
}

impl std::fmt::Display for IcmpType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::EchoRequest => "echoRequest",
            Self::TimestampRequest => "timestampRequest",
        })
    }
}

impl IcmpType {
    /// Its number (RFC 792).
    pub fn number(self) -> u8 {
        match self {
            Self::EchoRequest => 8,
            Self::TimestampRequest => 13,
        }
    }
}

/// Addresses that rules speak of by one name: a change of the list is one of every rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrefixListSpec {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The CIDRs, up to 1000.
    #[schemars(with = "Vec<Cidr>", extend("examples" = [["192.0.2.0/24"]]))]
    pub cidrs: Vec<Prefix>,
}

/// Addresses that the outside routes to this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddressPoolSpec {
    /// The interface that leads to the outside.
    #[schemars(extend("examples" = ["eth0"]))]
    pub interface: String,
    /// The router on that link to which outbound packets go.
    #[schemars(with = "Address", extend("examples" = ["203.0.113.1"]))]
    pub next_hop: IpAddr,
    /// Addresses and CIDRs, every address of which can be used.
    #[schemars(extend("examples" = [["203.0.113.10"]]))]
    pub addresses: Vec<PoolEntry>,
}

/// An address, or a prefix of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolEntry(pub Prefix);

/// Source NAT for private subnets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NatGatewaySpec {
    /// The VPC whose route tables may lead to it.
    #[schemars(extend("examples" = ["shop"]))]
    pub vpc: String,
    /// The pool that its address is of.
    #[schemars(extend("examples" = ["outside"]))]
    pub pool: String,
    /// A particular address of the pool; else the lowest free one. It may be that of a PublicAddress that forwards ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Address>")]
    pub address: Option<IpAddr>,
    /// The ports that its connections are seen with, as 32768-49151; 1024-65535 if left out. Other hosts may have the others
    /// at the same address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<PortRange>,
}

/// An address of a pool: an instance's own, or forwarding ports to instances, or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublicAddressSpec {
    /// The pool that the address is of.
    #[schemars(extend("examples" = ["outside"]))]
    pub pool: String,
    /// A particular address of the pool; else the lowest free one. One that forwards ports may also be a NatGateway's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Address>")]
    pub address: Option<IpAddr>,
    /// The instance that has it for itself: whatever is sent there and is not forwarded reaches that, and where its route
    /// leads to `internet` it is seen outside as this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["web-1"]))]
    pub instance: Option<String>,
    /// What is forwarded where.
    #[serde(default)]
    pub forwards: Vec<Forward>,
}

/// One port of a public address, led to one of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Forward {
    /// `tcp` if left out.
    #[serde(default)]
    pub protocol: ForwardProtocol,
    /// The public port.
    #[schemars(range(min = 1, max = 65535), extend("examples" = [8080]))]
    pub port: u16,
    /// The instance that gets it.
    #[schemars(extend("examples" = ["web-1"]))]
    pub instance: String,
    /// The instance's port; the same as the public one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub target_port: Option<u16>,
}

/// A protocol that has ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ForwardProtocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// What must be reachable, or must not be. A change that would break it is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AssertionSpec {
    /// Where from: the name of an instance or of a security group (each of its members), a CIDR (each address), or `internet`.
    #[schemars(extend("examples" = ["web-1"]))]
    pub from: String,
    /// Where to: the same, or a public address, by its name or as it is. Where a name is of two kinds: `instance/web`.
    #[schemars(extend("examples" = ["db-1"]))]
    pub to: String,
    /// `tcp` if left out.
    #[serde(default)]
    pub protocol: AssertedProtocol,
    /// The destination port, for tcp and udp: of an instance its own, of a public address the public one. Left out: any port, of `reachable` at least one, of `unreachable` none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// What must hold.
    #[schemars(extend("examples" = ["reachable"]))]
    pub expect: Expectation,
}

/// A protocol that an assertion speaks of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AssertedProtocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// ICMP echo.
    Icmp,
}

/// What an assertion says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Expectation {
    /// A connection is let through.
    Reachable,
    /// None is.
    Unreachable,
}

/// A host. Filled in by the agent; there is nothing to want yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeSpec {}
