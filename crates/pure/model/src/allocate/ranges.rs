//! What addresses are given from.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use madang_addr::Prefix;

use crate::addresses::{FIRST_USABLE, LONGEST_SUBNET, capacity, size};
use crate::words::count;
use crate::{Diagnostic, Resource, qualified};

/// The subnets and the pools, by name.
pub(super) struct Ranges {
    subnets: BTreeMap<String, Range>,
    pools: BTreeMap<String, Range>,
}

impl Ranges {
    pub(super) fn new<'a>(resources: impl Iterator<Item = &'a Resource>) -> Self {
        let mut ranges = Self { subnets: BTreeMap::new(), pools: BTreeMap::new() };
        for resource in resources {
            let name = resource.object_ref().qualified_name();
            match resource {
                Resource::Subnet(subnet) => {
                    ranges.subnets.insert(name.clone(), Range::subnet(&name, subnet.spec.cidr));
                }
                Resource::AddressPool(pool) => {
                    let prefixes = pool.spec.addresses.iter().map(|entry| entry.0).collect();
                    ranges.pools.insert(name.clone(), Range::pool(&name, prefixes));
                }
                _ => {}
            }
        }
        ranges
    }

    /// Where a resource's address comes from.
    pub(super) fn of(&mut self, resource: &Resource) -> Option<&mut Range> {
        match resource {
            Resource::Instance(o) => {
                self.subnets.get_mut(&qualified(o.metadata.namespace.as_deref(), &o.spec.subnet))
            }
            Resource::NatGateway(o) => self.pools.get_mut(&o.spec.pool),
            Resource::PublicAddress(o) => self.pools.get_mut(&o.spec.pool),
            _ => None,
        }
    }
}

/// Addresses to give, from the lowest. What is before the cursor is given.
pub(super) struct Range {
    what: String,
    holds: String,
    way_out: &'static str,
    /// Prefixes, each with the numbers of the first address to give and the one after the last.
    parts: Vec<(Prefix, u128, u128)>,
    pub(super) taken: HashSet<IpAddr>,
    part: usize,
    cursor: u128,
}

impl Range {
    fn subnet(name: &str, cidr: Prefix) -> Self {
        let instances = count(capacity(cidr), "instance", "instances");
        let right = cidr.address().is_ipv4() && cidr.length() <= LONGEST_SUBNET;
        let end = u128::from(size(cidr)) - 1;
        let parts = if right { vec![(cidr, FIRST_USABLE, end)] } else { Vec::new() };
        Self {
            what: format!("subnet {name} ({cidr})"),
            holds: format!("it holds {instances}: five of its {} addresses are reserved", size(cidr)),
            way_out: "use a larger subnet or another one, or delete instances of this one",
            ..Self::of(parts)
        }
    }

    fn pool(name: &str, mut prefixes: Vec<Prefix>) -> Self {
        prefixes.retain(|prefix| prefix.address().is_ipv4());
        prefixes.sort_unstable();
        let addresses = count(prefixes.iter().map(|prefix| size(*prefix)).sum(), "address", "addresses");
        Self {
            what: format!("address pool {name}"),
            holds: format!("it holds {addresses}"),
            way_out: "add addresses to it, or delete a NAT gateway or a public address that uses it",
            ..Self::of(prefixes.into_iter().map(|prefix| (prefix, 0, u128::from(size(prefix)))).collect())
        }
    }

    fn of(parts: Vec<(Prefix, u128, u128)>) -> Self {
        let cursor = parts.first().map_or(0, |(_, first, _)| *first);
        let (what, holds, taken) = (String::new(), String::new(), HashSet::new());
        Self { what, holds, way_out: "", parts, taken, part: 0, cursor }
    }

    /// The lowest address that is free, which is not free then.
    pub(super) fn next(&mut self) -> Option<IpAddr> {
        loop {
            let (prefix, _, end) = *self.parts.get(self.part)?;
            while self.cursor < end {
                let address = prefix.nth(self.cursor)?;
                self.cursor += 1;
                if self.taken.insert(address) {
                    return Some(address);
                }
            }
            self.part += 1;
            self.cursor = self.parts.get(self.part).map_or(0, |(_, first, _)| *first);
        }
    }

    pub(super) fn exhausted(&self) -> Diagnostic {
        Diagnostic::new("exhausted", format!("{} has no free address", self.what))
            .cause(self.holds.clone())
            .hint(self.way_out)
    }
}
