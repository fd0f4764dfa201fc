//! Really loading and attaching the smallest program, in a network namespace that is gone afterwards.
#![expect(unsafe_code, reason = "bpf(2) takes pointers")]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::Errno;

use crate::netns;

const PROG_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;
const SCHED_CLS: u32 = 3;
const TCX_INGRESS: u32 = 46;
/// The index of `lo` in a new namespace.
const LOOPBACK: u32 = 1;
/// `r0 = 0; exit`: let every packet pass.
const PROGRAM: [u64; 2] = [0x0000_0000_0000_00b7, 0x0000_0000_0000_0095];

/// The beginning of `union bpf_attr` for BPF_PROG_LOAD.
#[repr(C)]
struct Load {
    kind: u32,
    instructions: u32,
    program: u64,
    licence: u64,
    log: [u64; 2],
    version: u32,
    flags: u32,
}

/// The beginning of `union bpf_attr` for BPF_LINK_CREATE.
#[repr(C)]
struct Attach {
    program: RawFd,
    interface: u32,
    kind: u32,
    flags: u32,
    relative: [u64; 2],
}

/// Loads the smallest program for packets.
pub(super) fn load() -> rustix::io::Result<OwnedFd> {
    let load = Load {
        kind: SCHED_CLS,
        instructions: 2,
        program: PROGRAM.as_ptr().addr() as u64,
        licence: c"GPL".as_ptr().addr() as u64,
        log: [0; 2],
        version: 0,
        flags: 0,
    };
    // SAFETY: the struct is laid out as the kernel reads it, and what it points to is static.
    unsafe { bpf(PROG_LOAD, &load) }
}

/// Attaches it by tcx. What is wrong, if that fails.
pub(super) fn attach_tcx() -> Result<(), String> {
    let attach = || {
        let program = load()?;
        let attach = Attach {
            program: program.as_raw_fd(),
            interface: LOOPBACK,
            kind: TCX_INGRESS,
            flags: 0,
            relative: [0; 2],
        };
        // SAFETY: the struct is laid out as the kernel reads it, and points to nothing.
        unsafe { bpf(LINK_CREATE, &attach) }
    };
    match netns::scratch(attach) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(errno)) => Err(errno.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// # Safety
///
/// The attributes must be laid out as the kernel reads them for this command, and what they point to must be there.
unsafe fn bpf<T>(command: libc::c_int, attributes: &T) -> rustix::io::Result<OwnedFd> {
    // SAFETY: the caller's promise; the size is that of the struct.
    let answer =
        unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>()) };
    match RawFd::try_from(answer) {
        // SAFETY: both commands give a new descriptor that is nobody else's.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}
