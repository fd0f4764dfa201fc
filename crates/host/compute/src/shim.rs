//! The shim: process 1 of an instance's PID namespace.
//!
//! In two stages, each a run of this binary. The first stands outside: it takes the network namespace, makes the others,
//! and starts the second as the first process of the new PID namespace; then it ends, so that the shim belongs to no
//! daemon. The second builds the sandbox's root, steps into it, and supervises the workload until that has ended for
//! good. If it dies, the kernel ends everything in its PID namespace.
//!
//! What it says on standard error is for the driver: `ready`, or why not.

mod backoff;
mod supervisor;

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use madang_kernel::Layout;
use madang_kernel::process::ProcessId;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use crate::cage::Cage;
use crate::error::Trying;
use crate::instance_dir::{InstanceDir, Order, Record};
use crate::sandbox::{Root, hide_from_others};
use crate::{Error, Result, sys};

use backoff::Backoff;
use supervisor::Supervisor;
pub(crate) use supervisor::become_workload;

/// What the driver waits for.
pub(crate) const READY: &str = "ready\n";
/// Marks the second stage.
const INSIDE: &str = "--inside";

/// `madang shim DIR`, with the arguments after `shim`. Must be called while the process has one thread only.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    let result = match args.as_slice() {
        [dir] => outside(Path::new(dir)),
        [stage, dir] if stage == INSIDE => inside(Path::new(dir)),
        _ => Err(Error::Start {
            name: String::new(),
            reason: "the shim is started by the daemon, not by hand".into(),
        }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be listening any more.
            let _ = writeln!(std::io::stderr(), "{}", error.chain());
            ExitCode::FAILURE
        }
    }
}

/// The first stage.
fn outside(path: &Path) -> Result<()> {
    sys::close_inherited_descriptors();
    hide_from_others()?;
    rustix::process::setsid().trying(|| "begin a session".into())?;
    let (_, order) = read_order(path)?;
    enter_network(&order.workload.netns)?;
    let new = UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWUTS | UnshareFlags::NEWIPC;
    sys::unshare(new).trying(|| "make the instance's namespaces".into())?;
    // The same file as this process runs from, through the same read-only mount.
    Command::new("/proc/self/exe")
        .arg0("madang")
        .args([OsString::from("shim"), INSIDE.into(), path.into()])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .trying(|| "start the shim in its namespaces".into())?;
    Ok(())
}

/// The second stage, process 1.
fn inside(path: &Path) -> Result<()> {
    sys::close_inherited_descriptors();
    hide_from_others()?;
    let (dir, order) = read_order(path)?;
    let open = dir.open()?;
    if !open.lock() {
        return Err(Error::Busy(order.workload.uid));
    }
    open.write_shim(myself_on_host()?)?;
    open.write_record(&Record::new())?;
    spare_from_oom();
    let cage = Cage::open(&Layout::new(order.layout_root.as_deref()), &order.workload.uid)?;
    let entrance = cage.entrance()?;
    let host_proc = openat(CWD, "/proc", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .on("open", Path::new("/proc"))?;
    build(&dir, &order)?;
    let supervisor = Supervisor::new(order.workload, open, entrance, host_proc)?;
    supervisor.run(|| {
        let _ = std::io::stderr().write_all(READY.as_bytes());
        // The end of the pipe tells the driver that nothing more comes.
        if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stderr(null);
        }
    });
    Ok(())
}

/// Who this is to the host, whose `/proc` is still the one that is mounted.
fn myself_on_host() -> Result<ProcessId> {
    let link = Path::new("/proc/self");
    let number = std::fs::read_link(link).on("read", link)?;
    let number = number.to_string_lossy().parse().expect("/proc/self is a number");
    Ok(ProcessId::of(number).map_err(Error::Kernel)?.expect("this process runs"))
}

fn read_order(path: &Path) -> Result<(InstanceDir, Order)> {
    let dir = InstanceDir::at(path.to_owned());
    let order = dir.order()?.ok_or_else(|| Error::Unknown(path.display().to_string()))?;
    Ok((dir, order))
}

/// Enters the network namespace, and opens to everybody there what needs no capability: ports below 1024, and the
/// sockets that `ping` sends with.
fn enter_network(netns: &Path) -> Result<()> {
    let file = openat(CWD, netns, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .on("open the network namespace", netns)?;
    move_into_link_name_space(std::os::fd::AsFd::as_fd(&file), Some(LinkNameSpaceType::Network))
        .on("enter the network namespace", netns)?;
    for (name, value) in [("ping_group_range", "0 2147483647"), ("ip_unprivileged_port_start", "0")] {
        let path = Path::new("/proc/sys/net/ipv4").join(name);
        std::fs::write(&path, value).on("write", &path)?;
    }
    Ok(())
}

fn build(dir: &InstanceDir, order: &Order) -> Result<()> {
    let workload = &order.workload;
    rustix::system::sethostname(workload.name.as_bytes())
        .trying(|| format!("set the host name {}", workload.name))?;
    let place: PathBuf = dir.file("root");
    let file = |at, name| (at, dir.file(name));
    let files = [
        file("/etc/hosts", "hosts"),
        file("/etc/resolv.conf", "resolv.conf"),
        file("/etc/hostname", "hostname"),
    ];
    let scratch = workload.resources.memory.map(|memory| memory.0);
    Root { place: &place, hidden: &order.hidden, files: &files, scratch }.enter()
}

/// When memory runs out on the host, the shim is about the last to be taken: it holds next to none.
fn spare_from_oom() {
    // A container's daemon may not be allowed to; then it is as likely as any other.
    let _ = std::fs::write("/proc/self/oom_score_adj", "-999");
}
