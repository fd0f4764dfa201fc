//! Opening a store: the index, and the snapshots and journal beside it, brought to one point of the history.
//!
//! | the index | the journal | what is done |
//! |---|---|---|
//! | whole | goes on from it | what the journal has more is made in the index too |
//! | whole | ends before it, or is damaged | a new journal, with a snapshot of the index |
//! | damaged, gone, or of another history | makes up for all of it | a new index from the journal; the old one is kept |
//! | the same | does not | refused: what to do is for a person to say |

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use redb::Database;

use super::archive::Archive;
use super::files::{Files, INDEX};
use super::frame::Position;
use super::index::{self, Index};
use super::journal::Journal;
use super::tables::{SCHEMA, failure};
use super::{Options, apply, rotation, schema, snapshot};
use crate::{Revision, StoreError};

/// A store that was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) database: Database,
    /// Where to go on; or why nothing can be written for now.
    pub(super) journal: Result<Journal, StoreError>,
    pub(super) recovery: Option<Recovery>,
}

/// What was found damaged when a store was opened, and is whole again. Nothing that was acknowledged is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Each damaged file, where it is kept now, if it is, and what was wrong with it.
    pub damage: Vec<Damage>,
    /// Up to which revision everything is there again.
    pub revision: Revision,
    /// Events up to this revision are no longer known: who watches from before it has to list again. None: all are.
    pub forgotten: Option<Revision>,
}

/// A file that was damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Where it is kept; none if it is not.
    pub kept: Option<PathBuf>,
    /// What was wrong with it.
    pub detail: String,
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for damage in &self.damage {
            write!(f, "{} was damaged ({})", damage.path.display(), damage.detail)?;
            if let Some(kept) = &damage.kept {
                write!(f, " and is kept as {}", kept.display())?;
            }
            f.write_str("; ")?;
        }
        write!(f, "everything is there again, up to revision {}", self.revision)
    }
}

/// Opens the store in this directory.
pub(super) fn open(files: &Arc<dyn Files>, options: &Options) -> Result<Opened, StoreError> {
    rotation::remove_unfinished(&**files)?;
    let index = match Index::find(&**files, options)? {
        Index::Whole { database, schema } if schema < SCHEMA => {
            Index::Whole { database: schema::migrate(&**files, options, database, schema)?, schema: SCHEMA }
        }
        index => index,
    };
    let archive = Archive::read(files)?;
    let mut recovery = None;
    let mut database = match index {
        Index::Missing if archive.is_empty() => empty(&**files, options)?,
        Index::Missing => rebuild(files, options, &archive, None, "it was gone", &mut recovery)?,
        Index::Damaged(detail) if archive.is_empty() => {
            return Err(StoreError::Corrupt { path: files.path(INDEX), detail });
        }
        Index::Damaged(detail) => rebuild(files, options, &archive, None, &detail, &mut recovery)?,
        Index::Whole { database, .. } => catch_up(files, options, &archive, database, &mut recovery)?,
    };
    index::shrink(&mut database, &**files)?;
    let journal = match rotation::attach(files, &database, &archive) {
        Ok(journal) => {
            give_up_damaged(files, &archive, &mut recovery)?;
            Ok(journal)
        }
        // It can be read, and written as soon as there is room.
        Err(error @ (StoreError::Full { .. } | StoreError::Io { .. })) => Err(error),
        Err(other) => return Err(other),
    };
    if let Some(recovery) = &mut recovery {
        recovery.revision = index::revision(&database, &**files)?;
        tracing::error!("part of the store was damaged: {recovery}");
    }
    Ok(Opened { database, journal, recovery })
}

/// A store with nothing in it.
fn empty(files: &dyn Files, options: &Options) -> Result<Database, StoreError> {
    let at = Position { revision: Revision(0), chain: rotation::new_chain() };
    let database = index::create(files, options, SCHEMA, at, |_| Ok(()))?;
    index::install(files)?;
    Ok(database)
}

/// The index, with what the journal has more. If the journal does not go on from it but is a whole history of its own,
/// the index is the one that is old or another's, and is made anew.
fn catch_up(
    files: &Arc<dyn Files>,
    options: &Options,
    archive: &Archive,
    database: Database,
    recovery: &mut Option<Recovery>,
) -> Result<Database, StoreError> {
    let at = index::position(&database, &**files)?;
    let path = archive.path(at);
    if path.end.revision >= archive.highest {
        let fail = |error| failure(&files.path(INDEX), "write", error);
        apply::replay(&database, archive, &path, options, &fail)?;
        return Ok(database);
    }
    drop(database);
    let detail = format!("it ends at revision {}, and the journal does not go on from there", at.revision);
    rebuild(files, options, archive, Some(path.end.revision), &detail, recovery)
}

/// A new index from the newest snapshot and the journal, if they make up for everything; the old one is kept.
fn rebuild(
    files: &Arc<dyn Files>,
    options: &Options,
    archive: &Archive,
    index: Option<Revision>,
    detail: &str,
    recovery: &mut Option<Recovery>,
) -> Result<Database, StoreError> {
    let newest = archive.newest();
    let (Some((newest, path)), None) = (&newest, archive.lacks()) else {
        let archived = newest.map(|(_, path)| path.end.revision);
        return Err(StoreError::Damaged {
            path: files.path(INDEX),
            detail: detail.to_owned(),
            lost: archive.lacks().unwrap_or_default(),
            certain: archived.max(index),
        });
    };
    let fail = |error| failure(&files.path(INDEX), "write", error);
    let database = index::create(&**files, options, newest.schema, newest.at, |tables| {
        let load = |key: &str, revision, value: &[u8]| tables.load(key, revision, value).map_err(fail);
        snapshot::read(&**files, &newest.name, load).map(drop)
    })?;
    apply::replay(&database, archive, path, options, &fail)?;
    let there = files.open(INDEX).map_err(|error| files.failed("look for", INDEX, error))?.is_some();
    let kept = there.then(|| files.set_aside(INDEX, "damaged")).transpose()?;
    index::install(&**files)?;
    let begun = there || newest.at.revision > Revision(0) || !path.is_empty();
    if begun {
        let damage = Damage { path: files.path(INDEX), kept, detail: detail.to_owned() };
        let forgotten = Some(newest.at.revision);
        *recovery = Some(Recovery { damage: vec![damage], revision: path.end.revision, forgotten });
    }
    Ok(database)
}

/// Keeps damaged snapshots and segments under other names: what was in them stands elsewhere by now.
fn give_up_damaged(
    files: &Arc<dyn Files>,
    archive: &Archive,
    recovery: &mut Option<Recovery>,
) -> Result<(), StoreError> {
    if archive.damaged.is_empty() {
        return Ok(());
    }
    // A name may stand for a new file by now.
    let now = Archive::read(files)?.damaged;
    for (name, detail) in &archive.damaged {
        let is_damaged = now.contains_key(name);
        let kept = is_damaged.then(|| files.set_aside(name, "damaged")).transpose()?;
        let damage = Damage { path: files.path(name), kept, detail: detail.clone() };
        let nothing = || Recovery { damage: Vec::new(), revision: Revision(0), forgotten: None };
        recovery.get_or_insert_with(nothing).damage.push(damage);
    }
    Ok(())
}
