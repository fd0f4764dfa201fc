//! Ethernet addresses (IEEE 802).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hash::{START, fnv1a};

/// A 48-bit Ethernet address, in the order of the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Whether the group bit is set: multicast, and broadcast with it.
    pub fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// A locally administered unicast address made of a seed (a resource's uid): the same seed, the same address.
    pub fn from_seed(seed: &str) -> Self {
        let b = fnv1a(START, seed.as_bytes()).to_be_bytes();
        Self([0x02, b[1] ^ b[0], b[2], b[3], b[4], b[5] ^ b[6] ^ b[7]])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Why a text is no Ethernet address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no MAC address: write six pairs of hexadecimal digits, as 02:00:5e:10:00:01")]
pub struct ParseMacError(String);

impl FromStr for Mac {
    type Err = ParseMacError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseMacError(text.to_owned());
        let mut octets = [0u8; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts
                .next()
                .filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))
                .ok_or_else(bad)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| bad())?;
        }
        if parts.next().is_some() { Err(bad()) } else { Ok(Self(octets)) }
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_parses() {
        let mac: Mac = "02:00:5E:10:00:01".parse().unwrap();
        assert_eq!(mac.to_string(), "02:00:5e:10:00:01");
        assert!("02:00:5e:10:00".parse::<Mac>().is_err());
        assert!("02:00:5e:10:00:01:02".parse::<Mac>().is_err());
        assert!("+2:00:5e:10:00:01".parse::<Mac>().is_err());
    }

    #[test]
    fn seeds_give_local_unicast_addresses_that_differ() {
        let (a, b) = (Mac::from_seed("a"), Mac::from_seed("b"));
        assert_ne!(a, b);
        assert_eq!(a, Mac::from_seed("a"));
        assert!(!a.is_multicast() && a.0[0] & 2 == 2);
    }

    #[test]
    fn an_instance_keeps_its_address_in_the_next_version() {
        let mac = Mac::from_seed("4f1d7a52-0b6e-4c5e-9a30-6c9d2f1b8e77");
        assert_eq!(mac.to_string(), "02:f7:ad:13:6e:50");
    }
}
