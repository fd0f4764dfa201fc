//! What an assertion is about: the two ends of a connection, as they are written.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use madang_addr::Prefix;

use crate::{Kind, is_dns_label};

/// One end of what an assertion speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AssertedEnd {
    /// `internet`: whatever lies beyond the uplinks.
    Internet,
    /// A CIDR or an address.
    Addresses(Prefix),
    /// A name, and of which kind, if that is said: `web-1`, `instance/web-1`.
    Named(Option<Kind>, String),
}

/// The kinds that an end can be of.
pub const ASSERTABLE: [Kind; 3] = [Kind::Instance, Kind::SecurityGroup, Kind::PublicAddress];

impl FromStr for AssertedEnd {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "internet" {
            return Ok(Self::Internet);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Addresses(Prefix::host(address)));
        }
        let Some((first, name)) = text.split_once('/') else {
            let named = is_dns_label(text).then(|| Self::Named(None, text.to_owned()));
            return named.ok_or_else(|| format!("{text:?} is no place"));
        };
        if first.parse::<IpAddr>().is_ok() {
            return text
                .parse()
                .map(Self::Addresses)
                .map_err(|e: madang_addr::ParsePrefixError| e.to_string());
        }
        match assertable(first) {
            Some(kind) if is_dns_label(name) => Ok(Self::Named(Some(kind), name.to_owned())),
            _ => Err(format!("{text:?} is no place")),
        }
    }
}

impl fmt::Display for AssertedEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internet => f.write_str("internet"),
            Self::Addresses(prefix) if prefix.host_bits() == 0 => write!(f, "{}", prefix.address()),
            Self::Addresses(prefix) => write!(f, "{prefix}"),
            Self::Named(Some(kind), name) => write!(f, "{kind}/{name}"),
            Self::Named(None, name) => f.write_str(name),
        }
    }
}

/// The kind of this name, if an end can be of it.
fn assertable(name: &str) -> Option<Kind> {
    let name = name.to_lowercase();
    let is = |kind: &Kind| {
        kind.name().to_lowercase() == name || kind.plural() == name || kind.short_names().contains(&&*name)
    };
    ASSERTABLE.into_iter().find(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written() {
        let named = |kind, name: &str| AssertedEnd::Named(kind, name.to_owned());
        for (text, end) in [
            ("internet", AssertedEnd::Internet),
            ("web-1", named(None, "web-1")),
            ("instance/web-1", named(Some(Kind::Instance), "web-1")),
            ("SecurityGroup/web", named(Some(Kind::SecurityGroup), "web")),
            ("sg/web", named(Some(Kind::SecurityGroup), "web")),
            ("eip/front", named(Some(Kind::PublicAddress), "front")),
            ("10.0.0.0/8", AssertedEnd::Addresses("10.0.0.0/8".parse().unwrap())),
            ("10.0.1.4", AssertedEnd::Addresses("10.0.1.4/32".parse().unwrap())),
        ] {
            assert_eq!(text.parse(), Ok(end), "{text}");
        }
        for text in ["", "Web 1", "subnet/web", "instance/", "instance/a/b", "10.0.0.1/8", "10.0.0/8", "a/b"]
        {
            assert!(text.parse::<AssertedEnd>().is_err(), "{text}");
        }
        assert_eq!("sg/web".parse::<AssertedEnd>().unwrap().to_string(), "SecurityGroup/web");
        assert_eq!("10.0.1.4/32".parse::<AssertedEnd>().unwrap().to_string(), "10.0.1.4");
    }
}
