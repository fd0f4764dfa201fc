//! How the specs' small values are written: ports, peers, pool entries, quantities.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use madang_addr::Prefix;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{AddressRange, CpuQuantity, MemoryQuantity, Peer, PoolEntry, PortRange};

/// Whether the text is a DNS label (RFC 1123): what every name must be.
pub fn is_dns_label(text: &str) -> bool {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inside)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A number that is written in digits alone: no sign, no spaces.
fn digits<N: FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first() == self.last() {
            write!(f, "{}", self.first())
        } else {
            write!(f, "{}-{}", self.first(), self.last())
        }
    }
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("\"{text}\" is no port or range of ports: write 80 or \"8000-8100\"");
        let port = |t: &str| digits(t).ok_or_else(bad);
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (port(first)?, port(last)?),
            None => (port(text)?, port(text)?),
        };
        Self::new(first, last).ok_or_else(|| format!("the port range {text} ends before it begins"))
    }
}

/// What stands before the name of a prefix list, where other names may stand too.
pub(crate) const LIST: &str = "prefixlist/";

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cidr(prefix) => write!(f, "{prefix}"),
            Self::Group(name) => f.write_str(name),
            Self::List(name) => write!(f, "{LIST}{name}"),
        }
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix(LIST) {
            let list = is_dns_label(name).then(|| Self::List(name.to_owned()));
            return list.ok_or_else(|| format!("\"{name}\" is no name of a prefix list"));
        }
        if text.contains('/') {
            return text.parse().map(Self::Cidr).map_err(|e: madang_addr::ParsePrefixError| e.to_string());
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            let host = Prefix::host(address);
            return Err(format!("{text} has no prefix length: write {host} for this address alone"));
        }
        if is_dns_label(text) {
            Ok(Self::Group(text.to_owned()))
        } else {
            Err(format!(
                "\"{text}\" is neither a CIDR, as 10.0.0.0/8, nor the name of a security group, nor a prefix list, as prefixlist/office"
            ))
        }
    }
}

impl fmt::Display for PoolEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.host_bits() == 0 { write!(f, "{}", self.0.address()) } else { write!(f, "{}", self.0) }
    }
}

impl FromStr for PoolEntry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self(Prefix::host(address)));
        }
        text.parse().map(Self).map_err(|e: madang_addr::ParsePrefixError| e.to_string())
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first() == self.last() {
            write!(f, "{}", self.first())
        } else {
            write!(f, "{}-{}", self.first(), self.last())
        }
    }
}

/// Of a CIDR it is what hosts can have: neither the network's address nor the broadcast address.
impl FromStr for AddressRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad =
            || format!("\"{text}\" is no range of addresses: write 192.168.5.100-192.168.5.200, or a CIDR");
        let address = |text: &str| text.trim().parse::<Ipv4Addr>().map_err(|_| bad());
        if let Some((first, last)) = text.split_once('-') {
            let range = Self::new(address(first)?, address(last)?);
            return range.ok_or_else(|| format!("the range {text} ends before it begins"));
        }
        if let Ok(one) = text.parse() {
            return Self::new(one, one).ok_or_else(bad);
        }
        let prefix: Prefix = text.parse().map_err(|_| bad())?;
        let (IpAddr::V4(first), IpAddr::V4(last)) = (prefix.address(), prefix.last()) else {
            return Err(bad());
        };
        let ends = u32::from(prefix.host_bits() > 1);
        let (first, last) = (u32::from(first) + ends, u32::from(last) - ends);
        Self::new(first.into(), last.into()).ok_or_else(bad)
    }
}

impl fmt::Display for CpuQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) { write!(f, "{}", self.0 / 1000) } else { write!(f, "{}m", self.0) }
    }
}

impl FromStr for CpuQuantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("\"{text}\" is no amount of CPU: write 2, 0.5 or 500m");
        let millis = match text.strip_suffix('m') {
            Some(millis) => digits(millis).ok_or_else(bad)?,
            None => {
                let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
                if !(1..=3).contains(&fraction.len()) {
                    return Err(bad());
                }
                let thousandths = digits::<u32>(&format!("{fraction:0<3}")).ok_or_else(bad)?;
                let whole: u32 = digits(whole).ok_or_else(bad)?;
                whole.checked_mul(1000).and_then(|w| w.checked_add(thousandths)).ok_or_else(bad)?
            }
        };
        if millis == 0 { Err(bad()) } else { Ok(Self(millis)) }
    }
}

const MEMORY_UNITS: [(&str, u64); 8] = [
    ("Ti", 1 << 40),
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
    ("T", 1_000_000_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("k", 1_000),
];

impl fmt::Display for MemoryQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match MEMORY_UNITS.iter().find(|(_, unit)| self.0.is_multiple_of(*unit)) {
            Some((suffix, unit)) if self.0 > 0 => write!(f, "{}{suffix}", self.0 / unit),
            _ => write!(f, "{}", self.0),
        }
    }
}

impl FromStr for MemoryQuantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("\"{text}\" is no amount of memory: write 64Mi, 1Gi or a number of bytes");
        let unit = MEMORY_UNITS.iter().find(|(suffix, _)| text.ends_with(suffix));
        let (number, unit) =
            unit.map_or((text, 1), |(suffix, unit)| (&text[..text.len() - suffix.len()], *unit));
        let bytes = digits::<u64>(number).and_then(|n| n.checked_mul(unit)).ok_or_else(bad)?;
        if bytes == 0 { Err(bad()) } else { Ok(Self(bytes)) }
    }
}

/// Text, or a plain number where YAML makes one of what was written.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    match value {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        other => Err(de::Error::custom(format!("expected text or a number, found {other}"))),
    }
}

macro_rules! written {
    ($type:ty, $name:literal, $schema:tt) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text_or_number(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}

written!(PortRange, "PortRange", { "format": "port-range", "x-kubernetes-int-or-string": true, "anyOf": [{ "type": "integer", "minimum": 0, "maximum": 65535 }, { "type": "string", "pattern": "^[0-9]+(-[0-9]+)?$" }], "description": "A port, or a range as \"8000-8100\"." });
written!(Peer, "Peer", { "format": "peer", "type": "string", "description": "A CIDR, as 10.0.0.0/8, the name of a security group of the VPC, or a prefix list, as prefixlist/office." });
written!(PoolEntry, "PoolEntry", { "format": "pool-entry", "type": "string", "description": "An address, or a CIDR of addresses." });
written!(AddressRange, "AddressRange", { "format": "address-range", "type": "string", "description": "Addresses, as 192.168.5.100-192.168.5.200, a CIDR or one address." });
written!(CpuQuantity, "CpuQuantity", { "format": "cpu", "x-kubernetes-int-or-string": true, "anyOf": [{ "type": "number" }, { "type": "string" }], "description": "CPUs: 2, 0.5 or 500m." });
written!(MemoryQuantity, "MemoryQuantity", { "format": "memory", "x-kubernetes-int-or-string": true, "anyOf": [{ "type": "integer" }, { "type": "string" }], "description": "Memory: 64Mi, 1Gi or bytes." });

macro_rules! schema_only {
    ($(#[$doc:meta])* $type:ident, $schema:tt) => {
        $(#[$doc])*
        pub(crate) struct $type;

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}

schema_only!(
    /// The schema of a [`Prefix`].
    Cidr, { "type": "string", "format": "cidr" });
schema_only!(
    /// The schema of an address. IPv4 alone until IPv6 is there.
    Address, { "type": "string", "format": "ipv4" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_parses_to_the_same() {
        for text in ["500m", "2", "1500m"] {
            assert_eq!(text.parse::<CpuQuantity>().unwrap().to_string(), text);
        }
        assert_eq!("0.5".parse::<CpuQuantity>(), Ok(CpuQuantity(500)));
        for text in ["64Mi", "1Gi", "500M", "17"] {
            assert_eq!(text.parse::<MemoryQuantity>().unwrap().to_string(), text);
        }
        for text in ["80", "8000-8100"] {
            assert_eq!(text.parse::<PortRange>().unwrap().to_string(), text);
        }
        for text in ["10.0.0.0/8", "web", "prefixlist/office"] {
            assert_eq!(text.parse::<Peer>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "-1", "90-80", "80-", "65536", "a", "+80"] {
            assert!(text.parse::<PortRange>().is_err(), "{text}");
        }
        for text in ["", "0", "m", "1.2345", "-1", "99999999999", "+1", "+5m", "5.", ".5", "1.+5"] {
            assert!(text.parse::<CpuQuantity>().is_err(), "{text}");
        }
        for text in ["", "0", "64Zi", "-1", "99999999999999Ti", "+5Mi", "Mi", " 5"] {
            assert!(text.parse::<MemoryQuantity>().is_err(), "{text}");
        }
        assert!("10.0.0.1".parse::<Peer>().unwrap_err().contains("10.0.0.1/32"));
        assert!("Web Servers".parse::<Peer>().is_err());
    }
}
