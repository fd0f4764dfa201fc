//! Who names whom.

use crate::{Kind, Object, ObjectRef, Peer, Resource};

/// The resources that a resource names.
pub fn refers_to(resource: &Resource) -> Vec<ObjectRef> {
    let to = |kind: Kind, name: &String| ObjectRef::new(kind, name);
    match resource {
        Resource::Node(_) | Resource::AddressPool(_) | Resource::Vpc(_) => Vec::new(),
        Resource::SecurityGroup(Object { spec, .. }) => {
            let ingress = spec.ingress.iter().flat_map(|rule| &rule.from);
            let egress = spec.egress.iter().flatten().flat_map(|rule| &rule.to);
            let groups = ingress.chain(egress).filter_map(|peer| match peer {
                Peer::Group(name) => Some(to(Kind::SecurityGroup, name)),
                Peer::Cidr(_) => None,
            });
            std::iter::once(to(Kind::Vpc, &spec.vpc)).chain(groups).collect()
        }
        Resource::NatGateway(Object { spec, .. }) => {
            vec![to(Kind::Vpc, &spec.vpc), to(Kind::AddressPool, &spec.pool)]
        }
        Resource::RouteTable(Object { spec, .. }) => {
            let gateways = spec.routes.iter().filter_map(|route| route.nat_gateway.as_ref());
            let gateways = gateways.map(|name| to(Kind::NatGateway, name));
            std::iter::once(to(Kind::Vpc, &spec.vpc)).chain(gateways).collect()
        }
        Resource::Subnet(Object { spec, .. }) => {
            let table = spec.route_table.iter().map(|name| to(Kind::RouteTable, name));
            std::iter::once(to(Kind::Vpc, &spec.vpc)).chain(table).collect()
        }
        Resource::Instance(Object { spec, .. }) => {
            let groups = spec.security_groups.iter().map(|name| to(Kind::SecurityGroup, name));
            std::iter::once(to(Kind::Subnet, &spec.subnet)).chain(groups).collect()
        }
        Resource::PublicAddress(Object { spec, .. }) => {
            let instances = spec.forwards.iter().map(|forward| to(Kind::Instance, &forward.instance));
            std::iter::once(to(Kind::AddressPool, &spec.pool)).chain(instances).collect()
        }
    }
}
