//! Which addresses are inside: what nobody outside may lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The prefixes of IPv4 that no name of the outside leads to (RFC 6890, RFC 1918, RFC 6598).
const INSIDE: [(Ipv4Addr, u32); 11] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Whether an address is of a range that is not the internet's.
pub(crate) fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_inside_v4(v4),
        IpAddr::V6(v6) => is_inside_v6(v6),
    }
}

fn is_inside_v4(address: Ipv4Addr) -> bool {
    INSIDE.iter().any(|(prefix, length)| (u32::from(address) ^ u32::from(*prefix)) >> (32 - length) == 0)
}

/// Unique local, link-local, site-local, multicast, loopback, or an IPv4 address of the kind in one of the forms that
/// translators use (RFC 4291, RFC 6052, RFC 3056).
fn is_inside_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, .., g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    let embedded = match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(v4(g, h)),
        [0x2002, ..] => Some(v4(b, c)),
        _ => None,
    };
    // The first one: for translators inside (RFC 8215).
    [a, b, c] == [0x64, 0xff9b, 1]
        || a & 0xfe00 == 0xfc00
        || a & 0xff80 == 0xfe80
        || a & 0xff00 == 0xff00
        || embedded.is_some_and(is_inside_v4)
}

/// Whether reverse names of this address are asked nowhere else (RFC 6303).
pub(crate) fn is_asked_here(address: IpAddr) -> bool {
    is_inside(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside() {
        for address in [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.9.9",
            "127.0.0.1",
            "0.0.0.0",
            "169.254.169.254",
            "100.127.255.255",
            "239.1.1.1",
            "192.0.0.192",
            "198.19.0.1",
            "64:ff9b:1::8.8.8.8",
            "255.255.255.255",
            "::1",
            "::",
            "fd00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::192.168.0.1",
            "2002:a00:1::",
        ] {
            assert!(is_inside(address.parse().unwrap()), "{address}");
        }
        for address in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "192.169.0.1",
            "2001:db8::1",
            "2606:4700::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::",
        ] {
            assert!(!is_inside(address.parse().unwrap()), "{address}");
        }
    }
}
