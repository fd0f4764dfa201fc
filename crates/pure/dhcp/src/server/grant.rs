//! An address is granted, or kept away: what changes in the table, and the record of it.

use std::cmp::Reverse;
use std::net::Ipv4Addr;

use madang_wire::dhcp::{HardwareAddress, MessageType};

use super::asked::Asked;
use super::events::{Commit, CommitId, Reason, What};
use super::index::NONE;
use super::table::{Lease, NEVER, Second, State};
use super::{Server, Turn};
use crate::identity::Who;
use crate::names;
use crate::record::{Record, RecordState};
use crate::time::Now;

impl Server {
    /// The client has the address from now on, as soon as the record of it is durable.
    pub(super) fn grant(
        &mut self,
        asked: &Asked<'_>,
        subnet: u16,
        address: Ipv4Addr,
        why: Reason,
        turn: &mut Turn<'_>,
    ) {
        let who = asked.who();
        let offer = self.offers.by_client(subnet, &who).and_then(|slot| self.take_offer(slot));
        if let Some((subnet, offered)) = offer.filter(|(_, offered)| *offered != u32::from(address)) {
            self.put_back(subnet, offered);
        }
        self.leave_others(subnet, &who, address, turn);
        let slot = self.bind(subnet, &who, address);
        let mut buffer = [0; 255];
        self.move_port(slot, asked.port(&mut buffer));
        self.rename(slot, subnet, asked);
        let seconds = self.lease_time(asked, subnet);
        let ends = self.clock.end(turn.now.instant, seconds);
        let lease = self.table.lease_mut(slot);
        (lease.expires, lease.suspect) = (ends, false);
        self.look_at(slot, ends);
        let commit = self.commit(slot, RecordState::Bound, turn);
        turn.tell(What::Ack, &who, Some(address), why);
        self.reply(asked, subnet, MessageType::Ack, address, Some(commit), turn);
    }

    /// A lease that seemed to be over goes on for as long as one lasts that nobody asked a time for.
    pub(super) fn prolong(&mut self, slot: u32, turn: &mut Turn<'_>) {
        self.table.set_taken(slot);
        let seconds = self.config.subnet(self.table.lease(slot).subnet).lease.default;
        let ends = self.clock.end(turn.now.instant, seconds);
        let lease = self.table.lease_mut(slot);
        (lease.state, lease.expires, lease.suspect) = (State::Bound, ends, false);
        self.look_at(slot, ends);
        self.commit(slot, RecordState::Bound, turn);
    }

    /// A client has one address of a subnet: another one that it had is free.
    fn leave_others(&mut self, subnet: u16, who: &Who<'_>, address: Ipv4Addr, turn: &mut Turn<'_>) {
        let Some(slot) = self.table.by_client(subnet, who) else { return };
        let lease = self.table.lease(slot);
        if lease.ipv4() == address {
            return;
        }
        if lease.state == State::Bound {
            turn.tell(What::Release, who, Some(lease.ipv4()), Reason::Moved(address));
            self.set_ended(slot, State::Released, turn.now);
            self.commit(slot, RecordState::Released, turn);
        }
        self.table.disown(slot, State::Vacant);
    }

    /// The lease of an address, which is this client's now.
    fn bind(&mut self, subnet: u16, who: &Who<'_>, address: Ipv4Addr) -> u32 {
        let bits = u32::from(address);
        let slot = match self.table.by_address(bits) {
            Some(slot) => slot,
            None => self.table.add(Lease::new(bits, subnet, who)),
        };
        self.table.set_taken(slot);
        let lease = self.table.lease(slot);
        if lease.is_owned() && lease.who().is(who) && lease.who().hardware == who.hardware {
            self.table.lease_mut(slot).state = State::Bound;
        } else {
            self.give_port(slot);
            self.table.disown(slot, State::Vacant);
            self.table.own(slot, who, State::Bound);
        }
        slot
    }

    /// Accounts for the port that a lease's client is at. Who renews past its relay is where it was.
    fn move_port(&mut self, slot: u32, key: Option<&[u8]>) {
        let before = self.table.lease(slot).port;
        if key.is_none() || before != NONE && key == self.ports.key(before) {
            return;
        }
        let port = self.ports.take(key, |holds| holds.leases += 1);
        self.give_port(slot);
        self.table.lease_mut(slot).port = port;
    }

    pub(super) fn give_port(&mut self, slot: u32) {
        let lease = self.table.lease_mut(slot);
        let port = std::mem::replace(&mut lease.port, NONE);
        self.ports.give(port, |holds| holds.leases = holds.leases.saturating_sub(1));
    }

    /// The client gets the name that is reserved for it, or the one that it says it has; if that is another's, with its
    /// address behind it. Who says nothing keeps what it has.
    fn rename(&mut self, slot: u32, subnet: u16, asked: &Asked<'_>) {
        let reserved = self.config.subnet(subnet).reservation(&asked.who()).and_then(|it| it.name.as_deref());
        let Some(wanted) = reserved.map(Into::into).or_else(|| asked.name()) else { return };
        let lease = self.table.lease(slot);
        let address = lease.ipv4();
        if lease.name.as_deref() == Some(&*wanted) {
            return;
        }
        let is_free = |name: &str| {
            self.table.by_name(name).is_none_or(|other| other == slot)
                && self.config.reserved_name(name).is_none_or(|reserved| reserved == address)
        };
        // What it got as the second stays its name, so that names are as steady as addresses.
        if lease.name.is_some() && lease.name == Some(names::with_address(&wanted, address)) {
            return;
        }
        let name = if is_free(&wanted) { Some(wanted) } else { Some(names::with_address(&wanted, address)) };
        let name = name.filter(|name| is_free(name));
        self.table.name(slot, name);
    }

    /// A lease ends now, and its address is there for others.
    pub(super) fn set_ended(&mut self, slot: u32, state: State, now: Now) {
        self.give_port(slot);
        self.table.unname(slot);
        let second = self.clock.second(now.instant);
        let lease = self.table.lease_mut(slot);
        lease.state = state;
        lease.expires = lease.expires.min(second);
        let address = lease.address;
        if self.config.subnet(lease.subnet).is_pooled(address) && self.offers.by_address(address).is_none() {
            self.table.set_free(slot);
        }
    }

    /// An address is nobody's until its quarantine is over.
    pub(super) fn keep_away(
        &mut self,
        subnet: u16,
        address: Ipv4Addr,
        hardware: HardwareAddress,
        turn: &mut Turn<'_>,
    ) {
        let who = Who { hardware, client_id: None };
        let bits = u32::from(address);
        let slot = match self.table.by_address(bits) {
            Some(slot) => slot,
            None => self.table.add(Lease::new(bits, subnet, &who)),
        };
        self.give_port(slot);
        self.table.set_taken(slot);
        self.table.disown(slot, State::Declined);
        let ends = self.clock.end(turn.now.instant, self.config.waits.quarantine);
        let lease = self.table.lease_mut(slot);
        lease.hold(&who);
        (lease.expires, lease.suspect) = (ends, false);
        self.declined.up(hardware);
        self.look_at(slot, ends);
        self.commit(slot, RecordState::Declined, turn);
    }

    /// Looks at a lease again in that second, or sooner if it was to be so before.
    pub(super) fn look_at(&mut self, slot: u32, second: Second) {
        let lease = self.table.lease_mut(slot);
        if second != NEVER && second < lease.timed {
            lease.timed = second;
            self.ends.push(Reverse((second, slot)));
        }
    }

    /// The record of a lease as it stands.
    pub(super) fn commit(&mut self, slot: u32, state: RecordState, turn: &mut Turn<'_>) -> CommitId {
        self.commits = CommitId(self.commits.0 + 1);
        let record = self.record(self.table.lease(slot), state, turn.now);
        turn.out.commits.push(Commit { id: self.commits, record });
        self.commits
    }

    pub(super) fn record(&self, lease: &Lease, state: RecordState, now: Now) -> Record {
        let who = lease.who();
        Record {
            address: lease.ipv4(),
            state,
            hardware: who.hardware,
            client_id: who.client_id.map(Into::into),
            name: lease.name.clone(),
            port: self.ports.key(lease.port).map(Into::into),
            written: now.wall,
            expires: self.clock.wall(lease.expires, now),
        }
    }
}
