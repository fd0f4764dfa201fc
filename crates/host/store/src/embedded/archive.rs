//! What stands beside the index: snapshots, and the journal of what was changed since. Together they are the whole
//! state a second time.
//!
//! Everything is read and checked here, nothing is changed. Frames follow each other by their checksums, so a gap, a
//! segment of another store, or a frame of a write that was taken back cannot be mistaken for what happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::files::Files;
use super::frame::{self, Fields, Frame, Head, Kind, Position};
use super::journal::{self, CHUNK, Change, Changes};
use super::snapshot::{self, Snapshot};
use super::tables::SCHEMA;
use crate::{Revision, StoreError, Value, Versioned};

/// Snapshots and journal of a store.
#[derive(Debug)]
pub(super) struct Archive {
    files: Arc<dyn Files>,
    /// Whole ones, oldest first.
    pub(super) snapshots: Vec<Snapshot>,
    /// Oldest first.
    pub(super) segments: Vec<Segment>,
    /// What is damaged: the file, and how.
    pub(super) damaged: BTreeMap<String, String>,
    /// The last revision that there is a trace of.
    pub(super) highest: Revision,
}

/// A segment of the journal.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) name: String,
    /// The revision before its first change.
    begins: Revision,
    /// The same, as its first frame says it; none: that is not whole.
    base: Option<Position>,
    frames: Vec<Place>,
    /// The end of the last whole frame.
    end: u64,
    pub(super) bytes: u64,
    /// Whether there is nothing behind that.
    is_blank_after: bool,
}

/// Where a frame of changes stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u64,
    head: Head,
    checksum: u32,
}

/// The changes that lead from one point of the history to another.
#[derive(Debug)]
pub(super) struct Path {
    /// Segment and place of each frame.
    frames: Vec<(usize, Place)>,
    /// Where they lead.
    pub(super) end: Position,
}

impl Path {
    /// Whether it leads nowhere.
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

/// Objects, as of one point of the history.
#[derive(Debug)]
pub(super) struct State {
    pub(super) at: Position,
    pub(super) objects: BTreeMap<String, Versioned>,
}

impl Archive {
    /// What is there.
    pub(super) fn read(files: &Arc<dyn Files>) -> Result<Self, StoreError> {
        let names = files.names().map_err(|error| files.failed("list", "", error))?;
        let mut archive = Self {
            files: Arc::clone(files),
            snapshots: Vec::new(),
            segments: Vec::new(),
            damaged: BTreeMap::new(),
            highest: Revision(0),
        };
        for name in names {
            if let Some(revision) = numbered(&name, snapshot::PREFIX) {
                archive.highest = archive.highest.max(revision);
                archive.read_snapshot(name)?;
            } else if let Some(base) = numbered(&name, journal::PREFIX) {
                archive.highest = archive.highest.max(base);
                archive.read_segment(name, base)?;
            }
        }
        archive.find_cut_segments();
        Ok(archive)
    }

    /// Whether there is nothing of it, not even something damaged.
    pub(super) fn is_empty(&self) -> bool {
        self.snapshots.is_empty() && self.segments.is_empty() && self.damaged.is_empty()
    }

    /// The changes after this point, as far as they follow each other without a gap.
    pub(super) fn path(&self, from: Position) -> Path {
        let mut path = Path { frames: Vec::new(), end: from };
        let all = self.segments.iter().enumerate();
        let all = all.flat_map(|(index, segment)| segment.frames.iter().map(move |place| (index, *place)));
        for (segment, place) in all {
            let follows =
                place.head.first == path.end.revision.next() && place.head.previous == path.end.chain;
            if follows {
                path.frames.push((segment, place));
                path.end = Position { revision: place.head.last, chain: place.checksum };
            }
        }
        path
    }

    /// The newest snapshot, and the changes after it.
    pub(super) fn newest(&self) -> Option<(&Snapshot, Path)> {
        self.snapshots.last().map(|snapshot| (snapshot, self.path(snapshot.at)))
    }

    /// Why this alone cannot give back everything that was acknowledged; none: it can.
    pub(super) fn lacks(&self) -> Option<String> {
        self.lacks_before_end().or_else(|| {
            let last = self.segments.last().filter(|last| !last.ends_well() && self.goes_on_in(last));
            last.map(|_| {
                format!(
                    "the journal ends in the midst of a write after revision {}: if that was acknowledged, it is lost",
                    self.highest
                )
            })
        })
    }

    /// The same, but for what may have been about to be written at the very end.
    pub(super) fn lacks_before_end(&self) -> Option<String> {
        let Some((snapshot, path)) = self.newest() else {
            return Some("there is no whole snapshot beside it".to_owned());
        };
        let reached = path.end.revision;
        if reached < self.highest {
            return Some(format!(
                "the journal has a gap after revision {reached}, and what was changed up to {} is not known",
                self.highest
            ));
        }
        let goes_on = self.segments.last().is_some_and(|last| self.goes_on_in(last));
        let is_missing = snapshot.journaled && !goes_on;
        is_missing.then(|| format!("the journal after revision {reached} is missing"))
    }

    /// Whether this segment has what came after the newest snapshot.
    fn goes_on_in(&self, segment: &Segment) -> bool {
        self.snapshots.last().is_some_and(|newest| segment.begins >= newest.at.revision)
    }

    /// The last segment, if it ends at this point: its name, and the place where it can be gone on with.
    pub(super) fn open_end(&self, at: Position) -> Option<(String, u64)> {
        let last = self.segments.last()?;
        let end = last
            .frames
            .last()
            .map_or(last.base, |place| Some(Position { revision: place.head.last, chain: place.checksum }));
        (end == Some(at)).then(|| (last.name.clone(), last.end))
    }

    /// The last segment, if it ends in the midst of a write but is whole before that: its name, and where that is.
    pub(super) fn cut_end(&self) -> Option<(&str, u64)> {
        let last = self.segments.last()?;
        let is_cut = !last.ends_well() && !self.damaged.contains_key(&last.name);
        is_cut.then_some((&last.name, last.end))
    }

    /// The transactions of a path, frame by frame, with the point in the history after each frame.
    pub(super) fn replay(
        &self,
        path: &Path,
        mut show: impl FnMut(Position, Vec<Vec<Change>>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for (segment, place) in &path.frames {
            let name = &self.segments[*segment].name;
            let failed = |error| self.files.failed("read", name, error);
            let file = self.files.open(name).map_err(failed)?;
            let length = file.as_ref().map_or(Ok(0), |file| file.len()).map_err(failed)?;
            let frame = file.and_then(|file| Frame::read(&*file, length, place.at));
            let transactions = frame.as_ref().and_then(|frame| Changes::decode(&frame.contents));
            let (Some(frame), Some(transactions)) = (frame, transactions) else {
                let detail = format!("what was whole at byte {} no longer is", place.at);
                return Err(StoreError::Corrupt { path: self.files.path(name), detail });
            };
            show(frame.position(), transactions)?;
        }
        Ok(())
    }

    /// The objects at the end of the journal, as far as it goes without a gap.
    pub(super) fn state(&self) -> Result<Option<State>, StoreError> {
        let Some(snapshot) = self.snapshots.last() else { return Ok(None) };
        let mut state = State { at: snapshot.at, objects: BTreeMap::new() };
        snapshot::read(&*self.files, &snapshot.name, |key, revision, value| {
            state.objects.insert(key.to_owned(), Versioned { value: value.into(), revision });
            Ok(())
        })?;
        self.state_after(state).map(Some)
    }

    /// The objects that follow from these and what the journal has more.
    pub(super) fn state_after(&self, mut state: State) -> Result<State, StoreError> {
        self.replay(&self.path(state.at), |at, transactions| {
            state.apply(transactions);
            state.at = at;
            Ok(())
        })?;
        Ok(state)
    }

    fn read_snapshot(&mut self, name: String) -> Result<(), StoreError> {
        match snapshot::read(&*self.files, &name, |_, _, _| Ok(()))? {
            Some(snapshot) => {
                self.known(&name, snapshot.schema)?;
                self.snapshots.push(snapshot);
            }
            None => drop(self.damaged.insert(name, "it is not whole".to_owned())),
        }
        Ok(())
    }

    fn read_segment(&mut self, name: String, begins: Revision) -> Result<(), StoreError> {
        let failed = |error| self.files.failed("read", &name, error);
        let Some(file) = self.files.open(&name).map_err(failed)? else { return Ok(()) };
        let length = file.len().map_err(failed)?;
        let mut segment = Segment {
            name: name.clone(),
            begins,
            base: None,
            frames: Vec::new(),
            end: 0,
            bytes: length,
            is_blank_after: true,
        };
        let mut at = 0;
        loop {
            let found = match Frame::read(&*file, length, at) {
                Some(frame) => Some((at, frame)),
                None => frame::find_next(&*file, length, at),
            };
            let Some((place, frame)) = found else { break };
            if place > at {
                self.damaged.insert(name.clone(), format!("bytes {at} to {place} are no part of it"));
            }
            match frame.head.kind {
                Kind::Segment => {
                    let schema = Fields(&frame.contents).u64();
                    self.known(&name, schema.unwrap_or(u64::MAX))?;
                    segment.base = Some(Position { revision: frame.head.last, chain: frame.head.previous });
                }
                _ => segment.frames.push(Place { at: place, head: frame.head, checksum: frame.checksum }),
            }
            self.highest = self.highest.max(frame.head.last);
            (at, segment.end) = (frame.next, frame.next);
        }
        if segment.base.is_none() {
            self.damaged.insert(name.clone(), "its beginning is not whole".to_owned());
        }
        // What the disk cannot read is not blank.
        segment.is_blank_after = frame::is_blank(&*file, length, at).unwrap_or(false);
        self.segments.push(segment);
        Ok(())
    }

    /// A segment that another follows was whole when that began: if it is not, it is damaged.
    fn find_cut_segments(&mut self) {
        let followed = self.segments.split_last().map_or(&[][..], |(_, followed)| followed);
        for segment in followed.iter().filter(|segment| !segment.ends_well()) {
            self.damaged.entry(segment.name.clone()).or_insert_with(|| "it has lost its end".to_owned());
        }
    }

    fn known(&self, name: &str, schema: u64) -> Result<(), StoreError> {
        if schema > SCHEMA {
            return Err(StoreError::FromFuture { path: self.files.path(name), found: schema, known: SCHEMA });
        }
        Ok(())
    }
}

impl Segment {
    /// Whether it looks as one does to which nothing is being written.
    pub(super) fn ends_well(&self) -> bool {
        self.is_blank_after && self.bytes.is_multiple_of(CHUNK) && self.bytes > 0
    }
}

impl State {
    /// Makes the changes of the transactions that follow.
    fn apply(&mut self, transactions: Vec<Vec<Change>>) {
        for changes in transactions {
            let revision = self.at.revision.next();
            self.at.revision = revision;
            for (key, new) in changes {
                self.set(key, new, revision);
            }
        }
    }

    fn set(&mut self, key: String, new: Option<Value>, revision: Revision) {
        match new {
            Some(value) => drop(self.objects.insert(key, Versioned { value, revision })),
            None => drop(self.objects.remove(&key)),
        }
    }
}

/// The revision in a name.
pub(super) fn numbered(name: &str, prefix: &str) -> Option<Revision> {
    let digits = name.strip_prefix(prefix)?;
    let plain = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    if plain { digits.parse().ok().map(Revision) } else { None }
}
