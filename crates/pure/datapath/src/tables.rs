//! What the pipeline looks things up in. Everything of a VPC stands under its number, so VPCs may overlap.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use madang_addr::{Mac, Prefix};
use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);
    };
}

number!(
    /// A VPC's number. 0 is the outside: what lies beyond the uplinks.
    VpcId
);
number!(
    /// A port of an instance: the index of the interface on the host's side.
    PortId
);
number!(
    /// An interface to the outside: its index.
    UplinkId
);
number!(
    /// A set of security groups: what an instance's own rules are looked up by.
    PolicyId
);
number!(
    /// What an address is to the rules of a VPC: the set of CIDRs and groups that it belongs to. 0: to none.
    ClassId
);
number!(
    /// A route table of a VPC.
    RouteTableId
);
number!(
    /// A NAT: of a gateway, or of an instance that has a public address of its own. Not 0.
    NatId
);

impl RouteTableId {
    /// No subnet's table: the VPC's own ranges, as routes. Who comes from outside cannot be of one of them.
    pub const RANGES: Self = Self(0);
}

impl VpcId {
    /// What lies beyond the uplinks.
    pub const OUTSIDE: Self = Self(0);
    /// Where the services are that every VPC has, as its name service.
    pub const SERVICES: Self = Self(u32::MAX);

    /// Whether no instances are there.
    pub(crate) fn is_border(self) -> bool {
        [Self::OUTSIDE, Self::SERVICES].contains(&self)
    }
}

/// The Ethernet address of every gateway, and of the host's side of every port.
pub const GATEWAY_MAC: Mac = Mac([0x02, 0x00, 0x6d, 0x61, 0x64, 0x01]);

/// All that the pipeline knows, beside its connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tables {
    /// The ports of this host's instances. What is here never changes while a port exists.
    pub ports: BTreeMap<PortId, Port>,
    /// Each VPC's own tables, which change at once as a whole.
    pub vpcs: BTreeMap<VpcId, VpcTables>,
    /// What stands at the uplinks; it changes at once as a whole too.
    pub outside: Outside,
}

/// An instance's port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its VPC.
    pub vpc: VpcId,
    /// The only address that may send from it.
    pub address: IpAddr,
    /// The only Ethernet address that may send from it.
    pub mac: Mac,
    /// Its subnet: within it, TTL does not fall.
    pub subnet: Prefix,
    /// Its gateway's address, which answers ARP and echo.
    pub gateway: IpAddr,
}

/// One VPC's tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcTables {
    /// Who has which address.
    pub endpoints: BTreeMap<IpAddr, Endpoint>,
    /// What an address is to the rules; the longest prefix counts.
    #[serde(with = "pairs")]
    pub classes: BTreeMap<Prefix, ClassId>,
    /// The routes; the longest prefix of a table counts.
    #[serde(with = "pairs")]
    pub routes: BTreeMap<(RouteTableId, Prefix), Route>,
    /// What is allowed. Nothing else is.
    pub rules: BTreeSet<Rule>,
    /// What its instances reach at addresses that nobody has: services. No rule is needed for these.
    #[serde(with = "pairs")]
    pub forwards: BTreeMap<ForwardKey, Forward>,
}

/// Who has an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Where it is reached.
    pub port: PortId,
    /// Its Ethernet address.
    pub mac: Mac,
    /// The rules that hold for it.
    pub policy: PolicyId,
    /// The routes that hold for what it sends.
    pub routes: RouteTableId,
    /// Through which NAT it goes out, if it has a public address of its own.
    pub nat: Option<NatId>,
    /// Whether its end is one of the host's own interfaces, and in no namespace of its own.
    pub of_host: bool,
}

/// Where packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Route {
    /// To the VPC's own instances.
    Local,
    /// To the internet gateway.
    Internet,
    /// To a NAT gateway.
    Nat(NatId),
    /// Nowhere.
    Blackhole,
}

/// One thing that is allowed: for whom, which way, with which peers, and to which ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// Whose rule.
    pub policy: PolicyId,
    /// In or out, as the instance sees it.
    pub direction: Direction,
    /// The peer; class 0: every one.
    pub class: ClassId,
    /// The IP protocol's number; none: every one.
    pub protocol: Option<u8>,
    /// The destination ports; for ICMP, type and code as two bytes.
    pub ports: PortPrefix,
}

/// In or out, as the instance sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// To the instance.
    Ingress,
    /// From the instance.
    Egress,
}

/// Ports that share their first bits: `base` with `length` bits fixed. A range is a few of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortPrefix {
    base: u16,
    length: u8,
}

impl PortPrefix {
    /// Every port.
    pub const ALL: Self = Self { base: 0, length: 0 };

    /// With this many bits of the base fixed, if that is at most 16 and the others are zero.
    pub fn new(base: u16, length: u8) -> Option<Self> {
        let free = 16u32.checked_sub(u32::from(length))?;
        (u32::from(base) & ((1 << free) - 1) == 0).then_some(Self { base, length })
    }

    /// The fewest that together are the ports from the first to the last.
    pub fn cover(first: u16, last: u16) -> Vec<Self> {
        let (mut next, end) = (u32::from(first), u32::from(last));
        let mut cover = Vec::new();
        while next <= end {
            let aligned = if next == 0 { 16 } else { next.trailing_zeros().min(16) };
            let free = (0..=aligned).rev().find(|free| next + (1 << free) - 1 <= end).unwrap_or(0);
            #[expect(clippy::cast_possible_truncation, reason = "next <= end <= 65535 and free <= 16")]
            cover.push(Self { base: next as u16, length: (16 - free) as u8 });
            next += 1 << free;
        }
        cover
    }

    /// The one of this length, at most 16, that the port is of.
    pub(crate) fn containing(port: u16, length: u8) -> Self {
        let free = 16u32.saturating_sub(u32::from(length));
        Self { base: port & u16::MAX.checked_shl(free).unwrap_or(0), length }
    }

    /// The lowest port.
    pub fn base(self) -> u16 {
        self.base
    }

    /// How many bits are fixed.
    pub fn length(self) -> u8 {
        self.length
    }

    /// Whether the port is one of these.
    pub fn contains(self, port: u16) -> bool {
        (u32::from(port) ^ u32::from(self.base)) >> (16 - u32::from(self.length)) == 0
    }
}

/// What stands at the uplinks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// The interfaces to the outside.
    pub uplinks: BTreeMap<UplinkId, Uplink>,
    /// The pools' addresses, and where each is reached.
    pub addresses: BTreeMap<IpAddr, UplinkId>,
    /// The NATs.
    pub nats: BTreeMap<NatId, Nat>,
    /// The forwarded ports.
    #[serde(with = "pairs")]
    pub forwards: BTreeMap<ForwardKey, Forward>,
}

/// An interface to the outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uplink {
    /// Its Ethernet address, with which ARP for the pools' addresses is answered.
    pub mac: Mac,
    /// The router to which outbound packets go.
    pub next_hop: IpAddr,
    /// The largest IP packet that it carries; 0: any.
    pub mtu: u16,
}

/// A NAT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nat {
    /// What the outside sees.
    pub address: IpAddr,
    /// The lowest port, or echo identifier, that it takes.
    pub first_port: u16,
    /// The highest.
    pub last_port: u16,
}

/// An address, protocol and port that stand for others: of a public address, or of a service. Protocol and port 0: whatever
/// is sent to the public address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ForwardKey {
    /// The address.
    pub address: IpAddr,
    /// The IP protocol's number: TCP or UDP.
    pub protocol: u8,
    /// The port.
    pub port: u16,
}

impl ForwardKey {
    /// Whatever is sent to the address.
    pub fn whole(address: IpAddr) -> Self {
        Self { address, protocol: 0, port: 0 }
    }
}

/// Where it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// The instance's VPC, or the services.
    pub vpc: VpcId,
    /// The instance's or service's address.
    pub address: IpAddr,
    /// Its port; of a whole address none, since ports stay.
    pub port: u16,
}

/// One entry of the tables: what a decision was made by, and what `compile` names the origin of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Entry {
    /// A port.
    Port(PortId),
    /// Who has an address.
    Endpoint(VpcId, IpAddr),
    /// What addresses are to the rules.
    Class(VpcId, Prefix),
    /// A route.
    Route(VpcId, RouteTableId, Prefix),
    /// A rule.
    Rule(VpcId, Rule),
    /// A NAT gateway.
    Nat(NatId),
    /// A forwarded port.
    Forward(ForwardKey),
    /// A service that a VPC's instances reach.
    Service(VpcId, ForwardKey),
    /// A pool's address.
    Address(IpAddr),
    /// An interface to the outside.
    Uplink(UplinkId),
}

/// Maps whose keys are no text, as lists of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Vec::<(K, V)>::deserialize(deserializer).map(|pairs| pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_covered_exactly() {
        for (first, last) in
            [(0, 65535), (80, 80), (1, 65534), (8000, 8100), (1024, 65535), (65535, 65535), (0, 0)]
        {
            let cover = PortPrefix::cover(first, last);
            for port in 0..=u16::MAX {
                let hits = cover.iter().filter(|p| p.contains(port)).count();
                assert_eq!(hits, usize::from((first..=last).contains(&port)), "{port} of {first}-{last}");
            }
        }
        assert_eq!(PortPrefix::cover(0, 65535), [PortPrefix::ALL]);
    }
}
