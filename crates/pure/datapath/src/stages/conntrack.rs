//! Whether a packet belongs to a known flow, and what it does to that.
//!
//! # Re-check
//!
//! On a hit whose generation is not that of its VPC (or, if one end is outside, whose outside generation is not that of
//! VPC 0 or of the services) the flow is decided again as if the packet that opened it came now: egress policy, route and ingress policy, or
//! dnat, route and ingress policy. If something refuses it, or it would now lead elsewhere (`pathChanged`), both entries
//! are deleted and the packet is dropped for that reason. Else both entries get the new generations at once, whatever
//! becomes of this packet. It leads elsewhere if it would leave into another VPC, or with other ends; of the source's port
//! it is asked only that the NAT, if there is one, has it.

use madang_wire::icmp::Echo;

use super::parse::Packet;
use crate::abi::{DropReason, Stage, Way};
use crate::flow::{Kind, Owner, is_half_open, owner};
use crate::path::{Path, Shown};
use crate::pipeline::{Run, decide};
use crate::stages::snat;
use crate::trace::Trace;
use crate::words::ends;
use crate::{Flow, FlowKey, Insert, State, Tuple, VpcId};

/// Whether a flow is known.
pub(crate) enum Lookup {
    /// It is.
    Hit(Flow),
    /// It is not, and the packet may open one. A closing one of the same key goes when the new one comes.
    Miss {
        /// Whether there is a closing one.
        reopens: bool,
    },
}

/// Looks the packet's flow up, and decides it again if tables have changed.
pub(crate) fn lookup<T: Trace>(
    run: &mut Run<'_, T>,
    key: &FlowKey,
    packet: &Packet,
) -> Result<Lookup, DropReason> {
    let opens = packet.flags.is_some_and(crate::TcpFlags::opens);
    let live = run.flows.live(key, run.now_ns).copied();
    let reopens = live.is_some_and(|flow| opens && flow.state.is_closing());
    match live.filter(|_| !reopens) {
        Some(flow) => hit(run, key, flow, packet).map(Lookup::Hit),
        None => miss(run, packet).map(|()| Lookup::Miss { reopens }),
    }
}

/// The flow of the packet that an ICMP error is about, by the key of what would answer that packet: `icmpUnrelated` if the
/// error concerns somebody else, or if there is no such flow.
pub(crate) fn related<T: Trace>(
    run: &mut Run<'_, T>,
    key: &FlowKey,
    answer: &Packet,
    concerns: bool,
) -> Result<Flow, DropReason> {
    match run.flows.live(key, run.now_ns).copied().filter(|_| concerns) {
        Some(flow) => hit(run, key, flow, answer),
        None => Err(run.trace.refuse(Stage::Conntrack, DropReason::IcmpUnrelated, || {
            ("an error about a packet of no known flow".to_owned(), Vec::new())
        })),
    }
}

fn miss<T: Trace>(run: &mut Run<'_, T>, packet: &Packet) -> Result<(), DropReason> {
    let refused = match (packet.flags, packet.echo) {
        (Some(flags), _) if !flags.opens() => Err(DropReason::NotSyn),
        (_, Some(Echo::Reply)) => Err(DropReason::NoEchoRequest),
        _ => Ok(()),
    };
    run.trace.step(Stage::Conntrack, || {
        let said = match refused {
            Ok(()) => "of no known flow: it opens one if all that follows allows it",
            Err(reason) => reason.sentence(),
        };
        (said.to_owned(), Vec::new())
    });
    refused
}

fn hit<T: Trace>(
    run: &mut Run<'_, T>,
    key: &FlowKey,
    flow: Flow,
    packet: &Packet,
) -> Result<Flow, DropReason> {
    // With identifier 0x0800 request and reply have the same ports.
    let asked = packet.echo.map(|echo| if echo == Echo::Request { Way::Original } else { Way::Reply });
    if asked.is_some_and(|way| way != flow.way) {
        return Err(run.trace.refuse(Stage::Conntrack, DropReason::NoEchoRequest, || {
            ("an echo against its flow's way".to_owned(), Vec::new())
        }));
    }
    let original = Original::of(key, &flow);
    let generations = original.generations(run, &flow);
    let current = (flow.generation, flow.outside_generation) == generations;
    run.trace.step(Stage::Conntrack, || {
        let way = if flow.way == Way::Original { "its opener's way" } else { "the replies' way" };
        let again = if current { "" } else { "; tables have changed since, so it is decided again" };
        (
            format!("of a known flow, {way}: it leaves as {}{again}", ends(&flow.translated, key.protocol)),
            Vec::new(),
        )
    });
    if !current {
        recheck(run, key, &flow, &original, generations)?;
    }
    Ok(flow)
}

/// What opened a flow.
struct Original {
    key: FlowKey,
    translated: Tuple,
    target: VpcId,
}

impl Original {
    fn of(key: &FlowKey, flow: &Flow) -> Self {
        match flow.way {
            Way::Original => Self { key: *key, translated: flow.translated, target: flow.target },
            Way::Reply => {
                Self { key: flow.peer_key(key.protocol), translated: key.tuple.reversed(), target: key.vpc }
            }
        }
    }

    /// The generations that the flow has when it is decided now.
    fn generations<T: Trace>(&self, run: &Run<'_, T>, flow: &Flow) -> (u32, u32) {
        generations(run, self.key.vpc, self.target, flow.outside_generation != 0)
    }

    /// Whether it would be opened now, and lead to where it leads.
    fn holds<T: Trace>(&self, run: &mut Run<'_, T>) -> Result<(), DropReason> {
        let path = decide(run, &self.key)?;
        let same = path.is_of(self.target, &self.translated, self.key.protocol);
        if same { Ok(()) } else { Err(DropReason::PathChanged) }
    }
}

/// Of the instances' VPC, or the sum of those of their two, since each only grows; and of the outside or the services, or 0.
fn generations<T: Trace>(run: &Run<'_, T>, one: VpcId, other: VpcId, outside: bool) -> (u32, u32) {
    let of = |vpc| run.view.generations.of(vpc);
    match (one, other) {
        (border, inside) | (inside, border) if border.is_border() => (of(inside), of(border)),
        (inside, _) if !outside => (of(inside), 0),
        (inside, same) if inside == same => (of(inside), of(VpcId::OUTSIDE)),
        (one, other) => (of(one).wrapping_add(of(other)), of(VpcId::OUTSIDE)),
    }
}

fn recheck<T: Trace>(
    run: &mut Run<'_, T>,
    key: &FlowKey,
    flow: &Flow,
    original: &Original,
    (generation, outside_generation): (u32, u32),
) -> Result<(), DropReason> {
    let peer = flow.peer_key(key.protocol);
    if let Err(reason) = original.holds(run) {
        run.flows.remove(key);
        run.flows.remove(&peer);
        return Err(run.trace.refuse(Stage::Conntrack, reason, || {
            (format!("the flow ends here: {}", reason.sentence()), Vec::new())
        }));
    }
    for key in [key, &peer] {
        if let Some(entry) = run.flows.entry_mut(key) {
            (entry.generation, entry.outside_generation) = (generation, outside_generation);
        }
    }
    Ok(())
}

/// What a packet that gets through does to its flow: the counters of its own entry; state and deadline of both if they
/// move (see [`Flow::refreshed_deadline`]).
pub(crate) fn advance<T: Trace>(run: &mut Run<'_, T>, key: &FlowKey, flow: &Flow, packet: &Packet) {
    let after = flow.state.after(flow.way, packet.flags);
    let deadline = flow.refreshed_deadline(after, key.protocol, run.now_ns);
    if let Some(entry) = run.flows.entry_mut(key) {
        entry.packets += 1;
        entry.bytes += packet.frame_length;
    }
    let Some(deadline_ns) = deadline else { return };
    if is_half_open(key.protocol, flow.state) && !is_half_open(key.protocol, after) {
        run.flows.usages.whole(owner(key, flow));
    }
    for key in [key, &flow.peer_key(key.protocol)] {
        if let Some(entry) = run.flows.entry_mut(key) {
            (entry.state, entry.deadline_ns) = (after, deadline_ns);
        }
    }
}

/// Whom a flow would be counted for.
fn opened_for(key: &FlowKey, path: &Path) -> Owner {
    match (key.vpc, path.vpc) {
        (VpcId::OUTSIDE, vpc) => (vpc, Kind::In, path.tuple.destination),
        (vpc, VpcId::SERVICES) => (vpc, Kind::Service, key.tuple.source),
        (vpc, _) => (vpc, Kind::Out, key.tuple.source),
    }
}

/// `instanceQuota` or `vpcQuota` if there may be no other flow. Writes a flow's two entries, for the first of the tuples whose reverse is free; which that is.
///
/// If it reopens, both entries of the old flow are deleted first, and stay so if then nothing is free. For each tuple the
/// reply entry is inserted: a live one in the way leads to the next tuple, no room to `flowTableFull`. Then the original
/// entry is: if it finds no room, the reply entry is deleted again and the reason is `flowTableFull`; if a live one is in
/// the way (another CPU was faster), it is `tupleInUse`. The original entry counts the packet, the reply entry nothing.
pub(crate) fn open<T: Trace>(
    run: &mut Run<'_, T>,
    key: FlowKey,
    reopens: bool,
    packet: &Packet,
    path: &Path,
) -> Result<Tuple, DropReason> {
    let owner = opened_for(&key, path);
    run.flows.usages.may_open(owner, key.protocol, run.flows.quotas()).inspect_err(|reason| {
        run.trace.step(Stage::Conntrack, || (reason.sentence().to_owned(), Vec::new()));
    })?;
    if reopens && let Some(old) = run.flows.remove(&key) {
        run.flows.remove(&old.peer_key(key.protocol));
    }
    let (generation, outside_generation) = generations(run, key.vpc, path.vpc, path.outside);
    let state = if path.vpc == VpcId::SERVICES { State::NEW_TO_SERVICE } else { State::NEW };
    let original = |translated| Flow {
        translated,
        target: path.vpc,
        way: Way::Original,
        state,
        deadline_ns: run.now_ns.saturating_add(state.timeout_ns(key.protocol)),
        generation,
        outside_generation,
        packets: 1,
        bytes: packet.frame_length,
    };
    for translated in snat::candidates(path, key.protocol, run.random) {
        let original = original(translated);
        let peer = original.peer_key(key.protocol);
        // Who reaches itself by a public address would be its own other end.
        if peer == key {
            continue;
        }
        let (translated_back, target) = (key.tuple.reversed(), key.vpc);
        let reply =
            Flow { translated: translated_back, target, way: Way::Reply, packets: 0, bytes: 0, ..original };
        match run.flows.insert(peer, reply, run.now_ns) {
            Insert::Taken => continue,
            Insert::Full => return Err(DropReason::FlowTableFull),
            Insert::Done => {}
        }
        let reason = match run.flows.insert(key, original, run.now_ns) {
            Insert::Done => {
                run.flows.usages.opened(owner, key.protocol);
                return Ok(translated);
            }
            Insert::Full => DropReason::FlowTableFull,
            Insert::Taken => DropReason::TupleInUse,
        };
        run.flows.remove(&peer);
        return Err(reason);
    }
    Err(match path.shown {
        Shown::ByNat(_) => DropReason::NatPortsExhausted,
        Shown::AsItIs | Shown::AsFree => DropReason::TupleInUse,
    })
}
