//! The numbers that the kernel program and this crate share: this file and `bpf/abi.h` say the same, which a test holds.
//!
//! A number is never used anew for something else: counters and pinned maps outlive the program that wrote them.

use serde::{Deserialize, Serialize};

/// A second, in the pipeline's unit of time.
pub const SECOND_NS: u64 = 1_000_000_000;

// How long a flow may be silent: short where a flow is cheap to open again, so that a flood leaves soon. The RFCs ask
// for more in places, which is said there.

/// TCP, until the three-way handshake is over. RFC 5382 REQ-5 asks for 240 s for all but established connections.
pub const TCP_HALF_OPEN_NS: u64 = 60 * SECOND_NS;
/// TCP, established. RFC 5382 REQ-5 asks for 2 h 4 min.
pub const TCP_ESTABLISHED_NS: u64 = 24 * 60 * 60 * SECOND_NS;
/// TCP, after the first FIN. RFC 5382 REQ-5 asks for 240 s.
pub const TCP_CLOSING_NS: u64 = 120 * SECOND_NS;
/// TCP, after a RST or both FINs: time for the last ACK and its repetition.
pub const TCP_CLOSED_NS: u64 = 10 * SECOND_NS;
/// UDP and all that is not TCP or ICMP, while nobody has answered. RFC 4787 REQ-5 asks for 120 s of all UDP.
pub const UDP_ONE_WAY_NS: u64 = 30 * SECOND_NS;
/// The same, once both sides have sent. RFC 4787 REQ-5 asks for 120 s.
pub const UDP_BOTH_WAYS_NS: u64 = 180 * SECOND_NS;
/// The same, to a service, which answers at once: a question of a name is one flow.
pub const UDP_SERVICE_NS: u64 = 10 * SECOND_NS;
/// ICMP echo. RFC 5508 REQ-2 asks for 60 s.
pub const ICMP_ECHO_NS: u64 = 30 * SECOND_NS;

/// A deadline moves only if it would move by more than its timeout divided by this.
pub const REFRESH_DIVISOR: u64 = 8;

/// State bit: the original direction has sent (TCP: its SYN). Every flow has it from its first packet.
pub const STATE_SYN_ORIGINAL: u32 = 1 << 0;
/// State bit: the reply direction has sent (TCP: a packet with SYN).
pub const STATE_SYN_REPLY: u32 = 1 << 1;
/// State bit: TCP is established: the original direction has acknowledged the other's SYN.
pub const STATE_ACK_ORIGINAL: u32 = 1 << 2;
/// State bit: the original direction has sent a FIN.
pub const STATE_FIN_ORIGINAL: u32 = 1 << 3;
/// State bit: the reply direction has sent a FIN.
pub const STATE_FIN_REPLY: u32 = 1 << 4;
/// State bit: either direction has sent a RST.
pub const STATE_RST: u32 = 1 << 5;
/// State bit: the flow is to a service. It has it from its first packet.
pub const STATE_SERVICE: u32 = 1 << 6;

/// 240.0.0.0/4, whose addresses nobody else has: a service sees an instance as its port's index in there.
pub const SEEN_NETWORK: u32 = 0xf000_0000;
/// 169.254.169.252/30: what an instance may ask of the link-local addresses, which no router forwards.
pub const SERVICES_NETWORK: u32 = 0xa9fe_a9fc;
/// Which of its bits count.
pub const SERVICES_MASK: u32 = 0xffff_fffc;
/// The port of DNS.
pub const NAME_SERVICE_PORT: u16 = 53;

/// The port that stands for an echo request in keys and rules: type 8, code 0, as two bytes.
pub const ECHO_REQUEST: u16 = 0x0800;

/// Of flows to services there may be as many as of others, divided by two to this power.
pub const SERVICE_QUOTA_SHIFT: u32 = 3;

/// How many other ports are tried when the wanted one is taken.
pub const PORT_TRIES: u32 = 16;
/// The lowest source port that an instance may be shown in place of a taken one; the highest is 65535.
pub const SHOWN_PORT_FIRST: u16 = 1024;

/// How many flow entries (two a flow) there are room for, if nobody says otherwise.
pub const FLOW_ENTRIES: usize = 1 << 20;

/// TTL of what a gateway answers.
pub const GATEWAY_TTL: u8 = 64;
/// Type of service of an ICMP error: internetwork control (RFC 1812 section 4.3.2.5).
pub const ERROR_TOS: u8 = 0xc0;
/// How many ICMP errors are sent out of one interface in a second at most (RFC 1812 section 4.3.2.8).
pub const ERRORS_A_SECOND: u64 = 100;
/// The largest payload that the parts of an IPv4 packet make (RFC 791).
pub const MAX_PAYLOAD: usize = 65535 - 20;
/// How long the parts of a packet may follow its first (RFC 791 asks the receiver for 15 s, Linux waits 30 s).
pub const FRAGMENT_NS: u64 = 30 * SECOND_NS;

/// What has been decided about a packet, as a number (`VERDICT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(u32)]
pub enum VerdictCode {
    /// Dropped; the reason says why.
    Drop = 1,
    /// To an instance's port; the target is its interface index.
    ToPort = 2,
    /// Out of an uplink to its next hop; the target is its interface index.
    ToUplink = 3,
    /// Made into an answer, and back out of where it came from; the target is that interface's index.
    Answered = 4,
    /// Not ours: to the host, untouched; the target is 0.
    ToHost = 5,
    /// Dropped, and made into an ICMP error that says so, back out of where it came from; the target is that interface's
    /// index, and the reason says why.
    Refused = 6,
}

/// Which way of a flow an entry is for, as a number (`WAY_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum Way {
    /// The way of the packet that opened the flow.
    Original = 0,
    /// The other.
    Reply = 1,
}

/// A stage of the pipeline, in the packet's order. The kernel knows it by its file's name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum Stage {
    /// What the bytes are.
    Parse = 1,
    /// Whether the sender may send this at all; ARP and the gateway's own answers.
    Guard = 2,
    /// Whether it belongs to a known flow.
    Conntrack = 3,
    /// Whether the sender's rules allow it.
    EgressPolicy = 4,
    /// Whether its destination stands for another one.
    Dnat = 5,
    /// Where its destination is.
    Route = 6,
    /// Whether the receiver's rules allow it.
    IngressPolicy = 7,
    /// What source the outside sees.
    Snat = 8,
    /// Out.
    Deliver = 9,
}

/// Why a packet is dropped, as a number (`DROP_*`). The words are in `drop.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(u32)]
pub enum DropReason {
    // parse
    /// The frame ends within a header.
    Truncated = 1,
    /// Neither IPv4 nor ARP; a VLAN tag counts as such.
    EtherType = 2,
    /// ARP of something else than IPv4 over Ethernet.
    ArpUnsupported = 3,
    /// The IP version is not 4, or the header is said to be shorter than 20 bytes.
    IpHeader = 4,
    /// An IPv4 header with options.
    IpOptions = 5,
    /// The IPv4 total length is shorter than the header or longer than the frame.
    IpLength = 6,
    /// A fragment whose first one has not been seen.
    Fragment = 7,
    /// IP protocol number 0.
    ProtocolUnsupported = 8,
    /// The IPv4 packet ends within the TCP, UDP or ICMP header.
    TransportHeader = 9,
    /// ICMP that is neither echo nor an error about a packet of a protocol that is carried.
    IcmpUnsupported = 10,
    /// A fragment that overlaps the first one or reaches beyond the largest packet, or whose length cannot be.
    BadFragment = 11,

    // guard
    /// The interface is no port that is known.
    NoPort = 16,
    /// The sender's Ethernet address is not the port's.
    SpoofedMac = 17,
    /// The sender's IP address is not the port's.
    SpoofedAddress = 18,
    /// ARP that asks nothing: a reply or an announcement.
    ArpNotRequest = 19,
    /// ARP for an address that nobody has, or the asker's own.
    ArpUnanswered = 20,
    /// To a multicast or broadcast address.
    Multicast = 21,
    /// To or from an address that cannot be there.
    Martian = 22,
    /// Not sent to the gateway's Ethernet address.
    WrongMac = 23,
    /// To the gateway, and no echo request.
    GatewayOnly = 24,

    // conntrack
    /// TCP of no known connection, and no SYN.
    NotSyn = 32,
    /// An echo reply to no known request, or an echo against its flow's way.
    NoEchoRequest = 33,
    /// The flow was opened towards something else than where it would go now.
    PathChanged = 34,
    /// Another live flow has the tuple that this one needs.
    TupleInUse = 35,
    /// No room for another flow.
    FlowTableFull = 36,
    /// An ICMP error about a packet of no known flow, or from or to somebody whom that does not concern.
    IcmpUnrelated = 37,
    /// The instance has as many flows, or half-open ones, as it may.
    InstanceQuota = 38,
    /// Its VPC has.
    VpcQuota = 39,

    // policy
    /// The sender's address is not in the VPC's tables.
    NoEndpoint = 48,
    /// No rule of the sender allows it.
    EgressDenied = 49,
    /// No rule of the receiver allows it.
    IngressDenied = 50,

    // dnat
    /// A pool's address, and no forward for this protocol and port.
    NoForward = 56,
    /// An address at which services are asked, and none for this protocol and port.
    NoService = 57,

    // route
    /// No route for the destination.
    NoRoute = 64,
    /// A route that says: nowhere.
    Blackhole = 65,
    /// An address of the VPC that no instance has.
    NoInstance = 66,
    /// To the internet gateway, and the instance has no public address.
    NoPublicAddress = 67,
    /// A route to a NAT gateway that is not there.
    NatGone = 68,

    // snat
    /// The NAT gateway has no free port towards this remote end.
    NatPortsExhausted = 72,

    // deliver
    /// The TTL has run out.
    TtlExceeded = 80,
    /// The address that it would leave from is at no uplink.
    NoUplink = 81,
    /// Larger than what its uplink carries.
    TooLarge = 82,

    // the kernel's alone: the reference never gives it
    /// The kernel refused to read or change the packet.
    KernelRefused = 96,
}
