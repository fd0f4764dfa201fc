//! What the security groups of a VPC say, rule by rule, and the policies that its instances make of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use madang_addr::Prefix;
use madang_datapath::{Direction, PolicyId};
use madang_model::{
    EgressRule, IngressRule, Kind, Model, Object, Peer, PlainStatus, SecurityGroupSpec, bare,
};

use crate::{Origin, Traffic};

/// The group of an instance that names none. Each VPC has one of its own, if nobody declared it.
const DEFAULT_GROUP: &str = "default";

/// One rule of one group.
pub(crate) struct GroupRule {
    pub(crate) group: String,
    pub(crate) direction: Direction,
    pub(crate) traffic: Traffic,
    pub(crate) peers: Vec<(Peer, Arc<Origin>)>,
    pub(crate) origin: Arc<Origin>,
}

impl GroupRule {
    /// Whether it is about every peer: then it is about no class.
    pub(crate) fn speaks_of_everyone(&self) -> bool {
        self.peers.iter().any(|(peer, _)| *peer == Peer::Cidr(Prefix::ANY_V4))
    }
}

/// The names of an instance's groups, `default` if it has none.
pub(crate) fn groups_of(named: &[String]) -> BTreeSet<String> {
    if named.is_empty() {
        BTreeSet::from([DEFAULT_GROUP.to_owned()])
    } else {
        named.iter().cloned().collect()
    }
}

/// Numbers the distinct sets of groups, in their order, from 1.
pub(crate) fn policies<'a>(
    sets: impl Iterator<Item = &'a BTreeSet<String>>,
) -> BTreeMap<BTreeSet<String>, PolicyId> {
    let distinct: BTreeSet<_> = sets.cloned().collect();
    distinct.into_iter().zip((1..).map(PolicyId)).collect()
}

/// The rules of these groups of a VPC, in the order of the groups and then as they are written.
pub(crate) fn rules(model: &Model, vpc: &str, groups: &BTreeSet<String>) -> Vec<GroupRule> {
    let declared = |name: &String| model.security_groups().get(name).filter(|group| group.spec.vpc == vpc);
    groups
        .iter()
        .flat_map(|name| match declared(name) {
            Some(group) => declared_rules(model, group),
            None if bare(name) == DEFAULT_GROUP => default_rules(vpc, name),
            None => Vec::new(),
        })
        .collect()
}

/// In from its own members, out to anywhere.
fn default_rules(vpc: &str, name: &str) -> Vec<GroupRule> {
    let origin = Origin::new(Kind::Vpc, vpc, "");
    let rule = |direction, peer| GroupRule {
        group: name.to_owned(),
        direction,
        traffic: Traffic::all(),
        peers: vec![(peer, Arc::clone(&origin))],
        origin: Arc::clone(&origin),
    };
    let members = Peer::Group(name.to_owned());
    vec![rule(Direction::Ingress, members), rule(Direction::Egress, Peer::Cidr(Prefix::ANY_V4))]
}

fn declared_rules(model: &Model, group: &Object<SecurityGroupSpec, PlainStatus>) -> Vec<GroupRule> {
    let name = &group.metadata.name;
    let at = |path: String| Origin::new(Kind::SecurityGroup, name, path);
    let rule = |direction, n: usize, traffic, peers: &[Peer]| {
        let (list, field) = match direction {
            Direction::Ingress => ("ingress", "from"),
            Direction::Egress => ("egress", "to"),
        };
        let peers = peers.iter().enumerate().flat_map(|(m, peer)| match peer {
            Peer::List(list) => listed(model, list),
            Peer::Cidr(_) | Peer::Group(_) => {
                vec![(peer.clone(), at(format!("spec.{list}[{n}].{field}[{m}]")))]
            }
        });
        let (group, peers) = (name.clone(), peers.collect());
        GroupRule { group, direction, traffic, peers, origin: at(format!("spec.{list}[{n}]")) }
    };
    let ingress = group.spec.ingress.iter().enumerate();
    let traffic = |r: &IngressRule| Traffic::of(r.protocol, &r.ports, &r.icmp_types);
    let mut rules: Vec<_> = ingress.map(|(n, r)| rule(Direction::Ingress, n, traffic(r), &r.from)).collect();
    match &group.spec.egress {
        Some(egress) => {
            let egress = egress.iter().enumerate();
            let traffic = |r: &EgressRule| Traffic::of(r.protocol, &r.ports, &r.icmp_types);
            rules.extend(egress.map(|(n, r)| rule(Direction::Egress, n, traffic(r), &r.to)));
        }
        None => {
            let mut anywhere = rule(Direction::Egress, 0, Traffic::all(), &[]);
            anywhere.origin = at("spec.egress".to_owned());
            anywhere.peers = vec![(Peer::Cidr(Prefix::ANY_V4), Arc::clone(&anywhere.origin))];
            rules.push(anywhere);
        }
    }
    rules
}

/// The addresses of a prefix list: none, if it is not there.
fn listed(model: &Model, name: &str) -> Vec<(Peer, Arc<Origin>)> {
    let cidrs = model.prefix_lists().get(name).map(|list| list.spec.cidrs.as_slice()).unwrap_or_default();
    let origin = |n| Origin::new(Kind::PrefixList, name, format!("spec.cidrs[{n}]"));
    cidrs.iter().enumerate().map(|(n, cidr)| (Peer::Cidr(*cidr), origin(n))).collect()
}
