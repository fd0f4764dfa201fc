//! What is to be sent, and how it gets out of this host.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::ops::Range;
use std::os::fd::OwnedFd;

use madang_addr::{Mac, Prefix};
use madang_dhcp::frame::{CLIENT_PORT, Datagram, SERVER_PORT, emit_arp};
use madang_dhcp::{Actions, Destination, Probe, Reply};
use madang_wire::arp;
use madang_wire::dhcp::Packet;
use rustix::net::SendFlags;

use crate::{Link, Result, port};

/// A link, and how to send by it.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) link: Link,
    /// The server's own address there.
    address: Ipv4Addr,
    /// Whose clients are on it, without a router between.
    subnet: Option<Prefix>,
    /// It has the port, so that nobody else answers on the link; and by it goes what needs a router.
    port: OwnedFd,
}

impl Way {
    pub(super) fn open(name: &str, address: Ipv4Addr, subnet: Option<Prefix>) -> Result<Self> {
        let link = Link::open(name, &[SERVER_PORT, CLIENT_PORT])?;
        link.set_receive_buffer(super::RECEIVE_BUFFER)?;
        let port = port::hold(&link.name, SERVER_PORT)?;
        Ok(Self { link, address, subnet, port })
    }
}

impl Way {
    /// Whether the link is still the one that was opened.
    pub(super) fn is_there(&self) -> bool {
        let index = rustix::net::netdevice::name_to_index(&self.port, &self.link.name);
        index.is_ok_and(|index| index == self.link.index)
    }

    fn is_near(&self, address: Ipv4Addr) -> bool {
        self.subnet.is_some_and(|subnet| subnet.contains(IpAddr::V4(address)))
    }
}

/// What is to be sent, in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Mail {
    bytes: Vec<u8>,
    frames: Vec<(usize, Range<usize>)>,
    datagrams: Vec<(usize, SocketAddrV4, Range<usize>)>,
}

impl Mail {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.frames.clear();
        self.datagrams.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.datagrams.is_empty()
    }

    /// Behind what is there.
    pub(super) fn append(&mut self, other: &Self) {
        let by = self.bytes.len();
        let moved = |range: &Range<usize>| range.start + by..range.end + by;
        self.bytes.extend_from_slice(&other.bytes);
        self.frames.extend(other.frames.iter().map(|(link, range)| (*link, moved(range))));
        self.datagrams.extend(other.datagrams.iter().map(|(link, to, range)| (*link, *to, moved(range))));
    }

    /// Puts a reply in. One for a link that there is not, which no server makes, is left out.
    pub(super) fn put(&mut self, reply: &Reply, actions: &Actions, ways: &[Way]) {
        let link = usize::try_from(reply.link).unwrap_or(usize::MAX);
        let (Some(way), message) = (ways.get(link), actions.message(reply)) else { return };
        let begin = self.bytes.len();
        let (to, address) = match reply.to {
            Destination::Relay(relay) => {
                return self.put_datagram(link, SocketAddrV4::new(relay, SERVER_PORT), message);
            }
            // Its message says what its hardware address is: no question is needed.
            Destination::Client(address) => match hardware_of(message) {
                Some(mac) if way.is_near(address) => (mac, address),
                _ => return self.put_datagram(link, SocketAddrV4::new(address, CLIENT_PORT), message),
            },
            Destination::Frame { address, hardware } => (hardware.mac().unwrap_or(Mac::BROADCAST), address),
            Destination::Broadcast => (Mac::BROADCAST, Ipv4Addr::BROADCAST),
        };
        let datagram = Datagram {
            from: way.link.mac,
            to,
            source: (way.address, SERVER_PORT),
            destination: (address, CLIENT_PORT),
            payload: message,
        };
        datagram.emit(&mut self.bytes);
        self.frames.push((link, begin..self.bytes.len()));
    }

    fn put_datagram(&mut self, link: usize, to: SocketAddrV4, message: &[u8]) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(message);
        self.datagrams.push((link, to, begin..self.bytes.len()));
    }

    /// Asks whether somebody has an address, without saying that one has an address oneself (RFC 5227 section 1.1).
    pub(super) fn put_probe(&mut self, probe: &Probe, ways: &[Way]) {
        let link = usize::try_from(probe.link).unwrap_or(usize::MAX);
        let Some(way) = ways.get(link) else { return };
        let begin = self.bytes.len();
        let question = arp::Repr {
            operation: arp::Operation::Request,
            sender_mac: way.link.mac,
            sender: Ipv4Addr::UNSPECIFIED,
            target_mac: Mac::default(),
            target: probe.address,
        };
        emit_arp(&question, &mut self.bytes);
        self.frames.push((link, begin..self.bytes.len()));
    }

    /// Sends it, and returns how much of it did not go: whoever misses it asks again.
    pub(super) fn send(&self, ways: &[Way]) -> usize {
        let mut lost = 0;
        for run in self.frames.chunk_by(|(one, _), (other, _)| one == other) {
            let frames = run.iter().map(|(_, range)| &self.bytes[range.clone()]);
            let sent = run.first().and_then(|(link, _)| ways.get(*link)).map(|way| way.link.send(frames));
            lost += run.len() - sent.and_then(Result::ok).unwrap_or(0);
        }
        for (link, to, range) in &self.datagrams {
            let sent = ways.get(*link).map(|way| {
                rustix::net::sendto(&way.port, &self.bytes[range.clone()], SendFlags::DONTWAIT, to)
            });
            lost += usize::from(!matches!(sent, Some(Ok(_))));
        }
        lost
    }
}

/// The Ethernet address of the client of a message.
fn hardware_of(message: &[u8]) -> Option<Mac> {
    Packet::new_checked(message).ok()?.header().hardware.mac()
}
