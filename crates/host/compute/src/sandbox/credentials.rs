//! What a workload may do: nothing that needs a capability, as a user who is nobody.

use rustix::fs::{FileType, Gid, Uid, fchown, fstat};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::stdio::{stderr, stdin, stdout};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits, set_no_new_privs,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::seccomp::Filter;
use crate::Result;
use crate::error::Trying;

/// Whom a command of a sandbox runs as, and what it may call.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// The user's number.
    pub(crate) user: u32,
    /// The group's.
    pub(crate) group: u32,
    /// The system calls it may make.
    pub(crate) filter: Filter,
}

impl Credentials {
    /// Gives the pipes among the standard streams to the user: opened again by name, as `/dev/stdout`, it is the owner
    /// that counts.
    pub(crate) fn own_pipes(&self) -> Result<()> {
        let (user, group) = (Uid::from_raw(self.user), Gid::from_raw(self.group));
        for stream in [stdin(), stdout(), stderr()] {
            let about = fstat(stream).trying(|| "look at a standard stream".into())?;
            if FileType::from_raw_mode(about.st_mode).is_fifo() {
                fchown(stream, Some(user), Some(group))
                    .trying(|| "give a standard stream to its user".into())?;
            }
        }
        Ok(())
    }

    /// Gives up everything else, irreversibly. For a process of one thread, just before it becomes the workload.
    pub(crate) fn assume(&self) -> Result<()> {
        limit_resources()?;
        empty_bounding_set()?;
        set_capabilities_secure_bits(no_capabilities_ever()).trying(|| "lock the secure bits".into())?;
        set_thread_groups(&[]).trying(|| "leave every group".into())?;
        let group = Gid::from_raw(self.group);
        set_thread_res_gid(group, group, group).trying(|| format!("become group {}", self.group))?;
        let user = Uid::from_raw(self.user);
        set_thread_res_uid(user, user, user).trying(|| format!("become user {}", self.user))?;
        clear_ambient_capability_set().trying(|| "clear the ambient capabilities".into())?;
        let none = CapabilitySet::empty();
        set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
            .trying(|| "drop the capabilities".into())?;
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        set_no_new_privs(true).trying(|| "set no_new_privs".into())?;
        self.filter.apply()
    }
}

/// Nobody of the same user may look into this process (its descriptors, its memory, the file it runs from), until it
/// becomes another program. First thing in every process that has something of the host.
///
/// # Errors
/// The kernel refuses.
pub fn hide_from_others() -> Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).trying(|| "make the process undumpable".into())
}

/// Up to the last one that the kernel knows, which may be more than this program does.
fn empty_bounding_set() -> Result<()> {
    for number in 0..64 {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(()) => {}
            Err(Errno::INVAL) => break,
            Err(error) => {
                return Err(error).trying(|| format!("drop capability {number} from the bounding set"));
            }
        }
    }
    Ok(())
}

/// Being user 0 means nothing, nor does becoming it, and none of this can be taken back. Keeping capabilities over a
/// change of user is left open: there are none to keep, and `ping` ends if it may not ask for it.
fn no_capabilities_ever() -> CapabilitiesSecureBits {
    use CapabilitiesSecureBits as Bits;
    Bits::NO_ROOT
        | Bits::NO_ROOT_LOCKED
        | Bits::NO_SETUID_FIXUP_LOCKED
        | Bits::NO_CAP_AMBIENT_RAISE
        | Bits::NO_CAP_AMBIENT_RAISE_LOCKED
}

/// The daemon raises its own limits (descriptors, locked memory for maps): not for its workloads.
fn limit_resources() -> Result<()> {
    let limits =
        [(Resource::Core, 0, 0), (Resource::Nofile, 1024, 65_536), (Resource::Memlock, 8 << 20, 8 << 20)];
    for (resource, current, maximum) in limits {
        // Where the host gives less than that, it is not for us to raise.
        let maximum = getrlimit(resource).maximum.map_or(maximum, |present| present.min(maximum));
        let current = maximum.min(current);
        setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })
            .trying(|| format!("limit {resource:?}"))?;
    }
    Ok(())
}
