//! What a workload may do: nothing that needs a capability, as a user who is nobody.

use rustix::fs::{FileType, Gid, Uid, fchown, fstat};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::stdio::{stderr, stdin, stdout};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
    set_capabilities_secure_bits, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use super::seccomp::Filter;
use crate::error::Trying;
use crate::{Result, Workload};

/// Whom a command of a sandbox runs as, and what it may call.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// The user's number.
    pub(crate) user: u32,
    /// The group's.
    pub(crate) group: u32,
    /// Whether it may send and receive whole frames in its network namespace.
    pub(crate) network: bool,
    /// The system calls it may make.
    pub(crate) filter: Filter,
}

impl Credentials {
    /// Those of a workload.
    pub(crate) fn of(workload: &Workload) -> Result<Self> {
        let (user, group) = workload.user_and_group();
        Ok(Self { user, group, network: workload.unmanaged, filter: Filter::new(workload.unmanaged)? })
    }

    /// What it may that not everybody may.
    fn capabilities(&self) -> CapabilitySet {
        match self.network {
            // Not NET_ADMIN: by the other end of its port, that reaches the namespace of the host (IFLA_TARGET_NETNSID).
            true => CapabilitySet::NET_RAW,
            false => CapabilitySet::empty(),
        }
    }

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
        let kept = self.capabilities();
        limit_bounding_set(kept)?;
        let bits = if kept.is_empty() { no_more_ever() } else { CapabilitiesSecureBits::KEEP_CAPS };
        set_capabilities_secure_bits(no_root_ever() | bits).trying(|| "lock the secure bits".into())?;
        set_thread_groups(&[]).trying(|| "leave every group".into())?;
        let group = Gid::from_raw(self.group);
        set_thread_res_gid(group, group, group).trying(|| format!("become group {}", self.group))?;
        let user = Uid::from_raw(self.user);
        set_thread_res_uid(user, user, user).trying(|| format!("become user {}", self.user))?;
        clear_ambient_capability_set().trying(|| "clear the ambient capabilities".into())?;
        if !kept.is_empty() {
            keep(kept)?;
        }
        hold(kept, kept)?;
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        set_no_new_privs(true).trying(|| "set no_new_privs".into())?;
        self.filter.apply()
    }
}

/// Leaves these capabilities to the program that this process becomes, and lets it gain no others.
fn keep(kept: CapabilitySet) -> Result<()> {
    hold(kept | CapabilitySet::SETPCAP, kept)?;
    for capability in kept {
        configure_capability_in_ambient_set(capability, true)
            .trying(|| format!("keep {capability:?} in the ambient set"))?;
    }
    set_capabilities_secure_bits(no_root_ever() | no_more_ever())
        .trying(|| "lock the secure bits for good".into())
}

/// Has these capabilities and no others.
fn hold(own: CapabilitySet, inheritable: CapabilitySet) -> Result<()> {
    set_capabilities(None, CapabilitySets { effective: own, permitted: own, inheritable })
        .trying(|| "drop the capabilities".into())
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
fn limit_bounding_set(kept: CapabilitySet) -> Result<()> {
    for number in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if kept.contains(capability) {
            continue;
        }
        match remove_capability_from_bounding_set(capability) {
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
/// change of user is left open: there are none to gain, and `ping` ends if it may not ask for it.
fn no_root_ever() -> CapabilitiesSecureBits {
    use CapabilitiesSecureBits as Bits;
    Bits::NO_ROOT | Bits::NO_ROOT_LOCKED | Bits::NO_SETUID_FIXUP_LOCKED
}

/// Nothing is added to what is kept.
fn no_more_ever() -> CapabilitiesSecureBits {
    CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED
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
