//! Whether a rule allows it: the peer's address gives a class, then (policy, direction, class, protocol, port) is looked
//! up. What no rule allows is denied.
//!
//! The class is that of the longest prefix of the VPC's classes that the peer is in, or 0; what is listed under class 0 holds
//! for every peer. The port is the destination's
//! as the receiver sees it, which for an echo request is [`crate::abi::ECHO_REQUEST`]. A rule fits if policy and
//! direction are these, its class is this or 0, its protocol is this or none, and its port prefix contains the port (for a rule of every protocol too).

use std::net::IpAddr;

use madang_addr::Prefix;

use crate::abi::{DropReason, Stage};
use crate::trace::Trace;
use crate::view::{Asked, View};
use crate::words::service;
use crate::{ClassId, Direction, Endpoint, Entry, Protocol, Tuple, VpcId};

/// Who the sender is.
pub(crate) fn sender<'a>(
    view: View<'a>,
    vpc: VpcId,
    source: IpAddr,
    trace: &mut impl Trace,
) -> Result<&'a Endpoint, DropReason> {
    view.endpoint(vpc, source).ok_or_else(|| {
        trace.refuse(Stage::EgressPolicy, DropReason::NoEndpoint, || {
            (format!("{source} is not in the tables of VPC {}", vpc.0), Vec::new())
        })
    })
}

/// Whether the sender's rules allow it.
pub(crate) fn egress(
    view: View<'_>,
    vpc: VpcId,
    sender: &Endpoint,
    tuple: &Tuple,
    protocol: Protocol,
    trace: &mut impl Trace,
) -> Result<(), DropReason> {
    let question = Question { vpc, whose: tuple.source, endpoint: sender, peer: tuple.destination };
    question.ask(view, Direction::Egress, protocol, tuple.destination_port, trace)
}

/// Whether the receiver's rules allow it.
pub(crate) fn ingress(
    view: View<'_>,
    vpc: VpcId,
    receiver: &Endpoint,
    tuple: &Tuple,
    protocol: Protocol,
    trace: &mut impl Trace,
) -> Result<(), DropReason> {
    let question = Question { vpc, whose: tuple.destination, endpoint: receiver, peer: tuple.source };
    question.ask(view, Direction::Ingress, protocol, tuple.destination_port, trace)
}

/// Whose rules are asked, about whom.
struct Question<'a> {
    vpc: VpcId,
    whose: IpAddr,
    endpoint: &'a Endpoint,
    peer: IpAddr,
}

impl Question<'_> {
    fn ask(
        &self,
        view: View<'_>,
        direction: Direction,
        protocol: Protocol,
        port: u16,
        trace: &mut impl Trace,
    ) -> Result<(), DropReason> {
        let (stage, reason, word) = match direction {
            Direction::Egress => (Stage::EgressPolicy, DropReason::EgressDenied, "egress"),
            Direction::Ingress => (Stage::IngressPolicy, DropReason::IngressDenied, "ingress"),
        };
        let (class, prefix) = view.class(self.vpc, self.peer);
        let policy = self.endpoint.policy;
        let rule = view.rule(self.vpc, Asked { policy, direction, class, protocol, port });
        let whose = || format!("{} ({})", self.whose, self.owner(view));
        let peer = || format!("{} ({})", self.peer, self.standing(view, class, prefix));
        // A rule about everybody does not look at who it is.
        let entries = || {
            if rule.is_some_and(|rule| rule.class == ClassId(0)) {
                self.entries(None)
            } else {
                self.entries(prefix)
            }
        };
        let service = || service(protocol, port);
        let Some(rule) = rule else {
            return Err(trace.refuse(stage, reason, || {
                (format!("no {word} rule of {} allows {} with {}", whose(), service(), peer()), entries())
            }));
        };
        trace.step(stage, || {
            let entries = entries().into_iter().chain([Entry::Rule(self.vpc, rule)]).collect();
            let peer = if rule.class == ClassId(0) { format!("anybody, as {}", self.peer) } else { peer() };
            (format!("an {word} rule of {} allows {} with {peer}", whose(), service()), entries)
        });
        Ok(())
    }

    fn entries(&self, prefix: Option<Prefix>) -> Vec<Entry> {
        let class = prefix.map(|prefix| Entry::Class(self.vpc, prefix));
        [Some(Entry::Endpoint(self.vpc, self.whose)), class].into_iter().flatten().collect()
    }

    /// Whose rules they are.
    fn owner(&self, view: View<'_>) -> String {
        let policy = self.endpoint.policy.0;
        view.name(self.vpc, self.whose).map_or_else(|| format!("policy {policy}"), str::to_owned)
    }

    /// What the peer is to the rules.
    fn standing(&self, view: View<'_>, class: ClassId, prefix: Option<Prefix>) -> String {
        let name = view.name(self.vpc, self.peer);
        match (name, prefix) {
            (Some(name), Some(prefix)) if prefix == Prefix::host(self.peer) => name.to_owned(),
            (Some(name), Some(prefix)) => format!("{name}, as part of {prefix}"),
            (Some(name), None) => format!("{name}, which no rule names"),
            (None, Some(prefix)) if view.names.is_some() => format!("as part of {prefix}"),
            (None, None) if view.names.is_some() => "in no group and no CIDR that a rule names".to_owned(),
            (None, Some(prefix)) => format!("class {} as part of {prefix}", class.0),
            (None, None) => "class 0: in no group and no named CIDR".to_owned(),
        }
    }
}
