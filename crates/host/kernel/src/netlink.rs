//! rtnetlink (RFC 3549) as requests and their answers, one at a time.
//!
//! A socket belongs for ever to the network namespace of the thread that opened it.

use std::io;
use std::path::Path;

use netlink_packet_core::{
    ErrorMessage, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NlasIterator,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::error::{Error, Result};
use crate::netns;

/// The kernel's flag for "the dump was disturbed by a change": ask again.
const NLM_F_DUMP_INTR: u16 = 16;
/// How often a disturbed dump is asked for again.
const DUMP_TRIES: usize = 8;
/// The type of the attribute with the kernel's own words (`NLMSGERR_ATTR_MSG`).
const EXTENDED_ACK_TEXT: u16 = 1;
/// How long a netlink message's header is.
const HEADER: usize = 16;

/// A connection to the kernel's routing subsystem in one network namespace.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

/// What is asked, and of what: for errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purpose<'a> {
    pub(crate) operation: &'static str,
    pub(crate) subject: &'a str,
}

/// What a request is to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Do or change something that is there.
    Act,
    /// Make something that must not be there yet.
    Create,
    /// Make something, in place of what may be there.
    Replace,
    /// List everything.
    Dump,
}

impl Netlink {
    /// Connects to the network namespace of the calling thread.
    pub fn open() -> Result<Self> {
        let purpose = Purpose { operation: "open", subject: "a netlink socket" };
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind_auto()?;
            socket.connect(&SocketAddr::new(0, 0))?;
            // Both only improve error messages; a kernel without them works too.
            let _ = socket.set_ext_ack(true);
            let _ = socket.set_cap_ack(true);
            Ok(socket)
        };
        open().map(|socket| Self { socket, sequence: 0 }).map_err(|source| purpose.failed(source, None))
    }

    /// The same, for lists of which only a part is asked for.
    pub(crate) fn open_choosing() -> Result<Self> {
        let netlink = Self::open()?;
        let purpose = Purpose { operation: "open", subject: "a netlink socket that chooses" };
        netlink.socket.set_netlink_get_strict_chk(true).map_err(|source| purpose.failed(source, None))?;
        Ok(netlink)
    }

    /// Connects to the network namespace that is bound to this file.
    pub fn open_in(namespace: &Path) -> Result<Self> {
        netns::enter(namespace, Self::open)?
    }

    /// Sends a request, and gives all that the kernel answers.
    pub(crate) fn request(
        &mut self,
        purpose: Purpose<'_>,
        mode: Mode,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>> {
        for _ in 0..DUMP_TRIES {
            self.send(purpose, mode, message.clone())?;
            if let Some(answers) = self.receive(purpose)? {
                return Ok(answers);
            }
        }
        Err(purpose.nonsense(format!("its list changed {DUMP_TRIES} times while it was read")))
    }

    fn send(&mut self, purpose: Purpose<'_>, mode: Mode, message: RouteNetlinkMessage) -> Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.sequence_number = self.sequence;
        header.flags = NLM_F_REQUEST
            | match mode {
                Mode::Act => NLM_F_ACK,
                Mode::Create => NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                Mode::Replace => NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
                Mode::Dump => NLM_F_DUMP,
            };
        let mut packet = NetlinkMessage::new(header, NetlinkPayload::from(message));
        packet.finalize();
        let mut bytes = vec![0; packet.buffer_len()];
        packet.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map(drop).map_err(|source| purpose.failed(source, None))
    }

    /// The answers to the last request; none if they were disturbed and it must be asked again.
    fn receive(&self, purpose: Purpose<'_>) -> Result<Option<Vec<RouteNetlinkMessage>>> {
        let mut answers = Vec::new();
        let mut disturbed = false;
        loop {
            let (datagram, _) =
                self.socket.recv_from_full().map_err(|source| purpose.failed(source, None))?;
            for bytes in messages(&datagram) {
                let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes)
                    .map_err(|error| purpose.nonsense(error.to_string()))?;
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                disturbed |= message.header.flags & NLM_F_DUMP_INTR != 0;
                match message.payload {
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                    NetlinkPayload::Done(_) => return Ok((!disturbed).then_some(answers)),
                    NetlinkPayload::Error(error) if error.code.is_none() => return Ok(Some(answers)),
                    NetlinkPayload::Error(error) => return Err(purpose.failed(error.to_io(), words(&error))),
                    NetlinkPayload::Overrun(_) => disturbed = true,
                    _ => {}
                }
            }
        }
    }
}

impl Purpose<'_> {
    pub(crate) fn failed(self, source: io::Error, detail: Option<String>) -> Error {
        Error::Netlink { operation: self.operation, subject: self.subject.to_owned(), detail, source }
    }

    pub(crate) fn nonsense(self, detail: String) -> Error {
        Error::NetlinkAnswer { operation: self.operation, subject: self.subject.to_owned(), detail }
    }
}

/// The messages of a datagram: each has its length first, and starts on four bytes.
fn messages(datagram: &[u8]) -> Vec<&[u8]> {
    let mut rest = datagram;
    let mut found = Vec::new();
    while let Some(length) = rest.first_chunk::<4>().map(|bytes| u32::from_ne_bytes(*bytes) as usize) {
        if length < HEADER || length > rest.len() {
            break;
        }
        found.push(&rest[..length]);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

/// The kernel's own words in an error, which come after the header of what was asked (`NETLINK_CAP_ACK`).
fn words(error: &ErrorMessage) -> Option<String> {
    let attributes = error.header.get(HEADER..)?;
    let text = NlasIterator::new(attributes)
        .map_while(std::result::Result::ok)
        .find(|attribute| attribute.kind() == EXTENDED_ACK_TEXT)
        .map(|attribute| String::from_utf8_lossy(attribute.value()).trim_end_matches('\0').to_owned())?;
    (!text.is_empty()).then_some(text)
}
