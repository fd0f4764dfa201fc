//! The daemon's side: starting a worker, telling it, and ending those that an earlier daemon has left.

use std::fs::{DirBuilder, read_dir, read_to_string, remove_file, rename, write};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use madang_kernel::netns;
use madang_kernel::process::ProcessId;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::process::Signal;

use crate::channel::ToWorker;
use crate::{Error, Kind, Result};

/// The directory that is all that a worker sees.
pub(crate) const EMPTY: &str = "empty";
/// How long a worker may take to end.
const GRACE: Duration = Duration::from_secs(2);
/// How many connections wait to be taken.
const BACKLOG: i32 = 256;

/// What is needed to start a worker.
#[derive(Clone, Debug)]
pub struct Launch {
    /// What it does.
    pub kind: Kind,
    /// This program.
    pub executable: PathBuf,
    /// The directory of all workers.
    pub place: PathBuf,
    /// The namespace of the services.
    pub netns: PathBuf,
    /// Where it listens in there.
    pub address: SocketAddr,
}

/// A worker of this daemon.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    channel: ToWorker,
}

impl Launch {
    /// Starts a worker, beside one that may be there.
    ///
    /// # Errors
    /// Its sockets cannot be opened, or it cannot be started.
    pub fn start(&self) -> Result<Worker> {
        let empty = self.place.join(EMPTY);
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&empty)
            .map_err(Error::step(format!("make {}", empty.display())))?;
        let sockets = netns::enter(&self.netns, || listen(self.kind, self.address))
            .map_err(|source| Error::Namespace { source })??;
        let (channel, theirs) = ToWorker::pair()?;
        let child = Command::new(&self.executable)
            .args(["worker", self.kind.name()])
            .arg(&self.place)
            .env_clear()
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()
            .map_err(Error::step(format!("start {}", self.executable.display())))?;
        let mut worker = Worker { child, channel };
        if let Err(error) = worker.channel.give(&sockets) {
            worker.kill();
            return Err(error);
        }
        Ok(worker)
    }
}

impl Worker {
    /// Tells it what it must know.
    ///
    /// # Errors
    /// It does not listen.
    pub fn tell(&mut self, briefing: &impl serde::Serialize) -> Result<()> {
        self.channel.tell(briefing)
    }

    /// Whether it serves.
    pub fn is_ready(&self) -> bool {
        self.channel.is_ready()
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(status.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ends the workers of this kind, and waits until they have.
///
/// # Errors
/// The directory of the workers cannot be read, or one of them does not end.
pub fn end_all(kind: Kind, place: &Path) -> Result<()> {
    for (path, process) in marks(kind, place)? {
        process.map(end).transpose()?;
        remove_file(&path).map_err(Error::step(format!("remove {}", path.display())))?;
    }
    Ok(())
}

/// Asks the workers of this kind to end, but for one of our own, and does not wait for it; ends them at once, if that is to be
/// forced. Whether there are none left.
///
/// # Errors
/// The directory of the workers cannot be read, or one of them cannot be told.
pub fn retire(kind: Kind, place: &Path, but: Option<u32>, force: bool) -> Result<bool> {
    let signal = if force { Signal::KILL } else { Signal::TERM };
    let mut none_left = true;
    for (path, process) in marks(kind, place)? {
        if process.is_some_and(|process| Some(process.pid) == but) {
            continue;
        }
        let told = process.map(|process| process.signal(signal)).transpose();
        if told.map_err(|source| Error::Namespace { source })? == Some(true) {
            none_left = false;
        } else {
            remove_file(&path).map_err(Error::step(format!("remove {}", path.display())))?;
        }
    }
    Ok(none_left)
}

/// The marks of all workers of this kind; one that is damaged is nobody's.
fn marks(kind: Kind, place: &Path) -> Result<Vec<(PathBuf, Option<ProcessId>)>> {
    let entries = match read_dir(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::step(format!("list {}", place.display())))?,
    };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mark = |path: PathBuf| {
        let pid = signed(kind, &path)?;
        let start_time = read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
        Some((path, start_time.map(|start_time| ProcessId { pid, start_time })))
    };
    Ok(paths.filter_map(mark).collect())
}

/// Whether a worker of this kind runs that an earlier daemon has started.
pub fn is_any_left(kind: Kind, place: &Path) -> bool {
    let alive = |process: ProcessId| process.is_alive().unwrap_or(false);
    marks(kind, place).is_ok_and(|marks| marks.into_iter().any(|(_, process)| process.is_some_and(alive)))
}

fn end(process: ProcessId) -> Result<()> {
    let failed = |source| Error::Namespace { source };
    for (signal, limit) in [(Signal::TERM, GRACE), (Signal::KILL, GRACE)] {
        if !process.signal(signal).map_err(failed)? || process.wait(limit).map_err(failed)? {
            return Ok(());
        }
    }
    Err(Error::Channel("a worker does not end"))
}

/// A worker's mark in the directory of all: the file `dns.PID` with its start time.
pub(crate) fn sign(kind: Kind, place: &Path) -> Result<()> {
    let own = ProcessId::current().map_err(|source| Error::Namespace { source })?;
    let path = place.join(format!("{}.{}", kind.name(), own.pid));
    // Whole, or not there.
    let new = place.join(format!("new-{}", own.pid));
    write(&new, own.start_time.to_string())
        .and_then(|()| rename(&new, &path))
        .map_err(Error::step(format!("write {}", path.display())))
}

fn signed(kind: Kind, path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.strip_prefix(kind.name())?.strip_prefix('.')?.parse().ok()
}

/// The sockets of a worker, the listening one last; others may listen at the same place.
fn listen(kind: Kind, address: SocketAddr) -> Result<Vec<OwnedFd>> {
    let open = |kind| {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::INET, kind, flags, None)?;
        sockopt::set_socket_reuseport(socket.as_fd(), true)?;
        sockopt::set_socket_reuseaddr(socket.as_fd(), true)?;
        rustix::net::bind(&socket, &address)?;
        Ok(socket)
    };
    let failed = |error: rustix::io::Errno| Error::step(format!("listen at {address}"))(error);
    let mut sockets = Vec::new();
    if kind == Kind::Dhcp {
        sockets.push(crate::dhcp::listen()?);
    }
    for kind in kind.sockets() {
        let socket = open(*kind).map_err(failed)?;
        if *kind == SocketType::STREAM {
            rustix::net::listen(&socket, BACKLOG).map_err(failed)?;
        }
        sockets.push(socket);
    }
    Ok(sockets)
}
