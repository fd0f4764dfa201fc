//! Which names in a spec mean other resources of the same project, or of the host.

use crate::{Kind, ObjectRef, Peer, Resource};

/// Each name in the spec that means another resource, with the kind of that, to be read or replaced. The ends of an
/// assertion are not among them: they may be of several kinds, or addresses.
pub fn references_mut(resource: &mut Resource, mut each: impl FnMut(Kind, &mut String)) {
    match resource {
        Resource::SecurityGroup(group) => {
            each(Kind::Vpc, &mut group.spec.vpc);
            let ingress = group.spec.ingress.iter_mut().flat_map(|rule| &mut rule.from);
            let egress = group.spec.egress.iter_mut().flatten().flat_map(|rule| &mut rule.to);
            for peer in ingress.chain(egress) {
                match peer {
                    Peer::Group(name) => each(Kind::SecurityGroup, name),
                    Peer::List(name) => each(Kind::PrefixList, name),
                    Peer::Cidr(_) => {}
                }
            }
        }
        Resource::NatGateway(nat) => {
            each(Kind::Vpc, &mut nat.spec.vpc);
            each(Kind::AddressPool, &mut nat.spec.pool);
        }
        Resource::RouteTable(table) => {
            each(Kind::Vpc, &mut table.spec.vpc);
            let gateways = table.spec.routes.iter_mut().filter_map(|route| route.nat_gateway.as_mut());
            gateways.for_each(|name| each(Kind::NatGateway, name));
        }
        Resource::Subnet(subnet) => {
            each(Kind::Vpc, &mut subnet.spec.vpc);
            subnet.spec.route_table.iter_mut().for_each(|name| each(Kind::RouteTable, name));
        }
        Resource::Instance(instance) => {
            each(Kind::Subnet, &mut instance.spec.subnet);
            instance.spec.security_groups.iter_mut().for_each(|name| each(Kind::SecurityGroup, name));
        }
        Resource::InstanceGroup(group) => {
            let template = &mut group.spec.template.spec;
            each(Kind::Subnet, &mut template.subnet);
            template.security_groups.iter_mut().for_each(|name| each(Kind::SecurityGroup, name));
        }
        Resource::PublicAddress(public) => {
            each(Kind::AddressPool, &mut public.spec.pool);
            let instances = public.spec.forwards.iter_mut().map(|forward| &mut forward.instance);
            let own = public.spec.instance.iter_mut();
            own.chain(instances).for_each(|name| each(Kind::Instance, name));
        }
        _ => {}
    }
}

/// The resources that a resource names.
pub fn refers_to(resource: &Resource) -> Vec<ObjectRef> {
    let project = resource.metadata().namespace.clone();
    let to = |kind: Kind, name: &str| ObjectRef::in_namespace(kind, project.as_deref(), name);
    if let Resource::RoleBinding(binding) | Resource::ClusterRoleBinding(binding) = resource {
        let role = &binding.spec.role_ref;
        let kind = if role.kind == "Role" { Kind::Role } else { Kind::ClusterRole };
        return vec![to(kind, &role.name)];
    }
    let mut named = Vec::new();
    references_mut(&mut resource.clone(), |kind, name| named.push(to(kind, name)));
    named
}
