//! `/dev`, `/proc` and the places to write to: all new, none of it the host's.

use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, chmodat, makedev, mknodat};
use rustix::mount::{MountFlags, mount_remount};

use super::mounts::{new_file_system, tmpfs};
use crate::Result;
use crate::error::Trying;

/// The devices that every program may expect: name, major and minor number (devices.txt of Linux).
const DEVICES: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

const LINKS: [(&str, &str); 5] = [
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// A small `/dev`, with terminals and shared memory of its own.
pub(super) fn mount_dev(size: &str) -> Result<()> {
    let dev = Path::new("/dev");
    tmpfs(dev, MountFlags::NOEXEC, "mode=755,size=64k")?;
    for (name, major, minor) in DEVICES {
        let path = dev.join(name);
        mknodat(CWD, &path, FileType::CharacterDevice, Mode::empty(), makedev(major, minor))
            .on("make", &path)?;
        // Apart, since the umask takes bits from the first.
        chmodat(CWD, &path, Mode::from_raw_mode(0o666), AtFlags::empty()).on("open to all", &path)?;
    }
    for (name, target) in LINKS {
        symlink(target, dev.join(name)).on("make", &dev.join(name))?;
    }
    for name in ["pts", "shm"] {
        std::fs::create_dir(dev.join(name)).on("make", &dev.join(name))?;
    }
    new_file_system(
        "devpts",
        &dev.join("pts"),
        MountFlags::NOEXEC,
        "newinstance,ptmxmode=0666,mode=0620,gid=5",
    )?;
    scratch(&dev.join("shm"), MountFlags::NOEXEC, size)?;
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NOEXEC;
    mount_remount(dev, flags, c"").on("make read-only", dev)
}

/// A place that everybody may write to, and that ends with the sandbox.
pub(super) fn scratch(target: &Path, flags: MountFlags, size: &str) -> Result<()> {
    tmpfs(target, MountFlags::NODEV | flags, &format!("mode=1777{size}"))
}

/// The sandbox's own processes, of which one sees those that one could trace: not the supervisor, whoever one is.
pub(super) fn mount_proc() -> Result<()> {
    new_file_system("proc", Path::new("/proc"), MountFlags::NODEV | MountFlags::NOEXEC, "hidepid=ptraceable")
}
