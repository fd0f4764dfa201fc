//! A subnet's particular addresses.

use std::net::IpAddr;

use madang_addr::{Family, Prefix};
use serde::Serialize;

use crate::Count;

/// A prefix and what its addresses are for. See the [crate]'s table of what is usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subnet {
    /// The subnet itself.
    pub prefix: Prefix,
    /// The first address that a host may have.
    pub first_usable: IpAddr,
    /// The last address that a host may have.
    pub last_usable: IpAddr,
    /// The broadcast address: of IPv4 up to /30.
    pub broadcast: Option<IpAddr>,
    /// The last address of all.
    pub last: IpAddr,
    /// All addresses.
    pub addresses: Count,
    /// Those that hosts may have.
    pub usable: Count,
}

impl From<Prefix> for Subnet {
    fn from(prefix: Prefix) -> Self {
        let (first, last) = (prefix.address(), prefix.last());
        let addresses = Count::power(prefix.host_bits());
        let reserved = reserved(prefix);
        let before = |address: IpAddr| prefix.family().address(Family::bits(address).saturating_sub(1));
        Self {
            prefix,
            first_usable: if reserved > 0 { prefix.nth(1).unwrap_or(first) } else { first },
            last_usable: if reserved > 1 { before(last).unwrap_or(last) } else { last },
            broadcast: (reserved > 1).then_some(last),
            last,
            addresses,
            usable: addresses.minus(u128::from(reserved).into()),
        }
    }
}

/// How many addresses of a prefix no host may have.
pub(crate) fn reserved(prefix: Prefix) -> u8 {
    if prefix.host_bits() < 2 { 0 } else { reserved_of(prefix.family()) }
}

/// The same of a subnet that has room for more than the ends of a link.
pub(crate) fn reserved_of(family: Family) -> u8 {
    match family {
        Family::V4 => 2,
        Family::V6 => 1,
    }
}
