//! Classless static routes (RFC 3442).

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::Prefix;

/// A route that a client is told: to a prefix of IPv4, through a router; through 0.0.0.0 it is on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Where to.
    pub destination: Prefix,
    /// Through whom.
    pub router: Ipv4Addr,
}

impl Route {
    /// The option's value. A route to a prefix of IPv6 is left out.
    pub fn encode(routes: &[Self]) -> Vec<u8> {
        let mut out = Vec::new();
        for route in routes {
            let IpAddr::V4(network) = route.destination.address() else { continue };
            let length = route.destination.length();
            out.push(length);
            out.extend_from_slice(&network.octets()[..usize::from(length.div_ceil(8))]);
            out.extend_from_slice(&route.router.octets());
        }
        out
    }

    /// The routes of an option; none of them, if one is malformed. Bits behind a prefix are cleared, as the RFC wants.
    pub fn decode(value: &[u8]) -> Option<Vec<Self>> {
        let mut routes = Vec::new();
        let mut rest = value;
        while let [length, after @ ..] = rest {
            let significant = usize::from(length.div_ceil(8));
            let mut network = [0; 4];
            network.get_mut(..significant)?.copy_from_slice(after.get(..significant)?);
            let router: [u8; 4] = after.get(significant..significant + 4)?.try_into().ok()?;
            let destination = Prefix::containing(IpAddr::from(network), *length).ok()?;
            routes.push(Self { destination, router: router.into() });
            rest = &after[significant + 4..];
        }
        Some(routes)
    }
}
