//! Writing a message into a buffer.

use super::view::BROADCAST;
use super::{COOKIE, FILE, HEADER, Header, MINIMUM, SNAME, code};
use crate::bytes::put;

/// Bytes that the options field keeps for the overload option and the end.
const CLOSING: usize = 4;
/// The most that one part of an option holds.
const PART: usize = 255;

/// Writes a message: the fixed fields first, then option after option as they are given.
///
/// An option goes where there is room for all of it: into the options field, else into those of the names that are not
/// used (RFC 2131 section 4.1). One of more than 255 bytes is split (RFC 3396), and if need be over the fields.
#[derive(Debug)]
pub struct Builder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    limit: usize,
    /// Bytes of options in the fields of names; none where there is a name.
    file: Option<usize>,
    sname: Option<usize>,
    kept: usize,
    left_out: usize,
}

/// A place for options.
#[derive(Clone, Copy)]
enum Field {
    Options,
    File,
    Sname,
}

const FIELDS: [Field; 3] = [Field::Options, Field::File, Field::Sname];

impl<'a> Builder<'a> {
    /// Begins a message behind what is in the buffer. It will have at most `limit` bytes, or [`MINIMUM`] if that is more.
    pub fn new(out: &'a mut Vec<u8>, header: &Header, limit: usize) -> Self {
        let start = out.len();
        let mut fixed = [0; HEADER];
        let flags = if header.broadcast { BROADCAST } else { 0 };
        put(
            &mut fixed,
            0,
            [header.op.number(), header.hardware.kind(), header.hardware.length(), header.hops],
        );
        put(&mut fixed, 4, header.xid.to_be_bytes());
        put(&mut fixed, 8, header.secs.to_be_bytes());
        put(&mut fixed, 10, flags.to_be_bytes());
        for (at, address) in
            [(12, header.ciaddr), (16, header.yiaddr), (20, header.siaddr), (24, header.giaddr)]
        {
            put(&mut fixed, at, address.octets());
        }
        put(&mut fixed, 28, header.hardware.field());
        put(&mut fixed, HEADER - COOKIE.len(), COOKIE);
        out.reserve(MINIMUM);
        out.extend_from_slice(&fixed);
        Self { out, start, limit: limit.max(MINIMUM), file: Some(0), sname: Some(0), kept: 0, left_out: 0 }
    }

    /// Sets the server's name, cut to 63 bytes. To be called before the first option.
    pub fn server_name(&mut self, name: &[u8]) -> &mut Self {
        if !name.is_empty() {
            self.sname = None;
            self.name(SNAME, name);
        }
        self
    }

    /// Sets the boot file's name, cut to 127 bytes. To be called before the first option.
    pub fn boot_file(&mut self, name: &[u8]) -> &mut Self {
        if !name.is_empty() {
            self.file = None;
            self.name(FILE, name);
        }
        self
    }

    fn name(&mut self, (at, length): (usize, usize), name: &[u8]) {
        let length = name.len().min(length - 1);
        let at = self.start + at;
        self.out[at..at + length].copy_from_slice(&name[..length]);
    }

    /// Keeps room in the options field for an option of this value, which [`Self::reserved`] writes at the end.
    pub fn reserve(&mut self, value: &[u8]) -> &mut Self {
        self.kept = size(value);
        self
    }

    /// Writes the option that room was kept for.
    pub fn reserved(&mut self, code: u8, value: &[u8]) -> bool {
        self.kept = 0;
        self.option(code, value)
    }

    /// Adds an option. False if there is no room for it; it is left out then.
    pub fn option(&mut self, code: u8, value: &[u8]) -> bool {
        // What nearly every option is: short, and in its place.
        if let Ok(length) = u8::try_from(value.len())
            && self.room(Field::Options) >= value.len() + 2
        {
            self.out.extend_from_slice(&[code, length]);
            self.out.extend_from_slice(value);
            return true;
        }
        let needed = size(value);
        if let Some(field) = FIELDS.into_iter().find(|field| self.room(*field) >= needed) {
            self.write(field, code, value);
            return true;
        }
        let fits = FIELDS.iter().map(|field| holds(self.room(*field))).sum::<usize>() >= value.len();
        if value.len() > PART && fits {
            self.spread(code, value);
            return true;
        }
        self.left_out += 1;
        false
    }

    /// An option over what is left of all fields.
    fn spread(&mut self, code: u8, value: &[u8]) {
        let mut rest = value;
        for field in FIELDS {
            let (part, after) = rest.split_at(holds(self.room(field)).min(rest.len()));
            if !part.is_empty() {
                self.write(field, code, part);
            }
            rest = after;
        }
    }

    /// How many bytes are left in a field, with the codes and lengths of what comes.
    fn room(&self, field: Field) -> usize {
        let of_name =
            |used: Option<usize>, (_, length): (usize, usize)| used.map_or(0, |used| length - 1 - used);
        match field {
            Field::Options => {
                self.limit.saturating_sub(self.out.len() - self.start + CLOSING).saturating_sub(self.kept)
            }
            Field::File => of_name(self.file, FILE),
            Field::Sname => of_name(self.sname, SNAME),
        }
    }

    fn write(&mut self, field: Field, code: u8, value: &[u8]) {
        let mut parts = value.chunks(PART);
        // An empty value has one empty part.
        let first = parts.next().unwrap_or_default();
        for part in std::iter::once(first).chain(parts) {
            let head = [code, u8::try_from(part.len()).unwrap_or(u8::MAX)];
            match field {
                Field::Options => {
                    self.out.extend_from_slice(&head);
                    self.out.extend_from_slice(part);
                }
                Field::File => into_name(self.out, self.start + FILE.0, &mut self.file, head, part),
                Field::Sname => into_name(self.out, self.start + SNAME.0, &mut self.sname, head, part),
            }
        }
    }

    /// Ends the message, and fills it up to [`MINIMUM`]. Returns how many options there was no room for.
    pub fn finish(self) -> usize {
        let mut overload = 0;
        for (used, (at, _), bit) in [(self.file, FILE, 1), (self.sname, SNAME, 2)] {
            if let Some(used) = used.filter(|used| *used > 0) {
                self.out[self.start + at + used] = code::END;
                overload |= bit;
            }
        }
        if overload != 0 {
            self.out.extend_from_slice(&[code::OVERLOAD, 1, overload]);
        }
        self.out.push(code::END);
        let length = self.out.len().max(self.start + MINIMUM);
        self.out.resize(length, code::PAD);
        self.left_out
    }
}

fn into_name(out: &mut [u8], field: usize, used: &mut Option<usize>, head: [u8; 2], part: &[u8]) {
    let at = field + used.unwrap_or_default();
    put(out, at, head);
    out[at + 2..at + 2 + part.len()].copy_from_slice(part);
    *used = used.map(|used| used + 2 + part.len());
}

/// The bytes that an option takes with the codes and lengths of its parts.
fn size(value: &[u8]) -> usize {
    value.len() + 2 * value.len().div_ceil(PART).max(1)
}

/// The bytes of an option that this much room holds.
fn holds(room: usize) -> usize {
    room.saturating_sub(2 * room.div_ceil(PART + 2))
}
