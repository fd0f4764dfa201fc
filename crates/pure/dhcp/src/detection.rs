//! Whether somebody else has an address, before it is used and while it is (RFC 5227).

use std::net::Ipv4Addr;

use madang_addr::Mac;
use madang_wire::arp::{Operation, Repr};

use crate::dice::Dice;
use crate::time::Instant;

/// How an address is asked for before it is used, in milliseconds (RFC 5227 section 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probing {
    /// The longest wait before the first probe, so that not all ask at once (`PROBE_WAIT`).
    pub wait: u64,
    /// How many probes (`PROBE_NUM`).
    pub probes: u8,
    /// The shortest time between two (`PROBE_MIN`).
    pub min: u64,
    /// The longest time between two (`PROBE_MAX`).
    pub max: u64,
    /// How long to wait for an answer to the last (`ANNOUNCE_WAIT`).
    pub listen: u64,
}

impl Probing {
    /// As RFC 5227 has it: four to seven seconds.
    pub const STANDARD: Self = Self { wait: 1000, probes: 3, min: 1000, max: 2000, listen: 2000 };
    /// For networks that answer at once, and for those who cannot wait: half a second.
    pub const QUICK: Self = Self { wait: 0, probes: 2, min: 100, max: 150, listen: 350 };
}

/// `ANNOUNCE_NUM`, `ANNOUNCE_INTERVAL` and `DEFEND_INTERVAL`.
const ANNOUNCEMENTS: u8 = 2;
const ANNOUNCE_EVERY: u64 = 2000;
const DEFEND_EVERY: u64 = 10_000;

/// The watch over one address.
#[derive(Clone, Debug)]
pub(crate) struct Detection {
    mac: Mac,
    address: Ipv4Addr,
    probing: Probing,
    phase: Phase,
    next: Option<Instant>,
    defended: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// This many probes were sent.
    Probing(u8),
    /// It is used; this many announcements were sent.
    Used(u8),
}

/// What the watch wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send this.
    Send(Repr),
    /// Nobody has the address: use it, and announce it with this.
    Usable(Repr),
    /// Somebody has it: it must not be used.
    Taken(Mac),
    /// Somebody uses it too: keep it, and say so with this.
    Defend(Repr, Mac),
    /// Somebody uses it too, again: give it up.
    Lost(Mac),
}

impl Detection {
    /// Begins to probe an address.
    pub(crate) fn new(mac: Mac, address: Ipv4Addr, probing: Probing, now: Instant, dice: &mut Dice) -> Self {
        let next = Some(now.after(dice.between(0, probing.wait)));
        Self { mac, address, probing, phase: Phase::Probing(0), next, defended: None }
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }

    pub(crate) fn is_used(&self) -> bool {
        matches!(self.phase, Phase::Used(_))
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.next
    }

    /// What is due.
    pub(crate) fn due(&mut self, now: Instant, dice: &mut Dice) -> Option<Step> {
        self.next.filter(|next| *next <= now)?;
        match self.phase {
            Phase::Probing(sent) if sent < self.probing.probes => {
                let last = sent + 1 == self.probing.probes;
                let wait =
                    if last { self.probing.listen } else { dice.between(self.probing.min, self.probing.max) };
                self.phase = Phase::Probing(sent + 1);
                self.next = Some(now.after(wait));
                Some(Step::Send(self.request(Ipv4Addr::UNSPECIFIED)))
            }
            Phase::Probing(_) => {
                self.phase = Phase::Used(1);
                self.next = Some(now.after(ANNOUNCE_EVERY));
                Some(Step::Usable(self.request(self.address)))
            }
            Phase::Used(sent) => {
                self.phase = Phase::Used(sent + 1);
                self.next = (sent + 1 < ANNOUNCEMENTS).then(|| now.after(ANNOUNCE_EVERY));
                Some(Step::Send(self.request(self.address)))
            }
        }
    }

    /// What follows from an ARP packet on the link.
    pub(crate) fn heard(&mut self, arp: &Repr, now: Instant) -> Option<Step> {
        if arp.sender_mac == self.mac {
            return None;
        }
        let has = arp.sender == self.address;
        if !self.is_used() {
            // Who probes for the same address at the same time wants it too (RFC 5227 section 2.1.1).
            let wants = arp.operation == Operation::Request
                && arp.sender.is_unspecified()
                && arp.target == self.address;
            return (has || wants).then_some(Step::Taken(arp.sender_mac));
        }
        if !has {
            return None;
        }
        if self.defended.is_some_and(|at| now.since(at) < DEFEND_EVERY) {
            return Some(Step::Lost(arp.sender_mac));
        }
        self.defended = Some(now);
        Some(Step::Defend(self.request(self.address), arp.sender_mac))
    }

    /// A probe if it has no sender, an announcement if the sender has the address.
    fn request(&self, sender: Ipv4Addr) -> Repr {
        Repr {
            operation: Operation::Request,
            sender_mac: self.mac,
            sender,
            target_mac: Mac::default(),
            target: self.address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const OTHER: Mac = Mac([2, 0, 0, 0, 0, 2]);
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);

    fn arp(sender: Ipv4Addr, target: Ipv4Addr, mac: Mac) -> Repr {
        Repr { operation: Operation::Request, sender_mac: mac, sender, target_mac: Mac::default(), target }
    }

    /// A watch that nobody disturbs, until it is used: when it did what.
    fn run(random: u64) -> (Detection, Vec<(u64, Step)>) {
        let mut dice = Dice(random);
        let mut watch = Detection::new(OWN, ADDRESS, Probing::STANDARD, Instant(0), &mut dice);
        let mut steps = Vec::new();
        while let Some(at) = watch.next_deadline() {
            assert_eq!(watch.due(Instant(at.0.saturating_sub(1)), &mut dice).filter(|_| at.0 > 0), None);
            steps.extend(watch.due(at, &mut dice).map(|step| (at.0, step)));
        }
        (watch, steps)
    }

    #[test]
    fn three_probes_and_two_announcements_at_the_times_of_the_standard() {
        for random in 0..200 {
            let (_, steps) = run(random);
            let probe = Step::Send(arp(Ipv4Addr::UNSPECIFIED, ADDRESS, OWN));
            let announcement = arp(ADDRESS, ADDRESS, OWN);
            let what: Vec<Step> = steps.iter().map(|(_, step)| *step).collect();
            let expected = [probe, probe, probe, Step::Usable(announcement), Step::Send(announcement)];
            assert_eq!(what, expected);
            let at: Vec<u64> = steps.iter().map(|(at, _)| *at).collect();
            assert!(at[0] <= 1000);
            assert!((1000..=2000).contains(&(at[1] - at[0])) && (1000..=2000).contains(&(at[2] - at[1])));
            assert_eq!((at[3] - at[2], at[4] - at[3]), (2000, 2000));
        }
    }

    #[test]
    fn who_has_it_or_wants_it_takes_it() {
        let mut watch = Detection::new(OWN, ADDRESS, Probing::STANDARD, Instant(0), &mut Dice(1));
        let elsewhere = Ipv4Addr::new(10, 0, 0, 8);
        assert_eq!(
            watch.heard(&arp(elsewhere, ADDRESS, OTHER), Instant(0)),
            None,
            "it only looks for the address"
        );
        assert_eq!(
            watch.heard(&arp(Ipv4Addr::UNSPECIFIED, ADDRESS, OWN), Instant(0)),
            None,
            "an echo of its own"
        );
        for sender in [ADDRESS, Ipv4Addr::UNSPECIFIED] {
            assert_eq!(watch.heard(&arp(sender, ADDRESS, OTHER), Instant(0)), Some(Step::Taken(OTHER)));
        }
    }

    #[test]
    fn it_is_defended_once_in_ten_seconds() {
        let (mut watch, _) = run(1);
        let claim = arp(ADDRESS, ADDRESS, OTHER);
        assert!(matches!(watch.heard(&claim, Instant(100_000)), Some(Step::Defend(_, OTHER))));
        assert!(matches!(watch.heard(&claim, Instant(110_000)), Some(Step::Defend(_, OTHER))));
        assert_eq!(watch.heard(&claim, Instant(119_999)), Some(Step::Lost(OTHER)));
        assert_eq!(watch.heard(&arp(Ipv4Addr::UNSPECIFIED, ADDRESS, OTHER), Instant(200_000)), None);
    }
}
