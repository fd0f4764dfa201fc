//! The zones of DNS that lead from addresses back to names (RFC 1035 section 3.5, RFC 3596 section 2.5, RFC 2317).

use std::net::IpAddr;

use madang_addr::{Family, Prefix};
use serde::Serialize;

/// The reverse zones of a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reverse {
    /// The name of the address that was asked for.
    pub pointer: String,
    /// How the zones follow from the prefix.
    pub style: ReverseStyle,
    /// The zones: at most 128.
    pub zones: Vec<String>,
}

/// How the zones follow from a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ReverseStyle {
    /// The prefix ends at an octet, or at a nibble in IPv6: it is one zone.
    One,
    /// It ends within one: there is a zone for each value that this may have.
    Several,
    /// It is less than the smallest zone: one in the style of RFC 2317, to which the zone above has aliases.
    Classless,
}

impl Reverse {
    /// Of an address in a prefix.
    pub(crate) fn of(address: IpAddr, prefix: Prefix) -> Self {
        let family = prefix.family();
        let step = bits_of_label(family);
        let pointer = name(address, family.width() / step);
        let partial = prefix.length() % step;
        if partial == 0 {
            let zone = name(prefix.address(), prefix.length() / step);
            return Self { pointer, style: ReverseStyle::One, zones: vec![zone] };
        }
        let end = prefix.length() - partial + step;
        if family == Family::V4 && end == family.width() {
            let parent = name(prefix.address(), 3);
            let first = Family::bits(prefix.address()) & 0xff;
            let zone = format!("{first}/{}.{parent}", prefix.length());
            return Self { pointer, style: ReverseStyle::Classless, zones: vec![zone] };
        }
        let subnets = prefix.subnets(end).into_iter().flatten();
        let zones = subnets.map(|subnet| name(subnet.address(), end / step)).collect();
        Self { pointer, style: ReverseStyle::Several, zones }
    }
}

/// The bits that a label of a name stands for: an octet, or a nibble.
fn bits_of_label(family: Family) -> u8 {
    match family {
        Family::V4 => 8,
        Family::V6 => 4,
    }
}

/// The name of the first labels of an address, the last of them first.
fn name(address: IpAddr, labels: u8) -> String {
    let family = Family::of(address);
    let step = bits_of_label(family);
    let bits = Family::bits(address);
    let label = |n: u8| {
        let value = bits >> (family.width() - step * (n + 1)) & (u128::MAX >> (128 - step));
        match family {
            Family::V4 => format!("{value}."),
            Family::V6 => format!("{value:x}."),
        }
    };
    let zone = match family {
        Family::V4 => "in-addr.arpa",
        Family::V6 => "ip6.arpa",
    };
    (0..labels).rev().map(label).collect::<String>() + zone
}
