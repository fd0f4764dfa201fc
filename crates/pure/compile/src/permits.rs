//! What each policy may open with each class, and the table entries that say so.
//!
//! The pipeline looks up the peer's one class, and then a rule of exactly this policy and class. So there is an entry for
//! each pair that is allowed, at the least, and no numbering makes it fewer: what may go out to anywhere, as every group
//! without `egress` may, is listed for every class. Groups that others name have a class each, so with n of them that is
//! n * (n + 1) entries for egress: 40,200 with 200, 1,001,000 with 1,000. The map holds 1,048,576 of all VPCs together,
//! and twice those of a VPC while it changes: about 720 such groups.
//!
//! Fewer need another lookup in the pipeline: where no rule of the peer's class fits, one of `ClassId(0)`, which would
//! hold for every peer. Nothing is listed for class 0 today, and rules only ever allow, so the second lookup adds and
//! takes nothing away. Here, rules with the peer 0.0.0.0/0 would then be listed once for each policy, under class 0, and
//! would speak of no class: n entries for egress instead of n * (n + 1). Only the first packet of a connection that no
//! rule of the peer's own class allows would pay for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use madang_datapath::{ClassId, Direction, Entry, PolicyId, PortPrefix, Rule, VpcId};

use crate::origin::{Origin, Origins};
use crate::rules::GroupRule;
use crate::traffic::Traffic;

/// What a policy may open with peers of a class. What is not here is not allowed.
pub type Permits = BTreeMap<(PolicyId, Direction, ClassId), Arc<Traffic>>;

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
    let mut merged = Merged { rules, known: BTreeMap::new() };
    let mut permitted = Permitted { permits: BTreeMap::new(), rules: BTreeSet::new() };
    for (class, speaking) in classes {
        let mut parts: BTreeMap<(PolicyId, Direction), Vec<usize>> = BTreeMap::new();
        for n in speaking {
            for policy in policies_of.get(rules[*n].group.as_str()).into_iter().flatten() {
                parts.entry((*policy, rules[*n].direction)).or_default().push(*n);
            }
        }
        for ((policy, direction), parts) in parts {
            let permit = merged.of(parts);
            permitted.permits.insert((policy, direction, *class), Arc::clone(&permit.traffic));
            for (protocol, ports, because) in &permit.entries {
                let rule = Rule { policy, direction, class: *class, protocol: *protocol, ports: *ports };
                permitted.rules.insert(rule);
                origins.insert(Entry::Rule(vpc, rule), because.clone());
            }
        }
    }
    permitted
}

/// The union of some rules, as table entries: each with the rules that it owes itself to.
struct Permit {
    traffic: Arc<Traffic>,
    entries: Vec<(Option<u8>, PortPrefix, Vec<Arc<Origin>>)>,
}

/// The unions made so far: most classes get the same few from a policy.
struct Merged<'a> {
    rules: &'a [GroupRule],
    known: BTreeMap<Vec<usize>, Arc<Permit>>,
}

impl Merged<'_> {
    fn of(&mut self, parts: Vec<usize>) -> Arc<Permit> {
        if let Some(permit) = self.known.get(&parts) {
            return Arc::clone(permit);
        }
        let rules = || parts.iter().map(|n| &self.rules[*n]);
        let traffic = rules().fold(Traffic::default(), |sum, rule| sum.union(&rule.traffic));
        let because = |protocol, ports| {
            rules().filter(|r| r.traffic.touches(protocol, ports)).map(|r| Arc::clone(&r.origin)).collect()
        };
        let entries = traffic.entries().into_iter();
        let entries = entries.map(|(protocol, ports)| (protocol, ports, because(protocol, ports))).collect();
        let permit = Arc::new(Permit { traffic: Arc::new(traffic), entries });
        self.known.insert(parts, Arc::clone(&permit));
        permit
    }
}
