//! Which system calls a workload may make, and which a worker of the daemon.
//!
//! The same as in the default profile of the common container engines for a container without capabilities, less
//! `ptrace` and its kin, io_uring, and sockets of families that a workload has no use for. What is not listed fails
//! with EPERM; calls newer than this list with ENOSYS, so that programs fall back to what they did before; a call in
//! another architecture's numbering kills the process, since its numbers mean other things.

mod calls;

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Cmp, SeccompCondition, SeccompFilter,
    SeccompRule, sock_filter,
};

use self::calls::{COMMON, FILES, LEGACY, LEGACY_WORKER, WORKER};
use crate::{Error, Result};

/// The newest call that the list below was held against (`mseal`, Linux 6.10).
const NEWEST: u32 = 462;
/// Set in the number of a call that comes through the x32 numbering of x86-64.
const X32: u32 = 0x4000_0000;

/// CLONE_NEW*: every kind of namespace that `clone` can make (a time namespace only `unshare` and `clone3` can).
const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64;

/// What `personality` may be asked for: Linux, 32-bit Linux, each with UNAME26, and nothing but what it is.
const PERSONALITIES: [u64; 5] = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// The filter, ready to be applied.
#[derive(Debug)]
pub(crate) struct Filter(BpfProgram);

impl Filter {
    /// The filter of workloads, for this machine's architecture; of those that send whole `frames` too, or not.
    pub(crate) fn new(frames: bool) -> Result<Self> {
        Self::of(rules(frames).map_err(failed)?)
    }

    /// That of a worker, which has its sockets, its memory and its time, and starts nothing.
    pub(crate) fn for_worker() -> Result<Self> {
        Self::of(worker_rules()?)
    }

    /// The same, for one that writes files and has threads.
    pub(crate) fn for_worker_with_files() -> Result<Self> {
        let mut rules = worker_rules()?;
        rules.extend(FILES.iter().map(|call| (*call, Vec::new())));
        let thread = u64::from(libc::CLONE_THREAD.cast_unsigned());
        let is_thread = SeccompCondition::new(0, Len::Qword, Cmp::MaskedEq(thread), thread);
        let is_thread = is_thread.and_then(|condition| SeccompRule::new(vec![condition])).map_err(failed)?;
        rules.insert(libc::SYS_clone, vec![is_thread]);
        Self::of(rules)
    }

    fn of(rules: BTreeMap<i64, Vec<SeccompRule>>) -> Result<Self> {
        let arch = std::env::consts::ARCH.try_into().map_err(failed)?;
        let refused = SeccompAction::Errno(libc::EPERM.cast_unsigned());
        let filter = SeccompFilter::new(rules, refused, SeccompAction::Allow, arch).map_err(failed)?;
        let compiled: BpfProgram = filter.try_into().map_err(failed)?;
        Ok(Self(preamble().into_iter().chain(compiled).collect()))
    }

    /// For the calling thread and all that it becomes, irreversibly. Sets `no_new_privs` too.
    pub(crate) fn apply(&self) -> Result<()> {
        seccompiler::apply_filter(&self.0).map_err(|error| Error::Seccomp(Box::new(error)))
    }
}

fn worker_rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        WORKER.iter().chain(LEGACY_WORKER).map(|call| (*call, Vec::new())).collect();
    let family = |family: i32| {
        let condition = SeccompCondition::new(0, Len::Dword, Cmp::Eq, u64::from(family.cast_unsigned()))?;
        SeccompRule::new(vec![condition])
    };
    let families = [libc::AF_INET, libc::AF_INET6].map(family).into_iter().collect::<Result<_, _>>();
    rules.insert(libc::SYS_socket, families.map_err(failed)?);
    Ok(rules)
}

fn failed(error: seccompiler::BackendError) -> Error {
    Error::Seccomp(Box::new(error))
}

fn rules(frames: bool) -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        COMMON.iter().chain(LEGACY).map(|call| (*call, Vec::new())).collect();
    let when =
        |argument, length, comparison, value| SeccompCondition::new(argument, length, comparison, value);
    let one = |condition| SeccompRule::new(vec![condition]);

    rules.insert(libc::SYS_clone, vec![one(when(0, Len::Qword, Cmp::MaskedEq(NAMESPACES), 0)?)?]);
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];
    let mut sockets = families
        .into_iter()
        .chain(frames.then_some(libc::AF_PACKET))
        .map(|family| one(when(0, Len::Dword, Cmp::Eq, u64::from(family.cast_unsigned()))?))
        .collect::<Result<Vec<_>, _>>()?;
    // Of netlink only routes and addresses, which the C library asks for; the others lead to more of the kernel.
    sockets.push(SeccompRule::new(vec![
        when(0, Len::Dword, Cmp::Eq, u64::from(libc::AF_NETLINK.cast_unsigned()))?,
        when(2, Len::Dword, Cmp::Eq, u64::from(libc::NETLINK_ROUTE.cast_unsigned()))?,
    ])?);
    rules.insert(libc::SYS_socket, sockets);
    if frames {
        // Rings of packets are memory that no control group counts.
        let rings = [libc::PACKET_RX_RING, libc::PACKET_TX_RING].map(|ring| u64::from(ring.cast_unsigned()));
        let [receive, send] = rings.map(|ring| when(2, Len::Dword, Cmp::Ne, ring));
        let of_others = when(1, Len::Dword, Cmp::Ne, u64::from(libc::SOL_PACKET.cast_unsigned()))?;
        rules.insert(libc::SYS_setsockopt, vec![one(of_others)?, SeccompRule::new(vec![receive?, send?])?]);
    }
    let personalities = PERSONALITIES.into_iter().map(|p| one(when(0, Len::Dword, Cmp::Eq, p)?));
    rules.insert(libc::SYS_personality, personalities.collect::<Result<_, _>>()?);
    // Both type into a terminal as if its user had.
    rules.insert(
        libc::SYS_ioctl,
        vec![SeccompRule::new(vec![
            when(1, Len::Dword, Cmp::Ne, libc::TIOCSTI)?,
            when(1, Len::Dword, Cmp::Ne, libc::TIOCLINUX)?,
        ])?],
    );
    Ok(rules)
}

/// What the compiler of filters cannot say: answers that depend on the number's range. Runs before its check of the
/// architecture, so it may only refuse what every architecture of ours refuses: no number, once past it, is allowed by it.
fn preamble() -> Vec<sock_filter> {
    let instruction =
        |code: u32, jt, jf, k| sock_filter { code: u16::try_from(code).expect("16 bits"), jt, jf, k };
    let ret = |k| instruction(libc::BPF_RET | libc::BPF_K, 0, 0, k);
    let jump = |test: u32, k, jt, jf| instruction(libc::BPF_JMP | test | libc::BPF_K, jt, jf, k);
    let number = u32::try_from(std::mem::offset_of!(libc::seccomp_data, nr)).expect("within the struct");
    let clone3 = u32::try_from(libc::SYS_clone3).expect("a small number");
    let not_there = ret(libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned());
    vec![
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, number),
        jump(libc::BPF_JGE, X32, 0, 1),
        ret(libc::SECCOMP_RET_KILL_PROCESS),
        jump(libc::BPF_JGT, NEWEST, 1, 0),
        // Its flags are in memory, where no filter can look; the C library falls back to `clone`.
        jump(libc::BPF_JEQ, clone3, 0, 1),
        not_there,
    ]
}

#[cfg(test)]
mod tests;
