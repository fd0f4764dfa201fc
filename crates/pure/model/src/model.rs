//! A set of resources that is valid by construction.

use std::collections::BTreeMap;

use crate::{
    AddressPoolSpec, AddressPoolStatus, DhcpServerSpec, InstanceSpec, InstanceStatus, Kind, NatGatewaySpec,
    NatGatewayStatus, Object, ObjectRef, PlainStatus, PrefixListSpec, PublicAddressSpec, PublicAddressStatus,
    RouteTableSpec, SecurityGroupSpec, SubnetSpec, VpcSpec, VpcStatus,
};

macro_rules! model {
    ($($(#[$doc:meta])* $field:ident: $spec:ty, $status:ty;)*) => {
        /// Resources by qualified name, each of which is right by itself and beside the others: references lead somewhere, ranges
        /// fit, and what is allocated (numbers, addresses) is there. A route that leads nowhere has become a blackhole.
        /// A rule's group, or a forward's instance, may not be here: it stands in its place, so that paths count as
        /// written, and it is nobody. Made by [`check`](crate::check) alone.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Model { $(pub(crate) $field: BTreeMap<String, Object<$spec, $status>>,)* }

        impl Model {
            $($(#[$doc])* pub fn $field(&self) -> &BTreeMap<String, Object<$spec, $status>> { &self.$field })*
        }
    };
}

model! {
    /// The address pools.
    address_pools: AddressPoolSpec, AddressPoolStatus;
    /// The DHCP servers on links of the host.
    dhcp_servers: DhcpServerSpec, PlainStatus;
    /// The VPCs. Each has a number.
    vpcs: VpcSpec, VpcStatus;
    /// The security groups. A VPC's `default` group is not here unless somebody declared it.
    security_groups: SecurityGroupSpec, PlainStatus;
    /// The NAT gateways. Each has an address.
    nat_gateways: NatGatewaySpec, NatGatewayStatus;
    /// The prefix lists.
    prefix_lists: PrefixListSpec, PlainStatus;
    /// The route tables.
    route_tables: RouteTableSpec, PlainStatus;
    /// The subnets.
    subnets: SubnetSpec, PlainStatus;
    /// The instances that are not being deleted. Each has an address and a MAC.
    instances: InstanceSpec, InstanceStatus;
    /// The public addresses. Each has an address.
    public_addresses: PublicAddressSpec, PublicAddressStatus;
}

impl Model {
    /// Whether the resource is here: whether it is right, and so is all that it needs. Kinds that stand alone are always
    /// right.
    pub fn contains(&self, object: &ObjectRef) -> bool {
        let name = &object.qualified_name();
        match object.kind {
            Kind::AddressPool => self.address_pools.contains_key(name),
            Kind::DhcpServer => self.dhcp_servers.contains_key(name),
            Kind::Vpc => self.vpcs.contains_key(name),
            Kind::SecurityGroup => self.security_groups.contains_key(name),
            Kind::NatGateway => self.nat_gateways.contains_key(name),
            Kind::PrefixList => self.prefix_lists.contains_key(name),
            Kind::RouteTable => self.route_tables.contains_key(name),
            Kind::Subnet => self.subnets.contains_key(name),
            Kind::Instance => self.instances.contains_key(name),
            Kind::PublicAddress => self.public_addresses.contains_key(name),
            _ => true,
        }
    }
}
