//! Prefixes: a network's address and how many of its bits are the network (RFC 4632).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Family;

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

    /// The same for constants: `None` where [`Prefix::new`] says what is wrong.
    pub const fn constant(address: IpAddr, length: u8) -> Option<Self> {
        let (bits, width) = match address {
            IpAddr::V4(v4) => (v4.to_bits() as u128, 32),
            IpAddr::V6(v6) => (v6.to_bits(), 128),
        };
        if length > width || (length < width && bits << (128 - width + length) != 0) {
            return None;
        }
        Some(Self { address, length })
    }

    /// The prefix of this length that the address is in.
    pub fn containing(address: IpAddr, length: u8) -> Result<Self, ParsePrefixError> {
        let family = Family::of(address);
        let max = family.width();
        if length > max {
            return Err(ParsePrefixError::Length { length, max });
        }
        Ok(Self { address: family.truncated(bits(address) & mask(max - length)), length })
    }

    /// The prefix that has this address alone: /32 or /128.
    pub fn host(address: IpAddr) -> Self {
        Self { address, length: Family::of(address).width() }
    }

    /// IPv4 or IPv6.
    pub fn family(self) -> Family {
        Family::of(self.address)
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
        self.family().width() - self.length
    }

    /// The network's last address: the broadcast address of an IPv4 subnet.
    pub fn last(self) -> IpAddr {
        self.family().truncated(bits(self.address) | !mask(self.host_bits()))
    }

    /// The address this many after the first, while it is inside.
    pub fn nth(self, n: u128) -> Option<IpAddr> {
        let inside = n & mask(self.host_bits()) == 0;
        inside.then(|| self.family().truncated(bits(self.address) | n))
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

    /// The prefix that is one bit shorter: it and its sibling. `None` of /0.
    pub fn parent(self) -> Option<Self> {
        Self::containing(self.address, self.length.checked_sub(1)?).ok()
    }

    /// Its two subnets that are one bit longer. `None` of a single address.
    pub fn halves(self) -> Option<[Self; 2]> {
        let length = self.length + 1;
        let half = 1u128.checked_shl(u32::from(self.host_bits().checked_sub(1)?))?;
        Some([Self { length, ..self }, Self { address: self.nth(half)?, length }])
    }

    /// The prefix of the same length after it, if there is one in the family.
    pub fn next(self) -> Option<Self> {
        let first = bits(self.last()).checked_add(1)?;
        Some(Self { address: self.family().address(first)?, length: self.length })
    }

    /// The prefix of the same length before it, if there is one.
    pub fn previous(self) -> Option<Self> {
        let last = self.family().truncated(bits(self.address).checked_sub(1)?);
        Self::containing(last, self.length).ok()
    }

    /// All of its subnets of a length, lowest first; `None` if the length is shorter than its own, or too long. None is
    /// made before it is asked for.
    pub fn subnets(self, length: u8) -> Option<Subnets> {
        let fits = length >= self.length && length <= self.family().width();
        fits.then_some(Subnets { next: Some(Self { length, ..self }), within: self })
    }
}

/// What [`Prefix::subnets`] gives.
#[derive(Clone, Debug)]
pub struct Subnets {
    next: Option<Prefix>,
    within: Prefix,
}

impl Iterator for Subnets {
    type Item = Prefix;

    fn next(&mut self) -> Option<Prefix> {
        let next = self.next?;
        self.next = next.next().filter(|after| self.within.covers(*after));
        Some(next)
    }
}

fn bits(address: IpAddr) -> u128 {
    Family::bits(address)
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
mod tests;
