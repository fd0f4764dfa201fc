//! What can go wrong with the datapath, and what to do about it.

use std::io;
use std::path::PathBuf;

/// Why the datapath could not be loaded, attached, read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not root.
    #[error("no privilege to {action}: run as root (CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN are needed)")]
    Privilege {
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The kernel is too old.
    #[error("the kernel is {found}, and the datapath needs 6.1 or newer: boot a newer kernel")]
    OldKernel {
        /// Its release.
        found: String,
    },
    /// There is no bpffs, and it could not be mounted.
    #[error("no BPF file system at {path}: mount it with `mount -t bpf bpf {path}`")]
    NoBpffs {
        /// Where it was looked for.
        path: PathBuf,
        /// Why it could not be mounted.
        #[source]
        source: io::Error,
    },
    /// The pins are of a program with other records.
    #[error(
        "{path} holds a datapath with map layout {found}, and this program has layout {ours}: use the version of \
         Madang that made it, or stop the instances and remove the datapath (`madang down --all`) before starting this one"
    )]
    OtherAbi {
        /// Where it is pinned.
        path: PathBuf,
        /// Its layout's version.
        found: String,
        /// Ours.
        ours: u32,
    },
    /// A pinned map has records of another size than its layout's version says.
    #[error("{path} is no map of this program: remove the datapath (`madang down --all`) and start again")]
    Layout {
        /// Where it is pinned.
        path: PathBuf,
    },
    /// A file or directory of the pins.
    #[error("cannot {action} {path}")]
    Pin {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// What is pinned cannot be opened.
    #[error("cannot open the pin {path}")]
    OpenPin {
        /// Where it is pinned.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The object cannot be loaded: its maps cannot be made.
    #[error("cannot make the datapath's maps")]
    Object(#[source] Box<aya::EbpfError>),
    /// A program cannot be loaded; the source has the verifier's log.
    #[error("the kernel refuses the datapath's program {program}")]
    Program {
        /// Its name.
        program: &'static str,
        /// What the kernel said, with the verifier's log.
        #[source]
        source: Box<aya::programs::ProgramError>,
    },
    /// There is no such interface.
    #[error("there is no interface {ifindex} in this network namespace")]
    NoInterface {
        /// Its index.
        ifindex: u32,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A program cannot be put on an interface.
    #[error("cannot attach the datapath to interface {ifindex}")]
    Attach {
        /// Its index.
        ifindex: u32,
        /// What the kernel said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It cannot be seen which interfaces have a filter.
    #[error("cannot see which interfaces have the datapath's filter")]
    Filters(#[source] crate::Error),
    /// A program cannot be taken off an interface.
    #[error("cannot detach the datapath from interface {ifindex}")]
    Detach {
        /// Its index.
        ifindex: u32,
        /// What the kernel said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A map cannot be read or written.
    #[error("cannot {action} the datapath's map {name}")]
    Map {
        /// Its name.
        name: &'static str,
        /// What was tried.
        action: &'static str,
        /// What the kernel said; E2BIG: it is full.
        #[source]
        source: io::Error,
    },
    /// A map has something that no version of this program writes.
    #[error(
        "the datapath's map {name} is damaged: remove the datapath (`madang down --all`) and start again"
    )]
    Damaged {
        /// Its name.
        name: &'static str,
    },
    /// A program could not be run.
    #[error("cannot run the datapath's program {program}")]
    Run {
        /// Its name.
        program: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// 4 billion changes since the datapath was made.
    #[error("the datapath has no number for another change: remove it (`madang down --all`) and start again")]
    EpochsUsedUp,
}
