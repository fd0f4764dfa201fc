//! DHCP for IPv4 (RFC 2131), and how its options are laid out (RFC 2132, RFC 3396).
//!
//! [`Packet`] is a view: its header and the layout of all its options have been checked, so that nothing of it is looked at
//! that is not there. [`Repr`] is what a message says, with options that were split put together. [`Builder`] writes one
//! into a buffer that is used again and again.
//!
//! What has another cookie, a hardware address longer than its field, or an option that ends past its field is refused as a
//! whole: what a half-read message asks for can only be guessed. An end that is missing is none of these; there are clients
//! that leave it out.

mod build;
mod header;
mod options;
mod relay;
mod repr;
mod routes;
mod view;

#[cfg(test)]
mod tests;

pub use build::Builder;
pub use header::{HardwareAddress, Header, Op};
pub use options::{Options, code};
pub use relay::{RelayInformation, suboption};
pub use repr::Repr;
pub use routes::Route;
pub use view::{Fragments, Packet};

/// The port that servers and relays listen on.
pub const SERVER_PORT: u16 = 67;
/// The port that clients listen on.
pub const CLIENT_PORT: u16 = 68;
/// The length of what precedes the options: the fixed fields and the cookie.
pub const HEADER: usize = 240;
/// The least length that is sent: that of a BOOTP message, which relays may insist on (RFC 1542 section 2.1).
pub const MINIMUM: usize = 300;
/// The largest message that everybody takes: a datagram of 576 bytes, without the headers of IP and UDP.
pub const LARGEST_FOR_ALL: usize = 548;

/// What says that options follow (RFC 2131 section 3).
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Where the server's name is, and how long it may be.
const SNAME: (usize, usize) = (44, 64);
/// Where the boot file's name is, and how long it may be.
const FILE: (usize, usize) = (108, 128);

/// What a message is (RFC 2132 section 9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageType {
    /// A client looks for servers.
    Discover,
    /// A server offers an address.
    Offer,
    /// A client takes an offer, or wants to keep what it has.
    Request,
    /// A client says that somebody else has the address.
    Decline,
    /// A server gives the address.
    Ack,
    /// A server denies the address.
    Nak,
    /// A client gives its address back.
    Release,
    /// A client that has an address asks for the rest.
    Inform,
}

impl MessageType {
    const ALL: [Self; 8] = [
        Self::Discover,
        Self::Offer,
        Self::Request,
        Self::Decline,
        Self::Ack,
        Self::Nak,
        Self::Release,
        Self::Inform,
    ];

    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Self::Discover => 1,
            Self::Offer => 2,
            Self::Request => 3,
            Self::Decline => 4,
            Self::Ack => 5,
            Self::Nak => 6,
            Self::Release => 7,
            Self::Inform => 8,
        }
    }

    /// The type of this number, if it is one of RFC 2131.
    pub fn from_number(number: u8) -> Option<Self> {
        usize::from(number).checked_sub(1).and_then(|at| Self::ALL.get(at)).copied()
    }
}

impl std::fmt::Display for MessageType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Discover => "DISCOVER",
            Self::Offer => "OFFER",
            Self::Request => "REQUEST",
            Self::Decline => "DECLINE",
            Self::Ack => "ACK",
            Self::Nak => "NAK",
            Self::Release => "RELEASE",
            Self::Inform => "INFORM",
        })
    }
}
