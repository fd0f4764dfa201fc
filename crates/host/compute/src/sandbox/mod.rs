//! What a workload sees of the host: little, and none of it to write to.

mod credentials;
mod devices;
mod mounts;
mod root;
mod seccomp;
mod secrets;
mod spawn;

pub(crate) use credentials::Credentials;
pub use credentials::hide_from_others;
pub(crate) use mounts::read_only_clone;
pub(crate) use root::Root;
pub(crate) use seccomp::Filter;
pub(crate) use spawn::spawn_after;
