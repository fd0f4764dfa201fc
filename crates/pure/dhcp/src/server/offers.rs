//! Offers that nobody has taken yet, and addresses that are probed before they are offered. They are promises for half a
//! minute: no restart keeps them, and a lease stays what it was until its address is granted.

use std::collections::VecDeque;

use madang_wire::dhcp::HardwareAddress;

use super::index::Index;
use super::table::mixed;
use crate::identity::{Seeded, Who};
use crate::server::{Origin, Reason};
use crate::time::Instant;

#[derive(Debug)]
pub(super) struct Offer {
    pub(super) address: u32,
    pub(super) subnet: u16,
    pub(super) hardware: HardwareAddress,
    pub(super) client_id: Option<Box<[u8]>>,
    pub(super) port: u32,
    /// Why this address.
    pub(super) why: Reason,
    pub(super) deadline: Instant,
    /// What is answered when nobody has answered the probe.
    pub(super) waiting: Option<Box<Waiting>>,
}

/// A message that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) bytes: Box<[u8]>,
    pub(super) origin: Origin,
}

impl Offer {
    pub(super) fn who(&self) -> Who<'_> {
        Who { hardware: self.hardware, client_id: self.client_id.as_deref() }
    }
}

#[derive(Debug, Default)]
pub(super) struct Offers {
    slots: Vec<Option<Offer>>,
    unused: Vec<u32>,
    by_address: Index,
    by_client: Index,
    /// All probes last as long, and so do all offers: those of each kind end in the order in which they began.
    probes: VecDeque<(Instant, u32)>,
    offers: VecDeque<(Instant, u32)>,
    probing: u32,
    seed: Seeded,
}

impl Offers {
    pub(super) fn new(seed: Seeded) -> Self {
        Self { seed, ..Self::default() }
    }

    pub(super) fn offer(&self, slot: u32) -> Option<&Offer> {
        self.slots.get(index(slot))?.as_ref()
    }

    pub(super) fn offer_mut(&mut self, slot: u32) -> Option<&mut Offer> {
        self.slots.get_mut(index(slot))?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Offer> {
        self.slots.iter().flatten()
    }

    /// How many addresses are probed.
    pub(super) fn probing(&self) -> u32 {
        self.probing
    }

    pub(super) fn by_address(&self, address: u32) -> Option<u32> {
        let is = |slot| self.offer(slot).is_some_and(|offer| offer.address == address);
        self.by_address.find(mixed(address, self.seed), is)
    }

    pub(super) fn by_client(&self, subnet: u16, who: &Who<'_>) -> Option<u32> {
        let is = |slot| self.offer(slot).is_some_and(|offer| offer.subnet == subnet && offer.who().is(who));
        self.by_client.find(who.hash(subnet, self.seed), is)
    }

    /// Adds an offer of an address to a client; neither may be in another.
    pub(super) fn add(&mut self, offer: Offer) -> u32 {
        let (address, client) = hashes(&offer, self.seed);
        let slot = self.unused.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        self.enqueue(slot, &offer);
        if let Some(place) = self.slots.get_mut(index(slot)) {
            *place = Some(offer);
        }
        let (slots, seed) = (&self.slots, self.seed);
        self.by_address.insert(address, slot, |slot| hash_of(slots, slot, seed).0);
        self.by_client.insert(client, slot, |slot| hash_of(slots, slot, seed).1);
        slot
    }

    fn enqueue(&mut self, slot: u32, offer: &Offer) {
        if offer.waiting.is_some() {
            self.probing += 1;
            self.probes.push_back((offer.deadline, slot));
        } else {
            self.offers.push_back((offer.deadline, slot));
        }
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<Offer> {
        let (address, client) = hashes(self.offer(slot)?, self.seed);
        let (slots, seed) = (&self.slots, self.seed);
        self.by_address.remove(address, slot, |slot| hash_of(slots, slot, seed).0);
        self.by_client.remove(client, slot, |slot| hash_of(slots, slot, seed).1);
        let offer = self.slots.get_mut(index(slot))?.take()?;
        self.unused.push(slot);
        self.probing -= u32::from(offer.waiting.is_some());
        Some(offer)
    }

    /// The probe or offer that ends first: when, and which. What has ended otherwise is forgotten here.
    pub(super) fn first(&mut self) -> Option<(Instant, u32)> {
        let slots = &self.slots;
        let lives = |(deadline, slot): (Instant, u32), probe: bool| {
            slots
                .get(index(slot))
                .and_then(Option::as_ref)
                .is_some_and(|offer| offer.deadline == deadline && offer.waiting.is_some() == probe)
        };
        for (queue, probe) in [(&mut self.probes, true), (&mut self.offers, false)] {
            while queue.front().is_some_and(|entry| !lives(*entry, probe)) {
                queue.pop_front();
            }
        }
        let ends = [self.probes.front(), self.offers.front()];
        ends.into_iter().flatten().min().copied()
    }

    /// As [`Self::first`] without forgetting: it may be too early, never too late.
    pub(super) fn next(&self) -> Option<Instant> {
        [self.probes.front(), self.offers.front()].into_iter().flatten().map(|(at, _)| *at).min()
    }
}

fn index(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}

/// By address, and by client.
fn hashes(offer: &Offer, seed: Seeded) -> (u64, u64) {
    (mixed(offer.address, seed), offer.who().hash(offer.subnet, seed))
}

fn hash_of(slots: &[Option<Offer>], slot: u32, seed: Seeded) -> (u64, u64) {
    slots.get(index(slot)).and_then(Option::as_ref).map_or((0, 0), |offer| hashes(offer, seed))
}
