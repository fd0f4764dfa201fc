//! What ends by itself: probes, offers, leases, quarantines.

use std::cmp::Reverse;
use std::net::Ipv4Addr;

use super::events::{Reason, What};
use super::table::{NEVER, State};
use super::{Server, Turn};

/// How many things end in one turn at most: if a whole network's leases end at once, messages are answered in between.
const AT_ONCE: usize = 1024;

impl Server {
    pub(super) fn lapse(&mut self, turn: &mut Turn<'_>) {
        for _ in 0..AT_ONCE {
            let Some((deadline, slot)) = self.offers.first() else { break };
            if deadline > turn.now.instant {
                break;
            }
            let probed = self.offers.offer(slot).filter(|offer| offer.waiting.is_some());
            match probed.map(|offer| Ipv4Addr::from(offer.address)) {
                Some(address) => self.unanswered(address, turn),
                None => self.drop_offer(slot),
            }
        }
        let second = self.clock.second(turn.now.instant);
        for _ in 0..AT_ONCE {
            match self.ends.peek() {
                Some(Reverse((at, _))) if *at <= second => {}
                _ => break,
            }
            if let Some(Reverse((at, slot))) = self.ends.pop() {
                self.end(slot, at, second, turn);
            }
        }
    }

    /// A lease may be over. Renewing one only moves its end; where it is looked at is moved here, once.
    fn end(&mut self, slot: u32, at: u32, second: u32, turn: &mut Turn<'_>) {
        let lease = self.table.lease_mut(slot);
        if lease.timed != at {
            return;
        }
        lease.timed = NEVER;
        let expires = lease.expires;
        match lease.state {
            State::Bound | State::Declined if expires > second => self.look_at(slot, expires),
            State::Bound => {
                turn.tell(
                    What::Expire,
                    &self.table.lease(slot).who(),
                    Some(self.table.lease(slot).ipv4()),
                    Reason::TimeIsUp,
                );
                self.set_ended(slot, State::Expired, turn.now);
            }
            State::Declined => self.end_quarantine(slot, turn),
            State::Expired | State::Released | State::Vacant => {}
        }
    }

    /// Others may get the address again; it is probed before.
    pub(super) fn end_quarantine(&mut self, slot: u32, turn: &Turn<'_>) {
        let hardware = self.table.lease(slot).who().hardware;
        self.declined.down(&hardware);
        self.set_ended(slot, State::Vacant, turn.now);
        self.table.lease_mut(slot).suspect = true;
    }
}
