//! The resource API: what is declared ([`Registry`]), over HTTP on a Unix socket and over TLS ([`Server`]), who may do what
//! ([`Access`]), and a [`Client`].
//!
//! The shapes and meanings are those of the Kubernetes resource API. The registry is a library; the server is a thin
//! layer above it, and asks a [`Runtime`] for what only the host can do (explain, drops, logs, exec).

mod access;
mod audit;
mod client;
mod confirmation;
mod drops;
mod error;
pub mod frames;
mod owners;
pub mod protobuf;
mod registry;
mod runtime;
mod server;
mod wire;

pub use access::{
    Access, AccessLimits, CERTIFICATE_LIFE, Caller, CredentialKind, Endpoint, IssuedCredential, Peer,
    UserCredential, UserObject, WatchPermit,
};
pub use audit::{AuditLog, AuditRecord, Rotation};
pub use client::{Client, ClientError, Log, Watching};
pub use confirmation::{Confirmation, Ended, Ending, Kept, LONGEST_CONFIRMATION, Waiting};
pub use drops::{Dropped, Drops};
pub use error::{ApiError, Reason};
pub use madang_plan::Propagation;
pub(crate) use registry::now;
pub use registry::{
    Change, DeleteOptions, Deletion, Entry, INSTANCE_FINALIZER, List, Objects, Preconditions, ROLLED_BACK,
    Registry, Watch, WatchEvent,
};
pub use runtime::*;
pub use server::{Limits, ServeError, Server, TlsListener, socket_group};
pub use wire::{BundleResult, Version};

/// The API group of every kind.
pub const GROUP: &str = "madang.dev";
