//! What must outlast a restart: one record for each thing that happened to a lease, complete in itself.
//!
//! The last record of an address says how it stands; none needs another one to be understood. The binary form begins with
//! its version. Where records are kept, and how one knows that they are whole, is the log's matter.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 1 | state: 1 bound, 2 released, 3 declined |
//! | 4 | the address |
//! | 8 | when it was written, in seconds since 1970 |
//! | 8 | until when it holds, in seconds since 1970; all ones: for ever |
//! | 1, n | the hardware address: length, type, bytes; length counts the type |
//! | 1, n | the client identifier; length 0: none |
//! | 1, n | the name; length 0: none |
//! | 1, n | the port; length 0: none |
//!
//! Numbers are in network order.

use std::net::Ipv4Addr;

use madang_wire::dhcp::HardwareAddress;

use crate::time::Wall;

const VERSION: u8 = 1;

/// How a lease stands from this record on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// The client has it until it ends.
    Bound,
    /// The client gave it back, or it was taken back.
    Released,
    /// Somebody else uses the address; it is kept away until then.
    Declined,
}

/// What happened to a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The address.
    pub address: Ipv4Addr,
    /// How it stands.
    pub state: RecordState,
    /// The client's hardware address, or that of who uses a declined one, as far as that is known.
    pub hardware: HardwareAddress,
    /// The client's identifier, up to 255 bytes.
    pub client_id: Option<Box<[u8]>>,
    /// The client's name, up to 63 bytes.
    pub name: Option<Box<str>>,
    /// The port that the client is at, up to 255 bytes: see [`crate::Origin::port`].
    pub port: Option<Box<[u8]>>,
    /// When it was written.
    pub written: Wall,
    /// Until when it holds; none: for ever.
    pub expires: Option<Wall>,
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A newer server wrote it.
    #[error("a lease record has version {0}, and this server reads version 1: a newer one wrote it")]
    Version(u8),
    /// They end too early.
    #[error("a lease record ends within its {0}")]
    Truncated(&'static str),
    /// A field has no such value.
    #[error("a lease record's {0} has a value that it cannot have")]
    Field(&'static str),
    /// There are more of them.
    #[error("a lease record has {0} bytes too many")]
    Trailing(usize),
}

impl Record {
    /// Writes it behind what is in the buffer. What is longer than a field allows is left out; no server makes such a
    /// record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let state = match self.state {
            RecordState::Bound => 1,
            RecordState::Released => 2,
            RecordState::Declined => 3,
        };
        out.extend_from_slice(&[VERSION, state]);
        out.extend_from_slice(&self.address.octets());
        out.extend_from_slice(&self.written.0.to_be_bytes());
        out.extend_from_slice(&self.expires.map_or(u64::MAX, |at| at.0).to_be_bytes());
        out.extend_from_slice(&[self.hardware.length() + 1, self.hardware.kind()]);
        out.extend_from_slice(self.hardware.bytes());
        for field in
            [self.client_id.as_deref(), self.name.as_deref().map(str::as_bytes), self.port.as_deref()]
        {
            let field = field.unwrap_or_default();
            let (length, field) = u8::try_from(field.len()).map_or((0, &[][..]), |length| (length, field));
            out.push(length);
            out.extend_from_slice(field);
        }
    }

    /// Reads one that has all of the bytes.
    ///
    /// # Errors
    /// They are no record.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut rest = Reader(bytes);
        let [version] = rest.take("version")?;
        if version != VERSION {
            return Err(RecordError::Version(version));
        }
        let state = match rest.take("state")? {
            [1] => RecordState::Bound,
            [2] => RecordState::Released,
            [3] => RecordState::Declined,
            _ => return Err(RecordError::Field("state")),
        };
        let address = Ipv4Addr::from(rest.take::<4>("address")?);
        let written = Wall(u64::from_be_bytes(rest.take("time")?));
        let expires = Some(u64::from_be_bytes(rest.take("end")?)).filter(|at| *at != u64::MAX).map(Wall);
        let hardware = match rest.field("hardware address")? {
            [kind, address @ ..] => HardwareAddress::new(*kind, address),
            [] => None,
        };
        let hardware = hardware.ok_or(RecordError::Field("hardware address"))?;
        let optional = |field: &[u8]| (!field.is_empty()).then(|| field.into());
        let client_id = optional(rest.field("client identifier")?);
        let name = std::str::from_utf8(rest.field("name")?).map_err(|_| RecordError::Field("name"))?;
        let name = (!name.is_empty()).then(|| name.into());
        let port = optional(rest.field("port")?);
        match rest.0.len() {
            0 => Ok(Self { address, state, hardware, client_id, name, port, written, expires }),
            more => Err(RecordError::Trailing(more)),
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], RecordError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(RecordError::Truncated(what))?;
        self.0 = rest;
        Ok(*taken)
    }

    /// A length and that many bytes.
    fn field(&mut self, what: &'static str) -> Result<&'a [u8], RecordError> {
        let [length] = self.take(what)?;
        let (field, rest) = self.0.split_at_checked(length.into()).ok_or(RecordError::Truncated(what))?;
        self.0 = rest;
        Ok(field)
    }
}

#[cfg(test)]
mod tests {
    use madang_addr::Mac;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_form_is_the_one_that_is_described() {
        let record = Record {
            address: Ipv4Addr::new(10, 0, 0, 9),
            state: RecordState::Bound,
            hardware: HardwareAddress::ethernet(Mac([2, 0, 0, 0, 0, 1])),
            client_id: Some([1, 7].into()),
            name: Some("web".into()),
            port: None,
            written: Wall(258),
            expires: None,
        };
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        let expected = [
            &[1, 1, 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 1, 2][..],
            &[0xff; 8],
            &[7, 1, 2, 0, 0, 0, 0, 1],
            &[2, 1, 7, 3, b'w', b'e', b'b', 0],
        ];
        assert_eq!(bytes, expected.concat());
        assert_eq!(Record::decode(&bytes), Ok(record));
        for end in 0..bytes.len() {
            assert!(matches!(Record::decode(&bytes[..end]), Err(RecordError::Truncated(_))), "{end}");
        }
        bytes.push(0);
        assert_eq!(Record::decode(&bytes), Err(RecordError::Trailing(1)));
        bytes[0] = 2;
        assert_eq!(Record::decode(&bytes), Err(RecordError::Version(2)));
    }

    proptest! {
        #[test]
        fn says_what_was_written(
            address: [u8; 4], state in 0usize..3, kind: u8, hardware in prop::collection::vec(any::<u8>(), 0..=16),
            client_id in prop::option::of(prop::collection::vec(any::<u8>(), 1..=255)),
            name in prop::option::of("[a-z]{1,63}"), port in prop::option::of(prop::collection::vec(any::<u8>(), 1..=255)),
            written: u64, expires in prop::option::of(0..u64::MAX),
        ) {
            let record = Record {
                address: address.into(),
                state: [RecordState::Bound, RecordState::Released, RecordState::Declined][state],
                hardware: HardwareAddress::new(kind, &hardware).unwrap(),
                client_id: client_id.map(Into::into),
                name: name.map(Into::into),
                port: port.map(Into::into),
                written: Wall(written),
                expires: expires.map(Wall),
            };
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            prop_assert_eq!(Record::decode(&bytes), Ok(record));
        }

        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..80), version: bool) {
            if version && let [first, second, ..] = &mut *bytes {
                (*first, *second) = (1, *second % 4);
            }
            if let Ok(record) = Record::decode(&bytes) {
                let mut again = Vec::new();
                record.encode(&mut again);
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
