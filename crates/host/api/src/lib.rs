//! The resource API: what is declared ([`Registry`]), over HTTP on a Unix socket ([`Server`]), and its [`Client`].
//!
//! The shapes and meanings are those of the Kubernetes resource API. The registry is a library; the server is a thin
//! layer above it, and asks a [`Runtime`] for what only the host can do (explain, logs, exec).

mod client;
mod confirmation;
mod error;
pub mod frames;
mod registry;
mod runtime;
mod server;
mod wire;

pub use client::{Client, ClientError, Log, Watching};
pub use confirmation::{Confirmation, Ended, Ending, Kept, LONGEST_CONFIRMATION, Waiting};
pub use error::{ApiError, Reason};
pub use madang_plan::Propagation;
pub(crate) use registry::now;
pub use registry::{
    Change, DeleteOptions, Deletion, Entry, INSTANCE_FINALIZER, List, Objects, Preconditions, ROLLED_BACK,
    Registry, Watch, WatchEvent,
};
pub use runtime::*;
pub use server::{Limits, ServeError, Server};
pub use wire::{BundleResult, Version};

/// The API group of every kind.
pub const GROUP: &str = "madang.dev";
