//! The resource API: what is declared ([`Registry`]), over HTTP on a Unix socket ([`Server`]), and its [`Client`].
//!
//! The shapes and meanings are those of the Kubernetes resource API. The registry is a library; the server is a thin
//! layer above it, and asks a [`Runtime`] for what only the host can do (explain, drops, logs, exec).

mod client;
mod drops;
mod error;
pub mod frames;
mod registry;
mod runtime;
mod server;
mod wire;

pub use client::{Client, ClientError, Log, Watching};
pub use drops::{Dropped, Drops};
pub use error::{ApiError, Reason};
pub use registry::{Deletion, INSTANCE_FINALIZER, List, Preconditions, Registry, Watch, WatchEvent};
pub use runtime::*;
pub use server::{Limits, ServeError, Server};
pub use wire::{BundleResult, Version};

/// The API group of every kind.
pub const GROUP: &str = "madang.dev";
