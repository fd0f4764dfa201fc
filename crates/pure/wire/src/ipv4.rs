//! IPv4 (RFC 791).

use std::net::Ipv4Addr;

use crate::bytes::{need, put, take, u16_at};
use crate::{Error, checksum};

/// The header's length without options.
pub const HEADER: usize = 20;

const MORE_FRAGMENTS: u16 = 0x2000;
const DONT_FRAGMENT: u16 = 0x4000;
const OFFSET: u16 = 0x1fff;

/// A view of a packet, and of what may follow it.
#[derive(Clone, Copy, Debug)]
pub struct Packet<T>(T);

impl<T: AsRef<[u8]>> Packet<T> {
    /// The view, if the 20 fixed bytes are there. Whether the lengths that they claim fit is another question.
    pub fn new_checked(bytes: T) -> Result<Self, Error> {
        need("IPv4", bytes.as_ref(), HEADER)?;
        Ok(Self(bytes))
    }

    fn byte(&self, at: usize) -> u8 {
        self.0.as_ref()[at]
    }

    /// The version: 4.
    pub fn version(&self) -> u8 {
        self.byte(0) >> 4
    }

    /// The header's length in bytes, as it claims.
    pub fn header_length(&self) -> usize {
        usize::from(self.byte(0) & 0x0f) * 4
    }

    /// The packet's length in bytes, as it claims.
    pub fn total_length(&self) -> usize {
        usize::from(u16_at(self.0.as_ref(), 2))
    }

    /// Whether the claimed lengths fit together and into the bytes.
    pub fn lengths_fit(&self) -> bool {
        self.header_length() >= HEADER
            && self.total_length() >= self.header_length()
            && self.total_length() <= self.0.as_ref().len()
    }

    /// Whether it is a part of a packet: more follow, or some came before.
    pub fn is_fragment(&self) -> bool {
        u16_at(self.0.as_ref(), 6) & (MORE_FRAGMENTS | OFFSET) != 0
    }

    /// Whether it is a part of a packet other than the first.
    pub fn is_later_fragment(&self) -> bool {
        u16_at(self.0.as_ref(), 6) & OFFSET != 0
    }

    /// Whether other parts of the same packet follow.
    pub fn more_fragments(&self) -> bool {
        u16_at(self.0.as_ref(), 6) & MORE_FRAGMENTS != 0
    }

    /// Where in its packet this part begins, in bytes behind the header.
    pub fn fragment_offset(&self) -> usize {
        usize::from(u16_at(self.0.as_ref(), 6) & OFFSET) * 8
    }

    /// What the parts of one packet have in common.
    pub fn identification(&self) -> u16 {
        u16_at(self.0.as_ref(), 4)
    }

    /// Time to live.
    pub fn ttl(&self) -> u8 {
        self.byte(8)
    }

    /// What it carries.
    pub fn protocol(&self) -> u8 {
        self.byte(9)
    }

    /// The header's checksum.
    pub fn checksum(&self) -> u16 {
        u16_at(self.0.as_ref(), 10)
    }

    /// Whether the header's checksum is right.
    pub fn checksum_holds(&self) -> bool {
        self.0.as_ref().get(..self.header_length()).is_some_and(|header| checksum::of(&[header]) == 0)
    }

    /// Where from.
    pub fn source(&self) -> Ipv4Addr {
        take(self.0.as_ref(), 12).into()
    }

    /// Where to.
    pub fn destination(&self) -> Ipv4Addr {
        take(self.0.as_ref(), 16).into()
    }

    /// What follows the header within the total length; nothing if the lengths do not fit.
    pub fn payload(&self) -> &[u8] {
        self.0.as_ref().get(self.header_length()..self.total_length()).unwrap_or(&[])
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Packet<T> {
    /// Sets the time to live, and the checksum with it.
    pub fn set_ttl(&mut self, ttl: u8) {
        let word = |ttl| u32::from(u16::from_be_bytes([ttl, self.protocol()]));
        let sum = checksum::adjust(self.checksum(), word(self.ttl()), word(ttl));
        put(self.0.as_mut(), 8, [ttl]);
        put(self.0.as_mut(), 10, sum.to_be_bytes());
    }

    /// Sets where from, and the checksum with it.
    pub fn set_source(&mut self, source: Ipv4Addr) {
        let sum = checksum::adjust(self.checksum(), self.source().into(), source.into());
        put(self.0.as_mut(), 12, source.octets());
        put(self.0.as_mut(), 10, sum.to_be_bytes());
    }

    /// Sets where to, and the checksum with it.
    pub fn set_destination(&mut self, destination: Ipv4Addr) {
        let sum = checksum::adjust(self.checksum(), self.destination().into(), destination.into());
        put(self.0.as_mut(), 16, destination.octets());
        put(self.0.as_mut(), 10, sum.to_be_bytes());
    }

    /// Sends it back: the checksum stays as it is.
    pub fn swap_addresses(&mut self) {
        let (source, destination) = (self.source(), self.destination());
        put(self.0.as_mut(), 12, destination.octets());
        put(self.0.as_mut(), 16, source.octets());
    }

    /// What follows the header within the total length, to change.
    pub fn payload_mut(&mut self) -> &mut [u8] {
        let within = self.header_length()..self.total_length();
        self.0.as_mut().get_mut(within).unwrap_or_default()
    }
}

/// What the header of a whole packet without options says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Where from.
    pub source: Ipv4Addr,
    /// Where to.
    pub destination: Ipv4Addr,
    /// What it carries.
    pub protocol: u8,
    /// Time to live.
    pub ttl: u8,
    /// How much it carries.
    pub payload_length: u16,
}

impl Repr {
    /// Reads it, if it is a whole packet without options.
    pub fn parse<T: AsRef<[u8]>>(packet: &Packet<T>) -> Result<Self, Error> {
        let wrong = |field| Error::Field { format: "IPv4", field };
        if packet.version() != 4 {
            return Err(wrong("version"));
        }
        if packet.header_length() != HEADER {
            return Err(wrong("header length"));
        }
        if packet.is_fragment() {
            return Err(wrong("fragment offset"));
        }
        let payload_length = packet.total_length().checked_sub(HEADER).filter(|_| packet.lengths_fit());
        Ok(Self {
            source: packet.source(),
            destination: packet.destination(),
            protocol: packet.protocol(),
            ttl: packet.ttl(),
            payload_length: payload_length.and_then(|n| n.try_into().ok()).ok_or(wrong("total length"))?,
        })
    }

    /// Writes it: identification 0, may not be fragmented.
    pub fn emit<T: AsRef<[u8]> + AsMut<[u8]>>(&self, packet: &mut Packet<T>) {
        let bytes = packet.0.as_mut();
        let total = self.payload_length.saturating_add(20);
        put(bytes, 0, [0x45, 0]);
        put(bytes, 2, total.to_be_bytes());
        put(bytes, 4, [0, 0]);
        put(bytes, 6, DONT_FRAGMENT.to_be_bytes());
        put(bytes, 8, [self.ttl, self.protocol, 0, 0]);
        put(bytes, 12, self.source.octets());
        put(bytes, 16, self.destination.octets());
        let sum = checksum::of(&[&bytes[..HEADER]]);
        put(bytes, 10, sum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn says_what_was_written_and_keeps_its_checksum(
            source: [u8; 4], destination: [u8; 4], protocol: u8, ttl: u8, length in 0u16..64, other: [u8; 4], hops: u8,
        ) {
            let repr = Repr { source: source.into(), destination: destination.into(), protocol, ttl, payload_length: length };
            let mut packet = Packet::new_checked(vec![0u8; HEADER + 64]).unwrap();
            repr.emit(&mut packet);
            prop_assert_eq!(Repr::parse(&packet), Ok(repr));
            prop_assert!(packet.checksum_holds());
            prop_assert_eq!(packet.payload_mut().len(), usize::from(length));
            packet.set_ttl(hops);
            packet.set_source(other.into());
            packet.set_destination(source.into());
            prop_assert!(packet.checksum_holds());
            prop_assert_eq!((packet.ttl(), packet.source(), packet.destination()), (hops, other.into(), source.into()));
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(mut packet) = Packet::new_checked(bytes) {
                let _ = (Repr::parse(&packet), packet.checksum_holds(), packet.payload().len());
                packet.set_ttl(1);
                let _ = packet.payload_mut();
            }
        }
    }
}
