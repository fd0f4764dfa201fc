//! Opening the file: whole, of a version that this build knows, by one process.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase, TableError};

use super::Options;
use super::tables::{EVENTS, META, META_COMPACTED, META_REVISION, META_SCHEMA, OBJECTS, SCHEMA, failure};
use crate::StoreError;

/// The store's file in this directory, which is made if there is none.
pub(super) fn file(directory: &Path) -> Result<PathBuf, StoreError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|error| io_error("create the directory", directory, error))?;
    Ok(directory.join("store.redb"))
}

/// The database in this file. A new one is made beside it and moved there when it is complete, so that a file at this
/// path was once a whole store: whatever is wrong with it later is damage.
pub(super) fn open_or_create(
    directory: &Path,
    path: &Path,
    options: &Options,
) -> Result<Database, StoreError> {
    if path.try_exists().map_err(|error| io_error("look for", path, error))? {
        return open_existing(path, options);
    }
    let fresh = directory.join("store.redb.new");
    let database = match create(&fresh, options) {
        Err(StoreError::Corrupt { .. }) => {
            // What a daemon left that died in the midst of this.
            fs::remove_file(&fresh).map_err(|error| io_error("remove", &fresh, error))?;
            create(&fresh, options)
        }
        done => done,
    }?;
    fs::rename(&fresh, path).map_err(|error| io_error("move the new store to", path, error))?;
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| io_error("sync the directory", directory, error))?;
    Ok(database)
}

/// The database in this file, which exists.
pub(super) fn open_existing(path: &Path, options: &Options) -> Result<Database, StoreError> {
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = file.map_err(|error| io_error("open", path, error))?;
    let metadata = file.metadata().map_err(|error| io_error("look at", path, error))?;
    if metadata.len() == 0 {
        return Err(StoreError::Corrupt { path: path.to_owned(), detail: "the file is empty".to_owned() });
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        let set = file.set_permissions(Permissions::from_mode(0o600));
        set.map_err(|error| io_error("set the mode of", path, error))?;
    }
    let database = open_file(path, file, options)?;
    check_schema(&database, path)?;
    Ok(database)
}

fn create(path: &Path, options: &Options) -> Result<Database, StoreError> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(|error| io_error("create", path, error))?;
    let database = open_file(path, file, options)?;
    let fail = |error: redb::Error| failure(path, "write", error);
    let txn = database.begin_write().map_err(|e| fail(e.into()))?;
    {
        let mut meta = txn.open_table(META).map_err(|e| fail(e.into()))?;
        for (name, value) in [(META_SCHEMA, SCHEMA), (META_REVISION, 0), (META_COMPACTED, 0)] {
            meta.insert(name, value).map_err(|e| fail(e.into()))?;
        }
        txn.open_table(OBJECTS).map_err(|e| fail(e.into()))?;
        txn.open_table(EVENTS).map_err(|e| fail(e.into()))?;
    }
    txn.commit().map_err(|e| fail(e.into()))?;
    Ok(database)
}

fn open_file(path: &Path, file: File, options: &Options) -> Result<Database, StoreError> {
    let backend = FileBackend::new(file).map_err(|error| failure(path, "open", error))?;
    Builder::new()
        .set_cache_size(options.cache)
        .set_check_integrity_on_open(true)
        .create_with_backend(backend)
        .map_err(|error| failure(path, "open", error))
}

fn check_schema(database: &Database, path: &Path) -> Result<(), StoreError> {
    let corrupt = |detail: &str| StoreError::Corrupt { path: path.to_owned(), detail: detail.to_owned() };
    let fail = |error: redb::Error| failure(path, "read", error);
    let txn = database.begin_read().map_err(|e| fail(e.into()))?;
    let meta = match txn.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => return Err(corrupt("it is another program's database")),
        other => other.map_err(|e| fail(e.into()))?,
    };
    let found = meta.get(META_SCHEMA).map_err(|e| fail(e.into()))?.map(|found| found.value());
    match found {
        Some(SCHEMA) => {}
        Some(found) if found > SCHEMA => {
            return Err(StoreError::FromFuture { path: path.to_owned(), found, known: SCHEMA });
        }
        _ => return Err(corrupt("it has no schema version that was ever in use")),
    }
    txn.open_table(OBJECTS).map_err(|e| fail(e.into()))?;
    txn.open_table(EVENTS).map_err(|e| fail(e.into()))?;
    Ok(())
}

fn io_error(operation: &'static str, path: &Path, error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StoreError::Full { path: path.to_owned(), source: Arc::new(error) }
        }
        _ => StoreError::Io { operation, path: path.to_owned(), source: Arc::new(error) },
    }
}
