//! What can be seen of a server: its leases, how full it is, names.

use std::net::Ipv4Addr;

use madang_addr::Prefix;
use madang_wire::dhcp::HardwareAddress;

use super::Server;
use super::table::{Lease, State};
use crate::config::ClientMatch;
use crate::time::{Now, Wall};

/// How an address stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaseState {
    /// A client was offered it, or it is probed for one.
    Offered,
    /// A client has it.
    Bound,
    /// A client did not renew it in time.
    Expired,
    /// A client gave it back, or an operator took it.
    Released,
    /// Somebody without a lease uses it.
    Declined,
    /// It is reserved for a client that does not have it now.
    Reserved,
}

impl LeaseState {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Bound => "bound",
            Self::Expired => "expired",
            Self::Released => "released",
            Self::Declined => "declined",
            Self::Reserved => "reserved",
        }
    }
}

/// One address as one sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    /// The address.
    pub address: Ipv4Addr,
    /// The subnet that it is in.
    pub subnet: Prefix,
    /// How it stands.
    pub state: LeaseState,
    /// Whose it is, or was.
    pub hardware: Option<HardwareAddress>,
    /// The identifier of that client, if it has one.
    pub client_id: Option<Box<[u8]>>,
    /// The client's name.
    pub name: Option<Box<str>>,
    /// The port that the client is at: `r`, a relay's address and its circuit; or `i`, a link's number and a port's.
    pub port: Option<Box<[u8]>>,
    /// When it ends, or ended, as the wall clock shows it now; none: never.
    pub expires: Option<Wall>,
}

/// How full a subnet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The subnet.
    pub subnet: Prefix,
    /// Addresses in pools that are not reserved.
    pub pooled: u64,
    /// Addresses of pools that a client who is new could get.
    pub free: u64,
    /// Addresses that clients have.
    pub bound: u64,
    /// Addresses that clients were offered.
    pub offered: u64,
    /// Addresses that somebody uses without a lease.
    pub declined: u64,
    /// Addresses that are reserved.
    pub reserved: u64,
}

impl Server {
    /// Every address that there is something to say about, in no order. Costs one step a lease.
    pub fn leases(&self, now: Now) -> impl Iterator<Item = LeaseView> {
        let leases = self.table.iter().filter_map(move |lease| self.view(lease, now));
        leases.chain(self.offered_views(now)).chain(self.reserved_views())
    }

    fn view(&self, lease: &Lease, now: Now) -> Option<LeaseView> {
        let state = match lease.state {
            State::Vacant => return None,
            // What is offered to somebody stands there as that.
            State::Expired | State::Released if self.offers.by_address(lease.address).is_some() => {
                return None;
            }
            State::Bound => LeaseState::Bound,
            State::Expired => LeaseState::Expired,
            State::Released => LeaseState::Released,
            State::Declined => LeaseState::Declined,
        };
        let who = lease.who();
        Some(LeaseView {
            address: lease.ipv4(),
            subnet: self.config.subnet(lease.subnet).prefix,
            state,
            hardware: super::hardware(who.hardware),
            client_id: who.client_id.map(Into::into),
            name: lease.name.clone(),
            port: self.ports.key(lease.port).map(Into::into),
            expires: self.clock.wall(lease.expires, now),
        })
    }

    fn offered_views(&self, now: Now) -> impl Iterator<Item = LeaseView> {
        self.offers.iter().map(move |offer| LeaseView {
            address: offer.address.into(),
            subnet: self.config.subnet(offer.subnet).prefix,
            state: LeaseState::Offered,
            hardware: super::hardware(offer.hardware),
            client_id: offer.client_id.clone(),
            name: None,
            port: self.ports.key(offer.port).map(Into::into),
            expires: Some(Wall(now.wall.0 + offer.deadline.since(now.instant).div_ceil(1000))),
        })
    }

    fn reserved_views(&self) -> impl Iterator<Item = LeaseView> {
        let all = self.config.subnets.iter().flat_map(|subnet| {
            subnet.reservations().iter().map(move |reservation| (subnet.prefix, reservation))
        });
        let is_seen = |address: u32| {
            let lease = self.table.by_address(address).map(|slot| self.table.lease(slot).state);
            lease.is_some_and(|state| state != State::Vacant) || self.offers.by_address(address).is_some()
        };
        all.filter(move |(_, reservation)| !is_seen(reservation.address.into())).map(
            |(subnet, reservation)| {
                let (hardware, client_id) = match &reservation.client {
                    ClientMatch::Mac(mac) => (Some(HardwareAddress::ethernet(*mac)), None),
                    ClientMatch::ClientId(id) => (None, Some(id.as_slice().into())),
                };
                let name = reservation.name.as_deref().map(Into::into);
                let address = reservation.address;
                let state = LeaseState::Reserved;
                LeaseView { address, subnet, state, hardware, client_id, name, port: None, expires: None }
            },
        )
    }

    /// How full each subnet is, in the order of their prefixes. Costs one step a lease.
    pub fn usage(&self) -> Vec<Usage> {
        let mut usage: Vec<Usage> = self
            .config
            .subnets
            .iter()
            .map(|subnet| Usage {
                subnet: subnet.prefix,
                pooled: subnet.pooled(),
                free: subnet.pooled(),
                bound: 0,
                offered: 0,
                declined: 0,
                reserved: u64::try_from(subnet.reservations().len()).unwrap_or(u64::MAX),
            })
            .collect();
        let leases = self.table.iter().filter_map(|lease| match lease.state {
            State::Bound => Some((lease.subnet, lease.address, LeaseState::Bound)),
            State::Declined => Some((lease.subnet, lease.address, LeaseState::Declined)),
            State::Expired | State::Released | State::Vacant => None,
        });
        let offers = self.offers.iter().map(|offer| (offer.subnet, offer.address, LeaseState::Offered));
        for (subnet, address, state) in leases.chain(offers) {
            let of = &mut usage[usize::from(subnet)];
            match state {
                LeaseState::Bound => of.bound += 1,
                LeaseState::Declined => of.declined += 1,
                _ => of.offered += 1,
            }
            of.free -= u64::from(self.config.subnet(subnet).is_pooled(address)).min(of.free);
        }
        usage
    }

    /// The address of the client that has a name now. Names are labels in small letters.
    pub fn address_of(&self, name: &str) -> Option<Ipv4Addr> {
        self.table.by_name(name).map(|slot| self.table.lease(slot).ipv4())
    }

    /// The name of the client that has an address now.
    pub fn name_of(&self, address: Ipv4Addr) -> Option<&str> {
        let slot = self.table.by_address(address.into())?;
        self.table.lease(slot).name.as_deref()
    }

    /// What the leases and what leads to them take, in bytes, without what is in boxes of a lease.
    pub fn memory(&self) -> usize {
        self.table.bytes() + self.ends.capacity() * size_of::<(u32, u32)>()
    }

    pub(super) fn seed(&self) -> u64 {
        self.table.seed().0
    }
}
