//! What can be wrong with a configuration.

use std::net::Ipv4Addr;

use madang_addr::Prefix;

/// What cannot be right in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ConfigError {
    /// No host has such an address.
    #[error("the server cannot call itself {address}: give it an address of its own that clients reach")]
    ServerId { address: Ipv4Addr },
    /// Only IPv4.
    #[error("the subnet {subnet} is not of IPv4: this server speaks DHCP for IPv4")]
    Family { subnet: Prefix },
    /// More than can be counted.
    #[error("there are {count} subnets: a server has at most {most}")]
    TooManySubnets { count: usize, most: u16 },
    /// One address, two subnets.
    #[error("the subnets {one} and {other} overlap: an address is in one subnet")]
    SubnetsOverlap { one: Prefix, other: Prefix },
    /// One link, two subnets.
    #[error("the subnet {subnet} is on link {link}, and another one too: a link has one subnet")]
    LinkTwice { link: u32, subnet: Prefix },
    /// The first is after the last.
    #[error("the range {first}-{last} of the subnet {subnet} ends before it begins")]
    RangeBackwards { subnet: Prefix, first: Ipv4Addr, last: Ipv4Addr },
    /// An address of a pool is not in the subnet.
    #[error("the pool {first}-{last} is not within its subnet {subnet}")]
    PoolOutside { subnet: Prefix, first: Ipv4Addr, last: Ipv4Addr },
    /// One address, two pools.
    #[error("two pools of the subnet {subnet} have {address}")]
    PoolsOverlap { subnet: Prefix, address: Ipv4Addr },
    /// An address that no client can have.
    #[error(
        "a pool of the subnet {subnet} has {address}, which is its {what}: exclude it or end the pool before it"
    )]
    PoolHas { subnet: Prefix, address: Ipv4Addr, what: Taken },
    /// Nobody reaches it.
    #[error("the router {router} is not in its subnet {subnet}: clients could not reach it")]
    RouterOutside { subnet: Prefix, router: Ipv4Addr },
    /// A reservation is not in its subnet.
    #[error("{address} is reserved and not in its subnet {subnet}")]
    ReservationOutside { subnet: Prefix, address: Ipv4Addr },
    /// A reservation is in no subnet.
    #[error("{address} is to be reserved and in no subnet of this server")]
    NoSubnet { address: Ipv4Addr },
    /// An address that no client can have.
    #[error("{address} is reserved for a client, and it is the {what} of the subnet {subnet}")]
    ReservationHas { subnet: Prefix, address: Ipv4Addr, what: Taken },
    /// One address, two clients.
    #[error("{address} is reserved twice: an address belongs to one client")]
    AddressReservedTwice { address: Ipv4Addr },
    /// One client, two addresses of one subnet.
    #[error(
        "the client of {address} has another reservation in the subnet {subnet}: a client has one address"
    )]
    ClientReservedTwice { subnet: Prefix, address: Ipv4Addr },
    /// An identifier has two bytes or more (RFC 2132 section 9.14).
    #[error(
        "the client identifier of {address} has {length} bytes: it has a type and something more, 2 to 255 in all"
    )]
    ClientIdLength { address: Ipv4Addr, length: usize },
    /// No name of a host.
    #[error("{name:?} is no host name: use letters, digits and - between them, at most 63")]
    Name { name: String },
    /// One name, two addresses.
    #[error("the name {name} is reserved for {one} and for {other}: a name leads to one address")]
    NameTwice { name: String, one: Ipv4Addr, other: Ipv4Addr },
    /// The times contradict each other.
    #[error(
        "the lease times of the subnet {subnet} are {min}, {default} and {max} s: they must not be 0, and not fall"
    )]
    LeaseBounds { subnet: Prefix, min: u32, default: u32, max: u32 },
    /// T1 is before T2, which is before the end.
    #[error(
        "clients of the subnet {subnet} would renew after {renew} and rebind after {rebind} thousandths: use 0 < renew < rebind < 1000"
    )]
    Renewal { subnet: Prefix, renew: u16, rebind: u16 },
    /// The server sets it.
    #[error("option {code} cannot be set: the server knows what it must be")]
    OptionIsTheServers { code: u8 },
    /// It does not fit into its field.
    #[error("the {field} of the subnet {subnet} has {length} bytes: at most {most}")]
    BootName { subnet: Prefix, field: &'static str, length: usize, most: usize },
    /// Nothing could ever be given.
    #[error("the limit {limit} is 0: no client would get an address")]
    LimitIsZero { limit: &'static str },
}

/// Why an address is no client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The subnet's own address.
    Network,
    /// The subnet's broadcast address.
    Broadcast,
    /// A router of the subnet.
    Router,
    /// The server itself.
    Server,
}

impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Network => "network address",
            Self::Broadcast => "broadcast address",
            Self::Router => "router",
            Self::Server => "server",
        })
    }
}
