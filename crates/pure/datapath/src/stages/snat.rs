//! What source the other side sees. A port is free if its flow's reverse key is not live in the flow table.
//!
//! Ports are tried in order until one is free, the wanted one first and then 16 others:
//! `first + (random + i * step) % count` for i from 0 to 15, with `step = (random >> 16) | 1`, where `random`, `i * step`
//! and their sum are 32 bits wide and wrap, and `count` is the number of ports. For an echo the port is the identifier.
//!
//! - Through a NAT: of its `first_port..=last_port`; the wanted port is the sender's own and is tried only if
//!   it is among these. If it has none (last before first), none is tried. Of a protocol without ports the address
//!   alone is another one.
//! - In from outside, or to a service: the instance sees the client's port, or if that is taken (the client uses it for two forwards of the
//!   same instance) one of 1024..=65535.

use std::ops::RangeInclusive;

use crate::abi::{DropReason, PORT_TRIES, SHOWN_PORT_FIRST, Stage};
use crate::path::{Path, Shown};
use crate::trace::Trace;
use crate::{Protocol, Tuple};

/// What a flow's first packet may look like as it leaves, best first.
pub(crate) fn candidates(path: &Path, protocol: Protocol, random: u32) -> impl Iterator<Item = Tuple> {
    let (tuple, wanted) = (path.tuple, path.tuple.source_port);
    let (wanted, others) = match &path.shown {
        Shown::AsItIs => (Some(wanted), None),
        Shown::AsFree => (Some(wanted), Some(SHOWN_PORT_FIRST..=u16::MAX)),
        Shown::ByNat(ports) if protocol.has_ports() => {
            (Some(wanted).filter(|port| ports.contains(port)), Some(ports.clone()))
        }
        Shown::ByNat(_) => (Some(wanted), None),
    };
    let others = others.map(|ports| self::others(ports, random));
    let ports = wanted.into_iter().chain(others.into_iter().flatten());
    ports.map(move |source_port| Tuple { source_port, ..tuple })
}

/// Says what became of the source.
pub(crate) fn say(tuple: &Tuple, opened: &Result<Tuple, DropReason>, trace: &mut impl Trace) {
    trace.step(Stage::Snat, || {
        let seen = |tuple: &Tuple| format!("{}:{}", tuple.source, tuple.source_port);
        let said = match opened {
            Ok(to) if seen(to) == seen(tuple) => "the source stays as it is".to_owned(),
            Ok(to) => format!("the source {} is seen as {}", seen(tuple), seen(to)),
            Err(reason) => reason.sentence().to_owned(),
        };
        (said, Vec::new())
    });
}

fn others(ports: RangeInclusive<u16>, random: u32) -> impl Iterator<Item = u16> {
    let (first, last) = (u32::from(*ports.start()), u32::from(*ports.end()));
    let count = (last + 1).saturating_sub(first);
    let step = (random >> 16) | 1;
    let tries = if count == 0 { 0 } else { PORT_TRIES };
    (0..tries).filter_map(move |i| {
        let offset = random.wrapping_add(i.wrapping_mul(step)) % count;
        u16::try_from(first + offset).ok()
    })
}
