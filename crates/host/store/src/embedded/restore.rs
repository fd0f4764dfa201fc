//! Putting another state in the place of what is there: an export, or as much as is known of a damaged store.
//!
//! The new state is a snapshot, of a revision far ahead of all that ever were: nobody takes a revision for one that he
//! has seen, and who watches has to list again. It counts as soon as it stands under its name; everything else is made
//! from it. What was there before is kept under other names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::Database;

use super::archive::{Archive, State, numbered};
use super::files::{Disk, Files, INDEX};
use super::frame::Position;
use super::index::{self, Index};
use super::schema::JOURNALED;
use super::{Options, View, journal, open, read, rotation, snapshot};
use crate::{Export, Item, Revision, StoreError, Versioned};

/// How far ahead: what etcd advises for a restore. More changes than that are not made in the time that is lost.
const AHEAD: u64 = 1_000_000_000;

/// What was put in the place of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The store's revision now.
    pub revision: Revision,
    /// How many objects there are.
    pub objects: u64,
    /// Up to which revision of before everything is there.
    pub of: Revision,
    /// What was there before.
    pub kept: Vec<PathBuf>,
}

/// Makes the store in this directory what the export says. One that is not empty is only replaced if that is wanted.
pub fn restore(directory: &Path, export: &Export, replace: bool) -> Result<Restored, StoreError> {
    restore_files(&Disk::open(directory)?, export, replace)
}

/// Goes on with as much as is known of a damaged store, in this directory. None: it is whole, and nothing was done.
pub fn restore_last_good(directory: &Path) -> Result<Option<Restored>, StoreError> {
    last_good(&Disk::open(directory)?)
}

pub(super) fn restore_files(
    files: &Arc<dyn Files>,
    export: &Export,
    replace: bool,
) -> Result<Restored, StoreError> {
    let found = match look(files) {
        Ok(found) if found.is_empty() || replace => found,
        Ok(found) => {
            return Err(StoreError::NotEmpty { path: files.path(INDEX), objects: found.objects });
        }
        // Of another build, or such that the disk does not even let it be seen.
        Err(_) if replace => Found { objects: 0, is_damaged: true, highest: Revision(0) },
        Err(error) => return Err(error),
    };
    let objects = export.objects.iter().cloned().map(Ok);
    put(files, objects, export.revision, found.highest.max(export.revision), !found.is_empty())
}

pub(super) fn last_good(files: &Arc<dyn Files>) -> Result<Option<Restored>, StoreError> {
    let options = Options::default();
    match open::open(files, &options) {
        Ok(_) => return Ok(None),
        Err(StoreError::Damaged { certain: Some(_), .. }) => {}
        Err(other) => return Err(other),
    }
    let archive = Archive::read(files)?;
    let mut best = archive.state()?;
    if let Index::Whole { database, schema } = Index::find(&**files, &options)? {
        let state = archive.state_after(objects(&database, &**files, schema)?)?;
        if best.as_ref().is_none_or(|best| best.at.revision < state.at.revision) {
            best = Some(state);
        }
    }
    let nothing =
        || StoreError::Corrupt { path: files.path(INDEX), detail: "nothing of it is known".to_owned() };
    let state = best.ok_or_else(nothing)?;
    let (of, highest) = (state.at.revision, archive.highest.max(state.at.revision));
    let item = |(key, v): (String, Versioned)| Ok(Item { key, value: v.value, revision: v.revision });
    put(files, state.objects.into_iter().map(item), of, highest, true).map(Some)
}

/// What is in the way of a restore.
struct Found {
    objects: u64,
    is_damaged: bool,
    highest: Revision,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.objects == 0 && !self.is_damaged
    }
}

fn look(files: &Arc<dyn Files>) -> Result<Found, StoreError> {
    let archive = Archive::read(files)?;
    let archived = archive.state()?.map_or(0, |state| state.objects.len() as u64);
    let damaged = |objects| Found { objects, is_damaged: true, highest: archive.highest };
    Ok(match Index::find(&**files, &Options::default())? {
        Index::Missing => Found { is_damaged: false, ..damaged(archived) },
        Index::Damaged(_) => damaged(archived),
        Index::Whole { database, .. } => {
            let view = View::of(&database, &files.path(INDEX), 0)?;
            let page = read::range(&view.txn, &files.path(INDEX), "", usize::MAX, None)?;
            let objects = (page.items.len() as u64).max(archived);
            Found { objects, is_damaged: false, highest: archive.highest.max(view.revision) }
        }
    })
}

/// Puts these objects in the place of what is there, which is kept if that is wanted.
fn put(
    files: &Arc<dyn Files>,
    objects: impl Iterator<Item = Result<Item, StoreError>>,
    of: Revision,
    highest: Revision,
    keep: bool,
) -> Result<Restored, StoreError> {
    let old = parts(&**files)?;
    let named = [snapshot::PREFIX, journal::PREFIX]
        .into_iter()
        .flat_map(|prefix| old.iter().filter_map(move |name| numbered(name, prefix)));
    let highest = named.fold(highest, Revision::max);
    let at = Position { revision: Revision(highest.0.saturating_add(AHEAD)), chain: rotation::new_chain() };
    let mut kept = Vec::new();
    for name in old.iter().filter(|_| keep) {
        let aside = files.aside(name, "replaced")?;
        files.link(name, &aside).map_err(|error| files.failed("keep", name, error))?;
        kept.push(aside);
    }
    let mut count = 0;
    let counted = objects.inspect(|_| count += 1);
    if let Err(error) = snapshot::write(&**files, at, false, counted) {
        // Nothing has changed: the old names still stand.
        kept.iter().for_each(|aside| drop(files.remove(aside)));
        return Err(error);
    }
    for name in &old {
        files.remove(name).map_err(|error| files.failed("remove", name, error))?;
    }
    drop(open::open(files, &Options::default())?);
    let kept = kept.iter().map(|aside| files.path(aside)).collect();
    Ok(Restored { revision: at.revision, objects: count, of, kept })
}

/// The names of everything that a store consists of.
fn parts(files: &dyn Files) -> Result<Vec<String>, StoreError> {
    rotation::remove_unfinished(files)?;
    let mut names = files.names().map_err(|error| files.failed("list", "", error))?;
    names.retain(|name| {
        name == INDEX
            || [snapshot::PREFIX, journal::PREFIX].iter().any(|prefix| numbered(name, prefix).is_some())
    });
    Ok(names)
}

/// What is in an index of this version.
pub(super) fn objects(database: &Database, files: &dyn Files, schema: u64) -> Result<State, StoreError> {
    let path = files.path(INDEX);
    let view = View::of(database, &path, 0)?;
    let page = read::range(&view.txn, &path, "", usize::MAX, None)?;
    let versioned = |item: Item| (item.key, Versioned { value: item.value, revision: item.revision });
    let objects: BTreeMap<_, _> = page.items.into_iter().map(versioned).collect();
    let at = if schema < JOURNALED {
        Position { revision: view.revision, chain: 0 }
    } else {
        index::position_of(&view.txn, files)?
    };
    Ok(State { at, objects })
}
