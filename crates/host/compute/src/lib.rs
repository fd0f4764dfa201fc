//! Workloads on this host: the process driver, its shim and its sandbox.
//!
//! The [`Driver`] (in the daemon) starts one shim for each instance and forgets it: everything that it must know later
//! stands below `run_dir/instances/<uid>/`, so that a new daemon finds every instance again. The shim ([`shim::main`])
//! is process 1 of the instance's PID namespace: it starts the workload in the sandbox, starts it again as its policy
//! says, writes its log, and takes everything in the namespace with it when it ends. [`exec::main`] runs one more
//! command in the same sandbox.
//!
//! Invariants: a shim belongs to us only if its pid *and* start time are the recorded ones; the workload never holds a
//! capability, nor a descriptor of the host; what the shim and `sandbox-exec` run from is a read-only mount, so that
//! nobody inside can write to the binary through `/proc/*/exe`.
//!
//! Both hidden subcommands must be called before the process has a second thread.

mod cage;
mod driver;
mod error;
pub mod exec;
mod instance_dir;
mod log;
mod sandbox;
pub mod shim;
mod sys;
mod workload;

pub use driver::{Driver, ObservedWorkload};
pub use error::Error;
pub use exec::{ExecControl, ExecInput, ExecOutput, ExecRequest, ExecSession};
pub use instance_dir::State;
pub use log::LogReader;
pub use sandbox::hide_from_others;
pub use sys::watch;
pub use workload::Workload;

/// Gives up everything but sockets, memory and time, irreversibly: for a worker of the daemon, before its process has a second
/// thread.
///
/// # Errors
/// Something could not be given up.
pub fn confine(user: u32, group: u32) -> Result<()> {
    sandbox::Credentials { user, group, network: false, filter: sandbox::Filter::for_worker()? }.assume()
}

/// The same for what writes to files that it has a directory of, and has threads. It sees no other files.
///
/// # Errors
/// Something could not be given up.
pub fn confine_with_files(user: u32, group: u32) -> Result<()> {
    sandbox::Credentials { user, group, network: false, filter: sandbox::Filter::for_worker_with_files()? }
        .assume()
}

/// What the operations of this crate give.
pub type Result<T, E = Error> = std::result::Result<T, E>;
