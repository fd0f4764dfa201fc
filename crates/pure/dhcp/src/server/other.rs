//! DECLINE, RELEASE, INFORM (RFC 2131 sections 4.3.3 to 4.3.5); other servers; what the operator wants.

use std::net::Ipv4Addr;

use madang_wire::dhcp::{MessageType, Packet, code};

use super::asked::Asked;
use super::events::{Reason, What};
use super::table::State;
use super::{Server, Turn, hardware};
use crate::config::{ClientMatch, Reservation};
use crate::identity::Who;
use crate::record::RecordState;

/// How often it is said that a server is a rogue, in milliseconds.
const SAID_AGAIN: u64 = 60_000;
/// How many rogues are told apart: a flood of invented ones fills no memory.
const ROGUES: usize = 64;

impl Server {
    /// The client found that somebody else uses its address.
    pub(super) fn decline(&mut self, asked: &Asked<'_>, turn: &mut Turn<'_>) {
        let who = asked.who();
        let Some(address) = asked.requested else {
            let reason = Reason::Malformed("it declines, and does not say which address");
            return Self::ignore(&who, None, reason, turn);
        };
        if !self.is_meant(asked) {
            return self.not_mine(asked, address, turn);
        }
        let Some(subnet) = self.subnet_of(asked) else {
            return Self::ignore(&who, Some(address), Reason::NoSubnet, turn);
        };
        // Only who was promised an address knows anything of it: else one client could take them all away.
        let bound = self.bound(subnet, &who, address).is_some();
        let offer = self
            .offers
            .by_client(subnet, &who)
            .filter(|slot| self.offers.offer(*slot).is_some_and(|offer| offer.address == u32::from(address)));
        if !bound && offer.is_none() {
            return Self::ignore(&who, Some(address), Reason::NotItsLease, turn);
        }
        if self.declined.of(&who.hardware) >= self.config.limits.declines_per_hardware {
            return Self::ignore(&who, Some(address), Reason::DeclineLimit, turn);
        }
        if let Some(slot) = offer {
            self.drop_offer(slot);
        }
        turn.tell(What::Decline, &who, Some(address), Reason::ClientSaysInUse);
        self.keep_away(subnet, address, who.hardware, turn);
    }

    /// The client gives its address back.
    pub(super) fn release(&mut self, asked: &Asked<'_>, turn: &mut Turn<'_>) {
        let (who, address) = (asked.who(), asked.header.ciaddr);
        if !self.is_meant(asked) {
            return self.not_mine(asked, address, turn);
        }
        let subnet = self.config.containing(address);
        match subnet.and_then(|subnet| self.bound(subnet, &who, address)) {
            Some(slot) => self.end_lease(slot, Reason::GivenBack, turn),
            None => Self::ignore(&who, Some(address), Reason::NotItsLease, turn),
        }
    }

    fn not_mine(&mut self, asked: &Asked<'_>, address: Ipv4Addr, turn: &mut Turn<'_>) {
        let server = asked.server_id.unwrap_or(Ipv4Addr::UNSPECIFIED);
        Self::ignore(&asked.who(), Some(address), Reason::OtherServer(server), turn);
    }

    /// The lease that a client has for an address.
    fn bound(&self, subnet: u16, who: &Who<'_>, address: Ipv4Addr) -> Option<u32> {
        let slot = self.table.by_client(subnet, who)?;
        let lease = self.table.lease(slot);
        (lease.state == State::Bound && lease.ipv4() == address).then_some(slot)
    }

    fn end_lease(&mut self, slot: u32, reason: Reason, turn: &mut Turn<'_>) {
        let lease = self.table.lease(slot);
        turn.tell(What::Release, &lease.who(), Some(lease.ipv4()), reason);
        self.set_ended(slot, State::Released, turn.now);
        // The message may be old, and the client back already; or an operator errs.
        self.table.lease_mut(slot).suspect = true;
        self.commit(slot, RecordState::Released, turn);
    }

    /// The client has an address from elsewhere, and wants the rest.
    pub(super) fn inform(&mut self, asked: &Asked<'_>, turn: &mut Turn<'_>) {
        let (who, address) = (asked.who(), asked.header.ciaddr);
        if address.is_unspecified() {
            let reason = Reason::Malformed("it informs of an address, and does not say which");
            return Self::ignore(&who, None, reason, turn);
        }
        let Some(subnet) = self.config.containing(address).or_else(|| self.subnet_of(asked)) else {
            return Self::ignore(&who, Some(address), Reason::NoSubnet, turn);
        };
        turn.tell(What::Inform, &who, Some(address), Reason::OptionsOnly);
        self.reply(asked, subnet, MessageType::Ack, Ipv4Addr::UNSPECIFIED, None, turn);
    }

    /// A message of a server, which may be one that should not be here.
    pub(super) fn overheard(&mut self, packet: &Packet<&[u8]>, turn: &mut Turn<'_>) {
        let speaks = matches!(packet.message_type(), Some(MessageType::Offer | MessageType::Ack));
        let Some(server) = packet.address(code::SERVER_ID).filter(|_| speaks) else { return };
        let who = Who { hardware: packet.header().hardware, client_id: None };
        self.notice_server(server, &who, Reason::UnknownServer(server), turn);
    }

    /// Says that there is a server that nobody knows, now and then.
    pub(super) fn notice_server(
        &mut self,
        server: Ipv4Addr,
        who: &Who<'_>,
        reason: Reason,
        turn: &mut Turn<'_>,
    ) {
        if self.config.is_own(server) || self.config.known_servers.contains(&server) {
            return;
        }
        let now = turn.now.instant;
        self.rogues.retain(|_, said| now.since(*said) < SAID_AGAIN);
        if self.rogues.contains_key(&server) || self.rogues.len() >= ROGUES {
            return;
        }
        self.rogues.insert(server, now);
        turn.say(What::Rogue, hardware(who.hardware), Some(server), reason);
    }

    /// The operator takes a lease back, or ends a quarantine.
    pub(super) fn take_back(&mut self, address: Ipv4Addr, turn: &mut Turn<'_>) {
        let slot = self.table.by_address(address.into());
        match slot.map(|slot| (slot, self.table.lease(slot).state)) {
            Some((slot, State::Bound)) => self.end_lease(slot, Reason::ByOperator, turn),
            Some((slot, State::Declined)) => {
                let holder = hardware(self.table.lease(slot).who().hardware);
                turn.say(What::Release, holder, Some(address), Reason::ByOperator);
                self.end_quarantine(slot, turn);
                // A quarantine that is over is as none.
                self.commit(slot, RecordState::Declined, turn);
            }
            _ => turn.say(What::Ignore, None, Some(address), Reason::NoLease),
        }
    }

    pub(super) fn reserve(&mut self, reservation: Reservation, turn: &mut Turn<'_>) {
        let address = reservation.address;
        let holder = match &reservation.client {
            ClientMatch::Mac(mac) => Some(madang_wire::dhcp::HardwareAddress::ethernet(*mac)),
            ClientMatch::ClientId(_) => None,
        };
        match self.config.reserve(reservation) {
            Ok(()) => turn.say(What::Reserve, holder, Some(address), Reason::ByOperator),
            Err(error) => turn.say(What::Ignore, holder, Some(address), Reason::NotReserved(Box::new(error))),
        }
    }
}
