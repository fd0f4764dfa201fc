//! The process driver: starts shims, finds them again, and ends them.

mod known;
mod observe;
mod tidy;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use madang_kernel::Layout;
use madang_kernel::process::ProcessId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

use self::known::AllKnown;
pub use self::observe::ObservedWorkload;
use crate::cage::Cage;
use crate::error::Trying;
use crate::exec::{self, ExecRequest, ExecSession};
use crate::instance_dir::{InstanceDir, Order, Record, State};
use crate::log::LogReader;
use crate::sandbox::read_only_clone;
use crate::shim::READY;
use crate::{Error, Result, Workload};

/// How long what was killed may take to be gone.
const TO_DIE: Duration = Duration::from_secs(10);
/// How long a sandbox may take to be made.
const TO_BE_READY: Duration = Duration::from_secs(20);

/// Runs processes in sandboxes. All it knows is on the disk: one made anew, also by another process, goes on where the
/// last one was. Cheap to clone; only one process at a time may use a layout.
#[derive(Clone, Debug)]
pub struct Driver(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    layout: Layout,
    exe: PathBuf,
    /// The binary through a read-only mount, from the first use on: what a workload could reach through
    /// `/proc/*/exe` it cannot write to, and another binary at the same path does not come between.
    sealed: Mutex<Option<OwnedFd>>,
    /// Instances that are just being started or stopped.
    busy: Mutex<HashSet<String>>,
    /// What the last look at the instances told.
    known: Mutex<AllKnown>,
}

impl Driver {
    /// For the instances of this layout; their shims run from this binary, which has the subcommands `shim` and
    /// `sandbox-exec`.
    pub fn new(layout: Layout, exe: PathBuf) -> Self {
        Self(Arc::new(Inner {
            layout,
            exe,
            sealed: Mutex::default(),
            busy: Mutex::default(),
            known: Mutex::default(),
        }))
    }

    /// Makes the workload run. If it runs already, and from the same spec, only its names are renewed.
    /// What is left of an earlier run is removed first, its log too.
    pub async fn start(&self, workload: &Workload) -> Result<()> {
        let workload = workload.clone();
        self.apart(move |inner| inner.start(workload)).await
    }

    /// Ends it: SIGTERM to its process, and after the grace SIGKILL to all. Nothing is left of it, nor of its log. An
    /// instance that is not there is no error.
    pub async fn stop(&self, uid: &str, grace: Duration) -> Result<()> {
        let uid = uid.to_owned();
        self.apart(move |inner| inner.stop(&uid, grace)).await
    }

    /// Renews the names of an instance that is there, and nothing else: its host name, its hosts and name servers. It is
    /// never started, whether its process runs or has ended. One that is not there is no error.
    pub async fn renew_names(&self, workload: &Workload) -> Result<()> {
        let workload = workload.clone();
        self.apart(move |inner| inner.renew_names(&workload)).await
    }

    /// Removes what a daemon began to start and did not finish, and ends and removes the control groups that no instance
    /// has. Gives what could not be removed, by its uid, and why; the uid is empty where it is about all of them.
    pub async fn tidy(&self) -> Vec<(String, Error)> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || inner.tidy()).await.expect("the driver does not panic")
    }

    /// Every instance that was started and not stopped, in the order of their uids; also one that a daemon began to start
    /// and did not finish. One that cannot be read is `Exited`, and its message says why. Changes nothing.
    pub fn observe(&self) -> Result<Vec<ObservedWorkload>> {
        self.0.observe()
    }

    /// Its log, or the last lines of it. With `follow` it goes on until the instance's process has ended for good; that
    /// needs a tokio runtime around.
    pub fn logs(&self, uid: &str, follow: bool, tail: Option<usize>) -> Result<LogReader> {
        LogReader::open(self.0.existing(uid)?, follow, tail)
    }

    /// Runs a command in its sandbox.
    pub async fn exec(&self, uid: &str, request: ExecRequest) -> Result<ExecSession> {
        let dir = self.0.existing(uid)?;
        let name = dir.order()?.map_or_else(|| uid.to_owned(), |order| order.workload.name);
        let state = |record: Option<Record>| match record.map_or(State::Starting, |record| record.state) {
            State::Running => None,
            State::Starting => Some("is just starting"),
            State::Backoff => Some("has ended and starts again soon"),
            State::Exited => Some("has ended"),
        };
        let Some(shim) = dir.shim()? else { return Err(Error::NotRunning { name, state: "has ended" }) };
        if let Some(state) = state(dir.record()?) {
            return Err(Error::NotRunning { name, state });
        }
        let program = self.0.program([OsStr::new("sandbox-exec")])?;
        exec::begin(program, dir, shim, request).await
    }

    /// Work that waits, on a thread that may.
    async fn apart(&self, work: impl FnOnce(&Inner) -> Result<()> + Send + 'static) -> Result<()> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&inner)).await.expect("the driver does not panic")
    }
}

impl Inner {
    fn start(&self, workload: Workload) -> Result<()> {
        let dir = InstanceDir::new(&self.layout, &workload.uid)?;
        let _busy = self.occupy(&workload.uid)?;
        if dir.living_shim()?.is_some() {
            let same = dir.order()?.is_some_and(|order| order.spec_hash == workload.spec_hash());
            return if same { renew(&dir, &workload) } else { Err(Error::Differs(workload.uid)) };
        }
        self.remove(&dir, &workload.uid)?;
        let spec_hash = workload.spec_hash();
        let order = Order {
            spec_hash,
            layout_root: self.layout.root().map(Path::to_owned),
            hidden: self.hidden(),
            workload,
        };
        let started = self.make(&dir, &order);
        started.inspect_err(|_| {
            // The reason for the failure is worth more than what the clean-up says; the next start cleans up again.
            let _ = self.remove(&dir, &order.workload.uid);
        })
    }

    fn make(&self, dir: &InstanceDir, order: &Order) -> Result<()> {
        dir.create(order)?;
        Cage::open(&self.layout, &order.workload.uid)?.create(&order.workload.resources)?;
        let mut command = self.program([OsStr::new("shim"), dir.path().as_os_str()])?;
        let (answer, error) = io::pipe().trying(|| "make a pipe".into())?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(error);
        let mut child = command.spawn().trying(|| "start the shim".into())?;
        drop(command);
        let said = hear(answer).trying(|| "hear from the shim".into());
        // The first stage ended long ago, unless it hangs; the second is nobody's child.
        let _ = child.kill();
        child.wait().trying(|| "wait for the shim".into())?;
        let reason = match said?.as_deref().map(str::trim) {
            Some(said) if said == READY.trim() => return Ok(()),
            Some("") => "its shim was killed".to_owned(),
            Some(said) => said.to_owned(),
            None => format!("its shim was not ready within {} s", TO_BE_READY.as_secs()),
        };
        Err(Error::Start { name: order.workload.name.clone(), reason })
    }

    fn renew_names(&self, workload: &Workload) -> Result<()> {
        let dir = InstanceDir::new(&self.layout, &workload.uid)?;
        let _busy = self.occupy(&workload.uid)?;
        if dir.exists() { renew(&dir, workload) } else { Ok(()) }
    }

    fn stop(&self, uid: &str, grace: Duration) -> Result<()> {
        let dir = InstanceDir::new(&self.layout, uid)?;
        let _busy = self.occupy(uid)?;
        if let Some(shim) = dir.living_shim()? {
            shim.signal(Signal::TERM).map_err(Error::Kernel)?;
            shim.wait(grace).map_err(Error::Kernel)?;
        }
        self.remove(&dir, uid)
    }

    /// Ends and removes whatever there is of an instance.
    fn remove(&self, dir: &InstanceDir, uid: &str) -> Result<()> {
        if let Some(shim) = dir.living_shim()? {
            // With process 1 everything in its PID namespace ends, and before it does.
            shim.signal(Signal::KILL).map_err(Error::Kernel)?;
            if !shim.wait(TO_DIE).map_err(Error::Kernel)? {
                return Err(Error::Remains {
                    uid: uid.to_owned(),
                    left: format!("process {} does not end", shim.pid),
                });
            }
        }
        // A shim that had not said yet who it is finds neither its control group nor its directory, and gives up. The
        // directory last: as long as it is there, somebody knows that there is something to remove.
        Cage::open(&self.layout, uid)?.remove(TO_DIE)?;
        if dir.exists() {
            fs::remove_dir_all(dir.path()).on("remove", dir.path())?;
        }
        Ok(())
    }

    /// The directory of an instance that is there.
    fn existing(&self, uid: &str) -> Result<InstanceDir> {
        let dir = InstanceDir::new(&self.layout, uid)?;
        if dir.exists() { Ok(dir) } else { Err(Error::Unknown(uid.to_owned())) }
    }

    /// What belongs to Madang, this one and the system's: nothing for a workload.
    fn hidden(&self) -> Vec<PathBuf> {
        let system = Layout::new(None);
        let own = [
            self.layout.root().map(Path::to_owned),
            Some(self.layout.state_dir()),
            Some(self.layout.run_dir()),
        ];
        own.into_iter().flatten().chain([system.state_dir(), system.run_dir()]).collect()
    }

    /// This binary, through its read-only mount, with these arguments and nothing of the daemon's environment.
    fn program<'a>(&self, arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<Command> {
        let mut sealed = unpoisoned(&self.sealed);
        let mount = match sealed.as_ref() {
            Some(mount) => mount,
            None => sealed.insert(read_only_clone(&self.exe)?),
        };
        let mut command = Command::new(format!("/proc/self/fd/{}", mount.as_raw_fd()));
        command.arg0("madang").args(arguments).env_clear().current_dir("/");
        Ok(command)
    }

    fn occupy(&self, uid: &str) -> Result<Busy<'_>> {
        let new = unpoisoned(&self.busy).insert(uid.to_owned());
        if new {
            Ok(Busy { busy: &self.busy, uid: uid.to_owned() })
        } else {
            Err(Error::Busy(uid.to_owned()))
        }
    }
}

/// Renews what an instance knows of names. What its process has in its environment stays until it is started again.
fn renew(dir: &InstanceDir, workload: &Workload) -> Result<()> {
    let renamed = dir.order()?.filter(|order| order.workload.name != workload.name);
    if let Some(order) = renamed {
        if let Some(shim) = dir.living_shim()? {
            set_host_name(&shim, &workload.name)?;
        }
        dir.rename(order, workload)?;
    }
    dir.write_names(workload)
}

/// Sets the host name that a shim and its process see. By a thread of its own, which ends in their namespace.
fn set_host_name(shim: &ProcessId, name: &str) -> Result<()> {
    let Some(pidfd) = shim.open().map_err(Error::Kernel)? else { return Ok(()) };
    let set = || {
        let uts = ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME;
        move_into_thread_name_spaces(pidfd.as_fd(), uts)?;
        rustix::system::sethostname(name.as_bytes())
    };
    let done = std::thread::scope(|scope| scope.spawn(set).join().expect("it does not panic"));
    done.map_err(io::Error::from).trying(|| format!("set the host name {name}"))
}

/// What the shim says until it stands, or is gone. None if that takes too long: a mount of the host may hang.
fn hear(mut answer: PipeReader) -> io::Result<Option<String>> {
    let deadline = Instant::now() + TO_BE_READY;
    let mut said = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&answer, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let mut buffer = [0; 1024];
        match answer.read(&mut buffer)? {
            0 => return Ok(Some(String::from_utf8_lossy(&said).into_owned())),
            length => said.extend_from_slice(&buffer[..length]),
        }
    }
}

/// One operation at a time on an instance.
struct Busy<'a> {
    busy: &'a Mutex<HashSet<String>>,
    uid: String,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        unpoisoned(self.busy).remove(&self.uid);
    }
}

/// What these mutexes guard is right after every single step.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_there() {
        let place = tempfile::tempdir().unwrap();
        let driver = Driver::new(Layout::new(Some(place.path())), "/bin/true".into());
        assert_eq!(driver.observe().unwrap(), []);
        assert!(matches!(driver.logs("u1", false, None), Err(Error::Unknown(_))));
        assert!(matches!(driver.exec("u1", ExecRequest::default()).await, Err(Error::Unknown(_))));
        assert!(matches!(driver.exec("../u1", ExecRequest::default()).await, Err(Error::Uid(_))));
    }
}
