//! Packet formats, two levels each: `Packet`, a view of bytes that is long enough for its fixed header, and `Repr`, what
//! such a header means.
//!
//! A view never panics, whatever the bytes: a length that a header only claims is checked where it is used. Fields are
//! in host order. `Repr::emit` writes headers with right checksums.

#![forbid(unsafe_code)]

pub mod arp;
mod bytes;
pub mod checksum;
pub mod dhcp;
pub mod ethernet;
pub mod icmp;
pub mod ipv4;
pub mod tcp;
pub mod udp;

/// Why bytes are no such packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end within the header.
    #[error("{format} needs {needed} bytes, and there are {present}")]
    Truncated {
        /// What was expected.
        format: &'static str,
        /// Its header's length.
        needed: usize,
        /// What was there.
        present: usize,
    },
    /// A field has a value that this format cannot have, or that is not supported.
    #[error("the {format} header's {field} is not supported or malformed")]
    Field {
        /// What was expected.
        format: &'static str,
        /// The field.
        field: &'static str,
    },
}
