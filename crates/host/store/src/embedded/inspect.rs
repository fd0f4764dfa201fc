//! Looking at a store without changing anything, also while a daemon uses it.
//!
//! The index belongs to whoever has it open. Snapshots and journal can be read by anybody at any time: whole frames are
//! never changed, and what is being written is no frame yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use redb::{ReadableDatabase, ReadableTableMetadata};

use super::archive::{Archive, State};
use super::files::{self, Disk, Files, INDEX, UNFINISHED};
use super::overlay::Overlay;
use super::tables::{EVENTS, META_COMPACTED, failure};
use super::{Options, index, read, restore};
use crate::{Memory, Revision, StoreError};

/// How often the journal is read again because somebody wrote to it meanwhile.
const ATTEMPTS: u32 = 20;

/// What was found in a store's directory.
#[derive(Debug)]
pub struct Inspection {
    /// Whether somebody has it open.
    pub is_in_use: bool,
    /// Every file that belongs to the store, or did.
    pub files: Vec<FileState>,
    /// What is wrong; nothing: everything that was acknowledged is there.
    pub problems: Vec<String>,
    /// The objects, as far as they are known.
    pub state: Memory,
    /// How many events are known, and after which revision; none: that cannot be seen now.
    pub events: Option<(u64, Revision)>,
}

/// A file of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Where it stands.
    pub path: PathBuf,
    /// How long it is.
    pub bytes: u64,
    /// How it is.
    pub condition: Condition,
}

/// How a file of a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// As it should be.
    Whole,
    /// Whoever has the store open has looked at it.
    InUse,
    /// It ends in the midst of a write that was not acknowledged, or is going on.
    Unfinished,
    /// Not as it should be, and why.
    Damaged(String),
    /// No longer part of the store: kept from before.
    Kept,
}

/// Looks at the store in this directory.
pub fn inspect(directory: &Path) -> Result<Inspection, StoreError> {
    let lock = files::lock(directory)?;
    let files = Disk::look(directory);
    let is_in_use = lock.is_none();
    let archive = settled(&files, is_in_use)?;
    let mut inspection = Inspection {
        is_in_use,
        files: Vec::new(),
        problems: archive.damaged.iter().map(|(name, detail)| problem(&*files, name, detail)).collect(),
        state: Memory::new(),
        events: None,
    };
    let archived = archive.state()?;
    let (indexed, condition) =
        if is_in_use { (None, Condition::InUse) } else { inspection.index(&files, &archive)? };
    inspection.compare(&archive, archived.as_ref(), indexed.as_ref());
    inspection.list(&files, &archive, &condition)?;
    if let Some(state) = newer(archived, indexed) {
        inspection.state = Memory::holding(state.objects, state.at.revision);
    }
    Ok(inspection)
}

impl Inspection {
    /// Looks at the index, which nobody has open.
    fn index(
        &mut self,
        files: &Arc<dyn Files>,
        archive: &Archive,
    ) -> Result<(Option<State>, Condition), StoreError> {
        match self.state_of_index(&**files, archive) {
            Ok(None) => {
                if !archive.is_empty() {
                    self.problems.push(format!("{} is gone", files.path(INDEX).display()));
                }
                Ok((None, Condition::Whole))
            }
            Ok(state) => Ok((state, Condition::Whole)),
            Err(StoreError::Corrupt { detail, .. }) => {
                self.problems.push(problem(&**files, INDEX, &detail));
                Ok((None, Condition::Damaged(detail)))
            }
            Err(other) => Err(other),
        }
    }

    /// The objects in the index, and what the journal has more. None: there is no index.
    fn state_of_index(&mut self, files: &dyn Files, archive: &Archive) -> Result<Option<State>, StoreError> {
        let failed = |error| files.failed("read", INDEX, error);
        let Some(file) = files.open(INDEX).map_err(failed)? else { return Ok(None) };
        let overlay = Overlay::new(file).map_err(failed)?;
        let (database, schema) = index::open(files, Box::new(overlay), &Options::default())?;
        let path = files.path(INDEX);
        let fail = |error: redb::Error| failure(&path, "read", error);
        let txn = database.begin_read().map_err(|e| fail(e.into()))?;
        let events =
            txn.open_table(EVENTS).and_then(|events| Ok(events.len()?)).map_err(|e| fail(e.into()))?;
        self.events = Some((events, read::counter(&txn, &path, META_COMPACTED)?));
        drop(txn);
        let state = restore::objects(&database, files, schema)?;
        archive.state_after(state).map(Some)
    }

    /// Whether what stands beside the index says the same as the index.
    fn compare(&mut self, archive: &Archive, archived: Option<&State>, indexed: Option<&State>) {
        // An older version had nothing beside it.
        let Some(indexed) = indexed.filter(|_| !archive.is_empty()) else {
            if !archive.is_empty() {
                self.problems.extend(archive.lacks_before_end());
            }
            return;
        };
        if indexed.at.revision < archive.highest {
            let reached = indexed.at.revision;
            self.problems
                .push(format!("the index ends at revision {reached}, and the journal does not go on there"));
        }
        if archived.is_some_and(|archived| archived.at == indexed.at && archived.objects != indexed.objects) {
            self.problems.push("the index and the journal have different objects".to_owned());
        }
    }

    fn list(
        &mut self,
        files: &Arc<dyn Files>,
        archive: &Archive,
        index: &Condition,
    ) -> Result<(), StoreError> {
        let names = files.names().map_err(|error| files.failed("list", "", error))?;
        let beside =
            |name: &str| {
                let snapshot = archive.snapshots.iter().any(|snapshot| snapshot.name == name);
                let segment = archive.segments.iter().find(|segment| segment.name == name);
                match archive.damaged.get(name) {
                    Some(detail) => Some(Condition::Damaged(detail.clone())),
                    None if snapshot => Some(Condition::Whole),
                    None => segment.map(|segment| {
                        if segment.ends_well() { Condition::Whole } else { Condition::Unfinished }
                    }),
                }
            };
        for name in names.iter().filter(|name| super::rotation::is_ours(name)) {
            let condition = if name == INDEX { Some(index.clone()) } else { beside(name) };
            let file = files.open(name).map_err(|error| files.failed("open", name, error))?;
            let bytes = file.map_or(Ok(0), |file| file.len());
            let bytes = bytes.map_err(|error| files.failed("look at", name, error))?;
            let is_unfinished = name.ends_with(UNFINISHED);
            let left = if is_unfinished { Condition::Unfinished } else { Condition::Kept };
            let condition = condition.unwrap_or(left);
            self.files.push(FileState { path: files.path(name), bytes, condition });
        }
        Ok(())
    }
}

/// The objects of the store in this directory, as of the last transaction that its journal has: also while a daemon
/// has it open.
pub fn peek(directory: &Path) -> Result<Memory, StoreError> {
    let files = Disk::look(directory);
    let archive = settled(&files, true)?;
    match (archive.state()?, archive.lacks_before_end()) {
        (Some(state), None) => Ok(Memory::holding(state.objects, state.at.revision)),
        (_, lacks) => {
            let detail = lacks.unwrap_or_else(|| "there is no whole snapshot".to_owned());
            Err(StoreError::Corrupt { path: files.path(INDEX), detail })
        }
    }
}

/// What stands beside the index, read until nothing is missing, if somebody may be writing.
fn settled(files: &Arc<dyn Files>, is_in_use: bool) -> Result<Archive, StoreError> {
    let mut attempt = 0;
    loop {
        let archive = Archive::read(files)?;
        attempt += 1;
        let is_settled = archive.damaged.is_empty() && archive.lacks().is_none();
        if is_settled || !is_in_use || attempt == ATTEMPTS {
            return Ok(archive);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The one that goes further.
fn newer(a: Option<State>, b: Option<State>) -> Option<State> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a.at.revision > b.at.revision { a } else { b }),
        (a, b) => a.or(b),
    }
}

fn problem(files: &dyn Files, name: &str, detail: &str) -> String {
    format!("{} is damaged: {detail}", files.path(name).display())
}
