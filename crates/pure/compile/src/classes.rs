//! Identity classes: what an address is to the rules of a VPC.
//!
//! Two addresses are of one class if the same rules speak of them, by a CIDR that they are in or by a group that they
//! are a member of. So a packet's peer is looked up once, whatever the number of rules, and a rule is listed once for
//! each class that it speaks of. An address that no rule speaks of is of class 0. A rule about every address is about no class,
//! and is listed under class 0, where it holds for all.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use madang_addr::Prefix;
use madang_datapath::ClassId;
use madang_model::Peer;

use crate::lookup::{longest, parent, simplify};
use crate::origin::Origin;
use crate::rules::GroupRule;

/// An instance, as far as its class goes.
pub(crate) struct Member<'a> {
    pub(crate) address: IpAddr,
    pub(crate) groups: &'a BTreeSet<String>,
    pub(crate) origin: Arc<Origin>,
}

pub(crate) struct Classes {
    /// What each address is: the longest prefix counts, and no prefix says what the one around it says.
    pub(crate) prefixes: BTreeMap<Prefix, ClassId>,
    /// Which rules speak of each class, as indices in order.
    pub(crate) rules: BTreeMap<ClassId, Vec<usize>>,
    pub(crate) origins: BTreeMap<Prefix, Vec<Arc<Origin>>>,
}

/// Which CIDR it is in (the longest) and which groups it is a member of: those that rules speak of.
type Identity<'a> = (Option<Prefix>, BTreeSet<&'a str>);

pub(crate) fn classes(rules: &[GroupRule], members: &[Member<'_>]) -> Classes {
    let spoken = Spoken::of(rules);
    let mut identities: BTreeMap<Prefix, Identity<'_>> =
        spoken.cidrs.keys().map(|cidr| (*cidr, (Some(*cidr), BTreeSet::new()))).collect();
    let mut origins = spoken.cidr_origins.clone();
    for member in members {
        let host = Prefix::host(member.address);
        let cidr = longest(&spoken.cidrs, member.address).map(|(cidr, _)| cidr);
        let groups =
            member.groups.iter().map(String::as_str).filter(|group| spoken.groups.contains_key(group));
        identities.insert(host, (cidr, groups.collect()));
        origins.entry(host).or_default().push(Arc::clone(&member.origin));
    }
    let mut numbers = Numbers::new(&spoken);
    let mut prefixes: BTreeMap<_, _> =
        identities.into_iter().map(|(prefix, identity)| (prefix, numbers.number(identity))).collect();
    simplify(&mut prefixes, &ClassId(0));
    origins.retain(|prefix, _| prefixes.contains_key(prefix));
    let rules = numbers.by_rules.into_iter().map(|(rules, class)| (class, rules)).collect();
    Classes { prefixes, rules, origins }
}

/// Whom the rules speak of, and which rules those are.
struct Spoken<'a> {
    /// With the rules of the CIDRs around each.
    cidrs: BTreeMap<Prefix, Vec<usize>>,
    cidr_origins: BTreeMap<Prefix, Vec<Arc<Origin>>>,
    groups: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Spoken<'a> {
    fn of(rules: &'a [GroupRule]) -> Self {
        let mut cidrs: BTreeMap<Prefix, Vec<usize>> = BTreeMap::new();
        let mut cidr_origins: BTreeMap<Prefix, Vec<Arc<Origin>>> = BTreeMap::new();
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (n, rule) in rules.iter().enumerate().filter(|(_, rule)| !rule.speaks_of_everyone()) {
            for (peer, origin) in &rule.peers {
                match peer {
                    Peer::Cidr(cidr) => {
                        cidrs.entry(*cidr).or_default().push(n);
                        cidr_origins.entry(*cidr).or_default().push(Arc::clone(origin));
                    }
                    Peer::Group(group) => groups.entry(group).or_default().push(n),
                    // It has become its addresses.
                    Peer::List(_) => {}
                }
            }
        }
        // Whoever is in a CIDR is in those around it: they come first, and have their own already.
        for cidr in cidrs.keys().copied().collect::<Vec<_>>() {
            let around = parent(&cidrs, cidr).map(|(_, rules)| rules.clone()).unwrap_or_default();
            cidrs.entry(cidr).or_default().extend(around);
        }
        Self { cidrs, cidr_origins, groups }
    }

    fn rules(&self, (cidr, groups): &Identity<'_>) -> Vec<usize> {
        let by_cidr = cidr.iter().filter_map(|cidr| self.cidrs.get(cidr));
        let by_group = groups.iter().filter_map(|group| self.groups.get(group));
        let mut rules: Vec<usize> = by_cidr.chain(by_group).flatten().copied().collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }
}

struct Numbers<'a, 'b> {
    spoken: &'b Spoken<'a>,
    by_identity: BTreeMap<Identity<'a>, ClassId>,
    by_rules: BTreeMap<Vec<usize>, ClassId>,
    next: u32,
}

impl<'a, 'b> Numbers<'a, 'b> {
    fn new(spoken: &'b Spoken<'a>) -> Self {
        Self {
            spoken,
            by_identity: BTreeMap::new(),
            by_rules: BTreeMap::from([(Vec::new(), ClassId(0))]),
            next: 1,
        }
    }

    fn number(&mut self, identity: Identity<'a>) -> ClassId {
        if let Some(class) = self.by_identity.get(&identity) {
            return *class;
        }
        let class = *self.by_rules.entry(self.spoken.rules(&identity)).or_insert_with(|| {
            self.next += 1;
            ClassId(self.next - 1)
        });
        self.by_identity.insert(identity, class);
        class
    }
}
