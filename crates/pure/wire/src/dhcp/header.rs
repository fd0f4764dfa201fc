//! The fixed fields (RFC 2131 section 2).

use std::fmt;
use std::net::Ipv4Addr;

use madang_addr::Mac;

/// Hardware type 1: Ethernet.
const ETHERNET: u8 = 1;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A client, to servers.
    Request,
    /// A server, to a client.
    Reply,
}

impl Op {
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Request => 1,
            Self::Reply => 2,
        }
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Request),
            2 => Some(Self::Reply),
            _ => None,
        }
    }
}

/// A client's hardware address: its type (`htype`, RFC 1700) and 0 to 16 bytes (`hlen`, `chaddr`).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HardwareAddress {
    kind: u8,
    length: u8,
    bytes: [u8; 16],
}

impl HardwareAddress {
    /// The longest, in bytes.
    pub const LONGEST: usize = 16;

    /// The address of this type, if it is not too long.
    pub fn new(kind: u8, address: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::LONGEST];
        bytes.get_mut(..address.len())?.copy_from_slice(address);
        Some(Self { kind, length: u8::try_from(address.len()).ok()?, bytes })
    }

    /// An Ethernet address.
    pub fn ethernet(mac: Mac) -> Self {
        let mut bytes = [0; Self::LONGEST];
        bytes[..6].copy_from_slice(&mac.0);
        Self { kind: ETHERNET, length: 6, bytes }
    }

    /// Its type.
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// The address.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// How many bytes the address has.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// The whole field, zeroes behind the address.
    pub(super) fn field(&self) -> [u8; 16] {
        self.bytes
    }

    /// The Ethernet address, if it is one.
    pub fn mac(&self) -> Option<Mac> {
        let mac = self.bytes().try_into().ok().map(Mac);
        mac.filter(|_| self.kind == ETHERNET)
    }
}

/// As people write an Ethernet address; what is none has its type before it.
impl fmt::Display for HardwareAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != ETHERNET {
            write!(f, "type {} ", self.kind)?;
        }
        if self.length == 0 {
            return f.write_str("none");
        }
        for (at, byte) in self.bytes().iter().enumerate() {
            write!(f, "{}{byte:02x}", if at == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for HardwareAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The fixed fields, without the names of server and boot file. Those with an address are named as the RFC does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Who speaks.
    pub op: Op,
    /// The client's hardware address.
    pub hardware: HardwareAddress,
    /// Through how many relays it came.
    pub hops: u8,
    /// Which exchange it is of; the client chose it.
    pub xid: u32,
    /// How many seconds the client has been trying.
    pub secs: u16,
    /// Whether the client can hear only broadcasts.
    pub broadcast: bool,
    /// The address that the client has and answers ARP for.
    pub ciaddr: Ipv4Addr,
    /// The client's address, from the server.
    pub yiaddr: Ipv4Addr,
    /// The server to boot from.
    pub siaddr: Ipv4Addr,
    /// The relay that it came through first.
    pub giaddr: Ipv4Addr,
}

impl Header {
    /// A client's, without addresses.
    pub fn request(hardware: HardwareAddress, xid: u32) -> Self {
        let none = Ipv4Addr::UNSPECIFIED;
        Self {
            op: Op::Request,
            hardware,
            hops: 0,
            xid,
            secs: 0,
            broadcast: false,
            ciaddr: none,
            yiaddr: none,
            siaddr: none,
            giaddr: none,
        }
    }

    /// A server's, to this client: what must be the same is, all else is empty (RFC 2131 table 3).
    pub fn reply(&self) -> Self {
        let none = Ipv4Addr::UNSPECIFIED;
        Self { op: Op::Reply, hops: 0, secs: 0, ciaddr: none, yiaddr: none, siaddr: none, ..*self }
    }
}
