//! What a client asks: the options that the server looks at, found in one pass.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use madang_wire::dhcp::{
    Header, LARGEST_FOR_ALL, MessageType, Op, Packet, RelayInformation, code, suboption,
};

use super::events::Reason;
use super::{Origin, PORT_INGRESS, PORT_RELAY};
use crate::identity::Who;
use crate::names;

/// The headers of IP and UDP: what a client says is the largest of its datagrams.
const HEADERS: usize = 28;
/// The largest message that is sent: what an Ethernet frame has room for.
const LARGEST: usize = 1500 - HEADERS;

/// A client's message.
#[derive(Clone, Debug)]
pub(super) struct Asked<'a> {
    pub(super) header: Header,
    pub(super) origin: Origin,
    pub(super) kind: MessageType,
    pub(super) requested: Option<Ipv4Addr>,
    pub(super) server_id: Option<Ipv4Addr>,
    pub(super) lease: Option<u32>,
    /// The largest message that the client takes.
    pub(super) limit: usize,
    pub(super) list: Option<Cow<'a, [u8]>>,
    pub(super) vendor_class: Option<Cow<'a, [u8]>>,
    pub(super) user_class: Option<Cow<'a, [u8]>>,
    pub(super) relay: Option<Cow<'a, [u8]>>,
    client_id: Option<Cow<'a, [u8]>>,
    host_name: Option<Cow<'a, [u8]>>,
    fqdn: Option<Cow<'a, [u8]>>,
}

impl<'a> Asked<'a> {
    /// Reads it, if it is a client's and of DHCP.
    pub(super) fn read(packet: &'a Packet<&[u8]>, origin: Origin) -> Result<Self, Reason> {
        let header = packet.header();
        if header.op != Op::Request {
            return Err(Reason::NotARequest);
        }
        let mut asked = Self {
            header,
            origin,
            kind: MessageType::Discover,
            requested: None,
            server_id: None,
            lease: None,
            limit: LARGEST_FOR_ALL,
            list: None,
            vendor_class: None,
            user_class: None,
            relay: None,
            client_id: None,
            host_name: None,
            fqdn: None,
        };
        let mut kind = None;
        for (code, value) in packet.fragments() {
            asked.option(code, value, &mut kind);
        }
        asked.kind = kind.and_then(MessageType::from_number).ok_or(Reason::NoType)?;
        // An identifier has a type and something more (RFC 2132 section 9.14); a longer one than fits into a record, and
        // into one option, nobody has.
        asked.client_id = asked.client_id.filter(|id| (2..=255).contains(&id.len()));
        if asked.client_id.is_none() && header.hardware.bytes().is_empty() {
            return Err(Reason::Nobody);
        }
        Ok(asked)
    }

    fn option(&mut self, code: u8, value: &'a [u8], kind: &mut Option<u8>) {
        let address = || <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from);
        let several = match code {
            code::MESSAGE_TYPE => return *kind = value.first().copied().filter(|_| value.len() == 1),
            code::REQUESTED_ADDRESS => return self.requested = address(),
            code::SERVER_ID => return self.server_id = address(),
            code::LEASE_TIME => return self.lease = value.try_into().ok().map(u32::from_be_bytes),
            code::MAXIMUM_SIZE => {
                let size = value.try_into().map_or(0, u16::from_be_bytes);
                self.limit = usize::from(size).saturating_sub(HEADERS).clamp(LARGEST_FOR_ALL, LARGEST);
                return;
            }
            code::PARAMETER_LIST => &mut self.list,
            code::VENDOR_CLASS => &mut self.vendor_class,
            code::CLIENT_ID => &mut self.client_id,
            code::USER_CLASS => &mut self.user_class,
            code::RELAY_INFORMATION => &mut self.relay,
            code::HOST_NAME => &mut self.host_name,
            code::FQDN => &mut self.fqdn,
            _ => return,
        };
        // Parts of one option (RFC 3396).
        match several {
            Some(before) => before.to_mut().extend_from_slice(value),
            None => *several = Some(Cow::Borrowed(value)),
        }
    }

    pub(super) fn who(&self) -> Who<'_> {
        Who { hardware: self.header.hardware, client_id: self.client_id.as_deref() }
    }

    pub(super) fn relay_information(&self) -> RelayInformation<'_> {
        RelayInformation::new(self.relay.as_deref().unwrap_or_default())
    }

    /// Whether it came through a relay.
    pub(super) fn is_relayed(&self) -> bool {
        !self.header.giaddr.is_unspecified()
    }

    /// What the client calls itself, as a label.
    pub(super) fn name(&self) -> Option<Box<str>> {
        let fqdn = self.fqdn.as_deref().and_then(names::of_fqdn);
        fqdn.or(self.host_name.as_deref()).and_then(names::sanitised)
    }

    /// The port that the client is at, written into the buffer: the relay's circuit, else one of this host's switch. One
    /// that is too long for a record is cut.
    pub(super) fn port<'b>(&self, buffer: &'b mut [u8; 255]) -> Option<&'b [u8]> {
        let circuit = self.relay_information().suboption(suboption::CIRCUIT_ID);
        let ingress = self.origin.port.map(u32::to_be_bytes);
        let (kind, place, port) = match (circuit.filter(|_| self.is_relayed()), &ingress) {
            (Some(circuit), _) => (PORT_RELAY, self.header.giaddr.octets(), circuit),
            (None, Some(port)) => (PORT_INGRESS, self.origin.link.to_be_bytes(), &port[..]),
            (None, None) => return None,
        };
        buffer[0] = kind;
        buffer[1..5].copy_from_slice(&place);
        let length = port.len().min(buffer.len() - 5);
        buffer[5..5 + length].copy_from_slice(&port[..length]);
        Some(&buffer[..5 + length])
    }
}
