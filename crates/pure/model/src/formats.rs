//! Small values that are written as text, and what is said of those that are not right.

use std::net::IpAddr;
use std::str::FromStr;

use madang_addr::{ParsePrefixError, Prefix};

use crate::scalars::LIST;
use crate::words::quote;
use crate::{CpuQuantity, MemoryQuantity, Peer, PortRange};

/// What is wrong with a value, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// How a text must be written; named in JSON Schema's `format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Address,
    Cidr,
    Peer,
    PoolEntry,
    PortRange,
    AddressRange,
    Cpu,
    Memory,
}

impl Format {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ipv4" => Self::Address,
            "cidr" => Self::Cidr,
            "peer" => Self::Peer,
            "pool-entry" => Self::PoolEntry,
            "port-range" => Self::PortRange,
            "address-range" => Self::AddressRange,
            "cpu" => Self::Cpu,
            "memory" => Self::Memory,
            _ => return None,
        })
    }

    /// What is expected, in plain words.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Address => "an address (as 10.0.1.4)",
            Self::Cidr => "a CIDR (as 10.0.0.0/16)",
            Self::Peer => "a CIDR or the name of a security group",
            Self::PoolEntry => "an address or a CIDR",
            Self::PortRange => "a port or a range of ports",
            Self::AddressRange => "a range of addresses (as 192.168.5.100-192.168.5.200)",
            Self::Cpu => "an amount of CPU (as 500m)",
            Self::Memory => "an amount of memory (as 64Mi)",
        }
    }

    /// Whether a number will do as well as text.
    pub(crate) fn takes_numbers(self) -> bool {
        matches!(self, Self::PortRange | Self::Cpu | Self::Memory)
    }

    /// What is wrong with the text.
    pub(crate) fn complaint(self, text: &str) -> Option<Complaint> {
        match self {
            Self::Address => address(text),
            Self::Cidr => cidr(text),
            Self::Peer => match text.contains('/') && !text.starts_with(LIST) {
                true => cidr(text),
                false => peer(text),
            },
            Self::PoolEntry => match text.contains('/') {
                true => cidr(text),
                false => address(text),
            },
            Self::PortRange => plain::<PortRange>(text),
            Self::AddressRange => plain::<crate::AddressRange>(text),
            Self::Cpu => plain::<CpuQuantity>(text),
            Self::Memory => plain::<MemoryQuantity>(text),
        }
    }
}

/// A value that is not of the form: what the form is.
fn invalid(message: String, hint: impl Into<String>) -> Complaint {
    Complaint { code: "invalidValue", message, hint: Some(hint.into()) }
}

/// IPv6 is not there yet.
pub(crate) fn ipv6(written: impl std::fmt::Display) -> Complaint {
    Complaint {
        code: "ipv6NotYet",
        message: format!("{written} is IPv6, which is not there yet"),
        hint: Some("use IPv4 for now".to_owned()),
    }
}

fn address(text: &str) -> Option<Complaint> {
    match text.parse() {
        Ok(IpAddr::V4(_)) => None,
        Ok(IpAddr::V6(_)) => Some(ipv6(text)),
        Err(_) => {
            let hint = match text.split_once('/') {
                Some((address, _)) if address.parse::<IpAddr>().is_ok() => {
                    format!("write it without its length: {address}")
                }
                _ => "write four numbers of 0 to 255, as 10.0.1.4".to_owned(),
            };
            Some(invalid(format!("{} is no address", quote(text)), hint))
        }
    }
}

fn cidr(text: &str) -> Option<Complaint> {
    match text.parse::<Prefix>() {
        Ok(prefix) if prefix.address().is_ipv4() => None,
        Ok(_) | Err(ParsePrefixError::HostBits { network: Prefix { .. }, address: IpAddr::V6(_), .. }) => {
            Some(ipv6(text))
        }
        Err(ParsePrefixError::HostBits { network, .. }) => Some(Complaint {
            code: "hostBits",
            message: format!("{text} has host bits set: the network is {network}"),
            hint: Some(format!("write {network}")),
        }),
        Err(ParsePrefixError::Length { length, max }) => {
            Some(invalid(format!("{text} has a length of {length}"), format!("write a length of 0 to {max}")))
        }
        Err(ParsePrefixError::Syntax(_)) => {
            let hint = match text.parse::<IpAddr>() {
                Ok(address) => format!("write its length too, as {address}/24"),
                Err(_) => "write an address and a length, as 10.0.0.0/16".to_owned(),
            };
            Some(invalid(format!("{} is no CIDR", quote(text)), hint))
        }
    }
}

fn peer(text: &str) -> Option<Complaint> {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) => Some(ipv6(text)),
        Ok(address) => {
            let hint = match address.is_unspecified() {
                true => "write 0.0.0.0/0 for anybody".to_owned(),
                false => format!("write {} for this address alone", Prefix::host(address)),
            };
            Some(invalid(format!("{text} is an address without a length"), hint))
        }
        Err(_) if text.parse::<Peer>().is_ok() => None,
        Err(_) => Some(invalid(
            format!("{} is neither a CIDR, nor the name of a security group, nor a prefix list", quote(text)),
            "write 10.0.0.0/8, 0.0.0.0/0 for anybody, a name of lower-case letters, digits and dashes, or prefixlist/ and such a name",
        )),
    }
}

/// A value whose own error says all.
fn plain<T: FromStr<Err = String>>(text: &str) -> Option<Complaint> {
    let error = text.parse::<T>().err()?;
    // "what is wrong: what to write"
    let (message, hint) =
        error.split_once(": ").map_or((error.as_str(), None), |(m, h)| (m, Some(h.to_owned())));
    Some(Complaint { code: "invalidValue", message: message.to_owned(), hint })
}

impl From<Complaint> for crate::Diagnostic {
    fn from(complaint: Complaint) -> Self {
        Self { hint: complaint.hint, ..Self::new(complaint.code, complaint.message) }
    }
}
