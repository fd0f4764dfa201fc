//! The store in a directory, for one machine: an index, and a journal beside it.
//!
//! The index is redb's file: objects, events and the revision counter, written in one transaction. The journal has every
//! change a second time, and with the snapshots it begins with, the whole state ([`archive`]). One thread writes. It
//! takes all transactions that wait, makes them one group, and syncs both files for all of them at once: many writers
//! share the price of the disk. A commit is acknowledged when both are safe, so each file can make up for the other.
//!
//! What is damaged is found when the store is opened: every page of the index and every frame of the journal has a
//! checksum ([`open`](mod@open) says what is done then).

mod apply;
mod archive;
mod files;
mod frame;
mod index;
mod inspect;
mod journal;
mod open;
mod overlay;
mod read;
mod restore;
mod rotation;
mod schema;
mod snapshot;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use redb::{Database, ReadTransaction, ReadableDatabase};
use tokio::sync::watch;

use crate::{Event, KEPT_BYTES, KEPT_EVENTS, Page, Revision, Store, StoreError, Txn, Versioned};
use files::{Disk, Files, INDEX};
pub use inspect::{Condition, FileState, Inspection, inspect, peek};
pub use open::{Damage, Recovery};
pub use restore::{Restored, restore, restore_last_good};
use writer::{Job, Writer};

/// How a store in a directory is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many of the latest events are kept.
    pub kept_events: u64,
    /// How long their keys and values may be in all, in bytes: fewer are kept, if they are more.
    pub kept_bytes: u64,
    /// How much of the index is kept in memory, in bytes.
    pub cache: usize,
    /// How long the journal becomes, in bytes, before there is another snapshot; or twice as long as the last snapshot,
    /// if that is more.
    pub journal: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { kept_events: KEPT_EVENTS, kept_bytes: KEPT_BYTES, cache: 8 << 20, journal: 16 << 20 }
    }
}

/// A store in a directory. Closed when dropped.
#[derive(Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
    /// Taken when the store is closed.
    jobs: Option<Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

/// What readers and the writer share.
#[derive(Debug)]
struct Shared {
    files: Arc<dyn Files>,
    /// The index's file.
    path: PathBuf,
    options: Options,
    /// What readers see: the last state that is safe in both files. Or why there is none: after an error of the disk the
    /// index has to be opened again.
    view: RwLock<Result<Arc<View>, StoreError>>,
    changed: watch::Sender<Revision>,
    recovered: Mutex<Option<Recovery>>,
}

impl Embedded {
    /// The store in this directory, which is made (mode 0700) if there is none.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::open_with(directory, Options::default())
    }

    /// The same, kept in another way.
    pub fn open_with(directory: &Path, options: Options) -> Result<Self, StoreError> {
        Self::open_files(Disk::open(directory)?, options)
    }

    /// The store in these files.
    fn open_files(files: Arc<dyn Files>, options: Options) -> Result<Self, StoreError> {
        let opened = open::open(&files, &options)?;
        let view = View::of(&opened.database, &files.path(INDEX), 0)?;
        let shared = Arc::new(Shared {
            path: files.path(INDEX),
            files,
            options,
            changed: watch::Sender::new(view.revision),
            view: RwLock::new(Ok(Arc::new(view))),
            recovered: Mutex::new(opened.recovery.clone()),
        });
        let (jobs, waiting) = mpsc::channel();
        let writer = Writer::new(Arc::clone(&shared), opened, waiting);
        let writer = std::thread::Builder::new().name("store".to_owned()).spawn(move || writer.run());
        let writer = writer.map_err(|error| shared.io("start the writer of", error))?;
        Ok(Self { shared, jobs: Some(jobs), writer: Some(writer) })
    }

    /// The index's file. What belongs to it stands beside it.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// What was found damaged and made good, when it was opened or since; the latest of it.
    pub fn recovered(&self) -> Option<Recovery> {
        self.shared.recovered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads from one moment's state. What cannot be read is looked at, made good if that can be done, and read again.
    fn read<T>(
        &self,
        read: impl Fn(&ReadTransaction, &Path) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let path = &self.shared.path;
        let view = self.shared.view()?;
        match read(&view.txn, path) {
            Err(found @ (StoreError::Corrupt { .. } | StoreError::Io { .. })) => {
                self.ask(|reply| Job::Verify { found, opened: view.opened, reply })?;
                read(&self.shared.view()?.txn, path)
            }
            // The index was opened again meanwhile.
            Err(StoreError::Closed) => read(&self.shared.view()?.txn, path),
            done => done,
        }
    }

    /// Has the writer do a job, and waits for it.
    fn ask<T>(&self, job: impl FnOnce(SyncSender<Result<T, StoreError>>) -> Job) -> Result<T, StoreError> {
        let (reply, done) = mpsc::sync_channel(1);
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.send(job(reply)).map_err(|_| StoreError::Closed)?;
        done.recv().map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // Without a sender, the writer ends after what waits.
        self.jobs = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!(path = %self.shared.path.display(), "the store's writer had died");
        }
    }
}

impl Store for Embedded {
    fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        self.read(|txn, path| read::get(txn, path, key))
    }

    fn range(&self, prefix: &str, limit: usize, after: Option<&str>) -> Result<Page, StoreError> {
        self.read(|txn, path| read::range(txn, path, prefix, limit, after))
    }

    fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        txn.changes()?;
        self.ask(|reply| Job::Commit { txn, reply })
    }

    fn events(&self, after: Revision, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.read(|txn, path| read::events(txn, path, after, limit))
    }

    fn changed(&self) -> watch::Receiver<Revision> {
        self.shared.changed.subscribe()
    }

    fn compact(&self, before: Revision) -> Result<(), StoreError> {
        self.ask(|reply| Job::Compact { before, reply })
    }
}

impl Shared {
    /// What readers see now.
    fn view(&self) -> Result<Arc<View>, StoreError> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn io(&self, operation: &'static str, error: std::io::Error) -> StoreError {
        StoreError::Io { operation, path: self.path.clone(), source: Arc::new(error) }
    }
}

/// One moment's state of the index.
struct View {
    txn: ReadTransaction,
    revision: Revision,
    /// How often the index was opened again before.
    opened: u64,
}

impl View {
    /// The present state.
    fn of(database: &Database, path: &Path, opened: u64) -> Result<Self, StoreError> {
        let txn = database.begin_read().map_err(|error| tables::failure(path, "read", error))?;
        let revision = read::revision(&txn, path)?;
        Ok(Self { txn, revision, opened })
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("revision", &self.revision).finish_non_exhaustive()
    }
}
