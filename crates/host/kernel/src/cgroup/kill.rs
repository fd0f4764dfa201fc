//! Killing all of a cgroup, also what forks meanwhile.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::hierarchy::children;
use crate::error::{Error, Result};

/// How long the first wait is; each is twice the one before.
const FIRST_WAIT: Duration = Duration::from_millis(1);
/// How long the longest wait is.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// The processes in a cgroup and below it. None if it is not there.
pub(super) fn processes(directory: &Path) -> Result<BTreeSet<u32>> {
    let path = directory.join("cgroup.procs");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        // ENODEV: the group was removed between open and read.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NODEV) => return Ok(BTreeSet::new()),
        Err(error) => return Err(Error::file("read", &path)(error)),
    };
    // 0 is a process that this process's PID namespace does not see.
    let mut pids: BTreeSet<u32> =
        text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 0).collect();
    for child in children(directory)? {
        pids.extend(processes(&child)?);
    }
    Ok(pids)
}

/// Frozen, a group cannot fork while its processes are gone through.
pub(super) fn version_1(
    directories: &BTreeSet<PathBuf>,
    freezer: Option<&Path>,
    limit: Duration,
) -> Result<()> {
    let state = freezer.map(|directory| directory.join("freezer.state")).filter(|path| path.exists());
    let all = || {
        directories.iter().try_fold(BTreeSet::new(), |mut all, directory| {
            all.extend(processes(directory)?);
            Ok(all)
        })
    };
    until_empty(freezer.or(directories.first().map(PathBuf::as_path)), limit, all, |pids| {
        if let Some(state) = &state {
            super::write(state, "FROZEN")?;
        }
        // Listed again: it may have forked before it froze.
        let killed = all().and_then(|frozen| kill_each(pids.union(&frozen)));
        if let Some(state) = &state {
            super::write(state, "THAWED")?;
        }
        killed
    })
}

/// Since Linux 5.14 the kernel kills a group as a whole.
pub(super) fn version_2(directory: &Path, limit: Duration) -> Result<()> {
    let at_once = directory.join("cgroup.kill");
    until_empty(
        Some(directory),
        limit,
        || processes(directory),
        |pids| {
            if at_once.exists() { super::write(&at_once, "1") } else { kill_each(pids.iter()) }
        },
    )
}

fn until_empty(
    subject: Option<&Path>,
    limit: Duration,
    processes: impl Fn() -> Result<BTreeSet<u32>>,
    kill: impl Fn(&BTreeSet<u32>) -> Result<()>,
) -> Result<()> {
    let deadline = Instant::now() + limit;
    let mut wait = FIRST_WAIT;
    loop {
        let pids = processes()?;
        if pids.is_empty() {
            return Ok(());
        }
        kill(&pids)?;
        if Instant::now() >= deadline {
            let path = subject.unwrap_or(Path::new("(none)")).to_owned();
            return Err(Error::NotEmpty { path, pids: pids.into_iter().collect() });
        }
        thread::sleep(wait);
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

fn kill_each<'a>(pids: impl Iterator<Item = &'a u32>) -> Result<()> {
    for pid in pids {
        let Some(target) = i32::try_from(*pid).ok().and_then(Pid::from_raw) else { continue };
        match kill_process(target, Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(errno) => {
                return Err(Error::Process { operation: "kill", pid: *pid, source: errno.into() });
            }
        }
    }
    Ok(())
}
