//! The server (RFC 2131 section 4.3).
//!
//! What is true for longer than half a minute is in leases, and every change of one is a record. Offers and probes are
//! promises that a restart may break. A reply that promises what a record says names the record: it is sent when that is
//! durable, so that no acknowledged lease is ever lost.
//!
//! An address goes to the client that had it last; then one that nobody had; then the one that has been free longest.

mod asked;
mod clock;
mod discover;
mod events;
mod grant;
mod index;
mod lapse;
mod offers;
mod other;
mod ports;
mod reply;
mod request;
mod restore;
mod select;
mod table;
mod views;
mod words;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::Ipv4Addr;

use madang_wire::dhcp::{HardwareAddress, MessageType, Packet};

use self::asked::Asked;
use self::clock::Clock;
pub use self::events::{
    Actions, Commit, CommitId, Destination, Event, Notice, Origin, Probe, Reason, Reply, Way, What,
};
use self::offers::Offers;
use self::ports::{Counts, Ports};
pub use self::restore::Restored;
use self::table::{Second, Table};
pub use self::views::{LeaseState, LeaseView, Usage};
use crate::config::ServerConfig;
use crate::identity::{Seeded, Who};
use crate::time::{Instant, Now};

/// What a port's key begins with: a relay's circuit, or a port of this host's switch.
const PORT_RELAY: u8 = b'r';
const PORT_INGRESS: u8 = b'i';
/// The longest message that is looked at: what waits for a probe takes no more than this. No client sends half of it.
const LONGEST: usize = 4096;

/// A server of DHCP, without sockets, disk and clock.
///
/// ```
/// use madang_dhcp::{Actions, Event, Now, Server, ServerConfig, ServerSpec, SubnetSpec};
///
/// let mut spec = ServerSpec::new([10, 0, 0, 1].into());
/// spec.subnets.push(SubnetSpec { link: Some(1), ..SubnetSpec::new("10.0.0.0/24".parse()?) });
/// let mut server = Server::new(ServerConfig::new(spec)?, Now::default(), 7);
/// let mut actions = Actions::new();
/// server.handle(Event::Deadline, Now::default(), 42, &mut actions);
/// // Make `actions.commits` durable, then send `actions.replies`; start over.
/// assert!(actions.is_empty() && server.next_deadline().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    clock: Clock,
    table: Table,
    offers: Offers,
    ports: Ports,
    /// Offers to each hardware address, and what each declined.
    offered: Counts,
    declined: Counts,
    /// Of each subnet what nobody has had yet.
    unused: Vec<Unused>,
    /// When leases are looked at next.
    ends: BinaryHeap<Reverse<(Second, u32)>>,
    /// Servers that nobody knows, and when that was last said of each.
    rogues: HashMap<Ipv4Addr, Instant, Seeded>,
    commits: CommitId,
}

/// Addresses of a subnet that nobody has had yet.
#[derive(Debug)]
struct Unused {
    /// Those that were offered and not taken.
    returned: VecDeque<u32>,
    /// Where the others begin: which pool, and which address of it.
    pool: usize,
    next: u32,
}

impl Unused {
    fn new(pools: &[(u32, u32)]) -> Self {
        let next = pools.first().map_or(0, |(first, _)| *first);
        Self { returned: VecDeque::new(), pool: 0, next }
    }

    /// An offer of an address was not taken. Clients that want certain addresses may bring one back again and again: before
    /// there are more of them than addresses, all are looked through from the beginning instead.
    fn put_back(&mut self, address: u32, pools: &[(u32, u32)]) {
        let addresses: usize =
            pools.iter().map(|(first, last)| usize::try_from(last - first).unwrap_or(usize::MAX)).sum();
        if self.returned.len() > addresses {
            *self = Self::new(pools);
        } else {
            self.returned.push_back(address);
        }
    }
}

impl Server {
    /// A server that has leased nothing yet. The seed is random: it keeps clients from choosing names that meet in tables.
    pub fn new(config: ServerConfig, now: Now, seed: u64) -> Self {
        let seed = Seeded(seed);
        let subnets = config.subnets.len();
        let unused = config.subnets.iter().map(|subnet| Unused::new(&subnet.pools));
        Self {
            unused: unused.collect(),
            config,
            clock: Clock::new(now.instant),
            table: Table::new(subnets, seed),
            offers: Offers::new(seed),
            ports: Ports::new(seed),
            offered: Counts::new(seed),
            declined: Counts::new(seed),
            ends: BinaryHeap::new(),
            rogues: HashMap::with_hasher(seed),
            commits: CommitId(0),
        }
    }

    /// Handles what happened. What is to be done comes behind what is in `out`. The random number spreads the times at which
    /// clients renew, so that those that began at once do not all come back at once; 0 spreads nothing.
    pub fn handle(&mut self, event: Event<'_>, now: Now, random: u64, out: &mut Actions) {
        let mut turn = Turn { now, random, out };
        self.lapse(&mut turn);
        match event {
            Event::Message { bytes, origin } => self.message(bytes, origin, &mut turn),
            Event::Answered { address, by } => self.answered(address, by, &mut turn),
            Event::Unanswered { address } => self.unanswered(address, &mut turn),
            Event::Release { address } => self.take_back(address, &mut turn),
            Event::Reserve(reservation) => self.reserve(reservation, &mut turn),
            Event::Deadline => {}
        }
    }

    /// When to handle [`Event::Deadline`] at the latest, if nothing happens before.
    pub fn next_deadline(&self) -> Option<Instant> {
        let lease = self.ends.peek().and_then(|Reverse((second, _))| self.clock.instant(*second));
        [lease, self.offers.next()].into_iter().flatten().min()
    }

    fn message(&mut self, bytes: &[u8], origin: Origin, turn: &mut Turn<'_>) {
        if bytes.len() > LONGEST {
            return turn.say(What::Ignore, None, None, Reason::TooLong(bytes.len()));
        }
        let packet = match Packet::new_checked(bytes) {
            Ok(packet) => packet,
            Err(error) => return turn.say(What::Ignore, None, None, Reason::Unreadable(error)),
        };
        let asked = match Asked::read(&packet, origin) {
            Ok(asked) => asked,
            Err(Reason::NotARequest) => return self.overheard(&packet, turn),
            Err(reason) => {
                return turn.say(What::Ignore, hardware(packet.header().hardware), None, reason);
            }
        };
        match asked.kind {
            MessageType::Discover => self.discover(&asked, bytes, turn),
            MessageType::Request => self.request(&asked, turn),
            MessageType::Decline => self.decline(&asked, turn),
            MessageType::Release => self.release(&asked, turn),
            MessageType::Inform => self.inform(&asked, turn),
            kind @ (MessageType::Offer | MessageType::Ack | MessageType::Nak) => {
                turn.tell(What::Ignore, &asked.who(), None, Reason::NotForServers(kind));
            }
        }
    }

    /// The subnet that a client is in: what its relay says, or where the relay is; else the link's; of one that asks this
    /// server alone through routers, that of the address that it has.
    fn subnet_of(&self, asked: &Asked<'_>) -> Option<u16> {
        let config = &self.config;
        if asked.is_relayed() {
            let selected = asked.relay_information().address(madang_wire::dhcp::suboption::LINK_SELECTION);
            return config.containing(selected.unwrap_or(asked.header.giaddr));
        }
        let own = config.containing(asked.header.ciaddr);
        let link = config.on_link(asked.origin.link);
        if asked.origin.unicast { own.or(link) } else { link.or(own) }
    }
}

/// A hardware address that is one.
fn hardware(address: HardwareAddress) -> Option<HardwareAddress> {
    (!address.bytes().is_empty()).then_some(address)
}

/// One event being handled.
struct Turn<'a> {
    now: Now,
    random: u64,
    out: &'a mut Actions,
}

impl Turn<'_> {
    fn say(
        &mut self,
        what: What,
        hardware: Option<HardwareAddress>,
        address: Option<Ipv4Addr>,
        reason: Reason,
    ) {
        self.out.notices.push(Notice { at: self.now, what, hardware, client_id: None, address, reason });
    }

    fn tell(&mut self, what: What, who: &Who<'_>, address: Option<Ipv4Addr>, reason: Reason) {
        self.out.notices.push(Notice {
            at: self.now,
            what,
            hardware: hardware(who.hardware),
            client_id: who.client_id.map(Into::into),
            address,
            reason,
        });
    }
}
