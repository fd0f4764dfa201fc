//! Network namespaces that live as long as a file that they are bound to, not as long as a process.

use std::any::Any;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, mount_bind, unmount};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use crate::error::{Error, Result};

/// What `statfs` says of a namespace's file (`NSFS_MAGIC`).
const NSFS: u64 = 0x6e73_6673;
/// The calling thread's network namespace. `/proc/self` would be the main thread's.
const OWN: &str = "/proc/thread-self/ns/net";
/// More mounts on top of each other than anybody makes.
const MOST_MOUNTS: usize = 64;

/// Makes a network namespace and binds it to this file, with the directories above it.
///
/// What a creation that broke off left at the path is used again; a namespace that is bound there already is an error.
pub fn create(path: &Path) -> Result<()> {
    bind(path, || {
        unshare_network().map_err(|errno| Error::file("create a network namespace for", path)(errno.into()))
    })
}

/// Binds the network namespace of the calling thread to this file; else as [`create`].
pub fn bind_current(path: &Path) -> Result<()> {
    bind(path, || Ok(()))
}

/// Binds the namespace that a thread is in, after it has done this.
fn bind(path: &Path, move_there: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    if is_bound(path) {
        return Err(Error::file("create a network namespace at", path)(ErrorKind::AlreadyExists.into()));
    }
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(Error::file("create", directory))?;
    }
    fs::File::create(path).map_err(Error::file("create", path))?;
    let made = on_thread(path, || {
        move_there()?;
        mount_bind(OWN, path).map_err(|errno| Error::file("bind a network namespace to", path)(errno.into()))
    });
    made.flatten().inspect_err(|_| drop(fs::remove_file(path)))
}

/// Whether a namespace is bound to this file.
pub fn is_bound(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|stat| u64::try_from(stat.f_type) == Ok(NSFS))
}

/// A descriptor of the namespace that is bound to this file. It keeps the namespace alive.
pub fn open(path: &Path) -> Result<OwnedFd> {
    if path.exists() && !is_bound(path) {
        return Err(Error::file("find a network namespace at", path)(Errno::INVAL.into()));
    }
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| Error::file("open the network namespace", path)(errno.into()))
}

/// A descriptor of the calling thread's network namespace.
pub fn current() -> Result<OwnedFd> {
    rustix::fs::open(OWN, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| Error::file("open", Path::new(OWN))(errno.into()))
}

/// Runs a closure inside the namespace that is bound to this file, on a thread of its own.
///
/// `/proc/sys/net` and new sockets are the namespace's there. A panic comes back as an error.
pub fn enter<T: Send>(path: &Path, work: impl FnOnce() -> T + Send) -> Result<T> {
    let namespace = open(path)?;
    on_thread(path, || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|errno| Error::file("enter the network namespace", path)(errno.into()))?;
        Ok(work())
    })
    .flatten()
}

/// Runs a closure inside a new network namespace that goes when it is done.
pub(crate) fn scratch<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    let nowhere = Path::new("(scratch)");
    on_thread(nowhere, || {
        unshare_network()
            .map_err(|errno| Error::file("create the network namespace", nowhere)(errno.into()))?;
        Ok(work())
    })
    .flatten()
}

/// Unbinds the namespace and removes its file. What is not there, or not whole, is no error.
///
/// The namespace itself goes with its last process, socket and descriptor; its links go with it.
pub fn delete(path: &Path) -> Result<()> {
    for _ in 0..MOST_MOUNTS {
        match unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            Ok(()) => {}
            // Not mounted (any more), or no such file.
            Err(Errno::INVAL | Errno::NOENT) => break,
            Err(errno) => return Err(Error::file("unbind the network namespace", path)(errno.into())),
        }
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The files in a directory to which namespaces are bound, or were to be: sorted. No directory: none.
pub fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("list", directory)(error)),
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::file("list", directory))?;
    paths.sort();
    Ok(paths)
}

/// Runs the work on a thread that ends with it, since a thread that changed its namespace is of no other use.
fn on_thread<T: Send>(path: &Path, work: impl FnOnce() -> T + Send) -> Result<T> {
    thread::scope(|scope| {
        let caught = || catch_unwind(AssertUnwindSafe(work));
        let thread = thread::Builder::new()
            .name("namespace".to_owned())
            .spawn_scoped(scope, caught)
            .map_err(|source| Error::Thread { path: path.to_owned(), source })?;
        thread
            .join()
            .flatten()
            .map_err(|panic| Error::Panic { path: path.to_owned(), message: text(panic.as_ref()) })
    })
}

fn text(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    literal.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".to_owned())
}

#[expect(unsafe_code, reason = "unshare(2) is unsafe for descriptor tables")]
fn unshare_network() -> rustix::io::Result<()> {
    // SAFETY: only the network namespace of the calling thread changes, not its descriptor table.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }
}
