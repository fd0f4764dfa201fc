//! What the sender of a dropped packet is told: an ICMP error (RFC 792), as a router tells it (RFC 1812 section 4.3).
//!
//! | reason | type and code |
//! |---|---|
//! | `ttlExceeded` | 11, 0: time exceeded in transit |
//! | `noRoute`, `noPublicAddress`, `natGone`, `noUplink` | 3, 0: net unreachable |
//! | `noInstance`, `noForward` | 3, 1: host unreachable |
//! | `tooLarge` | 3, 4: fragmentation needed, with the MTU in the last 16 bits of the second word (RFC 1191) |
//! | `egressDenied`, `ingressDenied` | 3, 13: communication administratively prohibited |
//!
//! Who is outside is told `ttlExceeded` alone, and learns nothing about what is inside. Nothing is told about an ICMP error or
//! a fragment but the first (RFC 1122 section 3.2.2), nor about what the guard or parsing drops, nor of a blackhole. Out of one interface at most
//! [`crate::abi::ERRORS_A_SECOND`] are sent in a second of the clock; the others are dropped silently, and so is a
//! frame that has fewer than the 28 bytes that would be brought back.
//!
//! # Bytes
//!
//! The frame has 14 + 56 bytes then: Ethernet with both addresses swapped; IPv4 with TOS 0xc0 (internetwork control),
//! identification and flags 0, TTL 64, from the port's gateway (at an uplink: from the packet's destination) to the
//! packet's source; ICMP with its second word 0 but for an MTU; then the packet's header and the 8 bytes after it, as they came.

use std::net::{IpAddr, Ipv4Addr};

use madang_wire::{checksum, ethernet, icmp, ipv4};

use crate::VpcId;
use crate::abi::{DropReason, ERROR_TOS, GATEWAY_TTL};

/// How much of a packet is brought back.
const QUOTED: usize = ipv4::HEADER + 8;

/// Type and code of what is told of a packet that is dropped for this reason; none: nothing is.
pub(crate) fn message(reason: DropReason, vpc: VpcId) -> Option<[u8; 2]> {
    use DropReason::{
        EgressDenied, IngressDenied, NatGone, NoForward, NoInstance, NoPublicAddress, NoRoute, NoUplink,
        TooLarge, TtlExceeded,
    };
    match reason {
        TtlExceeded => Some([11, 0]),
        _ if vpc == VpcId::OUTSIDE => None,
        NoRoute | NoPublicAddress | NatGone | NoUplink => Some([3, 0]),
        NoInstance | NoForward => Some([3, 1]),
        TooLarge => Some([3, 4]),
        EgressDenied | IngressDenied => Some([3, 13]),
        _ => None,
    }
}

/// Whether as much of the frame's packet is there as is brought back.
pub(crate) fn can_quote(bytes: &[u8]) -> bool {
    bytes.len() >= ethernet::HEADER + QUOTED
}

/// Makes a packet's frame what its sender is told.
pub(crate) fn refuse(bytes: &mut Vec<u8>, from: IpAddr, to: IpAddr, message: [u8; 2], mtu: u16) {
    let (IpAddr::V4(from), IpAddr::V4(to)) = (from, to) else { return };
    let Some(quoted) = bytes.get(ethernet::HEADER..ethernet::HEADER + QUOTED) else { return };
    let icmp = error(message, mtu, quoted);
    bytes.truncate(ethernet::HEADER);
    bytes.extend(header(from, to, icmp.len()));
    bytes.extend(icmp);
    if let Ok(mut frame) = ethernet::Packet::new_checked(bytes) {
        let receiver = frame.source();
        frame.set_source(frame.destination());
        frame.set_destination(receiver);
    }
}

fn header(from: Ipv4Addr, to: Ipv4Addr, payload: usize) -> [u8; ipv4::HEADER] {
    let [high, low] = u16::try_from(ipv4::HEADER + payload).unwrap_or(u16::MAX).to_be_bytes();
    let ([a, b, c, d], [e, f, g, h]) = (from.octets(), to.octets());
    let mut header =
        [0x45, ERROR_TOS, high, low, 0, 0, 0, 0, GATEWAY_TTL, icmp::PROTOCOL, 0, 0, a, b, c, d, e, f, g, h];
    let sum = checksum::of(&[&header]).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    header
}

fn error([kind, code]: [u8; 2], mtu: u16, quoted: &[u8]) -> Vec<u8> {
    let [high, low] = mtu.to_be_bytes();
    let mut error = vec![kind, code, 0, 0, 0, 0, high, low];
    error.extend(quoted);
    let sum = checksum::of(&[&error]).to_be_bytes();
    error[2..4].copy_from_slice(&sum);
    error
}
