//! The daemon: observe, compile, plan, apply, status.
//!
//! One thread runs the loop (`reconcile`): it sleeps until the store changes or a second has passed, reads what is
//! declared and what is there, and does what differs. The API answers beside it. Everything that the loop makes on the host
//! lives on when the daemon dies; the next one finds it and goes on.

mod daemon;
mod drops;
mod error;
mod explain;
mod host;
mod node;
mod probe;
mod reconcile;
mod runtime;
mod status;
mod teardown;
mod workloads;
mod world;

pub use daemon::{ServeOptions, serve};
pub use error::AgentError;
