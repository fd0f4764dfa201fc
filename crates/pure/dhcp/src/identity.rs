//! Who a client is: its identifier (option 61), or without one its hardware address (RFC 2131 section 4.2, RFC 4361).

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};

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
        subnet.hash(&mut hasher);
        match self.client_id {
            Some(id) => id.hash(&mut hasher),
            None => self.hardware.hash(&mut hasher),
        }
        hasher.finish()
    }
}

/// Hashing whose outcome nobody can foresee who does not know the seed: names that clients choose go into tables.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seeded(pub(crate) u64);

impl BuildHasher for Seeded {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}
