//! What can go wrong.

use std::io;
use std::path::PathBuf;

pub use crate::journal::Broken as Unreadable;

/// What the operations of this crate give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel does not do it.
    #[error(transparent)]
    Kernel(#[from] madang_kernel::Error),
    /// DHCP is spoken on Ethernet here.
    #[error("the interface {name} has no Ethernet address: DHCP needs one")]
    NotEthernet {
        /// Its name.
        name: String,
    },
    /// What is to be leased cannot be right.
    #[error(transparent)]
    Config(#[from] madang_dhcp::ConfigError),
    /// The leases cannot be read.
    #[error("the log of leases cannot be used: {0}")]
    Journal(#[from] Unreadable),
    /// A link is there no more.
    #[error("the interface {link} is gone")]
    Gone {
        /// Its name.
        link: String,
    },
    /// Another server has them.
    #[error("another server uses the leases in {}", directory.display())]
    InUse {
        /// Where they are.
        directory: PathBuf,
    },
    /// Another program has the port.
    #[error("port {port} of {link} is taken{}", by_whom(by))]
    PortTaken {
        /// On this interface.
        link: String,
        /// This one.
        port: u16,
        /// By this one, if that is known.
        by: Option<String>,
    },
    /// A server is asked there already.
    #[error("another server is asked at {}", path.display())]
    ControlTaken {
        /// The socket.
        path: PathBuf,
    },
    /// No server is asked there.
    #[error("no DHCP server answers at {}", path.display())]
    NoServer {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another client gets addresses for an interface.
    #[error("another client works for {link}{}", by.as_ref().map(|by| format!(": {by}")).unwrap_or_default())]
    ClientTaken {
        /// The interface.
        link: String,
        /// Which one, if that is known.
        by: Option<String>,
    },
    /// The client is told what cannot be right.
    #[error(transparent)]
    Client(#[from] madang_dhcp::ClientError),
    /// The server does not do it.
    #[error("{0}")]
    Refused(String),
    /// What the server does not need could not be given up.
    #[error("could not give up what the server does not need")]
    Confine(#[source] Box<madang_compute::Error>),
    /// Something of the host's.
    #[error("could not {doing}")]
    Host {
        /// What.
        doing: String,
        /// Why not.
        source: io::Error,
    },
}

fn by_whom(by: &Option<String>) -> String {
    by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default()
}

/// Says what was being done when something of the host's failed.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|error| Error::Host { doing: what.into(), source: error.into() })
    }
}
