//! Signals that are read as from a file (signalfd(2)), instead of interrupting.
#![expect(unsafe_code, reason = "these calls of the kernel's take pointers")]

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::process::Signal;

use crate::error::{Error, Result};

/// Signals of this process, to be read.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Takes these signals. Threads that the calling one has started before are interrupted by them as ever: call it first.
    ///
    /// # Errors
    /// The kernel has no more files.
    pub fn take(signals: &[Signal]) -> Result<Self> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: the first call makes the set; the others add to it, or only read it.
        let fd = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            signals.iter().for_each(|signal| {
                libc::sigaddset(set.as_mut_ptr(), signal.as_raw());
            });
            libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
            libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if fd < 0 {
            return Err(Error::Signals { source: io::Error::last_os_error() });
        }
        // SAFETY: the call has made it, and nobody else knows it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The number of a signal that has come.
    pub fn next(&self) -> Option<i32> {
        // SAFETY: all zeros is such a record.
        let mut about: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
        let length = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the kernel writes no more than `length` bytes, which is what is there.
        let read = unsafe { libc::read(self.0.as_raw_fd(), (&raw mut about).cast(), length) };
        usize::try_from(read).is_ok_and(|read| read == length).then(|| about.ssi_signo.cast_signed())
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
