//! A frame: what the journal and the snapshots are made of. It says what it holds, of which revisions, after which
//! frame, and is known by its checksum.
//!
//! A frame begins at a sector of its own, so that writing one touches nothing that is safe already, and so that the
//! next whole one can be found behind a broken one.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `madangF1` |
//! | 4 | CRC-32 of all that follows, the padding left out |
//! | 4 | kind |
//! | 4 | checksum of the frame before |
//! | 4 | 0 |
//! | 8 | length of the contents |
//! | 8, 8 | first and last revision |
//! | | contents, and zeros up to the next sector |
//!
//! Numbers are little-endian.

use std::io;

use redb::StorageBackend;

use crate::Revision;

/// Where frames can begin: at multiples of this.
pub(super) const SECTOR: u64 = 512;

const MAGIC: [u8; 8] = *b"madangF1";
/// The part before the contents.
const HEAD: usize = 48;
/// From here on, the checksum counts.
const CHECKED: usize = 12;

/// A point in a store's history: the revision, and the checksum of the journal's frame that led there. Two stores'
/// histories do not share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) revision: Revision,
    pub(super) chain: u32,
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The beginning of a segment of the journal; its revision is the one before the first change.
    Segment = 1,
    /// Transactions, each with a revision.
    Changes = 2,
    /// The beginning of a snapshot.
    Snapshot = 3,
    /// Some of its objects.
    Objects = 4,
    /// Its end.
    End = 5,
}

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// The checksum of the frame before.
    pub(super) previous: u32,
    pub(super) first: Revision,
    pub(super) last: Revision,
}

/// A frame that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) head: Head,
    pub(super) checksum: u32,
    pub(super) contents: Vec<u8>,
    /// Where the next one begins.
    pub(super) next: u64,
}

impl Head {
    /// A frame's bytes, and its checksum.
    pub(super) fn encode(self, contents: &[u8]) -> (Vec<u8>, u32) {
        let mut bytes = Vec::with_capacity(padded(HEAD + contents.len()));
        bytes.extend(MAGIC);
        bytes.extend([0; 4]);
        bytes.extend((self.kind as u32).to_le_bytes());
        bytes.extend(self.previous.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend((contents.len() as u64).to_le_bytes());
        bytes.extend(self.first.0.to_le_bytes());
        bytes.extend(self.last.0.to_le_bytes());
        bytes.extend(contents);
        let checksum = crc32fast::hash(&bytes[CHECKED..]);
        bytes[CHECKED - 4..CHECKED].copy_from_slice(&checksum.to_le_bytes());
        bytes.resize(padded(bytes.len()), 0);
        (bytes, checksum)
    }
}

impl Frame {
    /// The frame at this place of a file that is so long; none if there is no whole one, also because the disk cannot
    /// read it.
    pub(super) fn read(file: &dyn StorageBackend, length: u64, at: u64) -> Option<Self> {
        if at.checked_add(HEAD as u64)? > length {
            return None;
        }
        let mut head = [0; HEAD];
        file.read(at, &mut head).ok()?;
        let mut fields = Fields(head.strip_prefix(&MAGIC)?);
        let (checksum, kind, previous, _) = (fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?);
        let (size, first, last) = (fields.u64()?, Revision(fields.u64()?), Revision(fields.u64()?));
        if size > length - at - HEAD as u64 {
            return None;
        }
        let mut contents = vec![0; usize::try_from(size).ok()?];
        file.read(at + HEAD as u64, &mut contents).ok()?;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&head[CHECKED..]);
        hasher.update(&contents);
        if hasher.finalize() != checksum {
            return None;
        }
        let head = Head { kind: kind_of(kind)?, previous, first, last };
        let next = at + padded(HEAD + contents.len()) as u64;
        Some(Self { head, checksum, contents, next })
    }

    /// The history's point after this frame.
    pub(super) fn position(&self) -> Position {
        Position { revision: self.head.last, chain: self.checksum }
    }
}

/// Where the next whole frame begins behind this place.
pub(super) fn find_next(file: &dyn StorageBackend, length: u64, behind: u64) -> Option<(u64, Frame)> {
    let places = (behind / SECTOR + 1..length / SECTOR).map(|sector| sector * SECTOR);
    let may_begin = |at: &u64| {
        let mut magic = [0; MAGIC.len()];
        file.read(*at, &mut magic).is_ok() && magic == MAGIC
    };
    places.filter(may_begin).find_map(|at| Frame::read(file, length, at).map(|frame| (at, frame)))
}

/// Whether the file has nothing but zeros from here on.
pub(super) fn is_blank(file: &dyn StorageBackend, length: u64, from: u64) -> io::Result<bool> {
    let mut at = from;
    let mut chunk = vec![0; 64 << 10];
    while at < length {
        let size = usize::try_from(length - at).unwrap_or(usize::MAX).min(chunk.len());
        file.read(at, &mut chunk[..size])?;
        if chunk[..size].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += size as u64;
    }
    Ok(true)
}

/// Numbers and bytes, one after the other.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*number))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    /// Bytes behind their number.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u64()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

/// Appends bytes behind their number.
pub(super) fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend((bytes.len() as u64).to_le_bytes());
    to.extend(bytes);
}

fn kind_of(number: u32) -> Option<Kind> {
    [Kind::Segment, Kind::Changes, Kind::Snapshot, Kind::Objects, Kind::End]
        .into_iter()
        .find(|kind| *kind as u32 == number)
}

fn padded(size: usize) -> usize {
    let sector = usize::try_from(SECTOR).unwrap_or(usize::MAX);
    size.next_multiple_of(sector)
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;

    fn head(first: u64, last: u64) -> Head {
        Head { kind: Kind::Changes, previous: 7, first: Revision(first), last: Revision(last) }
    }

    fn file(bytes: &[u8]) -> (InMemoryBackend, u64) {
        let file = InMemoryBackend::new();
        file.set_len(bytes.len() as u64).unwrap();
        file.write(0, bytes).unwrap();
        (file, bytes.len() as u64)
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        for contents in [&b""[..], b"x", &[9; 464], &[9; 465], &[1; 5000]] {
            let (bytes, checksum) = head(3, 5).encode(contents);
            assert_eq!(bytes.len() % 512, 0);
            let (file, length) = file(&bytes);
            let frame = Frame::read(&file, length, 0).unwrap();
            assert_eq!((frame.head, frame.checksum, &frame.contents[..]), (head(3, 5), checksum, contents));
            assert_eq!(frame.next, length);
            assert_eq!(frame.position(), Position { revision: Revision(5), chain: checksum });
        }
    }

    #[test]
    fn no_bit_of_a_frame_can_change() {
        let (bytes, _) = head(3, 5).encode(b"some contents");
        for bit in 0..(HEAD + 13) * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (file, length) = file(&bytes);
            assert_eq!(Frame::read(&file, length, 0), None, "bit {bit}");
        }
        for length in 0..HEAD + 13 {
            let (file, length) = file(&bytes[..length]);
            assert_eq!(Frame::read(&file, length, 0), None, "cut at {length}");
        }
    }

    #[test]
    fn the_next_whole_one_is_found_behind_a_broken_one() {
        let (mut bytes, _) = head(1, 1).encode(&[5; 2000]);
        let first = bytes.len() as u64;
        bytes.extend(head(2, 2).encode(b"next").0);
        bytes[100] ^= 1;
        let (file, length) = file(&bytes);
        assert_eq!(Frame::read(&file, length, 0), None);
        let (at, frame) = find_next(&file, length, 0).unwrap();
        assert_eq!((at, frame.head), (first, head(2, 2)));
        assert_eq!(find_next(&file, length, at), None);
    }

    #[test]
    fn blank_is_nothing_but_zeros() {
        let mut bytes = vec![0; 200_000];
        assert!(is_blank(&file(&bytes).0, 200_000, 0).unwrap());
        bytes[199_999] = 1;
        assert!(!is_blank(&file(&bytes).0, 200_000, 512).unwrap());
        assert!(is_blank(&file(&bytes).0, 199_999, 512).unwrap());
    }
}
