//! What can go wrong.

use std::io;

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
    /// Something of the host's.
    #[error("could not {doing}")]
    Host {
        /// What.
        doing: String,
        /// Why not.
        source: io::Error,
    },
}
