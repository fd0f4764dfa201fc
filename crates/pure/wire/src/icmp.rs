//! ICMP (RFC 792): echo, timestamps as far as they are like echoes, and errors as far as they bring back a packet.

use crate::bytes::{need, put, u16_at};
use crate::{Error, checksum};

/// The header's length.
pub const HEADER: usize = 8;
/// The IP protocol number.
pub const PROTOCOL: u8 = 1;

/// The type of a timestamp request; its answer is one more.
const TIMESTAMP: u8 = 13;

/// Asked or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// Asked: type 8, code 0.
    Request,
    /// Answered: type 0, code 0.
    Reply,
}

impl Echo {
    fn bytes(self) -> [u8; 2] {
        match self {
            Self::Request => [8, 0],
            Self::Reply => [0, 0],
        }
    }
}

/// A view of a message.
#[derive(Clone, Copy, Debug)]
pub struct Packet<T>(T);

impl<T: AsRef<[u8]>> Packet<T> {
    /// The view, if the header is there.
    pub fn new_checked(bytes: T) -> Result<Self, Error> {
        need("ICMP", bytes.as_ref(), HEADER)?;
        Ok(Self(bytes))
    }

    /// Type and code, as two bytes.
    pub fn type_and_code(&self) -> u16 {
        u16_at(self.0.as_ref(), 0)
    }

    /// Which echo it is, if it is one.
    pub fn echo(&self) -> Option<Echo> {
        [Echo::Request, Echo::Reply]
            .into_iter()
            .find(|echo| u16::from_be_bytes(echo.bytes()) == self.type_and_code())
    }

    /// The type of the request that this is or answers, and which of both it is: of echoes and timestamps.
    pub fn query(&self) -> Option<(u8, Echo)> {
        match self.type_and_code().to_be_bytes() {
            [8, 0] => Some((8, Echo::Request)),
            [0, 0] => Some((8, Echo::Reply)),
            [TIMESTAMP, 0] => Some((TIMESTAMP, Echo::Request)),
            [14, 0] => Some((TIMESTAMP, Echo::Reply)),
            _ => None,
        }
    }

    /// Whether it is an error that brings back the beginning of the packet that it is about: destination unreachable, time
    /// exceeded, parameter problem.
    pub fn is_error(&self) -> bool {
        matches!(self.0.as_ref()[0], 3 | 11 | 12)
    }

    /// What an error brings back.
    pub fn quoted(&self) -> &[u8] {
        &self.0.as_ref()[HEADER..]
    }

    /// The checksum.
    pub fn checksum(&self) -> u16 {
        u16_at(self.0.as_ref(), 2)
    }

    /// Whether the checksum is right; the bytes are the whole message.
    pub fn checksum_holds(&self) -> bool {
        checksum::of(&[self.0.as_ref()]) == 0
    }

    /// An echo's identifier.
    pub fn identifier(&self) -> u16 {
        u16_at(self.0.as_ref(), 4)
    }

    /// An echo's sequence number.
    pub fn sequence(&self) -> u16 {
        u16_at(self.0.as_ref(), 6)
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Packet<T> {
    /// Sets the identifier; the checksum is left to [`Self::set_checksum`].
    pub fn set_identifier(&mut self, identifier: u16) {
        put(self.0.as_mut(), 4, identifier.to_be_bytes());
    }

    /// Changes what an error brings back, and the checksum with it.
    pub fn change_quoted(&mut self, change: impl FnOnce(&mut [u8])) {
        let before = self.quoted().to_vec();
        change(&mut self.0.as_mut()[HEADER..]);
        let words = before.chunks(2).zip(self.quoted().chunks(2)).filter(|(from, to)| from != to);
        let word =
            |bytes: &[u8]| u32::from(u16::from_be_bytes([bytes[0], bytes.get(1).copied().unwrap_or(0)]));
        let sum = words.fold(self.checksum(), |sum, (from, to)| checksum::adjust(sum, word(from), word(to)));
        self.set_checksum(sum);
    }

    /// Sets the checksum.
    pub fn set_checksum(&mut self, sum: u16) {
        put(self.0.as_mut(), 2, sum.to_be_bytes());
    }

    /// Makes a request a reply, and the checksum with it.
    pub fn answer(&mut self) {
        let sum = checksum::adjust(self.checksum(), self.type_and_code().into(), 0);
        put(self.0.as_mut(), 0, Echo::Reply.bytes());
        self.set_checksum(sum);
    }
}

/// What an echo says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Asked or answered.
    pub echo: Echo,
    /// Whose exchange it is.
    pub identifier: u16,
    /// Which of them.
    pub sequence: u16,
}

impl Repr {
    /// Reads it, if it is an echo.
    pub fn parse<T: AsRef<[u8]>>(packet: &Packet<T>) -> Result<Self, Error> {
        let echo = packet.echo().ok_or(Error::Field { format: "ICMP", field: "type" })?;
        Ok(Self { echo, identifier: packet.identifier(), sequence: packet.sequence() })
    }

    /// Writes it before the payload that is there, and the checksum of both.
    pub fn emit<T: AsRef<[u8]> + AsMut<[u8]>>(&self, packet: &mut Packet<T>) {
        let bytes = packet.0.as_mut();
        put(bytes, 0, self.echo.bytes());
        put(bytes, 2, [0, 0]);
        put(bytes, 4, self.identifier.to_be_bytes());
        put(bytes, 6, self.sequence.to_be_bytes());
        let sum = checksum::of(&[bytes]);
        packet.set_checksum(sum);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn says_what_was_written_and_answers(identifier: u16, sequence: u16, payload in prop::collection::vec(any::<u8>(), 0..9)) {
            let repr = Repr { echo: Echo::Request, identifier, sequence };
            let mut bytes = vec![0; HEADER];
            bytes.extend(payload);
            let mut packet = Packet::new_checked(bytes).unwrap();
            repr.emit(&mut packet);
            prop_assert_eq!(Repr::parse(&packet), Ok(repr));
            prop_assert!(packet.checksum_holds());
            packet.answer();
            prop_assert_eq!(Repr::parse(&packet), Ok(Repr { echo: Echo::Reply, ..repr }));
            prop_assert!(packet.checksum_holds());
        }
    }
}
