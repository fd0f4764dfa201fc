//! Between the instances and what lies beyond the uplinks.

use std::collections::{BTreeMap, BTreeSet};

use madang_addr::Prefix;
use madang_compile::{Instance, Network, PortSet, Traffic, VpcNetwork, covering, simplify};
use madang_datapath::{ClassId, Direction, ForwardKey, PolicyId, Route, RouteTableId, VpcId};

use super::Reachability;
use super::lines::{Alike, Changed, End, Lines};
use super::path::Outside;

/// What may be opened to, or from, addresses outside: the longest prefix counts; nothing, where there is none.
type Reach = BTreeMap<Prefix, Traffic>;

/// What decides on one side what an instance reaches outside; the last: whether it has a public address of its own.
type Key = (VpcId, PolicyId, RouteTableId, bool);

/// From instances, by NAT gateways and by public addresses of their own.
pub(super) fn outbound(before: &Network, after: &Network) -> Reachability {
    let (was, will) = (instances(before), instances(after));
    let mut alike: BTreeMap<(Option<Key>, Option<Key>), Alike> = BTreeMap::new();
    for name in was.keys().chain(will.keys()).collect::<BTreeSet<_>>() {
        let key =
            |instance: &&Instance| (instance.vpc, instance.policy, instance.routes, instance.nat.is_some());
        let (old, new) = (was.get(name), will.get(name));
        let set = alike.entry((old.map(key), new.map(key))).or_default();
        set.names.insert((*name).to_owned());
        set.groups = new.or(old).map(|instance| instance.groups.clone()).unwrap_or_default();
    }
    let (keys, alike): (Vec<_>, Vec<_>) = alike.into_iter().unzip();
    let mut changed = Changed::default();
    for (place, (old, new)) in keys.into_iter().enumerate() {
        let old = old.map(|key| reach_out(before, key)).unwrap_or_default();
        let new = new.map(|key| reach_out(after, key)).unwrap_or_default();
        let add = |lines: &mut Lines, reach| {
            for (outside, traffic) in spread(&reach) {
                lines.add(End::alike(place), End::Outside(outside), None, &traffic);
            }
        };
        add(&mut changed.opens, minus(&new, &old));
        add(&mut changed.cuts, minus(&old, &new));
    }
    changed.reachability(&alike)
}

/// To instances, by forwarded ports and by public addresses of their own.
pub(super) fn inbound(before: &Network, after: &Network) -> Reachability {
    let (was, will) = (forwards(before), forwards(after));
    let (old_instances, new_instances) = (instances(before), instances(after));
    let mut alike = Vec::new();
    let mut changed = Changed::default();
    for forward in was.keys().chain(will.keys()).collect::<BTreeSet<_>>() {
        let old = was.get(forward).cloned().unwrap_or_default();
        let new = will.get(forward).cloned().unwrap_or_default();
        let ForwardKey { address, port, .. } = forward.key;
        let via = if is_whole(&forward.key) { address.to_string() } else { format!("{address}:{port}") };
        let to = End::alike(alike.len());
        let name = forward.instance.as_str();
        let instance = new_instances.get(name).or_else(|| old_instances.get(name));
        let groups = instance.map(|instance| instance.groups.clone()).unwrap_or_default();
        alike.push(Alike { names: BTreeSet::from([name.to_owned()]), groups });
        let add = |lines: &mut Lines, reach| {
            for (outside, traffic) in spread(&reach) {
                lines.add(End::Outside(outside), to.clone(), Some(&via), &traffic);
            }
        };
        add(&mut changed.opens, minus(&new, &old));
        add(&mut changed.cuts, minus(&old, &new));
    }
    changed.reachability(&alike)
}

fn instances(network: &Network) -> BTreeMap<&str, &Instance> {
    network.instances.values().map(|instance| (instance.name.as_str(), instance)).collect()
}

fn reach_out(network: &Network, (vpc, policy, table, public): Key) -> Reach {
    let vpc = &network.vpcs[&vpc];
    let routes = vpc.routes.iter().filter(|((id, _), _)| *id == table);
    let routes: BTreeMap<Prefix, Route> = routes.map(|((_, prefix), route)| (*prefix, *route)).collect();
    let prefixes: BTreeSet<Prefix> =
        spoken(vpc).chain(routes.keys().copied()).filter(|prefix| is_outside(vpc, *prefix)).collect();
    let reach = prefixes.into_iter().map(|prefix| {
        let translated = covering(&routes, prefix).is_some_and(|(_, route)| match route {
            Route::Nat(_) => true,
            Route::Internet => public,
            Route::Local | Route::Blackhole => false,
        });
        let traffic =
            if translated { permitted(vpc, policy, Direction::Egress, prefix) } else { Traffic::default() };
        (prefix, traffic)
    });
    simplified(reach.collect())
}

/// A forwarded port, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Forwarded {
    key: ForwardKey,
    instance: String,
    port: u16,
}

fn forwards(network: &Network) -> BTreeMap<Forwarded, Reach> {
    let holders: BTreeMap<_, _> = network.instances.values().map(|i| ((i.vpc, i.address), i)).collect();
    let reach_in = |(key, forward): (&ForwardKey, &madang_datapath::Forward)| {
        let instance = holders.get(&(forward.vpc, forward.address))?;
        let vpc = &network.vpcs[&forward.vpc];
        let only = carried(network, key, forward);
        let prefixes = spoken(vpc).filter(|prefix| is_outside(vpc, *prefix));
        let reach = prefixes.map(|prefix| {
            (prefix, permitted(vpc, instance.policy, Direction::Ingress, prefix).intersection(&only))
        });
        let forwarded = Forwarded { key: *key, instance: instance.name.clone(), port: forward.port };
        Some((forwarded, simplified(reach.collect())))
    };
    network.forwards.iter().filter_map(reach_in).collect()
}

pub(crate) fn is_whole(key: &ForwardKey) -> bool {
    *key == ForwardKey::whole(key.address)
}

/// What a forward carries, as the instance sees it: of a whole address all but what others of its forwards take.
pub(crate) fn carried(network: &Network, key: &ForwardKey, forward: &madang_datapath::Forward) -> Traffic {
    if !is_whole(key) {
        return Traffic::to_ports(key.protocol, PortSet::one(forward.port));
    }
    let taken = network.forwards.range(*key..).skip(1).take_while(|(other, _)| other.address == key.address);
    let taken = taken.map(|(other, _)| Traffic::to_ports(other.protocol, PortSet::one(other.port)));
    Traffic::all().difference(&taken.fold(Traffic::default(), |sum, one| sum.union(&one)))
}

/// Whether the addresses are none of the VPC's own.
pub(crate) fn is_outside(vpc: &VpcNetwork, prefix: Prefix) -> bool {
    !vpc.cidrs.iter().any(|cidr| cidr.covers(prefix))
}

/// The prefixes that rules speak of. All addresses are always one: some rule may be about everybody.
pub(crate) fn spoken(vpc: &VpcNetwork) -> impl Iterator<Item = Prefix> {
    let any = Prefix::ANY_V4;
    [any].into_iter().chain(vpc.classes.keys().copied().filter(move |prefix| *prefix != any))
}

/// What a policy may open with addresses that no narrower prefix singles out.
pub(crate) fn permitted(vpc: &VpcNetwork, policy: PolicyId, direction: Direction, prefix: Prefix) -> Traffic {
    vpc.permits.with(policy, direction, class_of(vpc, prefix)).cloned().unwrap_or_default()
}

/// What such addresses are to the rules.
pub(crate) fn class_of(vpc: &VpcNetwork, prefix: Prefix) -> ClassId {
    covering(&vpc.classes, prefix).map_or(ClassId(0), |(_, class)| *class)
}

fn simplified(mut reach: Reach) -> Reach {
    simplify(&mut reach, &Traffic::default());
    reach
}

/// What the first has and the second has not.
fn minus(first: &Reach, second: &Reach) -> Reach {
    let at = |reach: &Reach, prefix| {
        covering(reach, prefix).map(|(_, traffic)| traffic.clone()).unwrap_or_default()
    };
    let prefixes: BTreeSet<Prefix> = first.keys().chain(second.keys()).copied().collect();
    simplified(prefixes.into_iter().map(|p| (p, at(first, p).difference(&at(second, p)))).collect())
}

/// The same as lines that add up: a prefix inside another says only what it has beyond that; one that has less is an
/// exception from it, and starts anew.
fn spread(reach: &Reach) -> Vec<(Outside, Traffic)> {
    let mut lines: Vec<(Outside, Traffic)> = Vec::new();
    // The prefixes around, each with the lines that together give what it has.
    let mut around: Vec<(Prefix, &Traffic, Vec<usize>)> = Vec::new();
    for (prefix, traffic) in reach {
        while around.last().is_some_and(|(outer, ..)| !outer.covers(*prefix)) {
            around.pop();
        }
        let (mut sum, mut more) = (Vec::new(), traffic.clone());
        if let Some((_, outer, parts)) = around.last() {
            if traffic.includes(outer) {
                (sum, more) = (parts.clone(), traffic.difference(outer));
            } else {
                parts.iter().for_each(|line| lines[*line].0.except.push(*prefix));
            }
        }
        if !more.is_empty() {
            sum.push(lines.len());
            lines.push((Outside { cidrs: vec![*prefix], except: Vec::new() }, more));
        }
        around.push((*prefix, traffic, sum));
    }
    lines
}

#[cfg(test)]
mod tests {
    use madang_model::{PortRange, RuleProtocol};

    use super::*;

    fn tcp(ports: &[u16]) -> Traffic {
        let ports: Vec<_> = ports.iter().filter_map(|port| PortRange::new(*port, *port)).collect();
        if ports.is_empty() { Traffic::default() } else { Traffic::of(RuleProtocol::Tcp, &ports, &[]) }
    }

    fn lines(entries: &[(&str, &[u16])]) -> Vec<String> {
        let reach = entries.iter().map(|(prefix, ports)| (prefix.parse().unwrap(), tcp(ports))).collect();
        spread(&reach).into_iter().map(|(outside, traffic)| format!("{outside} {}", traffic.tcp)).collect()
    }

    #[test]
    fn inner_prefixes_add_or_except() {
        assert_eq!(
            lines(&[("0.0.0.0/0", &[80]), ("8.8.8.8/32", &[53, 80])]),
            ["outside 80", "outside (8.8.8.8/32) 53"]
        );
        assert_eq!(lines(&[("0.0.0.0/0", &[80]), ("9.0.0.0/8", &[])]), ["outside but 9.0.0.0/8 80"]);
        let nested: &[(&str, &[u16])] = &[
            ("0.0.0.0/0", &[80]),
            ("9.0.0.0/8", &[80, 81]),
            ("9.1.0.0/16", &[81]),
            ("9.1.2.0/24", &[80, 81]),
            ("9.2.0.0/16", &[]),
            ("9.2.3.0/24", &[82]),
        ];
        assert_eq!(
            lines(nested),
            [
                "outside but 9.1.0.0/16, 9.2.0.0/16 80",
                "outside (9.0.0.0/8 but 9.1.0.0/16, 9.2.0.0/16) 81",
                "outside (9.1.0.0/16) 81",
                "outside (9.1.2.0/24) 80",
                "outside (9.2.3.0/24) 82",
            ]
        );
    }

    #[test]
    fn differences_hold_at_every_prefix() {
        let reach = |entries: &[(&str, &[u16])]| -> Reach {
            entries.iter().map(|(prefix, ports)| (prefix.parse().unwrap(), tcp(ports))).collect()
        };
        let all = reach(&[("0.0.0.0/0", &[80])]);
        let some = reach(&[("8.0.0.0/8", &[80])]);
        assert_eq!(minus(&some, &all), Reach::new());
        assert_eq!(minus(&all, &some), reach(&[("0.0.0.0/0", &[80]), ("8.0.0.0/8", &[])]));
    }
}
