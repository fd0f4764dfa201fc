//! What the bytes are. Only fixed places are read; nothing is believed that is not checked.
//!
//! In this order, and the first that fails gives the reason. All lengths are in bytes.
//!
//! 1. The frame has 14: `truncated`. EtherType 0x0800 or 0x0806: `etherType` (a VLAN tag that the kernel has taken out of
//!    the frame counts as one in it).
//! 2. ARP: the frame has 14 + 28: `truncated`. Hardware type 1, protocol type 0x0800, lengths 6 and 4: `arpUnsupported`.
//! 3. IPv4: the frame has 14 + 20: `truncated`. Version 4 and header length at least 20: `ipHeader`. Header length 20:
//!    `ipOptions`. Total length at least 20 and at most the frame's less 14: `ipLength`. No more-fragments bit and
//!    fragment offset 0, or it is a fragment (5); the other two flags do not matter. A protocol but 0:
//!    `protocolUnsupported`. The total length less 20 is at least 20 for TCP, 8 for UDP and ICMP: `transportHeader`. Of other
//!    protocols nothing is looked at, and both ports are 0. ICMP of type 8 or 0 (echo) or
//!    13 or 14 (timestamp) and code 0, or an error (type 3, 11 or 12, any code): `icmpUnsupported`.
//! 4. An ICMP error: the total length is at least 20 + 8 + 20 + 8: `transportHeader`. What it brings back is of version 4,
//!    with a header length of 20 and fragment offset 0, and of a protocol but 0; if of ICMP, an echo or a timestamp: `icmpUnsupported`.
//! 5. A fragment: it has a payload, of whole 8 bytes if more follow, that ends within 65,515: `badFragment`. The first one
//!    (offset 0) goes on as in 3, and must be no ICMP error: `badFragment`; what its ports are is remembered for 30 s, by
//!    interface, addresses, identification and protocol, once it has passed the guard. A later one must have such a first one: `fragment`, and lie behind
//!    it: `badFragment`; it has the ports of that, no TCP flags, and no transport header.
//!
//! Not looked at: checksums, TCP's data offset, UDP's length.

use std::net::IpAddr;

use madang_wire::ethernet::EtherType;
use madang_wire::{arp, ethernet, icmp, ipv4, tcp, udp};

use crate::abi::{DropReason, MAX_PAYLOAD, Stage};
use crate::flow::{FirstFragment, FragmentKey, Fragments};
use crate::trace::Trace;
use crate::{Protocol, TcpFlags, Tuple};

/// A frame that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) ethernet: ethernet::Repr,
    pub(crate) payload: Payload,
}

/// What it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    Arp(arp::Repr),
    Ipv4(Packet),
}

/// What the later stages need to know of an IPv4 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) tuple: Tuple,
    pub(crate) protocol: Protocol,
    /// None unless it is TCP.
    pub(crate) flags: Option<TcpFlags>,
    /// None unless it is an ICMP echo or timestamp.
    pub(crate) echo: Option<icmp::Echo>,
    /// None unless it is an ICMP error: what that is about.
    pub(crate) about: Option<Quoted>,
    /// Whether it is a part of a packet, but not the first: its ports are known, and not in it.
    pub(crate) later: bool,
    /// None unless it is a first part: what is to be remembered of it.
    pub(crate) first: Option<(FragmentKey, FirstFragment)>,
    pub(crate) ttl: u8,
    /// Of the IPv4 packet, in bytes.
    pub(crate) length: usize,
    /// Of the whole frame, in bytes.
    pub(crate) frame_length: u64,
}

/// The packet that an ICMP error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quoted {
    pub(crate) tuple: Tuple,
    pub(crate) protocol: Protocol,
    /// None unless it is ICMP.
    pub(crate) echo: Option<icmp::Echo>,
}

impl Quoted {
    /// The packet that would answer it, as far as that is known.
    pub(crate) fn answer(&self, error: &Packet) -> Packet {
        let other_way = |echo| match echo {
            icmp::Echo::Request => icmp::Echo::Reply,
            icmp::Echo::Reply => icmp::Echo::Request,
        };
        let (tuple, protocol, echo) = (self.tuple.reversed(), self.protocol, self.echo.map(other_way));
        Packet { tuple, protocol, flags: None, echo, about: None, first: None, ..*error }
    }
}

/// Where a frame comes in and when, and what is remembered of others.
pub(crate) struct Arrival<'a> {
    pub(crate) interface: u32,
    pub(crate) now_ns: u64,
    pub(crate) fragments: &'a Fragments,
}

/// Reads the frame.
pub(crate) fn frame(
    bytes: &[u8],
    arrival: &Arrival<'_>,
    trace: &mut impl Trace,
) -> Result<Frame, DropReason> {
    let parsed = read(bytes, arrival);
    trace.step(Stage::Parse, || {
        let what = match &parsed {
            Ok(Frame { payload: Payload::Arp(arp), .. }) => {
                format!("ARP: {} asks who has {}", arp.sender, arp.target)
            }
            Ok(Frame { payload: Payload::Ipv4(packet), .. }) => packet.to_string(),
            Err(reason) => reason.sentence().to_owned(),
        };
        (what, Vec::new())
    });
    parsed
}

fn read(bytes: &[u8], arrival: &Arrival<'_>) -> Result<Frame, DropReason> {
    let packet = ethernet::Packet::new_checked(bytes).map_err(|_| DropReason::Truncated)?;
    let payload = match packet.ether_type() {
        EtherType::ARP => {
            let arp = arp::Packet::new_checked(packet.payload()).map_err(|_| DropReason::Truncated)?;
            Payload::Arp(arp::Repr::parse(&arp).map_err(|_| DropReason::ArpUnsupported)?)
        }
        EtherType::IPV4 => Payload::Ipv4(read_ipv4(packet.payload(), arrival)?),
        _ => return Err(DropReason::EtherType),
    };
    Ok(Frame { ethernet: ethernet::Repr::parse(&packet), payload })
}

fn read_ipv4(bytes: &[u8], arrival: &Arrival<'_>) -> Result<Packet, DropReason> {
    let ip = ipv4::Packet::new_checked(bytes).map_err(|_| DropReason::Truncated)?;
    if ip.version() != 4 || ip.header_length() < ipv4::HEADER {
        return Err(DropReason::IpHeader);
    }
    if ip.header_length() > ipv4::HEADER {
        return Err(DropReason::IpOptions);
    }
    if !ip.lengths_fit() {
        return Err(DropReason::IpLength);
    }
    let protocol = Protocol::from_number(ip.protocol()).ok_or(DropReason::ProtocolUnsupported)?;
    let later = ip.is_later_fragment();
    let transport = match ip.is_fragment() {
        true => read_fragment(&ip, protocol, arrival),
        false => read_transport(protocol, ip.payload()),
    };
    let Transport { ports, flags, echo, about, first } = transport?;
    Ok(Packet {
        tuple: tuple(&ip, ports),
        protocol,
        flags,
        echo,
        about,
        later,
        first,
        ttl: ip.ttl(),
        length: ip.total_length(),
        frame_length: (ethernet::HEADER + bytes.len()) as u64,
    })
}

/// A part of a packet: the first one has the ports, and the others get them from there.
fn read_fragment(
    ip: &ipv4::Packet<&[u8]>,
    protocol: Protocol,
    arrival: &Arrival<'_>,
) -> Result<Transport, DropReason> {
    let (offset, length) = (ip.fragment_offset(), ip.payload().len());
    if length == 0 || offset + length > MAX_PAYLOAD || (ip.more_fragments() && !length.is_multiple_of(8)) {
        return Err(DropReason::BadFragment);
    }
    let key = FragmentKey {
        interface: arrival.interface,
        source: ip.source(),
        destination: ip.destination(),
        identification: ip.identification(),
        protocol,
    };
    if offset == 0 {
        let icmp = icmp::Packet::new_checked(ip.payload()).ok().filter(|_| protocol == Protocol::Icmp);
        if icmp.is_some_and(|icmp| icmp.is_error()) {
            return Err(DropReason::BadFragment);
        }
        let transport = read_transport(protocol, ip.payload())?;
        let first = FirstFragment { ports: transport.ports, echo: transport.echo, end: length };
        return Ok(Transport { first: Some((key, first)), ..transport });
    }
    let first = arrival.fragments.first(&key, arrival.now_ns).ok_or(DropReason::Fragment)?;
    if offset < first.end {
        return Err(DropReason::BadFragment);
    }
    let flags = (protocol == Protocol::Tcp).then(TcpFlags::default);
    Ok(Transport { ports: first.ports, flags, echo: first.echo, ..Transport::default() })
}

#[derive(Default)]
struct Transport {
    ports: (u16, u16),
    flags: Option<TcpFlags>,
    echo: Option<icmp::Echo>,
    about: Option<Quoted>,
    first: Option<(FragmentKey, FirstFragment)>,
}

fn tuple(ip: &ipv4::Packet<&[u8]>, (source_port, destination_port): (u16, u16)) -> Tuple {
    let (source, destination) = (IpAddr::V4(ip.source()), IpAddr::V4(ip.destination()));
    Tuple { source, destination, source_port, destination_port }
}

fn read_transport(protocol: Protocol, bytes: &[u8]) -> Result<Transport, DropReason> {
    let short = |_| DropReason::TransportHeader;
    Ok(match protocol {
        Protocol::Tcp => {
            let tcp = tcp::Packet::new_checked(bytes).map_err(short)?;
            let has = |flag| tcp.flags().has(flag);
            let flags = TcpFlags {
                syn: has(tcp::Flags::SYN),
                ack: has(tcp::Flags::ACK),
                fin: has(tcp::Flags::FIN),
                rst: has(tcp::Flags::RST),
            };
            let ports = (tcp.source_port(), tcp.destination_port());
            Transport { ports, flags: Some(flags), ..Transport::default() }
        }
        Protocol::Udp => {
            let udp = udp::Packet::new_checked(bytes).map_err(short)?;
            Transport { ports: (udp.source_port(), udp.destination_port()), ..Transport::default() }
        }
        Protocol::Other(_) => Transport::default(),
        Protocol::Icmp => {
            let icmp = icmp::Packet::new_checked(bytes).map_err(short)?;
            if icmp.is_error() {
                return Ok(Transport { about: Some(read_quoted(icmp.quoted())?), ..Transport::default() });
            }
            let (ports, echo) = read_echo(&icmp)?;
            Transport { ports, echo: Some(echo), ..Transport::default() }
        }
    })
}

fn read_echo(icmp: &icmp::Packet<&[u8]>) -> Result<((u16, u16), icmp::Echo), DropReason> {
    let (asked, echo) = icmp.query().ok_or(DropReason::IcmpUnsupported)?;
    let asked = u16::from_be_bytes([asked, 0]);
    Ok(match echo {
        icmp::Echo::Request => ((icmp.identifier(), asked), echo),
        icmp::Echo::Reply => ((asked, icmp.identifier()), echo),
    })
}

/// The beginning of a packet, as an ICMP error brings it back: its header and 8 bytes at least.
fn read_quoted(bytes: &[u8]) -> Result<Quoted, DropReason> {
    let short = |_| DropReason::TransportHeader;
    let ip = ipv4::Packet::new_checked(bytes).map_err(short)?;
    let transport = bytes.get(ipv4::HEADER..).unwrap_or_default();
    let udp = udp::Packet::new_checked(transport).map_err(short)?;
    if ip.version() != 4 || ip.header_length() != ipv4::HEADER || ip.is_later_fragment() {
        return Err(DropReason::IcmpUnsupported);
    }
    let protocol = Protocol::from_number(ip.protocol()).ok_or(DropReason::IcmpUnsupported)?;
    let (ports, echo) = match protocol {
        // TCP's ports are where UDP's are.
        Protocol::Tcp | Protocol::Udp => ((udp.source_port(), udp.destination_port()), None),
        Protocol::Other(_) => ((0, 0), None),
        Protocol::Icmp => {
            let (ports, echo) = read_echo(&icmp::Packet::new_checked(transport).map_err(short)?)?;
            (ports, Some(echo))
        }
    };
    Ok(Quoted { tuple: tuple(&ip, ports), protocol, echo })
}
