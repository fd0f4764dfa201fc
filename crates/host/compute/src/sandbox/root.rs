//! The sandbox's root directory: the host's files, read-only, under what is the sandbox's own.
//!
//! The host's mounts are taken over one by one, never as a tree: what a tree holds besides (other instances' network
//! namespaces above all) would stay alive, unseen, as long as this sandbox.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount_bind, mount_change, mount_remount, unmount,
};
use rustix::process::{chdir, pivot_root};

use super::mounts::{attach, freeze, parse, read_only_clone, tmpfs};
use super::{devices, secrets};
use crate::error::Trying;
use crate::{Error, Result};

/// What differs between sandboxes.
#[derive(Debug)]
pub(crate) struct Root<'a> {
    /// An empty directory of the host to build it on.
    pub(crate) place: &'a Path,
    /// Directories of Madang: looked like empty ones.
    pub(crate) hidden: &'a [PathBuf],
    /// Files of the sandbox's own: where they appear, and where they are.
    pub(crate) files: &'a [(&'static str, PathBuf)],
    /// How much may be written to each scratch place, in bytes; None for as much as the kernel lets.
    pub(crate) scratch: Option<u64>,
}

/// Kinds of file systems that show the host's kernel, not files; and those that mount when looked at.
const NOT_FILES: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
];

/// Places that the sandbox has its own of, or none.
const OWN: &[&str] = &["/proc", "/sys", "/dev", "/run", "/tmp", "/var"];

/// Where the veils stand until the sandbox's own `/run` covers them.
const VEILS: &str = "/run";

/// What of `/var` programs expect to be there; the rest of it is data of the host's services.
const VAR: [&str; 9] = ["cache", "lib", "local", "log", "mail", "opt", "spool", "tmp", "www"];

impl Root<'_> {
    /// Makes it the root directory of the calling process, in whose new mount and PID namespaces nobody else is yet.
    pub(crate) fn enter(&self) -> Result<()> {
        let top = Path::new("/");
        mount_change(top, MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
            .on("detach from the host", top)?;
        let files = self
            .files
            .iter()
            .map(|(at, from)| Ok((*at, read_only_clone(from)?)))
            .collect::<Result<Vec<_>>>()?;
        self.take_over_mounts()?;
        // The old root ends up on top of the new one, at the same place, and is taken away from there.
        chdir(self.place).on("enter", self.place)?;
        pivot_root(".", ".").on("make the root of", self.place)?;
        unmount(".", UnmountFlags::DETACH).on("let go of the host's", top)?;
        chdir(top).on("enter", top)?;
        self.furnish(&files)
    }

    fn take_over_mounts(&self) -> Result<()> {
        attach(&read_only_clone(Path::new("/"))?, self.place)?;
        let mountinfo =
            fs::read_to_string("/proc/self/mountinfo").on("read", Path::new("/proc/self/mountinfo"))?;
        let mut wanted: Vec<PathBuf> = parse(&mountinfo)
            .into_iter()
            .filter(|mounted| !NOT_FILES.contains(&mounted.kind.as_str()) && !self.is_covered(&mounted.at))
            .map(|mounted| mounted.at)
            .collect();
        wanted.sort();
        wanted.dedup();
        for at in wanted {
            let below = at.strip_prefix("/").expect("a mount point is absolute");
            // A mount may be dead (a server that is gone) or lie under another one: then the sandbox has an empty
            // directory there.
            let _ = read_only_clone(&at).and_then(|tree| attach(&tree, &self.place.join(below)));
        }
        Ok(())
    }

    /// Whether nothing at this mount point would be seen.
    fn is_covered(&self, at: &Path) -> bool {
        let places =
            OWN.iter().chain(secrets::BY_NAME).map(Path::new).chain(self.hidden.iter().map(PathBuf::as_path));
        at == Path::new("/")
            || places.into_iter().any(|place| at.starts_with(place))
            || at.starts_with(self.place)
    }

    /// From here on every path is one of the sandbox.
    fn furnish(&self, files: &[(&'static str, OwnedFd)]) -> Result<()> {
        let size = self.scratch.map(|bytes| format!(",size={bytes}")).unwrap_or_default();
        devices::mount_proc()?;
        devices::mount_dev(&size)?;
        devices::scratch(Path::new("/tmp"), MountFlags::empty(), &size)?;
        self.veil()?;
        for path in secrets::READ_ONLY_PROC.iter().map(Path::new).filter(|path| path.exists()) {
            freeze(path)?;
        }
        make_var(&size)?;
        let run = Path::new("/run");
        let flags = MountFlags::NODEV | MountFlags::NOEXEC;
        tmpfs(run, flags, "mode=755,size=64k")?;
        files.iter().try_for_each(|(at, tree)| place(tree, Path::new(at)))?;
        make_read_only(run, flags)
    }

    /// Hides what must not be seen.
    fn veil(&self) -> Result<()> {
        let veils = Path::new(VEILS);
        let flags = MountFlags::NODEV | MountFlags::NOEXEC;
        tmpfs(veils, flags, "mode=755,size=64k")?;
        let (file, directory) = (veils.join("file"), veils.join("directory"));
        fs::create_dir(&directory).on("make", &directory)?;
        fs::write(&file, "").on("make", &file)?;
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o000)).on("close", &file)?;
        make_read_only(veils, flags)?;
        let named = secrets::BY_NAME.iter().chain(secrets::OF_PROC).map(PathBuf::from);
        let all: BTreeSet<PathBuf> =
            named.chain(self.hidden.iter().cloned()).chain(secrets::not_for_everybody()).collect();
        for path in all {
            let Ok(about) = fs::metadata(&path) else { continue };
            let veil = if about.is_dir() { &directory } else { &file };
            mount_bind(veil, &path).on("hide", &path)?;
        }
        Ok(())
    }
}

/// An empty `/var` with the usual directories: the host's holds its services' data, mail, logs and queues.
fn make_var(size: &str) -> Result<()> {
    let var = Path::new("/var");
    if !var.is_dir() {
        return Ok(());
    }
    tmpfs(var, MountFlags::NODEV, "mode=755,size=64k")?;
    for name in VAR {
        fs::create_dir(var.join(name)).on("make", &var.join(name))?;
    }
    for (name, target) in [("run", "/run"), ("lock", "/run/lock")] {
        std::os::unix::fs::symlink(target, var.join(name)).on("make", &var.join(name))?;
    }
    devices::scratch(&var.join("tmp"), MountFlags::empty(), size)?;
    make_read_only(var, MountFlags::NODEV)
}

fn make_read_only(path: &Path, flags: MountFlags) -> Result<()> {
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | flags;
    mount_remount(path, flags, c"").on("make read-only", path)
}

/// Lays one of the sandbox's files over the host's. Where that is a link into `/run`, which is empty here, what it leads
/// to is made first.
fn place(tree: &OwnedFd, at: &Path) -> Result<()> {
    if !at.exists() {
        let target = end_of_links(at);
        if !target.starts_with("/run") {
            let missing = std::io::Error::new(
                std::io::ErrorKind::NotFound,
                "the host has no such file to lay it over; make an empty one",
            );
            return Err(Error::System {
                operation: format!("give the instance its own {}", at.display()),
                source: missing,
            });
        }
        let parent = target.parent().expect("a file below /run has one");
        fs::create_dir_all(parent).on("make", parent)?;
        fs::write(&target, "").on("make", &target)?;
    }
    attach(tree, at)
}

/// Where a chain of symbolic links ends, be there something or not.
fn end_of_links(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..16 {
        let Ok(target) = fs::read_link(&path) else { break };
        let parent = path.parent().map(Path::to_owned).unwrap_or_default();
        path = without_dots(&parent.join(target));
    }
    path
}

/// `..` taken back by name: enough for links in `/etc`, which is a real directory.
fn without_dots(path: &Path) -> PathBuf {
    use std::path::Component;
    path.components().fold(PathBuf::new(), |mut clean, component| {
        match component {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
        clean
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_to_where_nothing_is() {
        let place = tempfile::tempdir().unwrap();
        let link = place.path().join("resolv.conf");
        std::os::unix::fs::symlink("../../../../../../run/systemd/resolve/stub-resolv.conf", &link).unwrap();
        assert_eq!(end_of_links(&link), Path::new("/run/systemd/resolve/stub-resolv.conf"));
        assert_eq!(end_of_links(Path::new("/etc/none")), Path::new("/etc/none"));
    }

    #[test]
    fn mounts_below_what_is_hidden_are_not_taken_over() {
        let root = Root {
            place: Path::new("/opt/m/run/x/root"),
            hidden: &["/opt/m".into()],
            files: &[],
            scratch: None,
        };
        for covered in [
            "/",
            "/run/netns/a",
            "/sys/fs/bpf",
            "/opt/m/run/netns/u1",
            "/var/lib/docker/x",
            "/home",
            "/dev/shm",
        ] {
            assert!(root.is_covered(Path::new(covered)), "{covered}");
        }
        for seen in ["/usr", "/opt", "/data", "/opt/madang", "/runner"] {
            assert!(!root.is_covered(Path::new(seen)), "{seen}");
        }
    }
}
