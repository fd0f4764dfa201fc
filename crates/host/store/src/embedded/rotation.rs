//! When the journal has become long: a new segment, a snapshot of where it begins, and what is no longer needed goes.
//!
//! The last two snapshots are kept with all that follows them, so that one of them may be damaged too.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;

use redb::{Database, ReadTransaction, ReadableDatabase};

use super::archive::{Archive, Path, numbered};
use super::files::{Files, INDEX, UNFINISHED};
use super::frame::Position;
use super::journal::{self, Journal};
use super::snapshot::Snapshot;
use super::tables::{OBJECTS, SCHEMA, failure};
use super::{index, snapshot};
use crate::{Item, Revision, StoreError};

/// How many snapshots are kept.
const SNAPSHOTS: usize = 2;

/// Where a history begins: no other begins so.
pub(super) fn new_chain() -> u32 {
    let random = RandomState::new().hash_one(());
    u32::try_from(random >> 32).unwrap_or_default()
}

/// The journal that goes on from where the index is: the one that is there if it leads to this point, is whole and
/// has a snapshot; else a new one, with a snapshot of the index.
pub(super) fn attach(
    files: &Arc<dyn Files>,
    database: &Database,
    archive: &Archive,
) -> Result<Journal, StoreError> {
    let at = index::position(database, &**files)?;
    let leads_here = |(newest, path): (&Snapshot, Path)| newest.schema == SCHEMA && path.end == at;
    let covers = archive.newest().is_some_and(leads_here);
    match archive.open_end(at).filter(|_| covers && archive.damaged.is_empty()) {
        Some((name, end)) => Journal::go_on(files, name, at, end),
        None => {
            if let Some((name, end)) = archive.cut_end() {
                Journal::end_well(files, name, end)?;
            }
            renew(files, database)
        }
    }
}

/// A new journal, with a snapshot of the index to begin with.
fn renew(files: &Arc<dyn Files>, database: &Database) -> Result<Journal, StoreError> {
    let path = files.path(INDEX);
    let txn = database.begin_read().map_err(|error| failure(&path, "read", error))?;
    let at = index::position_of(&txn, &**files)?;
    let journal = Journal::begin(files, at)?;
    take(&**files, &txn, at)?;
    Ok(journal)
}

/// Takes a snapshot, and removes what is no longer needed then. Its size.
pub(super) fn take(files: &dyn Files, txn: &ReadTransaction, at: Position) -> Result<u64, StoreError> {
    let fail = |error: redb::Error| failure(&files.path(INDEX), "read", error);
    let objects = txn.open_table(OBJECTS).map_err(|e| fail(e.into()))?;
    let rows = objects.range::<&str>(..).map_err(|e| fail(e.into()))?;
    let items = rows.map(|row| {
        let (key, found) = row.map_err(|e| fail(e.into()))?;
        let (revision, value) = found.value();
        Ok(Item { key: key.value().to_owned(), value: value.into(), revision: Revision(revision) })
    });
    let bytes = snapshot::write(files, at, true, items)?;
    tidy(files)?;
    Ok(bytes)
}

/// Removes snapshots and segments that two later snapshots make needless.
pub(super) fn tidy(files: &dyn Files) -> Result<(), StoreError> {
    let names = files.names().map_err(|error| files.failed("list", "", error))?;
    let of = |prefix: &str| -> Vec<Revision> {
        let mut found: Vec<_> = names.iter().filter_map(|name| numbered(name, prefix)).collect();
        found.sort();
        found
    };
    let (snapshots, segments) = (of(snapshot::PREFIX), of(journal::PREFIX));
    let Some(oldest) = snapshots.iter().rev().nth(SNAPSHOTS - 1) else { return Ok(()) };
    let snapshots = snapshots.iter().filter(|at| *at < oldest).map(|at| snapshot::name(*at));
    let followed = segments.windows(2).filter(|pair| pair[1] <= *oldest);
    for name in snapshots.chain(followed.map(|pair| journal::name(pair[0]))) {
        files.remove(&name).map_err(|error| files.failed("remove", &name, error))?;
    }
    Ok(())
}

/// Removes what was begun and never finished.
pub(super) fn remove_unfinished(files: &dyn Files) -> Result<(), StoreError> {
    let names = files.names().map_err(|error| files.failed("list", "", error))?;
    for name in names.iter().filter(|name| is_ours(name) && name.ends_with(UNFINISHED)) {
        files.remove(name).map_err(|error| files.failed("remove", name, error))?;
    }
    Ok(())
}

/// Keeps all of snapshots and journal under other names.
pub(super) fn set_all_aside(files: &dyn Files, why: &str) -> Result<Vec<PathBuf>, StoreError> {
    let names = files.names().map_err(|error| files.failed("list", "", error))?;
    let beside = |name: &&String| {
        [snapshot::PREFIX, journal::PREFIX].iter().any(|prefix| numbered(name, prefix).is_some())
    };
    let aside = names.iter().filter(beside).map(|name| files.set_aside(name, why)).collect();
    files.sync().map_err(|error| files.failed("sync", "", error))?;
    aside
}

/// Whether a file of this name is one of a store, or was.
pub(super) fn is_ours(name: &str) -> bool {
    [INDEX, snapshot::PREFIX, journal::PREFIX].iter().any(|ours| name.starts_with(ours))
}
