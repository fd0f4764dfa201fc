//! Reservations that were made while a server ran: it keeps them for those that come after it.

use std::fs::File;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};

use super::control::Reserved;

const NAME: &str = "reservations.json";
const NEW: &str = "reservations.json.new";

/// Those that are kept.
pub(super) fn read(directory: &OwnedFd) -> io::Result<Vec<Reserved>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    match rustix::fs::openat(directory, NAME, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) => Ok(Vec::new()),
        file => Ok(serde_json::from_reader(io::BufReader::new(File::from(file?)))?),
    }
}

/// Keeps one more, in place of one of the same address.
pub(super) fn add(directory: &OwnedFd, reserved: &Reserved) -> io::Result<()> {
    let mut all = read(directory)?;
    all.retain(|other| other.address != reserved.address);
    all.push(reserved.clone());
    write(directory, &all)
}

/// Forgets one. Whether there was one.
pub(super) fn remove(directory: &OwnedFd, address: Ipv4Addr) -> io::Result<bool> {
    let mut all = read(directory)?;
    let before = all.len();
    all.retain(|other| other.address != address);
    if all.len() < before {
        write(directory, &all)?;
    }
    Ok(all.len() < before)
}

/// Whole, or not at all.
fn write(directory: &OwnedFd, all: &[Reserved]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut file: File = rustix::fs::openat(directory, NEW, flags, Mode::RUSR | Mode::WUSR)?.into();
    let mut text = serde_json::to_vec_pretty(all)?;
    text.push(b'\n');
    file.write_all(&text)?;
    file.sync_all()?;
    rustix::fs::renameat(directory, NEW, directory, NAME)?;
    Ok(rustix::fs::fsync(directory)?)
}
