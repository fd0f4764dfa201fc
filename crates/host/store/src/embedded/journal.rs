//! The journal: every change, in the order of revisions, appended and synced beside the index's own commit.
//!
//! It is written in segments; a segment begins where a snapshot is taken, and goes when two later snapshots stand. A
//! segment's file is made longer by a chunk of zeros at a time: behind the last frame there is nothing else, and a
//! file of another length has lost its end.

use std::io;
use std::sync::Arc;

use super::files::{Files, Handle, UNFINISHED};
use super::frame::{Fields, Head, Kind, Position, put_bytes};
use super::tables::SCHEMA;
use crate::{Revision, StoreError, Value};

/// By how much a segment's file grows.
pub(super) const CHUNK: u64 = 256 << 10;

/// One key's change: its new value; none if it was deleted.
pub(super) type Change = (String, Option<Value>);

/// The end of the journal, where it is written.
#[derive(Debug)]
pub(super) struct Journal {
    files: Arc<dyn Files>,
    name: String,
    file: Handle,
    /// The last change that is in it.
    at: Position,
    /// Where the next frame is to be written.
    end: u64,
    /// The file's length.
    length: u64,
}

/// Transactions that are about to be written.
#[derive(Debug, Default)]
pub(super) struct Changes {
    contents: Vec<u8>,
}

/// A frame that is about to be written.
#[derive(Debug)]
pub(super) struct Entry {
    bytes: Vec<u8>,
    after: Position,
}

/// How its names begin; a revision follows.
pub(super) const PREFIX: &str = "journal-";

/// The name of the segment that begins after this revision.
pub(super) fn name(base: Revision) -> String {
    format!("{PREFIX}{:020}", base.0)
}

impl Changes {
    /// A transaction's changes.
    pub(super) fn push(&mut self, changes: &[(&str, Option<&[u8]>)]) {
        self.contents.extend((changes.len() as u64).to_le_bytes());
        for (key, new) in changes {
            put_bytes(&mut self.contents, key.as_bytes());
            self.contents.extend(u32::from(new.is_some()).to_le_bytes());
            if let Some(new) = new {
                put_bytes(&mut self.contents, new);
            }
        }
    }

    /// The transactions that a frame holds; none: it holds something else.
    pub(super) fn decode(contents: &[u8]) -> Option<Vec<Vec<Change>>> {
        let mut fields = Fields(contents);
        let mut transactions = Vec::new();
        while !fields.0.is_empty() {
            let mut changes = Vec::new();
            for _ in 0..fields.u64()? {
                let key = fields.text()?.to_owned();
                let new = if fields.u32()? == 0 { None } else { Some(fields.bytes()?.into()) };
                changes.push((key, new));
            }
            transactions.push(changes);
        }
        Some(transactions)
    }
}

impl Entry {
    /// The point in the history after it.
    pub(super) fn after(&self) -> Position {
        self.after
    }
}

impl Journal {
    /// A new segment that begins at this point.
    pub(super) fn begin(files: &Arc<dyn Files>, at: Position) -> Result<Self, StoreError> {
        let name = name(at.revision);
        let unfinished = name.clone() + UNFINISHED;
        let failed = |error| files.failed("write", &name, error);
        let head = Head { kind: Kind::Segment, previous: at.chain, first: at.revision, last: at.revision };
        let (mut bytes, _) = head.encode(&SCHEMA.to_le_bytes());
        let end = bytes.len() as u64;
        bytes.resize(usize::try_from(CHUNK).unwrap_or(usize::MAX), 0);
        let begun = files.create(&unfinished).and_then(|file| {
            file.write(0, &bytes)?;
            file.sync_data()?;
            Ok(file)
        });
        let file = begun.map_err(failed).inspect_err(|_| drop(files.remove(&unfinished)))?;
        files.finish(&unfinished, &name)?;
        Ok(Self { files: Arc::clone(files), name, file, at, end, length: CHUNK })
    }

    /// A segment that is there, whose last frame leads to this point and ends at this place. What stands behind it is
    /// taken away.
    pub(super) fn go_on(
        files: &Arc<dyn Files>,
        name: String,
        at: Position,
        end: u64,
    ) -> Result<Self, StoreError> {
        let failed = |error| files.failed("open", &name, error);
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let file = files.open(&name).and_then(|file| file.ok_or_else(missing)).map_err(failed)?;
        let length = end.next_multiple_of(CHUNK);
        let mut journal = Self { files: Arc::clone(files), name: name.clone(), file, at, end, length };
        journal.undo()?;
        Ok(journal)
    }

    /// Takes away what stands behind the last whole frame of a segment, which ends at this place: before another one
    /// follows it, since one that is followed ends well or is damaged.
    pub(super) fn end_well(files: &Arc<dyn Files>, name: &str, end: u64) -> Result<(), StoreError> {
        // Nothing is written to it any more: where its history is does not matter.
        let at = Position { revision: Revision(0), chain: 0 };
        Self::go_on(files, name.to_owned(), at, end).map(drop)
    }

    /// What is to be written of a group of transactions, the last of which has this revision.
    pub(super) fn entry(&self, changes: &Changes, last: Revision) -> Entry {
        let head =
            Head { kind: Kind::Changes, previous: self.at.chain, first: self.at.revision.next(), last };
        let (bytes, chain) = head.encode(&changes.contents);
        Entry { bytes, after: Position { revision: last, chain } }
    }

    /// Writes it: not safe before [`sync`](Self::sync), and not counted before [`written`](Self::written).
    pub(super) fn write(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let end = self.end + entry.bytes.len() as u64;
        let length = end.next_multiple_of(CHUNK).max(self.length);
        let grow = usize::try_from(length - self.length).unwrap_or(usize::MAX);
        let grown = if grow > 0 { self.file.write(self.length, &vec![0; grow]) } else { Ok(()) };
        let written = grown.and_then(|()| self.file.write(self.end, &entry.bytes));
        written.map_err(|error| self.files.failed("write", &self.name, error))?;
        self.length = length;
        Ok(())
    }

    /// Makes safe what was written.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|error| self.files.failed("sync", &self.name, error))
    }

    /// What was written counts.
    pub(super) fn written(&mut self, entry: &Entry) {
        self.end += entry.bytes.len() as u64;
        self.at = entry.after;
    }

    /// Takes away what was written and does not count, safely.
    pub(super) fn undo(&mut self) -> Result<(), StoreError> {
        let undone = (|| {
            if !super::frame::is_blank(&*self.file, self.file.len()?, self.end)?
                || self.file.len()? != self.length
            {
                self.file.set_len(self.end)?;
                self.file.set_len(self.length)?;
            }
            self.file.sync_data()
        })();
        undone.map_err(|error| self.files.failed("take back what was written to", &self.name, error))
    }

    /// The last change that is in it.
    pub(super) fn at(&self) -> Position {
        self.at
    }

    /// How much of the segment is written.
    pub(super) fn bytes(&self) -> u64 {
        self.end
    }
}
