//! DISCOVER, and the probe before an OFFER (RFC 2131 sections 4.3.1 and 2.2).

use std::net::Ipv4Addr;

use madang_addr::Mac;
use madang_wire::dhcp::{MessageType, Packet};

use super::asked::Asked;
use super::events::{Probe, Reason, What};
use super::offers::{Offer, Waiting};
use super::table::State;
use super::{Server, Turn};

/// How long a probe waits, if nobody said: it is of an address that somebody may still use.
const PROBE: u64 = 500;

impl Server {
    pub(super) fn discover(&mut self, asked: &Asked<'_>, bytes: &[u8], turn: &mut Turn<'_>) {
        let who = asked.who();
        turn.tell(What::Discover, &who, asked.requested, Reason::Looking);
        let Some(subnet) = self.subnet_of(asked) else {
            return Self::ignore(&who, None, Reason::NoSubnet, turn);
        };
        if let Some(slot) = self.offers.by_client(subnet, &who) {
            return self.discover_again(slot, asked, bytes, turn);
        }
        self.discover_new(subnet, asked, bytes, turn);
    }

    /// The client did not hear the offer, or its address is still probed.
    fn discover_again(&mut self, slot: u32, asked: &Asked<'_>, bytes: &[u8], turn: &mut Turn<'_>) {
        let who = asked.who();
        let Some(offer) = self.offers.offer_mut(slot) else { return };
        if let Some(waiting) = &mut offer.waiting {
            **waiting = Waiting { bytes: bytes.into(), origin: asked.origin };
            return;
        }
        let (subnet, address) = (offer.subnet, Ipv4Addr::from(offer.address));
        if self.may_have(subnet, &who, address).is_ok() {
            self.renew_offer(slot, turn);
            self.send_offer(asked, subnet, address, Reason::OfferedAlready, turn);
        } else {
            self.drop_offer(slot);
            self.discover_new(subnet, asked, bytes, turn);
        }
    }

    fn discover_new(&mut self, subnet: u16, asked: &Asked<'_>, bytes: &[u8], turn: &mut Turn<'_>) {
        let who = asked.who();
        let mut buffer = [0; 255];
        let port = asked.port(&mut buffer);
        let held = self.table.by_client(subnet, &who).map(|slot| self.table.lease(slot));
        let is_bound = held.is_some_and(|lease| lease.state == State::Bound);
        if !is_bound && let Err(reason) = self.within_limits(&who, port) {
            return Self::ignore(&who, None, reason, turn);
        }
        let Some((address, why)) = self.choose(subnet, &who, asked.requested) else {
            return Self::ignore(&who, None, Reason::Exhausted, turn);
        };
        // It is the client's already, and needs no promise.
        if why == Reason::HasLease {
            return self.send_offer(asked, subnet, address, why, turn);
        }
        let probe = self.is_to_be_probed(&who, address);
        if probe && self.offers.probing() >= self.config.limits.probes {
            self.put_back(subnet, address.into());
            return Self::ignore(&who, None, Reason::Busy, turn);
        }
        self.offered.up(who.hardware);
        let port = self.ports.take(port, |holds| holds.offers += 1);
        let waits = self.config.waits;
        let lasts = if probe { waits.probe.unwrap_or(PROBE) } else { waits.offer };
        let waiting = probe.then(|| Box::new(Waiting { bytes: bytes.into(), origin: asked.origin }));
        self.offers.add(Offer {
            address: address.into(),
            subnet,
            hardware: who.hardware,
            client_id: who.client_id.map(Into::into),
            port,
            why: why.clone(),
            deadline: turn.now.instant.after(lasts),
            waiting,
        });
        if probe {
            let (link, relayed) = (asked.origin.link, asked.is_relayed());
            turn.out.probes.push(Probe { address, link, relayed });
        } else {
            self.send_offer(asked, subnet, address, why, turn);
        }
    }

    fn send_offer(
        &mut self,
        asked: &Asked<'_>,
        subnet: u16,
        address: Ipv4Addr,
        why: Reason,
        turn: &mut Turn<'_>,
    ) {
        turn.tell(What::Offer, &asked.who(), Some(address), why);
        self.reply(asked, subnet, MessageType::Offer, address, None, turn);
    }

    /// An offer lasts from now on.
    fn renew_offer(&mut self, slot: u32, turn: &Turn<'_>) {
        if let Some(mut offer) = self.offers.remove(slot) {
            offer.deadline = turn.now.instant.after(self.config.waits.offer);
            offer.waiting = None;
            self.offers.add(offer);
        }
    }

    /// Somebody has an address that was probed. If that is the client itself, nothing is wrong.
    pub(super) fn answered(&mut self, address: Ipv4Addr, by: Option<Mac>, turn: &mut Turn<'_>) {
        let Some(slot) = self.offers.by_address(address.into()) else { return };
        let Some(offer) = self.offers.offer(slot).filter(|offer| offer.waiting.is_some()) else { return };
        if by.is_some() && by == offer.hardware.mac() {
            return self.unanswered(address, turn);
        }
        let subnet = offer.subnet;
        let waiting = self.offers.offer_mut(slot).and_then(|offer| offer.waiting.as_deref().map(copied));
        self.drop_offer(slot);
        if !self.goes_on(address, by, turn) {
            self.quarantine(subnet, address, by, turn);
        }
        // The client is still there: it gets another one.
        if let Some(Waiting { bytes, origin }) = waiting
            && let Ok(packet) = Packet::new_checked(&*bytes)
            && let Ok(asked) = Asked::read(&packet, origin)
        {
            self.discover_new(subnet, &asked, &bytes, turn);
        }
    }

    /// Nobody has an address that was probed.
    pub(super) fn unanswered(&mut self, address: Ipv4Addr, turn: &mut Turn<'_>) {
        let Some(slot) = self.offers.by_address(address.into()) else { return };
        let Some(offer) = self.offers.offer_mut(slot) else { return };
        let (subnet, why) = (offer.subnet, offer.why.clone());
        let Some(Waiting { bytes, origin }) = offer.waiting.as_deref().map(copied) else { return };
        self.renew_offer(slot, turn);
        if let Ok(packet) = Packet::new_checked(&*bytes)
            && let Ok(asked) = Asked::read(&packet, origin)
        {
            self.send_offer(&asked, subnet, address, why, turn);
        }
    }

    /// If it is its last client that still uses an address, its lease goes on: the clock may have jumped while no server ran.
    fn goes_on(&mut self, address: Ipv4Addr, by: Option<Mac>, turn: &mut Turn<'_>) -> bool {
        let Some(slot) = self.table.by_address(address.into()) else { return false };
        let lease = self.table.lease(slot);
        let known = by.is_some() && by == lease.who().hardware.mac();
        let likely = by.is_none() && lease.suspect;
        if !lease.is_owned() || !(known || likely) {
            return false;
        }
        turn.tell(What::Conflict, &lease.who(), Some(address), Reason::StillUsed);
        self.prolong(slot, turn);
        true
    }

    /// Keeps an address away for a while, because somebody without a lease uses it.
    fn quarantine(&mut self, subnet: u16, address: Ipv4Addr, by: Option<Mac>, turn: &mut Turn<'_>) {
        let hardware = by.map(madang_wire::dhcp::HardwareAddress::ethernet);
        turn.say(What::Conflict, hardware, Some(address), Reason::AnsweredProbe);
        self.keep_away(subnet, address, hardware.unwrap_or_default(), turn);
    }
}

/// A probe's outcome outlives its offer.
fn copied(waiting: &Waiting) -> Waiting {
    Waiting { bytes: waiting.bytes.clone(), origin: waiting.origin }
}
