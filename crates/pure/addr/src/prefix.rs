//! Prefixes: a network's address and how many of its bits are the network (RFC 4632).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A network prefix of either family. It cannot have host bits set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// `0.0.0.0/0`.
    pub const ANY_V4: Self = Self { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), length: 0 };

    /// The prefix of this address and length, if the length fits the family and no host bit is set.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, ParsePrefixError> {
        let network = Self::containing(address, length)?;
        if network.address == address {
            Ok(network)
        } else {
            Err(ParsePrefixError::HostBits { address, length, network })
        }
    }

    /// The prefix of this length that the address is in.
    pub fn containing(address: IpAddr, length: u8) -> Result<Self, ParsePrefixError> {
        let max = if address.is_ipv4() { 32 } else { 128 };
        if length > max {
            return Err(ParsePrefixError::Length { length, max });
        }
        Ok(Self { address: from_bits(address.is_ipv4(), bits(address) & mask(max - length)), length })
    }

    /// The prefix that has this address alone: /32 or /128.
    pub fn host(address: IpAddr) -> Self {
        Self { address, length: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// The network's first address.
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// The network part, in bits.
    pub fn length(self) -> u8 {
        self.length
    }

    /// The host part, in bits.
    pub fn host_bits(self) -> u8 {
        if self.address.is_ipv4() { 32 - self.length } else { 128 - self.length }
    }

    /// The network's last address: the broadcast address of an IPv4 subnet.
    pub fn last(self) -> IpAddr {
        from_bits(self.address.is_ipv4(), bits(self.address) | !mask(self.host_bits()))
    }

    /// The address this many after the first, while it is inside.
    pub fn nth(self, n: u128) -> Option<IpAddr> {
        let inside = n & mask(self.host_bits()) == 0;
        inside.then(|| from_bits(self.address.is_ipv4(), bits(self.address) | n))
    }

    /// Whether the address is inside. Never across families.
    pub fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4()
            && bits(address) & mask(self.host_bits()) == bits(self.address)
    }

    /// Whether all of the other is inside.
    pub fn covers(self, other: Self) -> bool {
        self.length <= other.length && self.contains(other.address)
    }

    /// Whether they share an address.
    pub fn overlaps(self, other: Self) -> bool {
        self.covers(other) || other.covers(self)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn from_bits(v4: bool, bits: u128) -> IpAddr {
    if v4 {
        let [.., a, b, c, d] = bits.to_be_bytes();
        Ipv4Addr::new(a, b, c, d).into()
    } else {
        Ipv6Addr::from(bits).into()
    }
}

/// All ones, but for this many zeroes at the end.
fn mask(host_bits: u8) -> u128 {
    u128::MAX.checked_shl(u32::from(host_bits)).unwrap_or(0)
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Why a text is no prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePrefixError {
    /// Not of the form address/length.
    #[error("\"{0}\" is no prefix: write address/length, as 10.0.0.0/16")]
    Syntax(String),
    /// More bits than the family has.
    #[error("a prefix length of {length} is too long: at most {max}")]
    Length {
        /// What was asked for.
        length: u8,
        /// The family's bits.
        max: u8,
    },
    /// The address is one inside the network, not the network's.
    #[error("{address}/{length} has host bits set: the network is {network}")]
    HostBits {
        /// What was written.
        address: IpAddr,
        /// What was written.
        length: u8,
        /// The prefix that was most likely meant.
        network: Prefix,
    },
}

impl FromStr for Prefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let syntax = || ParsePrefixError::Syntax(text.to_owned());
        let (address, length) = text.split_once('/').ok_or_else(syntax)?;
        if !length.bytes().all(|b| b.is_ascii_digit()) {
            return Err(syntax());
        }
        Self::new(address.parse().map_err(|_| syntax())?, length.parse().map_err(|_| syntax())?)
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn refuses_host_bits_and_names_the_network() {
        let error = "10.0.1.5/24".parse::<Prefix>().unwrap_err();
        assert_eq!(error.to_string(), "10.0.1.5/24 has host bits set: the network is 10.0.1.0/24");
        assert!("10.0.0.0".parse::<Prefix>().is_err());
        assert!("10.0.0.0/33".parse::<Prefix>().is_err());
        assert!("10.0.0.0/+8".parse::<Prefix>().is_err());
        assert!("10.0.0.0/".parse::<Prefix>().is_err());
    }

    #[test]
    fn first_last_and_nth() {
        let net = prefix("192.168.1.8/29");
        assert_eq!(net.last().to_string(), "192.168.1.15");
        assert_eq!(net.nth(7), Some(net.last()));
        assert_eq!(net.nth(8), None);
        assert_eq!(prefix("0.0.0.0/0").last().to_string(), "255.255.255.255");
        assert_eq!(prefix("::/0").nth(5).unwrap().to_string(), "::5");
        assert_eq!(prefix("10.1.2.3/32").nth(0).unwrap().to_string(), "10.1.2.3");
    }

    #[test]
    fn covers_and_overlaps() {
        let (big, small) = (prefix("10.0.0.0/8"), prefix("10.2.0.0/16"));
        assert!(big.covers(small) && !small.covers(big) && big.overlaps(small) && small.overlaps(big));
        assert!(!prefix("10.0.0.0/16").overlaps(prefix("10.1.0.0/16")));
        assert!(!Prefix::ANY_V4.contains("::1".parse().unwrap()));
    }
}
