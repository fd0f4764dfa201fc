//! Whole Ethernet frames of one link, as they come and go (packet(7)): for what speaks before there are addresses.
//!
//! The firewall of the host does not see them. A filter of the kernel's leaves only what is wanted.
#![expect(unsafe_code, reason = "these calls of the kernel's take pointers")]

mod batch;
mod filter;

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

pub use batch::{Batch, Frame};
use filter::Program;

use crate::error::{Error, Result};

/// `PACKET_IGNORE_OUTGOING` of linux/if_packet.h.
const IGNORE_OUTGOING: libc::c_int = 23;
/// `ETH_P_ALL` of linux/if_ether.h: every protocol.
const ALL: u16 = 3_u16.to_be();

/// What frames are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Whole datagrams of UDP to these ports, whoever they are for.
    pub udp_to: &'a [u16],
    /// ARP.
    pub arp: bool,
}

/// A socket for the frames of one link. Tagged ones are of another link.
#[derive(Debug)]
pub struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// Opens one on the link with this index, in the network namespace of the thread.
    ///
    /// # Errors
    /// It takes `CAP_NET_RAW`, and a link that is there.
    pub fn open(link: u32, wanted: Wanted<'_>) -> Result<Self> {
        let failed = |operation| move |source| Error::Packet { operation, link, source };
        // Of no protocol: nothing comes before the filter is there.
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)
            .map_err(|error| failed("open a packet socket on")(error.into()))?;
        let on: libc::c_int = 1;
        set(&socket, libc::SOL_PACKET, IGNORE_OUTGOING, &on).map_err(failed("leave out what is sent on"))?;
        set(&socket, libc::SOL_PACKET, libc::PACKET_AUXDATA, &on).map_err(failed("see checksums of"))?;
        attach(&socket, &Program::of(wanted)).map_err(failed("filter the frames of"))?;
        set(&socket, libc::SOL_SOCKET, libc::SO_LOCK_FILTER, &on).map_err(failed("keep the filter of"))?;
        bind(&socket, link).map_err(failed("listen on"))?;
        Ok(Self(socket))
    }

    /// How much may wait to be received, in bytes; a limit of the host's is no limit for root.
    ///
    /// # Errors
    /// The kernel does not want to.
    pub fn set_receive_buffer(&self, bytes: u32) -> Result<()> {
        let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
        set(&self.0, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &bytes)
            .or_else(|_| set(&self.0, libc::SOL_SOCKET, libc::SO_RCVBUF, &bytes))
            .map_err(|source| Error::Packet { operation: "make room for frames of", link: 0, source })
    }

    /// Takes the frames that are there, in place of those before. None are there: none are taken.
    ///
    /// # Errors
    /// The link is down or gone, or the kernel has no memory.
    pub fn receive(&self, batch: &mut Batch) -> io::Result<()> {
        batch.receive(self.0.as_fd())
    }

    /// Sends frames, each with its Ethernet header. Returns how many went: the first one that did not stops it.
    ///
    /// # Errors
    /// None went.
    pub fn send<'a>(&self, frames: impl IntoIterator<Item = &'a [u8]>) -> io::Result<usize> {
        batch::send(self.0.as_fd(), frames)
    }

    /// How many frames there was no room for since this was asked last.
    pub fn lost(&self) -> u32 {
        #[repr(C)]
        #[derive(Default)]
        struct Statistics {
            packets: u32,
            drops: u32,
        }
        let mut statistics = Statistics::default();
        let mut length = length_of::<Statistics>();
        // SAFETY: the kernel writes no more than `length` bytes, which is what is there.
        let result = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut length,
            )
        };
        if result == 0 { statistics.drops } else { 0 }
    }
}

/// One that was opened elsewhere.
impl From<OwnedFd> for PacketSocket {
    fn from(socket: OwnedFd) -> Self {
        Self(socket)
    }
}

impl From<PacketSocket> for OwnedFd {
    fn from(socket: PacketSocket) -> Self {
        socket.0
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn length_of<T>() -> libc::socklen_t {
    size_of::<T>().try_into().expect("options and addresses are small")
}

fn set<T>(socket: &OwnedFd, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    let length = length_of::<T>();
    // SAFETY: the kernel reads `length` bytes of a value that is that long.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn attach(socket: &OwnedFd, program: &Program) -> io::Result<()> {
    let instructions = program.instructions();
    let length = instructions.len().try_into().map_err(|_| Errno::TOOBIG)?;
    // The kernel copies the program, and does not write where it is.
    let program = libc::sock_fprog { len: length, filter: instructions.as_ptr().cast_mut() };
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

fn bind(socket: &OwnedFd, link: u32) -> io::Result<()> {
    // SAFETY: all zeros is a socket address.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = AddressFamily::PACKET.as_raw();
    address.sll_protocol = ALL;
    address.sll_ifindex = link.try_into().map_err(|_| Errno::NODEV)?;
    let length = length_of::<libc::sockaddr_ll>();
    // SAFETY: the kernel reads `length` bytes of an address that is that long.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
