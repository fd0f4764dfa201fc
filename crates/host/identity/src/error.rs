//! What can go wrong with keys, certificates and handshakes.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why there is no CA, or no certificate.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The system refused.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was done.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// One of the CA's two files is gone.
    #[error(
        "{} is missing, and {} is there: put it back from a backup; or remove the other one too, and a new CA is made, which voids every certificate that this one gave",
        missing.display(), there.display()
    )]
    Incomplete {
        /// What is missing.
        missing: PathBuf,
        /// What is there.
        there: PathBuf,
    },
    /// A file is not what it should be.
    #[error(
        "{} is damaged ({what}): put it back from a backup; or remove its directory, and a new CA is made, which voids every certificate that this one gave",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The CA's time is over.
    #[error("the CA's certificate ended on {ended}: remove {} and start the daemon again, and a new CA is made", directory.display())]
    Expired {
        /// When.
        ended: jiff::Timestamp,
        /// Where it stands.
        directory: PathBuf,
    },
    /// A name for the server that can be none.
    #[error("{name:?} is neither an address nor a DNS name")]
    Name {
        /// The name.
        name: String,
    },
    /// A key or a signature could not be made.
    #[error("cannot {operation}: the cryptographic library refused")]
    Cryptography {
        /// What was done.
        operation: &'static str,
    },
    /// There are no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[from] getrandom::Error),
    /// The TLS library refused its configuration.
    #[error("cannot {operation}")]
    Tls {
        /// What was done.
        operation: &'static str,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a connection was refused before its first request.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// It is no TLS, or the other side's certificate is none that this CA gave, or is over.
    #[error("the TLS handshake failed")]
    Failed(#[source] io::Error),
    /// It took too long.
    #[error("the TLS handshake was not done within {}s", .0.as_secs())]
    TooSlow(Duration),
    /// The certificate is genuine, and names nobody.
    #[error("the client's certificate names no user: {0}")]
    Nameless(&'static str),
}
