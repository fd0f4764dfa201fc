//! Who somebody is: the CA of this Madang, certificates that it gives, TLS, and tokens.
//!
//! Nothing here knows what anybody may do. Private keys and secrets are in no error and in no log; a user's key is made, handed
//! out once, and forgotten.
#![forbid(unsafe_code)]

mod authority;
mod certificate;
mod error;
mod files;
mod names;
mod pem;
mod tls;
mod token;
mod x509;

pub use authority::{Authority, Issued};
pub use certificate::Certificate;
pub use error::{HandshakeError, IdentityError};
pub use names::Names;
pub use tls::{Accepted, Acceptor, Tls};
pub use token::{Fingerprint, Token};
