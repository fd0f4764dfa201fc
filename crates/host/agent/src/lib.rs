//! The daemon: observe, compile, plan, apply, status.
//!
//! One thread runs the loop (`reconcile`): it sleeps until the store changes or a second has passed, reads what is
//! declared and what is there, and does what differs: first among the resources themselves (`controllers`), then on the
//! host. What happens is told as Events (`events`). The API answers beside it. Everything that the loop makes on the host
//! lives on when the daemon dies; the next one finds it and goes on.

mod access;
mod confirmations;
mod controllers;
mod daemon;
mod dhcp_servers;
mod drops;
mod error;
mod events;
mod exhaustion;
mod explain;
mod host;
mod memory;
mod node;
mod probe;
mod reconcile;
mod runtime;
mod services;
mod status;
mod teardown;
mod workloads;
mod world;

pub use access::{AccessOptions, Listen};
pub use daemon::{ServeOptions, serve};
pub use error::AgentError;
