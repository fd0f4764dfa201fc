//! What somebody writes.

use std::net::Ipv4Addr;

use madang_addr::{Mac, Prefix};
use madang_wire::dhcp::Options;

/// A server, as somebody writes it.
#[derive(Clone, Debug)]
pub struct ServerSpec {
    /// What the server calls itself: an address of its own that clients reach (option 54).
    pub server_id: Ipv4Addr,
    /// Whether it alone decides on these subnets: then it denies addresses that it knows nothing of, where it else would
    /// keep silent for the sake of other servers.
    pub authoritative: bool,
    /// Other servers that may be here: they are no rogues.
    pub known_servers: Vec<Ipv4Addr>,
    /// The subnets.
    pub subnets: Vec<SubnetSpec>,
    /// Kinds of clients; of several that match, the first that has an option gives it.
    pub classes: Vec<ClassSpec>,
    /// Options of all subnets.
    pub options: Options,
    /// How much one client or one port may hold.
    pub limits: Limits,
    /// How long things take.
    pub waits: Waits,
}

impl ServerSpec {
    /// A server without subnets.
    pub fn new(server_id: Ipv4Addr) -> Self {
        Self {
            server_id,
            authoritative: true,
            known_servers: Vec::new(),
            subnets: Vec::new(),
            classes: Vec::new(),
            options: Options::new(),
            limits: Limits::default(),
            waits: Waits::default(),
        }
    }
}

/// Addresses from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub first: Ipv4Addr,
    /// The last.
    pub last: Ipv4Addr,
}

/// A subnet.
#[derive(Clone, Debug)]
pub struct SubnetSpec {
    /// Its prefix.
    pub prefix: Prefix,
    /// The link of this host that it is on, by a number that the host chose; none if it is only behind relays.
    pub link: Option<u32>,
    /// What the server calls itself there, if not as everywhere.
    pub server_id: Option<Ipv4Addr>,
    /// Its routers, the preferred one first.
    pub routers: Vec<Ipv4Addr>,
    /// The addresses to lease.
    pub pools: Vec<Range>,
    /// Addresses that are not leased though a pool has them.
    pub excluded: Vec<Range>,
    /// The addresses of certain clients.
    pub reservations: Vec<Reservation>,
    /// How long leases last.
    pub lease: LeaseTimes,
    /// Its options. The mask, the routers and what the protocol needs are set by the server.
    pub options: Options,
    /// What clients boot from.
    pub boot: Boot,
}

impl SubnetSpec {
    /// A subnet without pools and options.
    pub fn new(prefix: Prefix) -> Self {
        Self {
            prefix,
            link: None,
            server_id: None,
            routers: Vec::new(),
            pools: Vec::new(),
            excluded: Vec::new(),
            reservations: Vec::new(),
            lease: LeaseTimes::default(),
            options: Options::new(),
            boot: Boot::default(),
        }
    }
}

/// What clients boot from: the fields `siaddr`, `sname` and `file`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Boot {
    /// The server, if there is one.
    pub server: Option<Ipv4Addr>,
    /// Its name, up to 63 bytes.
    pub server_name: String,
    /// The file, up to 127 bytes.
    pub file: String,
}

/// How a reservation knows its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMatch {
    /// By its Ethernet address, whatever it calls itself.
    Mac(Mac),
    /// By its identifier (option 61), type byte included.
    ClientId(Vec<u8>),
}

/// The address of a certain client. It is given to nobody else.
#[derive(Clone, Debug)]
pub struct Reservation {
    /// Whose.
    pub client: ClientMatch,
    /// Which.
    pub address: Ipv4Addr,
    /// The client's name; none: the one that it says it has.
    pub name: Option<String>,
    /// Its options.
    pub options: Options,
}

/// A kind of clients.
#[derive(Clone, Debug)]
pub struct ClassSpec {
    /// Its name.
    pub name: String,
    /// Who is of it.
    pub matches: ClassMatch,
    /// Its options.
    pub options: Options,
}

/// Who is of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassMatch {
    /// Whose vendor class (option 60) begins so.
    Vendor(Vec<u8>),
    /// Who has this user class (option 77) among its own (RFC 3004), or as a whole, as many clients send it.
    User(Vec<u8>),
    /// Who is at this circuit of a relay (option 82).
    Circuit(Vec<u8>),
}

/// How long leases last, in seconds; 4294967295 is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// The shortest that a client gets, whatever it asks for.
    pub min: u32,
    /// What a client gets that asks for nothing.
    pub default: u32,
    /// The longest that a client gets, whatever it asks for.
    pub max: u32,
    /// When a client begins to renew (T1), in thousandths of its lease.
    pub renew_permille: u16,
    /// When a client begins to ask every server (T2), in thousandths of its lease.
    pub rebind_permille: u16,
}

impl Default for LeaseTimes {
    /// An hour, from a minute to a day; T1 and T2 as RFC 2131 section 4.4.5 proposes.
    fn default() -> Self {
        Self { min: 60, default: 3600, max: 86_400, renew_permille: 500, rebind_permille: 875 }
    }
}

/// How much one client or one port may hold, so that nobody starves the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Offers to one hardware address that nobody has taken yet.
    pub offers_per_hardware: u16,
    /// Offers to one port that nobody has taken yet. A port is a relay's circuit, or one of this host's switch.
    pub offers_per_port: u32,
    /// Leases and offers of one port; none: no limit.
    pub leases_per_port: Option<u32>,
    /// Addresses in quarantine because one hardware address declined them. What it declines then is not believed.
    pub declines_per_hardware: u16,
    /// Probes that nobody has answered yet. Who comes then must ask again.
    pub probes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            offers_per_hardware: 4,
            offers_per_port: 64,
            leases_per_port: None,
            declines_per_hardware: 4,
            probes: 1024,
        }
    }
}

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// How long a probe waits for an answer before an address is offered to a client that did not have it last, in
    /// milliseconds; none: without a probe. An address that its last client may still use is probed even so: one that was leased
    /// before the server started, or given back.
    pub probe: Option<u64>,
    /// How long an offer is kept for its client, in milliseconds.
    pub offer: u64,
    /// How long an address is kept away that somebody uses who has no lease, in seconds.
    pub quarantine: u32,
}

impl Default for Waits {
    fn default() -> Self {
        Self { probe: Some(500), offer: 30_000, quarantine: 3600 }
    }
}
