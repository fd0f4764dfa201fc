//! The two families of addresses, and addresses as the numbers that they are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

/// Whether an address is one of IPv4 or of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Family {
    /// 32 bits (RFC 791).
    V4,
    /// 128 bits (RFC 8200).
    V6,
}

impl Family {
    /// The address's.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// An address's bits: 32 or 128.
    pub fn width(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The address as a number.
    pub fn bits(address: IpAddr) -> u128 {
        match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            IpAddr::V6(v6) => v6.to_bits(),
        }
    }

    /// The address that is this number, if the family has it.
    pub fn address(self, bits: u128) -> Option<IpAddr> {
        let address = self.truncated(bits);
        (Self::bits(address) == bits).then_some(address)
    }

    /// The address of the lowest bits.
    pub(crate) fn truncated(self, bits: u128) -> IpAddr {
        match self {
            Self::V4 => {
                let [.., a, b, c, d] = bits.to_be_bytes();
                Ipv4Addr::new(a, b, c, d).into()
            }
            Self::V6 => Ipv6Addr::from_bits(bits).into(),
        }
    }
}
