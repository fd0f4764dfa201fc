//! The thread that writes: all that waits, in one transaction, with one sync.

use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, PoisonError};

use redb::{Database, Durability, ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use super::tables::{EVENTS, EventRow, META, META_COMPACTED, META_REVISION, OBJECTS, failure};
use super::{Shared, begin_read, open, read};
use crate::{Revision, StoreError, Txn};

/// How many transactions share a sync at most.
const BATCH: usize = 1024;

/// What the writer is asked for.
pub(super) enum Job {
    Commit { txn: Txn, reply: SyncSender<Result<Revision, StoreError>> },
    Compact { before: Revision, reply: SyncSender<Result<(), StoreError>> },
}

/// A job's result: a commit's revision, or nothing of interest.
type Done = Result<Revision, StoreError>;

pub(super) struct Writer {
    shared: Arc<Shared>,
    jobs: Receiver<Job>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, jobs: Receiver<Job>) -> Self {
        Self { shared, jobs }
    }

    /// Until nobody can ask any more.
    pub(super) fn run(self) {
        while let Ok(first) = self.jobs.recv() {
            let mut jobs = vec![first];
            jobs.extend(self.jobs.try_iter().take(BATCH - 1));
            let done = self.write(&jobs);
            for (job, done) in jobs.into_iter().zip(done) {
                job.reply(done);
            }
        }
    }

    /// The jobs' results; told to nobody before they are safe.
    fn write(&self, jobs: &[Job]) -> Vec<Done> {
        match self.try_write(jobs) {
            Ok((done, revision)) => {
                if revision > *self.shared.changed.borrow() {
                    self.shared.changed.send_replace(revision);
                }
                done
            }
            Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn try_write(&self, jobs: &[Job]) -> Result<(Vec<Done>, Revision), StoreError> {
        self.open_again_if_closed()?;
        let fail = |error: redb::Error| failure(&self.shared.path, "write", error);
        let (attempted, committed) = {
            let database = self.shared.database.read().unwrap_or_else(PoisonError::into_inner);
            let database = database.as_ref().map_err(Clone::clone)?;
            let mut txn = database.begin_write().map_err(|e| fail(e.into()))?;
            txn.set_durability(Durability::Immediate).map_err(|e| fail(e.into()))?;
            let attempted = self.fill(&txn, jobs);
            let committed = match &attempted {
                Ok(batch) if batch.changed => txn.commit().map_err(|e| fail(e.into())),
                _ => txn.abort().map_err(|e| fail(e.into())),
            };
            (attempted, committed)
        };
        match (attempted, committed) {
            (Ok(batch), Ok(())) => Ok((batch.done, batch.revision)),
            (Ok(batch), Err(error)) => self.after_failed_commit(batch, error),
            (Err(error), _) => {
                self.close(&error);
                // What was not committed is not there: this only makes the store usable again.
                self.open_again_if_closed().unwrap_or_else(|again| self.log(&again));
                Err(error)
            }
        }
    }

    /// Every job's changes in one transaction.
    fn fill(&self, txn: &WriteTransaction, jobs: &[Job]) -> Result<Batch, StoreError> {
        let fail = |error: redb::Error| failure(&self.shared.path, "write", error);
        let mut tables = Tables {
            objects: txn.open_table(OBJECTS).map_err(|e| fail(e.into()))?,
            events: txn.open_table(EVENTS).map_err(|e| fail(e.into()))?,
            meta: txn.open_table(META).map_err(|e| fail(e.into()))?,
        };
        let kept = self.shared.options.kept_events;
        tables.fill(jobs, kept).map_err(fail)
    }

    /// A commit that failed may be there all the same: opened again, the file says whether it is. Then it is safe too,
    /// since opening syncs.
    fn after_failed_commit(
        &self,
        batch: Batch,
        error: StoreError,
    ) -> Result<(Vec<Done>, Revision), StoreError> {
        self.log(&error);
        self.close(&error);
        let path = &self.shared.path;
        let unsure = |again: StoreError| StoreError::Unsure {
            path: path.clone(),
            detail: format!("{error}; {again}"),
        };
        self.open_again_if_closed().map_err(unsure)?;
        let found = self.shared.read(read::revision).map_err(unsure)?;
        if batch.revision > *self.shared.changed.borrow() && found == batch.revision {
            Ok((batch.done, batch.revision))
        } else {
            Err(error)
        }
    }

    /// Closes the file: redb refuses everything after an error of the disk.
    fn close(&self, error: &StoreError) {
        let mut database = self.shared.database.write().unwrap_or_else(PoisonError::into_inner);
        *database = Err(error.clone());
    }

    fn open_again_if_closed(&self) -> Result<(), StoreError> {
        if self.shared.database.read().unwrap_or_else(PoisonError::into_inner).is_ok() {
            return Ok(());
        }
        let mut database = self.shared.database.write().unwrap_or_else(PoisonError::into_inner);
        let opened = self.open_as_it_was();
        let result = opened.as_ref().map(|_| ()).map_err(Clone::clone);
        *database = opened;
        result
    }

    /// The file again, if it is the one that was closed and nobody else wrote it meanwhile.
    fn open_as_it_was(&self) -> Result<Database, StoreError> {
        let path = &self.shared.path;
        let database = open::open_existing(path, &self.shared.options)?;
        let (found, known) =
            (read::revision(&begin_read(&database, path)?, path)?, *self.shared.changed.borrow());
        if found < known {
            let detail = format!("its revision went back from {known} to {found}");
            return Err(StoreError::Corrupt { path: path.clone(), detail });
        }
        Ok(database)
    }

    fn log(&self, error: &StoreError) {
        tracing::error!(path = %self.shared.path.display(), %error, "the store could not be written");
    }
}

impl Job {
    fn reply(self, done: Done) {
        // Who asked may be gone, and then nobody wants to know.
        let _ = match self {
            Self::Commit { reply, .. } => reply.send(done).is_ok(),
            Self::Compact { reply, .. } => reply.send(done.map(|_| ())).is_ok(),
        };
    }
}

/// What a batch would do.
struct Batch {
    done: Vec<Done>,
    revision: Revision,
    changed: bool,
}

/// The tables of one write transaction.
struct Tables<'txn> {
    objects: Table<'txn, &'static str, (u64, &'static [u8])>,
    events: Table<'txn, (u64, u32), EventRow<'static>>,
    meta: Table<'txn, &'static str, u64>,
}

impl Tables<'_> {
    fn fill(&mut self, jobs: &[Job], kept_events: u64) -> Result<Batch, redb::Error> {
        let began = self.counter(META_REVISION)?;
        let (mut revision, compacted) = (began, self.counter(META_COMPACTED)?);
        let mut done = Vec::with_capacity(jobs.len());
        for job in jobs {
            done.push(match job {
                Job::Commit { txn, .. } => self.commit(txn, &mut revision)?,
                Job::Compact { before, .. } => {
                    self.compact((*before).min(revision.next()))?;
                    Ok(revision)
                }
            });
        }
        if revision > began {
            self.meta.insert(META_REVISION, revision.0)?;
            self.trim(kept_events)?;
        }
        let changed = revision > began || self.counter(META_COMPACTED)? > compacted;
        Ok(Batch { done, revision, changed })
    }

    fn commit(&mut self, txn: &Txn, revision: &mut Revision) -> Result<Done, redb::Error> {
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
        let next = revision.next();
        let mut number = 0;
        for (key, new) in changes {
            let new = new.map(AsRef::as_ref);
            let previous = match new {
                Some(value) => self.objects.insert(key, (next.0, value))?,
                None => self.objects.remove(key)?,
            };
            let previous = previous.as_ref().map(|previous| previous.value().1);
            if new.is_some() || previous.is_some() {
                self.events.insert((next.0, number), (key, new, previous))?;
                number += 1;
            }
        }
        if number > 0 {
            *revision = next;
        }
        Ok(Ok(*revision))
    }

    /// Forgets the oldest events beyond this many, and the rest of a revision that it began to forget.
    fn trim(&mut self, kept: u64) -> Result<(), redb::Error> {
        let mut last = None;
        for _ in kept..self.events.len()? {
            last = self.events.pop_first()?.map(|(at, _)| at.value().0);
        }
        match last {
            Some(last) => self.compact(Revision(last).next()),
            None => Ok(()),
        }
    }

    fn compact(&mut self, before: Revision) -> Result<(), redb::Error> {
        let is_before = |at: (u64, u32)| at.0 < before.0;
        while self.events.first()?.is_some_and(|(at, _)| is_before(at.value())) {
            self.events.pop_first()?;
        }
        let compacted = self.counter(META_COMPACTED)?.0.max(before.0.saturating_sub(1));
        self.meta.insert(META_COMPACTED, compacted)?;
        Ok(())
    }

    fn counter(&self, name: &str) -> Result<Revision, redb::Error> {
        let found = self.meta.get(name)?.map(|found| Revision(found.value()));
        found.ok_or_else(|| redb::Error::Corrupted(format!("it has no {name}")))
    }
}
