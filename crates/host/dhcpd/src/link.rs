//! A link of this host, and how to speak on it before one has an address.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, BorrowedFd};

use madang_addr::{Mac, Prefix};
use madang_dhcp::frame::Heard;
use madang_kernel::Netlink;
use madang_kernel::packet::{Batch, PacketSocket, Wanted};

use crate::{Error, Result};

/// A link, by its name.
#[derive(Debug)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its index.
    pub index: u32,
    /// Its Ethernet address.
    pub mac: Mac,
    socket: PacketSocket,
}

impl Link {
    /// Opens a link of this network namespace for datagrams to these ports, and ARP.
    ///
    /// # Errors
    /// There is none of this name, it is none of Ethernet, or one may not listen on it.
    pub fn open(name: &str, ports: &[u16]) -> Result<Self> {
        let link = Netlink::open()?.expect_link(name)?;
        let socket = PacketSocket::open(link.index, Wanted { udp_to: ports, arp: true })?;
        // The loopback interface has one of zeros.
        let mac = link.mac.filter(|mac| *mac != Mac::default());
        let mac = mac.ok_or_else(|| Error::NotEthernet { name: name.to_owned() })?;
        Ok(Self { name: link.name, index: link.index, mac, socket })
    }

    /// How much may wait to be received, in bytes.
    ///
    /// # Errors
    /// The kernel does not want to.
    pub(crate) fn set_receive_buffer(&self, bytes: u32) -> Result<()> {
        Ok(self.socket.set_receive_buffer(bytes)?)
    }

    /// The addresses of IPv4 that a link has, each with its subnet.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn addresses(name: &str) -> Result<Vec<(Ipv4Addr, Prefix)>> {
        let mut netlink = Netlink::open()?;
        let index = netlink.expect_link(name)?.index;
        let own = netlink.addresses()?.into_iter().filter(|address| address.index == index);
        let v4 = own.filter_map(|it| match it.address {
            IpAddr::V4(address) => Some((address, Prefix::containing(it.address, it.length).ok()?)),
            IpAddr::V6(_) => None,
        });
        Ok(v4.collect())
    }

    /// Takes what has come into the batch, as far as it can be read; `take` is told each. Whether there may be more.
    ///
    /// # Errors
    /// The link is down or gone.
    pub fn receive(&self, batch: &mut Batch, mut take: impl FnMut(Heard<'_>)) -> io::Result<bool> {
        self.socket.receive(batch)?;
        let heard = batch.frames().filter_map(|it| Heard::read(it.bytes, it.checksum_pending).ok());
        heard.for_each(&mut take);
        Ok(batch.is_full())
    }

    /// Sends frames. Returns how many went.
    ///
    /// # Errors
    /// None went.
    pub fn send<'a>(&self, frames: impl IntoIterator<Item = &'a [u8]>) -> io::Result<usize> {
        self.socket.send(frames)
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
