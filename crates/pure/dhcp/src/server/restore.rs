//! A server that comes back.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::table::{Lease, Second, State};
use super::{Server, Turn};
use crate::config::ServerConfig;
use crate::identity::{Seeded, Who};
use crate::record::{Record, RecordState};
use crate::server::Actions;
use crate::time::Now;

/// What came of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Addresses whose last record counts.
    pub leases: usize,
    /// Addresses that are in no subnet any more: what was known of them is forgotten.
    pub elsewhere: usize,
}

impl Server {
    /// The server that wrote these records, in the order in which they were written, or that of [`Self::records`].
    ///
    /// How long a lease goes on is known only from the wall clock, which may have jumped meanwhile. If it is behind, a lease
    /// goes on for no longer than it was granted for. If it is ahead, leases seem to have ended that have not. So what ended
    /// while no server ran still goes to the client that had it; another one gets it last, and only after a probe, even if
    /// probes are turned off.
    pub fn restore(
        config: ServerConfig,
        records: impl IntoIterator<Item = Record>,
        now: Now,
        seed: u64,
    ) -> (Self, Restored) {
        let mut last: HashMap<Ipv4Addr, (usize, Record), Seeded> = HashMap::with_hasher(Seeded(seed));
        for (at, record) in records.into_iter().enumerate() {
            last.insert(record.address, (at, record));
        }
        let mut last: Vec<_> = last.into_values().collect();
        last.sort_unstable_by_key(|(at, _)| *at);
        let mut server = Self::new(config, now, seed);
        let mut restored = Restored::default();
        let mut free: Vec<(Second, u32)> = Vec::new();
        for (_, record) in last {
            match server.config.containing(record.address) {
                Some(subnet) => {
                    restored.leases += 1;
                    server.replay(subnet, record, now, &mut free);
                }
                None => restored.elsewhere += 1,
            }
        }
        // Those that have been free longest come first. Sorting is stable: what ended in one second keeps its order.
        free.sort_by_key(|(expires, _)| *expires);
        for (_, slot) in free {
            let lease = server.table.lease(slot);
            if lease.state != State::Bound && server.config.subnet(lease.subnet).is_pooled(lease.address) {
                server.table.set_free(slot);
            }
        }
        (server, restored)
    }

    /// The lease of a record. Those that ended are noted, and when.
    fn replay(&mut self, subnet: u16, record: Record, now: Now, free: &mut Vec<(Second, u32)>) {
        let who = Who { hardware: record.hardware, client_id: record.client_id.as_deref() };
        let current = self.clock.second(now.instant);
        let expires = self.end_of(&record, now);
        let over = expires <= current || record.state == RecordState::Released;
        if record.state == RecordState::Declined {
            if !over {
                let slot = self.table.add(Lease::new(record.address.into(), subnet, &who));
                self.table.disown(slot, State::Declined);
                self.table.lease_mut(slot).expires = expires;
                self.declined.up(record.hardware);
                self.look_at(slot, expires);
            }
            return;
        }
        // A client has one address of a subnet: the one that it had last, before those that are over.
        if let Some(other) = self.table.by_client(subnet, &who) {
            if over && self.table.lease(other).state == State::Bound {
                return;
            }
            self.ports_forget(other);
            self.table.disown(other, State::Vacant);
            free.push((self.table.lease(other).expires.min(current), other));
        }
        let slot = self.table.add(Lease::new(record.address.into(), subnet, &who));
        let state = match record.state {
            RecordState::Released => State::Released,
            _ if over => State::Expired,
            _ => State::Bound,
        };
        self.table.own(slot, &who, state);
        let lease = self.table.lease_mut(slot);
        (lease.expires, lease.suspect) = (expires, over && record.state == RecordState::Bound);
        if over {
            return free.push((expires, slot));
        }
        let port = self.ports.take(record.port.as_deref(), |holds| holds.leases += 1);
        self.table.lease_mut(slot).port = port;
        if let Some(name) = record.name.filter(|name| self.table.by_name(name).is_none()) {
            self.table.name(slot, Some(name));
        }
        self.look_at(slot, expires);
    }

    /// When a record's lease ends: not later than its own length from now.
    fn end_of(&self, record: &Record, now: Now) -> Second {
        let Some(expires) = record.expires else { return super::table::NEVER };
        let length = expires.0.saturating_sub(record.written.0);
        let latest = self.clock.end(now.instant, u32::try_from(length).unwrap_or(u32::MAX));
        self.clock.of_wall(expires, now).min(latest)
    }

    fn ports_forget(&mut self, slot: u32) {
        let port = std::mem::replace(&mut self.table.lease_mut(slot).port, super::index::NONE);
        self.ports.give(port, |holds| holds.leases = holds.leases.saturating_sub(1));
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
