//! Processes that are known again after a restart: a number is used again, a number with its start time is not.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One process, and no later one of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks after boot (field 22 of `/proc/PID/stat`).
    pub start_time: u64,
}

impl ProcessId {
    /// The process that has this number now. None if there is none, or only what is left for its parent to reap.
    pub fn of(pid: u32) -> Result<Option<Self>> {
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => match parse_stat(&stat) {
                Some((state, start_time)) => {
                    Ok((!matches!(state, 'Z' | 'X' | 'x')).then_some(Self { pid, start_time }))
                }
                None => Err(failed("read the state of", pid)(ErrorKind::InvalidData.into())),
            },
            // ESRCH: it ended between open and read.
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(failed("read the state of", pid)(error)),
        }
    }

    /// The calling process.
    pub fn current() -> Result<Self> {
        let pid = std::process::id();
        Self::of(pid)?.ok_or_else(|| failed("find", pid)(ErrorKind::NotFound.into()))
    }

    /// Whether it still runs.
    pub fn is_alive(self) -> Result<bool> {
        Ok(Self::of(self.pid)? == Some(self))
    }

    /// A pidfd of it, if it still runs. The descriptor can be read when it has ended.
    pub fn open(self) -> Result<Option<OwnedFd>> {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(Errno::SRCH) => return Ok(None),
            Err(errno) => return Err(failed("open", self.pid)(errno.into())),
        };
        // Checked after opening: the descriptor is of whoever has the number now, and stays so.
        Ok(self.is_alive()?.then_some(pidfd))
    }

    /// Sends it a signal. Whether it still ran.
    pub fn signal(self, signal: Signal) -> Result<bool> {
        let Some(pidfd) = self.open()? else { return Ok(false) };
        match pidfd_send_signal(&pidfd, signal) {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(errno) => Err(failed("signal", self.pid)(errno.into())),
        }
    }

    /// Waits until it has ended, no longer than this. Whether it has.
    pub fn wait(self, limit: Duration) -> Result<bool> {
        match self.open()? {
            None => Ok(true),
            Some(pidfd) => wait(&pidfd, limit).map_err(|errno| failed("wait for", self.pid)(errno.into())),
        }
    }
}

/// Waits until the process of a pidfd has ended, no longer than this. Whether it has.
pub fn wait(pidfd: impl AsFd, limit: Duration) -> rustix::io::Result<bool> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
        match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)) {
            Err(Errno::INTR) => {}
            ended => return ended.map(|ready| ready > 0),
        }
    }
}

/// The state and the start time in a line of `/proc/PID/stat`. The name in parentheses may hold anything.
fn parse_stat(stat: &str) -> Option<(char, u64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    Some((fields.first()?.chars().next()?, fields.get(19)?.parse().ok()?))
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || Errno::from_io_error(error) == Some(Errno::SRCH)
}

fn failed(operation: &'static str, pid: u32) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Process { operation, pid, source }
}

/// Gives the kernel back what the allocator holds and nobody uses: after a great change that is much.
#[cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "a call of the C library"))]
pub fn give_back_memory() {
    // SAFETY: it takes a number and touches nothing but the allocator's own free memory.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "7 (a) Z 1 (b)) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 9 10";
        assert_eq!(parse_stat(stat), Some(('S', 123_456)));
        assert_eq!(parse_stat("7 (a"), None);
    }

    #[test]
    fn a_process_is_itself_until_it_ends() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let id = ProcessId::of(child.id()).unwrap().unwrap();
        assert!(id.is_alive().unwrap());
        let impostor = ProcessId { start_time: id.start_time + 1, ..id };
        assert!(!impostor.is_alive().unwrap());
        assert!(!impostor.signal(Signal::KILL).unwrap(), "another process of the number is left alone");
        assert!(!id.wait(Duration::from_millis(1)).unwrap());
        assert!(id.signal(Signal::KILL).unwrap());
        assert!(id.wait(Duration::from_secs(10)).unwrap());
        assert_eq!(ProcessId::of(id.pid).unwrap(), None, "what is left for its parent does not run");
        child.wait().unwrap();
        assert!(!id.is_alive().unwrap() && id.open().unwrap().is_none());
    }
}
