//! The Linux kernel: netlink, namespaces, eBPF, cgroups, features.
//!
//! Thin and synchronous: each function does one thing of the kernel's and says what failed, on what, and why.

pub mod boot;
pub mod cgroup;
mod changes;
mod configure;
pub mod datapath;
mod error;
pub mod features;
pub mod guard;
mod layout;
pub mod link;
mod netlink;
pub mod netns;
pub mod packet;
pub mod port;
pub mod process;
pub mod route;
mod signals;
pub mod sysctl;

pub use changes::Changes;
pub use configure::LearntRoute;
pub use error::{Error, Result};
pub use guard::Guard;
pub use layout::Layout;
pub use netlink::Netlink;
pub use signals::Signals;
