//! What travels on a link: DHCP in UDP in IPv4, and ARP, each in an Ethernet frame.

use std::net::Ipv4Addr;

use madang_addr::Mac;
pub use madang_wire::dhcp::{CLIENT_PORT, SERVER_PORT};
use madang_wire::{Error, arp, ethernet, ipv4, udp};

/// The headers of a DHCP message, all of them.
const HEADERS: usize = ethernet::HEADER + ipv4::HEADER + udp::HEADER;
/// The shortest frame of Ethernet, without its checksum.
const SHORTEST: usize = 60;
const TTL: u8 = 64;

/// What a frame brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// A datagram, whatever its ports.
    Datagram(Datagram<'a>),
    /// An ARP packet.
    Arp(arp::Repr),
}

/// A datagram of UDP, and how it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The Ethernet address that it comes from.
    pub from: Mac,
    /// The one that it goes to.
    pub to: Mac,
    /// The address and the port that it comes from.
    pub source: (Ipv4Addr, u16),
    /// Those that it goes to.
    pub destination: (Ipv4Addr, u16),
    /// What it carries.
    pub payload: &'a [u8],
}

impl<'a> Heard<'a> {
    /// Reads a frame. The checksum of UDP is not looked at if it is `pending`: this machine has not computed it yet.
    ///
    /// # Errors
    /// It brings something else, or is damaged.
    pub fn read(frame: &'a [u8], pending: bool) -> Result<Self, Error> {
        let ethernet = ethernet::Packet::new_checked(frame)?;
        let rest = &frame[ethernet::HEADER..];
        match ethernet.ether_type() {
            ethernet::EtherType::ARP => arp::Repr::parse(&arp::Packet::new_checked(rest)?).map(Self::Arp),
            ethernet::EtherType::IPV4 => {
                datagram(rest, pending, ethernet.source(), ethernet.destination()).map(Self::Datagram)
            }
            _ => Err(wrong("Ethernet", "type")),
        }
    }
}

fn datagram(bytes: &[u8], pending: bool, from: Mac, to: Mac) -> Result<Datagram<'_>, Error> {
    let packet = ipv4::Packet::new_checked(bytes)?;
    if packet.version() != 4 || !packet.lengths_fit() || packet.is_fragment() {
        return Err(wrong("IPv4", "length or fragment offset"));
    }
    if packet.protocol() != udp::PROTOCOL || !packet.checksum_holds() {
        return Err(wrong("IPv4", "protocol or checksum"));
    }
    let (source, destination) = (packet.source(), packet.destination());
    let all = bytes.get(packet.header_length()..packet.total_length()).unwrap_or_default();
    let header = udp::Packet::new_checked(all)?;
    let ports = udp::Repr::parse(&header)?;
    // What is behind the datagram is no part of it.
    let datagram = all.get(..header.length()).unwrap_or_default();
    if !pending && !udp::Packet::new_checked(datagram)?.checksum_holds(source, destination) {
        return Err(wrong("UDP", "checksum"));
    }
    Ok(Datagram {
        from,
        to,
        source: (source, ports.source_port),
        destination: (destination, ports.destination_port),
        payload: datagram.get(udp::HEADER..).unwrap_or_default(),
    })
}

impl Datagram<'_> {
    /// Writes it as a frame behind what is in the buffer.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        out.resize(begin + HEADERS, 0);
        out.extend_from_slice(self.payload);
        // A payload that no IPv4 packet can carry is cut there; no message of DHCP is that long.
        out.truncate(begin + ethernet::HEADER + usize::from(u16::MAX));
        let frame = &mut out[begin..];
        link_header(frame, self.to, self.from, ethernet::EtherType::IPV4);
        let (header, rest) = frame[ethernet::HEADER..].split_at_mut(ipv4::HEADER);
        let ports = udp::Repr { source_port: self.source.1, destination_port: self.destination.1 };
        let repr = ipv4::Repr {
            source: self.source.0,
            destination: self.destination.0,
            protocol: udp::PROTOCOL,
            ttl: TTL,
            payload_length: u16::try_from(rest.len()).unwrap_or(u16::MAX),
        };
        if let (Ok(mut packet), Ok(mut datagram)) =
            (ipv4::Packet::new_checked(header), udp::Packet::new_checked(rest))
        {
            repr.emit(&mut packet);
            ports.emit(&mut datagram, repr.source, repr.destination);
        }
    }
}

/// Writes an ARP packet as a frame behind what is in the buffer: to all, unless it answers somebody.
pub fn emit_arp(arp: &arp::Repr, out: &mut Vec<u8>) {
    let begin = out.len();
    out.resize(begin + SHORTEST, 0);
    let frame = &mut out[begin..];
    let to = if arp.operation == arp::Operation::Reply { arp.target_mac } else { Mac::BROADCAST };
    link_header(frame, to, arp.sender_mac, ethernet::EtherType::ARP);
    if let Ok(mut packet) = arp::Packet::new_checked(&mut frame[ethernet::HEADER..]) {
        arp.emit(&mut packet);
    }
}

fn link_header(frame: &mut [u8], destination: Mac, source: Mac, ether_type: ethernet::EtherType) {
    if let Ok(mut packet) = ethernet::Packet::new_checked(frame) {
        ethernet::Repr { destination, source, ether_type }.emit(&mut packet);
    }
}

fn wrong(format: &'static str, field: &'static str) -> Error {
    Error::Field { format, field }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const B: Mac = Mac([2, 0, 0, 0, 0, 2]);

    fn sample(payload: &[u8]) -> Datagram<'_> {
        Datagram {
            from: A,
            to: B,
            source: ([192, 0, 2, 1].into(), SERVER_PORT),
            destination: ([192, 0, 2, 9].into(), CLIENT_PORT),
            payload,
        }
    }

    #[test]
    fn a_datagram_travels() {
        for payload in [&b""[..], b"x", b"hello", &[7; 1400]] {
            let mut frame = Vec::new();
            sample(payload).emit(&mut frame);
            assert_eq!(Heard::read(&frame, false), Ok(Heard::Datagram(sample(payload))));
            // Ethernet fills short frames up.
            frame.resize(frame.len().max(60), 0);
            assert_eq!(Heard::read(&frame, false), Ok(Heard::Datagram(sample(payload))));
        }
    }

    #[test]
    fn what_is_damaged_is_not_believed_unless_this_machine_has_not_finished_it() {
        let mut frame = Vec::new();
        sample(b"hello").emit(&mut frame);
        for at in HEADERS - 2..frame.len() {
            let mut damaged = frame.clone();
            damaged[at] ^= 0x10;
            assert!(Heard::read(&damaged, false).is_err(), "{at}");
            assert!(Heard::read(&damaged, true).is_ok(), "{at}");
        }
        for at in ethernet::HEADER..ethernet::HEADER + ipv4::HEADER {
            let mut damaged = frame.clone();
            damaged[at] ^= 0x10;
            assert!(Heard::read(&damaged, true).is_err(), "{at}");
        }
    }

    #[test]
    fn questions_go_to_all_and_answers_to_who_asked() {
        let mut arp = arp::Repr {
            operation: arp::Operation::Request,
            sender_mac: A,
            sender: [192, 0, 2, 1].into(),
            target_mac: Mac::default(),
            target: [192, 0, 2, 9].into(),
        };
        for (operation, target_mac, to) in
            [(arp::Operation::Request, Mac::default(), Mac::BROADCAST), (arp::Operation::Reply, B, B)]
        {
            (arp.operation, arp.target_mac) = (operation, target_mac);
            let mut frame = Vec::new();
            emit_arp(&arp, &mut frame);
            assert_eq!((&frame[..6], frame.len()), (&to.0[..], 60));
            assert_eq!(Heard::read(&frame, false), Ok(Heard::Arp(arp)));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..120), like: bool) {
            if like && bytes.len() > 46 {
                bytes[12..15].copy_from_slice(&[8, 0, 0x45]);
                bytes[23] = 17;
            }
            for pending in [false, true] {
                if let Ok(Heard::Datagram(datagram)) = Heard::read(&bytes, pending) {
                    prop_assert!(datagram.payload.len() + 42 <= bytes.len());
                }
            }
        }
    }
}
