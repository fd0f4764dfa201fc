//! What may be opened: protocols and destination ports.

use madang_datapath::PortPrefix;
use madang_model::{PortRange, RuleProtocol};

use crate::PortSet;

/// ICMP's number among the IP protocols.
pub const ICMP: u8 = 1;
/// TCP's number among the IP protocols.
pub const TCP: u8 = 6;
/// UDP's number among the IP protocols.
pub const UDP: u8 = 17;

/// A set of (protocol, destination port).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Traffic {
    /// TCP, to these ports.
    pub tcp: PortSet,
    /// UDP, to these ports.
    pub udp: PortSet,
    /// ICMP, every type.
    pub icmp: bool,
    /// Every other protocol.
    pub other: bool,
}

impl Traffic {
    /// Everything.
    pub fn all() -> Self {
        Self { tcp: PortSet::all(), udp: PortSet::all(), icmp: true, other: true }
    }

    /// What a rule speaks of. No ports: every port.
    pub fn of(protocol: RuleProtocol, ports: &[PortRange]) -> Self {
        let ports = || if ports.is_empty() { PortSet::all() } else { ports.iter().copied().collect() };
        match protocol {
            RuleProtocol::Tcp => Self { tcp: ports(), ..Self::default() },
            RuleProtocol::Udp => Self { udp: ports(), ..Self::default() },
            RuleProtocol::Icmp => Self { icmp: true, ..Self::default() },
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

    /// Whether this may be opened. ICMP and others have no ports.
    pub fn allows(&self, protocol: u8, port: u16) -> bool {
        match protocol {
            TCP => self.tcp.contains(port),
            UDP => self.udp.contains(port),
            ICMP => self.icmp,
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
        let icmp = self.icmp.then_some((Some(ICMP), PortPrefix::ALL));
        let tcp = self.tcp.cover().into_iter().map(|ports| (Some(TCP), ports));
        let udp = self.udp.cover().into_iter().map(|ports| (Some(UDP), ports));
        icmp.into_iter().chain(tcp).chain(udp).collect()
    }

    /// Whether an entry of a union that this is part of owes anything to it.
    pub(crate) fn touches(&self, protocol: Option<u8>, ports: PortPrefix) -> bool {
        let hits = |set: &PortSet| !set.intersection(&ports.into()).is_empty();
        match protocol {
            None => self.other,
            Some(TCP) => hits(&self.tcp),
            Some(UDP) => hits(&self.udp),
            Some(_) => self.icmp,
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
            icmp: flag(self.icmp, o.icmp),
            other: flag(self.other, o.other),
        }
    }
}
