//! What can be wrong with a question.

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::Prefix;

use crate::neighbour::Direction;
use crate::{Count, Language};

/// Why there is no answer. Its `Display` is the message in English.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No address.
    #[error("\"{text}\" is no IP address")]
    Address {
        /// What was written.
        text: String,
    },
    /// An address with a zone.
    #[error("\"{text}\" has a zone behind its %, and networks have none")]
    Zone {
        /// What was written.
        text: String,
    },
    /// What is behind the slash is neither a length nor a mask.
    #[error("\"{text}\" is neither a prefix length nor a netmask")]
    Mask {
        /// What was written.
        text: String,
    },
    /// Ones and zeroes by turns.
    #[error("{mask} is no netmask: it has holes ({bits})", bits = crate::binary::with_boundary((*mask).into(), 128))]
    MaskHoles {
        /// What was written.
        mask: Ipv4Addr,
    },
    /// A dotted mask behind an address of IPv6.
    #[error("IPv6 has no dotted netmasks, and {address} is an address of IPv6")]
    MaskOfV6 {
        /// The address before it.
        address: IpAddr,
    },
    /// A length that the family does not have.
    #[error("a prefix length of {length} is too long: an address has {width} bits")]
    Length {
        /// What was written.
        length: u128,
        /// The family's bits.
        width: u8,
    },
    /// An address inside a network, where a network is wanted.
    #[error("{address}/{length} is an address inside a network: the network is {network}", length = network.length())]
    HostBits {
        /// What was written.
        address: IpAddr,
        /// Its network.
        network: Prefix,
    },
    /// No number.
    #[error("\"{text}\" is no whole number")]
    Number {
        /// What was written.
        text: String,
    },
    /// Nothing was given.
    #[error("no prefix was given")]
    Nothing,
    /// Zero subnets.
    #[error("a network cannot be split into 0 subnets")]
    NoSubnets,
    /// Zero hosts.
    #[error("a subnet for 0 hosts is no subnet")]
    NoHosts,
    /// A subnet that is larger than what it is to be in.
    #[error("a /{length} is larger than {within} and does not fit into it")]
    Shorter {
        /// What it is to be in.
        within: Prefix,
        /// The length that was asked for.
        length: u8,
    },
    /// More subnets than there are addresses.
    #[error("{within} cannot be split into {count} subnets: it has {most}", most = crate::text::addresses(most))]
    TooManySubnets {
        /// What is to be split.
        within: Prefix,
        /// What was asked for.
        count: Count,
        /// The most that there can be.
        most: Count,
    },
    /// More hosts than the network has.
    #[error("{hosts} hosts do not fit into {within}: it has room for {most}")]
    TooManyHosts {
        /// What they are to be in.
        within: Prefix,
        /// What was asked for.
        hosts: Count,
        /// What there is room for.
        most: Count,
    },
    /// Addresses of both families, where they are to be of one.
    #[error("{first} and {second} are not of one family: one is IPv4 and one is IPv6")]
    Families {
        /// The first.
        first: IpAddr,
        /// The second.
        second: IpAddr,
    },
    /// A range whose end is before its beginning.
    #[error("the range ends before it begins: {last} is before {first}")]
    Backwards {
        /// Where it was to begin.
        first: IpAddr,
        /// Where it was to end.
        last: IpAddr,
    },
    /// Not NAME=HOSTS.
    #[error("\"{text}\" does not say which subnet is to have how many hosts")]
    Request {
        /// What was written.
        text: String,
    },
    /// Two subnets of one name.
    #[error("two subnets have the name \"{name}\"")]
    SameName {
        /// The name.
        name: String,
    },
    /// The subnets together are larger than the network.
    #[error(
        "the subnets take {needed}, and {within} has {available}: {missing} are missing",
        needed = crate::text::addresses(needed),
        missing = needed.minus(*available)
    )]
    NotEnough {
        /// What they are to be in.
        within: Prefix,
        /// The addresses of all of them.
        needed: Count,
        /// Those of the network.
        available: Count,
    },
    /// No hole is large enough.
    #[error("no /{length} is free in {pool}: {}", full(*free, *largest))]
    Full {
        /// Where it was looked for.
        pool: Prefix,
        /// The length that was asked for.
        length: u8,
        /// How many addresses are free.
        free: Count,
        /// The largest hole.
        largest: Option<Prefix>,
    },
    /// The first or the last of all.
    #[error("there is no prefix {} {prefix}: it is at the end of all addresses", side(*direction))]
    NoNeighbour {
        /// Of which.
        prefix: Prefix,
        /// On which side.
        direction: Direction,
    },
}

fn full(free: Count, largest: Option<Prefix>) -> String {
    match largest {
        None => "all of it is taken".to_owned(),
        Some(hole) => {
            let verb = if free == 1.into() { "is" } else { "are" };
            format!("{} {verb} free, and the largest hole is {hole}", crate::text::addresses(free))
        }
    }
}

fn side(direction: Direction) -> &'static str {
    match direction {
        Direction::Next => "after",
        Direction::Previous => "before",
    }
}

impl Error {
    /// What is wrong, in a sentence.
    pub fn message(&self, language: Language) -> String {
        language.error(self)
    }

    /// What to do about it.
    pub fn hint(&self, language: Language) -> String {
        language.hint(self)
    }
}
