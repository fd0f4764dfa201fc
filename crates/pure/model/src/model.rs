//! A set of resources that is valid by construction.

use std::collections::BTreeMap;

use crate::{
    AddressPoolSpec, AddressPoolStatus, InstanceSpec, InstanceStatus, NatGatewaySpec, NatGatewayStatus,
    Object, PlainStatus, PublicAddressSpec, PublicAddressStatus, RouteTableSpec, SecurityGroupSpec,
    SubnetSpec, VpcSpec, VpcStatus,
};

macro_rules! model {
    ($($(#[$doc:meta])* $field:ident: $spec:ty, $status:ty;)*) => {
        /// Resources by name, each of which is right by itself and beside the others: references lead somewhere, ranges
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
    /// The VPCs. Each has a number.
    vpcs: VpcSpec, VpcStatus;
    /// The security groups. A VPC's `default` group is not here unless somebody declared it.
    security_groups: SecurityGroupSpec, PlainStatus;
    /// The NAT gateways. Each has an address.
    nat_gateways: NatGatewaySpec, NatGatewayStatus;
    /// The route tables.
    route_tables: RouteTableSpec, PlainStatus;
    /// The subnets.
    subnets: SubnetSpec, PlainStatus;
    /// The instances that are not being deleted. Each has an address and a MAC.
    instances: InstanceSpec, InstanceStatus;
    /// The public addresses. Each has an address.
    public_addresses: PublicAddressSpec, PublicAddressStatus;
}
