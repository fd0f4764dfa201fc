//! Addresses as bits on a board.

use std::net::IpAddr;

use madang_addr::Family;

/// The mark between the network's bits and the host's.
const BOUNDARY: char = '|';

/// The address's bits: octets with dots between them, or groups of 16 with colons, and a mark behind the network's bits.
pub(crate) fn with_boundary(address: IpAddr, length: u8) -> String {
    let family = Family::of(address);
    let (group, between) = match family {
        Family::V4 => (8, '.'),
        Family::V6 => (16, ':'),
    };
    let bits = Family::bits(address);
    let mut text = String::new();
    for at in 0..family.width() {
        if at > 0 && at % group == 0 {
            text.push(between);
        }
        if at == length {
            text.push(BOUNDARY);
        }
        text.push(if bits >> (family.width() - 1 - at) & 1 == 1 { '1' } else { '0' });
    }
    if length == family.width() {
        text.push(BOUNDARY);
    }
    text
}

/// The same in lines that are short enough: 128 bits take two.
pub(crate) fn rows(bits: &str) -> Vec<String> {
    match bits.match_indices(':').nth(3) {
        Some((half, _)) => vec![bits[..=half].to_owned(), bits[half + 1..].to_owned()],
        None => vec![bits.to_owned()],
    }
}

/// The network's mask.
pub(crate) fn netmask(family: Family, length: u8) -> Option<IpAddr> {
    let host_bits = family.width().checked_sub(length)?;
    let all = u128::MAX >> (128 - u32::from(family.width()));
    family.address(all & u128::MAX.checked_shl(host_bits.into()).unwrap_or(0))
}

/// Each bit of an address the other way round.
pub(crate) fn inverse(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4((!v4.to_bits()).into()),
        IpAddr::V6(v6) => IpAddr::V6((!v6.to_bits()).into()),
    }
}

/// The bits that both have.
pub(crate) fn and(a: IpAddr, b: IpAddr) -> IpAddr {
    Family::of(a).address(Family::bits(a) & Family::bits(b)).unwrap_or(a)
}
