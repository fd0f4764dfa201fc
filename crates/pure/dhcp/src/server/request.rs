//! REQUEST (RFC 2131 section 4.3.2): which of the four it is, and what is said.

use std::net::Ipv4Addr;

use madang_wire::dhcp::suboption;

use super::asked::Asked;
use super::events::{Reason, Way, What};
use super::table::State;
use super::{Server, Turn};

/// What a REQUEST asks for (RFC 2131 table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wish {
    way: Way,
    address: Ipv4Addr,
}

impl Wish {
    /// The wish of a message, if it is one of the four.
    fn of(asked: &Asked<'_>) -> Result<Self, &'static str> {
        let has = Some(asked.header.ciaddr).filter(|address| !address.is_unspecified());
        let (way, address) = match (asked.server_id, asked.requested, has) {
            (Some(_), Some(address), None) => (Way::Selecting, address),
            (Some(_), None, _) => return Err("it takes an offer, and does not say of which address"),
            (Some(_), Some(_), Some(_)) => return Err("it takes an offer, and has an address already"),
            (None, Some(address), None) => (Way::InitReboot, address),
            // Some repeat the address that they have; that is no other wish.
            (None, Some(address), Some(has)) if address != has => {
                return Err("it wants an address, and has another one");
            }
            (None, _, Some(has)) if asked.origin.unicast && !asked.is_relayed() => (Way::Renewing, has),
            (None, _, Some(has)) => (Way::Rebinding, has),
            (None, None, None) => return Err("it does not say which address it wants"),
        };
        Ok(Self { way, address })
    }
}

impl Server {
    pub(super) fn request(&mut self, asked: &Asked<'_>, turn: &mut Turn<'_>) {
        let who = asked.who();
        let wish = match Wish::of(asked) {
            Ok(wish) => wish,
            Err(what) => return Self::ignore(&who, asked.requested, Reason::Malformed(what), turn),
        };
        turn.tell(What::Request, &who, Some(wish.address), Reason::Asks(wish.way));
        let Some(subnet) = self.subnet_of(asked) else {
            return Self::ignore(&who, Some(wish.address), Reason::NoSubnet, turn);
        };
        match wish.way {
            Way::Selecting => self.selecting(asked, subnet, wish, turn),
            Way::InitReboot | Way::Renewing | Way::Rebinding => self.keeping(asked, subnet, wish, turn),
        }
    }

    /// Whether a message that names a server names this one.
    pub(super) fn is_meant(&self, asked: &Asked<'_>) -> bool {
        let named = asked.relay_information().address(suboption::SERVER_ID_OVERRIDE);
        asked.server_id.is_none_or(|server| self.config.is_own(server) || Some(server) == named)
    }

    fn selecting(&mut self, asked: &Asked<'_>, subnet: u16, wish: Wish, turn: &mut Turn<'_>) {
        let who = asked.who();
        let offer = self.offers.by_client(subnet, &who);
        if let Some(server) = asked.server_id.filter(|_| !self.is_meant(asked)) {
            if let Some(slot) = offer {
                self.drop_offer(slot);
            }
            self.notice_server(server, &who, Reason::Chosen(server), turn);
            return Self::ignore(&who, Some(wish.address), Reason::OtherServer(server), turn);
        }
        let offer = offer.and_then(|slot| self.offers.offer(slot));
        if offer.is_some_and(|offer| offer.waiting.is_some() && Ipv4Addr::from(offer.address) == wish.address)
        {
            return Self::ignore(&who, Some(wish.address), Reason::Suspect, turn);
        }
        let promised = offer.is_some_and(|offer| Ipv4Addr::from(offer.address) == wish.address);
        match self.may_take(asked, subnet, wish.address, promised) {
            Ok(()) => self.grant(asked, subnet, wish.address, Reason::Asks(wish.way), turn),
            Err(reason) => self.deny(asked, subnet, wish.address, reason, turn),
        }
    }

    /// Whether a client may have an address that it says was offered. The offer may be of before a restart, or too old:
    /// while nobody else has the address, there is no reason to begin anew.
    fn may_take(
        &self,
        asked: &Asked<'_>,
        subnet: u16,
        address: Ipv4Addr,
        promised: bool,
    ) -> Result<(), Reason> {
        let who = asked.who();
        self.may_have(subnet, &who, address)?;
        let lease = self.table.by_address(address.into()).map(|slot| self.table.lease(slot));
        let own = lease.is_some_and(|lease| lease.is_owned() && lease.who().is(&who));
        if promised || own {
            return Ok(());
        }
        if lease.is_some_and(|lease| lease.suspect) {
            return Err(Reason::Suspect);
        }
        let mut buffer = [0; 255];
        self.within_limits(&who, asked.port(&mut buffer))
    }

    /// The client has an address, or had it, and wants to keep it.
    fn keeping(&mut self, asked: &Asked<'_>, subnet: u16, wish: Wish, turn: &mut Turn<'_>) {
        let (who, address) = (asked.who(), wish.address);
        let lease = self.table.by_client(subnet, &who).map(|slot| self.table.lease(slot));
        let verdict = match lease {
            Some(lease) if lease.ipv4() == address => self.may_have(subnet, &who, address),
            Some(lease) if lease.state == State::Bound => Err(Reason::HasOther(lease.ipv4())),
            // What is reserved needs no record.
            _ => match self.may_have(subnet, &who, address) {
                Ok(()) if self.config.subnet(subnet).is_reserved(address.into()) => Ok(()),
                Ok(()) => Err(Reason::UnknownLease),
                Err(reason) => Err(reason),
            },
        };
        match verdict {
            Ok(()) => self.grant(asked, subnet, address, Reason::Asks(wish.way), turn),
            // Another server may know the client (RFC 2131 section 4.3.2).
            Err(_) if lease.is_none() && !self.config.authoritative => {
                Self::ignore(&who, Some(address), Reason::NotItsLease, turn);
            }
            Err(reason) => self.deny(asked, subnet, address, reason, turn),
        }
    }

    fn deny(
        &mut self,
        asked: &Asked<'_>,
        subnet: u16,
        address: Ipv4Addr,
        reason: Reason,
        turn: &mut Turn<'_>,
    ) {
        turn.tell(What::Nak, &asked.who(), Some(address), reason.clone());
        self.reply_nak(asked, subnet, reason, turn);
    }
}
