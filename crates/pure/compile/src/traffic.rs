//! What may be opened: protocols and destination ports.

use madang_datapath::PortPrefix;
use madang_model::{IcmpType, PortRange, RuleProtocol};

use crate::PortSet;

/// ICMP's number among the IP protocols.
pub const ICMP: u8 = 1;
/// TCP's number among the IP protocols.
pub const TCP: u8 = 6;
/// UDP's number among the IP protocols.
pub const UDP: u8 = 17;

/// A set of (protocol, destination port). Protocols that are none of these three are in it all or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Traffic {
    /// TCP, to these ports.
    pub tcp: PortSet,
    /// UDP, to these ports.
    pub udp: PortSet,
    /// ICMP, these requests: type and code, as two bytes.
    pub icmp: PortSet,
    /// Every other protocol.
    pub other: bool,
}

impl Traffic {
    /// Everything.
    pub fn all() -> Self {
        Self { tcp: PortSet::all(), udp: PortSet::all(), icmp: PortSet::all(), other: true }
    }

    /// What a rule speaks of. No ports: every port; no ICMP types: every request.
    pub fn of(protocol: RuleProtocol, ports: &[PortRange], types: &[IcmpType]) -> Self {
        let requests = || types.iter().map(|t| u16::from_be_bytes([t.number(), 0]));
        let requests = || requests().filter_map(|first| PortRange::new(first, first | 0xff));
        let ports = || if ports.is_empty() { PortSet::all() } else { ports.iter().copied().collect() };
        match protocol {
            RuleProtocol::Tcp => Self { tcp: ports(), ..Self::default() },
            RuleProtocol::Udp => Self { udp: ports(), ..Self::default() },
            RuleProtocol::Icmp if types.is_empty() => Self { icmp: PortSet::all(), ..Self::default() },
            RuleProtocol::Icmp => Self { icmp: requests().collect(), ..Self::default() },
            RuleProtocol::All if ports().is_all() => Self::all(),
            // Only these two have ports.
            RuleProtocol::All => Self { tcp: ports(), udp: ports(), ..Self::default() },
        }
    }

    /// One protocol with ports, to these ports. Nothing, for another protocol.
    pub fn to_ports(protocol: u8, ports: PortSet) -> Self {
        match protocol {
            TCP => Self { tcp: ports, ..Self::default() },
            UDP => Self { udp: ports, ..Self::default() },
            _ => Self::default(),
        }
    }

    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this may be opened. Of ICMP the port is type and code; others have none.
    pub fn allows(&self, protocol: u8, port: u16) -> bool {
        match protocol {
            TCP => self.tcp.contains(port),
            UDP => self.udp.contains(port),
            ICMP => self.icmp.contains(port),
            _ => self.other,
        }
    }

    /// Whether all of the other is in it.
    pub fn includes(&self, other: &Self) -> bool {
        other.difference(self).is_empty()
    }

    /// What is in either.
    pub fn union(&self, other: &Self) -> Self {
        self.combine(other, PortSet::union, |a, b| a || b)
    }

    /// What is in both.
    pub fn intersection(&self, other: &Self) -> Self {
        self.combine(other, PortSet::intersection, |a, b| a && b)
    }

    /// What is in this one and not in the other.
    pub fn difference(&self, other: &Self) -> Self {
        self.combine(other, PortSet::difference, |a, b| a && !b)
    }

    /// The fewest table entries that together are this: a protocol (none: every one) and ports.
    pub fn entries(&self) -> Vec<(Option<u8>, PortPrefix)> {
        if *self == Self::all() {
            return vec![(None, PortPrefix::ALL)];
        }
        let icmp = self.icmp.cover().into_iter().map(|requests| (Some(ICMP), requests));
        let tcp = self.tcp.cover().into_iter().map(|ports| (Some(TCP), ports));
        let udp = self.udp.cover().into_iter().map(|ports| (Some(UDP), ports));
        icmp.chain(tcp).chain(udp).collect()
    }

    /// Whether an entry of a union that this is part of owes anything to it.
    pub(crate) fn touches(&self, protocol: Option<u8>, ports: PortPrefix) -> bool {
        let hits = |set: &PortSet| !set.intersection(&ports.into()).is_empty();
        match protocol {
            None => self.other,
            Some(TCP) => hits(&self.tcp),
            Some(UDP) => hits(&self.udp),
            Some(_) => hits(&self.icmp),
        }
    }

    fn combine(
        &self,
        o: &Self,
        ports: fn(&PortSet, &PortSet) -> PortSet,
        flag: fn(bool, bool) -> bool,
    ) -> Self {
        Self {
            tcp: ports(&self.tcp, &o.tcp),
            udp: ports(&self.udp, &o.udp),
            icmp: ports(&self.icmp, &o.icmp),
            other: flag(self.other, o.other),
        }
    }
}
