//! Whether something has changed since the last look: the kernel tells it, so that a quiet host need not be looked at.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_sys::Socket;
use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};
use rustix::io::Errno;

use crate::error::Result;
use crate::netlink::Purpose;

/// What can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Links,
    Filters,
    Firewall,
}

impl What {
    /// The subsystem that tells, and the group of those that it tells.
    fn group(self) -> (isize, u32) {
        match self {
            // RTNLGRP_LINK and RTNLGRP_TC of linux/rtnetlink.h, NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h.
            Self::Links => (NETLINK_ROUTE, 1),
            Self::Filters => (NETLINK_ROUTE, 4),
            Self::Firewall => (NETLINK_NETFILTER, 7),
        }
    }

    fn subject(self) -> &'static str {
        match self {
            Self::Links => "the network interfaces",
            Self::Filters => "the filters of network interfaces",
            Self::Firewall => "the rules of nftables",
        }
    }
}

/// Changes of one kind, in the network namespace of the thread that began to watch.
#[derive(Debug)]
pub struct Changes {
    socket: Socket,
}

impl Changes {
    /// Of network interfaces.
    pub fn of_links() -> Result<Self> {
        Self::of(What::Links)
    }

    /// Of queueing disciplines and filters.
    pub fn of_filters() -> Result<Self> {
        Self::of(What::Filters)
    }

    /// Of nftables.
    pub fn of_firewall() -> Result<Self> {
        Self::of(What::Firewall)
    }

    fn of(what: What) -> Result<Self> {
        let (subsystem, group) = what.group();
        let watch = || {
            let mut socket = Socket::new(subsystem)?;
            socket.bind_auto()?;
            socket.add_membership(group)?;
            socket.set_non_blocking(true)?;
            Ok(Self { socket })
        };
        let purpose = Purpose { operation: "watch", subject: what.subject() };
        watch().map_err(|source| purpose.failed(source, None))
    }

    /// For waiting until something is told.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether something has been told since the last time, or was too much to be told.
    pub fn any(&self) -> bool {
        let mut any = false;
        let mut buffer = [0_u8; 256];
        loop {
            // What it says is of no interest, so it may be cut.
            match self.socket.recv(&mut buffer.as_mut_slice(), 0) {
                Ok(_) => any = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return any,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    any = true;
                    if error.raw_os_error() != Some(Errno::NOBUFS.raw_os_error()) {
                        return any;
                    }
                }
            }
        }
    }
}
