//! TCP (RFC 9293).

use std::net::Ipv4Addr;

use crate::bytes::{need, put, u16_at, u32_at};
use crate::{Error, checksum};

/// The header's length without options.
pub const HEADER: usize = 20;
/// The IP protocol number.
pub const PROTOCOL: u8 = 6;

/// The control bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data.
    pub const FIN: Self = Self(0x01);
    /// Synchronize.
    pub const SYN: Self = Self(0x02);
    /// Reset.
    pub const RST: Self = Self(0x04);
    /// The acknowledgment field counts.
    pub const ACK: Self = Self(0x10);

    /// Whether all of these are set.
    pub fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// These and those.
    #[must_use]
    pub fn with(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }
}

/// A view of a segment.
#[derive(Clone, Copy, Debug)]
pub struct Packet<T>(T);

impl<T: AsRef<[u8]>> Packet<T> {
    /// The view, if the 20 fixed bytes are there.
    pub fn new_checked(bytes: T) -> Result<Self, Error> {
        need("TCP", bytes.as_ref(), HEADER)?;
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

    /// The first byte's number.
    pub fn sequence(&self) -> u32 {
        u32_at(self.0.as_ref(), 4)
    }

    /// The number of the next byte that is awaited.
    pub fn acknowledgment(&self) -> u32 {
        u32_at(self.0.as_ref(), 8)
    }

    /// The header's length in bytes, as it claims.
    pub fn header_length(&self) -> usize {
        usize::from(self.0.as_ref()[12] >> 4) * 4
    }

    /// The control bits.
    pub fn flags(&self) -> Flags {
        Flags(self.0.as_ref()[13])
    }

    /// How much may be sent.
    pub fn window(&self) -> u16 {
        u16_at(self.0.as_ref(), 14)
    }

    /// The checksum.
    pub fn checksum(&self) -> u16 {
        u16_at(self.0.as_ref(), 16)
    }

    /// Whether the checksum is right; the bytes are the whole segment.
    pub fn checksum_holds(&self, source: Ipv4Addr, destination: Ipv4Addr) -> bool {
        let bytes = self.0.as_ref();
        let Ok(length) = bytes.len().try_into() else { return false };
        checksum::of(&[&checksum::pseudo_header(source, destination, PROTOCOL, length), bytes]) == 0
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
        put(self.0.as_mut(), 16, sum.to_be_bytes());
    }
}

/// What a header without options says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// The port that it comes from.
    pub source_port: u16,
    /// The port that it goes to.
    pub destination_port: u16,
    /// The first byte's number.
    pub sequence: u32,
    /// The number of the next byte that is awaited.
    pub acknowledgment: u32,
    /// The control bits.
    pub flags: Flags,
    /// How much may be sent.
    pub window: u16,
}

impl Repr {
    /// Reads it; options are passed over.
    pub fn parse<T: AsRef<[u8]>>(packet: &Packet<T>) -> Result<Self, Error> {
        let length = packet.header_length();
        if length < HEADER || length > packet.0.as_ref().len() {
            return Err(Error::Field { format: "TCP", field: "data offset" });
        }
        Ok(Self {
            source_port: packet.source_port(),
            destination_port: packet.destination_port(),
            sequence: packet.sequence(),
            acknowledgment: packet.acknowledgment(),
            flags: packet.flags(),
            window: packet.window(),
        })
    }

    /// Writes it before the payload that is there, and the checksum of both.
    pub fn emit<T: AsRef<[u8]> + AsMut<[u8]>>(
        &self,
        packet: &mut Packet<T>,
        source: Ipv4Addr,
        destination: Ipv4Addr,
    ) {
        let bytes = packet.0.as_mut();
        put(bytes, 0, self.source_port.to_be_bytes());
        put(bytes, 2, self.destination_port.to_be_bytes());
        put(bytes, 4, self.sequence.to_be_bytes());
        put(bytes, 8, self.acknowledgment.to_be_bytes());
        put(bytes, 12, [0x50, self.flags.0]);
        put(bytes, 14, self.window.to_be_bytes());
        put(bytes, 16, [0; 4]);
        let length = bytes.len().try_into().unwrap_or(u16::MAX);
        let sum = checksum::of(&[&checksum::pseudo_header(source, destination, PROTOCOL, length), bytes]);
        packet.set_checksum(sum);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn says_what_was_written(ports: [u16; 2], numbers: [u32; 2], flags: u8, window: u16, payload in prop::collection::vec(any::<u8>(), 0..9)) {
            let repr = Repr {
                source_port: ports[0],
                destination_port: ports[1],
                sequence: numbers[0],
                acknowledgment: numbers[1],
                flags: Flags(flags),
                window,
            };
            let (a, b) = (Ipv4Addr::new(10, 0, 0, 4), Ipv4Addr::new(10, 0, 0, 5));
            let mut bytes = vec![0; HEADER];
            bytes.extend(payload);
            let mut packet = Packet::new_checked(bytes).unwrap();
            repr.emit(&mut packet, a, b);
            prop_assert_eq!(Repr::parse(&packet), Ok(repr));
            prop_assert!(packet.checksum_holds(a, b));
        }
    }
}
