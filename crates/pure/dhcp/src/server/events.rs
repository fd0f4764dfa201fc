//! What goes into a server, what comes out of it, and why.

use std::fmt;
use std::net::Ipv4Addr;
use std::ops::Range;

use madang_addr::Mac;
use madang_wire::dhcp::{HardwareAddress, MessageType};

use crate::config::{ConfigError, Reservation};
use crate::record::Record;
use crate::time::Now;

/// Where a message came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The link, by the number that the configuration calls it by.
    pub link: u32,
    /// The port of this host's switch, if it knows one.
    pub port: Option<u32>,
    /// The address that the datagram came from.
    pub source: Ipv4Addr,
    /// Whether it was sent to this server alone.
    pub unicast: bool,
}

/// What happens to a server.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A message came to the server's port, or was overheard: those of other servers are told too.
    Message {
        /// All of it.
        bytes: &'a [u8],
        /// Where.
        origin: Origin,
    },
    /// A probe has an answer.
    Answered {
        /// The address that was probed.
        address: Ipv4Addr,
        /// Who has it, as far as one knows: an echo from behind a router says nothing of it.
        by: Option<Mac>,
    },
    /// Nobody answered a probe. Without this event its time runs out by itself.
    Unanswered {
        /// The address that was probed.
        address: Ipv4Addr,
    },
    /// The operator takes a lease back, or ends a quarantine.
    Release {
        /// Its address.
        address: Ipv4Addr,
    },
    /// The operator reserves an address. Whoever has it keeps it until it wants to renew: then it is told that it may not
    /// (NAK), and looks for another. Whoever holds the configuration adds the reservation there too.
    Reserve(Reservation),
    /// The next deadline has come.
    Deadline,
}

/// Which record it is: they are counted from 1 since the server began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub u64);

/// A record to make durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Which one.
    pub id: CommitId,
    /// What it says.
    pub record: Record,
}

/// An address to ask for, by ARP on the link, by an echo request behind a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The address.
    pub address: Ipv4Addr,
    /// The link that the client is on or behind.
    pub link: u32,
    /// Whether the client is behind a relay.
    pub relayed: bool,
}

/// Where a reply goes (RFC 2131 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To a relay, port 67.
    Relay(Ipv4Addr),
    /// To the client's address, port 68: it answers ARP.
    Client(Ipv4Addr),
    /// To an address that the client does not answer ARP for yet, port 68, in a frame to its hardware address.
    Frame {
        /// The address.
        address: Ipv4Addr,
        /// The hardware address.
        hardware: HardwareAddress,
    },
    /// To all on the link, port 68.
    Broadcast,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relay(relay) => write!(f, "relay {relay}"),
            Self::Client(address) => write!(f, "{address}"),
            Self::Frame { address, hardware } => write!(f, "{address} at {hardware}"),
            Self::Broadcast => f.write_str("everybody"),
        }
    }
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Where to.
    pub to: Destination,
    /// The link to send it on.
    pub link: u32,
    /// Where it is in [`Actions`].
    pub(super) bytes: Range<usize>,
    /// The record that must be durable before it is sent, and with it all before that one.
    pub after: Option<CommitId>,
    /// How many options the client's largest message had no room for.
    pub left_out: usize,
}

/// What is to be done. Many events may be handled before it is: then one write makes all their records durable.
#[derive(Debug, Default)]
pub struct Actions {
    /// Addresses to ask for.
    pub probes: Vec<Probe>,
    /// What to make durable, in this order.
    pub commits: Vec<Commit>,
    /// What to send.
    pub replies: Vec<Reply>,
    /// What to tell whoever wants to know.
    pub notices: Vec<Notice>,
    pub(super) bytes: Vec<u8>,
}

impl Actions {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes of a reply.
    pub fn message(&self, reply: &Reply) -> &[u8] {
        self.bytes.get(reply.bytes.clone()).unwrap_or_default()
    }

    /// Nothing again, in the same memory.
    pub fn clear(&mut self) {
        self.probes.clear();
        self.commits.clear();
        self.replies.clear();
        self.notices.clear();
        self.bytes.clear();
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.probes.is_empty()
            && self.commits.is_empty()
            && self.replies.is_empty()
            && self.notices.is_empty()
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// A client looks for a server.
    Discover,
    /// It was offered an address.
    Offer,
    /// A client wants an address.
    Request,
    /// It got it.
    Ack,
    /// It did not.
    Nak,
    /// A client says that somebody else uses its address. Worth a look.
    Decline,
    /// An address was given back, or taken back.
    Release,
    /// A client asked for options alone, and got them.
    Inform,
    /// A lease ended.
    Expire,
    /// Somebody who has no lease answers for an address. Worth a look.
    Conflict,
    /// A server that nobody knows speaks to clients. Worth a look.
    Rogue,
    /// An address was reserved.
    Reserve,
    /// Nothing was done about a message.
    Ignore,
}

impl What {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Offer => "offer",
            Self::Request => "request",
            Self::Ack => "ack",
            Self::Nak => "nak",
            Self::Decline => "decline",
            Self::Release => "release",
            Self::Inform => "inform",
            Self::Expire => "expire",
            Self::Conflict => "conflict",
            Self::Rogue => "rogue",
            Self::Reserve => "reserve",
            Self::Ignore => "ignore",
        }
    }
}

/// Something that happened, for the log and for whoever watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub at: Now,
    /// What.
    pub what: What,
    /// The client's hardware address, or that of who did it; none if nobody knows.
    pub hardware: Option<HardwareAddress>,
    /// The client's identifier, if it has one.
    pub client_id: Option<Box<[u8]>>,
    /// The address that it is about.
    pub address: Option<Ipv4Addr>,
    /// Why. [`fmt::Display`] says it in words.
    pub reason: Reason,
}

/// `offer 10.0.0.5 to 02:00:00:00:00:01: no client had it yet`
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what.word())?;
        if let Some(address) = self.address {
            write!(f, " {address}")?;
        }
        if let Some(hardware) = self.hardware {
            write!(f, " {hardware}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// How a REQUEST came to be (RFC 2131 table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// The client takes an offer.
    Selecting,
    /// It starts again and wants the address that it had.
    InitReboot,
    /// It asks the server of its lease to prolong it.
    Renewing,
    /// It asks any server to prolong its lease.
    Rebinding,
}

/// Why something was done, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "`Display` says it in words")]
pub enum Reason {
    // Why a message came.
    Looking,
    Asks(Way),
    OptionsOnly,
    // Why this address.
    Reserved,
    HasLease,
    OfferedAlready,
    HadIt,
    Wanted,
    NeverUsed,
    LongestFree,
    // Why an address was denied.
    WrongNetwork,
    UnknownLease,
    HasOther(Ipv4Addr),
    ReservedElsewhere(Ipv4Addr),
    ReservedForOther,
    NotLeased,
    OfferedToOther,
    InUse,
    Quarantined,
    Suspect,
    // Why nothing was done.
    Unreadable(madang_wire::Error),
    TooLong(usize),
    NotARequest,
    NoType,
    Nobody,
    NotForServers(MessageType),
    NoSubnet,
    OtherServer(Ipv4Addr),
    Malformed(&'static str),
    HardwareLimit,
    PortLimit,
    LeaseLimit,
    Busy,
    Exhausted,
    NotItsLease,
    DeclineLimit,
    // Why a lease ended.
    TimeIsUp,
    GivenBack,
    ByOperator,
    Moved(Ipv4Addr),
    // What was noticed.
    ClientSaysInUse,
    AnsweredProbe,
    StillUsed,
    UnknownServer(Ipv4Addr),
    Chosen(Ipv4Addr),
    NoLease,
    NotReserved(Box<ConfigError>),
}
