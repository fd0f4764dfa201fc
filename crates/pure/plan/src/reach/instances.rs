//! Between the instances of a VPC.

use std::collections::{BTreeMap, BTreeSet};

use madang_addr::Prefix;
use madang_compile::{Instance, Network, Traffic, longest};
use madang_datapath::{ClassId, Direction, PolicyId, Route, RouteTableId, VpcId};

use super::Reachability;
use super::lines::{Alike, Changed, End};

/// What decides on one side whom an instance reaches in its VPC, and who reaches it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    vpc: VpcId,
    policy: PolicyId,
    class: ClassId,
    /// Its route table, if that leads astray from anywhere in the VPC.
    table: Option<RouteTableId>,
    /// The route tables by which its own address is not reached.
    lost_to: BTreeSet<RouteTableId>,
}

pub(super) fn compare(before: &Network, after: &Network) -> Reachability {
    let (before, after) = (Side::of(before), Side::of(after));
    let mut alike: BTreeMap<(Option<&Key>, Option<&Key>), Alike> = BTreeMap::new();
    let names: BTreeSet<&str> = before.keys.keys().chain(after.keys.keys()).copied().collect();
    for name in names {
        let (was, will) = (before.keys.get(name), after.keys.get(name));
        let set = alike.entry((was.map(|(_, key)| key), will.map(|(_, key)| key))).or_default();
        set.names.insert(name.to_owned());
        set.groups = will.or(was).map(|(instance, _)| instance.groups.clone()).unwrap_or_default();
    }
    let (keys, alike): (Vec<_>, Vec<_>) = alike.into_iter().unzip();
    let mut pairs = before.pairs(&keys.iter().map(|(was, _)| *was).collect::<Vec<_>>());
    pairs.extend(after.pairs(&keys.iter().map(|(_, will)| *will).collect::<Vec<_>>()));
    let mut changed = Changed::default();
    for (from, to) in pairs {
        // One instance alone does not reach itself through the network.
        if from == to && alike[from].names.len() == 1 {
            continue;
        }
        let was = before.allowed(keys[from].0, keys[to].0);
        let will = after.allowed(keys[from].1, keys[to].1);
        changed.opens.add(End::alike(from), End::alike(to), None, &will.difference(&was));
        changed.cuts.add(End::alike(from), End::alike(to), None, &was.difference(&will));
    }
    changed.reachability(&alike)
}

/// The instances of one network, each with what decides.
pub(crate) struct Side<'a> {
    network: &'a Network,
    pub(crate) keys: BTreeMap<&'a str, (&'a Instance, Key)>,
}

impl<'a> Side<'a> {
    pub(crate) fn of(network: &'a Network) -> Self {
        let astray: BTreeMap<VpcId, Astray> =
            network.vpcs.keys().map(|vpc| (*vpc, astray(network, *vpc))).collect();
        let key = |instance: &'a Instance| {
            let astray = &astray[&instance.vpc];
            let lost = |routes: &BTreeMap<Prefix, Route>| {
                longest(routes, instance.address).is_none_or(|(_, route)| *route != Route::Local)
            };
            Key {
                vpc: instance.vpc,
                policy: instance.policy,
                class: network.vpcs[&instance.vpc].class_of(instance.address),
                table: Some(instance.routes).filter(|table| astray.contains_key(table)),
                lost_to: astray.iter().filter(|(_, routes)| lost(routes)).map(|(table, _)| *table).collect(),
            }
        };
        let keys = network.instances.values().map(|i| (i.name.as_str(), (i, key(i)))).collect();
        Self { network, keys }
    }

    /// The pairs of places that some rule lets in.
    fn pairs(&self, keys: &[Option<&Key>]) -> BTreeSet<(usize, usize)> {
        let mut by_policy: BTreeMap<(VpcId, PolicyId), Vec<usize>> = BTreeMap::new();
        let mut by_class: BTreeMap<(VpcId, ClassId), Vec<usize>> = BTreeMap::new();
        let mut by_vpc: BTreeMap<VpcId, Vec<usize>> = BTreeMap::new();
        for (place, key) in keys.iter().enumerate() {
            if let Some(key) = key {
                by_policy.entry((key.vpc, key.policy)).or_default().push(place);
                by_class.entry((key.vpc, key.class)).or_default().push(place);
                by_vpc.entry(key.vpc).or_default().push(place);
            }
        }
        let mut pairs = BTreeSet::new();
        for (vpc, network) in &self.network.vpcs {
            let targets = |policy| by_policy.get(&(*vpc, policy)).into_iter().flatten().copied();
            for (policy, class) in network.permits.with_classes(Direction::Ingress) {
                for from in by_class.get(&(*vpc, class)).into_iter().flatten() {
                    pairs.extend(targets(policy).map(|to| (*from, to)));
                }
            }
            for policy in network.permits.with_everyone(Direction::Ingress) {
                for from in by_vpc.get(vpc).into_iter().flatten() {
                    pairs.extend(targets(policy).map(|to| (*from, to)));
                }
            }
        }
        pairs
    }

    /// What the one may open to the other.
    pub(crate) fn allowed(&self, from: Option<&Key>, to: Option<&Key>) -> Traffic {
        let (Some(from), Some(to)) = (from, to) else { return Traffic::default() };
        let lost = from.table.is_some_and(|table| to.lost_to.contains(&table));
        if from.vpc != to.vpc || lost {
            return Traffic::default();
        }
        let permits = &self.network.vpcs[&from.vpc].permits;
        let out = permits.with(from.policy, Direction::Egress, to.class);
        let into = permits.with(to.policy, Direction::Ingress, from.class);
        out.zip(into).map(|(out, into)| out.intersection(into)).unwrap_or_default()
    }
}

/// The tables of a VPC that do not lead to all of it.
type Astray = BTreeMap<RouteTableId, BTreeMap<Prefix, Route>>;

fn astray(network: &Network, vpc: VpcId) -> Astray {
    let vpc = &network.vpcs[&vpc];
    let mut tables: Astray = BTreeMap::new();
    for ((table, prefix), route) in &vpc.routes {
        tables.entry(*table).or_default().insert(*prefix, *route);
    }
    let inside = |prefix: &Prefix| vpc.cidrs.iter().any(|cidr| cidr.covers(*prefix));
    tables.retain(|_, routes| routes.iter().any(|(prefix, route)| *route != Route::Local && inside(prefix)));
    tables
}
