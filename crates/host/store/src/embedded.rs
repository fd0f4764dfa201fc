//! The store in one file, for one machine: redb, with the event log written in the transaction of the change itself.
//!
//! One thread writes. It takes all transactions that wait, makes them one redb transaction, and syncs once for all of
//! them: many writers share the price of the disk. A commit is acknowledged when that sync is done.
//!
//! A file that redb did not leave so is refused when it is opened: every page's checksum is verified.

mod open;
mod read;
mod tables;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender, SyncSender};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use redb::{Database, ReadTransaction, ReadableDatabase};
use tokio::sync::watch;

use crate::{Event, KEPT_EVENTS, Page, Revision, Store, StoreError, Txn, Versioned};
use writer::{Job, Writer};

/// How a store in a file is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many of the latest events are kept.
    pub kept_events: u64,
    /// How much of the file is kept in memory, in bytes.
    pub cache: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { kept_events: KEPT_EVENTS, cache: 64 << 20 }
    }
}

/// A store in a file. Closed when dropped.
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
    path: PathBuf,
    options: Options,
    /// The open file, or why it is not open: after an error of the disk it has to be opened again.
    database: RwLock<Result<Database, StoreError>>,
    changed: watch::Sender<Revision>,
}

impl Embedded {
    /// The store in this directory, which is made (mode 0700) if there is none.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::open_with(directory, Options::default())
    }

    /// The same, kept in another way.
    pub fn open_with(directory: &Path, options: Options) -> Result<Self, StoreError> {
        let path = open::file(directory)?;
        let database = open::open_or_create(directory, &path, &options)?;
        let revision = read::revision(&begin_read(&database, &path)?, &path)?;
        let changed = watch::Sender::new(revision);
        let shared = Arc::new(Shared { path, options, database: RwLock::new(Ok(database)), changed });
        let (jobs, waiting) = mpsc::channel();
        let writer = Writer::new(Arc::clone(&shared), waiting);
        let writer = std::thread::Builder::new().name("store".to_owned()).spawn(move || writer.run());
        let writer = writer.map_err(|error| shared.io("start the writer of", error))?;
        Ok(Self { shared, jobs: Some(jobs), writer: Some(writer) })
    }

    /// The file that it is in.
    pub fn path(&self) -> &Path {
        &self.shared.path
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
        self.shared.read(|txn, path| read::get(txn, path, key))
    }

    fn range(&self, prefix: &str, limit: usize, after: Option<&str>) -> Result<Page, StoreError> {
        self.shared.read(|txn, path| read::range(txn, path, prefix, limit, after))
    }

    fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        txn.changes()?;
        self.ask(|reply| Job::Commit { txn, reply })
    }

    fn events(&self, after: Revision, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.shared.read(|txn, path| read::events(txn, path, after, limit))
    }

    fn changed(&self) -> watch::Receiver<Revision> {
        self.shared.changed.subscribe()
    }

    fn compact(&self, before: Revision) -> Result<(), StoreError> {
        self.ask(|reply| Job::Compact { before, reply })
    }
}

impl Shared {
    /// Reads from one moment's state.
    fn read<T>(
        &self,
        read: impl FnOnce(&ReadTransaction, &Path) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().map_err(Clone::clone)?;
        read(&begin_read(database, &self.path)?, &self.path)
    }

    fn io(&self, operation: &'static str, error: std::io::Error) -> StoreError {
        StoreError::Io { operation, path: self.path.clone(), source: Arc::new(error) }
    }
}

fn begin_read(database: &Database, path: &Path) -> Result<ReadTransaction, StoreError> {
    database.begin_read().map_err(|error| tables::failure(path, "read", error))
}
