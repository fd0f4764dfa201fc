//! What a server is told: [`ServerSpec`], as somebody writes it, and [`ServerConfig`], which cannot be wrong.

mod check;
mod error;
mod spec;
mod subnet;

use std::collections::HashMap;
use std::net::Ipv4Addr;

pub use error::{ConfigError, Taken};
pub use spec::{
    Boot, ClassMatch, ClassSpec, ClientMatch, LeaseTimes, Limits, Range, Reservation, ServerSpec, SubnetSpec,
    Waits,
};
pub(crate) use subnet::Subnet;

use crate::identity::Seeded;

/// What a server is told, checked and laid out for looking things up.
///
/// Subnets do not overlap, and each is on a link of its own, so that the way of a message says which one it is about.
///
/// One whose subnets have no pools allocates nothing: every client gets the address that is reserved for it, and nobody
/// else gets one. That is the server of a virtual network, whose addresses are decided elsewhere.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(crate) authoritative: bool,
    pub(crate) known_servers: Vec<Ipv4Addr>,
    pub(crate) classes: Vec<ClassSpec>,
    pub(crate) limits: Limits,
    pub(crate) waits: Waits,
    /// By network.
    pub(crate) subnets: Vec<Subnet>,
    by_link: HashMap<u32, u16, Seeded>,
    /// What it calls itself anywhere, in order.
    own: Vec<Ipv4Addr>,
    /// Names that are reserved, and for which addresses: over all subnets, as names are.
    names: HashMap<String, Ipv4Addr, Seeded>,
}

impl ServerConfig {
    /// Checks a specification.
    ///
    /// # Errors
    /// The first thing that cannot be right.
    pub fn new(spec: ServerSpec) -> Result<Self, ConfigError> {
        check::server(&spec)?;
        let mut subnets = spec
            .subnets
            .into_iter()
            .map(|subnet| Subnet::new(subnet, spec.server_id, &spec.options))
            .collect::<Result<Vec<_>, _>>()?;
        subnets.sort_unstable_by_key(|subnet| subnet.first);
        if let Some([a, b]) = subnets.array_windows::<2>().find(|[a, b]| a.last >= b.first) {
            return Err(ConfigError::SubnetsOverlap { one: a.prefix, other: b.prefix });
        }
        let mut by_link = HashMap::with_hasher(Seeded::default());
        for (at, subnet) in (0u16..).zip(&subnets) {
            if let Some(link) = subnet.link
                && by_link.insert(link, at).is_some()
            {
                return Err(ConfigError::LinkTwice { link, subnet: subnet.prefix });
            }
        }
        let mut own: Vec<Ipv4Addr> = subnets.iter().map(|subnet| subnet.server_id).collect();
        own.push(spec.server_id);
        own.sort_unstable();
        own.dedup();
        let mut names = HashMap::with_hasher(Seeded::default());
        let reservations = subnets.iter().flat_map(Subnet::reservations);
        for (name, address) in reservations.filter_map(|it| Some((it.name.clone()?, it.address))) {
            if let Some(other) = names.insert(name.clone(), address) {
                return Err(ConfigError::NameTwice { name, one: other, other: address });
            }
        }
        Ok(Self {
            own,
            names,
            authoritative: spec.authoritative,
            known_servers: spec.known_servers,
            classes: spec.classes,
            limits: spec.limits,
            waits: spec.waits,
            subnets,
            by_link,
        })
    }

    /// The subnet that an address is in.
    pub(crate) fn containing(&self, address: Ipv4Addr) -> Option<u16> {
        let bits = u32::from(address);
        let after = self.subnets.partition_point(|subnet| subnet.first <= bits);
        let at = after.checked_sub(1).filter(|at| self.subnets[*at].last >= bits)?;
        u16::try_from(at).ok()
    }

    /// The subnet of a link.
    pub(crate) fn on_link(&self, link: u32) -> Option<u16> {
        self.by_link.get(&link).copied()
    }

    pub(crate) fn subnet(&self, at: u16) -> &Subnet {
        &self.subnets[usize::from(at)]
    }

    /// Whether a server of this name is this one.
    pub(crate) fn is_own(&self, server: Ipv4Addr) -> bool {
        self.own.binary_search(&server).is_ok()
    }

    /// Adds a reservation to the subnet that its address is in.
    pub(crate) fn reserve(&mut self, reservation: Reservation) -> Result<(), ConfigError> {
        let address = reservation.address;
        let at = self.containing(address).ok_or(ConfigError::NoSubnet { address })?;
        let name = reservation.name.clone();
        if let Some((name, other)) = name.as_ref().and_then(|name| self.names.get_key_value(name)) {
            return Err(ConfigError::NameTwice { name: name.clone(), one: *other, other: address });
        }
        self.subnets[usize::from(at)].reserve(reservation)?;
        self.names.extend(name.map(|name| (name, address)));
        Ok(())
    }

    /// The address that a name is reserved for.
    pub(crate) fn reserved_name(&self, name: &str) -> Option<Ipv4Addr> {
        self.names.get(name).copied()
    }
}
