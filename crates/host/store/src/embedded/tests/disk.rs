//! A disk in memory that loses power: of what was not synced then, anything may be there or not, also halves of it.
//!
//! A file's writes are in its cache until it is synced; names are until the directory is. When the power goes, names
//! keep some of the last changes, in their order (as a journaling file system does it), and each file keeps any of its
//! writes, whole, cut, or with holes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use redb::StorageBackend;

use super::Random;
use crate::embedded::files::{Files, Handle};

/// A disk with one directory. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    names: Names,
    safe_names: Names,
    /// What was done to the names since they were safe.
    renamed: Vec<Names>,
    files: Vec<File>,
    power: Power,
    /// How many bytes all files may have; none: any number.
    room: Option<usize>,
    /// How long a sync takes at most, in microseconds.
    slowness: u64,
}

type Names = BTreeMap<String, usize>;

#[derive(Debug, Default)]
enum Power {
    #[default]
    On,
    /// On for so many operations.
    Until(u64),
    Off,
}

#[derive(Clone, Debug, Default)]
struct File {
    seen: Vec<u8>,
    safe: Vec<u8>,
    /// What was done since it was safe.
    cache: Vec<Write>,
    /// From where on the disk fails to read it.
    unreadable: Option<usize>,
}

#[derive(Clone, Debug)]
enum Write {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

impl Disk {
    /// The power goes in the midst of this operation from now on.
    pub(super) fn cut_after(&self, operations: u64) {
        self.state().power = Power::Until(operations);
    }

    pub(super) fn is_off(&self) -> bool {
        matches!(self.state().power, Power::Off)
    }

    /// Syncs take up to so many microseconds.
    pub(super) fn slow(&self, microseconds: u64) {
        self.state().slowness = microseconds;
    }

    /// There is room for so many bytes in all.
    pub(super) fn room(&self, bytes: Option<usize>) {
        self.state().room = bytes;
    }

    /// How many bytes all files have.
    pub(super) fn used(&self) -> usize {
        let state = self.state();
        state.names.values().map(|file| state.files[*file].seen.len()).sum()
    }

    /// The disk when the power is back: with what was safe, and any of the rest.
    pub(super) fn after_cut(&self, random: &mut Random) -> Self {
        let state = self.state();
        let kept = random.place(state.renamed.len() + 1);
        let names = kept.checked_sub(1).map_or(&state.safe_names, |last| &state.renamed[last]).clone();
        let files: Vec<_> = state.files.iter().map(|file| file.after_cut(random)).collect();
        let slowness = state.slowness;
        let state = State { names: names.clone(), safe_names: names, files, slowness, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Another disk with the same files, as they are seen.
    pub(super) fn copy(&self) -> Self {
        let state = self.state();
        let seen = |file: &File| File {
            safe: file.seen.clone(),
            seen: file.seen.clone(),
            cache: Vec::new(),
            unreadable: None,
        };
        let files = state.files.iter().map(seen).collect();
        let (names, safe_names) = (state.names.clone(), state.names.clone());
        Self(Arc::new(Mutex::new(State { names, safe_names, files, ..State::default() })))
    }

    /// A file's bytes.
    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.files[state.names[name]].seen.clone()
    }

    /// Puts other bytes into a file, made if it is not there.
    pub(super) fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state();
        let file = File { safe: bytes.clone(), seen: bytes, cache: Vec::new(), unreadable: None };
        state.files.push(file);
        let number = state.files.len() - 1;
        state.names.insert(name.to_owned(), number);
        state.safe_names.insert(name.to_owned(), number);
    }

    /// The disk can no longer read this file from this place on.
    pub(super) fn wear_out(&self, name: &str, from: usize) {
        let mut state = self.state();
        let number = state.names[name];
        state.files[number].unreadable = Some(from);
    }

    /// As the store sees it.
    pub(super) fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn name(&self, change: impl FnOnce(&mut State) -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state();
        state.spend()?;
        change(&mut state)?;
        let names = state.names.clone();
        state.renamed.push(names);
        Ok(())
    }

    fn handle(&self, number: usize) -> Handle {
        Box::new(Opened { disk: self.clone(), number })
    }
}

impl Files for Disk {
    fn directory(&self) -> &Path {
        Path::new("/disk")
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.spend()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Option<Handle>> {
        let mut state = self.state();
        state.spend()?;
        let number = state.names.get(name).copied();
        drop(state);
        Ok(number.map(|number| self.handle(number)))
    }

    fn create(&self, name: &str) -> io::Result<Handle> {
        self.name(|state| {
            state.files.push(File::default());
            let number = state.files.len() - 1;
            state.names.insert(name.to_owned(), number);
            Ok(())
        })?;
        let number = self.state().names[name];
        Ok(self.handle(number))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.name(|state| {
            let number = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            state.names.insert(to.to_owned(), number);
            Ok(())
        })
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.name(|state| {
            let number = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
            match state.names.insert(to.to_owned(), number) {
                None => Ok(()),
                Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
            }
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.name(|state| state.names.remove(name).map(drop).ok_or(io::ErrorKind::NotFound.into()))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state();
        state.spend()?;
        state.safe_names = state.names.clone();
        state.renamed.clear();
        Ok(())
    }
}

/// An open file.
#[derive(Debug)]
struct Opened {
    disk: Disk,
    number: usize,
}

impl Opened {
    fn write(&self, write: Write) -> io::Result<()> {
        let mut state = self.disk.state();
        let spent = state.spend();
        let longer = write.end().saturating_sub(state.files[self.number].seen.len());
        // A length alone takes no room, as in a file with a hole; bytes do.
        let takes = matches!(write, Write::Bytes(..)) && longer > 0;
        if takes && state.room.is_some_and(|room| longer > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if let Some(room) = state.room.as_mut().filter(|_| takes) {
            *room -= longer;
        }
        let file = &mut state.files[self.number];
        write.apply(&mut file.seen);
        // What is written when the power goes may get there.
        file.cache.push(write);
        spent
    }
}

impl StorageBackend for Opened {
    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.spend()?;
        Ok(state.files[self.number].seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.disk.state();
        state.alive()?;
        let from = usize::try_from(offset).unwrap();
        let file = &state.files[self.number];
        if file.unreadable.is_some_and(|unreadable| from + out.len() > unreadable) {
            return Err(io::Error::from_raw_os_error(5));
        }
        let bytes = file.seen.get(from..from + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.write(Write::Length(usize::try_from(len).unwrap()))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.spend()?;
        let (written, slowness) = (state.files[self.number].cache.len(), state.slowness);
        drop(state);
        if slowness > 0 {
            std::thread::sleep(Duration::from_micros(slowness * (1 + self.number as u64 % 3) / 3));
        }
        let mut state = self.disk.state();
        state.alive()?;
        let file = &mut state.files[self.number];
        // What came meanwhile is not safe.
        let synced = written.min(file.cache.len());
        for write in file.cache.drain(..synced) {
            write.apply(&mut file.safe);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write(Write::Bytes(usize::try_from(offset).unwrap(), data.to_vec()))
    }
}

impl State {
    /// One operation more.
    fn spend(&mut self) -> io::Result<()> {
        match &mut self.power {
            Power::Until(0) => self.power = Power::Off,
            Power::Until(left) => *left -= 1,
            Power::On | Power::Off => {}
        }
        self.alive()
    }

    fn alive(&self) -> io::Result<()> {
        match self.power {
            Power::Off => Err(io::Error::other("the power is gone")),
            Power::On | Power::Until(_) => Ok(()),
        }
    }
}

impl File {
    fn after_cut(&self, random: &mut Random) -> Self {
        let mut safe = self.safe.clone();
        let (style, kept) = (random.below(4), random.place(self.cache.len() + 1));
        for (number, write) in self.cache.iter().enumerate() {
            let stays = match style {
                0 => false,
                1 => true,
                2 => number < kept,
                _ => random.once_in(2),
            };
            let is_last = style == 2 && number == kept;
            if stays && style == 3 && random.once_in(3) || is_last {
                write.tear(random, &mut safe);
            } else if stays {
                write.apply(&mut safe);
            }
        }
        Self { seen: safe.clone(), safe, cache: Vec::new(), unreadable: None }
    }
}

impl Write {
    fn end(&self) -> usize {
        match self {
            Self::Bytes(at, bytes) => at + bytes.len(),
            Self::Length(length) => *length,
        }
    }

    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Bytes(at, bytes) => {
                to.resize(to.len().max(at + bytes.len()), 0);
                to[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            Self::Length(length) => to.resize(*length, 0),
        }
    }

    /// A part of it gets there: up to some byte, or some of its sectors.
    fn tear(&self, random: &mut Random, to: &mut Vec<u8>) {
        let Self::Bytes(at, bytes) = self else { return };
        if random.once_in(2) {
            let cut = random.place(bytes.len() + 1);
            return Self::Bytes(*at, bytes[..cut].to_vec()).apply(to);
        }
        for (number, sector) in bytes.chunks(512).enumerate() {
            if random.once_in(2) {
                Self::Bytes(at + number * 512, sector.to_vec()).apply(to);
            }
        }
    }
}
