//! The few calls that no safe library offers, each behind the smallest function that is safe to call.
#![expect(unsafe_code, reason = "system calls without a safe wrapper")]

use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

use rustix::thread::UnshareFlags;
use tokio::io::unix::AsyncFd;

/// Leaves namespaces for new ones. Never with `UnshareFlags::FILES`.
pub(crate) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: it is unsafe only for FILES, which is taken out: descriptors stay valid for every thread.
    unsafe { rustix::thread::unshare_unsafe(flags - UnshareFlags::FILES) }?;
    Ok(())
}

/// Adds attributes (`MOUNT_ATTR_*`) to the mount that this descriptor, from `open_tree`, stands for.
pub(crate) fn add_mount_attributes(mount: BorrowedFd<'_>, attributes: u64) -> io::Result<()> {
    let change = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: the path is a C string, the struct and its size are the kernel's, and both live through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            ptr::from_ref(&change),
            size_of_val(&change),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Closes every descriptor above standard error, whoever left it open. Only at the very beginning of a process, when
/// nothing in it owns one yet.
pub(crate) fn close_inherited_descriptors() {
    // SAFETY: called first thing in `main`: no object of this process owns a descriptor that this could close.
    unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
}

/// Every descriptor above standard error is to be closed by the next exec.
pub(crate) fn leave_no_descriptor() -> io::Result<()> {
    // SAFETY: it closes nothing now, so every owner stays right.
    let result = unsafe { libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Signals as something to read.
#[derive(Debug)]
pub(crate) struct Signals(File);

/// A signal that arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    /// Which.
    pub(crate) number: i32,
    /// Whether someone outside the PID namespace sent it, or the kernel.
    pub(crate) from_outside: bool,
}

impl Signals {
    /// From now on these do nothing but arrive here.
    pub(crate) fn take(numbers: &[i32]) -> io::Result<Self> {
        // SAFETY: the set is initialised by sigemptyset before anything reads it, and lives through the calls; the
        // descriptor, if it is one, is new and ours alone.
        unsafe {
            let mut set = mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for number in numbers {
                libc::sigaddset(&raw mut set, *number);
            }
            if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(Self(OwnedFd::from_raw_fd(fd).into())) }
        }
    }

    /// The next one, if there is one.
    pub(crate) fn next(&mut self) -> Option<Arrived> {
        let mut record = [0_u8; size_of::<libc::signalfd_siginfo>()];
        self.0.read_exact(&mut record).ok()?;
        let field = |at: usize| u32::from_ne_bytes(record[at..at + 4].try_into().expect("four bytes"));
        let number = field(mem::offset_of!(libc::signalfd_siginfo, ssi_signo)).cast_signed();
        // The kernel writes 0 for a sender whom our PID namespace has no number for.
        Some(Arrived { number, from_outside: field(mem::offset_of!(libc::signalfd_siginfo, ssi_pid)) == 0 })
    }
}

impl std::os::fd::AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Every signal works again as it does by default, for a child that is to become another program.
pub(crate) fn reset_signals() {
    /// How many bytes the kernel's set of signals has.
    const SET: usize = 8;
    // The kernel's own `struct sigaction`, all 0: the default handler, no flags, no other signal blocked.
    let default = [0_u64; 4];
    let none = [0_u8; SET];
    // SAFETY: the kernel reads the two from memory that lives through the calls, and writes nothing. Not through the C
    // library: it keeps two signals to itself, and leaves them ignored in what `posix_spawn` started.
    unsafe {
        for number in 1..=64 {
            libc::syscall(libc::SYS_rt_sigaction, number, default.as_ptr(), ptr::null_mut::<u8>(), SET);
        }
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut::<u8>(), SET);
    }
}

/// Runs the steps in the child, between fork and exec. Only for processes of one thread: the steps may allocate.
pub(crate) fn before_exec(
    command: &mut Command,
    steps: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) {
    debug_assert!(has_one_thread(), "another thread may hold a lock when this one forks");
    // SAFETY: in a process of one thread no lock is held by a thread that fork leaves behind, so the child may do what
    // its parent may.
    unsafe { command.pre_exec(steps) };
}

/// Tells the tokio runtime around of what can be read from this descriptor, or written.
///
/// # Errors
/// There is no such runtime, or the kernel has no room.
pub fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is a valid descriptor, and nothing takes it out or replaces it while it is watched.
    Ok(unsafe { AsyncFd::register(fd) }?)
}

/// Whether nobody else runs in this process. True too where that cannot be seen.
pub(crate) fn has_one_thread() -> bool {
    std::fs::read_dir("/proc/self/task").map_or(true, |tasks| tasks.count() <= 1)
}
