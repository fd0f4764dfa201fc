//! What is decided about a flow, which the stages fill in. The twin of `bpf/path.h`.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::{FlowKey, Nat, Protocol, Tuple, VpcId};

/// What a flow's first packet looks like as it leaves, but for its source port, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// Where it goes: outside, to the services, or into a VPC.
    pub(crate) vpc: VpcId,
    /// Its ends. The source port is the one that came in.
    pub(crate) tuple: Tuple,
    /// How the source's port is chosen.
    pub(crate) shown: Shown,
    /// Whether it has to do with the outside: then changes of that concern it.
    pub(crate) outside: bool,
}

/// How the source's port is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// It stays.
    AsItIs,
    /// It stays, unless that is taken.
    AsFree,
    /// It is one of a NAT's.
    ByNat(RangeInclusive<u16>),
}

impl Path {
    /// One that changes nothing.
    pub(crate) fn of(key: &FlowKey) -> Self {
        let FlowKey { vpc, tuple, .. } = *key;
        Self { vpc, tuple, shown: Shown::AsItIs, outside: vpc == VpcId::OUTSIDE }
    }

    /// The same to this end in a VPC.
    pub(crate) fn to(mut self, vpc: VpcId, (address, port): (IpAddr, u16)) -> Self {
        self.vpc = vpc;
        (self.tuple.destination, self.tuple.destination_port) = (address, port);
        self
    }

    /// The same, seen as from this address.
    pub(crate) fn seen_as(mut self, source: IpAddr, shown: Shown) -> Self {
        self.tuple.source = source;
        self.shown = shown;
        self
    }

    /// The same through a NAT, outside.
    pub(crate) fn through(self, nat: &Nat) -> Self {
        let shown = Shown::ByNat(nat.first_port..=nat.last_port);
        Self { vpc: VpcId::OUTSIDE, outside: true, ..self.seen_as(nat.address, shown) }
    }

    /// Whether a flow that leaves into this VPC as this tuple takes it.
    pub(crate) fn is_of(&self, vpc: VpcId, translated: &Tuple, protocol: Protocol) -> bool {
        let wanted = Tuple { source_port: translated.source_port, ..self.tuple };
        let port = match &self.shown {
            Shown::ByNat(ports) => !protocol.has_ports() || ports.contains(&translated.source_port),
            Shown::AsItIs | Shown::AsFree => true,
        };
        self.vpc == vpc && wanted == *translated && port
    }
}
