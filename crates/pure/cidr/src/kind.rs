//! What addresses are for: the IANA's special-purpose registries of IPv4 and IPv6 (RFC 6890), and those of multicast.
//!
//! Of the entries that an address is in, the smallest says what it is. Addresses in none are global.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use madang_addr::Prefix;
use serde::Serialize;

use Kind::*;
use Reach::{Depends, Global, Local};

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "each is what `words` says of it; the registry below says where it is defined"
)]
pub enum Kind {
    Public,
    Private,
    UniqueLocal,
    Shared,
    Loopback,
    LinkLocal,
    SiteLocal,
    ThisNetwork,
    Unspecified,
    Broadcast,
    Documentation,
    Benchmarking,
    Reserved,
    Unallocated,
    Multicast,
    ProtocolAssignments,
    ServiceContinuity,
    Dummy,
    PortControl,
    Relay,
    DnsSd,
    Nat64Discovery,
    Nat64,
    LocalNat64,
    As112,
    MulticastTunnel,
    SixToFourRelay,
    SixToFour,
    Teredo,
    Mapped,
    Compatible,
    Discard,
    Orchid,
    OrchidV2,
    DroneId,
    SegmentRouting,
}

/// From where an address can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Reach {
    /// From the whole Internet.
    Global,
    /// Not from the Internet.
    Local,
    /// The registry does not say, or it is for a group of receivers.
    Depends,
}

/// An entry of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Special {
    /// The addresses that it is about.
    pub block: Prefix,
    /// What they are for.
    pub kind: Kind,
    /// From where they can be reached.
    pub reach: Reach,
    /// Where that is defined.
    pub rfc: &'static str,
}

impl Special {
    /// The smallest entry that the address is in.
    pub fn of(address: IpAddr) -> Self {
        let found = REGISTRY.iter().filter(|entry| entry.block.contains(address));
        let smallest = found.max_by_key(|entry| entry.block.length()).copied();
        smallest.unwrap_or(if address.is_ipv4() { PUBLIC_V4 } else { UNALLOCATED_V6 })
    }

    /// All entries, the IANA's and those of multicast.
    pub fn all() -> &'static [Self] {
        &REGISTRY
    }
}

const PUBLIC_V4: Special = v4([0, 0, 0, 0], 0, Public, Global, "RFC 791");
const UNALLOCATED_V6: Special = v6([0; 8], 0, Unallocated, Local, "RFC 4291");

const fn v4([a, b, c, d]: [u8; 4], length: u8, kind: Kind, reach: Reach, rfc: &'static str) -> Special {
    entry(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), length, kind, reach, rfc)
}

const fn v6(groups: [u16; 8], length: u8, kind: Kind, reach: Reach, rfc: &'static str) -> Special {
    let [a, b, c, d, e, f, g, h] = groups;
    entry(IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), length, kind, reach, rfc)
}

/// Only for constants: the compiler refuses an entry that has host bits.
const fn entry(address: IpAddr, length: u8, kind: Kind, reach: Reach, rfc: &'static str) -> Special {
    match Prefix::constant(address, length) {
        Some(block) => Special { block, kind, reach, rfc },
        None => panic!("an entry of the registry has host bits"),
    }
}

/// In the order of the registries, as of 2025.
static REGISTRY: [Special; 56] = [
    v4([0, 0, 0, 0], 8, ThisNetwork, Local, "RFC 791"),
    v4([0, 0, 0, 0], 32, Unspecified, Local, "RFC 1122"),
    v4([10, 0, 0, 0], 8, Private, Local, "RFC 1918"),
    v4([100, 64, 0, 0], 10, Shared, Local, "RFC 6598"),
    v4([127, 0, 0, 0], 8, Loopback, Local, "RFC 1122"),
    v4([169, 254, 0, 0], 16, LinkLocal, Local, "RFC 3927"),
    v4([172, 16, 0, 0], 12, Private, Local, "RFC 1918"),
    v4([192, 0, 0, 0], 24, ProtocolAssignments, Local, "RFC 6890"),
    v4([192, 0, 0, 0], 29, ServiceContinuity, Local, "RFC 7335"),
    v4([192, 0, 0, 8], 32, Dummy, Local, "RFC 7600"),
    v4([192, 0, 0, 9], 32, PortControl, Global, "RFC 7723"),
    v4([192, 0, 0, 10], 32, Relay, Global, "RFC 8155"),
    v4([192, 0, 0, 170], 31, Nat64Discovery, Local, "RFC 8880"),
    v4([192, 0, 2, 0], 24, Documentation, Local, "RFC 5737"),
    v4([192, 31, 196, 0], 24, As112, Global, "RFC 7535"),
    v4([192, 52, 193, 0], 24, MulticastTunnel, Global, "RFC 7450"),
    v4([192, 88, 99, 0], 24, SixToFourRelay, Depends, "RFC 7526"),
    v4([192, 168, 0, 0], 16, Private, Local, "RFC 1918"),
    v4([192, 175, 48, 0], 24, As112, Global, "RFC 7534"),
    v4([198, 18, 0, 0], 15, Benchmarking, Local, "RFC 2544"),
    v4([198, 51, 100, 0], 24, Documentation, Local, "RFC 5737"),
    v4([203, 0, 113, 0], 24, Documentation, Local, "RFC 5737"),
    v4([224, 0, 0, 0], 4, Multicast, Depends, "RFC 5771"),
    v4([233, 252, 0, 0], 24, Documentation, Local, "RFC 6676"),
    v4([239, 0, 0, 0], 8, Multicast, Local, "RFC 2365"),
    v4([240, 0, 0, 0], 4, Reserved, Local, "RFC 1112"),
    v4([255, 255, 255, 255], 32, Broadcast, Local, "RFC 8190"),
    v6([0; 8], 128, Unspecified, Local, "RFC 4291"),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, Loopback, Local, "RFC 4291"),
    v6([0; 8], 96, Compatible, Local, "RFC 4291"),
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, Mapped, Local, "RFC 4291"),
    v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, Nat64, Global, "RFC 6052"),
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, LocalNat64, Local, "RFC 8215"),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, Discard, Local, "RFC 6666"),
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64, Dummy, Local, "RFC 9780"),
    v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, Public, Global, "RFC 4291"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, ProtocolAssignments, Local, "RFC 2928"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, Teredo, Depends, "RFC 4380"),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128, PortControl, Global, "RFC 7723"),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 2], 128, Relay, Global, "RFC 8155"),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 3], 128, DnsSd, Global, "RFC 9665"),
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, Benchmarking, Local, "RFC 5180"),
    v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, MulticastTunnel, Global, "RFC 7450"),
    v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, As112, Global, "RFC 7535"),
    v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, Orchid, Local, "RFC 4843"),
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, OrchidV2, Global, "RFC 7343"),
    v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, DroneId, Global, "RFC 9374"),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, Documentation, Local, "RFC 3849"),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, SixToFour, Depends, "RFC 3056"),
    v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, As112, Global, "RFC 7534"),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Documentation, Local, "RFC 9637"),
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, SegmentRouting, Local, "RFC 9602"),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, UniqueLocal, Local, "RFC 4193"),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, LinkLocal, Local, "RFC 4291"),
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, SiteLocal, Local, "RFC 3879"),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Multicast, Depends, "RFC 4291"),
];
