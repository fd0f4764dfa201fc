//! Whether the daemon was started by `up`, and so is to be ended by `down`.
//!
//! Such a daemon holds a lock on a file in its run directory as long as it lives, and removes the file when it ended as
//! it should. So a file that nobody has locked says that a daemon died, or could not remove everything.

use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use madang_kernel::Layout;

/// How often it is looked whether a daemon has ended.
const LOOK: Duration = Duration::from_millis(20);

/// The lock of a daemon that `up` started.
#[derive(Debug)]
pub(crate) struct Ephemeral {
    path: PathBuf,
    lock: File,
}

impl Ephemeral {
    /// Says that this process is such a daemon, unless another one is.
    pub(crate) fn hold(layout: &Layout) -> io::Result<Option<Self>> {
        let path = path(layout);
        std::fs::create_dir_all(layout.run_dir())?;
        let lock = File::options().create(true).truncate(false).write(true).open(&path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { path, lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Says that it ended as it should. The lock goes with the process: who waits for that waits until nothing of it is
    /// left.
    pub(crate) fn release(self) -> io::Result<()> {
        std::mem::forget(self.lock);
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// No such daemon runs, nor did one die.
    None,
    /// One runs.
    Runs,
    /// One died, or could not remove everything.
    Died,
}

/// Whether such a daemon runs.
pub(crate) fn life(layout: &Layout) -> io::Result<Life> {
    let file = match File::open(path(layout)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Life::None),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Life::Died),
        Err(TryLockError::WouldBlock) => Ok(Life::Runs),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A daemon that runs, to wait for its end.
pub(crate) struct Running(File);

/// The daemon, if such a one runs.
pub(crate) fn running(layout: &Layout) -> io::Result<Option<Running>> {
    match life(layout)? {
        Life::Runs => Ok(Some(Running(File::open(path(layout))?))),
        Life::None | Life::Died => Ok(None),
    }
}

impl Running {
    /// Waits until its process has ended. Returns what the file says then: `Runs` if it took too long.
    pub(crate) async fn wait(self, layout: &Layout, limit: Duration) -> io::Result<Life> {
        let end = Instant::now() + limit;
        // The file may have another name by now, or none: its lock is still the process's.
        while let Err(TryLockError::WouldBlock) = self.0.try_lock_shared() {
            if Instant::now() >= end {
                return Ok(Life::Runs);
            }
            tokio::time::sleep(LOOK).await;
        }
        drop(self);
        life(layout)
    }
}

fn path(layout: &Layout) -> PathBuf {
    layout.run_dir().join("ephemeral")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_from_start_to_end() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(Some(dir.path()));
        assert_eq!(life(&layout).unwrap(), Life::None);
        let held = Ephemeral::hold(&layout).unwrap().unwrap();
        assert_eq!(life(&layout).unwrap(), Life::Runs);
        assert!(Ephemeral::hold(&layout).unwrap().is_none(), "there is one already");
        held.release().unwrap();
        assert_eq!(life(&layout).unwrap(), Life::None);
        drop(Ephemeral::hold(&layout).unwrap());
        assert_eq!(life(&layout).unwrap(), Life::Died, "it did not say that it ended");
        assert!(Ephemeral::hold(&layout).unwrap().is_some(), "the next one takes over");
    }
}
