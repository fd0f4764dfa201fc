//! One file of a log that is read, a part of it in memory at a time.

use std::io;

use super::block::{self, HEADER, Header, Kind};
use super::disk::Disk;
use super::number_in;
use super::replay::Broken;

/// How much of a file is in memory at once, at least.
const WINDOW: usize = 2 << 20;

/// A file that is read.
#[derive(Debug)]
pub(super) struct Open<D: Disk> {
    pub(super) name: String,
    file: D::File,
    length: u64,
    /// What is read next, and the block that was read last begins.
    next: u64,
    pub(super) at: u64,
    window: Vec<u8>,
    window_at: u64,
    /// Whether it is a snapshot whose end was seen.
    pub(super) ended: bool,
    /// What was passed over, from and to: it is no block, nor empty.
    pub(super) bad: Option<(u64, u64)>,
    /// Which block of a snapshot is to come: they are counted for themselves.
    expected: Option<u64>,
}

impl<D: Disk> Open<D> {
    pub(super) fn new(disk: &D, name: String) -> Result<Self, Broken> {
        let unread = |source| Broken::Read { file: name.clone(), source };
        let file = disk.open(&name).map_err(unread)?;
        let length = disk.length(&file).map_err(unread)?;
        let mut open = Self {
            name: name.clone(),
            file,
            length,
            next: 0,
            at: 0,
            window: Vec::new(),
            window_at: 0,
            ended: false,
            bad: None,
            expected: Some(1),
        };
        let header = open.bytes(disk, 0, 16).map_err(unread)?;
        match block::kind_of(header) {
            Kind::Known => open.next = block::FILE_HEADER,
            Kind::Newer(version) => return Err(Broken::Newer { file: name, version }),
            Kind::Unclear => {}
        }
        Ok(open)
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn is_snapshot(&self) -> bool {
        number_in(&self.name, "snapshot").is_some()
    }

    /// The next block that is whole; its payload is all that is in the buffer then. What was passed over is said in
    /// [`Self::bad`].
    pub(super) fn next(&mut self, disk: &D, payload: &mut Vec<u8>) -> io::Result<Option<Header>> {
        payload.clear();
        let begin = self.next;
        let mut last = None;
        while self.next < self.length {
            if let Some(header) = self.block(disk)? {
                self.at = self.next;
                self.bad = last.map(|last| (begin, last));
                self.next += header.whole();
                let from = self.at + HEADER as u64;
                payload.extend_from_slice(self.bytes(disk, from, header.length)?);
                return Ok(Some(header));
            }
            let zeros = self.zeros(disk)?;
            self.next = match zeros {
                0 => {
                    last = Some((self.next + block::ALIGN).min(self.length));
                    self.next + block::ALIGN
                }
                zeros => self.next + zeros,
            };
        }
        (self.at, self.bad) = (self.length, last.map(|last| (begin, last)));
        Ok(None)
    }

    /// Takes a block for the one that follows, and says which one was to come.
    pub(super) fn follow(&mut self, header: &Header, expected: &mut Option<u64>) -> Option<u64> {
        let counted = if self.is_snapshot() { &mut self.expected } else { expected };
        counted.replace(header.sequence.saturating_add(1))
    }

    /// The block that is next, if there is a whole one.
    fn block(&mut self, disk: &D) -> io::Result<Option<Header>> {
        let at = self.next;
        let Some(header) = Header::read(self.bytes(disk, at, HEADER)?) else { return Ok(None) };
        let all = self.bytes(disk, at, HEADER + header.length)?;
        let holds = all.len() == HEADER + header.length && header.holds(&all[..HEADER], &all[HEADER..]);
        Ok(holds.then_some(header))
    }

    /// How many bytes there are zeros, as far as is in memory, in steps of where blocks begin.
    fn zeros(&mut self, disk: &D) -> io::Result<u64> {
        let at = self.next;
        self.bytes(disk, at, HEADER)?;
        let from = usize::try_from(at - self.window_at).unwrap_or(usize::MAX);
        let there = self.window.get(from..).unwrap_or_default();
        let some = there.chunks(4096).take_while(|some| some.iter().all(|byte| *byte == 0)).count() * 4096;
        let some = some.min(there.len());
        let more = there[some..].iter().take_while(|byte| **byte == 0).count();
        let zeros = (some + more) as u64;
        Ok(if some + more == there.len() { zeros } else { zeros / block::ALIGN * block::ALIGN })
    }

    /// What is there in the file, as far as it goes.
    fn bytes(&mut self, disk: &D, at: u64, length: usize) -> io::Result<&[u8]> {
        let within = |window_at: u64, window: &[u8]| {
            let from = usize::try_from(at.checked_sub(window_at)?).ok()?;
            let reaches = window.len() >= from + length || window_at + window.len() as u64 >= self.length;
            (from <= window.len() && reaches).then_some(from)
        };
        let from = match within(self.window_at, &self.window) {
            Some(from) => from,
            None => {
                self.window.resize(length.max(WINDOW), 0);
                let came = disk.read(&self.file, at, &mut self.window)?;
                self.window.truncate(came);
                self.window_at = at;
                0
            }
        };
        Ok(&self.window[from..self.window.len().min(from + length)])
    }
}
