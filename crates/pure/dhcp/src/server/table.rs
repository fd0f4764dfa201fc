//! The leases: what each address was last given for. At a million of them memory and the way to one of them count, so a
//! lease is small, and what is rare is in a box.

use std::hash::BuildHasher;
use std::net::Ipv4Addr;

use madang_wire::dhcp::HardwareAddress;

use super::index::{Index, NONE};
use crate::identity::{Seeded, Who};

/// Seconds on the server's clock, which began long before it: [`super::clock`].
pub(super) type Second = u32;
/// The end of what does not end.
pub(super) const NEVER: Second = u32::MAX;

/// How many leases are in one piece of memory: growing moves none.
const PIECE: usize = 4096;
/// How many bytes of a hardware address a lease has room for.
const SHORT: usize = 6;

/// How a lease stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The client has it.
    Bound,
    /// It ended; the client gets it again, if it comes before others do.
    Expired,
    /// It was given back; as above.
    Released,
    /// Somebody uses the address without a lease.
    Declined,
    /// It is nobody's any more.
    Vacant,
}

/// One address, and what it was last given for.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) address: u32,
    pub(super) subnet: u16,
    pub(super) state: State,
    /// Whether its client may still use the address when the lease is over: its end is known from the wall clock alone, or
    /// from a message that may be old.
    pub(super) suspect: bool,
    pub(super) expires: Second,
    /// When it is next looked at; [`NEVER`] if it is not.
    pub(super) timed: Second,
    /// The number of the port that the client is at.
    pub(super) port: u32,
    previous: u32,
    next: u32,
    kind: u8,
    length: u8,
    short: [u8; SHORT],
    pub(super) name: Option<Box<str>>,
    /// The client identifier, and behind it a hardware address that is too long for its field.
    tail: Option<Box<[u8]>>,
    has_id: bool,
    /// Whether it is in the list of those that may be given to others.
    pub(super) free: bool,
}

impl Lease {
    pub(super) fn new(address: u32, subnet: u16, who: &Who<'_>) -> Self {
        let mut lease = Self {
            address,
            subnet,
            state: State::Vacant,
            suspect: false,
            expires: 0,
            timed: NEVER,
            port: NONE,
            previous: NONE,
            next: NONE,
            kind: 0,
            length: 0,
            short: [0; SHORT],
            name: None,
            tail: None,
            has_id: false,
            free: false,
        };
        lease.hold(who);
        lease
    }

    /// Notes whose it is without making it theirs: [`Table::own`] does.
    pub(super) fn hold(&mut self, who: &Who<'_>) {
        let hardware = who.hardware.bytes();
        (self.kind, self.length) = (who.hardware.kind(), who.hardware.length());
        let (short, long) = if hardware.len() > SHORT { (&[][..], hardware) } else { (hardware, &[][..]) };
        self.short = [0; SHORT];
        self.short[..short.len()].copy_from_slice(short);
        let id = who.client_id.unwrap_or_default();
        self.has_id = who.client_id.is_some();
        self.tail = (self.has_id || !long.is_empty()).then(|| [id, long].concat().into());
    }

    pub(super) fn who(&self) -> Who<'_> {
        let tail = self.tail.as_deref().unwrap_or_default();
        let length = usize::from(self.length);
        let long = if length > SHORT { length } else { 0 };
        let (id, long) = tail.split_at(tail.len().saturating_sub(long));
        let bytes = if long.is_empty() { self.short.get(..length).unwrap_or_default() } else { long };
        let hardware = HardwareAddress::new(self.kind, bytes).unwrap_or_default();
        Who { hardware, client_id: self.has_id.then_some(id) }
    }

    pub(super) fn ipv4(&self) -> Ipv4Addr {
        self.address.into()
    }

    /// Whether its client is found by its name: not, if the address is somebody else's, or nobody's.
    pub(super) fn is_owned(&self) -> bool {
        matches!(self.state, State::Bound | State::Expired | State::Released)
    }
}

#[derive(Debug)]
pub(super) struct Table {
    pieces: Vec<Vec<Lease>>,
    by_address: Index,
    by_client: Index,
    by_name: Index,
    /// Of each subnet those that may be given to others, the one that has been free longest first.
    free: Vec<(u32, u32)>,
    seed: Seeded,
}

impl Table {
    pub(super) fn new(subnets: usize, seed: Seeded) -> Self {
        Self {
            pieces: Vec::new(),
            by_address: Index::default(),
            by_client: Index::default(),
            by_name: Index::default(),
            free: vec![(NONE, NONE); subnets],
            seed,
        }
    }

    pub(super) fn seed(&self) -> Seeded {
        self.seed
    }

    pub(super) fn lease(&self, slot: u32) -> &Lease {
        lease(&self.pieces, slot)
    }

    pub(super) fn lease_mut(&mut self, slot: u32) -> &mut Lease {
        let (piece, at) = place(slot);
        &mut self.pieces[piece][at]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Lease> {
        self.pieces.iter().flatten()
    }

    /// How many there are; they are numbered from 0.
    pub(super) fn slots(&self) -> u32 {
        let full = self.pieces.len().saturating_sub(1) * PIECE;
        u32::try_from(full + self.pieces.last().map_or(0, Vec::len)).unwrap_or(NONE)
    }

    pub(super) fn by_address(&self, address: u32) -> Option<u32> {
        self.by_address.find(mixed(address, self.seed), |slot| self.lease(slot).address == address)
    }

    pub(super) fn by_client(&self, subnet: u16, who: &Who<'_>) -> Option<u32> {
        self.by_client.find(who.hash(subnet, self.seed), |slot| {
            let lease = self.lease(slot);
            lease.subnet == subnet && lease.who().is(who)
        })
    }

    pub(super) fn by_name(&self, name: &str) -> Option<u32> {
        self.by_name.find(self.seed.hash_one(name), |slot| self.lease(slot).name.as_deref() == Some(name))
    }

    /// Adds a lease of an address that has none; it is nobody's yet.
    pub(super) fn add(&mut self, new: Lease) -> u32 {
        let address = new.address;
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        let before = (self.pieces.len() - 1) * PIECE;
        let piece = self.pieces.last_mut().map_or(0, |piece| {
            piece.push(new);
            piece.len() - 1
        });
        let slot = u32::try_from(before + piece).unwrap_or(NONE);
        let (pieces, seed) = (&self.pieces, self.seed);
        let hash_of = |slot| mixed(lease(pieces, slot).address, seed);
        self.by_address.insert(mixed(address, seed), slot, hash_of);
        slot
    }

    /// Makes a lease this client's, and found by it. It must not be found by anybody: [`Self::disown`].
    pub(super) fn own(&mut self, slot: u32, who: &Who<'_>, state: State) {
        let lease = self.lease_mut(slot);
        if !(lease.who().is(who) && lease.who().hardware == who.hardware) {
            lease.hold(who);
        }
        lease.state = state;
        let subnet = lease.subnet;
        let (pieces, seed) = (&self.pieces, self.seed);
        self.by_client.insert(who.hash(subnet, seed), slot, |slot| client_hash(pieces, slot, seed));
    }

    /// Takes a lease away from its client, which does not find it any more.
    pub(super) fn disown(&mut self, slot: u32, state: State) {
        self.unname(slot);
        if self.lease(slot).is_owned() {
            let (pieces, seed) = (&self.pieces, self.seed);
            let hash = client_hash(pieces, slot, seed);
            self.by_client.remove(hash, slot, |slot| client_hash(pieces, slot, seed));
        }
        self.lease_mut(slot).state = state;
    }

    /// Gives a lease a name that no other has, in place of the one that it has.
    pub(super) fn name(&mut self, slot: u32, name: Option<Box<str>>) {
        self.unname(slot);
        let Some(name) = name else { return };
        let hash = self.seed.hash_one(&*name);
        self.lease_mut(slot).name = Some(name);
        let (pieces, seed) = (&self.pieces, self.seed);
        self.by_name.insert(hash, slot, |slot| name_hash(pieces, slot, seed));
    }

    /// Takes a lease's name away.
    pub(super) fn unname(&mut self, slot: u32) {
        let (pieces, seed) = (&self.pieces, self.seed);
        if let Some(name) = &lease(pieces, slot).name {
            self.by_name.remove(seed.hash_one(&**name), slot, |slot| name_hash(pieces, slot, seed));
            self.lease_mut(slot).name = None;
        }
    }

    /// Puts a lease at the end of those that may be given to others.
    pub(super) fn set_free(&mut self, slot: u32) {
        if self.lease(slot).free {
            return;
        }
        let subnet = usize::from(self.lease(slot).subnet);
        let last = self.free[subnet].1;
        let lease = self.lease_mut(slot);
        (lease.previous, lease.next, lease.free) = (last, NONE, true);
        match last {
            NONE => self.free[subnet].0 = slot,
            last => self.lease_mut(last).next = slot,
        }
        self.free[subnet].1 = slot;
    }

    /// Takes a lease out of those that may be given to others.
    pub(super) fn set_taken(&mut self, slot: u32) {
        let lease = self.lease_mut(slot);
        if !lease.free {
            return;
        }
        lease.free = false;
        let (previous, next, subnet) = (lease.previous, lease.next, usize::from(lease.subnet));
        match previous {
            NONE => self.free[subnet].0 = next,
            previous => self.lease_mut(previous).next = next,
        }
        match next {
            NONE => self.free[subnet].1 = previous,
            next => self.lease_mut(next).previous = previous,
        }
    }

    /// The lease of a subnet that has been free longest.
    pub(super) fn longest_free(&self, subnet: u16) -> Option<u32> {
        Some(self.free[usize::from(subnet)].0).filter(|slot| *slot != NONE)
    }

    /// What it takes, in bytes, without what is in boxes.
    pub(super) fn bytes(&self) -> usize {
        let pieces: usize = self.pieces.iter().map(|piece| piece.capacity() * size_of::<Lease>()).sum();
        pieces + self.by_address.bytes() + self.by_client.bytes() + self.by_name.bytes()
    }
}

fn place(slot: u32) -> (usize, usize) {
    let slot = usize::try_from(slot).unwrap_or(usize::MAX);
    (slot / PIECE, slot % PIECE)
}

fn lease(pieces: &[Vec<Lease>], slot: u32) -> &Lease {
    let (piece, at) = place(slot);
    &pieces[piece][at]
}

fn client_hash(pieces: &[Vec<Lease>], slot: u32, seed: Seeded) -> u64 {
    let lease = lease(pieces, slot);
    lease.who().hash(lease.subnet, seed)
}

fn name_hash(pieces: &[Vec<Lease>], slot: u32, seed: Seeded) -> u64 {
    seed.hash_one(lease(pieces, slot).name.as_deref().unwrap_or_default())
}

pub(super) fn mixed(address: u32, seed: Seeded) -> u64 {
    seed.hash_one(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_knows_whose_it_is_and_is_small() {
        for length in 0..=16u8 {
            for id in [None, Some(&[1, 2][..]), Some(&[7; 255])] {
                let hardware = HardwareAddress::new(32, &vec![length; length.into()]).unwrap();
                let lease = Lease::new(9, 0, &Who { hardware, client_id: id });
                assert_eq!((lease.who().hardware, lease.who().client_id), (hardware, id));
            }
        }
        assert!(size_of::<Lease>() <= 72, "{}", size_of::<Lease>());
    }

    #[test]
    fn the_one_that_has_been_free_longest_comes_first() {
        let who = Who { hardware: HardwareAddress::default(), client_id: None };
        let mut table = Table::new(2, Seeded(1));
        let slots: Vec<u32> = (0..5).map(|address| table.add(Lease::new(address, 1, &who))).collect();
        slots.iter().for_each(|slot| table.set_free(*slot));
        for taken in [2, 4, 2] {
            table.set_taken(taken);
        }
        table.set_free(2);
        let mut order = Vec::new();
        while let Some(slot) = table.longest_free(1) {
            table.set_taken(slot);
            order.push(slot);
        }
        assert_eq!(order, [0, 1, 3, 2]);
        assert_eq!(table.longest_free(0), None);
    }
}
