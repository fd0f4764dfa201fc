//! What each policy may open with whom, and the table entries that say so.
//!
//! The pipeline looks for a rule about the peer's class, and then for one about every peer, which is listed under class 0. So
//! what may go out to anywhere, as from every group without `egress`, is one entry a policy, and the rest is one for each
//! pair of a policy and a class that it speaks of: it grows with what is written, and not with how many groups there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use madang_datapath::{ClassId, Direction, Entry, PolicyId, PortPrefix, Rule, VpcId};

use crate::origin::{Origin, Origins};
use crate::rules::GroupRule;
use crate::traffic::Traffic;

/// What policies may open with peers. What is not here is not allowed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Permits {
    everyone: BTreeMap<(PolicyId, Direction), Arc<Traffic>>,
    /// With what everyone may; only of classes that a rule of the policy singles out.
    classes: BTreeMap<(PolicyId, Direction, ClassId), Arc<Traffic>>,
}

impl Permits {
    /// What a policy may open with peers of a class, if anything.
    pub fn with(&self, policy: PolicyId, direction: Direction, class: ClassId) -> Option<&Traffic> {
        let classed = self.classes.get(&(policy, direction, class));
        classed.or_else(|| self.everyone.get(&(policy, direction))).map(AsRef::as_ref)
    }

    /// The policies that may open something this way with every peer.
    pub fn with_everyone(&self, direction: Direction) -> impl Iterator<Item = PolicyId> {
        self.everyone.keys().filter(move |(_, way)| *way == direction).map(|(policy, _)| *policy)
    }

    /// The policies that may open something this way with a class that they single out.
    pub fn with_classes(&self, direction: Direction) -> impl Iterator<Item = (PolicyId, ClassId)> {
        let keys = self.classes.keys().filter(move |(_, way, _)| *way == direction);
        keys.map(|(policy, _, class)| (*policy, *class))
    }
}

pub(crate) struct Permitted {
    pub(crate) permits: Permits,
    pub(crate) rules: BTreeSet<Rule>,
}

/// Merges, for each policy and class, the rules that speak of both. Only what is allowed is visited.
pub(crate) fn permits(
    vpc: VpcId,
    rules: &[GroupRule],
    policies: &BTreeMap<BTreeSet<String>, PolicyId>,
    classes: &BTreeMap<ClassId, Vec<usize>>,
    origins: &mut Origins,
) -> Permitted {
    let mut policies_of: BTreeMap<&str, Vec<PolicyId>> = BTreeMap::new();
    for (groups, policy) in policies {
        groups.iter().for_each(|group| policies_of.entry(group).or_default().push(*policy));
    }
    // Which rules of each policy are among these.
    let parts = |among: &mut dyn Iterator<Item = usize>| {
        let mut parts: BTreeMap<(PolicyId, Direction), Vec<usize>> = BTreeMap::new();
        for n in among {
            for policy in policies_of.get(rules[n].group.as_str()).into_iter().flatten() {
                parts.entry((*policy, rules[n].direction)).or_default().push(n);
            }
        }
        parts
    };
    let mut merged = Merged { rules, known: BTreeMap::new() };
    let mut permitted = Permitted { permits: Permits::default(), rules: BTreeSet::new() };
    let everyone = parts(&mut (0..rules.len()).filter(|n| rules[*n].speaks_of_everyone()));
    let mut list = |(policy, direction), class, permit: &Permit| {
        for (protocol, ports, because) in &permit.entries {
            let rule = Rule { policy, direction, class, protocol: *protocol, ports: *ports };
            permitted.rules.insert(rule);
            origins.insert(Entry::Rule(vpc, rule), because.clone());
        }
    };
    for (whose, parts) in &everyone {
        let permit = merged.of(&[], parts);
        permitted.permits.everyone.insert(*whose, Arc::clone(&permit.traffic));
        list(*whose, ClassId(0), &permit);
    }
    for (class, speaking) in classes {
        for (whose, parts) in parts(&mut speaking.iter().copied()) {
            let (policy, direction) = whose;
            let permit = merged.of(everyone.get(&whose).map_or(&[], Vec::as_slice), &parts);
            permitted.permits.classes.insert((policy, direction, *class), Arc::clone(&permit.traffic));
            list(whose, *class, &permit);
        }
    }
    permitted
}

/// The union of some rules, and what there is of it beyond others as table entries: each with the rules that it owes itself to.
struct Permit {
    traffic: Arc<Traffic>,
    entries: Vec<(Option<u8>, PortPrefix, Vec<Arc<Origin>>)>,
}

/// Some rules, and those beyond which their entries are.
type Parts = (Vec<usize>, Vec<usize>);

/// The unions made so far: most classes get the same few from a policy.
struct Merged<'a> {
    rules: &'a [GroupRule],
    known: BTreeMap<Parts, Arc<Permit>>,
}

impl Merged<'_> {
    fn of(&mut self, beyond: &[usize], parts: &[usize]) -> Arc<Permit> {
        let key = (beyond.to_vec(), parts.to_vec());
        if let Some(permit) = self.known.get(&key) {
            return Arc::clone(permit);
        }
        let union =
            |of: &[usize]| of.iter().fold(Traffic::default(), |sum, n| sum.union(&self.rules[*n].traffic));
        let (everyones, own) = (union(beyond), union(parts));
        let because = |protocol, ports| {
            let rules = parts.iter().map(|n| &self.rules[*n]);
            rules.filter(|r| r.traffic.touches(protocol, ports)).map(|r| Arc::clone(&r.origin)).collect()
        };
        // Protocols that are neither TCP, UDP nor ICMP are said with all others or not at all.
        let all = own.other && !everyones.other;
        let more = if all { own.clone() } else { own.difference(&everyones) };
        let entries = more.entries().into_iter();
        let entries = entries.map(|(protocol, ports)| (protocol, ports, because(protocol, ports))).collect();
        let permit = Arc::new(Permit { traffic: Arc::new(own.union(&everyones)), entries });
        self.known.insert(key, Arc::clone(&permit));
        permit
    }
}
