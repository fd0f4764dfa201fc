//! Address pools, and whoever has an address of one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use madang_addr::Prefix;

use super::world::{Findings, Need, World};
use crate::addresses::overlaps;
use crate::{AddressPoolSpec, Diagnostic, Kind, PoolEntry};

pub(super) fn pools(world: &World<'_>, findings: &mut Findings) {
    apart(world, findings);
    one_next_hop(world, findings);
    no_next_hop(world, findings);
}

/// A link has one server of this host's.
pub(super) fn dhcp_servers(world: &World<'_>, findings: &mut Findings) {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, server) in world.dhcp_servers() {
        let other = *first.entry(&server.spec.interface).or_insert(n);
        if other != n {
            let message = format!("{} serves {} already", world.called(other), server.spec.interface);
            let hint = "write all pools of a link into one server, or choose another interface";
            findings.wrong(n, "spec.interface", Diagnostic::new("interfaceTaken", message).hint(hint));
        }
    }
}

/// A router's address is nobody else's, whichever pool leads to it.
fn no_next_hop(world: &World<'_>, findings: &mut Findings) {
    let mut routers: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for (n, pool) in world.pools() {
        routers.entry(pool.spec.next_hop).or_insert(n);
    }
    for (n, pool) in world.pools() {
        for (at, entry) in pool.spec.addresses.iter().enumerate() {
            // Its own has been said already.
            let own = pool.spec.next_hop;
            let mut inside = routers.range(entry.0.address()..=entry.0.last());
            let router = inside.find(|(router, _)| **router != own);
            if let Some((router, other)) = router {
                let message = format!("{entry} has {router}, the next hop of {}", world.called(*other));
                let cause = "that is the router's own, and cannot be given to anybody else";
                let diagnostic = Diagnostic::new("nextHopInPool", message).cause(cause);
                findings.wrong(
                    n,
                    format!("spec.addresses[{at}]"),
                    diagnostic.hint("leave it out of the pool"),
                );
            }
        }
    }
}

/// An interface has one router, to which all that leaves by it goes: its pools must agree on it.
fn one_next_hop(world: &World<'_>, findings: &mut Findings) {
    let mut first: BTreeMap<&str, (usize, &AddressPoolSpec)> = BTreeMap::new();
    for (n, pool) in world.pools() {
        let spec = &pool.spec;
        let (other, before) = *first.entry(&spec.interface).or_insert((n, spec));
        if before.next_hop != spec.next_hop {
            let (interface, next_hop) = (&spec.interface, before.next_hop);
            let message = format!("the next hop of {interface} is {next_hop} for {}", world.called(other));
            let cause = "all that leaves by an interface goes to one router";
            let hint = format!("write {next_hop} in both, or give this pool an interface of its own");
            let diagnostic = Diagnostic::new("otherNextHop", message).cause(cause).hint(hint);
            findings.wrong(n, "spec.nextHop", diagnostic);
        }
    }
}

/// No address is in two pools.
fn apart(world: &World<'_>, findings: &mut Findings) {
    let entries = world.pools().flat_map(|(n, pool)| {
        pool.spec.addresses.iter().enumerate().map(move |(at, entry)| (n, at, entry.0))
    });
    let entries: Vec<(usize, usize, Prefix)> = entries.collect();
    let ranges: Vec<Prefix> = entries.iter().map(|(_, _, range)| *range).collect();
    for (later, first) in overlaps(&ranges) {
        let ((n, at, range), (other, _, first)) = (entries[later], entries[first]);
        // Within one pool it has been said already.
        if n != other {
            let (range, first) = (PoolEntry(range), PoolEntry(first));
            let message = format!("{range} overlaps {first}, which is of {}", world.called(other));
            let cause = "an address can be in one pool alone";
            let diagnostic =
                Diagnostic::new("overlap", message).cause(cause).hint("leave it out of one of them");
            findings.wrong(n, format!("spec.addresses[{at}]"), diagnostic);
        }
    }
}

/// What an address is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// A NAT gateway's connections.
    Nat,
    /// Forwarded ports.
    Ports,
    /// An instance has it for itself.
    Whole,
}

impl How {
    /// Whether both can be at one address: what is opened outwards, and ports.
    fn goes_with(self, other: Self) -> bool {
        matches!((self, other), (Self::Nat, Self::Ports) | (Self::Ports, Self::Nat))
    }
}

/// Whoever has, or wants, an address of a pool.
struct Holder<'a> {
    n: usize,
    how: How,
    pool: &'a str,
    wanted: Option<IpAddr>,
    given: Option<IpAddr>,
}

pub(super) fn addresses(world: &World<'_>, findings: &mut Findings) {
    let nats = world.nats().map(|(n, nat)| Holder {
        n,
        how: How::Nat,
        pool: &nat.spec.pool,
        wanted: nat.spec.address,
        given: nat.status.address,
    });
    let publics = world.public_addresses().map(|(n, public)| Holder {
        n,
        how: if public.spec.instance.is_some() { How::Whole } else { How::Ports },
        pool: &public.spec.pool,
        wanted: public.spec.address,
        given: public.status.address,
    });
    let mut holders: Vec<Holder<'_>> = nats.chain(publics).collect();
    // Who has an address keeps it; who wants one is told.
    holders.sort_by_key(|holder| (holder.given.is_none(), holder.n));
    let mut held: BTreeMap<IpAddr, Vec<(usize, How)>> = BTreeMap::new();
    for holder in holders {
        let n = holder.n;
        let pool = world.follow(findings, (n, "spec.pool"), Kind::AddressPool, holder.pool, Need::Whole);
        let Some(address) = holder.given.or(holder.wanted) else { continue };
        if let Some(pool) = pool.and_then(|_| world.pool(holder.pool)) {
            in_pool(findings, n, address, holder.pool, &pool.spec);
        }
        let held = held.entry(address).or_default();
        let first = held.iter().find(|(_, how)| !how.goes_with(holder.how));
        if let Some((first, _)) = first {
            let message = format!("{address} is already the address of {}", world.called(*first));
            let cause = "only a NAT gateway and a public address that forwards ports can share one";
            let hint = "leave the address out to get the lowest free one, or choose another";
            let diagnostic = Diagnostic::new("duplicateAddress", message).cause(cause).hint(hint);
            findings.wrong(n, "spec.address", diagnostic);
        }
        held.push((n, holder.how));
    }
    for (n, nat) in world.nats() {
        world.follow(findings, (n, "spec.vpc"), Kind::Vpc, &nat.spec.vpc, Need::Whole);
    }
}

fn in_pool(findings: &mut Findings, n: usize, address: IpAddr, name: &str, pool: &AddressPoolSpec) {
    if address.is_ipv4() && !pool.addresses.iter().any(|entry| entry.0.contains(address)) {
        let entries: Vec<String> = pool.addresses.iter().take(8).map(ToString::to_string).collect();
        let more = if pool.addresses.len() > entries.len() { ", ..." } else { "" };
        let message =
            format!("{address} is not in address pool {name}, which has {}{more}", entries.join(", "));
        let hint = "leave the address out to get the lowest free one, or choose one of the pool";
        findings.wrong(n, "spec.address", Diagnostic::new("outsidePool", message).hint(hint));
    }
}

pub(super) fn forwards(world: &World<'_>, findings: &mut Findings) {
    let mut held: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, public) in world.public_addresses() {
        if let Some(instance) = &public.spec.instance {
            world.follow(findings, (n, "spec.instance"), Kind::Instance, instance, Need::Part);
            let first = *held.entry(instance).or_insert(n);
            if first != n {
                let message = format!("{} is already the own address of {instance}", world.called(first));
                let cause = "what an instance sends has one source";
                let hint = "forward the ports that are meant instead: spec.forwards";
                let diagnostic = Diagnostic::new("secondPublicAddress", message).cause(cause).hint(hint);
                findings.wrong(n, "spec.instance", diagnostic);
            }
        }
        for (at, forward) in public.spec.forwards.iter().enumerate() {
            let path = format!("spec.forwards[{at}].instance");
            world.follow(findings, (n, &path), Kind::Instance, &forward.instance, Need::Part);
        }
    }
}
