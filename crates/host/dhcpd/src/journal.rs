//! The log of leases: what was acknowledged outlasts a loss of power.
//!
//! A directory has segments (`00000007.log`) and at most one snapshot in force (`00000006.snapshot`), which says all that the
//! segments up to its number said. Records go into blocks ([`block`]): what waits together is one block, one write and one
//! `fdatasync`, however many clients it is about. A segment is made full of zeros, so that writing to it changes nothing of
//! the file but its bytes, and is written once: a server that starts begins the next one.
//!
//! A snapshot is made of files that are written no more, beside the server ([`compact`]); it is complete, durable and has its
//! name before what it stands for is removed.

mod block;
mod compact;
mod disk;
mod open;
mod replay;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use madang_dhcp::Record;

pub(crate) use compact::compact;
pub(crate) use disk::{Directory, Disk};
pub(crate) use replay::Replay;
pub use replay::{Broken, Damage, Report};

/// How long a segment is.
const SEGMENT: usize = 8 << 20;
/// How many bytes of records may wait for a disk that does not take them.
const PATIENCE: usize = 4 << 20;

/// Which file it is. They are counted on, over segments and the snapshots that stand for them.
pub(crate) type Number = u64;

/// A log that is written.
#[derive(Debug)]
pub(crate) struct Journal<D: Disk> {
    disk: Arc<D>,
    segment: Option<Segment<D>>,
    /// What the next segment is called.
    next: Number,
    /// How long it becomes.
    length: usize,
    /// Which block comes next.
    sequence: u64,
    /// Records that no disk has yet, each with its length.
    waiting: Vec<u8>,
    block: Vec<u8>,
    /// How many segments no snapshot stands for, the written one left out.
    closed: u64,
    compacting: Arc<AtomicBool>,
    /// How long the last snapshot is.
    snapshot: Arc<AtomicU64>,
    /// Files that have damage: they are kept for whoever wants to look.
    damaged: BTreeSet<String>,
}

/// The segment that is written.
#[derive(Debug)]
struct Segment<D: Disk> {
    file: D::File,
    /// Where the next block begins.
    at: u64,
}

/// Writes a record behind what is in the buffer, as a block has it.
pub(crate) fn put(record: &Record, out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(&[0, 0]);
    record.encode(out);
    let length = u16::try_from(out.len() - begin - 2).expect("a record has fields of at most 255 bytes");
    out[begin..begin + 2].copy_from_slice(&length.to_be_bytes());
}

impl<D: Disk> Journal<D> {
    /// Makes these records durable, and those that could not be made so before. Each has its length before it ([`put`]).
    ///
    /// # Errors
    /// The disk does not take them. They stay, and the next call tries again, in a new file: what a disk says after it failed
    /// once is not believed.
    pub(crate) fn commit(&mut self, records: &[u8]) -> io::Result<()> {
        self.waiting.extend_from_slice(records);
        while !self.waiting.is_empty() {
            let some = block::whole_records(&self.waiting);
            self.block.clear();
            block::put(self.sequence, &self.waiting[..some], &mut self.block);
            if let Err(error) = self.write() {
                self.segment = None;
                return Err(error);
            }
            self.sequence += 1;
            self.waiting.drain(..some);
        }
        Ok(())
    }

    /// Whether so much waits for the disk that no more should come.
    pub(crate) fn is_stuck(&self) -> bool {
        self.waiting.len() > PATIENCE
    }

    fn write(&mut self) -> io::Result<()> {
        let length = u64::try_from(self.block.len()).expect("blocks are small");
        if self.segment.as_ref().is_none_or(|segment| segment.at + length > self.length as u64) {
            self.advance()?;
        }
        let segment = self.segment.as_mut().expect("there is one now");
        self.disk.write(&segment.file, segment.at, &self.block)?;
        self.disk.sync(&segment.file)?;
        segment.at += length;
        Ok(())
    }

    /// Begins the next segment.
    fn advance(&mut self) -> io::Result<()> {
        if self.segment.take().is_some() {
            self.closed += 1;
        }
        let name = segment_name(self.next);
        match self.fill(&name) {
            Ok(file) => {
                self.next += 1;
                self.segment = Some(Segment { file, at: block::FILE_HEADER });
                Ok(())
            }
            Err(error) => {
                // It would keep the room that something else may need.
                let _ = self.disk.remove(&name);
                Err(error)
            }
        }
    }

    fn fill(&self, name: &str) -> io::Result<D::File> {
        let file = self.disk.create(name)?;
        let mut begin = vec![0; self.length];
        begin[..16].copy_from_slice(&block::file_header(block::SEGMENT));
        self.disk.write(&file, 0, &begin)?;
        self.disk.sync(&file)?;
        self.disk.sync_names()?;
        Ok(file)
    }

    /// Makes a snapshot in a thread of its own, if it is worth it: `done` is told how that went. Worth it is one when what has been
    /// written since the last one is as long as that: so what snapshots cost grows as what is written does.
    pub(crate) fn compact_beside(&mut self, done: impl FnOnce(io::Result<()>) + Send + 'static)
    where
        D: 'static,
    {
        let most = self.next - 1 - u64::from(self.segment.is_some());
        let written = self.closed * self.length as u64;
        let little = self.closed < 2 || written < self.snapshot.load(Ordering::Acquire);
        if little || self.compacting.swap(true, Ordering::AcqRel) {
            return;
        }
        self.closed = 0;
        let (disk, compacting) = (Arc::clone(&self.disk), Arc::clone(&self.compacting));
        let snapshot = Arc::clone(&self.snapshot);
        let damaged = std::mem::take(&mut self.damaged);
        let work = move || {
            let result = compact(&*disk, most, &damaged);
            if let Ok(length) = &result {
                snapshot.store(*length, Ordering::Release);
            }
            compacting.store(false, Ordering::Release);
            done(result.map(drop));
        };
        // Without a thread it is done another time.
        if thread::Builder::new().name("leases".to_owned()).spawn(work).is_err() {
            self.compacting.store(false, Ordering::Release);
        }
    }
}

fn segment_name(number: Number) -> String {
    format!("{number:08}.log")
}

fn snapshot_name(number: Number) -> String {
    format!("{number:08}.snapshot")
}

/// The number in the name of a file of this kind.
fn number_in(name: &str, kind: &str) -> Option<Number> {
    let digits = name.strip_suffix(kind)?.strip_suffix('.')?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}
