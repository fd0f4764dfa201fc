//! DHCP on real links: the sockets and disks around the machines of [`madang_dhcp`], which decide everything.

#![forbid(unsafe_code)]

pub mod client;
mod clock;
mod error;
mod journal;
mod link;
mod port;
pub mod serve;

pub use error::{Error, Result, Unreadable};
pub use journal::{Damage, Report};
pub use link::Link;
