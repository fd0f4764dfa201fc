//! DHCP for IPv4 without sockets, disk and clock: a [`Server`], and soon the other end.
#![forbid(unsafe_code)]

mod config;
mod identity;
mod names;
mod record;
mod server;
mod time;

pub use config::{
    Boot, ClassMatch, ClassSpec, ClientMatch, ConfigError, LeaseTimes, Limits, Range, Reservation,
    ServerConfig, ServerSpec, SubnetSpec, Taken, Waits,
};
pub use record::{Record, RecordError, RecordState};
pub use server::{
    Actions, Commit, CommitId, Destination, Event, LeaseState, LeaseView, Notice, Origin, Probe, Reason,
    Reply, Restored, Server, Usage, Way, What,
};
pub use time::{Instant, Now, Wall};
