//! What a client is told.

use std::net::Ipv4Addr;

use madang_addr::Mac;
use madang_wire::dhcp::code;

use crate::detection::Probing;

/// A client, as somebody writes it.
#[derive(Clone, Debug)]
pub struct ClientSpec {
    /// The interface's Ethernet address.
    pub mac: Mac,
    /// What the client calls itself (option 61), type byte included: RFC 4361 has one that outlives the interface. None: the
    /// Ethernet address is what it is known by.
    pub client_id: Option<Vec<u8>>,
    /// The host's name.
    pub host_name: Option<String>,
    /// The vendor class (option 60).
    pub vendor_class: Option<Vec<u8>>,
    /// The options that it wants to know, the most wanted first.
    pub wanted: Vec<u8>,
    /// How long it wants its lease to be, in seconds.
    pub lease_time: Option<u32>,
    /// Whether it can hear only broadcasts while it has no address.
    pub broadcast: bool,
    /// The address that it had before: it is asked for first.
    pub previous: Option<Ipv4Addr>,
    /// How it asks the link whether somebody has the address; none: it does not.
    pub probing: Option<Probing>,
    /// Whether it waits for one to ten seconds at first (RFC 2131 section 4.4.1), so that a network whose power comes back
    /// does not ask all at once.
    pub delayed: bool,
}

impl ClientSpec {
    /// A client that wants what hosts need.
    pub fn new(mac: Mac) -> Self {
        Self {
            mac,
            client_id: None,
            host_name: None,
            vendor_class: None,
            // Classless routes before routers: RFC 3442 wants it so.
            wanted: vec![
                code::SUBNET_MASK,
                code::CLASSLESS_ROUTES,
                code::ROUTERS,
                code::DNS_SERVERS,
                code::DOMAIN_NAME,
                code::HOST_NAME,
                code::INTERFACE_MTU,
                code::BROADCAST_ADDRESS,
                code::NTP_SERVERS,
                code::RENEWAL_TIME,
                code::REBINDING_TIME,
            ],
            lease_time: None,
            broadcast: false,
            previous: None,
            probing: Some(Probing::STANDARD),
            delayed: false,
        }
    }

    pub(super) fn check(&self) -> Result<(), ClientError> {
        if let Some(id) = self.client_id.as_ref().filter(|id| !(2..=255).contains(&id.len())) {
            return Err(ClientError::ClientIdLength(id.len()));
        }
        let mac = self.mac;
        if mac.is_multicast() || mac == Mac::default() { Err(ClientError::Mac(mac)) } else { Ok(()) }
    }
}

/// What cannot be right in a client's specification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// An identifier has two bytes or more (RFC 2132 section 9.14).
    #[error("the client identifier has {0} bytes: it has a type and something more, 2 to 255 in all")]
    ClientIdLength(usize),
    /// No interface has such an address.
    #[error("{0} is no interface's address: it is a group's, or none")]
    Mac(Mac),
}
