//! What is known of an instance from the last look at it, so that the next one costs two questions to the kernel.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use madang_kernel::process::ProcessId;
use madang_model::RestartPolicy;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::error::Trying;
use crate::instance_dir::{InstanceDir, Record, State};
use crate::{Error, Result};

/// A file that was written, or first seen, less than this before it was read is read again: the file system's clock ticks
/// slowly, and the number of a file is used again, so two versions of one tick may look the same. When the clock was set
/// back, files are of the future, and only how long ago one was first seen says something.
const SETTLED: Duration = Duration::from_secs(1);

/// What is known of each instance, by its uid.
#[derive(Debug, Default)]
pub(super) struct AllKnown(BTreeMap<String, Known>);

/// What is known of one.
#[derive(Debug, Default)]
pub(super) struct Known {
    order: Kept<Summary>,
    record: Kept<Record>,
    shim: Option<Shim>,
}

/// What an observation tells of the order; `spec.json` is never changed but for the name, only made anew.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) spec_hash: String,
    pub(super) restart: RestartPolicy,
}

/// A shim that was found alive. The descriptor stands for it, whoever gets its number later.
#[derive(Debug)]
struct Shim {
    process: ProcessId,
    pidfd: OwnedFd,
}

impl AllKnown {
    /// Forgets all but these instances, and every shim that has ended.
    pub(super) fn keep(&mut self, uids: &[String]) -> Result<()> {
        self.0.retain(|uid, _| uids.binary_search(uid).is_ok());
        let mut shims: Vec<&mut Option<Shim>> =
            self.0.values_mut().map(|known| &mut known.shim).filter(|shim| shim.is_some()).collect();
        let ended = {
            let pidfds = shims.iter().filter_map(|shim| shim.as_ref());
            let mut asked: Vec<PollFd<'_>> =
                pidfds.map(|shim| PollFd::new(&shim.pidfd, PollFlags::IN)).collect();
            look(&mut asked).trying(|| "ask which shims live".into())?;
            asked.iter().map(|asked| !asked.revents().is_empty()).collect::<Vec<bool>>()
        };
        for (shim, ended) in shims.iter_mut().zip(ended) {
            if ended {
                **shim = None;
            }
        }
        Ok(())
    }

    /// What is known of this one.
    pub(super) fn of(&mut self, uid: &str) -> &mut Known {
        self.0.entry(uid.to_owned()).or_default()
    }
}

/// Asks once, without waiting.
fn look(asked: &mut [PollFd<'_>]) -> rustix::io::Result<()> {
    if asked.is_empty() {
        return Ok(());
    }
    loop {
        match poll(asked, Some(&Timespec::default())) {
            Err(Errno::INTR) => {}
            done => return done.map(drop),
        }
    }
}

impl Known {
    /// Looks again at what may have changed. All that can be known is known then, also if it fails.
    pub(super) fn renew(&mut self, dir: &InstanceDir) -> Result<()> {
        let summary = |order: crate::instance_dir::Order| Summary {
            spec_hash: order.spec_hash,
            restart: order.workload.process.restart_policy,
        };
        let order = self.order.renew(&dir.file("spec.json"), || dir.order().map(|order| order.map(summary)));
        // One made anew has another shim.
        if matches!(order, Ok(Renewed::Read)) {
            self.shim = None;
        }
        let ended = matches!(order, Ok(Renewed::Same))
            && self.record.value.as_ref().is_some_and(|record| record.state == State::Exited);
        // Before the record: what a shim wrote before it ended is then read.
        let shim = if self.shim.is_some() || ended { Ok(()) } else { self.find_shim(dir) };
        let record = self.record.renew(&dir.file("state.json"), || dir.record());
        order.and(shim).and(record.map(drop))
    }

    fn find_shim(&mut self, dir: &InstanceDir) -> Result<()> {
        let Some(process) = dir.living_shim()? else { return Ok(()) };
        self.shim = process.open().map_err(Error::Kernel)?.map(|pidfd| Shim { process, pidfd });
        Ok(())
    }

    pub(super) fn order(&self) -> Option<&Summary> {
        self.order.value.as_ref()
    }

    pub(super) fn record(&self) -> Option<&Record> {
        self.record.value.as_ref()
    }

    /// Its shim, if it lives.
    pub(super) fn shim(&self) -> Option<ProcessId> {
        self.shim.as_ref().map(|shim| shim.process)
    }
}

/// What a file holds, as long as it is the same file.
#[derive(Debug)]
struct Kept<T> {
    seen: Option<Seen>,
    value: Option<T>,
}

/// A file that was read.
#[derive(Clone, Copy, Debug)]
struct Seen {
    stamp: Stamp,
    since: Instant,
    /// Whether another version of it would look otherwise.
    settled: bool,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { seen: None, value: None }
    }
}

/// What came of another look at a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Renewed {
    /// It is surely the one from before.
    Same,
    /// It was read.
    Read,
}

impl<T> Kept<T> {
    /// Reads the file, unless it is the same as before. What was known stays when the file cannot be read now, but not
    /// when it is damaged.
    fn renew(&mut self, path: &Path, read: impl FnOnce() -> Result<Option<T>>) -> Result<Renewed> {
        let (stamp, now) = (Stamp::of(path)?, Instant::now());
        let before = self.seen.filter(|seen| Some(seen.stamp) == stamp);
        if before.is_some_and(|seen| seen.settled) {
            return Ok(Renewed::Same);
        }
        self.seen = None;
        self.value = match stamp.map_or(Ok(None), |_| read()) {
            Ok(value) => value,
            Err(error) => {
                if matches!(error, Error::Damaged { .. }) {
                    self.value = None;
                }
                return Err(error);
            }
        };
        let since = before.map_or(now, |seen| seen.since);
        let is_old = now.duration_since(since) > SETTLED;
        self.seen = stamp.map(|stamp| Seen { stamp, since, settled: is_old || stamp.is_settled() });
        Ok(Renewed::Read)
    }
}

/// Tells one version of a file from the next, which is another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    inode: u64,
    size: u64,
}

impl Stamp {
    /// That of the file, if it is there.
    fn of(path: &Path) -> Result<Option<Self>> {
        let of = |about: fs::Metadata| {
            Ok(Self { modified: about.modified()?, inode: about.ino(), size: about.len() })
        };
        match fs::metadata(path).and_then(of) {
            Ok(stamp) => Ok(Some(stamp)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).on("look at", path),
        }
    }

    fn is_settled(&self) -> bool {
        self.modified.elapsed().is_ok_and(|age| age > SETTLED)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_file_of_the_future_is_read_again_until_it_was_seen_for_long_enough() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state.json");
        let write = |text: &str, ahead: u64| {
            fs::write(&path, text).unwrap();
            let modified = SystemTime::now() + Duration::from_secs(ahead);
            File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        };
        let mut kept = Kept::<String>::default();
        let mut look = || kept.renew(&path, || Ok(Some(fs::read_to_string(&path).unwrap()))).unwrap();
        write("one", 365 * 24 * 3600);
        let begun = Instant::now();
        assert_eq!((look(), look()), (Renewed::Read, Renewed::Read));
        while look() == Renewed::Read {
            assert!(begun.elapsed() < Duration::from_secs(20), "it is read again and again");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(begun.elapsed() > SETTLED);
        write("two", 365 * 24 * 3600 + 60);
        assert_eq!((look(), look()), (Renewed::Read, Renewed::Read), "another one begins anew");
        assert_eq!(kept.value.as_deref(), Some("two"));
    }
}
