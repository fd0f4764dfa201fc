//! Making changes in the index: those that are asked for, and those that the journal has.

use redb::{Database, Durability, ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use super::Options;
use super::archive::{Archive, Path};
use super::frame::Position;
use super::journal::Changes;
use super::tables::{
    EVENTS, EventRow, META, META_CHAIN, META_COMPACTED, META_EVENT_BYTES, META_REVISION, OBJECTS,
};
use crate::{Revision, StoreError, Txn};

/// A key, and its new value; none: it is deleted.
type Made<'a> = (&'a str, Option<&'a [u8]>);

/// The tables of one write transaction.
pub(super) struct Tables<'txn> {
    objects: Table<'txn, &'static str, (u64, &'static [u8])>,
    events: Table<'txn, (u64, u32), EventRow<'static>>,
    meta: Table<'txn, &'static str, u64>,
    /// Of all events, their keys and values: written when they are trimmed.
    event_bytes: u64,
}

impl<'txn> Tables<'txn> {
    /// The tables, made if they are not there.
    pub(super) fn open(txn: &'txn WriteTransaction) -> Result<Self, redb::Error> {
        let meta = txn.open_table(META)?;
        let event_bytes = meta.get(META_EVENT_BYTES)?.map_or(0, |found| found.value());
        Ok(Self { objects: txn.open_table(OBJECTS)?, events: txn.open_table(EVENTS)?, meta, event_bytes })
    }

    /// One of the counters in [`META`].
    pub(super) fn counter(&self, name: &str) -> Result<Revision, redb::Error> {
        let found = self.meta.get(name)?.map(|found| Revision(found.value()));
        found.ok_or_else(|| redb::Error::Corrupted(format!("it has no {name}")))
    }

    /// Sets one of them.
    pub(super) fn set(&mut self, name: &str, value: u64) -> Result<(), redb::Error> {
        self.meta.insert(name, value)?;
        Ok(())
    }

    /// Says that all changes up to this point are made.
    pub(super) fn reach(&mut self, at: Position) -> Result<(), redb::Error> {
        self.set(META_REVISION, at.revision.0)?;
        self.set(META_CHAIN, at.chain.into())
    }

    /// An object as it stands in a snapshot.
    pub(super) fn load(&mut self, key: &str, revision: Revision, value: &[u8]) -> Result<(), redb::Error> {
        self.objects.insert(key, (revision.0, value))?;
        Ok(())
    }

    /// A transaction's changes, if its compares hold; they have the revision after this one, if there are any.
    pub(super) fn commit(
        &mut self,
        txn: &Txn,
        revision: &mut Revision,
        journal: &mut Changes,
    ) -> Result<Result<Revision, StoreError>, redb::Error> {
        let changes = match txn.changes() {
            Ok(changes) => changes,
            Err(error) => return Ok(Err(error)),
        };
        for compare in &txn.compares {
            let written = self.objects.get(compare.key.as_str())?.map(|found| Revision(found.value().0));
            if !compare.expect.holds(written) {
                return Ok(Err(StoreError::Conflict { key: compare.key.clone() }));
            }
        }
        let changes: Vec<_> = changes.into_iter().map(|(key, new)| (key, new.map(AsRef::as_ref))).collect();
        let made = self.change(&changes, revision.next())?;
        if !made.is_empty() {
            *revision = revision.next();
            journal.push(&made);
        }
        Ok(Ok(*revision))
    }

    /// Makes these changes, with their events. What was one: a delete of what is not there is none.
    fn change<'a>(&mut self, changes: &[Made<'a>], revision: Revision) -> Result<Vec<Made<'a>>, redb::Error> {
        let mut made = Vec::with_capacity(changes.len());
        let (mut number, mut bytes) = (0, 0);
        for (key, new) in changes {
            let previous = match new {
                Some(value) => self.objects.insert(*key, (revision.0, *value))?,
                None => self.objects.remove(*key)?,
            };
            let previous = previous.as_ref().map(|previous| previous.value().1);
            if new.is_some() || previous.is_some() {
                let event = (*key, *new, previous);
                bytes += size(event);
                self.events.insert((revision.0, number), event)?;
                made.push((*key, *new));
                number += 1;
            }
        }
        self.event_bytes += bytes;
        Ok(made)
    }

    /// Forgets the oldest events beyond what is kept, and the rest of a revision that it began to forget.
    pub(super) fn trim(&mut self, kept: &Options) -> Result<(), redb::Error> {
        let (mut last, mut over) = (None, self.events.len()?.saturating_sub(kept.kept_events));
        while over > 0 || self.event_bytes > kept.kept_bytes {
            let Some(first) = self.pop_first_event()? else { break };
            last = Some(first);
            over = over.saturating_sub(1);
        }
        match last {
            Some(last) => self.compact(last.next()),
            None => self.set(META_EVENT_BYTES, self.event_bytes),
        }
    }

    fn pop_first_event(&mut self) -> Result<Option<Revision>, redb::Error> {
        let Some((at, event)) = self.events.pop_first()? else { return Ok(None) };
        self.event_bytes = self.event_bytes.saturating_sub(size(event.value()));
        Ok(Some(Revision(at.value().0)))
    }

    /// Forgets the events before this revision.
    pub(super) fn compact(&mut self, before: Revision) -> Result<(), redb::Error> {
        let is_before = |at: (u64, u32)| at.0 < before.0;
        while self.events.first()?.is_some_and(|(at, _)| is_before(at.value())) {
            self.pop_first_event()?;
        }
        self.set(META_EVENT_BYTES, self.event_bytes)?;
        let compacted = self.counter(META_COMPACTED)?.0.max(before.0.saturating_sub(1));
        self.set(META_COMPACTED, compacted)
    }
}

/// How long an event's key and values are.
fn size((key, new, previous): EventRow<'_>) -> u64 {
    let length = |value: Option<&[u8]>| value.map_or(0, <[u8]>::len);
    (key.len() + length(new) + length(previous)) as u64
}

/// Makes the changes of this path, which begins where the index ends.
pub(super) fn replay(
    database: &Database,
    archive: &Archive,
    path: &Path,
    kept: &Options,
    fail: &dyn Fn(redb::Error) -> StoreError,
) -> Result<(), StoreError> {
    if path.is_empty() {
        return Ok(());
    }
    let mut txn = database.begin_write().map_err(|e| fail(e.into()))?;
    txn.set_durability(Durability::Immediate).map_err(|e| fail(e.into()))?;
    {
        let mut tables = Tables::open(&txn).map_err(fail)?;
        let mut revision = tables.counter(META_REVISION).map_err(fail)?;
        archive.replay(path, |at, transactions| {
            for changes in transactions {
                revision = revision.next();
                let changes: Vec<_> =
                    changes.iter().map(|(key, new)| (key.as_str(), new.as_deref())).collect();
                tables.change(&changes, revision).map_err(fail)?;
            }
            tables.reach(at).map_err(fail)?;
            tables.trim(kept).map_err(fail)
        })?;
    }
    txn.commit().map_err(|e| fail(e.into()))
}
