//! Looks for the one connection that breaks an assertion: of those that must be possible one that is not, of those that
//! must not be one that is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use madang_addr::Prefix;
use madang_compile::{Instance, Traffic};
use madang_datapath::{Direction, Forward, ForwardKey, Route, VpcId};
use madang_model::{Diagnostic, Expectation};

use super::ground::Ground;
use super::place::{Place, Trouble};
use super::regions::regions;
use super::service::Service;
use crate::reach::instances::Key;
use crate::reach::outside::{carried, is_outside, is_whole, permitted};

/// Who opens a connection to whom. A prefix outside stands for the addresses that no narrower one singles out.
#[derive(Clone, Copy)]
pub(super) enum Strand<'a> {
    /// One instance to another.
    Within(&'a Instance, &'a Instance),
    /// From outside to an instance.
    In(Prefix, &'a Instance),
    /// From an instance to the outside.
    Out(&'a Instance, Prefix),
    /// From outside to a public address.
    Public(Prefix, IpAddr),
    /// From an instance to a public address.
    Back(&'a Instance, IpAddr),
    /// From an instance to another by a public address of that.
    Round(&'a Instance, IpAddr, &'a Instance),
}

/// What was found.
pub(super) enum Found<'a> {
    /// Nothing that breaks it; whether there was anybody to ask about.
    Nothing { anybody: bool },
    /// This breaks it.
    Strand(Strand<'a>),
}

/// Asks about everybody at both ends until something breaks the assertion.
pub(super) fn seek<'a>(
    ground: &Ground<'a>,
    from: &Place<'a>,
    to: &Place<'a>,
    service: Service,
    expect: Expectation,
) -> Result<Found<'a>, Trouble> {
    let mut seeker =
        Seeker { ground, service, wanted: expect == Expectation::Unreachable, anybody: false, found: None };
    match (from, to) {
        (Place::Public(_, name), _) => {
            let message = format!("{name} is an address of a pool, and opens no connection");
            let hint = "write the instance behind it, or internet";
            let diagnostic = Diagnostic::new("invalidValue", message).hint(hint);
            return Err(Trouble::Wrong(Diagnostic { path: "spec.from".to_owned(), ..diagnostic }));
        }
        (Place::Instances(from, _), Place::Instances(to, _)) => seeker.within(from, to),
        (Place::Instances(from, _), Place::Addresses(prefix)) => seeker.out(from, *prefix, false),
        (Place::Instances(from, _), Place::Internet) => seeker.out(from, Prefix::ANY_V4, true),
        (Place::Instances(from, _), Place::Public(address, _)) => {
            from.iter().for_each(|from| seeker.ask(Strand::Back(from, *address)));
        }
        (Place::Addresses(prefix), Place::Instances(to, _)) => seeker.inward(*prefix, to, false),
        (Place::Internet, Place::Instances(to, _)) => seeker.inward(Prefix::ANY_V4, to, true),
        (Place::Addresses(prefix), Place::Public(address, _)) => seeker.public(*prefix, *address, false),
        (Place::Internet, Place::Public(address, _)) => seeker.public(Prefix::ANY_V4, *address, true),
        (Place::Addresses(_) | Place::Internet, Place::Addresses(_) | Place::Internet) => {
            let message = "both ends are addresses, and of neither is said in which VPC";
            let hint = "write an instance, a security group or a public address at one end at least";
            return Err(Trouble::Wrong(Diagnostic::new("invalidValue", message).hint(hint)));
        }
    }
    Ok(seeker.found.map_or(Found::Nothing { anybody: seeker.anybody }, Found::Strand))
}

struct Seeker<'s, 'a> {
    ground: &'s Ground<'a>,
    service: Service,
    /// Whether what is sought is possible, or is not.
    wanted: bool,
    anybody: bool,
    found: Option<Strand<'a>>,
}

impl<'a> Seeker<'_, 'a> {
    fn ask(&mut self, strand: Strand<'a>) {
        if self.found.is_none() {
            self.anybody = true;
            self.found = Some(strand).filter(|s| self.ground.passes(*s, self.service) == self.wanted);
        }
    }

    /// Each of some instances to each of others: one pair of each two sets that are alike.
    fn within(&mut self, from: &[&'a Instance], to: &[&'a Instance]) {
        let (senders, receivers) = (self.alike(from), self.alike(to));
        for senders in senders.values() {
            for receivers in receivers.values() {
                // Nobody reaches itself through the network. Of two each, one pair at least is of two.
                let others = |a: &&'a Instance| receivers.iter().copied().find(|b| b.name != a.name);
                let pair = senders.iter().copied().take(2).find_map(|a| others(&a).map(|b| (a, b)));
                if let Some((a, b)) = pair {
                    self.ask(Strand::Within(a, b));
                }
            }
        }
        if self.wanted {
            self.round(from, to);
        }
    }

    /// The same by public addresses: whom no forward leads to is not reached so.
    fn round(&mut self, from: &[&'a Instance], to: &[&'a Instance]) {
        let mut asked = BTreeSet::new();
        for from in from {
            if !asked.insert((from.vpc, from.policy, from.routes, from.nat)) {
                continue;
            }
            for to in to.iter().filter(|to| to.name != from.name) {
                let addresses: BTreeSet<IpAddr> =
                    self.ground.forwards_to(to).iter().map(|(key, _)| key.address).collect();
                addresses.into_iter().for_each(|address| self.ask(Strand::Round(from, address, to)));
            }
        }
    }

    fn alike(&self, members: &[&'a Instance]) -> BTreeMap<Key, Vec<&'a Instance>> {
        let mut alike: BTreeMap<Key, Vec<&'a Instance>> = BTreeMap::new();
        for member in members {
            if let Some((instance, key)) = self.ground.side.keys.get(member.name.as_str()) {
                alike.entry(key.clone()).or_default().push(instance);
            }
        }
        alike
    }

    /// From instances to addresses: of the VPC, whoever has them there; of the others, the outside.
    fn out(&mut self, from: &[&'a Instance], prefix: Prefix, internet: bool) {
        if !internet {
            for (vpc, from) in by_vpc(from) {
                let to = self.holders(vpc, prefix);
                self.within(&from, &to);
            }
        }
        let mut asked = BTreeSet::new();
        for from in from {
            let key = (from.vpc, from.policy, from.routes, from.nat);
            if self.found.is_some() || !asked.insert(key) {
                continue;
            }
            let routes = self.ground.vpc(from.vpc).routes.keys();
            let routes = routes.filter(|(table, _)| *table == from.routes).map(|(_, prefix)| *prefix);
            let spoken = self.ground.spoken(from.vpc).iter().copied().chain(routes);
            for region in self.regions(spoken, &self.ground.vpc(from.vpc).cidrs, prefix, internet) {
                self.ask(Strand::Out(from, region));
            }
        }
    }

    /// From addresses to instances.
    fn inward(&mut self, prefix: Prefix, to: &[&'a Instance], internet: bool) {
        for (vpc, to) in by_vpc(to) {
            if !internet {
                let from = self.holders(vpc, prefix);
                self.within(&from, &to);
            }
            let regions = self.inbound(&BTreeSet::from([vpc]), prefix, internet);
            for to in to {
                // Nobody comes in without a forward, wherever from.
                let asked = if self.ground.forwards_to(to).is_empty() { 1 } else { regions.len() };
                regions.iter().take(asked).for_each(|region| self.ask(Strand::In(*region, to)));
            }
        }
    }

    /// From addresses to a public address.
    fn public(&mut self, prefix: Prefix, address: IpAddr, internet: bool) {
        let vpcs: BTreeSet<VpcId> =
            self.ground.forwards_at(address).iter().map(|(_, forward)| forward.vpc).collect();
        for region in self.inbound(&vpcs, prefix, internet) {
            self.ask(Strand::Public(region, address));
        }
    }

    fn inbound(&self, vpcs: &BTreeSet<VpcId>, prefix: Prefix, internet: bool) -> Vec<Prefix> {
        let spoken = vpcs.iter().flat_map(|vpc| self.ground.spoken(*vpc)).copied();
        let own = |vpc: &VpcId| self.ground.vpc(*vpc).cidrs.iter().copied();
        // What is one VPC's own is not another's.
        let all: Vec<Prefix> = vpcs.iter().flat_map(own).collect();
        let (spoken, holes): (Vec<Prefix>, &[Prefix]) = if vpcs.len() == 1 {
            (spoken.collect(), &all)
        } else {
            (spoken.chain(all.clone()).collect(), &[])
        };
        self.regions(spoken.into_iter(), holes, prefix, internet)
    }

    /// The addresses outside, cut where somebody speaks of a part. Of the internet, what must be reachable is what
    /// nobody singles out.
    fn regions(
        &self,
        spoken: impl Iterator<Item = Prefix>,
        holes: &[Prefix],
        within: Prefix,
        internet: bool,
    ) -> Vec<Prefix> {
        let mut cut = regions(spoken, holes, within);
        if internet && !self.wanted && cut.first() == Some(&Prefix::ANY_V4) {
            cut.truncate(1);
        }
        cut
    }

    /// Whoever has one of the addresses in the VPC.
    fn holders(&self, vpc: VpcId, prefix: Prefix) -> Vec<&'a Instance> {
        let instances = self.ground.side.keys.values().map(|(instance, _)| *instance);
        instances.filter(|instance| instance.vpc == vpc && prefix.contains(instance.address)).collect()
    }
}

fn by_vpc<'a>(instances: &[&'a Instance]) -> BTreeMap<VpcId, Vec<&'a Instance>> {
    let mut by_vpc: BTreeMap<VpcId, Vec<&'a Instance>> = BTreeMap::new();
    for instance in instances {
        by_vpc.entry(instance.vpc).or_default().push(instance);
    }
    by_vpc
}

impl Ground<'_> {
    /// Whether such a connection can be opened.
    pub(super) fn passes(&self, strand: Strand<'_>, service: Service) -> bool {
        match strand {
            Strand::Within(from, to) => {
                let key =
                    |instance: &Instance| self.side.keys.get(instance.name.as_str()).map(|(_, key)| key);
                service.is_in(&self.side.allowed(key(from), key(to)))
            }
            Strand::Out(from, to) => {
                let vpc = self.vpc(from.vpc);
                let out = permitted(vpc, from.policy, Direction::Egress, to);
                self.seen_as(from, to).is_some() && service.is_in(&out)
            }
            Strand::In(from, to) => {
                let into = permitted(self.vpc(to.vpc), to.policy, Direction::Ingress, from);
                self.forwards_to(to)
                    .iter()
                    .any(|(key, forward)| service.is_in(&into.intersection(&self.carried(key, forward))))
            }
            Strand::Public(from, address) => self
                .forwards_at(address)
                .iter()
                .any(|(key, forward)| self.comes_in(from, key, forward, service)),
            Strand::Back(from, address) => self
                .forwards_at(address)
                .iter()
                .any(|(key, forward)| self.comes_back(from, key, forward, service)),
            Strand::Round(from, address, to) => self.forwards_to(to).iter().any(|(key, forward)| {
                let asked = service.seen_at(key, forward).filter(|_| key.address == address);
                asked.is_some_and(|asked| self.comes_back(from, key, forward, asked))
            }),
        }
    }

    /// Whether this forward of a public address leads this service to an instance that lets it in.
    pub(super) fn comes_in(
        &self,
        from: Prefix,
        key: &ForwardKey,
        forward: &Forward,
        service: Service,
    ) -> bool {
        let Some(to) = self.holder(forward.vpc, forward.address) else { return false };
        let into = permitted(self.vpc(to.vpc), to.policy, Direction::Ingress, from);
        is_outside(self.vpc(to.vpc), from) && self.leads(service, key, forward, &into)
    }

    /// Whether a service of a public address is led on by this forward, as something of this.
    fn leads(&self, service: Service, key: &ForwardKey, forward: &Forward, into: &Traffic) -> bool {
        if is_whole(key) {
            return service.is_in(&into.intersection(&self.carried(key, forward)));
        }
        let asked = key.protocol == service.number() && service.port.is_none_or(|port| port == key.port);
        asked && service.at(forward.port).is_in(into)
    }

    pub(super) fn carried(&self, key: &ForwardKey, forward: &Forward) -> Traffic {
        carried(self.network, key, forward)
    }

    /// Whether what an instance sends to a public address is led back in by this forward.
    pub(super) fn comes_back(
        &self,
        from: &Instance,
        key: &ForwardKey,
        forward: &Forward,
        service: Service,
    ) -> bool {
        let to = Prefix::host(key.address);
        let Some(seen) = self.seen_as(from, to) else { return false };
        let out = permitted(self.vpc(from.vpc), from.policy, Direction::Egress, to);
        let Some(holder) = self.holder(forward.vpc, forward.address) else { return false };
        let into = permitted(self.vpc(holder.vpc), holder.policy, Direction::Ingress, Prefix::host(seen));
        if is_whole(key) {
            return self.leads(service, key, forward, &into.intersection(&out));
        }
        let asked = if service.port.is_none() { service.at(key.port) } else { service };
        asked.is_in(&out) && self.leads(asked, key, forward, &into)
    }

    /// As which address an instance is seen by these addresses outside, if there is a way.
    pub(super) fn seen_as(&self, from: &Instance, to: Prefix) -> Option<IpAddr> {
        let nat = match self.way_out(from, to)?.1 {
            Route::Nat(nat) => Some(nat),
            Route::Internet => from.nat,
            Route::Local | Route::Blackhole => None,
        };
        nat.and_then(|nat| self.network.nats.get(&nat)).map(|nat| nat.address)
    }

    /// The route from an instance to addresses outside.
    pub(super) fn way_out(&self, from: &Instance, to: Prefix) -> Option<(Prefix, Route)> {
        let vpc = self.vpc(from.vpc);
        (0..=to.length()).rev().find_map(|length| {
            let prefix = Prefix::containing(to.address(), length).ok()?;
            vpc.routes.get(&(from.routes, prefix)).map(|route| (prefix, *route))
        })
    }

    /// The route from an instance to an address.
    pub(super) fn way(&self, from: &Instance, to: IpAddr) -> Option<(Prefix, Route)> {
        self.way_out(from, Prefix::host(to))
    }
}
