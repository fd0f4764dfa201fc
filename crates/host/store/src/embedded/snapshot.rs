//! A snapshot: every object as of one revision, in a file of its own.
//!
//! It stands under its name when it is whole and safe, never before. What is wrong with it later is damage, and known
//! by the checksums.

use redb::StorageBackend;

use super::files::{Files, UNFINISHED};
use super::frame::{Fields, Frame, Head, Kind, Position, put_bytes};
use super::tables::SCHEMA;
use crate::{Item, Revision, StoreError};

/// How much of the objects a frame holds.
const FRAME: usize = 64 << 10;

/// A whole snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) name: String,
    /// The point in the history that it shows.
    pub(super) at: Position,
    /// Whether a segment of the journal that begins here was there before it.
    pub(super) journaled: bool,
    /// The version in which it was written.
    pub(super) schema: u64,
    pub(super) objects: u64,
    pub(super) bytes: u64,
}

/// How its names begin; a revision follows.
pub(super) const PREFIX: &str = "snapshot-";

/// The name of the snapshot of this revision.
pub(super) fn name(revision: Revision) -> String {
    format!("{PREFIX}{:020}", revision.0)
}

/// Writes a snapshot of these objects, safely. Its size.
pub(super) fn write(
    files: &dyn Files,
    at: Position,
    journaled: bool,
    objects: impl Iterator<Item = Result<Item, StoreError>>,
) -> Result<u64, StoreError> {
    let (name, unfinished) = (name(at.revision), name(at.revision) + UNFINISHED);
    let written = write_unfinished(files, &unfinished, at, journaled, objects);
    let done = written.and_then(|bytes| files.finish(&unfinished, &name).map(|()| bytes));
    if done.is_err() {
        // It takes room, and the next start would remove it anyway.
        let _ = files.remove(&unfinished);
    }
    done
}

fn write_unfinished(
    files: &dyn Files,
    name: &str,
    at: Position,
    journaled: bool,
    objects: impl Iterator<Item = Result<Item, StoreError>>,
) -> Result<u64, StoreError> {
    let failed = |error| files.failed("write", name, error);
    let file = files.create(name).map_err(failed)?;
    let head = |kind, previous| Head { kind, previous, first: at.revision, last: at.revision };
    let mut contents = SCHEMA.to_le_bytes().to_vec();
    contents.extend(u32::from(journaled).to_le_bytes());
    let (mut end, mut previous, mut count) = (0, at.chain, 0_u64);
    let mut put = |kind, contents: &[u8]| {
        let (bytes, checksum) = head(kind, previous).encode(contents);
        file.write(end, &bytes).map_err(failed)?;
        end += bytes.len() as u64;
        previous = checksum;
        Ok::<_, StoreError>(end)
    };
    put(Kind::Snapshot, &contents)?;
    contents.clear();
    for object in objects {
        let object = object?;
        contents.extend(object.revision.0.to_le_bytes());
        put_bytes(&mut contents, object.key.as_bytes());
        put_bytes(&mut contents, &object.value);
        count += 1;
        if contents.len() >= FRAME {
            put(Kind::Objects, &contents)?;
            contents.clear();
        }
    }
    if !contents.is_empty() {
        put(Kind::Objects, &contents)?;
    }
    let bytes = put(Kind::End, &count.to_le_bytes())?;
    file.sync_data().map_err(failed)?;
    Ok(bytes)
}

/// Reads the snapshot of this name, and shows each object. None: it is not whole.
pub(super) fn read(
    files: &dyn Files,
    name: &str,
    mut show: impl FnMut(&str, Revision, &[u8]) -> Result<(), StoreError>,
) -> Result<Option<Snapshot>, StoreError> {
    let failed = |error| files.failed("read", name, error);
    let Some(file) = files.open(name).map_err(failed)? else { return Ok(None) };
    let length = file.len().map_err(failed)?;
    let Some(mut snapshot) = begin(&*file, name, length) else { return Ok(None) };
    let first = Frame::read(&*file, length, 0);
    let (mut at, mut previous) = first.map_or((0, 0), |first| (first.next, first.checksum));
    loop {
        let frame = Frame::read(&*file, length, at).filter(|frame| frame.head.previous == previous);
        let Some(frame) = frame else { return Ok(None) };
        let mut fields = Fields(&frame.contents);
        match frame.head.kind {
            Kind::Objects => {
                while !fields.0.is_empty() {
                    let (Some(revision), Some(key), Some(value)) =
                        (fields.u64(), fields.text(), fields.bytes())
                    else {
                        return Ok(None);
                    };
                    show(key, Revision(revision), value)?;
                    snapshot.objects += 1;
                }
            }
            Kind::End if fields.u64() == Some(snapshot.objects) => {
                snapshot.bytes = frame.next;
                return Ok(Some(snapshot));
            }
            _ => return Ok(None),
        }
        (at, previous) = (frame.next, frame.checksum);
    }
}

/// What its first frame says.
fn begin(file: &dyn StorageBackend, name: &str, length: u64) -> Option<Snapshot> {
    let frame = Frame::read(file, length, 0).filter(|frame| frame.head.kind == Kind::Snapshot)?;
    let mut fields = Fields(&frame.contents);
    let (schema, journaled) = (fields.u64()?, fields.u32()? != 0);
    let at = Position { revision: frame.head.last, chain: frame.head.previous };
    Some(Snapshot { name: name.to_owned(), at, journaled, schema, objects: 0, bytes: 0 })
}
