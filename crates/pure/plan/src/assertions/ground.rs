//! The network that assertions are asked of, looked up by what they name.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use madang_addr::Prefix;
use madang_compile::{Instance, Network, Origin, VpcNetwork};
use madang_datapath::{Forward, ForwardKey, VpcId};
use madang_model::{Diagnostic, Kind, Model, ObjectRef, Resource, Span, origin};

use crate::reach::instances::Side;
use crate::reach::outside::{is_outside, spoken};

/// One compiled network.
pub(super) struct Ground<'a> {
    pub(super) network: &'a Network,
    pub(super) side: Side<'a>,
    model: &'a Model,
    /// What is not being deleted.
    resources: HashMap<ObjectRef, &'a Resource>,
    /// The prefixes outside that the rules of each VPC speak of.
    spoken: BTreeMap<VpcId, Vec<Prefix>>,
    /// Who has each address.
    holders: HashMap<(VpcId, IpAddr), &'a Instance>,
    /// The forwarded ports that lead to each address.
    forwards_to: HashMap<(VpcId, IpAddr), Vec<(ForwardKey, Forward)>>,
    /// Those of each public address.
    forwards_at: HashMap<IpAddr, Vec<(ForwardKey, Forward)>>,
}

impl<'a> Ground<'a> {
    pub(super) fn new(resources: &'a [Resource], model: &'a Model, network: &'a Network) -> Self {
        let standing = resources.iter().filter(|r| r.metadata().deletion_timestamp.is_none());
        let outside =
            |vpc: &VpcNetwork| spoken(vpc).filter(|prefix| is_outside(vpc, *prefix)).collect::<Vec<_>>();
        let (mut forwards_to, mut forwards_at): (HashMap<_, Vec<_>>, HashMap<_, Vec<_>>) = Default::default();
        for (key, forward) in network.forwards.iter().filter(|(_, to)| network.vpcs.contains_key(&to.vpc)) {
            forwards_to.entry((forward.vpc, forward.address)).or_default().push((*key, *forward));
            forwards_at.entry(key.address).or_default().push((*key, *forward));
        }
        Self {
            network,
            side: Side::of(network),
            model,
            resources: standing.map(|resource| (resource.object_ref(), resource)).collect(),
            spoken: network.vpcs.iter().map(|(id, vpc)| (*id, outside(vpc))).collect(),
            holders: network.instances.values().map(|i| ((i.vpc, i.address), i)).collect(),
            forwards_to,
            forwards_at,
        }
    }

    pub(super) fn vpc(&self, id: VpcId) -> &'a VpcNetwork {
        &self.network.vpcs[&id]
    }

    pub(super) fn spoken(&self, vpc: VpcId) -> &[Prefix] {
        self.spoken.get(&vpc).map_or(&[], Vec::as_slice)
    }

    /// The forwarded ports that lead to an instance.
    pub(super) fn forwards_to(&self, instance: &Instance) -> &[(ForwardKey, Forward)] {
        self.forwards_to.get(&(instance.vpc, instance.address)).map_or(&[], Vec::as_slice)
    }

    /// The forwarded ports of a public address.
    pub(super) fn forwards_at(&self, address: IpAddr) -> &[(ForwardKey, Forward)] {
        self.forwards_at.get(&address).map_or(&[], Vec::as_slice)
    }

    /// The instance that has this address.
    pub(super) fn holder(&self, vpc: VpcId, address: IpAddr) -> Option<&'a Instance> {
        self.holders.get(&(vpc, address)).copied()
    }

    pub(super) fn is_there(&self, object: &ObjectRef) -> bool {
        self.resources.contains_key(object)
    }

    pub(super) fn resource(&self, object: &ObjectRef) -> Option<&'a Resource> {
        self.resources.get(object).copied()
    }

    pub(super) fn is_in_force(&self, object: &ObjectRef) -> bool {
        self.model.contains(object)
    }

    /// The instance of this qualified name.
    pub(super) fn instance(&self, name: &str) -> Option<&'a Instance> {
        self.side.keys.get(name).map(|(instance, _)| *instance)
    }

    /// Whoever is in the group of this qualified name, by name.
    pub(super) fn members(&self, group: &str) -> Vec<&'a Instance> {
        let declared = self.model.security_groups().get(group).map(|group| group.spec.vpc.as_str());
        let instances = self.side.keys.values().map(|(instance, _)| *instance);
        let of_vpc = |instance: &&Instance| declared.is_none_or(|vpc| self.vpc(instance.vpc).name == vpc);
        instances.filter(|instance| instance.groups.contains(group)).filter(of_vpc).collect()
    }

    pub(super) fn public_address(&self, name: &str) -> Option<IpAddr> {
        self.model.public_addresses().get(name)?.status.address
    }

    /// The names of a project's resources of these kinds.
    pub(super) fn names(&self, project: Option<&str>, kinds: &[Kind]) -> Vec<String> {
        let own = |object: &&ObjectRef| {
            kinds.contains(&object.kind)
                && object.namespace == project.unwrap_or(madang_model::DEFAULT_NAMESPACE)
        };
        let mut names: Vec<String> =
            self.resources.keys().filter(own).map(|object| object.name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// A field of a resource, and where it was written: `SecurityGroup/db spec.ingress[0] (shop.yaml:41)`.
    pub(super) fn said(&self, part: &Origin) -> String {
        // Nobody declared it: it comes with the VPC.
        if part.object.kind == Kind::Vpc && part.path.is_empty() {
            return format!("the default group of {}", part.object);
        }
        let place = self.resource(&part.object).and_then(|resource| origin(resource, &part.path));
        let place = place.map_or_else(String::new, |(file, line)| format!(" ({file}:{line})"));
        format!("{part}{place}")
    }

    /// With the line on which the assertion says it, if that is known.
    pub(super) fn located(&self, diagnostic: Diagnostic) -> Diagnostic {
        let resource = diagnostic.object.as_ref().and_then(|object| self.resource(object));
        let place = resource.and_then(|resource| origin(resource, &diagnostic.path));
        let span = place.map(|(file, line)| Span { file, line, column: 1, length: 0 });
        Diagnostic { span, ..diagnostic }
    }
}
