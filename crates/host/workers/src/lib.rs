//! Workers: processes that speak with instances and with the outside, so that the daemon, which is root, does not.
//!
//! The daemon opens a worker's sockets where they are to be, starts this binary as `worker KIND`, and hands them over. The
//! worker gives up everything else: it is nobody, sees no files, and may make only harmless system calls. Then it is told
//! what it must know, whenever that changes, as lines of JSON. When the daemon ends, the worker goes on with what it knows;
//! the next daemon starts another one beside it, and then ends it.

mod channel;
mod dhcp;
mod dns;
mod error;
mod launch;
mod limits;
mod metadata;
mod serve;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

pub use channel::Briefing;
pub use error::Error;
use rustix::net::SocketType;

pub use dhcp::{LeaseClient, LeaseSubnet, Leases};
pub use launch::{Launch, Worker, end_all, is_any_left, retire};

/// What the operations of this crate give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whom workers run as: nobody else does.
const USER: u32 = 65_533;

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The name service.
    Dns,
    /// The metadata service.
    Metadata,
    /// DHCP.
    Dhcp,
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Dns, Self::Metadata, Self::Dhcp];

    /// Its name, as in `worker dns`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Metadata => "metadata",
            Self::Dhcp => "dhcp",
        }
    }

    /// What it listens with; none: whole frames.
    fn sockets(self) -> &'static [SocketType] {
        match self {
            Self::Dns => &[SocketType::DGRAM, SocketType::STREAM],
            Self::Metadata => &[SocketType::STREAM],
            Self::Dhcp => &[],
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Is a worker: `KIND PLACE`. Must be called before the process has a second thread.
pub fn main(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.collect();
    let [kind, place] = arguments.as_slice() else { return ExitCode::from(2) };
    let Some(kind) = kind.to_str().and_then(Kind::of) else { return ExitCode::from(2) };
    match run(kind, &PathBuf::from(place)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("the {} worker ends: {}", kind.name(), error.chain()));
            ExitCode::FAILURE
        }
    }
}

fn run(kind: Kind, place: &std::path::Path) -> Result<()> {
    madang_compute::hide_from_others().map_err(Error::confine)?;
    // Away from the terminal of whoever runs the daemon. Fails for who leads a session already.
    let _ = rustix::process::setsid();
    launch::sign(kind, place)?;
    let daemon = channel::Daemon::open()?;
    let sockets = daemon.sockets()?;
    rustix::process::chroot(place.join(launch::EMPTY)).map_err(Error::step("leave the host's files"))?;
    rustix::process::chdir("/").map_err(Error::step("leave the host's files"))?;
    madang_compute::confine(USER, USER).map_err(Error::confine)?;
    match kind {
        Kind::Dns => dns::run(daemon, sockets),
        Kind::Metadata => metadata::run(daemon, sockets),
        Kind::Dhcp => dhcp::run(daemon, sockets),
    }
}

/// Says something where the daemon's log goes, if there still is such a place.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "madang: {text}");
}
