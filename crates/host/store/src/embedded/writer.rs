//! The thread that writes: all that waits, as one group, synced once in each file.
//!
//! A group's changes are made in a transaction of the index and written to the journal; then both are synced at the same
//! time. If either fails, both are brought back to where they agree, and what was asked for is answered accordingly.

use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use redb::{Database, Durability, ReadableDatabase, WriteTransaction};

use super::apply::Tables;
use super::archive::Archive;
use super::journal::{Changes, Entry, Journal};
use super::open::Opened;
use super::tables::{META_COMPACTED, META_REVISION, failure};
use super::{Options, Shared, View, index, open, rotation};
use crate::{Revision, StoreError, Txn};

/// How many transactions share a sync at most.
const BATCH: usize = 1024;

/// What the writer is asked for.
pub(super) enum Job {
    Commit {
        txn: Txn,
        reply: SyncSender<Result<Revision, StoreError>>,
    },
    Compact {
        before: Revision,
        reply: SyncSender<Result<(), StoreError>>,
    },
    /// Somebody could not read the index, which had been opened again so often.
    Verify {
        found: StoreError,
        opened: u64,
        reply: SyncSender<Result<(), StoreError>>,
    },
}

/// A job's result: a commit's revision, or nothing of interest.
type Done = Result<Revision, StoreError>;

pub(super) struct Writer {
    shared: Arc<Shared>,
    /// The open index, or why it is not open.
    database: Result<Database, StoreError>,
    /// How often it was opened again.
    opened: u64,
    /// Where to go on, or why that is not known: then it is made anew before anything else is written.
    journal: Result<Journal, StoreError>,
    jobs: Receiver<Job>,
    /// A snapshot that is being taken; its size.
    snapshot: Option<JoinHandle<Result<u64, StoreError>>>,
    /// How long the journal may become before the next one.
    limit: u64,
}

/// What a group of jobs does.
struct Group {
    done: Vec<Done>,
    revision: Revision,
    /// What the journal gets; none if nothing is changed but what is still known of the past.
    entry: Option<Entry>,
    changed: bool,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, opened: Opened, jobs: Receiver<Job>) -> Self {
        let limit = shared.options.journal;
        let (database, journal) = (Ok(opened.database), opened.journal);
        Self { shared, database, opened: 0, journal, jobs, snapshot: None, limit }
    }

    /// Until nobody can ask any more.
    pub(super) fn run(mut self) {
        while let Ok(first) = self.jobs.recv() {
            let mut jobs = vec![first];
            jobs.extend(self.jobs.try_iter().take(BATCH - 1));
            let done = self.write(&jobs);
            for (job, done) in jobs.into_iter().zip(done) {
                job.reply(done);
            }
            self.rotate_if_long();
        }
        self.end_snapshot();
    }

    /// The jobs' results; told to nobody before they are safe.
    fn write(&mut self, jobs: &[Job]) -> Vec<Done> {
        match self.try_write(jobs) {
            Ok(done) => done,
            Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn try_write(&mut self, jobs: &[Job]) -> Result<Vec<Done>, StoreError> {
        let unreadable = jobs.iter().find_map(|job| match job {
            Job::Verify { found, opened, .. } if *opened == self.opened => Some(found.clone()),
            _ => None,
        });
        if let Some(found) = unreadable {
            tracing::error!(path = %self.shared.path.display(), error = %found, "the store could not be read");
            self.open_again(found)?;
        }
        if let Err(error) = &self.database {
            self.open_again(error.clone())?;
        }
        let (txn, group) = match self.journal().and_then(|()| self.fill(jobs)) {
            Ok(filled) => filled,
            Err(error) => return Err(self.after_failed_attempt(error)),
        };
        let committed = self.commit(txn, &group).and_then(|done| self.view().map(|view| (done, view)));
        match committed {
            Ok((done, view)) => {
                let revision = view.revision;
                *self.shared.view.write().unwrap_or_else(PoisonError::into_inner) = Ok(Arc::new(view));
                self.tell(revision);
                done.map(|()| group.done)
            }
            Err(error) => self.after_failed_commit(group, error),
        }
    }

    /// The present state, for readers.
    fn view(&self) -> Result<View, StoreError> {
        View::of(self.database.as_ref().map_err(Clone::clone)?, &self.shared.path, self.opened)
    }

    /// Tells who waits for it that there is something new to be read.
    fn tell(&self, revision: Revision) {
        if revision > *self.shared.changed.borrow() {
            self.shared.changed.send_replace(revision);
        }
    }

    /// Sees to it that there is a journal to write to.
    fn journal(&mut self) -> Result<(), StoreError> {
        if self.journal.is_err() {
            let database = self.database.as_ref().map_err(Clone::clone)?;
            let files = &self.shared.files;
            self.journal =
                Archive::read(files).and_then(|archive| rotation::attach(files, database, &archive));
        }
        self.journal.as_ref().map(drop).map_err(Clone::clone)
    }

    /// Every job's changes in one transaction.
    fn fill(&self, jobs: &[Job]) -> Result<(WriteTransaction, Group), StoreError> {
        let database = self.database.as_ref().map_err(Clone::clone)?;
        let fail = |error: redb::Error| failure(&self.shared.path, "write", error);
        let mut txn = database.begin_write().map_err(|e| fail(e.into()))?;
        txn.set_durability(Durability::Immediate).map_err(|e| fail(e.into()))?;
        let kept = &self.shared.options;
        let journal = self.journal.as_ref().map_err(Clone::clone)?;
        let group = Tables::open(&txn).and_then(|mut tables| fill(&mut tables, jobs, kept, journal));
        group.map(|group| (txn, group)).map_err(fail)
    }

    /// Makes the group safe: in the journal and in the index at the same time. If there is no room in the journal, nothing
    /// was done; after any other failure it has to be looked what was.
    fn commit(&mut self, txn: WriteTransaction, group: &Group) -> Result<Result<(), StoreError>, StoreError> {
        let fail = |error: redb::Error| failure(&self.shared.path, "write", error);
        if !group.changed {
            return txn.abort().map(Ok).map_err(|e| fail(e.into()));
        }
        let Some(entry) = &group.entry else { return txn.commit().map(Ok).map_err(|e| fail(e.into())) };
        let journal = self.journal.as_mut().map_err(|error| error.clone())?;
        if let Err(error) = journal.write(entry) {
            txn.abort().map_err(|e| fail(e.into()))?;
            journal.undo()?;
            return Ok(Err(error));
        }
        let (synced, committed) = std::thread::scope(|scope| {
            let synced = scope.spawn(|| journal.sync());
            let committed = txn.commit().map_err(|e| fail(e.into()));
            (synced.join(), committed)
        });
        let synced = synced.unwrap_or(Err(StoreError::Closed));
        committed.and(synced)?;
        journal.written(entry);
        Ok(Ok(()))
    }

    /// Nothing was written. The index may still have to be opened again to be usable.
    fn after_failed_attempt(&mut self, error: StoreError) -> StoreError {
        self.log(&error);
        if self.journal.is_ok() {
            self.open_again(error.clone()).unwrap_or_else(|again| self.log(&again));
        }
        error
    }

    /// A commit that failed may be in one of the files, in both, or in none. What the journal has of it is taken back if
    /// that can be done. Opened again, they agree: the group is there or it is not, and then it is safe too.
    fn after_failed_commit(&mut self, group: Group, error: StoreError) -> Result<Vec<Done>, StoreError> {
        self.log(&error);
        if let Ok(journal) = &mut self.journal {
            journal.undo().unwrap_or_else(|again| tracing::error!("{again}"));
        }
        let known = *self.shared.changed.borrow();
        self.open_again(error.clone()).map_err(|again| StoreError::Unsure {
            path: self.shared.path.clone(),
            detail: format!("{error}; {again}"),
        })?;
        let found = *self.shared.changed.borrow();
        if group.revision > known && found == group.revision { Ok(group.done) } else { Err(error) }
    }

    /// Closes the index, and opens it again: redb refuses everything after an error of the disk. Readers wait for it.
    fn open_again(&mut self, why: StoreError) -> Result<(), StoreError> {
        self.end_snapshot();
        let shared = Arc::clone(&self.shared);
        let mut view = shared.view.write().unwrap_or_else(PoisonError::into_inner);
        *view = Err(why.clone());
        self.database = Err(why);
        self.opened += 1;
        match self.open_as_it_was().and_then(|()| self.view()) {
            Ok(opened) => {
                let revision = opened.revision;
                *view = Ok(Arc::new(opened));
                drop(view);
                self.tell(revision);
                Ok(())
            }
            Err(error) => {
                *view = Err(error.clone());
                self.database = Err(error.clone());
                Err(error)
            }
        }
    }

    /// The store again, if it has everything that it had.
    fn open_as_it_was(&mut self) -> Result<(), StoreError> {
        let shared = &self.shared;
        let opened = open::open(&shared.files, &shared.options)?;
        let (found, known) = (index::revision(&opened.database, &*shared.files)?, *shared.changed.borrow());
        if found < known {
            let detail = format!("its revision went back from {known} to {found}");
            return Err(StoreError::Corrupt { path: shared.path.clone(), detail });
        }
        (self.database, self.journal) = (Ok(opened.database), opened.journal);
        if opened.recovery.is_some() {
            *shared.recovered.lock().unwrap_or_else(PoisonError::into_inner) = opened.recovery;
        }
        Ok(())
    }

    /// Begins a new segment of the journal and a snapshot, when the present one is long.
    fn rotate_if_long(&mut self) {
        if self.snapshot.as_ref().is_some_and(JoinHandle::is_finished) {
            self.end_snapshot();
        }
        let is_long = self.journal.as_ref().is_ok_and(|journal| journal.bytes() >= self.limit);
        if is_long && self.snapshot.is_none() {
            match self.rotate() {
                Ok(snapshot) => self.snapshot = Some(snapshot),
                Err(error) => self.put_off(&error),
            }
        }
    }

    fn rotate(&mut self) -> Result<JoinHandle<Result<u64, StoreError>>, StoreError> {
        let database = self.database.as_ref().map_err(Clone::clone)?;
        let journal = self.journal.as_mut().map_err(|error| error.clone())?;
        let txn = database.begin_read().map_err(|error| failure(&self.shared.path, "read", error))?;
        *journal = Journal::begin(&self.shared.files, journal.at())?;
        let (files, at) = (Arc::clone(&self.shared.files), journal.at());
        let take = move || rotation::take(&*files, &txn, at);
        let taken = std::thread::Builder::new().name("store-snapshot".to_owned()).spawn(take);
        taken.map_err(|error| self.shared.io("start the snapshot of", error))
    }

    /// Waits for the snapshot that is being taken, if there is one.
    fn end_snapshot(&mut self) {
        let Some(snapshot) = self.snapshot.take() else { return };
        match snapshot.join() {
            Ok(Ok(bytes)) => self.limit = self.shared.options.journal.max(bytes.saturating_mul(2)),
            Ok(Err(error)) => self.put_off(&error),
            Err(_) => self.put_off(&StoreError::Closed),
        }
    }

    /// Nothing is lost without a new snapshot: the journal becomes longer.
    fn put_off(&mut self, error: &StoreError) {
        let written = self.journal.as_ref().map_or(0, Journal::bytes);
        self.limit = written.saturating_add(self.shared.options.journal);
        tracing::warn!(path = %self.shared.path.display(), %error, "no snapshot of the store could be taken");
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
            Self::Compact { reply, .. } | Self::Verify { reply, .. } => reply.send(done.map(|_| ())).is_ok(),
        };
    }
}

/// Makes every job's changes, and says what they did.
fn fill(
    tables: &mut Tables<'_>,
    jobs: &[Job],
    kept: &Options,
    journal: &Journal,
) -> Result<Group, redb::Error> {
    let began = tables.counter(META_REVISION)?;
    let (mut revision, compacted) = (began, tables.counter(META_COMPACTED)?);
    let (mut done, mut changes) = (Vec::with_capacity(jobs.len()), Changes::default());
    for job in jobs {
        done.push(match job {
            Job::Commit { txn, .. } => tables.commit(txn, &mut revision, &mut changes)?,
            Job::Compact { before, .. } => {
                tables.compact((*before).min(revision.next()))?;
                Ok(revision)
            }
            Job::Verify { .. } => Ok(revision),
        });
    }
    let entry = (revision > began).then(|| journal.entry(&changes, revision));
    if let Some(entry) = &entry {
        tables.reach(entry.after())?;
        tables.trim(kept)?;
    }
    let changed = entry.is_some() || tables.counter(META_COMPACTED)? > compacted;
    Ok(Group { done, revision, entry, changed })
}
