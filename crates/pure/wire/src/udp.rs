//! UDP (RFC 768).

use std::net::Ipv4Addr;

use crate::bytes::{need, put, u16_at};
use crate::{Error, checksum};

/// The header's length.
pub const HEADER: usize = 8;
/// The IP protocol number.
pub const PROTOCOL: u8 = 17;

/// A view of a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Packet<T>(T);

impl<T: AsRef<[u8]>> Packet<T> {
    /// The view, if the header is there.
    pub fn new_checked(bytes: T) -> Result<Self, Error> {
        need("UDP", bytes.as_ref(), HEADER)?;
        Ok(Self(bytes))
    }

    /// The port that it comes from.
    pub fn source_port(&self) -> u16 {
        u16_at(self.0.as_ref(), 0)
    }

    /// The port that it goes to.
    pub fn destination_port(&self) -> u16 {
        u16_at(self.0.as_ref(), 2)
    }

    /// Header and payload, in bytes, as it claims.
    pub fn length(&self) -> usize {
        usize::from(u16_at(self.0.as_ref(), 4))
    }

    /// The checksum; 0 if there is none.
    pub fn checksum(&self) -> u16 {
        u16_at(self.0.as_ref(), 6)
    }

    /// Whether the checksum is right or there is none; the bytes are the whole datagram.
    pub fn checksum_holds(&self, source: Ipv4Addr, destination: Ipv4Addr) -> bool {
        let bytes = self.0.as_ref();
        let Ok(length) = bytes.len().try_into() else { return false };
        let pseudo = checksum::pseudo_header(source, destination, PROTOCOL, length);
        self.checksum() == 0 || checksum::of(&[&pseudo, bytes]) == 0
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Packet<T> {
    /// Sets the port that it comes from; the checksum is left to [`Self::set_checksum`].
    pub fn set_source_port(&mut self, port: u16) {
        put(self.0.as_mut(), 0, port.to_be_bytes());
    }

    /// Sets the port that it goes to; the checksum is left to [`Self::set_checksum`].
    pub fn set_destination_port(&mut self, port: u16) {
        put(self.0.as_mut(), 2, port.to_be_bytes());
    }

    /// Sets the checksum.
    pub fn set_checksum(&mut self, sum: u16) {
        put(self.0.as_mut(), 6, sum.to_be_bytes());
    }
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// The port that it comes from.
    pub source_port: u16,
    /// The port that it goes to.
    pub destination_port: u16,
}

impl Repr {
    /// Reads it.
    pub fn parse<T: AsRef<[u8]>>(packet: &Packet<T>) -> Result<Self, Error> {
        if packet.length() < HEADER || packet.length() > packet.0.as_ref().len() {
            return Err(Error::Field { format: "UDP", field: "length" });
        }
        Ok(Self { source_port: packet.source_port(), destination_port: packet.destination_port() })
    }

    /// Writes it before the payload that is there, and the checksum of both, which is never 0.
    pub fn emit<T: AsRef<[u8]> + AsMut<[u8]>>(
        &self,
        packet: &mut Packet<T>,
        source: Ipv4Addr,
        destination: Ipv4Addr,
    ) {
        let bytes = packet.0.as_mut();
        let length: u16 = bytes.len().try_into().unwrap_or(u16::MAX);
        put(bytes, 0, self.source_port.to_be_bytes());
        put(bytes, 2, self.destination_port.to_be_bytes());
        put(bytes, 4, length.to_be_bytes());
        put(bytes, 6, [0, 0]);
        let sum = checksum::of(&[&checksum::pseudo_header(source, destination, PROTOCOL, length), bytes]);
        packet.set_checksum(if sum == 0 { 0xffff } else { sum });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn says_what_was_written(ports: [u16; 2], payload in prop::collection::vec(any::<u8>(), 0..9)) {
            let repr = Repr { source_port: ports[0], destination_port: ports[1] };
            let (a, b) = (Ipv4Addr::new(10, 0, 0, 4), Ipv4Addr::new(10, 0, 0, 5));
            let mut bytes = vec![0; HEADER];
            bytes.extend(payload);
            let mut packet = Packet::new_checked(bytes).unwrap();
            repr.emit(&mut packet, a, b);
            prop_assert_eq!(Repr::parse(&packet), Ok(repr));
            prop_assert!(packet.checksum_holds(a, b) && packet.checksum() != 0);
        }
    }
}
