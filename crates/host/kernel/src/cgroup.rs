//! Groups of processes with limits: cgroups, of both versions.
//!
//! A group stands at `<Layout::name>/instances/<uid>`, the same path in every hierarchy. In version 2 only the leaves
//! have processes, since a cgroup that hands controllers down may have none.

mod hierarchy;
mod kill;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

pub use self::hierarchy::{Hierarchy, Version};
use crate::Layout;
use crate::error::{Error, Result};

/// The period over which CPU time is rationed, in microseconds.
const PERIOD: u64 = 100_000;
/// The kernel refuses a ration below this many microseconds.
const LEAST_QUOTA: u64 = 1_000;
/// How long a process that ended may hold its group.
const EXIT: Duration = Duration::from_secs(2);
/// Between the Madang's own group and those of the instances.
const INSTANCES: &str = "instances";

/// How much a group may use. None: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// CPU time, in thousandths of a CPU.
    pub cpu: Option<u32>,
    /// Memory, in bytes; swap is not to be had beside it.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u32>,
}

/// How much a group uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time since it was made. None if this kernel does not count it.
    pub cpu: Option<Duration>,
    /// Memory now, in bytes.
    pub memory: u64,
    /// Processes and threads now.
    pub pids: u64,
    /// How often something in it was killed because it had no memory left.
    pub oom_kills: u64,
}

/// The groups of one Madang.
#[derive(Clone, Debug)]
pub struct Cgroups {
    hierarchy: Hierarchy,
    name: String,
}

impl Cgroups {
    /// Those of this Madang, on this host.
    pub fn detect(layout: &Layout) -> Result<Self> {
        Ok(Self::new(Hierarchy::detect()?, layout))
    }

    /// Those of this Madang in these hierarchies.
    pub fn new(hierarchy: Hierarchy, layout: &Layout) -> Self {
        Self { hierarchy, name: layout.name() }
    }

    /// Which version of cgroups is used.
    pub fn version(&self) -> Version {
        self.hierarchy.version()
    }

    /// An instance's group, be it there or not.
    pub fn group(&self, uid: &str) -> Group<'_> {
        Group { hierarchy: &self.hierarchy, path: self.instances().join(uid) }
    }

    /// Makes an instance's group, or takes the one that is there, and sets its limits.
    pub fn create(&self, uid: &str, limits: &Limits) -> Result<Group<'_>> {
        if let Hierarchy::V2 { root } = &self.hierarchy {
            hierarchy::hand_down(root)?;
            for above in [Path::new(&self.name), &self.instances()] {
                make(&root.join(above))?;
                hierarchy::hand_down(&root.join(above))?;
            }
        }
        let group = self.group(uid);
        for directory in group.directories() {
            make(&directory)?;
        }
        group.set_limits(limits)?;
        Ok(group)
    }

    /// The names of the groups that are there, in any hierarchy.
    pub fn list(&self) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for root in self.hierarchy.roots() {
            for path in hierarchy::children(&root.join(self.instances()))? {
                names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
            }
        }
        Ok(names)
    }

    /// Removes this Madang's own groups. Those of the instances must be gone.
    pub fn remove(&self) -> Result<()> {
        for root in self.hierarchy.roots() {
            remove(&root.join(self.instances()))?;
            remove(&root.join(&self.name))?;
        }
        Ok(())
    }

    fn instances(&self) -> PathBuf {
        Path::new(&self.name).join(INSTANCES)
    }
}

/// One instance's group.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    hierarchy: &'a Hierarchy,
    path: PathBuf,
}

impl Group<'_> {
    /// Whether it is there, whole.
    pub fn exists(&self) -> bool {
        self.directories().iter().all(|directory| directory.is_dir())
    }

    /// Its directories: one in version 2, one of each controller in version 1.
    pub fn directories(&self) -> BTreeSet<PathBuf> {
        self.hierarchy.roots().iter().map(|root| root.join(&self.path)).collect()
    }

    /// Sets all limits anew.
    pub fn set_limits(&self, limits: &Limits) -> Result<()> {
        let quota = limits.cpu.map(|cpu| (u64::from(cpu) * PERIOD / 1_000).max(LEAST_QUOTA));
        match self.hierarchy {
            Hierarchy::V1 { cpu, memory, pids, .. } => {
                let cpu = cpu.join(&self.path);
                write(&cpu.join("cpu.cfs_period_us"), &PERIOD.to_string())?;
                write(&cpu.join("cpu.cfs_quota_us"), &or(quota, "-1"))?;
                self.limit_memory_v1(&memory.join(&self.path), limits.memory)?;
                write(&pids.join(&self.path).join("pids.max"), &or(limits.pids, "max"))
            }
            Hierarchy::V2 { root } => {
                let directory = root.join(&self.path);
                write(&directory.join("cpu.max"), &format!("{} {PERIOD}", or(quota, "max")))?;
                write(&directory.join("memory.max"), &or(limits.memory, "max"))?;
                let swap = if limits.memory.is_some() { "0" } else { "max" };
                write_if_there(&directory.join("memory.swap.max"), swap)?;
                write(&directory.join("pids.max"), &or(limits.pids, "max"))
            }
        }
    }

    /// Memory and swap together may never be less than memory alone, so they go out of the way first.
    fn limit_memory_v1(&self, directory: &Path, limit: Option<u64>) -> Result<()> {
        let with_swap = directory.join("memory.memsw.limit_in_bytes");
        write_if_there(&with_swap, "-1")?;
        write(&directory.join("memory.limit_in_bytes"), &or(limit, "-1"))?;
        write_if_there(&with_swap, &or(limit, "-1"))
    }

    /// Moves a process into it. What the process starts later is in it too.
    pub fn attach(&self, pid: u32) -> Result<()> {
        self.directories()
            .iter()
            .try_for_each(|directory| write(&directory.join("cgroup.procs"), &pid.to_string()))
    }

    /// The processes in it, and in groups below it. None if it is not there.
    pub fn processes(&self) -> Result<BTreeSet<u32>> {
        let mut pids = BTreeSet::new();
        for directory in self.directories() {
            pids.extend(kill::processes(&directory)?);
        }
        Ok(pids)
    }

    /// How much it uses.
    pub fn usage(&self) -> Result<Usage> {
        match self.hierarchy {
            Hierarchy::V1 { cpuacct, memory, pids, .. } => {
                let memory = memory.join(&self.path);
                let nanoseconds = |root: &PathBuf| number(&root.join(&self.path).join("cpuacct.usage"));
                Ok(Usage {
                    cpu: cpuacct.as_ref().map(nanoseconds).transpose()?.map(Duration::from_nanos),
                    memory: number(&memory.join("memory.usage_in_bytes"))?,
                    pids: number(&pids.join(&self.path).join("pids.current"))?,
                    oom_kills: self.oom_kills()?,
                })
            }
            Hierarchy::V2 { root } => {
                let directory = root.join(&self.path);
                Ok(Usage {
                    cpu: Some(Duration::from_micros(keyed(&directory.join("cpu.stat"), "usage_usec")?)),
                    memory: number(&directory.join("memory.current"))?,
                    pids: number(&directory.join("pids.current"))?,
                    oom_kills: self.oom_kills()?,
                })
            }
        }
    }

    /// How often something in it was killed because it had no memory left.
    pub fn oom_kills(&self) -> Result<u64> {
        let file = match self.hierarchy {
            Hierarchy::V1 { memory, .. } => memory.join(&self.path).join("memory.oom_control"),
            Hierarchy::V2 { root } => root.join(&self.path).join("memory.events"),
        };
        keyed(&file, "oom_kill")
    }

    /// Kills everything in it, and waits until it is empty, no longer than this.
    pub fn kill(&self, limit: Duration) -> Result<()> {
        let directories = self.directories();
        match self.hierarchy {
            Hierarchy::V1 { freezer, .. } => kill::version_1(
                &directories,
                freezer.as_ref().map(|root| root.join(&self.path)).as_deref(),
                limit,
            ),
            Hierarchy::V2 { root } => kill::version_2(&root.join(&self.path), limit),
        }
    }

    /// Removes it, with the groups below it. It must be empty; that it is not there is no error.
    pub fn delete(&self) -> Result<()> {
        self.directories().iter().try_for_each(|directory| remove(directory))
    }
}

fn make(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).map_err(Error::file("create the cgroup", directory))
}

/// Removes a cgroup and those below it, deepest first.
fn remove(directory: &Path) -> Result<()> {
    for child in hierarchy::children(directory)? {
        remove(&child)?;
    }
    let deadline = Instant::now() + EXIT;
    loop {
        let Err(error) = fs::remove_dir(directory) else { return Ok(()) };
        if error.kind() == ErrorKind::NotFound {
            return Ok(());
        }
        let busy = Errno::from_io_error(&error) == Some(Errno::BUSY);
        let pids: Vec<u32> = kill::processes(directory)?.into_iter().collect();
        if busy && !pids.is_empty() {
            return Err(Error::NotEmpty { path: directory.to_owned(), pids });
        }
        // A process that is about to be gone is listed no more, but holds its group for a moment.
        if !busy || Instant::now() >= deadline {
            return Err(Error::file("remove the cgroup", directory)(error));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn or<T: ToString>(value: Option<T>, none: &str) -> String {
    value.map_or_else(|| none.to_owned(), |value| value.to_string())
}

fn write(path: &Path, value: &str) -> Result<()> {
    // Not created: a missing file is a missing feature, and a cgroup takes no other files.
    let mut file =
        fs::OpenOptions::new().write(true).truncate(true).open(path).map_err(Error::file("open", path))?;
    std::io::Write::write_all(&mut file, value.as_bytes()).map_err(Error::file("write", path))
}

fn write_if_there(path: &Path, value: &str) -> Result<()> {
    if path.exists() { write(path, value) } else { Ok(()) }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(Error::file("read", path))
}

fn number(path: &Path) -> Result<u64> {
    let text = read(path)?;
    text.trim().parse().map_err(|_| Error::file("understand", path)(ErrorKind::InvalidData.into()))
}

/// A number in a file of lines `key number`; 0 if the key is not there.
fn keyed(path: &Path, key: &str) -> Result<u64> {
    let text = read(path)?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
    Ok(value.unwrap_or(0))
}
