//! Looking things up in the tables as the kernel's maps do: by generation, and by longest prefix.

use std::net::IpAddr;

use madang_addr::Prefix;

use crate::{
    ClassId, Direction, Endpoint, Forward, ForwardKey, Generations, Names, Nat, NatId, Outside, PolicyId,
    PortPrefix, Protocol, Route, RouteTableId, Rule, Tables, Uplink, UplinkId, VpcId, VpcTables,
};

/// The tables at their generations. A VPC at generation 0 has nothing.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) generations: &'a Generations,
    /// What people call those who have addresses, if somebody knows.
    pub(crate) names: Option<&'a Names>,
}

impl<'a> View<'a> {
    fn vpc(self, vpc: VpcId) -> Option<&'a VpcTables> {
        self.tables.vpcs.get(&vpc).filter(|_| self.generations.of(vpc) != 0)
    }

    fn outside(self) -> Option<&'a Outside> {
        (self.generations.of(VpcId::OUTSIDE) != 0).then_some(&self.tables.outside)
    }

    /// What people call who has the address.
    pub(crate) fn name(self, vpc: VpcId, address: IpAddr) -> Option<&'a str> {
        self.names?.0.get(&(vpc, address)).map(String::as_str)
    }

    /// Who has the address.
    pub(crate) fn endpoint(self, vpc: VpcId, address: IpAddr) -> Option<&'a Endpoint> {
        self.vpc(vpc)?.endpoints.get(&address)
    }

    /// What the address is to the rules: the class of its longest prefix, or 0.
    pub(crate) fn class(self, vpc: VpcId, address: IpAddr) -> (ClassId, Option<Prefix>) {
        let classes = self.vpc(vpc).map(|tables| &tables.classes);
        let longest = classes.and_then(|classes| {
            longest_prefix(address, |upper| {
                classes.range(..=upper).next_back().map(|(prefix, class)| (*prefix, *class))
            })
        });
        longest.map_or_else(Default::default, |(prefix, class)| (class, Some(prefix)))
    }

    /// The route for the address: that of its longest prefix.
    pub(crate) fn route(self, vpc: VpcId, table: RouteTableId, address: IpAddr) -> Option<(Prefix, Route)> {
        let routes = &self.vpc(vpc)?.routes;
        longest_prefix(address, |upper| {
            let mut up_to = routes.range((table, Prefix::ANY_V4)..=(table, upper));
            up_to.next_back().map(|((_, prefix), route)| (*prefix, *route))
        })
    }

    /// A rule that allows it: about the peer's class or about every peer, for the protocol or for all, of the longest port
    /// prefix.
    pub(crate) fn rule(self, vpc: VpcId, asked: Asked) -> Option<Rule> {
        let rules = &self.vpc(vpc)?.rules;
        let Asked { policy, direction, class, protocol, port } = asked;
        let kinds = [class, ClassId(0)]
            .into_iter()
            .flat_map(|class| [(class, Some(protocol.number())), (class, None)]);
        kinds.into_iter().find_map(|(class, protocol)| {
            let at = |ports| Rule { policy, direction, class, protocol, ports };
            let mut length = 16;
            loop {
                let upper = at(PortPrefix::containing(port, length));
                let found = *rules.range(at(PortPrefix::ALL)..=upper).next_back()?;
                if found.ports.contains(port) {
                    return Some(found);
                }
                // What contains the port and sorts before this one contains this one's base too.
                length = (found.ports.base() ^ port).leading_zeros().try_into().unwrap_or(0);
            }
        })
    }

    /// An interface to the outside.
    pub(crate) fn uplink(self, uplink: UplinkId) -> Option<&'a Uplink> {
        self.outside()?.uplinks.get(&uplink)
    }

    /// The uplink that a pool's address is at.
    pub(crate) fn pool_address(self, address: IpAddr) -> Option<UplinkId> {
        self.outside()?.addresses.get(&address).copied()
    }

    /// A NAT.
    pub(crate) fn nat(self, nat: NatId) -> Option<&'a Nat> {
        self.outside()?.nats.get(&nat)
    }

    /// Where a public port or address leads: never to services.
    pub(crate) fn forward(self, key: ForwardKey) -> Option<Forward> {
        self.outside()?.forwards.get(&key).copied().filter(|forward| forward.vpc != VpcId::SERVICES)
    }

    /// Where a VPC's instances reach a service, and nothing else.
    pub(crate) fn service(self, vpc: VpcId, key: ForwardKey) -> Option<Forward> {
        self.vpc(vpc)?.forwards.get(&key).copied().filter(|forward| forward.vpc == VpcId::SERVICES)
    }
}

/// What a packet needs a rule for.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) policy: PolicyId,
    pub(crate) direction: Direction,
    pub(crate) class: ClassId,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
}

/// The longest prefix that the address is in, of an ordered map; `up_to` gives its greatest prefix up to one.
fn longest_prefix<V>(address: IpAddr, up_to: impl Fn(Prefix) -> Option<(Prefix, V)>) -> Option<(Prefix, V)> {
    let mut upper = Prefix::host(address);
    loop {
        let (found, value) = up_to(upper)?;
        if found.contains(address) {
            return Some((found, value));
        }
        // What contains the address and sorts before this one contains this one's address too. Families do not mix.
        upper = Prefix::containing(address, common_bits(found.address(), address)?).ok()?;
    }
}

fn common_bits(a: IpAddr, b: IpAddr) -> Option<u8> {
    let zeros = match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u32::from(a) ^ u32::from(b)).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a) ^ u128::from(b)).leading_zeros(),
        _ => return None,
    };
    zeros.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn small_prefix() -> impl Strategy<Value = Prefix> {
        (any::<u32>(), 0u8..=32).prop_map(|(bits, length)| {
            Prefix::containing(Ipv4Addr::from(bits & 0x0303_0303).into(), length).unwrap()
        })
    }

    proptest! {
        #[test]
        fn the_longest_prefix_is_that_of_a_scan(
            prefixes in prop::collection::btree_map(small_prefix(), any::<u32>().prop_map(ClassId), 0..40), bits: u32, v6: u128,
        ) {
            let address = IpAddr::from(Ipv4Addr::from(bits & 0x0303_0303));
            let routes = prefixes.keys().map(|prefix| ((RouteTableId(5), *prefix), Route::Local)).collect();
            let mut tables = Tables::default();
            tables.vpcs.insert(VpcId(1), VpcTables { classes: prefixes.clone(), routes, ..Default::default() });
            let mut generations = Generations::default();
            generations.raise(VpcId(1));
            let view = View { tables: &tables, generations: &generations, names: None };
            let scan = prefixes.iter().filter(|(p, _)| p.contains(address)).max_by_key(|(p, _)| p.length());
            prop_assert_eq!(view.class(VpcId(1), address).1, scan.map(|(p, _)| *p));
            prop_assert_eq!(view.class(VpcId(1), address).0, scan.map_or(ClassId(0), |(_, class)| *class));
            prop_assert_eq!(view.route(VpcId(1), RouteTableId(5), address).map(|r| r.0), scan.map(|(p, _)| *p));
            prop_assert_eq!(view.route(VpcId(1), RouteTableId(4), address), None);
            prop_assert_eq!(view.class(VpcId(1), IpAddr::from(v6.to_be_bytes())).1, None);
        }

        #[test]
        fn a_rule_is_found_if_a_scan_finds_one(
            rules in prop::collection::btree_set((0u16..32, 10u8..=16, prop::option::of(prop::sample::select(vec![6u8, 17]))), 0..30),
            port in 0u16..40,
        ) {
            let rule = |(port, length, protocol)| Rule {
                policy: PolicyId(1),
                direction: Direction::Ingress,
                class: ClassId(2),
                protocol,
                ports: PortPrefix::containing(port, length),
            };
            let mut tables = Tables::default();
            let rules = rules.into_iter().map(rule).collect();
            let vpc = tables.vpcs.entry(VpcId(1)).or_default();
            vpc.rules = rules;
            let vpc = vpc.clone();
            let mut generations = Generations::default();
            generations.raise(VpcId(1));
            let view = View { tables: &tables, generations: &generations, names: None };
            let asked = Asked { policy: PolicyId(1), direction: Direction::Ingress, class: ClassId(2), protocol: Protocol::Tcp, port };
            let fits = |rule: &&Rule| rule.protocol.is_none_or(|p| p == 6) && rule.ports.contains(port);
            let scan = vpc.rules.iter().filter(fits).max_by_key(|rule| (rule.protocol, rule.ports.length()));
            prop_assert_eq!(view.rule(VpcId(1), asked), scan.copied());
        }
    }
}
