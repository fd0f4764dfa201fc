//! How records stand in a file.
//!
//! A file begins with 16 bytes: `MDLEASES`, the version 1, and 1 for a segment or 2 for a snapshot. Blocks follow, each on
//! eight bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `MLB1` |
//! | 4 | the payload's length |
//! | 8 | which block it is: of all segments; in a snapshot, of this file |
//! | 4 | 0: records; 1: the end of a snapshot |
//! | 4 | CRC-32 of the 16 bytes before, and the payload |
//! | n | the payload: records, each with its length in two bytes before it |
//!
//! The end of a snapshot says which block it covers last, and how many records it has, in eight bytes each. Numbers are in
//! network order.

/// The file's header.
pub(super) const FILE_HEADER: u64 = 16;
/// A block's header.
pub(super) const HEADER: usize = 24;
/// Blocks and their headers begin on this.
pub(super) const ALIGN: u64 = 8;
/// The longest payload.
pub(super) const LONGEST: usize = 1 << 20;

/// A file of records as they came.
pub(super) const SEGMENT: u32 = 1;
/// A file of what many such files came to.
pub(super) const SNAPSHOT: u32 = 2;

pub(super) const RECORDS: u32 = 0;
pub(super) const END: u32 = 1;

const FILE: &[u8; 8] = b"MDLEASES";
const VERSION: u32 = 1;
const BLOCK: &[u8; 4] = b"MLB1";

/// The first bytes of a file.
pub(super) fn file_header(kind: u32) -> [u8; 16] {
    let mut header = [0; 16];
    header[..8].copy_from_slice(FILE);
    header[8..12].copy_from_slice(&VERSION.to_be_bytes());
    header[12..].copy_from_slice(&kind.to_be_bytes());
    header
}

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is of this form.
    Known,
    /// A newer server wrote it, in this version of the form.
    Newer(u32),
    /// They are damaged, or were never written.
    Unclear,
}

pub(super) fn kind_of(header: &[u8]) -> Kind {
    match (header.starts_with(FILE), header.get(8..12).and_then(|bytes| bytes.try_into().ok())) {
        (true, Some(version)) => match u32::from_be_bytes(version) {
            VERSION => Kind::Known,
            // There will never be that many: a greater one is damage.
            newer @ 2..256 => Kind::Newer(newer),
            _ => Kind::Unclear,
        },
        _ => Kind::Unclear,
    }
}

/// A block's header, as it claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) length: usize,
    pub(super) sequence: u64,
    pub(super) kind: u32,
    checksum: u32,
}

impl Header {
    /// Reads one, if it begins as one does.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER] = bytes.get(..HEADER)?.try_into().ok()?;
        let four = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let length = usize::try_from(four(4)).ok().filter(|length| *length <= LONGEST)?;
        let sequence = u64::from(four(8)) << 32 | u64::from(four(12));
        bytes.starts_with(BLOCK).then(|| Self { length, sequence, kind: four(16), checksum: four(20) })
    }

    /// Whether the payload is the one that it was written with.
    pub(super) fn holds(&self, header: &[u8], payload: &[u8]) -> bool {
        checksum(&header[4..20], payload) == self.checksum
    }

    /// How long the block is in its file.
    pub(super) fn whole(&self) -> u64 {
        ((HEADER + self.length) as u64).next_multiple_of(ALIGN)
    }
}

/// Writes a block of records.
pub(super) fn put(sequence: u64, payload: &[u8], out: &mut Vec<u8>) {
    put_as(RECORDS, sequence, payload, out);
}

/// Writes a block of a kind, up to where the next one begins.
pub(super) fn put_as(kind: u32, sequence: u64, payload: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    let length = u32::try_from(payload.len()).expect("a payload is at most a mebibyte");
    out.extend_from_slice(BLOCK);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&kind.to_be_bytes());
    let sum = checksum(&out[begin + 4..], payload);
    out.extend_from_slice(&sum.to_be_bytes());
    out.extend_from_slice(payload);
    out.resize((out.len() - begin).next_multiple_of(8) + begin, 0);
}

fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(payload);
    hasher.finalize()
}

/// The first record, without its length, and what is behind it.
pub(super) fn first_record(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = payload.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

/// How many bytes of these are whole records that fit into one block.
pub(super) fn whole_records(records: &[u8]) -> usize {
    if records.len() <= LONGEST {
        return records.len();
    }
    let mut rest = records;
    while let Some((_, behind)) = first_record(rest)
        && records.len() - behind.len() <= LONGEST
    {
        rest = behind;
    }
    records.len() - rest.len()
}
