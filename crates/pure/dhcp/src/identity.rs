//! Who a client is: its identifier (option 61), or without one its hardware address (RFC 2131 section 4.2, RFC 4361).

use std::hash::{BuildHasher, Hasher};

use madang_wire::dhcp::HardwareAddress;

/// A client, as a message names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    pub(crate) hardware: HardwareAddress,
    pub(crate) client_id: Option<&'a [u8]>,
}

impl Who<'_> {
    /// Whether both are one client. One with an identifier is never one without, even on the same hardware: a boot loader
    /// and the system that it starts are two.
    pub(crate) fn is(&self, other: &Who<'_>) -> bool {
        match (self.client_id, other.client_id) {
            (Some(own), Some(other)) => own == other,
            (None, None) => self.hardware == other.hardware,
            _ => false,
        }
    }

    pub(crate) fn hash(&self, subnet: u16, seed: Seeded) -> u64 {
        let mut hasher = seed.build_hasher();
        let (kind, bytes) = match self.client_id {
            Some(id) => (1 << 8, id),
            None => (u32::from(self.hardware.kind()), self.hardware.bytes()),
        };
        hasher.write_u32(u32::from(subnet) << 16 | kind);
        hasher.write(bytes);
        hasher.finish()
    }
}

/// Hashing whose outcome nobody can foresee who does not know the seed: names that clients choose go into tables. Every
/// message is hashed some ten times, so it is a multiplication for eight bytes; whoever sees only what the server answers
/// learns nothing of the seed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seeded(pub(crate) u64);

impl BuildHasher for Seeded {
    type Hasher = Folding;

    fn build_hasher(&self) -> Folding {
        Folding(self.0 ^ START)
    }
}

/// Digits of pi: no reason to doubt them.
const START: u64 = 0x243f_6a88_85a3_08d3;
const FACTOR: u64 = 0x1319_8a2e_0370_7345;

/// Multiplies to 128 bits and folds the halves together, so that every bit comes to depend on every bit.
pub(crate) fn folded(a: u64, b: u64) -> u64 {
    let [first, second] =
        [0, 64].map(|shift| (u128::from(a) * u128::from(b)) >> shift & u128::from(u64::MAX));
    u64::try_from(first ^ second).unwrap_or(0)
}

/// A hash on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folding(u64);

impl Folding {
    fn word(&mut self, word: u64) {
        self.0 = folded(self.0 ^ word, FACTOR).wrapping_add(word.rotate_left(32) ^ START);
    }
}

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.word(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            self.word(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.word(byte.into());
    }

    fn write_u16(&mut self, number: u16) {
        self.word(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.word(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.word(number);
    }

    fn finish(&self) -> u64 {
        folded(self.0, FACTOR ^ START)
    }
}
