//! DHCP: what a subnet's server tells, and servers on links of the host.

use std::net::{IpAddr, Ipv4Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalars::Address;

/// What a subnet's DHCP server tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DhcpSettings {
    /// Whether there is one.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How long a lease is, in seconds, if the client does not want a shorter one: 60 to 604800.
    #[serde(default = "an_hour")]
    #[schemars(range(min = 60, max = 604_800))]
    pub lease_seconds: u32,
    /// What names end in; that of the VPC, as shop.internal, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["shop.internal"]))]
    pub domain_name: Option<String>,
    /// Whom to ask for names; the VPC's own name service if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Address>", extend("examples" = [["10.0.1.2"]]))]
    pub domain_name_servers: Vec<IpAddr>,
    /// Whom to ask for the time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Address>", extend("examples" = [["192.0.2.123"]]))]
    pub ntp_servers: Vec<IpAddr>,
}

impl Default for DhcpSettings {
    fn default() -> Self {
        Self {
            enabled: yes(),
            lease_seconds: an_hour(),
            domain_name: None,
            domain_name_servers: Vec::new(),
            ntp_servers: Vec::new(),
        }
    }
}

impl DhcpSettings {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A DHCP server on a link of this host: for machines that are no instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DhcpServerSpec {
    /// The interface. Its first address is the server's, and says the subnet.
    #[schemars(extend("examples" = ["eth1"]))]
    pub interface: String,
    /// The addresses to lease: ranges, CIDRs, addresses.
    #[serde(default)]
    #[schemars(extend("examples" = [["192.168.5.100-192.168.5.200"]]))]
    pub pools: Vec<AddressRange>,
    /// Addresses of a pool that are not leased.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<AddressRange>,
    /// Addresses for certain clients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reservations: Vec<DhcpReservation>,
    /// The clients' routers, the preferred one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Address>", extend("examples" = [["192.168.5.1"]]))]
    pub routers: Vec<IpAddr>,
    /// What names end in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["lab.example"]))]
    pub domain_name: Option<String>,
    /// Whom to ask for names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Address>", extend("examples" = [["192.168.5.1"]]))]
    pub domain_name_servers: Vec<IpAddr>,
    /// Whom to ask for the time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Address>", extend("examples" = [["192.0.2.123"]]))]
    pub ntp_servers: Vec<IpAddr>,
    /// How long a lease is, in seconds, if the client does not say: 60 to 604800.
    #[serde(default = "an_hour")]
    #[schemars(range(min = 60, max = 604_800))]
    pub lease_seconds: u32,
    /// The longest that a client gets that asks for more, in seconds: 60 to 604800.
    #[serde(default = "a_day")]
    #[schemars(range(min = 60, max = 604_800))]
    pub max_lease_seconds: u32,
    /// Whether it alone decides on this link: then it denies addresses that it knows nothing of.
    #[serde(default = "yes")]
    pub authoritative: bool,
    /// Whether it asks the link, before it offers an address, whether somebody has it.
    #[serde(default = "yes")]
    pub probe: bool,
    /// Other DHCP servers that may be on the link; the rest are told as rogues.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Address>", extend("examples" = [["192.168.5.2"]]))]
    pub known_servers: Vec<IpAddr>,
}

/// An address for a certain client. Nobody else gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DhcpReservation {
    /// The client's Ethernet address. Either this or `clientId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["52:54:00:12:34:56"]))]
    pub mac: Option<String>,
    /// What the client calls itself (option 61), in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["01525400123456"]))]
    pub client_id: Option<String>,
    /// The address.
    #[schemars(with = "Address", extend("examples" = ["192.168.5.10"]))]
    pub address: IpAddr,
    /// The name that the client is told; the one that it says it has if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["printer"]))]
    pub name: Option<String>,
}

/// Addresses from a first to a last one, both in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressRange {
    first: Ipv4Addr,
    last: Ipv4Addr,
}

impl AddressRange {
    /// From the first to the last, if they are in this order.
    pub fn new(first: Ipv4Addr, last: Ipv4Addr) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The first.
    pub fn first(self) -> Ipv4Addr {
        self.first
    }

    /// The last.
    pub fn last(self) -> Ipv4Addr {
        self.last
    }

    /// Whether an address is in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

fn yes() -> bool {
    true
}

fn an_hour() -> u32 {
    3600
}

fn a_day() -> u32 {
    86_400
}
