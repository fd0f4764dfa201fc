//! An address without a server (RFC 3927): one of 169.254.0.0/16 that nobody else on the link has.

use std::net::Ipv4Addr;

use madang_addr::{Mac, hash};
use madang_wire::arp;

use crate::detection::{Detection, Probing, Step};
use crate::dice::Dice;
use crate::time::Instant;

/// The network's length. The first and the last 256 addresses are kept for later use (RFC 3927 section 2.1).
pub const LINK_LOCAL_LENGTH: u8 = 16;
const FIRST: u32 = 0xa9fe_0100;
const CHOICES: u64 = 0xfe00;

/// `MAX_CONFLICTS` and `RATE_LIMIT_INTERVAL` (RFC 3927 section 9).
const CONFLICTS: u32 = 10;
const RATE_LIMIT: u64 = 60_000;

/// What happens to the machine.
#[derive(Clone, Copy, Debug)]
pub enum LinkLocalEvent {
    /// An address is wanted.
    Start,
    /// None is wanted any more.
    Stop,
    /// An ARP packet on the link.
    Arp(arp::Repr),
    /// The next deadline has come.
    Deadline,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkLocalAction {
    /// Broadcast this.
    Arp(arp::Repr),
    /// Use the address, with [`LINK_LOCAL_LENGTH`].
    Configure(Ipv4Addr),
    /// Use it no more.
    Remove(Ipv4Addr),
    /// Why, in words.
    Explain(String),
}

/// The machine. The addresses that it tries follow from its Ethernet address, so that a host finds the one again that it
/// had.
#[derive(Clone, Debug)]
pub struct LinkLocal {
    mac: Mac,
    choice: Dice,
    conflicts: u32,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Idle,
    /// Too many addresses were taken: the next one is tried then.
    Waiting(Instant),
    Trying(Detection),
}

impl LinkLocal {
    /// A machine that wants nothing yet.
    pub fn new(mac: Mac) -> Self {
        Self { mac, choice: seed(mac), conflicts: 0, state: State::Idle }
    }

    /// The address, while it is used.
    pub fn address(&self) -> Option<Ipv4Addr> {
        match &self.state {
            State::Trying(watch) if watch.is_used() => Some(watch.address()),
            _ => None,
        }
    }

    /// Whether an address is wanted.
    pub fn is_running(&self) -> bool {
        !matches!(self.state, State::Idle)
    }

    /// When to handle [`LinkLocalEvent::Deadline`] at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Idle => None,
            State::Waiting(until) => Some(*until),
            State::Trying(watch) => watch.next_deadline(),
        }
    }

    /// Handles what happened; what is to be done comes behind what is in `out`.
    pub fn handle(
        &mut self,
        event: LinkLocalEvent,
        now: Instant,
        random: u64,
        out: &mut Vec<LinkLocalAction>,
    ) {
        let mut dice = Dice(random);
        match event {
            LinkLocalEvent::Start if !self.is_running() => {
                (self.choice, self.conflicts) = (seed(self.mac), 0);
                self.try_next(now, &mut dice, out);
            }
            LinkLocalEvent::Start => {}
            LinkLocalEvent::Stop => self.stop(out),
            LinkLocalEvent::Arp(arp) => {
                if let State::Trying(watch) = &mut self.state
                    && let Some(step) = watch.heard(&arp, now)
                {
                    self.step(step, now, &mut dice, out);
                }
            }
            LinkLocalEvent::Deadline => self.due(now, &mut dice, out),
        }
    }

    fn due(&mut self, now: Instant, dice: &mut Dice, out: &mut Vec<LinkLocalAction>) {
        match &mut self.state {
            State::Waiting(until) if *until <= now => self.try_next(now, dice, out),
            State::Trying(watch) => {
                if let Some(step) = watch.due(now, dice) {
                    self.step(step, now, dice, out);
                }
            }
            State::Idle | State::Waiting(_) => {}
        }
    }

    fn stop(&mut self, out: &mut Vec<LinkLocalAction>) {
        if let Some(address) = self.address() {
            out.push(LinkLocalAction::Remove(address));
        }
        self.state = State::Idle;
    }

    fn try_next(&mut self, now: Instant, dice: &mut Dice, out: &mut Vec<LinkLocalAction>) {
        let offset = u32::try_from(self.choice.below(CHOICES)).unwrap_or(0);
        let address = Ipv4Addr::from(FIRST + offset);
        out.push(LinkLocalAction::Explain(format!("asks the link whether anybody has {address}")));
        self.state = State::Trying(Detection::new(self.mac, address, Probing::STANDARD, now, dice));
    }

    fn step(&mut self, step: Step, now: Instant, dice: &mut Dice, out: &mut Vec<LinkLocalAction>) {
        let State::Trying(watch) = &self.state else { return };
        let address = watch.address();
        match step {
            Step::Send(arp) => out.push(LinkLocalAction::Arp(arp)),
            Step::Usable(arp) => {
                self.conflicts = 0;
                let words = format!("nobody else has {address}: it is used until a server gives another one");
                out.extend([
                    LinkLocalAction::Explain(words),
                    LinkLocalAction::Configure(address),
                    LinkLocalAction::Arp(arp),
                ]);
            }
            Step::Defend(arp, other) => {
                let words = format!("{other} uses {address} too: it is told that the address is taken");
                out.extend([LinkLocalAction::Explain(words), LinkLocalAction::Arp(arp)]);
            }
            Step::Taken(other) => self.conflict(address, other, now, dice, out),
            Step::Lost(other) => {
                out.push(LinkLocalAction::Remove(address));
                self.conflict(address, other, now, dice, out);
            }
        }
    }

    fn conflict(
        &mut self,
        address: Ipv4Addr,
        other: Mac,
        now: Instant,
        dice: &mut Dice,
        out: &mut Vec<LinkLocalAction>,
    ) {
        self.conflicts += 1;
        if self.conflicts <= CONFLICTS {
            out.push(LinkLocalAction::Explain(format!("{other} has {address}: another one is tried")));
            return self.try_next(now, dice, out);
        }
        let words = format!(
            "{other} has {address}, and {CONFLICTS} others were taken: the next is tried in a minute"
        );
        out.push(LinkLocalAction::Explain(words));
        self.state = State::Waiting(now.after(RATE_LIMIT));
    }
}

fn seed(mac: Mac) -> Dice {
    Dice(hash::fnv1a(hash::START, &mac.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const OTHER: Mac = Mac([2, 0, 0, 0, 0, 2]);

    /// Runs until it has an address or waits.
    fn settle(machine: &mut LinkLocal, now: &mut Instant) -> Vec<LinkLocalAction> {
        let mut out = Vec::new();
        while let Some(at) = machine.next_deadline() {
            *now = (*now).max(at);
            machine.handle(LinkLocalEvent::Deadline, *now, now.0, &mut out);
        }
        out
    }

    fn claim(address: Ipv4Addr) -> arp::Repr {
        arp::Repr {
            operation: arp::Operation::Reply,
            sender_mac: OTHER,
            sender: address,
            target_mac: MAC,
            target: address,
        }
    }

    fn tried(machine: &LinkLocal) -> Ipv4Addr {
        match &machine.state {
            State::Trying(watch) => watch.address(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_host_finds_its_address_again_and_it_is_a_good_one() {
        let mut seen = std::collections::BTreeSet::new();
        for last in 0..=255 {
            let mac = Mac([2, 0, 0, 0, 0, last]);
            let (mut machine, mut now) = (LinkLocal::new(mac), Instant(5));
            for _ in 0..2 {
                machine.handle(LinkLocalEvent::Start, now, 9, &mut Vec::new());
                let out = settle(&mut machine, &mut now);
                let address = machine.address().unwrap();
                assert!(out.contains(&LinkLocalAction::Configure(address)));
                assert!(address.is_link_local() && (1..=254).contains(&address.octets()[2]), "{address}");
                seen.insert(address);
                let mut out = Vec::new();
                machine.handle(LinkLocalEvent::Stop, now, 9, &mut out);
                assert_eq!(out, [LinkLocalAction::Remove(address)]);
            }
        }
        assert!((250..=256).contains(&seen.len()), "{}", seen.len());
    }

    #[test]
    fn after_ten_conflicts_one_address_a_minute_is_tried() {
        let (mut machine, mut out) = (LinkLocal::new(MAC), Vec::new());
        let mut now = Instant(0);
        machine.handle(LinkLocalEvent::Start, now, 1, &mut out);
        for conflict in 1..=14 {
            let address = tried(&machine);
            machine.handle(LinkLocalEvent::Arp(claim(address)), now, 1, &mut out);
            if conflict <= CONFLICTS {
                assert_ne!(tried(&machine), address);
            } else {
                assert_eq!(machine.next_deadline(), Some(now.after(RATE_LIMIT)));
                now = now.after(RATE_LIMIT);
                machine.handle(LinkLocalEvent::Deadline, now, 1, &mut out);
            }
        }
        assert!(!out.iter().any(|action| matches!(action, LinkLocalAction::Configure(_))));
    }

    #[test]
    fn it_defends_its_address_and_gives_in_to_who_insists() {
        let (mut machine, mut now) = (LinkLocal::new(MAC), Instant(0));
        machine.handle(LinkLocalEvent::Start, now, 1, &mut Vec::new());
        settle(&mut machine, &mut now);
        let address = machine.address().unwrap();
        let mut out = Vec::new();
        machine.handle(LinkLocalEvent::Arp(claim(address)), now, 1, &mut out);
        assert!(
            matches!(&out[..], [LinkLocalAction::Explain(_), LinkLocalAction::Arp(arp)] if arp.sender == address)
        );
        machine.handle(LinkLocalEvent::Arp(claim(address)), now.after(9_999), 1, &mut out);
        assert!(out.contains(&LinkLocalAction::Remove(address)) && machine.address().is_none());
        settle(&mut machine, &mut now);
        assert_ne!(machine.address(), Some(address));
    }
}
