//! The records that the kernel's programs and the loader share: the twins of `bpf/abi.h`, which says what they mean.

use std::mem::{offset_of, size_of};
use std::net::{IpAddr, Ipv6Addr};

use zerocopy::byteorder::network_endian::U16 as Be16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The version of these layouts, and part of where they are pinned.
pub(crate) const ABI: u32 = 2;

macro_rules! records {
    ($($(#[$doc:meta])* struct $name:ident { $($field:ident: $type:ty,)* } = $size:literal)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C)]
        pub(crate) struct $name { $(pub(crate) $field: $type,)* }
        const _: () = assert!(size_of::<$name>() == $size);
    )*};
}

records! {
    /// An address of either family in 16 bytes.
    struct Addr { octets: [[u8; 4]; 4], } = 16

    struct PortRecord {
        vpc: u32,
        mac: [u8; 6],
        subnet_length: u8,
        pad: u8,
        address: Addr,
        subnet: Addr,
        gateway: Addr,
    } = 60

    struct VpcRecord { current: u32, next: u32, } = 8

    struct AddressKey { vpc: u32, generation: u32, address: Addr, } = 24

    struct EndpointRecord { port: u32, policy: u32, routes: u32, nat: u32, mac: [u8; 6], of_host: u8, pad: u8, } = 24

    struct ClassKey { length: u32, vpc: u32, generation: u32, address: Addr, } = 28

    struct RouteKey { length: u32, vpc: u32, generation: u32, table: u32, address: Addr, } = 32

    struct RouteRecord { kind: u32, nat: u32, } = 8

    struct RuleKey {
        length: u32,
        vpc: u32,
        generation: u32,
        policy: u32,
        class: u32,
        direction: u8,
        protocol: u8,
        port: Be16,
    } = 24

    struct NumberKey { vpc: u32, generation: u32, number: u32, } = 12

    struct NatRecord { address: Addr, first_port: u16, last_port: u16, } = 20

    struct UplinkRecord { next_hop: Addr, mac: [u8; 6], mtu: u16, } = 24

    struct ForwardKeyRecord {
        vpc: u32,
        generation: u32,
        address: Addr,
        port: Be16,
        protocol: u8,
        pad: u8,
    } = 28

    struct ForwardRecord { address: Addr, vpc: u32, port: Be16, pad: [u8; 2], } = 24

    struct FlowKeyRecord {
        vpc: u32,
        protocol: u8,
        pad: [u8; 3],
        src_port: Be16,
        dst_port: Be16,
        zero: u32,
        src: Addr,
        dst: Addr,
    } = 48

    struct FlowRecord {
        src: Addr,
        dst: Addr,
        src_port: Be16,
        dst_port: Be16,
        vpc: u32,
        generation: u32,
        outside_generation: u32,
        state: u32,
        way: u32,
        deadline: u64,
        packets: u64,
        bytes: u64,
    } = 80

    struct DropKey { ifindex: u32, reason: u32, } = 8
}

const _: () = assert!(offset_of!(PortRecord, gateway) == 44);
const _: () = assert!(offset_of!(RuleKey, port) == 22);
const _: () = assert!(offset_of!(FlowKeyRecord, src) == 16);
const _: () = assert!(offset_of!(FlowRecord, deadline) == 56);

/// How many bits of a key stand before the part whose prefix counts.
pub(crate) const CLASS_KEY_BITS: u32 = 64;
pub(crate) const ROUTE_KEY_BITS: u32 = 96;
pub(crate) const RULE_KEY_BITS: u32 = 144;

pub(crate) const ROUTE_LOCAL: u32 = 1;
pub(crate) const ROUTE_INTERNET: u32 = 2;
pub(crate) const ROUTE_NAT: u32 = 3;
pub(crate) const ROUTE_BLACKHOLE: u32 = 4;

pub(crate) const INGRESS: u8 = 0;
pub(crate) const EGRESS: u8 = 1;

impl From<IpAddr> for Addr {
    fn from(address: IpAddr) -> Self {
        let v6 = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        zerocopy::transmute!(v6.octets())
    }
}

impl From<Addr> for IpAddr {
    fn from(address: Addr) -> Self {
        let octets: [u8; 16] = zerocopy::transmute!(address);
        Ipv6Addr::from(octets).to_canonical()
    }
}
