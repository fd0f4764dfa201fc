//! What the bytes are. Only fixed places are read; nothing is believed that is not checked.
//!
//! In this order, and the first that fails gives the reason. All lengths are in bytes.
//!
//! 1. The frame has 14: `truncated`. EtherType 0x0800 or 0x0806: `etherType` (a VLAN tag that the kernel has taken out of
//!    the frame counts as one in it).
//! 2. ARP: the frame has 14 + 28: `truncated`. Hardware type 1, protocol type 0x0800, lengths 6 and 4: `arpUnsupported`.
//! 3. IPv4: the frame has 14 + 20: `truncated`. Version 4 and header length at least 20: `ipHeader`. Header length 20:
//!    `ipOptions`. Total length at least 20 and at most the frame's less 14: `ipLength`. No more-fragments bit and
//!    fragment offset 0: `fragment` (the other two flags do not matter). TCP, UDP or ICMP: `protocolUnsupported`. The
//!    total length less 20 is at least 20, 8 or 8: `transportHeader`. ICMP of type 8 or 0 and code 0, or an error (type 3,
//!    11 or 12, any code): `icmpUnsupported`.
//! 4. An ICMP error: the total length is at least 20 + 8 + 20 + 8: `transportHeader`. What it brings back is of version 4,
//!    with a header length of 20 and fragment offset 0, and TCP, UDP or an echo: `icmpUnsupported`.
//!
//! Not looked at: checksums, TCP's data offset, UDP's length.

use std::net::IpAddr;

use madang_wire::ethernet::EtherType;
use madang_wire::{arp, ethernet, icmp, ipv4, tcp, udp};

use crate::abi::{DropReason, ECHO_REQUEST, Stage};
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
    /// None unless it is an ICMP echo.
    pub(crate) echo: Option<icmp::Echo>,
    /// None unless it is an ICMP error: what that is about.
    pub(crate) about: Option<Quoted>,
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
        Packet { tuple, protocol, flags: None, echo, about: None, ..*error }
    }
}

/// Reads the frame.
pub(crate) fn frame(bytes: &[u8], trace: &mut impl Trace) -> Result<Frame, DropReason> {
    let parsed = read(bytes);
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

fn read(bytes: &[u8]) -> Result<Frame, DropReason> {
    let packet = ethernet::Packet::new_checked(bytes).map_err(|_| DropReason::Truncated)?;
    let payload = match packet.ether_type() {
        EtherType::ARP => {
            let arp = arp::Packet::new_checked(packet.payload()).map_err(|_| DropReason::Truncated)?;
            Payload::Arp(arp::Repr::parse(&arp).map_err(|_| DropReason::ArpUnsupported)?)
        }
        EtherType::IPV4 => Payload::Ipv4(read_ipv4(packet.payload())?),
        _ => return Err(DropReason::EtherType),
    };
    Ok(Frame { ethernet: ethernet::Repr::parse(&packet), payload })
}

fn read_ipv4(bytes: &[u8]) -> Result<Packet, DropReason> {
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
    if ip.is_fragment() {
        return Err(DropReason::Fragment);
    }
    let protocol = Protocol::from_number(ip.protocol()).ok_or(DropReason::ProtocolUnsupported)?;
    let Transport { ports, flags, echo, about } = read_transport(protocol, ip.payload())?;
    Ok(Packet {
        tuple: tuple(&ip, ports),
        protocol,
        flags,
        echo,
        about,
        ttl: ip.ttl(),
        length: ip.total_length(),
        frame_length: (ethernet::HEADER + bytes.len()) as u64,
    })
}

#[derive(Default)]
struct Transport {
    ports: (u16, u16),
    flags: Option<TcpFlags>,
    echo: Option<icmp::Echo>,
    about: Option<Quoted>,
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
    let echo = icmp.echo().ok_or(DropReason::IcmpUnsupported)?;
    Ok(match echo {
        icmp::Echo::Request => ((icmp.identifier(), ECHO_REQUEST), echo),
        icmp::Echo::Reply => ((ECHO_REQUEST, icmp.identifier()), echo),
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
        Protocol::Icmp => {
            let (ports, echo) = read_echo(&icmp::Packet::new_checked(transport).map_err(short)?)?;
            (ports, Some(echo))
        }
    };
    Ok(Quoted { tuple: tuple(&ip, ports), protocol, echo })
}
