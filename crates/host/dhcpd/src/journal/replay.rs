//! Reading a log back: records in the order in which they were written, and what of it is damaged.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use madang_dhcp::{Record, RecordError};

use super::block;
use super::disk::Disk;
use super::open::Open;
use super::{Journal, Number, SEGMENT, number_in, segment_name, snapshot_name};

/// A part of a file that cannot be read as what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// From this byte on.
    pub from: u64,
    /// Up to this one, excluded.
    pub to: u64,
    /// How many blocks are lost with it, as far as what follows says.
    pub lost: Option<u64>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: bytes {} to {} are damaged", self.file, self.from, self.to)?;
        match self.lost {
            Some(1) => f.write_str("; one write is lost, and the leases that it had"),
            Some(lost) => write!(f, "; {lost} writes are lost, and the leases that they had"),
            None => f.write_str("; nobody knows what was there"),
        }
    }
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many records were read, those that were overtaken by later ones included.
    pub records: u64,
    /// What is lost. What is around it was kept.
    pub damage: Vec<Damage>,
    /// The last write of all is not whole: it was under way, and nobody was told of what it had.
    pub unfinished: Option<Damage>,
}

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Broken {
    /// It is of another version.
    #[error("a newer server wrote {file}, in version {version} of its form: this one reads version 1")]
    Newer { file: String, version: u32 },
    /// It has a record that this server does not know.
    #[error("cannot read a record in {file}")]
    Record { file: String, source: RecordError },
    /// The disk does not give it.
    #[error("cannot read {file}")]
    Read { file: String, source: io::Error },
    /// The disk does not do it.
    #[error("cannot list, remove or rename what is in the directory of leases")]
    Names { source: io::Error },
}

/// A log that is read. The records come by iterating; then [`Self::finish`].
#[derive(Debug)]
pub(crate) struct Replay<'a, D: Disk> {
    disk: &'a D,
    files: VecDeque<String>,
    open: Option<Open<D>>,
    /// The payload that is read, and how much of it was given.
    payload: Vec<u8>,
    given: usize,
    /// Which block is to come; none: any.
    expected: Option<u64>,
    /// Damaged parts of which it is not known yet whether something is lost with them.
    doubtful: Vec<Damage>,
    report: Report,
    broken: Option<Broken>,
    /// Files that no longer count.
    stale: Vec<String>,
    /// How long the snapshot is, if there is one.
    snapshot: u64,
    /// The greatest number of a file, and whether the last segment has a block.
    last: Number,
    segments: u64,
    damaged: BTreeSet<String>,
}

impl<'a, D: Disk> Replay<'a, D> {
    /// Begins to read what is there.
    pub(crate) fn new(disk: &'a D) -> Result<Self, Broken> {
        Self::up_to(disk, Number::MAX)
    }

    /// The same, of files up to this number.
    pub(super) fn up_to(disk: &'a D, most: Number) -> Result<Self, Broken> {
        let names = disk.names().map_err(|source| Broken::Names { source })?;
        let numbers = |kind| {
            let numbers = names.iter().filter_map(move |name| number_in(name, kind));
            numbers.filter(|number| *number <= most).collect::<BTreeSet<Number>>()
        };
        let (segments, snapshots) = (numbers("log"), numbers("snapshot"));
        let base = snapshots.last().copied();
        let covered = |number: &&Number| base.is_some_and(|base| **number <= base);
        let mut stale: Vec<String> = segments.iter().filter(covered).map(|it| segment_name(*it)).collect();
        stale.extend(snapshots.iter().filter(|it| Some(**it) != base).map(|it| snapshot_name(*it)));
        stale.extend(names.iter().filter(|name| name.ends_with(".new")).cloned());
        let later: Vec<Number> = segments.iter().filter(|it| !covered(it)).copied().collect();
        let files = base.map(snapshot_name).into_iter().chain(later.iter().map(|it| segment_name(*it)));
        Ok(Self {
            disk,
            files: files.collect(),
            open: None,
            payload: Vec::new(),
            given: 0,
            expected: base.is_none().then_some(1),
            doubtful: Vec::new(),
            report: Report::default(),
            broken: None,
            stale,
            snapshot: 0,
            last: later.last().copied().or(base).unwrap_or(0),
            segments: later.len() as u64,
            damaged: BTreeSet::new(),
        })
    }

    /// The log goes on behind what was read, and what no longer counts is removed.
    ///
    /// # Errors
    /// Something cannot be read at all: then nothing is changed, and nothing should be written either.
    pub(crate) fn finish(mut self, disk: Arc<D>) -> Result<(Journal<D>, Report), Broken> {
        let (expected, damaged) = self.end()?;
        for name in &self.stale {
            disk.remove(name).map_err(|source| Broken::Names { source })?;
        }
        let journal = Journal {
            disk,
            segment: None,
            next: self.last + 1,
            length: SEGMENT,
            sequence: expected,
            waiting: Vec::new(),
            block: Vec::new(),
            closed: self.segments,
            compacting: Arc::new(AtomicBool::new(false)),
            snapshot: Arc::new(AtomicU64::new(self.snapshot)),
            damaged,
        };
        Ok((journal, self.report))
    }

    /// Which block comes next, and which files have damage. Everything has been read.
    pub(super) fn end(&mut self) -> Result<(u64, BTreeSet<String>), Broken> {
        self.by_ref().for_each(drop);
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        self.report.unfinished = self.doubtful.pop();
        std::mem::take(&mut self.doubtful).into_iter().for_each(|damage| self.damage(damage));
        Ok((self.expected.unwrap_or(1), std::mem::take(&mut self.damaged)))
    }

    /// Files that a snapshot stands for, and half-made ones.
    pub(super) fn stale(&self) -> &[String] {
        &self.stale
    }

    /// Reads the next block of records. Whether there is one.
    fn block(&mut self) -> Result<bool, Broken> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(name) = self.files.pop_front() else { return Ok(false) };
                self.open = Some(Open::new(self.disk, name)?);
                continue;
            };
            self.given = 0;
            let found = open.next(self.disk, &mut self.payload);
            let found = found.map_err(|source| Broken::Read { file: open.name.clone(), source })?;
            let (name, at) = (open.name.clone(), open.at);
            let bad = open.bad.take();
            self.doubtful.extend(bad.map(|(from, to)| Damage { file: name.clone(), from, to, lost: None }));
            let Some(header) = found else {
                let open = self.open.take().expect("it was open");
                if open.is_snapshot() {
                    self.snapshot = open.length();
                }
                if open.is_snapshot() && !open.ended {
                    self.doubtful.push(Damage { file: name, from: at, to: at, lost: None });
                    std::mem::take(&mut self.doubtful).into_iter().for_each(|damage| self.damage(damage));
                }
                continue;
            };
            let before = open.follow(&header, &mut self.expected);
            if header.kind == block::END {
                let covered = self.payload.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
                self.expected = covered.map(|covered| covered + 1);
                self.payload.clear();
                open.ended = true;
            }
            self.judge(before.map(|before| header.sequence.saturating_sub(before)), name, at);
            if header.kind == block::RECORDS {
                return Ok(true);
            }
        }
    }

    /// Before a block that begins here so many were lost, as far as one knows.
    fn judge(&mut self, lost: Option<u64>, file: String, at: u64) {
        let doubtful = std::mem::take(&mut self.doubtful);
        match lost {
            // What is damaged was written again.
            Some(0) => {}
            None if doubtful.is_empty() => {}
            lost => {
                let last = doubtful.last().cloned();
                let last = last.unwrap_or(Damage { file, from: at, to: at, lost });
                let others = doubtful.len().saturating_sub(1);
                doubtful.into_iter().take(others).for_each(|damage| self.damage(damage));
                self.damage(Damage { lost, ..last });
            }
        }
    }

    fn damage(&mut self, damage: Damage) {
        self.damaged.insert(damage.file.clone());
        self.report.damage.push(damage);
    }
}

impl<D: Disk> Iterator for Replay<'_, D> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.broken.is_some() {
            return None;
        }
        loop {
            if let Some((record, rest)) = block::first_record(&self.payload[self.given..]) {
                let decoded = Record::decode(record);
                self.given = self.payload.len() - rest.len();
                match decoded {
                    Ok(record) => {
                        self.report.records += 1;
                        return Some(record);
                    }
                    Err(source) => {
                        let file = self.open.as_ref().map(|open| open.name.clone()).unwrap_or_default();
                        self.broken = Some(Broken::Record { file, source });
                        return None;
                    }
                }
            }
            match self.block() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(broken) => {
                    self.broken = Some(broken);
                    return None;
                }
            }
        }
    }
}
