//! DHCP for IPv4 without sockets, disk and clock: three machines that are told what happened, when, and a random number,
//! and that say what is to be done.
//!
//! - [`Server`] (RFC 2131 section 4.3) leases addresses. What it promises is in [`Record`]s, which are durable before the
//!   promise is sent.
//! - [`Client`] (RFC 2131 section 4.4) gets one, and uses it after nobody else on the link has it (RFC 5227).
//! - [`LinkLocal`] (RFC 3927) finds one where no server is; [`Host`] is a client with that beside it.
//!
//! Each says by `next_deadline` when to call it again, and why it does what it does.
//!
//! Options: RFC 2132, 3046 (relays), 3396 (long ones), 3442 (routes), 4361 and 6842 (client identifiers), 4702 (names),
//! 5107 and 3527 (what a relay may choose).

#![forbid(unsafe_code)]

mod client;
mod config;
mod detection;
mod dice;
mod fallback;
pub mod frame;
mod identity;
mod linklocal;
mod names;
mod record;
mod server;
mod time;

pub use client::{
    Client, ClientAction, ClientDestination, ClientError, ClientEvent, ClientSpec, ClientState, Configuration,
};
pub use config::{
    Boot, ClassMatch, ClassSpec, ClientMatch, ConfigError, LeaseTimes, Limits, Range, Reservation,
    ServerConfig, ServerSpec, SubnetSpec, Taken, Waits,
};
pub use detection::Probing;
pub use fallback::{Host, HostAction};
pub use linklocal::{LINK_LOCAL_LENGTH, LinkLocal, LinkLocalAction, LinkLocalEvent};
pub use record::{Record, RecordError, RecordState};
pub use server::{
    Actions, Commit, CommitId, Destination, Event, LeaseState, LeaseView, Notice, Origin, Probe, Reason,
    Reply, Restored, Server, Usage, Way, What,
};
pub use time::{Instant, Now, Wall};
