//! The whole network, wherever its instances run.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use madang_addr::{Mac, Prefix};
use madang_datapath::{
    ClassId, Entry, Forward, ForwardKey, Nat, NatId, PolicyId, Route, RouteTableId, Rule, VpcId,
};
use madang_model::{InstanceSpec, InstanceStatus, Kind, Model, Object, ProcessSpec, Resources, bare};

use crate::classes::{Member, classes};
use crate::host::Hosts;
use crate::lookup::longest;
use crate::origin::{Origin, Origins};
use crate::outside::{Uplink, nat_numbers};
use crate::permits::{Permits, permits};
use crate::routes::routing;
use crate::rules::{groups_of, policies, rules};
use crate::services;

/// Everything that is declared, numbered and looked up by what packets have. Location-free.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// The VPCs.
    pub vpcs: BTreeMap<VpcId, VpcNetwork>,
    /// The instances, by uid.
    pub instances: BTreeMap<String, Instance>,
    /// The NATs: of gateways, then of instances that have public addresses of their own.
    pub nats: BTreeMap<NatId, Nat>,
    /// The forwarded ports.
    pub forwards: BTreeMap<ForwardKey, Forward>,
    /// The pools' addresses that somebody holds, and the interface where each is reached.
    pub addresses: BTreeMap<IpAddr, String>,
    /// The interfaces that lead to the outside, by name.
    pub uplinks: BTreeMap<String, Uplink>,
    /// Where the entries of the tables come from, but for those that only a host has.
    pub origins: Origins,
}

/// One VPC.
#[derive(Clone, Debug, PartialEq)]
pub struct VpcNetwork {
    /// Its name.
    pub name: String,
    /// Its ranges.
    pub cidrs: Vec<Prefix>,
    /// What its instances' sets of security groups are numbered.
    pub policies: BTreeMap<BTreeSet<String>, PolicyId>,
    /// What an address is to the rules; the longest prefix counts.
    pub classes: BTreeMap<Prefix, ClassId>,
    /// The routes; the longest prefix of a table counts.
    pub routes: BTreeMap<(RouteTableId, Prefix), Route>,
    /// What each policy may open with each class.
    pub permits: Permits,
    /// The same, as entries of the tables.
    pub rules: BTreeSet<Rule>,
    /// At which addresses its instances reach services.
    pub services: BTreeMap<ForwardKey, Forward>,
    /// The instances' names.
    pub hosts: Arc<Hosts>,
}

/// One instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its uid; its name, while no store has given it one.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its subnet's range.
    pub subnet: Prefix,
    /// Its subnet's gateway.
    pub gateway: IpAddr,
    /// The largest IP packet.
    pub mtu: u16,
    /// Its security groups.
    pub groups: BTreeSet<String>,
    /// The rules that hold for it.
    pub policy: PolicyId,
    /// The routes that hold for what it sends.
    pub routes: RouteTableId,
    /// Through which NAT it goes out to the internet, if it has a public address of its own.
    pub nat: Option<NatId>,
    /// What it runs; none, if it is the host itself.
    pub process: Option<ProcessSpec>,
    /// Whether it has a network stack of its own.
    pub unmanaged: bool,
    /// What it may use of the host.
    pub resources: Resources,
}

/// Numbers, merges and indexes what the model declares. All numbers are by the order of names, from 1, so that they do
/// not depend on the order in which anything was written.
pub fn compile(model: &Model) -> Network {
    let mut network = Network::default();
    let nats = nat_numbers(model);
    let mut members: BTreeMap<&str, Vec<&Object<InstanceSpec, InstanceStatus>>> = BTreeMap::new();
    for instance in model.instances().values() {
        if let Some(subnet) = model.subnets().get(&instance.spec.subnet) {
            members.entry(&subnet.spec.vpc).or_default().push(instance);
        }
    }
    for (name, vpc) in model.vpcs() {
        if let Some(number) = vpc.status.number {
            network.add_vpc(
                model,
                (VpcId(number), name),
                members.get(name.as_str()).map_or(&[], Vec::as_slice),
                &nats,
            );
        }
    }
    network.add_outside(model, &nats);
    network
}

impl Network {
    fn add_vpc(
        &mut self,
        model: &Model,
        (id, name): (VpcId, &str),
        members: &[&Object<InstanceSpec, InstanceStatus>],
        nats: &BTreeMap<String, NatId>,
    ) {
        let groups: Vec<_> = members.iter().map(|i| groups_of(&i.spec.security_groups)).collect();
        let policies = policies(groups.iter());
        let routing = routing(model, (id, name), nats, &mut self.origins);
        let place = Place { model, vpc: (id, name), of_subnet: &routing.of_subnet };
        let of_policy =
            members.iter().zip(groups).map(|(member, groups)| (member, policies[&groups], groups));
        let instances: Vec<_> =
            of_policy.filter_map(|(i, policy, groups)| place.instance(i, policy, groups)).collect();

        let rules = rules(model, name, &policies.keys().flatten().cloned().collect());
        let classes = classes(&rules, &instances.iter().map(member).collect::<Vec<_>>());
        let permitted = permits(id, &rules, &policies, &classes.rules, &mut self.origins);
        self.origins.extend(classes.origins.into_iter().map(|(prefix, o)| (Entry::Class(id, prefix), o)));
        let hosts = Arc::new(Hosts::of(&domain(name), &instances));
        self.instances.extend(instances.into_iter().map(|instance| (instance.uid.clone(), instance)));
        let vpc = VpcNetwork {
            name: name.to_owned(),
            cidrs: model.vpcs().get(name).map(|vpc| vpc.spec.cidrs.clone()).unwrap_or_default(),
            policies,
            classes: classes.prefixes,
            routes: routing.routes,
            permits: permitted.permits,
            rules: permitted.rules,
            services: services::asked(model, name),
            hosts,
        };
        self.vpcs.insert(id, vpc);
    }
}

/// What the names of a VPC's instances end in.
fn domain(vpc: &str) -> String {
    format!("{}.internal", bare(vpc))
}

impl VpcNetwork {
    /// What the names of its instances end in: `shop.internal`.
    pub fn domain(&self) -> String {
        domain(&self.name)
    }

    /// What an address is to the rules.
    pub fn class_of(&self, address: IpAddr) -> ClassId {
        longest(&self.classes, address).map_or(ClassId(0), |(_, class)| *class)
    }

    /// Where a packet to this address goes by this table.
    pub fn route(&self, table: RouteTableId, address: IpAddr) -> Option<(Prefix, Route)> {
        (0..=Prefix::host(address).length()).rev().find_map(|length| {
            let prefix = Prefix::containing(address, length).ok()?;
            self.routes.get(&(table, prefix)).map(|route| (prefix, *route))
        })
    }
}

fn member(instance: &Instance) -> Member<'_> {
    let origin = Origin::new(Kind::Instance, &instance.name, "spec.securityGroups");
    Member { address: instance.address, groups: &instance.groups, origin }
}

/// What an instance has of its VPC and subnet.
struct Place<'a> {
    model: &'a Model,
    vpc: (VpcId, &'a str),
    of_subnet: &'a BTreeMap<String, RouteTableId>,
}

impl Place<'_> {
    fn instance(
        &self,
        object: &Object<InstanceSpec, InstanceStatus>,
        policy: PolicyId,
        groups: BTreeSet<String>,
    ) -> Option<Instance> {
        let Object { metadata, spec, status } = object;
        let subnet = self.model.subnets().get(&spec.subnet)?.spec.cidr;
        Some(Instance {
            uid: metadata.uid.clone().unwrap_or_else(|| metadata.name.clone()),
            name: metadata.name.clone(),
            vpc: self.vpc.0,
            address: status.address?,
            mac: status.mac?,
            subnet,
            gateway: subnet.nth(1)?,
            mtu: self.model.vpcs().get(self.vpc.1)?.spec.mtu,
            groups,
            policy,
            routes: *self.of_subnet.get(&spec.subnet)?,
            nat: None,
            process: spec.process.clone(),
            unmanaged: spec.unmanaged,
            resources: spec.resources.clone(),
        })
    }
}
