//! The server on real links.
//!
//! One thread hears and decides ([`turn`]). What says that an address is somebody's waits for the log: another thread writes
//! what waits together, and sends it when it is durable ([`commit`]). A third writes the log of events ([`events`]), a fourth
//! answers whoever asks by the control socket ([`control`]). None of them is root any more.

mod commit;
pub mod control;
mod events;
mod listen;
mod post;
mod reservations;
mod turn;

use std::fs::{DirBuilder, File};
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use madang_dhcp::{Restored, Server, ServerConfig, ServerSpec};
use madang_kernel::Signals;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{FlockOperation, Gid, Uid};

use self::control::Reserved;
pub use self::events::Entry;
use self::post::Way;
use crate::clock;
use crate::error::Doing;
use crate::journal::{Directory, Journal, Replay, Report};
use crate::{Error, Result};

/// Whom the server runs as: nobody else does.
const USER: u32 = 65_532;
/// How much may wait to be heard on a link.
const RECEIVE_BUFFER: u32 = 8 << 20;

/// What a server is to do.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What it leases. Links are numbers of [`Self::links`].
    pub spec: ServerSpec,
    /// The interfaces that it listens on.
    pub links: Vec<String>,
    /// Where its leases and its events are.
    pub directory: PathBuf,
    /// Where whoever may ask it reaches it.
    pub control: PathBuf,
}

/// A server that is ready to run.
#[derive(Debug)]
pub struct Service {
    server: Server,
    ways: Arc<[Way]>,
    journal: Journal<Directory>,
    events: events::Log,
    control: UnixListener,
    directory: Arc<OwnedFd>,
    /// Nobody else may use the directory as long as it is open.
    lock: File,
    report: Report,
    restored: Restored,
    misfits: Vec<Reserved>,
}

impl Service {
    /// Opens what a server needs, as root, and reads its leases. Nothing is leased yet.
    ///
    /// # Errors
    /// The specification cannot be right; an interface is not there; somebody else has its port; the leases cannot be read, or
    /// another server uses them.
    pub fn open(mut setup: Setup) -> Result<Self> {
        let directory = Arc::new(open_directory(&setup.directory)?);
        let lock = lock(&directory, &setup.directory)?;
        ServerConfig::new(setup.spec.clone())?;
        let kept = reservations::read(&directory).doing("read the reservations")?;
        let (config, misfits) = with_reservations(&mut setup.spec, kept)?;
        let subnets = &setup.spec.subnets;
        let on_link = |link: u32| subnets.iter().find(|subnet| subnet.link == Some(link));
        let address =
            |link: u32| on_link(link).and_then(|subnet| subnet.server_id).unwrap_or(setup.spec.server_id);
        let subnet = |link| on_link(link).map(|subnet| subnet.prefix);
        let ways = (0..).zip(&setup.links).map(|(link, name)| Way::open(name, address(link), subnet(link)));
        let ways = ways.collect::<Result<Vec<_>>>()?;
        let disk = Arc::new(Directory::new(directory.try_clone().doing("keep the directory of leases")?));
        let mut replay = Replay::new(&*disk)?;
        let (server, restored) = Server::restore(config, replay.by_ref(), clock::now(), clock::random());
        let (journal, report) = replay.finish(Arc::clone(&disk))?;
        let events = events::Log::new(Arc::clone(&directory));
        let control = listen::control(&setup.control)?;
        Ok(Self {
            server,
            ways: ways.into(),
            journal,
            events,
            control,
            directory,
            lock,
            report,
            restored,
            misfits,
        })
    }

    /// What was read of the leases' log.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What came of it.
    pub fn restored(&self) -> Restored {
        self.restored
    }

    /// Reservations that were made while a server ran, and that fit nowhere now.
    pub fn misfits(&self) -> &[Reserved] {
        &self.misfits
    }

    /// Gives up being root, and serves until one of these signals comes. Must be called before the process has a second thread.
    ///
    /// # Errors
    /// Something of the host's fails that nothing goes without.
    pub fn run(self, signals: Signals) -> Result<()> {
        let Self { server, ways, journal, events, control, directory, lock, .. } = self;
        let see_nothing_else = || {
            rustix::process::fchdir(&*directory)?;
            rustix::process::chroot(".")
        };
        see_nothing_else().doing("leave the host's files")?;
        madang_compute::confine_with_files(USER, USER).map_err(|error| Error::Confine(Box::new(error)))?;
        let wake =
            Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).doing("make an eventfd")?);
        let (notices, events_thread) = events.start()?;
        let ending = Arc::new(AtomicBool::new(false));
        let (batches, commit_thread) =
            commit::start(journal, Arc::clone(&ways), notices.clone(), Arc::clone(&ending))?;
        let (asks, asked) = mpsc::channel();
        let (wake_up, followers) = (Arc::clone(&wake), notices.followers());
        let served = Arc::new(control::Served { asks, wake: wake_up, events: followers, directory });
        // It ends with the process: it waits for who may come.
        thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || control::serve(&control, &served))
            .doing("start a thread")?;
        let turn = turn::Turn::new(server, ways, batches, notices, asked, wake);
        let result = turn.run(&signals);
        // Whoever waits for an answer that is durable gets it still, if the disk takes it.
        ending.store(true, Ordering::Release);
        let _ = commit_thread.join();
        let _ = events_thread.join();
        drop(lock);
        result
    }
}

/// The configuration with these reservations too, and those of them that fit nowhere.
fn with_reservations(spec: &mut ServerSpec, kept: Vec<Reserved>) -> Result<(ServerConfig, Vec<Reserved>)> {
    let mut misfits = Vec::new();
    for reserved in kept {
        let mut with = spec.clone();
        let subnet =
            with.subnets.iter_mut().find(|subnet| subnet.prefix.contains(IpAddr::V4(reserved.address)));
        if let (Some(subnet), Some(reservation)) = (subnet, reserved.reservation())
            && {
                subnet.reservations.push(reservation);
                ServerConfig::new(with.clone()).is_ok()
            }
        {
            *spec = with;
        } else {
            misfits.push(reserved);
        }
    }
    Ok((ServerConfig::new(spec.clone())?, misfits))
}

/// The directory of a server's leases: made if it is not there, and the server's own.
fn open_directory(path: &Path) -> Result<OwnedFd> {
    let doing = |what: &str| format!("{what} {}", path.display());
    DirBuilder::new().recursive(true).mode(0o755).create(path).doing(doing("make"))?;
    let directory: OwnedFd = File::open(path).doing(doing("open"))?.into();
    let (user, group) = (Uid::from_raw(USER), Gid::from_raw(USER));
    let own = || {
        rustix::fs::fchown(&directory, Some(user), Some(group))?;
        rustix::fs::fchmod(&directory, rustix::fs::Mode::from_raw_mode(0o700))?;
        for entry in rustix::fs::Dir::read_from(directory.as_fd())? {
            let entry = entry?;
            let name = entry.file_name();
            if !name.to_bytes().starts_with(b".") {
                rustix::fs::chownat(
                    &directory,
                    name,
                    Some(user),
                    Some(group),
                    rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
                )?;
            }
        }
        rustix::io::Result::Ok(())
    };
    own().doing(doing("give the server"))?;
    Ok(directory)
}

/// Keeps others away from the directory.
fn lock(directory: &OwnedFd, path: &Path) -> Result<File> {
    let lock: File = directory.try_clone().doing("keep the directory of leases")?.into();
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::InUse { directory: path.to_owned() }),
        Err(error) => Err(error).doing(format!("lock {}", path.display())),
    }
}
