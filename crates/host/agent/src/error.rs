//! Why the daemon cannot start, or had to stop.

use std::net::SocketAddr;
use std::path::PathBuf;

use madang_api::{ApiError, ServeError};
use madang_identity::IdentityError;
use madang_store::StoreError;

/// Why the daemon cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// Not root.
    #[error(
        "the daemon needs root: it makes network namespaces and loads eBPF. Run it with sudo, or as a system service"
    )]
    NotRoot,
    /// Nobody knows where this program is.
    #[error("cannot find this program's own file, which starts the instances")]
    Executable(#[source] std::io::Error),
    /// Signals cannot be waited for.
    #[error("cannot wait for signals")]
    Signals(#[source] std::io::Error),
    /// The loop cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// A directory of its own cannot be made.
    #[error("cannot make the directory {path}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("cannot open the store")]
    Store(#[from] StoreError),
    /// The datapath cannot be loaded.
    #[error("cannot load the datapath")]
    Datapath(#[from] madang_kernel::datapath::Error),
    /// The API cannot be served.
    #[error("cannot serve the API")]
    Serve(#[from] ServeError),
    /// The API cannot be served over TLS.
    #[error("cannot set TLS up for the API; with --listen none it is served on the socket alone")]
    Identity(#[from] IdentityError),
    /// The port cannot be had.
    #[error("cannot serve the API at {address}: is somebody else there? Say with --listen where it shall be")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The audit log cannot be opened.
    #[error("cannot open the audit log {}: say with --audit-log where it shall be, or none", path.display())]
    Audit {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The registry refused something of the daemon's own.
    #[error("cannot record the host's state")]
    Registry(#[from] ApiError),
    /// The loop has broken off.
    #[error(
        "the loop that keeps this host as declared has broken off: start the daemon again, and report what it said before"
    )]
    Loop,
    /// Something of the host could not be removed.
    #[error("not everything could be removed: {}", .0.join("; "))]
    Teardown(Vec<String>),
}
