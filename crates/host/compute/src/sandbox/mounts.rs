//! Mounts, one at a time.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags, mount, move_mount, open_tree};

use crate::error::Trying;
use crate::{Result, sys};

/// What every view of the host's files has: nothing is written, no set-uid bit and no file capability counts.
const OF_HOST: u64 = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

/// A second view of what is mounted at (or is) this path, without what is mounted below it; attached nowhere yet.
pub(crate) fn read_only_clone(path: &Path) -> Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(CWD, path, flags).on("clone the mount of", path)?;
    sys::add_mount_attributes(tree.as_fd(), OF_HOST).on("make read-only the view of", path)?;
    Ok(tree)
}

/// Lays such a view over a path; over what a symbolic link leads to, if it is one.
pub(super) fn attach(tree: &OwnedFd, target: &Path) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    move_mount(tree, "", CWD, target, flags).on("mount over", target)
}

/// Makes what is at this path unchangeable, as a mount of its own.
pub(super) fn freeze(path: &Path) -> Result<()> {
    attach(&read_only_clone(path)?, path)
}

/// A new file system in memory.
pub(super) fn tmpfs(target: &Path, flags: MountFlags, options: &str) -> Result<()> {
    new_file_system("tmpfs", target, flags, options)
}

/// A new instance of a kind of file system that has no device.
pub(super) fn new_file_system(kind: &str, target: &Path, flags: MountFlags, options: &str) -> Result<()> {
    let options = std::ffi::CString::new(options).expect("options have no NUL");
    mount(kind, target, kind, MountFlags::NOSUID | flags, options.as_c_str())
        .on(&format!("mount a {kind} at"), target)
}

/// A mount as `/proc/self/mountinfo` tells of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mounted {
    /// Where.
    pub(super) at: PathBuf,
    /// The kind of file system.
    pub(super) kind: String,
}

/// Parses `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
pub(super) fn parse(mountinfo: &str) -> Vec<Mounted> {
    mountinfo.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Mounted> {
    let (before, after) = line.split_once(" - ")?;
    let at = unescape(before.split(' ').nth(4)?);
    Some(Mounted { at, kind: after.split(' ').next()?.to_owned() })
}

/// Space, tab, newline and backslash are written as three octal digits.
fn unescape(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let octal = (*first == b'\\').then(|| more.get(..3)).flatten();
        let octal = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &more[3..] } else { more };
    }
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_with_optional_fields_and_odd_names() {
        let text = "36 35 98:0 /mnt1 /mnt/with\\040space rw,noatime master:1 shared:2 - ext3 /dev/root rw\n\
                    37 35 0:5 / /proc rw - proc proc rw\n\
                    nonsense\n";
        let mounted = |at: &str, kind: &str| Mounted { at: at.into(), kind: kind.into() };
        assert_eq!(parse(text), [mounted("/mnt/with space", "ext3"), mounted("/proc", "proc")]);
        assert_eq!(unescape("a\\1"), PathBuf::from("a\\1"));
    }
}
