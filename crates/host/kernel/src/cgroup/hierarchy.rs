//! Where cgroups are mounted, and with which controllers.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The controllers that limits need.
const NEEDED: [&str; 3] = ["cpu", "memory", "pids"];

/// A version of cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// A hierarchy for each controller.
    V1,
    /// One hierarchy for all.
    V2,
}

/// The hierarchies that are used: where each is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hierarchy {
    /// One for each controller; some may be the same.
    V1 {
        /// That of `cpu`.
        cpu: PathBuf,
        /// That of `cpuacct`, if there is one.
        cpuacct: Option<PathBuf>,
        /// That of `memory`.
        memory: PathBuf,
        /// That of `pids`.
        pids: PathBuf,
        /// That of `freezer`, if there is one.
        freezer: Option<PathBuf>,
    },
    /// One for all.
    V2 {
        /// Where it is mounted.
        root: PathBuf,
    },
}

impl Hierarchy {
    /// What this host has. Version 2 counts only if it has the controllers: beside version 1 it often has none.
    pub fn detect() -> Result<Self> {
        let path = Path::new("/proc/self/mountinfo");
        let mounts = fs::read_to_string(path).map_err(Error::file("read", path))?;
        Self::from_mounts(&mounts)
    }

    /// What the lines of a `mountinfo` (proc_pid_mountinfo(5)) say.
    pub(super) fn from_mounts(mounts: &str) -> Result<Self> {
        let mounts: Vec<Mount> = mounts.lines().filter_map(Mount::parse).collect();
        let unified = mounts.iter().find(|mount| mount.kind == "cgroup2" && has_controllers(&mount.point));
        if let Some(mount) = unified {
            return Ok(Self::V2 { root: mount.point.clone() });
        }
        let of = |controller: &str| {
            let has =
                |mount: &&Mount| mount.kind == "cgroup" && mount.options.split(',').any(|o| o == controller);
            mounts.iter().find(has).map(|mount| mount.point.clone())
        };
        let needed = |controller| of(controller).ok_or(Error::NoController { controller });
        Ok(Self::V1 {
            cpu: needed("cpu")?,
            cpuacct: of("cpuacct"),
            memory: needed("memory")?,
            pids: needed("pids")?,
            freezer: of("freezer"),
        })
    }

    /// Which version it is.
    pub fn version(&self) -> Version {
        match self {
            Self::V1 { .. } => Version::V1,
            Self::V2 { .. } => Version::V2,
        }
    }

    pub(super) fn roots(&self) -> BTreeSet<&Path> {
        match self {
            Self::V1 { cpu, cpuacct, memory, pids, freezer } => {
                let optional = [cpuacct, freezer].into_iter().flatten();
                [cpu, memory, pids].into_iter().chain(optional).map(PathBuf::as_path).collect()
            }
            Self::V2 { root } => BTreeSet::from([root.as_path()]),
        }
    }
}

/// Lets the groups below this one use the controllers (version 2).
pub(super) fn hand_down(directory: &Path) -> Result<()> {
    let path = directory.join("cgroup.subtree_control");
    let enabled = super::read(&path)?;
    let missing: Vec<&str> =
        NEEDED.into_iter().filter(|name| enabled.split_whitespace().all(|word| word != *name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let controllers: Vec<String> = missing.iter().map(|name| format!("+{name}")).collect();
    super::write(&path, &controllers.join(" ")).map_err(|error| match error {
        Error::File { source, .. } if source.kind() == ErrorKind::ResourceBusy => {
            Error::NotDelegated { controllers: missing.join(", "), path: directory.to_owned(), source }
        }
        other => other,
    })
}

/// The groups directly below one. None if it is not there.
pub(super) fn children(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("list", directory)(error)),
    };
    let paths = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    Ok(paths.map(|entry| entry.path()).collect())
}

fn has_controllers(root: &Path) -> bool {
    let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
    NEEDED.iter().all(|name| controllers.split_whitespace().any(|word| word == *name))
}

/// A line of `mountinfo`, as far as it matters here.
struct Mount<'a> {
    point: PathBuf,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (own, filesystem) = line.split_once(" - ")?;
        let point = own.split(' ').nth(4)?.replace("\\040", " ").into();
        let mut fields = filesystem.split(' ');
        Some(Self { point, kind: fields.next()?, options: fields.nth(1)? })
    }
}
