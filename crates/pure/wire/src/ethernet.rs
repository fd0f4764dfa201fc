//! Ethernet II (IEEE 802.3 section 3.2.6).

use std::fmt;

use madang_addr::Mac;

use crate::Error;
use crate::bytes::{need, put, take, u16_at};

/// The header's length.
pub const HEADER: usize = 14;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4.
    pub const IPV4: Self = Self(0x0800);
    /// ARP.
    pub const ARP: Self = Self(0x0806);
    /// A VLAN tag (IEEE 802.1Q).
    pub const VLAN: Self = Self(0x8100);
    /// IPv6.
    pub const IPV6: Self = Self(0x86dd);
}

impl fmt::Display for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::IPV4 => f.write_str("IPv4"),
            Self::ARP => f.write_str("ARP"),
            Self::VLAN => f.write_str("VLAN"),
            Self::IPV6 => f.write_str("IPv6"),
            Self(other) => write!(f, "0x{other:04x}"),
        }
    }
}

/// A view of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Packet<T>(T);

impl<T: AsRef<[u8]>> Packet<T> {
    /// The view, if the header is there.
    pub fn new_checked(bytes: T) -> Result<Self, Error> {
        need("Ethernet", bytes.as_ref(), HEADER)?;
        Ok(Self(bytes))
    }

    /// Where to.
    pub fn destination(&self) -> Mac {
        Mac(take(self.0.as_ref(), 0))
    }

    /// Where from.
    pub fn source(&self) -> Mac {
        Mac(take(self.0.as_ref(), 6))
    }

    /// What it carries.
    pub fn ether_type(&self) -> EtherType {
        EtherType(u16_at(self.0.as_ref(), 12))
    }

    /// What follows the header.
    pub fn payload(&self) -> &[u8] {
        &self.0.as_ref()[HEADER..]
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Packet<T> {
    /// Sets where to.
    pub fn set_destination(&mut self, mac: Mac) {
        put(self.0.as_mut(), 0, mac.0);
    }

    /// Sets where from.
    pub fn set_source(&mut self, mac: Mac) {
        put(self.0.as_mut(), 6, mac.0);
    }

    /// Sets what it carries.
    pub fn set_ether_type(&mut self, ether_type: EtherType) {
        put(self.0.as_mut(), 12, ether_type.0.to_be_bytes());
    }

    /// What follows the header, to change.
    pub fn payload_mut(&mut self) -> &mut [u8] {
        &mut self.0.as_mut()[HEADER..]
    }
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Where to.
    pub destination: Mac,
    /// Where from.
    pub source: Mac,
    /// What it carries.
    pub ether_type: EtherType,
}

impl Repr {
    /// Reads it.
    pub fn parse<T: AsRef<[u8]>>(packet: &Packet<T>) -> Self {
        Self { destination: packet.destination(), source: packet.source(), ether_type: packet.ether_type() }
    }

    /// Writes it.
    pub fn emit<T: AsRef<[u8]> + AsMut<[u8]>>(&self, packet: &mut Packet<T>) {
        packet.set_destination(self.destination);
        packet.set_source(self.source);
        packet.set_ether_type(self.ether_type);
    }
}
