//! The index: redb's file, whole, of a version that this build knows.
//!
//! A new one is made beside it and moved there when it is complete, so that a file at this path was once a whole index:
//! whatever is wrong with it later is damage. Every page's checksum is verified when it is opened.

use std::io;
use std::ops::Bound;

use redb::{BackendError, Builder, Database, ReadTransaction, ReadableDatabase, StorageBackend, TableError};

use super::apply::Tables;
use super::files::{Files, Handle, INDEX, UNFINISHED};
use super::frame::Position;
use super::tables::{META, META_CHAIN, META_COMPACTED, META_REVISION, META_SCHEMA, SCHEMA, failure};
use super::{Options, read};
use crate::{Revision, StoreError};

/// A file of less than this is not worth making smaller.
const SMALL: u64 = 16 << 20;

/// What there is of an index.
#[derive(Debug)]
pub(super) enum Index {
    /// No file.
    Missing,
    /// A file that is no whole index.
    Damaged(String),
    /// An index of this version or an older one.
    Whole { database: Database, schema: u64 },
}

impl Index {
    /// What is there. An index of a newer version is an error, and so is a disk that does not let it be seen.
    pub(super) fn find(files: &dyn Files, options: &Options) -> Result<Self, StoreError> {
        let found = files.open(INDEX).map_err(|error| files.failed("open", INDEX, error))?;
        let Some(file) = found else { return Ok(Self::Missing) };
        match open(files, file, options) {
            Ok((database, schema)) => Ok(Self::Whole { database, schema }),
            Err(StoreError::Corrupt { detail, .. }) => Ok(Self::Damaged(detail)),
            Err(other) => Err(other),
        }
    }
}

/// The index in this file, and its version.
pub(super) fn open(
    files: &dyn Files,
    file: Handle,
    options: &Options,
) -> Result<(Database, u64), StoreError> {
    let corrupt = |detail: &str| StoreError::Corrupt { path: files.path(INDEX), detail: detail.to_owned() };
    if file.len().map_err(|error| files.failed("look at", INDEX, error))? == 0 {
        return Err(corrupt("the file is empty"));
    }
    let database = database(files, file, options)?;
    let fail = |error: redb::Error| failure(&files.path(INDEX), "read", error);
    let txn = database.begin_read().map_err(|e| fail(e.into()))?;
    let meta = match txn.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => return Err(corrupt("it is another program's database")),
        other => other.map_err(|e| fail(e.into()))?,
    };
    let found = meta.get(META_SCHEMA).map_err(|e| fail(e.into()))?.map(|found| found.value());
    match found {
        Some(schema @ 1..=SCHEMA) => Ok((database, schema)),
        Some(found) if found > SCHEMA => {
            Err(StoreError::FromFuture { path: files.path(INDEX), found, known: SCHEMA })
        }
        _ => Err(corrupt("it has no schema version that was ever in use")),
    }
}

/// A new index, in a file that is not in its place yet: with what `fill` writes into it, up to this point of the history,
/// and no events of before.
pub(super) fn create(
    files: &dyn Files,
    options: &Options,
    schema: u64,
    at: Position,
    fill: impl FnOnce(&mut Tables<'_>) -> Result<(), StoreError>,
) -> Result<Database, StoreError> {
    let name = INDEX.to_owned() + UNFINISHED;
    let file = files.create(&name).map_err(|error| files.failed("create", &name, error))?;
    let database = database(files, file, options)?;
    let fail = |error: redb::Error| failure(&files.path(INDEX), "write", error);
    let txn = database.begin_write().map_err(|e| fail(e.into()))?;
    {
        let mut tables = Tables::open(&txn).map_err(fail)?;
        tables.set(META_SCHEMA, schema).map_err(fail)?;
        tables.set(META_COMPACTED, at.revision.0).map_err(fail)?;
        tables.reach(at).map_err(fail)?;
        fill(&mut tables)?;
    }
    txn.commit().map_err(|e| fail(e.into()))?;
    Ok(database)
}

/// Puts a new index in its place.
pub(super) fn install(files: &dyn Files) -> Result<(), StoreError> {
    files.finish(&(INDEX.to_owned() + UNFINISHED), INDEX)
}

/// The point in the history that the index shows.
pub(super) fn position(database: &Database, files: &dyn Files) -> Result<Position, StoreError> {
    let path = files.path(INDEX);
    let txn = database.begin_read().map_err(|error| failure(&path, "read", error))?;
    position_of(&txn, files)
}

/// The same, of one moment.
pub(super) fn position_of(txn: &ReadTransaction, files: &dyn Files) -> Result<Position, StoreError> {
    let path = files.path(INDEX);
    let chain = read::counter(txn, &path, META_CHAIN)?.0;
    let corrupt = |_| StoreError::Corrupt { path: path.clone(), detail: format!("its chain is {chain}") };
    Ok(Position {
        revision: read::counter(txn, &path, META_REVISION)?,
        chain: chain.try_into().map_err(corrupt)?,
    })
}

/// Gives back room of the file, if more than half of it is unused.
pub(super) fn shrink(database: &mut Database, files: &dyn Files) -> Result<(), StoreError> {
    let fail = |error: redb::Error| failure(&files.path(INDEX), "write", error);
    let size = |error| files.failed("look at", INDEX, error);
    let file = files.open(INDEX).map_err(size)?;
    let before = file.map_or(Ok(0), |file| file.len()).map_err(size)?;
    if before < SMALL {
        return Ok(());
    }
    let txn = database.begin_write().map_err(|e| fail(e.into()))?;
    let stats = txn.stats().map_err(|e| fail(e.into()))?;
    txn.abort().map_err(|e| fail(e.into()))?;
    if stats.allocated_pages().saturating_mul(stats.page_size() as u64) > before / 2 {
        return Ok(());
    }
    database.compact().map_err(|e| fail(e.into()))?;
    tracing::info!(path = %files.path(INDEX).display(), before, "the store's file was made smaller");
    Ok(())
}

/// The schema and the last revision of an index, as far as they can be read.
pub(super) fn revision(database: &Database, files: &dyn Files) -> Result<Revision, StoreError> {
    let path = files.path(INDEX);
    let txn = database.begin_read().map_err(|error| failure(&path, "read", error))?;
    read::revision(&txn, &path)
}

fn database(files: &dyn Files, file: Handle, options: &Options) -> Result<Database, StoreError> {
    Builder::new()
        .set_cache_size(options.cache)
        .set_check_integrity_on_open(true)
        .create_with_backend(Backend(file))
        .map_err(|error| failure(&files.path(INDEX), "open", error))
}

/// A file, as redb takes it.
#[derive(Debug)]
struct Backend(Handle);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}
