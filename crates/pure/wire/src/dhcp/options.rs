//! Options by code, and what those hold that Madang knows.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::{MessageType, Route};

/// Option codes, named as RFC 2132 and those that follow name them.
pub mod code {
    #![expect(missing_docs, reason = "the registry says what they are")]
    pub const PAD: u8 = 0;
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTERS: u8 = 3;
    pub const DNS_SERVERS: u8 = 6;
    pub const HOST_NAME: u8 = 12;
    pub const DOMAIN_NAME: u8 = 15;
    pub const INTERFACE_MTU: u8 = 26;
    pub const BROADCAST_ADDRESS: u8 = 28;
    pub const NTP_SERVERS: u8 = 42;
    pub const REQUESTED_ADDRESS: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER_ID: u8 = 54;
    pub const PARAMETER_LIST: u8 = 55;
    pub const MESSAGE: u8 = 56;
    pub const MAXIMUM_SIZE: u8 = 57;
    pub const RENEWAL_TIME: u8 = 58;
    pub const REBINDING_TIME: u8 = 59;
    pub const VENDOR_CLASS: u8 = 60;
    pub const CLIENT_ID: u8 = 61;
    pub const USER_CLASS: u8 = 77;
    pub const FQDN: u8 = 81;
    pub const RELAY_INFORMATION: u8 = 82;
    pub const CLASSLESS_ROUTES: u8 = 121;
    pub const END: u8 = 255;
}

/// Options and their whole values, by code. Padding, ends and the overload option are layout, and never here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(BTreeMap<u8, Vec<u8>>);

/// What comes first, in this order: what decides what the rest means, and the mask before the routers (RFC 2132 section
/// 3.3). All else follows by code; what a relay added comes last (RFC 3046 section 2.1).
const FIRST: [u8; 6] = [
    code::MESSAGE_TYPE,
    code::SERVER_ID,
    code::LEASE_TIME,
    code::RENEWAL_TIME,
    code::REBINDING_TIME,
    code::SUBNET_MASK,
];

impl Options {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an option. What is layout is left out.
    pub fn set(&mut self, code: u8, value: impl Into<Vec<u8>>) -> &mut Self {
        if ![code::PAD, code::OVERLOAD, code::END].contains(&code) {
            self.0.insert(code, value.into());
        }
        self
    }

    /// Adds bytes to an option, which begins with them if it was not there.
    pub(super) fn append(&mut self, code: u8, part: &[u8]) {
        if ![code::PAD, code::OVERLOAD, code::END].contains(&code) {
            self.0.entry(code).or_default().extend_from_slice(part);
        }
    }

    /// Sets an option that is one number of 32 bits: a time in seconds.
    pub fn set_seconds(&mut self, code: u8, seconds: u32) -> &mut Self {
        self.set(code, seconds.to_be_bytes())
    }

    /// Sets an option that is addresses.
    pub fn set_addresses(&mut self, code: u8, addresses: &[Ipv4Addr]) -> &mut Self {
        self.set(code, addresses.iter().flat_map(Ipv4Addr::octets).collect::<Vec<u8>>())
    }

    /// Sets the classless static routes (RFC 3442).
    pub fn set_routes(&mut self, routes: &[Route]) -> &mut Self {
        self.set(code::CLASSLESS_ROUTES, Route::encode(routes))
    }

    /// Takes an option out.
    pub fn remove(&mut self, code: u8) -> Option<Vec<u8>> {
        self.0.remove(&code)
    }

    /// An option's value.
    pub fn value(&self, code: u8) -> Option<&[u8]> {
        self.0.get(&code).map(Vec::as_slice)
    }

    /// An option that is one address.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        <[u8; 4]>::try_from(self.value(code)?).ok().map(Ipv4Addr::from)
    }

    /// An option that is addresses; none, if its length is no multiple of four.
    pub fn addresses(&self, code: u8) -> Vec<Ipv4Addr> {
        let value = self.value(code).filter(|value| value.len().is_multiple_of(4)).unwrap_or_default();
        value.chunks_exact(4).filter_map(|four| <[u8; 4]>::try_from(four).ok()).map(Ipv4Addr::from).collect()
    }

    /// An option that is one number of 32 bits.
    pub fn seconds(&self, code: u8) -> Option<u32> {
        self.value(code)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// An option that is text, without zeroes at its end; none if it is not UTF-8.
    pub fn text(&self, code: u8) -> Option<&str> {
        std::str::from_utf8(self.value(code)?).ok().map(|text| text.trim_end_matches('\0'))
    }

    /// What message it is.
    pub fn message_type(&self) -> Option<MessageType> {
        match self.value(code::MESSAGE_TYPE)? {
            [number] => MessageType::from_number(*number),
            _ => None,
        }
    }

    /// All, by code.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.0.iter().map(|(code, value)| (*code, value.as_slice()))
    }

    /// All, in the order in which they are written.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let first = FIRST.iter().filter_map(|code| Some((*code, self.value(*code)?)));
        let is_first = |code: u8| FIRST.contains(&code) || code == code::RELAY_INFORMATION;
        first.chain(self.iter().filter(move |(code, _)| !is_first(*code)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
