//! ARP for IPv4 on Ethernet (RFC 826).

use std::net::Ipv4Addr;

use madang_addr::Mac;

use crate::Error;
use crate::bytes::{need, put, take, u16_at};

/// The packet's length.
pub const LENGTH: usize = 28;
/// Hardware type 1 (Ethernet), protocol type IPv4, lengths 6 and 4.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// What an ARP packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Who has the target?
    Request,
    /// The sender has its address.
    Reply,
    /// Something else.
    Other(u16),
}

impl Operation {
    fn from_number(number: u16) -> Self {
        match number {
            1 => Self::Request,
            2 => Self::Reply,
            other => Self::Other(other),
        }
    }

    /// Its number.
    pub fn number(self) -> u16 {
        match self {
            Self::Request => 1,
            Self::Reply => 2,
            Self::Other(number) => number,
        }
    }
}

/// A view of an ARP packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<T>(T);

impl<T: AsRef<[u8]>> Packet<T> {
    /// The view, if all of it is there.
    pub fn new_checked(bytes: T) -> Result<Self, Error> {
        need("ARP", bytes.as_ref(), LENGTH)?;
        Ok(Self(bytes))
    }

    /// Whether it is about IPv4 on Ethernet.
    pub fn is_ethernet_ipv4(&self) -> bool {
        take(self.0.as_ref(), 0) == ETHERNET_IPV4
    }
}

/// What an ARP packet for IPv4 on Ethernet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// What it is.
    pub operation: Operation,
    /// The sender's Ethernet address.
    pub sender_mac: Mac,
    /// The sender's address.
    pub sender: Ipv4Addr,
    /// The target's Ethernet address.
    pub target_mac: Mac,
    /// The target's address.
    pub target: Ipv4Addr,
}

impl Repr {
    /// Reads it, if it is about IPv4 on Ethernet.
    pub fn parse<T: AsRef<[u8]>>(packet: &Packet<T>) -> Result<Self, Error> {
        if !packet.is_ethernet_ipv4() {
            return Err(Error::Field { format: "ARP", field: "hardware or protocol type" });
        }
        let bytes = packet.0.as_ref();
        Ok(Self {
            operation: Operation::from_number(u16_at(bytes, 6)),
            sender_mac: Mac(take(bytes, 8)),
            sender: take(bytes, 14).into(),
            target_mac: Mac(take(bytes, 18)),
            target: take(bytes, 24).into(),
        })
    }

    /// Writes it.
    pub fn emit<T: AsRef<[u8]> + AsMut<[u8]>>(&self, packet: &mut Packet<T>) {
        let bytes = packet.0.as_mut();
        put(bytes, 0, ETHERNET_IPV4);
        put(bytes, 6, self.operation.number().to_be_bytes());
        put(bytes, 8, self.sender_mac.0);
        put(bytes, 14, self.sender.octets());
        put(bytes, 18, self.target_mac.0);
        put(bytes, 24, self.target.octets());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_is_short_or_not_about_ipv4() {
        assert!(Packet::new_checked([0u8; LENGTH - 1]).is_err());
        assert!(Repr::parse(&Packet::new_checked([0u8; LENGTH]).unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn says_what_was_written(operation: u16, macs: [[u8; 6]; 2], sender: [u8; 4], target: [u8; 4]) {
            let repr = Repr {
                operation: Operation::from_number(operation),
                sender_mac: Mac(macs[0]),
                sender: sender.into(),
                target_mac: Mac(macs[1]),
                target: target.into(),
            };
            let mut packet = Packet::new_checked([0u8; LENGTH]).unwrap();
            repr.emit(&mut packet);
            prop_assert_eq!(Repr::parse(&packet), Ok(repr));
        }
    }
}
