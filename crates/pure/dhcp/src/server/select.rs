//! Which address a client gets, and whether it may have one.

use std::net::Ipv4Addr;

use super::events::Reason;
use super::table::State;
use super::{Server, Turn};
use crate::identity::Who;

impl Server {
    /// Whether an address is there for a client: nobody else has it or is offered it.
    fn available(&self, subnet: u16, who: &Who<'_>, address: u32) -> Result<(), Reason> {
        if let Some(offer) = self.offers.by_address(address).and_then(|slot| self.offers.offer(slot))
            && !offer.who().is(who)
        {
            return Err(Reason::OfferedToOther);
        }
        let Some(slot) = self.table.by_address(address) else { return Ok(()) };
        let lease = self.table.lease(slot);
        let theirs = lease.who();
        // What is reserved for a hardware address is for all that runs on it.
        let same = theirs.is(who)
            || theirs.hardware == who.hardware && self.config.subnet(subnet).is_reserved(address);
        match lease.state {
            State::Declined => Err(Reason::Quarantined),
            State::Bound if !same => Err(Reason::InUse),
            _ => Ok(()),
        }
    }

    /// What is reserved for a client, if it can have it now. While somebody else has it, the client is served like others.
    fn reserved(&self, subnet: u16, who: &Who<'_>) -> Option<Ipv4Addr> {
        let address = self.config.subnet(subnet).reservation(who)?.address;
        self.available(subnet, who, address.into()).ok().map(|()| address)
    }

    /// Whether a client may have an address.
    pub(super) fn may_have(&self, subnet: u16, who: &Who<'_>, address: Ipv4Addr) -> Result<(), Reason> {
        let settings = self.config.subnet(subnet);
        let bits = u32::from(address);
        if !(settings.first..=settings.last).contains(&bits) {
            return Err(Reason::WrongNetwork);
        }
        match self.reserved(subnet, who) {
            Some(reserved) if reserved == address => return Ok(()),
            Some(reserved) => return Err(Reason::ReservedElsewhere(reserved)),
            None => {}
        }
        if settings.is_reserved(bits) {
            return Err(self.available(subnet, who, bits).err().unwrap_or(Reason::ReservedForOther));
        }
        if !settings.is_pooled(bits) {
            return Err(Reason::NotLeased);
        }
        self.available(subnet, who, bits)
    }

    /// The address to offer to a client, and why that one. It is taken out of those that others may get.
    pub(super) fn choose(
        &mut self,
        subnet: u16,
        who: &Who<'_>,
        wanted: Option<Ipv4Addr>,
    ) -> Option<(Ipv4Addr, Reason)> {
        let chosen = self.known(subnet, who, wanted).or_else(|| {
            let unused = self.unused(subnet).map(|address| (address, Reason::NeverUsed));
            unused.or_else(|| self.longest_free(subnet).map(|address| (address, Reason::LongestFree)))
        });
        if let Some(slot) = chosen.as_ref().and_then(|(address, _)| self.table.by_address((*address).into()))
        {
            self.table.set_taken(slot);
        }
        chosen
    }

    /// What belongs to the client somehow, or what it wants.
    fn known(&self, subnet: u16, who: &Who<'_>, wanted: Option<Ipv4Addr>) -> Option<(Ipv4Addr, Reason)> {
        if let Some(address) = self.reserved(subnet, who) {
            return Some((address, Reason::Reserved));
        }
        let lease = self.table.by_client(subnet, who).map(|slot| self.table.lease(slot));
        let had = lease.map(|lease| match lease.state {
            State::Bound => (lease.ipv4(), Reason::HasLease),
            _ => (lease.ipv4(), Reason::HadIt),
        });
        let may_have = |(address, _): &(Ipv4Addr, Reason)| self.may_have(subnet, who, *address).is_ok();
        had.filter(may_have).or_else(|| wanted.map(|address| (address, Reason::Wanted)).filter(may_have))
    }

    /// An address that nobody has had yet. Each is looked at once, and once more for each time that it was offered in vain.
    fn unused(&mut self, subnet: u16) -> Option<Ipv4Addr> {
        let settings = self.config.subnet(subnet);
        let unused = &mut self.unused[usize::from(subnet)];
        let (table, offers) = (&self.table, &self.offers);
        let is_free = |address: u32| {
            table.by_address(address).is_none()
                && offers.by_address(address).is_none()
                && settings.is_pooled(address)
        };
        while let Some(address) = unused.returned.pop_front() {
            if is_free(address) {
                return Some(address.into());
            }
        }
        while let Some((_, last)) = settings.pools.get(unused.pool) {
            let address = unused.next;
            if address < *last {
                unused.next += 1;
            } else {
                unused.pool += 1;
                unused.next = settings.pools.get(unused.pool).map_or(0, |(first, _)| *first);
            }
            if is_free(address) {
                return Some(address.into());
            }
        }
        None
    }

    /// The address that has been free longest.
    fn longest_free(&mut self, subnet: u16) -> Option<Ipv4Addr> {
        while let Some(slot) = self.table.longest_free(subnet) {
            self.table.set_taken(slot);
            let address = self.table.lease(slot).address;
            // It may have been reserved since.
            if self.config.subnet(subnet).is_pooled(address) {
                return Some(address.into());
            }
        }
        None
    }

    /// An address that was taken out for an offer is there for others again.
    pub(super) fn put_back(&mut self, subnet: u16, address: u32) {
        if !self.config.subnet(subnet).is_pooled(address) {
            return;
        }
        match self.table.by_address(address) {
            None => self.unused[usize::from(subnet)].put_back(address, &self.config.subnet(subnet).pools),
            Some(slot) => match self.table.lease(slot).state {
                State::Bound | State::Declined => {}
                State::Expired | State::Released | State::Vacant => self.table.set_free(slot),
            },
        }
    }

    /// Whether to ask for an address before it is offered: not if the client had it last, and that is certain.
    pub(super) fn is_to_be_probed(&self, who: &Who<'_>, address: Ipv4Addr) -> bool {
        let Some(slot) = self.table.by_address(address.into()) else {
            return self.config.waits.probe.is_some();
        };
        let lease = self.table.lease(slot);
        let own = lease.is_owned() && lease.who().is(who);
        !own && (lease.suspect || self.config.waits.probe.is_some())
    }

    /// An offer ends without a grant.
    pub(super) fn drop_offer(&mut self, slot: u32) {
        if let Some((subnet, address)) = self.take_offer(slot) {
            self.put_back(subnet, address);
        }
    }

    /// An offer ends; of which address of which subnet it was.
    pub(super) fn take_offer(&mut self, slot: u32) -> Option<(u16, u32)> {
        let offer = self.offers.remove(slot)?;
        self.offered.down(&offer.hardware);
        self.ports.give(offer.port, |holds| holds.offers = holds.offers.saturating_sub(1));
        Some((offer.subnet, offer.address))
    }

    /// Whether the limits let a client have another offer.
    pub(super) fn within_limits(&self, who: &Who<'_>, port: Option<&[u8]>) -> Result<(), Reason> {
        let limits = self.config.limits;
        if self.offered.of(&who.hardware) >= limits.offers_per_hardware {
            return Err(Reason::HardwareLimit);
        }
        let holds = port.map(|port| self.ports.holds(port)).unwrap_or_default();
        if holds.offers >= limits.offers_per_port {
            return Err(Reason::PortLimit);
        }
        match limits.leases_per_port {
            Some(most) if holds.offers + holds.leases >= most => Err(Reason::LeaseLimit),
            _ => Ok(()),
        }
    }

    /// Says that nothing is done.
    pub(super) fn ignore(who: &Who<'_>, address: Option<Ipv4Addr>, reason: Reason, turn: &mut Turn<'_>) {
        turn.tell(super::What::Ignore, who, address, reason);
    }
}
