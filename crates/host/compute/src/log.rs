//! What an instance's process printed: written by the shim, read by whoever asks.
//!
//! The bytes are as the process wrote them. When the file is full it becomes `log.1`, in place of the one before it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Interval, MissedTickBehavior};

use crate::Result;
use crate::error::Trying;
use crate::instance_dir::{InstanceDir, OpenDir};

/// How large the file may grow.
const LIMIT: u64 = 10 << 20;
/// How often a follower looks for more.
const LOOK: Duration = Duration::from_millis(100);
const CURRENT: &str = "log";
const PREVIOUS: &str = "log.1";

/// The shim's side.
#[derive(Debug)]
pub(crate) struct LogWriter {
    file: File,
    size: u64,
    limit: u64,
}

impl LogWriter {
    /// Goes on where the file ends.
    pub(crate) fn open(dir: &OpenDir) -> Result<Self> {
        Self::with_limit(dir, LIMIT)
    }

    fn with_limit(dir: &OpenDir, limit: u64) -> Result<Self> {
        let file = dir.append(CURRENT)?;
        let size = file.metadata().trying(|| "look at the instance's log".into())?.len();
        Ok(Self { file, size, limit })
    }

    /// Adds to it. What a full disk refuses is lost: the process must not wait for the disk.
    pub(crate) fn write(&mut self, dir: &OpenDir, bytes: &[u8]) {
        let more = bytes.len() as u64;
        if self.size > 0 && self.size + more > self.limit {
            let fresh = dir.rename(CURRENT, PREVIOUS).and_then(|()| dir.append(CURRENT));
            if let Ok(file) = fresh {
                (self.file, self.size) = (file, 0);
            }
        }
        if self.file.write_all(bytes).is_ok() {
            self.size += more;
        }
    }
}

/// Reads an instance's log, as [`Driver::logs`](crate::Driver::logs) gives it.
#[derive(Debug)]
pub struct LogReader {
    dir: InstanceDir,
    /// What is being read, and what comes after it.
    files: VecDeque<File>,
    /// If the end is not the end.
    follow: Option<Interval>,
}

impl LogReader {
    /// The whole log, or its last lines. One that follows ends when the instance's shim has, and must be made within a
    /// tokio runtime.
    pub(crate) fn open(dir: InstanceDir, follow: bool, tail: Option<usize>) -> Result<Self> {
        let mut files = VecDeque::new();
        let mut missing = tail.unwrap_or(usize::MAX);
        for name in [CURRENT, PREVIOUS] {
            let path = dir.file(name);
            let mut file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error).on("open", &path),
            };
            if tail.is_some() {
                let (start, found) = last_lines(&file, missing).on("read", &path)?;
                file.seek(SeekFrom::Start(start)).on("read", &path)?;
                missing -= found;
            }
            files.push_front(file);
            if missing == 0 {
                break;
            }
        }
        let follow = follow.then(|| {
            let mut interval = tokio::time::interval(LOOK);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        Ok(Self { dir, files, follow })
    }

    /// The next bytes that are there, 0 if there are none now.
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(file) = self.files.front_mut() {
            let read = file.read(buffer)?;
            if read > 0 || self.files.len() == 1 {
                return Ok(read);
            }
            self.files.pop_front();
        }
        Ok(0)
    }

    /// If the log was turned over since, what was written after that is next. Whether there is more to read.
    fn turn_over(&mut self) -> io::Result<bool> {
        let present = match File::open(self.dir.file(CURRENT)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let Some(read) = self.files.back() else {
            self.files.push_back(present);
            return Ok(true);
        };
        let read = inode(read)?;
        if inode(&present)? == read {
            return Ok(false);
        }
        // Turned over twice: then the one in between is there, and what we have not read of ours is gone.
        if let Ok(previous) = File::open(self.dir.file(PREVIOUS))
            && inode(&previous)? != read
        {
            self.files.push_back(previous);
        }
        self.files.push_back(present);
        Ok(true)
    }

    /// Whether nobody writes to it any more.
    fn is_complete(&self) -> bool {
        !matches!(self.dir.shim(), Ok(Some(_)))
    }
}

impl AsyncRead for LogReader {
    /// Reads of files this size come from memory: they are not worth another thread.
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            // Looked at before reading: what is written until it ends is then read after it ended.
            let complete = self.follow.is_none() || self.is_complete();
            let read = self.read_now(buffer.initialize_unfilled())?;
            if read > 0 {
                buffer.advance(read);
                return Poll::Ready(Ok(()));
            }
            if self.follow.is_some() && self.turn_over()? {
                continue;
            }
            let Some(follow) = self.follow.as_mut().filter(|_| !complete) else { return Poll::Ready(Ok(())) };
            std::task::ready!(follow.poll_tick(context));
        }
    }
}

fn inode(file: &File) -> io::Result<u64> {
    Ok(file.metadata()?.ino())
}

/// Where the last lines of a file begin, and how many of those wanted there are.
fn last_lines(file: &File, wanted: usize) -> io::Result<(u64, usize)> {
    let size = file.metadata()?.len();
    let (mut start, mut found) = (size, 0);
    let mut block = vec![0; 64 << 10];
    while start > 0 {
        let length = start.min(block.len() as u64);
        let block = &mut block[..usize::try_from(length).expect("at most a block")];
        file.read_exact_at(block, start - length)?;
        for (at, byte) in block.iter().enumerate().rev() {
            let position = start - length + at as u64;
            // The end of the last line begins no other one.
            if *byte == b'\n' && position + 1 < size {
                found += 1;
                if found == wanted {
                    return Ok((position + 1, found));
                }
            }
        }
        start -= length;
    }
    if wanted == 0 { Ok((size, 0)) } else { Ok((0, (found + usize::from(size > 0)).min(wanted))) }
}

#[cfg(test)]
mod tests;
