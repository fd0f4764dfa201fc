//! How many flows an instance and a VPC may have, so that nobody takes the whole table.
//!
//! A flow is counted for the instance that opens it, or to which it is opened from outside, and for the VPC of that. What is
//! opened from outside, and what is opened to services, is counted by itself: a flood of it leaves the rest alone. A flow is
//! half open as long as it is TCP and neither acknowledged by who opened it nor closing. A flow that is opened is counted at
//! once, and so is the end of being half open; flows that are gone are counted out when expired ones are collected, which
//! counts anew what there is.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use super::{Flow, FlowKey, Protocol, State};
use crate::VpcId;
use crate::abi::{DropReason, SERVICE_QUOTA_SHIFT, STATE_ACK_ORIGINAL, STATE_SERVICE, Way};

/// How much there may be: of what instances open, as much of what is opened to them from outside, and an eighth of it
/// ([`crate::abi::SERVICE_QUOTA_SHIFT`]) of what they open to services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Flows of an instance.
    pub instance: u32,
    /// Half-open ones of an instance.
    pub instance_half_open: u32,
    /// Flows of a VPC.
    pub vpc: u32,
    /// Half-open ones of a VPC.
    pub vpc_half_open: u32,
}

impl Quotas {
    /// What a table with room for this many entries (two a flow) gives: a quarter of its flows to a VPC, an eighth to an
    /// instance, and of these a quarter half open.
    pub fn of(capacity: u32) -> Self {
        let flows = capacity / 2;
        let (vpc, instance) = (flows / 4, flows / 8);
        Self { instance, instance_half_open: instance / 4, vpc, vpc_half_open: vpc / 4 }
    }
}

/// What somebody has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    flows: u32,
    half_open: u32,
}

/// Who opens flows to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An instance.
    Out,
    /// Somebody outside, to an instance.
    In,
    /// An instance, to a service.
    Service,
}

/// Whose flows of which kind: an instance's by its address, or a VPC's.
pub(crate) type Owner = (VpcId, Kind, IpAddr);

/// What everybody has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usages(BTreeMap<Owner, Usage>);

impl Usages {
    /// Whether there may be another flow of the instance.
    pub(crate) fn may_open(
        &self,
        owner: Owner,
        protocol: Protocol,
        quotas: &Quotas,
    ) -> Result<(), DropReason> {
        let full = |owner: Owner, most: u32, most_half_open: u32| {
            let shift = if owner.1 == Kind::Service { SERVICE_QUOTA_SHIFT } else { 0 };
            let usage = self.0.get(&owner).copied().unwrap_or_default();
            usage.flows >= most >> shift
                || (protocol == Protocol::Tcp && usage.half_open >= most_half_open >> shift)
        };
        let has = self.0.contains_key(&owner);
        if has && full(owner, quotas.instance, quotas.instance_half_open) {
            return Err(DropReason::InstanceQuota);
        }
        let vpc = of_vpc(owner);
        if self.0.contains_key(&vpc) && full(vpc, quotas.vpc, quotas.vpc_half_open) {
            return Err(DropReason::VpcQuota);
        }
        Ok(())
    }

    /// Counts a flow that is opened.
    pub(crate) fn opened(&mut self, owner: Owner, protocol: Protocol) {
        self.count(owner, protocol == Protocol::Tcp);
    }

    /// Counts a flow that is there.
    pub(crate) fn found(&mut self, key: &FlowKey, flow: &Flow) {
        if flow.way == Way::Original {
            self.count(owner(key, flow), is_half_open(key.protocol, flow.state));
        }
    }

    /// Takes note that a flow is half open no more.
    pub(crate) fn whole(&mut self, owner: Owner) {
        for owner in [owner, of_vpc(owner)] {
            if let Some(usage) = self.0.get_mut(&owner) {
                usage.half_open = usage.half_open.saturating_sub(1);
            }
        }
    }

    /// Counts anew.
    pub(crate) fn recount<'a>(&mut self, flows: impl Iterator<Item = (&'a FlowKey, &'a Flow)>) {
        self.0.clear();
        flows.for_each(|(key, flow)| self.found(key, flow));
    }

    fn count(&mut self, owner: Owner, half_open: bool) {
        for owner in [owner, of_vpc(owner)] {
            let usage = self.0.entry(owner).or_default();
            usage.flows += 1;
            usage.half_open += u32::from(half_open);
        }
    }
}

/// Whether a flow's handshake is not over, and it is not closing.
pub(crate) fn is_half_open(protocol: Protocol, state: State) -> bool {
    protocol == Protocol::Tcp && state.0 & STATE_ACK_ORIGINAL == 0 && !state.is_closing()
}

/// Whom a flow is counted for.
pub(crate) fn owner(key: &FlowKey, flow: &Flow) -> Owner {
    let of_key = match flow.way {
        Way::Original => key.vpc != VpcId::OUTSIDE,
        Way::Reply => flow.target == VpcId::OUTSIDE,
    };
    let opener = if flow.way == Way::Original { key.vpc } else { flow.target };
    let kind = match opener {
        VpcId::OUTSIDE => Kind::In,
        _ if flow.state.has(STATE_SERVICE) => Kind::Service,
        _ => Kind::Out,
    };
    if of_key { (key.vpc, kind, key.tuple.source) } else { (flow.target, kind, flow.translated.destination) }
}

/// A VPC's flows are counted under no address.
fn of_vpc((vpc, kind, _): Owner) -> Owner {
    (vpc, kind, IpAddr::V6(Ipv6Addr::UNSPECIFIED))
}
