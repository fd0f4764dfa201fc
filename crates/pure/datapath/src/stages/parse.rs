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
//!    total length less 20 is at least 20, 8 or 8: `transportHeader`. ICMP of type 8 or 0 and code 0: `icmpUnsupported`.
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
    /// None unless it is ICMP.
    pub(crate) echo: Option<icmp::Echo>,
    pub(crate) ttl: u8,
    /// Of the whole frame, in bytes.
    pub(crate) frame_length: u64,
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
    let (ports, flags, echo) = read_transport(protocol, ip.payload())?;
    Ok(Packet {
        tuple: Tuple {
            source: IpAddr::V4(ip.source()),
            destination: IpAddr::V4(ip.destination()),
            source_port: ports.0,
            destination_port: ports.1,
        },
        protocol,
        flags,
        echo,
        ttl: ip.ttl(),
        frame_length: (ethernet::HEADER + bytes.len()) as u64,
    })
}

type Transport = ((u16, u16), Option<TcpFlags>, Option<icmp::Echo>);

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
            ((tcp.source_port(), tcp.destination_port()), Some(flags), None)
        }
        Protocol::Udp => {
            let udp = udp::Packet::new_checked(bytes).map_err(short)?;
            ((udp.source_port(), udp.destination_port()), None, None)
        }
        Protocol::Icmp => {
            let icmp = icmp::Packet::new_checked(bytes).map_err(short)?;
            let echo = icmp.echo().ok_or(DropReason::IcmpUnsupported)?;
            let ports = match echo {
                icmp::Echo::Request => (icmp.identifier(), ECHO_REQUEST),
                icmp::Echo::Reply => (ECHO_REQUEST, icmp.identifier()),
            };
            (ports, None, Some(echo))
        }
    })
}
