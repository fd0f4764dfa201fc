//! Removing what an earlier daemon began and did not finish.

use madang_kernel::cgroup::Cgroups;

use super::{Inner, TO_DIE};
use crate::instance_dir::{InstanceDir, State};
use crate::{Error, Result};

impl Inner {
    /// What could not be removed, and why.
    pub(super) fn tidy(&self) -> Vec<(String, Error)> {
        let mut troubles = Vec::new();
        let uids = self.uids().unwrap_or_else(|error| {
            troubles.push((String::new(), error));
            Vec::new()
        });
        for uid in uids {
            troubles.extend(self.tidy_instance(&uid).err().map(|error| (uid, error)));
        }
        let all = Cgroups::detect(&self.layout).and_then(|groups| Ok((groups.list()?, groups)));
        match all {
            Ok((names, groups)) => {
                let tidied = names.into_iter().map(|name| (self.tidy_group(&groups, &name), name));
                troubles.extend(tidied.filter_map(|(tidied, name)| Some((name, tidied.err()?))));
            }
            Err(error) => troubles.push((String::new(), Error::cgroup("list the control groups", error))),
        }
        troubles
    }

    /// Removes the instance, if it is only half made.
    fn tidy_instance(&self, uid: &str) -> Result<()> {
        let Ok(dir) = InstanceDir::new(&self.layout, uid) else { return Ok(()) };
        let Ok(_busy) = self.occupy(uid) else { return Ok(()) };
        if dir.living_shim()?.is_none() && is_half_made(&dir) { self.remove(&dir, uid) } else { Ok(()) }
    }

    /// Ends the processes of a group that belongs to no instance, and removes it.
    fn tidy_group(&self, groups: &Cgroups, name: &str) -> Result<()> {
        // Looked at while nobody else may start it: a group is made after its directory, and removed before.
        let Ok(_busy) = self.occupy(name) else { return Ok(()) };
        if InstanceDir::new(&self.layout, name).is_ok_and(|dir| dir.exists()) {
            return Ok(());
        }
        let group = groups.group(name);
        let removed = group.kill(TO_DIE).and_then(|()| group.delete());
        removed.map_err(|error| Error::cgroup(&format!("remove the left control group {name}"), error))
    }
}

/// Whether nothing ever ran in it. What cannot be read is left: to be observed, and stopped.
fn is_half_made(dir: &InstanceDir) -> bool {
    match (dir.order(), dir.record()) {
        (Ok(None), Ok(_)) | (Ok(_), Ok(None)) => true,
        (Ok(Some(_)), Ok(Some(record))) => record.state == State::Starting,
        (Err(_), _) | (_, Err(_)) => false,
    }
}
