//! A server that comes back.

use super::table::{Lease, Second, State};
use super::{Server, Turn};
use crate::config::ServerConfig;
use crate::identity::Who;
use crate::record::{Record, RecordState};
use crate::server::Actions;
use crate::time::Now;

/// What came of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Addresses that clients have or had, or that are kept away.
    pub leases: usize,
    /// Records of addresses that are in no subnet any more: what they say is forgotten.
    pub elsewhere: usize,
}

impl Server {
    /// The server that wrote these records, in the order in which they were written, or that of [`Self::records`].
    ///
    /// How long a lease goes on is known only from the wall clock, which may have jumped meanwhile. If it is behind, a lease
    /// goes on for no longer than it was granted for. If it is ahead, leases end too early. So what was granted before still
    /// goes to the client that had it; another one gets it last, and only after a probe, even if probes are turned off. If
    /// the probe finds the client that had it, its lease goes on.
    pub fn restore(
        config: ServerConfig,
        records: impl IntoIterator<Item = Record>,
        now: Now,
        seed: u64,
    ) -> (Self, Restored) {
        let mut server = Self::new(config, now, seed);
        let mut elsewhere = 0;
        for record in records {
            match server.config.containing(record.address) {
                Some(subnet) => server.replay(subnet, &record, now),
                None => elsewhere += 1,
            }
        }
        let leases = server.settle();
        (server, Restored { leases, elsewhere })
    }

    /// A record says how an address stands; what was known of it before counts no more.
    fn replay(&mut self, subnet: u16, record: &Record, now: Now) {
        let who = Who { hardware: record.hardware, client_id: record.client_id.as_deref() };
        let slot = match self.table.by_address(record.address.into()) {
            Some(slot) => slot,
            None => self.table.add(Lease::new(record.address.into(), subnet, &who)),
        };
        self.vacate(slot);
        let expires = self.end_of(record, now);
        let over = expires <= self.clock.second(now.instant) || record.state == RecordState::Released;
        let lease = self.table.lease_mut(slot);
        (lease.expires, lease.suspect) = (expires, true);
        if record.state == RecordState::Declined {
            if !over {
                lease.hold(&who);
                lease.state = State::Declined;
                self.declined.up(record.hardware);
            }
            return;
        }
        // A client has one address of a subnet: the one that it had last.
        if let Some(other) = self.table.by_client(subnet, &who) {
            self.vacate(other);
        }
        let state = match record.state {
            RecordState::Released => State::Released,
            _ if over => State::Expired,
            _ => State::Bound,
        };
        self.table.own(slot, &who, state);
        if !over {
            let port = self.ports.take(record.port.as_deref(), |holds| holds.leases += 1);
            self.table.lease_mut(slot).port = port;
            let name = record.name.clone().filter(|name| self.table.by_name(name).is_none());
            self.table.name(slot, name);
        }
    }

    /// An address is nobody's.
    fn vacate(&mut self, slot: u32) {
        self.give_port(slot);
        if self.table.lease(slot).state == State::Declined {
            let hardware = self.table.lease(slot).who().hardware;
            self.declined.down(&hardware);
        }
        self.table.disown(slot, State::Vacant);
    }

    /// Notes what ends when, and what others may get, the one that has been free longest first. Returns how many there are.
    fn settle(&mut self) -> usize {
        let slots = 0..self.table.slots();
        let mut free: Vec<(Second, u32)> = Vec::new();
        let mut leases = 0;
        for slot in slots {
            let Lease { state, expires, subnet, address, .. } = *self.table.lease(slot);
            leases += usize::from(state != State::Vacant);
            match state {
                State::Bound | State::Declined => self.look_at(slot, expires),
                _ if self.config.subnet(subnet).is_pooled(address) => free.push((expires, slot)),
                State::Expired | State::Released | State::Vacant => {}
            }
        }
        // What ended in one second keeps the order in which it came.
        free.sort_by_key(|(expires, _)| *expires);
        free.into_iter().for_each(|(_, slot)| self.table.set_free(slot));
        leases
    }

    /// When a record's lease ends: not later than its own length from now.
    fn end_of(&self, record: &Record, now: Now) -> Second {
        let Some(expires) = record.expires else { return super::table::NEVER };
        let length = expires.0.saturating_sub(record.written.0);
        let latest = self.clock.end(now.instant, u32::try_from(length).unwrap_or(u32::MAX));
        self.clock.of_wall(expires, now).min(latest)
    }

    /// Everything that a server like this one would need: for a log that begins anew.
    pub fn records(&self, now: Now) -> impl Iterator<Item = Record> {
        self.table.iter().filter_map(move |lease| {
            let state = match lease.state {
                State::Bound | State::Expired => RecordState::Bound,
                State::Released => RecordState::Released,
                State::Declined => RecordState::Declined,
                State::Vacant => return None,
            };
            Some(self.record(lease, state, now))
        })
    }

    /// Another configuration. Leases go on; whose address it does not allow any more is told so when it renews. Offers are
    /// forgotten: who takes one gets it, if the address is free.
    pub fn reconfigure(&mut self, config: ServerConfig, now: Now) -> Restored {
        let mut ended = Actions::new();
        self.lapse(&mut Turn { now, random: 0, out: &mut ended });
        let records: Vec<Record> = self.records(now).collect();
        let (commits, seed) = (self.commits, self.seed());
        let (server, restored) = Self::restore(config, records, now, seed);
        *self = Self { commits, ..server };
        restored
    }
}
