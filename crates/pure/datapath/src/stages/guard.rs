//! Whether the sender may send this at all, and what the gateway itself answers. The order of checks is in
//! [`crate::pipeline`].
//!
//! - `multicast`: the destination is 255.255.255.255, of 224.0.0.0/4, or the last address of the port's subnet if that has
//!   at least two host bits.
//! - `martian` from a port: the destination is of 0.0.0.0/8, 127.0.0.0/8, or 169.254.0.0/16 but for the services' addresses in
//!   there, or the port's own address.
//! - `martian` from an uplink: the source is of 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16 or 224.0.0.0/4, or 255.255.255.255, or an address of
//!   any pool.
//! - ARP from a port is answered for the gateway, and for every other endpoint of the VPC and every address of its name
//!   service (UDP port 53) that are in the port's subnet, always with the gateway's Ethernet address.
//! - The Ethernet source of ARP and IPv4 from an uplink is not looked at, nor is the Ethernet destination of ARP from a
//!   port.

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::{Mac, Prefix};
use madang_wire::icmp::Echo;
use madang_wire::{arp, ethernet, icmp, ipv4};

use super::dnat::is_for_services;
use super::parse::Packet;
use crate::abi::{DropReason, ECHO_REQUEST, GATEWAY_TTL, NAME_SERVICE_PORT, Stage};
use crate::trace::Trace;
use crate::view::View;
use crate::{Entry, ForwardKey, GATEWAY_MAC, Port, PortId, Protocol};

/// What the guard of a port lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// On to the next stage.
    On,
    /// An echo request to the gateway: answered by [`answer_echo`].
    GatewayEcho,
}

/// IPv4 from a port.
pub(crate) fn ipv4_from_port(
    id: PortId,
    port: &Port,
    ethernet: &ethernet::Repr,
    packet: &Packet,
    trace: &mut impl Trace,
) -> Result<Passed, DropReason> {
    let passed = check_ipv4(port, ethernet, packet);
    trace.step(Stage::Guard, || {
        let (mac, source, destination) = (ethernet.source, packet.tuple.source, packet.tuple.destination);
        let said = match passed {
            Ok(Passed::On) => format!("{source} and {mac} are what this port may send from"),
            Ok(Passed::GatewayEcho) => format!("the gateway {destination} answers the ping itself"),
            Err(DropReason::SpoofedMac) => {
                format!("{mac} is not this port's Ethernet address, which is {}", port.mac)
            }
            Err(DropReason::SpoofedAddress) => {
                format!("{source} is not this port's address, which is {}", port.address)
            }
            Err(DropReason::WrongMac) => {
                format!(
                    "{} is not the gateway's Ethernet address, which is {GATEWAY_MAC}",
                    ethernet.destination
                )
            }
            Err(DropReason::Multicast) => format!("{destination} is a multicast or broadcast address"),
            Err(DropReason::GatewayOnly) => format!("{destination} is the gateway, which answers only ping"),
            Err(_) => format!("{destination} is nothing that {source} can send to"),
        };
        (said, vec![Entry::Port(id)])
    });
    passed
}

fn check_ipv4(port: &Port, ethernet: &ethernet::Repr, packet: &Packet) -> Result<Passed, DropReason> {
    let destination = packet.tuple.destination;
    if ethernet.source != port.mac {
        return Err(DropReason::SpoofedMac);
    }
    if packet.tuple.source != port.address {
        return Err(DropReason::SpoofedAddress);
    }
    if is_broadcast_or_multicast(destination) || is_last_of(port.subnet, destination) {
        return Err(DropReason::Multicast);
    }
    if (is_never_routed(destination) && !is_for_services(destination)) || destination == port.address {
        return Err(DropReason::Martian);
    }
    if ethernet.destination != GATEWAY_MAC {
        return Err(DropReason::WrongMac);
    }
    match packet.echo {
        _ if destination != port.gateway => Ok(Passed::On),
        Some(Echo::Request) if packet.tuple.destination_port == ECHO_REQUEST => Ok(Passed::GatewayEcho),
        _ => Err(DropReason::GatewayOnly),
    }
}

/// ARP from a port: whether it is answered.
pub(crate) fn arp_from_port(
    view: View<'_>,
    (id, port): (PortId, &Port),
    ethernet: &ethernet::Repr,
    arp: &arp::Repr,
    trace: &mut impl Trace,
) -> Result<(), DropReason> {
    let checked = check_arp(view, port, ethernet, arp);
    trace.step(Stage::Guard, || {
        let target = arp.target;
        let said = match checked {
            Ok(()) => format!("{target} is answered with the gateway's Ethernet address {GATEWAY_MAC}"),
            Err(DropReason::ArpUnanswered) => {
                format!("{target} is the asker's own or no address of its subnet {}", port.subnet)
            }
            Err(reason) => reason.sentence().to_owned(),
        };
        (said, vec![Entry::Port(id)])
    });
    checked
}

fn check_arp(
    view: View<'_>,
    port: &Port,
    ethernet: &ethernet::Repr,
    arp: &arp::Repr,
) -> Result<(), DropReason> {
    let (sender, target) = (IpAddr::V4(arp.sender), IpAddr::V4(arp.target));
    if ethernet.source != port.mac {
        return Err(DropReason::SpoofedMac);
    }
    if arp.operation != arp::Operation::Request {
        return Err(DropReason::ArpNotRequest);
    }
    if arp.sender_mac != port.mac {
        return Err(DropReason::SpoofedMac);
    }
    // A probe has no sender address yet (RFC 5227 section 2.1.1).
    if sender != port.address && !arp.sender.is_unspecified() {
        return Err(DropReason::SpoofedAddress);
    }
    if sender == target {
        return Err(DropReason::ArpNotRequest);
    }
    let names = ForwardKey { address: target, protocol: Protocol::Udp.number(), port: NAME_SERVICE_PORT };
    let somebody = || view.endpoint(port.vpc, target).is_some() || view.service(port.vpc, names).is_some();
    let bound = || port.subnet.contains(target) && somebody();
    let answered = target != port.address && (target == port.gateway || bound());
    if answered { Ok(()) } else { Err(DropReason::ArpUnanswered) }
}

/// Whether the source of what an uplink brings can be outside.
pub(crate) fn ipv4_from_uplink(
    view: View<'_>,
    packet: &Packet,
    trace: &mut impl Trace,
) -> Result<(), DropReason> {
    let source = packet.tuple.source;
    let pool = view.pool_address(source).is_some();
    if pool || is_broadcast_or_multicast(source) || is_never_routed(source) {
        return Err(trace.refuse(Stage::Guard, DropReason::Martian, || {
            let entries = if pool { vec![Entry::Address(source)] } else { Vec::new() };
            (format!("{source} cannot be the address of someone outside"), entries)
        }));
    }
    trace.step(Stage::Guard, || {
        let destination = packet.tuple.destination;
        (format!("{destination} is an address of a pool at this uplink"), vec![Entry::Address(destination)])
    });
    Ok(())
}

/// Makes an ARP request the answer that this Ethernet address has the target.
///
/// Ethernet: from `mac` to where it came from. ARP: operation 2, sender `mac` and what was the target, target what was the
/// sender.
pub(crate) fn answer_arp(bytes: &mut [u8], request: &arp::Repr, mac: Mac) {
    let answer = arp::Repr {
        operation: arp::Operation::Reply,
        sender_mac: mac,
        sender: request.target,
        target_mac: request.sender_mac,
        target: request.sender,
    };
    turn_around(bytes, mac);
    if let Some(mut packet) =
        bytes.get_mut(ethernet::HEADER..).and_then(|arp| arp::Packet::new_checked(arp).ok())
    {
        answer.emit(&mut packet);
    }
}

/// Makes an echo request the gateway's reply.
///
/// Ethernet: from the gateway's address to where it came from. IPv4: addresses swapped, TTL 64, the checksum adjusted only
/// if the TTL was another. ICMP, which a later fragment does not have: type 0, the checksum adjusted from 0x0800 to 0x0000.
pub(crate) fn answer_echo(bytes: &mut [u8], packet: &Packet) {
    turn_around(bytes, GATEWAY_MAC);
    let Some(mut ip) = bytes.get_mut(ethernet::HEADER..).and_then(|ip| ipv4::Packet::new_checked(ip).ok())
    else {
        return;
    };
    ip.swap_addresses();
    if ip.ttl() != GATEWAY_TTL {
        ip.set_ttl(GATEWAY_TTL);
    }
    let transport = if packet.later { &mut [] } else { ip.payload_mut() };
    if let Ok(mut icmp) = icmp::Packet::new_checked(transport) {
        icmp.answer();
    }
}

fn turn_around(bytes: &mut [u8], mac: Mac) {
    if let Ok(mut frame) = ethernet::Packet::new_checked(bytes) {
        frame.set_destination(frame.source());
        frame.set_source(mac);
    }
}

fn is_broadcast_or_multicast(address: IpAddr) -> bool {
    address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// 0.0.0.0/8 (RFC 791: this network), 127.0.0.0/8, or 169.254.0.0/16, which no router forwards (RFC 3927 section 2.7):
/// the outside's metadata service is not an instance's to ask.
fn is_never_routed(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if matches!(v4.octets(), [0 | 127, ..] | [169, 254, ..]))
}

fn is_last_of(subnet: Prefix, address: IpAddr) -> bool {
    subnet.host_bits() >= 2 && subnet.last() == address
}
