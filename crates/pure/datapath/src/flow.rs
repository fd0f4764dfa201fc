//! Flows: which tuples belong to a connection, what becomes of them, and until when.
//!
//! A flow is two entries, one for each way. Each holds what its packets look like when they leave; the other entry's
//! key is the reverse of that, in the VPC that they leave into. Keys of what comes in at an uplink are of VPC 0.
//!
//! In the maps ports are in network order, addresses are 16 bytes (IPv4-mapped), all other numbers in host order.

mod fragments;
mod table;
mod usage;

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub(crate) use self::fragments::{FirstFragment, FragmentKey, Fragments};
pub use self::table::{FlowTable, Insert};
pub use self::usage::Quotas;
pub(crate) use self::usage::{Kind, Owner, Usages, is_half_open, owner};
use crate::VpcId;
use crate::abi::{
    ICMP_ECHO_NS, REFRESH_DIVISOR, STATE_ACK_ORIGINAL, STATE_FIN_ORIGINAL, STATE_FIN_REPLY, STATE_RST,
    STATE_SERVICE, STATE_SYN_ORIGINAL, STATE_SYN_REPLY, TCP_CLOSED_NS, TCP_CLOSING_NS, TCP_ESTABLISHED_NS,
    TCP_HALF_OPEN_NS, UDP_BOTH_WAYS_NS, UDP_ONE_WAY_NS, UDP_SERVICE_NS, Way,
};

/// The protocols that flows are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// Internet Control Message Protocol: echo and timestamp.
    Icmp,
    /// Transmission Control Protocol.
    Tcp,
    /// User Datagram Protocol.
    Udp,
    /// Another one, by its number, which is none of those above and not 0: what it carries is not looked at, and its tuples
    /// have ports 0.
    Other(u8),
}

/// `TCP`, `UDP`, `ICMP` or `IP protocol 47`.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Icmp => f.write_str("ICMP"),
            Self::Tcp => f.write_str("TCP"),
            Self::Udp => f.write_str("UDP"),
            Self::Other(number) => write!(f, "IP protocol {number}"),
        }
    }
}

impl Protocol {
    /// The protocol of this IP protocol number; none for 0, which in IPv4 is no protocol that ends talk in.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => None,
            1 => Some(Self::Icmp),
            6 => Some(Self::Tcp),
            17 => Some(Self::Udp),
            other => Some(Self::Other(other)),
        }
    }

    /// The IP protocol number.
    pub fn number(self) -> u8 {
        match self {
            Self::Icmp => 1,
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Other(number) => number,
        }
    }

    /// Whether its tuples have ports, or identifiers in their place.
    pub fn has_ports(self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

/// Two ends.
///
/// An echo request goes from its identifier to port [`crate::abi::ECHO_REQUEST`], an echo reply from port [`crate::abi::ECHO_REQUEST`] to the
/// identifier: so one is the reverse of the other, and the destination port of a request is what rules are looked up by. The
/// same goes for timestamps, with their own type in place of the echo's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tuple {
    /// Where from.
    pub source: IpAddr,
    /// Where to.
    pub destination: IpAddr,
    /// The port that it comes from.
    pub source_port: u16,
    /// The port that it goes to.
    pub destination_port: u16,
}

impl Tuple {
    /// The tuple of what is sent back.
    pub fn reversed(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
        }
    }
}

/// What a packet is looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowKey {
    /// The VPC of the port that it came in at; 0 if that is an uplink.
    pub vpc: VpcId,
    /// Its ends as it came in.
    pub tuple: Tuple,
    /// Its protocol.
    pub protocol: Protocol,
}

/// What becomes of the packets of one way of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    /// Their ends as they leave.
    pub translated: Tuple,
    /// The VPC that they leave into; 0 if through an uplink.
    pub target: VpcId,
    /// Which way of the flow this is.
    pub way: Way,
    /// What has been seen, of both ways. The same in both entries.
    pub state: State,
    /// From this time on the entry is absent. The same in both entries.
    pub deadline_ns: u64,
    /// The generation of the flow's VPC, or the sum of those of its two, at the last full decision. The same in both entries.
    pub generation: u32,
    /// The generation of VPC 0, or of the services, at the last full decision; 0 if the flow has nothing to do with these. The same in both entries.
    pub outside_generation: u32,
    /// How many packets went this way.
    pub packets: u64,
    /// How many bytes of whole frames, as they came in.
    pub bytes: u64,
}

impl Flow {
    /// The key of the flow's other entry.
    pub fn peer_key(&self, protocol: Protocol) -> FlowKey {
        FlowKey { vpc: self.target, tuple: self.translated.reversed(), protocol }
    }

    /// Whether the entry counts: now is before its deadline.
    pub fn is_live(&self, now_ns: u64) -> bool {
        now_ns < self.deadline_ns
    }

    /// The deadline that a packet gives the flow whose state after it is this, or none if it stays: it moves if the state
    /// is new, else only forward and by more than an eighth of the timeout (so that a usual packet writes one entry).
    pub fn refreshed_deadline(&self, after: State, protocol: Protocol, now_ns: u64) -> Option<u64> {
        let timeout = after.timeout_ns(protocol);
        let deadline = now_ns.saturating_add(timeout);
        let moves = deadline.saturating_sub(self.deadline_ns) > timeout / REFRESH_DIVISOR;
        (after != self.state || moves).then_some(deadline)
    }
}

/// The TCP flags that state depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags {
    /// Synchronize.
    pub syn: bool,
    /// The acknowledgment field counts.
    pub ack: bool,
    /// No more data.
    pub fin: bool,
    /// Reset.
    pub rst: bool,
}

impl TcpFlags {
    /// Whether this opens a connection: SYN and none of the others.
    pub fn opens(self) -> bool {
        self.syn && !self.ack && !self.fin && !self.rst
    }
}

/// What has been seen of a flow: `STATE_*` bits, which are set and never cleared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State(pub u32);

impl State {
    /// After a flow's first packet.
    pub const NEW: Self = Self(STATE_SYN_ORIGINAL);
    /// The same, if the flow is to a service.
    pub const NEW_TO_SERVICE: Self = Self(STATE_SYN_ORIGINAL | STATE_SERVICE);

    /// Whether one of these bits is set.
    pub fn has(self, bits: u32) -> bool {
        self.0 & bits != 0
    }

    /// Whether the connection has begun to close: a SYN without ACK, FIN and RST opens a new one in its place.
    pub fn is_closing(self) -> bool {
        self.has(STATE_FIN_ORIGINAL | STATE_FIN_REPLY | STATE_RST)
    }

    /// The state after a packet this way. Flags are none unless it is TCP.
    ///
    /// - All but TCP: a packet of the reply way sets `SYN_REPLY`.
    /// - TCP: SYN of the reply way sets `SYN_REPLY`; ACK without SYN of the original way, if `SYN_REPLY` was set before,
    ///   sets `ACK_ORIGINAL`; FIN sets the bit of its way; RST sets `RST`. Each flag counts by itself.
    pub fn after(self, way: Way, flags: Option<TcpFlags>) -> Self {
        let mut bits = self.0;
        match (way, flags) {
            (Way::Original, None) => {}
            (Way::Reply, None) => bits |= STATE_SYN_REPLY,
            (Way::Original, Some(tcp)) => {
                bits |= if tcp.ack && !tcp.syn && self.has(STATE_SYN_REPLY) { STATE_ACK_ORIGINAL } else { 0 };
                bits |= if tcp.fin { STATE_FIN_ORIGINAL } else { 0 };
            }
            (Way::Reply, Some(tcp)) => {
                bits |= if tcp.syn { STATE_SYN_REPLY } else { 0 };
                bits |= if tcp.fin { STATE_FIN_REPLY } else { 0 };
            }
        }
        bits |= if flags.is_some_and(|tcp| tcp.rst) { STATE_RST } else { 0 };
        Self(bits)
    }

    /// How long the flow may now be silent.
    pub fn timeout_ns(self, protocol: Protocol) -> u64 {
        let both_fins = self.has(STATE_FIN_ORIGINAL) && self.has(STATE_FIN_REPLY);
        match protocol {
            Protocol::Icmp => ICMP_ECHO_NS,
            Protocol::Udp | Protocol::Other(_) if self.has(STATE_SERVICE) => UDP_SERVICE_NS,
            Protocol::Udp | Protocol::Other(_) if self.has(STATE_SYN_REPLY) => UDP_BOTH_WAYS_NS,
            Protocol::Udp | Protocol::Other(_) => UDP_ONE_WAY_NS,
            Protocol::Tcp if self.has(STATE_RST) || both_fins => TCP_CLOSED_NS,
            Protocol::Tcp if self.is_closing() => TCP_CLOSING_NS,
            Protocol::Tcp if self.has(STATE_ACK_ORIGINAL) => TCP_ESTABLISHED_NS,
            Protocol::Tcp => TCP_HALF_OPEN_NS,
        }
    }
}
