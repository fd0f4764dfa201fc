//! What can go wrong between Madang and its kernel.

use std::io;
use std::path::{Path, PathBuf};

use madang_addr::Prefix;

/// An operation on the kernel that failed: which one, on what, and why.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused a netlink request.
    #[error("could not {operation} {subject}{}", said(detail))]
    Netlink {
        /// What was asked, as `create link`.
        operation: &'static str,
        /// Of what.
        subject: String,
        /// The kernel's own words, if it had any.
        detail: Option<String>,
        /// The errno.
        source: io::Error,
    },
    /// The kernel's answer to a netlink request could not be read.
    #[error("could not {operation} {subject}: the kernel's answer makes no sense: {detail}")]
    NetlinkAnswer {
        /// What was asked.
        operation: &'static str,
        /// Of what.
        subject: String,
        /// Why the answer is none.
        detail: String,
    },
    /// A way to addresses is there already.
    #[error("this host already has a way to {to}, by {by}, and {wanted} would take addresses of it away")]
    RouteTaken {
        /// Where it leads.
        to: Prefix,
        /// The interface, or what it is.
        by: String,
        /// What was to be reached otherwise.
        wanted: Prefix,
    },
    /// A packet socket does not do what it should.
    #[error("could not {operation} network interface {link}")]
    Packet {
        /// What was done, as `listen on`.
        operation: &'static str,
        /// The index of the interface.
        link: u32,
        /// Why it failed.
        source: io::Error,
    },
    /// Signals cannot be read.
    #[error("could not take signals")]
    Signals {
        /// Why not.
        source: io::Error,
    },
    /// There is no link of this name.
    #[error("there is no network interface {name:?}")]
    NoLink {
        /// The name.
        name: String,
    },
    /// A file, directory, mount or namespace.
    #[error("could not {operation} {}", path.display())]
    File {
        /// What was done, as `write`.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A closure that ran inside a namespace panicked.
    #[error("the work inside the namespace {} broke off: {message}", path.display())]
    Panic {
        /// The namespace.
        path: PathBuf,
        /// What the panic said.
        message: String,
    },
    /// A thread could not be started.
    #[error("could not start a thread for the namespace {}", path.display())]
    Thread {
        /// The namespace that it was for.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `nft` is not installed.
    #[error("the program nft is not installed; it is in the package nftables: apt install nftables")]
    NoNft,
    /// `nft` could not be run.
    #[error("could not run {}", path.display())]
    NftRun {
        /// The program.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `nft` refused what it was told.
    #[error("nft could not {operation} table inet {table}: {said}")]
    Nft {
        /// What it was to do.
        operation: &'static str,
        /// To which table.
        table: String,
        /// What it said.
        said: String,
    },
    /// A name that cannot be a network interface's.
    #[error("{name:?} cannot be the name of a network interface")]
    BadLinkName {
        /// The name.
        name: String,
    },
    /// No cgroup hierarchy has this controller.
    #[error(
        "no cgroup hierarchy is mounted with the controller {controller}; mount cgroup2 on /sys/fs/cgroup"
    )]
    NoController {
        /// The controller.
        controller: &'static str,
    },
    /// A cgroup's controllers cannot be handed down.
    #[error(
        "could not enable the controllers {controllers} in {}: a cgroup that has processes of its own cannot hand \
         controllers down; move them into a cgroup below it", path.display()
    )]
    NotDelegated {
        /// Which controllers.
        controllers: String,
        /// The cgroup.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A cgroup still has processes after its limit of time.
    #[error("the cgroup {} still has the processes {pids:?} after they were killed", path.display())]
    NotEmpty {
        /// The cgroup.
        path: PathBuf,
        /// What is left.
        pids: Vec<u32>,
    },
    /// A process could not be looked at or signalled.
    #[error("could not {operation} process {pid}")]
    Process {
        /// What was done.
        operation: &'static str,
        /// To which.
        pid: u32,
        /// Why it failed.
        source: io::Error,
    },
}

/// What the functions of this crate give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn file(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { operation, path, source }
    }

    /// The errno below this error, if there is one.
    pub fn os_error(&self) -> Option<rustix::io::Errno> {
        match self {
            Self::Netlink { source, .. }
            | Self::File { source, .. }
            | Self::Thread { source, .. }
            | Self::NftRun { source, .. }
            | Self::NotDelegated { source, .. }
            | Self::Process { source, .. } => rustix::io::Errno::from_io_error(source),
            _ => None,
        }
    }
}

fn said(detail: &Option<String>) -> String {
    detail.as_ref().map(|text| format!(" (the kernel says: {text})")).unwrap_or_default()
}
