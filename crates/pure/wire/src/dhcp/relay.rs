//! What a relay says of where a message came from (RFC 3046).

use std::net::Ipv4Addr;

/// Codes of suboptions.
pub mod suboption {
    /// The port of the relay that the client is at (RFC 3046 section 3.1).
    pub const CIRCUIT_ID: u8 = 1;
    /// The client's end of the line (RFC 3046 section 3.2).
    pub const REMOTE_ID: u8 = 2;
    /// The client's subnet, where the relay's own address does not say it (RFC 3527).
    pub const LINK_SELECTION: u8 = 5;
    /// The address that the server is to call itself (RFC 5107).
    pub const SERVER_ID_OVERRIDE: u8 = 11;
}

/// A view of the option. What does not fit into it is not there: a relay that is wrong does not keep its clients offline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayInformation<'a>(&'a [u8]);

impl<'a> RelayInformation<'a> {
    /// The option with this value.
    pub fn new(value: &'a [u8]) -> Self {
        Self(value)
    }

    /// The first suboption of this code.
    pub fn suboption(&self, code: u8) -> Option<&'a [u8]> {
        let mut rest = self.0;
        while let [of, length, after @ ..] = rest {
            let value = after.get(..usize::from(*length))?;
            if *of == code {
                return Some(value);
            }
            rest = &after[value.len()..];
        }
        None
    }

    /// The first suboption of this code, if it is one address.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        <[u8; 4]>::try_from(self.suboption(code)?).ok().map(Ipv4Addr::from)
    }
}
