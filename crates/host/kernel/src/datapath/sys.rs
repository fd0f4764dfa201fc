//! The bpf(2) calls that aya 0.14 has not: batches, runs of a program, and what an object says of itself.
#![expect(unsafe_code, reason = "bpf(2) takes pointers")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes};

const MAP_LOOKUP_ELEM: i32 = 1;
const MAP_UPDATE_ELEM: i32 = 2;
const MAP_DELETE_ELEM: i32 = 3;
const OBJ_PIN: i32 = 6;
const OBJ_GET: i32 = 7;
const PROG_TEST_RUN: i32 = 10;
const OBJ_GET_INFO_BY_FD: i32 = 15;
const MAP_LOOKUP_BATCH: i32 = 24;
const MAP_UPDATE_BATCH: i32 = 26;
const MAP_DELETE_BATCH: i32 = 27;

/// What a key or a value of a map may be: bytes without padding.
pub(super) trait Record: FromBytes + IntoBytes + Immutable + Copy + Ord {}
impl<T: FromBytes + IntoBytes + Immutable + Copy + Ord> Record for T {}

#[repr(C)]
#[derive(FromZeros)]
struct Element {
    map: u32,
    pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
#[derive(FromZeros)]
struct Batch {
    from: u64,
    to: u64,
    keys: u64,
    values: u64,
    count: u32,
    map: u32,
    element_flags: u64,
    flags: u64,
}

#[repr(C)]
#[derive(FromZeros)]
struct Object {
    path: u64,
    fd: u32,
    flags: u32,
}

#[repr(C)]
#[derive(FromZeros)]
struct Info {
    fd: u32,
    length: u32,
    info: u64,
}

#[repr(C)]
#[derive(FromZeros)]
struct TestRun {
    program: u32,
    result: u32,
    data_in_length: u32,
    data_out_length: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    context_in_length: u32,
    context_out_length: u32,
    context_in: u64,
    context_out: u64,
    flags: u32,
    cpu: u32,
    batch: u32,
    pad: u32,
}

/// # Safety
/// Every pointer in the argument must be good for what the command does with it.
unsafe fn bpf<T>(command: i32, argument: &mut T) -> io::Result<RawFd> {
    let size = u32::try_from(size_of::<T>()).expect("the arguments are small");
    // SAFETY: the argument is a live value of this size; the rest is the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(argument), size) };
    RawFd::try_from(result).ok().filter(|result| *result >= 0).ok_or_else(io::Error::last_os_error)
}

fn number(fd: BorrowedFd<'_>) -> u32 {
    u32::try_from(fd.as_raw_fd()).expect("an open descriptor is not negative")
}

fn address<T: ?Sized>(value: &T) -> u64 {
    std::ptr::from_ref(value).cast::<u8>().addr() as u64
}

fn address_mut<T: ?Sized>(value: &mut T) -> u64 {
    std::ptr::from_mut(value).cast::<u8>().expose_provenance() as u64
}

/// The value of a key, if there is one.
pub(super) fn lookup<K: Record, V: Record>(map: BorrowedFd<'_>, key: &K) -> io::Result<Option<V>> {
    let mut value = V::new_zeroed();
    let mut argument = Element {
        map: number(map),
        key: address(key),
        value: address_mut(&mut value),
        ..Element::new_zeroed()
    };
    // SAFETY: the caller opened the map as one of K to V, so the kernel reads and writes just these two values.
    match unsafe { bpf(MAP_LOOKUP_ELEM, &mut argument) } {
        Ok(_) => Ok(Some(value)),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes one entry.
pub(super) fn update<K: Record, V: Record>(map: BorrowedFd<'_>, key: &K, value: &V) -> io::Result<()> {
    let mut argument =
        Element { map: number(map), key: address(key), value: address(value), ..Element::new_zeroed() };
    // SAFETY: as in `lookup`; the kernel only reads both.
    unsafe { bpf(MAP_UPDATE_ELEM, &mut argument) }.map(drop)
}

/// Deletes one entry. Whether it was there.
pub(super) fn delete<K: Record>(map: BorrowedFd<'_>, key: &K) -> io::Result<bool> {
    let mut argument = Element { map: number(map), key: address(key), ..Element::new_zeroed() };
    // SAFETY: as in `lookup`; the kernel only reads the key.
    match unsafe { bpf(MAP_DELETE_ELEM, &mut argument) } {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Where a walk through a map stands: opaque to all but the kernel, and as long as the longest key.
pub(super) struct Cursor {
    bytes: [u8; 64],
    started: bool,
}

impl Cursor {
    pub(super) fn start() -> Self {
        Self { bytes: [0; 64], started: false }
    }
}

/// Reads on from the cursor into the slices. How many were read, and whether there may be more.
pub(super) fn lookup_batch<K: Record, V: Record>(
    map: BorrowedFd<'_>,
    cursor: &mut Cursor,
    keys: &mut [K],
    values: &mut [V],
) -> io::Result<(usize, bool)> {
    const { assert!(size_of::<K>() <= 64) };
    assert_eq!(keys.len(), values.len());
    let mut next = [0u8; 64];
    let mut argument = Batch {
        from: if cursor.started { address(&cursor.bytes) } else { 0 },
        to: address_mut(&mut next),
        keys: address_mut(keys),
        values: address_mut(values),
        count: u32::try_from(keys.len()).unwrap_or(u32::MAX),
        map: number(map),
        ..Batch::new_zeroed()
    };
    // SAFETY: the map is one of K to V; the kernel writes at most `count` of each, and into `next` at most a key's size.
    let outcome = unsafe { bpf(MAP_LOOKUP_BATCH, &mut argument) };
    let more = match outcome {
        Ok(_) => true,
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => false,
        Err(error) => return Err(error),
    };
    *cursor = Cursor { bytes: next, started: true };
    Ok((argument.count as usize, more))
}

/// Writes many entries. An error says nothing of how many were written before it.
pub(super) fn update_batch<K: Record, V: Record>(
    map: BorrowedFd<'_>,
    keys: &[K],
    values: &[V],
) -> io::Result<()> {
    assert_eq!(keys.len(), values.len());
    let mut argument = Batch {
        keys: address(keys),
        values: address(values),
        count: u32::try_from(keys.len()).map_err(io::Error::other)?,
        map: number(map),
        ..Batch::new_zeroed()
    };
    // SAFETY: the map is one of K to V; the kernel reads `count` of each.
    unsafe { bpf(MAP_UPDATE_BATCH, &mut argument) }.map(drop)
}

/// Deletes entries until one is not there. How many were deleted, and the error that ended it.
pub(super) fn delete_batch<K: Record>(map: BorrowedFd<'_>, keys: &[K]) -> (usize, io::Result<()>) {
    let Ok(count) = u32::try_from(keys.len()) else { return (0, Err(io::ErrorKind::InvalidInput.into())) };
    let mut argument = Batch { keys: address(keys), count, map: number(map), ..Batch::new_zeroed() };
    // SAFETY: the map's keys are K; the kernel reads `count` of them.
    let outcome = unsafe { bpf(MAP_DELETE_BATCH, &mut argument) }.map(drop);
    (argument.count as usize, outcome)
}

/// Opens what is pinned at the path.
pub(super) fn open_pinned(path: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut argument = Object { path: address(path.as_bytes_with_nul()), ..Object::new_zeroed() };
    // SAFETY: the path ends in a zero byte and outlives the call.
    let fd = unsafe { bpf(OBJ_GET, &mut argument) }?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Pins a program.
pub(super) fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut argument =
        Object { path: address(path.as_bytes_with_nul()), fd: number(object), ..Object::new_zeroed() };
    // SAFETY: the path ends in a zero byte and outlives the call.
    unsafe { bpf(OBJ_PIN, &mut argument) }.map(drop)
}

/// The first bytes of what the kernel says of a map or link.
pub(super) fn info<T: FromBytes + IntoBytes>(fd: BorrowedFd<'_>) -> io::Result<T> {
    let mut info = T::new_zeroed();
    let mut argument = Info {
        fd: number(fd),
        length: u32::try_from(size_of::<T>()).map_err(io::Error::other)?,
        info: address_mut(&mut info),
    };
    // SAFETY: the kernel writes at most `length` bytes there, and any bytes are a T.
    unsafe { bpf(OBJ_GET_INFO_BY_FD, &mut argument) }?;
    Ok(info)
}

/// What a program sees of a packet beside its bytes (`struct __sk_buff`).
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Context {
    ignored: [u32; 9],
    ingress_ifindex: u32,
    /// The interface on which the packet arrives; it must be one of the caller's network namespace.
    pub ifindex: u32,
    tc_index: u32,
    /// The words that programs pass on.
    pub cb: [u32; 5],
    rest: Rest,
}

/// What follows, and room for what newer kernels add: a context that is too short is an error.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Rest([u32; 47]);

impl Default for Rest {
    fn default() -> Self {
        Self([0; 47])
    }
}

const CONTEXT: u32 = 256;
const _: () = assert!(size_of::<Context>() == CONTEXT as usize);

/// What a run gave.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// What the program returned.
    pub result: u32,
    /// How many bytes the packet has afterwards.
    pub length: usize,
    /// The mean time of one of the repetitions, in ns.
    pub duration: u32,
}

/// Runs a program on a packet (BPF_PROG_TEST_RUN), which comes back in `output`. A redirect is returned, not done.
///
/// # Errors
/// What bpf(2) gives: EINVAL for a packet that is too short, ENODEV for an interface that is not there.
pub fn test_run(
    program: BorrowedFd<'_>,
    packet: &[u8],
    output: &mut [u8],
    context: &mut Context,
    repeat: u32,
) -> io::Result<Run> {
    let input = *context;
    let mut argument = TestRun {
        program: number(program),
        data_in_length: u32::try_from(packet.len()).map_err(io::Error::other)?,
        data_out_length: u32::try_from(output.len()).map_err(io::Error::other)?,
        data_in: address(packet),
        data_out: if output.is_empty() { 0 } else { address_mut(output) },
        repeat,
        context_in_length: CONTEXT,
        context_out_length: CONTEXT,
        context_in: address(&input),
        context_out: address_mut(context),
        ..TestRun::new_zeroed()
    };
    // SAFETY: each pointer is to a live buffer of the length beside it.
    unsafe { bpf(PROG_TEST_RUN, &mut argument) }?;
    Ok(Run {
        result: argument.result,
        length: argument.data_out_length as usize,
        duration: argument.duration,
    })
}

/// Returns when every program that was running has ended, so that none still holds what it looked up.
pub(super) fn wait_for_programs() {
    const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;
    // SAFETY: membarrier takes no pointers.
    let done = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) } == 0;
    if !done {
        // A kernel with nohz_full processors refuses it. A program runs for microseconds.
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
