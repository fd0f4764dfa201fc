//! The machine itself.

use std::fmt;
use std::fs;
use std::thread;

use crate::error::Result;
use crate::link::{Link, LinkAddress};
use crate::netlink::Netlink;

/// A kernel's version, as far as features go by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
}

impl Release {
    /// The version in a release's name, as `6.1.0-28-amd64`.
    pub fn parse(release: &str) -> Option<Self> {
        let (major, rest) = release.split_once('.')?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        Some(Self { major: major.parse().ok()?, minor: rest[..end].parse().ok()? })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What a host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The kernel's release.
    pub kernel: String,
    /// Of the machine, as `x86_64`.
    pub architecture: String,
    /// CPUs that can be used.
    pub cpus: u32,
    /// Memory, in bytes.
    pub memory: u64,
    /// Network interfaces, by index, but for the ports of instances.
    pub interfaces: Vec<Interface>,
}

impl Host {
    /// This one, as seen from the calling thread's network namespace.
    pub fn observe() -> Result<Self> {
        let mut netlink = Netlink::open()?;
        let addresses = netlink.addresses()?;
        let interface = |link: Link| {
            let own = addresses.iter().copied().filter(|address| address.index == link.index).collect();
            Interface { link, addresses: own }
        };
        Ok(Self {
            kernel: release(),
            architecture: rustix::system::uname().machine().to_string_lossy().into_owned(),
            cpus: thread::available_parallelism()
                .map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(u32::MAX)),
            memory: memory().unwrap_or(0),
            interfaces: netlink.links()?.into_iter().filter(|link| !is_port(link)).map(interface).collect(),
        })
    }
}

/// Whether it is the host's end of an instance's port, of any Madang.
fn is_port(link: &Link) -> bool {
    link.mac == Some(madang_datapath::GATEWAY_MAC)
}

/// A network interface and its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The interface.
    pub link: Link,
    /// Its addresses.
    pub addresses: Vec<LinkAddress>,
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.link.name, if self.link.up { "up" } else { "down" })?;
        self.addresses.iter().try_for_each(|own| write!(f, " {}/{}", own.address, own.length))
    }
}

/// The running kernel's release.
pub(super) fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

fn memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB"))?
        .trim()
        .parse()
        .ok()?;
    Some(kibibytes << 10)
}
