//! What a log needs of a disk: so that tests can have one that fails.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{AtFlags, Mode, OFlags};

/// A directory on a disk. What is written or named is durable only after its `sync`.
pub(crate) trait Disk: Send + Sync + std::fmt::Debug {
    /// An open file.
    type File: Send + std::fmt::Debug;

    /// The names that are there.
    fn names(&self) -> io::Result<Vec<String>>;
    /// An empty file of this name, in place of one that may be there.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// A file to read.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// How long it is.
    fn length(&self, file: &Self::File) -> io::Result<u64>;
    /// Reads what is there from a place on, as much as there is room for, and says how much that was.
    fn read(&self, file: &Self::File, at: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes all of it there.
    fn write(&self, file: &Self::File, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// Gives a file another name, in place of one that may have it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names durable.
    fn sync_names(&self) -> io::Result<()>;
}

/// A real directory, held open: it works for a process that sees no files any more.
#[derive(Debug)]
pub(crate) struct Directory(OwnedFd);

impl Directory {
    pub(crate) fn new(directory: OwnedFd) -> Self {
        Self(directory)
    }

    fn open_as(&self, name: &str, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }
}

impl Disk for Directory {
    type File = File;

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(self.0.as_fd())? {
            let entry = entry?;
            // None of ours is of other bytes.
            names.extend(
                entry.file_name().to_str().ok().filter(|name| !name.starts_with('.')).map(Into::into),
            );
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<File> {
        self.open_as(name, OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC)
    }

    fn open(&self, name: &str) -> io::Result<File> {
        self.open_as(name, OFlags::RDONLY)
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        Ok(file.metadata()?.len())
    }

    fn read(&self, file: &File, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match file.read_at(&mut buffer[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(some) => filled += some,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write(&self, file: &File, at: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }
}
