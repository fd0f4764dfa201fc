//! An instance's control group, and how to get into it from a sandbox that does not see it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::time::Duration;

use madang_kernel::Layout;
use madang_kernel::cgroup::{Cgroups, Limits};
use madang_model::Resources;

use crate::error::Trying;
use crate::{Error, Result};

/// How many processes and threads an instance may have.
const PIDS: u32 = 512;

/// The group of one instance.
#[derive(Debug)]
pub(crate) struct Cage {
    groups: Cgroups,
    uid: String,
}

impl Cage {
    /// That of this instance, be it there or not.
    pub(crate) fn open(layout: &Layout, uid: &str) -> Result<Self> {
        let groups =
            Cgroups::detect(layout).map_err(|error| Error::cgroup("find the control groups", error))?;
        Ok(Self { groups, uid: uid.to_owned() })
    }

    /// Makes it, with these limits.
    pub(crate) fn create(&self, resources: &Resources) -> Result<()> {
        let limits = Limits {
            cpu: resources.cpu.map(|cpu| cpu.0),
            memory: resources.memory.map(|memory| memory.0),
            pids: Some(PIDS),
        };
        let made = self.groups.create(&self.uid, &limits);
        made.map(drop)
            .map_err(|error| Error::cgroup(&format!("make the control group of {}", self.uid), error))
    }

    /// The way in, which works wherever the process that takes it is.
    pub(crate) fn entrance(&self) -> Result<Entrance> {
        let open = |path: std::path::PathBuf| OpenOptions::new().write(true).open(&path).on("open", &path);
        let doors = self.groups.group(&self.uid).directories();
        Ok(Entrance(doors.into_iter().map(|door| open(door.join("cgroup.procs"))).collect::<Result<_>>()?))
    }

    /// Ends whatever is in it, and removes it.
    pub(crate) fn remove(&self, limit: Duration) -> Result<()> {
        let group = self.groups.group(&self.uid);
        let removed = group.kill(limit).and_then(|()| group.delete());
        removed.map_err(|error| Error::cgroup(&format!("remove the control group of {}", self.uid), error))
    }
}

/// The open doors of a group: one in version 2, one of each controller in version 1.
#[derive(Debug)]
pub(crate) struct Entrance(Vec<File>);

impl Entrance {
    /// The calling process goes in.
    pub(crate) fn enter(&self) -> Result<()> {
        // 0 is whoever writes it.
        self.0
            .iter()
            .try_for_each(|mut door| door.write_all(b"0"))
            .trying(|| "enter the control group".into())
    }
}
