//! Out. First whether and where, before anything is written; then the bytes.
//!
//! # TTL
//!
//! It falls if the packet is routed: always to or from an uplink; between instances if the destination, as it comes in or as it
//! leaves, is not in the sending port's subnet. A routed packet whose TTL is 0 or 1 is `ttlExceeded`; another's falls by 1. Within a
//! subnet TTL is not looked at.
//!
//! # Bytes
//!
//! - To an instance: Ethernet from the gateway's address to the endpoint's. To an uplink: the Ethernet addresses stay; the
//!   kernel sets them (`bpf_redirect_neigh`).
//! - Each field of TTL, source, destination, source port and destination port that differs from what the packet has is
//!   written, and the checksums that cover it are adjusted for it as `bpf_l3_csum_replace` and `bpf_l4_csum_replace` do (see
//!   [`madang_wire::checksum`]). A field that is the same is not written and adjusts nothing, so a checksum that is not touched
//!   keeps its bytes, right or wrong.
//! - TTL is adjusted as the 16 bits of TTL and protocol. Addresses count in the IPv4 checksum, and for TCP and UDP in theirs
//!   (pseudo header). Ports count in the TCP or UDP checksum alone.
//! - Of a protocol that is none of TCP, UDP and ICMP nothing behind the IPv4 header is written.
//! - UDP's checksum stays 0 if it was 0, and is written as 0xffff if it comes out as 0 (`BPF_F_MARK_MANGLED_0`). TCP's and
//!   ICMP's are not treated so.
//! - A later fragment has no transport header, so its addresses alone are written; the first one's checksum covers it.
//! - An ICMP error: the packet that it brings back becomes what its sender knows, as if it went the other way of its flow,
//!   with the checksums of that as far as they are there (TCP's may not be); then the error's own checksum is adjusted for
//!   each 16 bits of it that differ. Its source is translated only if it is the end to which that packet went.
//! - ICMP: the identifier is the tuple's source port for a request, its destination port for a reply; it counts in the ICMP
//!   checksum, addresses do not.

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::Mac;
use madang_wire::checksum::{adjust, adjust_udp};
use madang_wire::icmp::Echo;
use madang_wire::{ethernet, icmp, ipv4, tcp, udp};

use super::parse::{Packet, Quoted};
use crate::abi::{DropReason, Stage};
use crate::trace::Trace;
use crate::view::View;
use crate::{Entry, GATEWAY_MAC, Outcome, PortId, Protocol, Tuple, UplinkId, Verdict, VpcId};

/// Where a packet leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// At an instance's port.
    Port(PortId, Mac),
    /// At an uplink, to its next hop.
    Uplink(UplinkId, IpAddr),
}

impl Exit {
    /// What becomes of the packet.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Port(port, _) => Outcome { verdict: Verdict::ToPort(port), target: port.0 },
            Self::Uplink(uplink, next_hop) => {
                Outcome { verdict: Verdict::ToUplink(uplink, next_hop), target: uplink.0 }
            }
        }
    }
}

/// What is known of a packet's way out, before its source port is.
#[derive(Clone, Copy)]
pub(crate) struct Leaving {
    /// The VPC that it leaves into.
    pub(crate) target: VpcId,
    /// Its source as it leaves.
    pub(crate) source: IpAddr,
    /// Its destination as it leaves.
    pub(crate) destination: IpAddr,
    /// Whether its TTL falls.
    pub(crate) routed: bool,
}

/// Whether and where the packet leaves: `ttlExceeded`; to an uplink, `noUplink` if the source is no pool's address or its
/// uplink is not there, and `tooLarge` if it carries no such packets; to an instance, `noInstance` if no endpoint has the destination.
pub(crate) fn exit(
    view: View<'_>,
    leaving: &Leaving,
    packet: &Packet,
    trace: &mut impl Trace,
) -> Result<Exit, DropReason> {
    let Leaving { target, source, destination, routed } = *leaving;
    if routed && packet.ttl <= 1 {
        return Err(trace.refuse(Stage::Deliver, DropReason::TtlExceeded, || {
            (format!("a TTL of {} does not last to the next router", packet.ttl), Vec::new())
        }));
    }
    if target != VpcId::OUTSIDE {
        return match view.endpoint(target, destination) {
            Some(endpoint) => Ok(Exit::Port(endpoint.port, endpoint.mac)),
            None => Err(trace.refuse(Stage::Deliver, DropReason::NoInstance, || {
                (format!("no instance of VPC {} has {destination}", target.0), Vec::new())
            })),
        };
    }
    let Some((id, uplink)) = view.pool_address(source).and_then(|id| Some((id, view.uplink(id)?))) else {
        return Err(trace.refuse(Stage::Deliver, DropReason::NoUplink, || {
            (format!("{source} is at no uplink"), Vec::new())
        }));
    };
    if mtu(view, leaving).is_some_and(|mtu| packet.length > usize::from(mtu)) {
        return Err(trace.refuse(Stage::Deliver, DropReason::TooLarge, || {
            (
                format!("{} bytes are more than the {} of uplink {}", packet.length, uplink.mtu, id.0),
                Vec::new(),
            )
        }));
    }
    Ok(Exit::Uplink(id, uplink.next_hop))
}

/// The largest packet that leaves there, if that is bounded.
pub(crate) fn mtu(view: View<'_>, leaving: &Leaving) -> Option<u16> {
    let uplink = view.pool_address(leaving.source).and_then(|id| view.uplink(id))?;
    Some(uplink.mtu).filter(|mtu| *mtu > 0 && leaving.target == VpcId::OUTSIDE)
}

/// Says where the packet leaves.
pub(crate) fn say(
    exit: Exit,
    leaving: &Leaving,
    translated: &Tuple,
    packet: &Packet,
    trace: &mut impl Trace,
) {
    trace.step(Stage::Deliver, || {
        let ends = match packet.about {
            Some(_) => format!("ICMP error {} -> {}", leaving.source, leaving.destination),
            None => crate::words::ends(translated, packet.protocol),
        };
        let ttl =
            if leaving.routed { format!(", TTL {}", packet.ttl.saturating_sub(1)) } else { String::new() };
        match exit {
            Exit::Port(port, mac) => (
                format!("to port {} ({mac}) as {ends}{ttl}", port.0),
                vec![Entry::Endpoint(leaving.target, leaving.destination)],
            ),
            Exit::Uplink(uplink, next_hop) => (
                format!("out of uplink {} to next hop {next_hop} as {ends}{ttl}", uplink.0),
                vec![Entry::Address(leaving.source), Entry::Uplink(uplink)],
            ),
        }
    });
}

/// Writes the bytes of a packet that leaves.
pub(crate) fn rewrite(bytes: &mut [u8], packet: &Packet, translated: &Tuple, exit: Exit, routed: bool) {
    let Ok(mut frame) = ethernet::Packet::new_checked(bytes) else { return };
    if let Exit::Port(_, mac) = exit {
        frame.set_source(GATEWAY_MAC);
        frame.set_destination(mac);
    }
    let Ok(mut ip) = ipv4::Packet::new_checked(frame.payload_mut()) else { return };
    if routed {
        ip.set_ttl(packet.ttl.saturating_sub(1));
    }
    let mut changes = Changes::default();
    if let Some((from, to)) = changed(packet.tuple.source, translated.source) {
        ip.set_source(to);
        changes.addresses(from, to);
    }
    if let Some((from, to)) = changed(packet.tuple.destination, translated.destination) {
        ip.set_destination(to);
        changes.addresses(from, to);
    }
    if !packet.later {
        rewrite_transport(ip.payload_mut(), packet, translated, changes);
    }
}

/// Writes the bytes of an ICMP error that leaves. `translated`: what becomes of an answer to the packet that it is about.
pub(crate) fn rewrite_error(
    bytes: &mut [u8],
    packet: &Packet,
    about: &Quoted,
    translated: &Tuple,
    leaving: &Leaving,
    exit: Exit,
) {
    let Ok(mut frame) = ethernet::Packet::new_checked(bytes) else { return };
    if let Exit::Port(_, mac) = exit {
        frame.set_source(GATEWAY_MAC);
        frame.set_destination(mac);
    }
    let Ok(mut ip) = ipv4::Packet::new_checked(frame.payload_mut()) else { return };
    if leaving.routed {
        ip.set_ttl(packet.ttl.saturating_sub(1));
    }
    if let Some((_, to)) = changed(packet.tuple.source, leaving.source) {
        ip.set_source(to);
    }
    if let Some((_, to)) = changed(packet.tuple.destination, leaving.destination) {
        ip.set_destination(to);
    }
    let Ok(mut icmp) = icmp::Packet::new_checked(ip.payload_mut()) else { return };
    icmp.change_quoted(|quoted| rewrite_quoted(quoted, about, &translated.reversed()));
}

fn rewrite_quoted(bytes: &mut [u8], about: &Quoted, to: &Tuple) {
    let (from, mut changes) = (about.tuple, Changes::default());
    let Ok(mut ip) = ipv4::Packet::new_checked(&mut *bytes) else { return };
    if let Some((from, to)) = changed(from.source, to.source) {
        ip.set_source(to);
        changes.addresses(from, to);
    }
    if let Some((from, to)) = changed(from.destination, to.destination) {
        ip.set_destination(to);
        changes.addresses(from, to);
    }
    let transport = bytes.get_mut(ipv4::HEADER..).unwrap_or_default();
    match about.protocol {
        Protocol::Tcp | Protocol::Udp => {
            changes.ports(from.source_port, to.source_port);
            changes.ports(from.destination_port, to.destination_port);
            let Ok(mut udp) = udp::Packet::new_checked(&mut *transport) else { return };
            udp.set_source_port(to.source_port);
            udp.set_destination_port(to.destination_port);
            if about.protocol == Protocol::Udp {
                udp.set_checksum(changes.apply(udp.checksum(), adjust_udp));
            } else if let Some(sum) = transport.get_mut(16..18) {
                let adjusted = changes.apply(u16::from_be_bytes([sum[0], sum[1]]), adjust);
                sum.copy_from_slice(&adjusted.to_be_bytes());
            }
        }
        Protocol::Other(_) => {}
        Protocol::Icmp => {
            let Ok(mut icmp) = icmp::Packet::new_checked(transport) else { return };
            let request = about.echo == Some(Echo::Request);
            let identifier = if request { to.source_port } else { to.destination_port };
            let mut changes = Changes::default();
            changes.ports(icmp.identifier(), identifier);
            icmp.set_identifier(identifier);
            icmp.set_checksum(changes.apply(icmp.checksum(), adjust));
        }
    }
}

fn rewrite_transport(bytes: &mut [u8], packet: &Packet, to: &Tuple, mut changes: Changes) {
    let from = packet.tuple;
    let ports = [(from.source_port, to.source_port), (from.destination_port, to.destination_port)];
    match packet.protocol {
        Protocol::Tcp => {
            let Ok(mut tcp) = tcp::Packet::new_checked(bytes) else { return };
            ports.into_iter().for_each(|(from, to)| changes.ports(from, to));
            tcp.set_source_port(to.source_port);
            tcp.set_destination_port(to.destination_port);
            tcp.set_checksum(changes.apply(tcp.checksum(), adjust));
        }
        Protocol::Udp => {
            let Ok(mut udp) = udp::Packet::new_checked(bytes) else { return };
            ports.into_iter().for_each(|(from, to)| changes.ports(from, to));
            udp.set_source_port(to.source_port);
            udp.set_destination_port(to.destination_port);
            udp.set_checksum(changes.apply(udp.checksum(), adjust_udp));
        }
        Protocol::Other(_) => {}
        Protocol::Icmp => {
            let Ok(mut icmp) = icmp::Packet::new_checked(bytes) else { return };
            let identifier =
                if packet.echo == Some(Echo::Request) { to.source_port } else { to.destination_port };
            let mut changes = Changes::default();
            changes.ports(icmp.identifier(), identifier);
            icmp.set_identifier(identifier);
            icmp.set_checksum(changes.apply(icmp.checksum(), adjust));
        }
    }
}

/// Fields that differ, as (from, to), for a checksum that covers them.
#[derive(Clone, Copy, Default)]
struct Changes([Option<(u32, u32)>; 4]);

impl Changes {
    fn push(&mut self, from: u32, to: u32) {
        if let Some(free) = self.0.iter_mut().find(|change| change.is_none()).filter(|_| from != to) {
            *free = Some((from, to));
        }
    }

    fn addresses(&mut self, from: Ipv4Addr, to: Ipv4Addr) {
        self.push(from.into(), to.into());
    }

    fn ports(&mut self, from: u16, to: u16) {
        self.push(from.into(), to.into());
    }

    fn apply(self, sum: u16, adjust: impl Fn(u16, u32, u32) -> u16) -> u16 {
        self.0.into_iter().flatten().fold(sum, |sum, (from, to)| adjust(sum, from, to))
    }
}

fn changed(from: IpAddr, to: IpAddr) -> Option<(Ipv4Addr, Ipv4Addr)> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) if from != to => Some((from, to)),
        _ => None,
    }
}
