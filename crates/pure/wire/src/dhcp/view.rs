//! A checked view of a message.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use super::options::code;
use super::{COOKIE, FILE, HEADER, HardwareAddress, Header, MessageType, Op, SNAME};
use crate::Error;
use crate::bytes::{need, take, u16_at, u32_at};

/// The flag that says that a client hears only broadcasts.
pub(super) const BROADCAST: u16 = 0x8000;

/// A view of a message. Every option is within its field.
#[derive(Clone, Copy, Debug)]
pub struct Packet<T> {
    bytes: T,
    hardware: HardwareAddress,
    op: Op,
    overload: Overload,
}

/// Which of the fields of names hold options instead (RFC 2132 section 9.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Overload {
    file: bool,
    sname: bool,
}

impl<T: AsRef<[u8]>> Packet<T> {
    /// The view, if the bytes are a message of DHCP (or of BOOTP with options) through and through.
    pub fn new_checked(bytes: T) -> Result<Self, Error> {
        let all = bytes.as_ref();
        need("DHCP", all, HEADER)?;
        if take(all, HEADER - COOKIE.len()) != COOKIE {
            return Err(wrong("cookie"));
        }
        let op = Op::from_number(all[0]).ok_or(wrong("op"))?;
        let length = usize::from(all[2]);
        let address = all.get(28..28 + length).ok_or(wrong("hardware address length"))?;
        let hardware = HardwareAddress::new(all[1], address).ok_or(wrong("hardware address length"))?;
        let options = &all[HEADER..];
        check(options, "options")?;
        // It counts only where it is expected, so that fields cannot lead to each other for ever.
        let overload = match Fragments::of([options, &[], &[]]).find(|(code, _)| *code == code::OVERLOAD) {
            None => Overload::default(),
            Some((_, [1])) => Overload { file: true, sname: false },
            Some((_, [2])) => Overload { file: false, sname: true },
            Some((_, [3])) => Overload { file: true, sname: true },
            Some(_) => return Err(wrong("option overload")),
        };
        if overload.file {
            check(field(all, FILE), "options in the file field")?;
        }
        if overload.sname {
            check(field(all, SNAME), "options in the sname field")?;
        }
        Ok(Self { bytes, hardware, op, overload })
    }

    fn all(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// The fixed fields.
    pub fn header(&self) -> Header {
        let all = self.all();
        let address = |at| Ipv4Addr::from(take::<4>(all, at));
        Header {
            op: self.op,
            hardware: self.hardware,
            hops: all[3],
            xid: u32_at(all, 4),
            secs: u16_at(all, 8),
            broadcast: u16_at(all, 10) & BROADCAST != 0,
            ciaddr: address(12),
            yiaddr: address(16),
            siaddr: address(20),
            giaddr: address(24),
        }
    }

    /// The server's name up to its first zero; empty if options are in its place.
    pub fn server_name(&self) -> &[u8] {
        if self.overload.sname { &[] } else { text(field(self.all(), SNAME)) }
    }

    /// The boot file's name up to its first zero; empty if options are in its place.
    pub fn boot_file(&self) -> &[u8] {
        if self.overload.file { &[] } else { text(field(self.all(), FILE)) }
    }

    /// All options as they are laid out, in the order in which the parts of one belong together (RFC 3396 section 5):
    /// those of the options field, of the file field, of the sname field.
    pub fn fragments(&self) -> Fragments<'_> {
        let all = self.all();
        let file = if self.overload.file { field(all, FILE) } else { &[] };
        let sname = if self.overload.sname { field(all, SNAME) } else { &[] };
        Fragments::of([&all[HEADER..], file, sname])
    }

    /// The value of an option, put together if it was split; allocates only then.
    pub fn option(&self, code: u8) -> Option<Cow<'_, [u8]>> {
        let mut parts = self.fragments().filter(|(of, _)| *of == code).map(|(_, part)| part);
        let first = parts.next()?;
        let Some(second) = parts.next() else { return Some(Cow::Borrowed(first)) };
        let mut whole = [first, second].concat();
        parts.for_each(|part| whole.extend_from_slice(part));
        Some(Cow::Owned(whole))
    }

    /// What message it is; none for one of BOOTP, or a type of other documents.
    pub fn message_type(&self) -> Option<MessageType> {
        match self.option(code::MESSAGE_TYPE)?.as_ref() {
            [number] => MessageType::from_number(*number),
            _ => None,
        }
    }

    /// An option that is one address, as long as it has four bytes.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        <[u8; 4]>::try_from(self.option(code)?.as_ref()).ok().map(Ipv4Addr::from)
    }
}

fn wrong(field: &'static str) -> Error {
    Error::Field { format: "DHCP", field }
}

fn field(all: &[u8], (at, length): (usize, usize)) -> &[u8] {
    &all[at..at + length]
}

fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    &field[..end]
}

/// Whether every option of the field ends within it.
fn check(field: &[u8], name: &'static str) -> Result<(), Error> {
    let mut rest = field;
    loop {
        rest = match rest {
            [] | [code::END, ..] => return Ok(()),
            [code::PAD, rest @ ..] => rest,
            [_, length, rest @ ..] => rest.get(usize::from(*length)..).ok_or(wrong(name))?,
            [_] => return Err(wrong(name)),
        };
    }
}

/// Options as they are laid out: the code and the bytes of each, without padding and ends.
#[derive(Clone, Debug)]
pub struct Fragments<'a> {
    fields: [&'a [u8]; 3],
    at: usize,
}

impl<'a> Fragments<'a> {
    fn of(fields: [&'a [u8]; 3]) -> Self {
        Self { fields, at: 0 }
    }
}

impl<'a> Iterator for Fragments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.fields.get_mut(self.at)?;
            match *rest {
                [code::PAD, after @ ..] => *rest = after,
                [code, length, after @ ..] if *code != code::END && after.len() >= usize::from(*length) => {
                    let (value, after) = after.split_at(usize::from(*length));
                    *rest = after;
                    return Some((*code, value));
                }
                _ => self.at += 1,
            }
        }
    }
}
