//! `madang sandbox-exec`: steps into a sandbox, runs the command there, and ends as it did.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use madang_kernel::Layout;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Gid, Uid};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, pidfd_open, pidfd_send_signal, waitpid,
};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::thread::{ThreadNameSpaceType, UnshareFlags, move_into_thread_name_spaces};

use super::wire::{Answer, Enter, receive, send};
use super::{ExecRequest, window};
use crate::cage::{Cage, Entrance};
use crate::error::Trying;
use crate::instance_dir::InstanceDir;
use crate::sandbox::{Credentials, hide_from_others, spawn_after};
use crate::shim::become_workload;
use crate::{Error, Result, Workload, sys};

/// The group that owns terminals (`tty` in Debian's base-passwd), as the sandbox's `/dev/pts` is mounted.
const TTY_GROUP: u32 = 5;

/// `madang sandbox-exec`, started by the daemon. Must be called while the process has one thread only. The exit status is
/// the command's, or 128 and the signal's number.
pub fn main(_args: impl Iterator<Item = OsString>) -> ExitCode {
    sys::close_inherited_descriptors();
    let control = match rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3) {
        Ok(control) => Arc::new(control),
        Err(_) => return ExitCode::FAILURE,
    };
    match hide_from_others().and_then(|()| run(&control)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let code = if let Error::Exec { code, .. } = &error { *code } else { 126 };
            // If the daemon is gone there is nobody to tell.
            let _ = send(&*control, &Answer::Failed { reason: error.chain(), code }, &[]);
            ExitCode::from(u8::try_from(code).unwrap_or(126))
        }
    }
}

fn run(control: &Arc<OwnedFd>) -> Result<u8> {
    let (Enter { dir, shim, request }, streams) = receive(&**control).trying(|| "hear what to run".into())?;
    let order = InstanceDir::at(dir).order()?.ok_or_else(|| Error::Unknown(shim.pid.to_string()))?;
    let cage = Cage::open(&Layout::new(order.layout_root.as_deref()), &order.workload.uid)?;
    let gone = || Error::NotRunning { name: order.workload.name.clone(), state: "has just ended" };
    let shim = shim.open().map_err(Error::Kernel)?.ok_or_else(gone)?;
    // A process cannot change its own PID namespace: this is for its child.
    enter(&shim, ThreadNameSpaceType::PROCESS_ID)?;
    let visitor = Visitor::new(&order.workload, request, cage.entrance()?, shim, Arc::clone(control))?;
    let child = visitor.spawn(streams)?;
    send(&**control, &Answer::Began, &[]).trying(|| "say that the command began".into())?;
    attend(control, child)
}

fn enter(shim: &OwnedFd, namespaces: ThreadNameSpaceType) -> Result<()> {
    move_into_thread_name_spaces(shim.as_fd(), namespaces).trying(|| "enter the instance's namespaces".into())
}

/// What becomes the command.
struct Visitor {
    request: ExecRequest,
    environment: Vec<(String, String)>,
    directory: std::path::PathBuf,
    credentials: Credentials,
    entrance: Entrance,
    shim: OwnedFd,
    control: Arc<OwnedFd>,
}

impl Visitor {
    fn new(
        workload: &Workload,
        request: ExecRequest,
        entrance: Entrance,
        shim: OwnedFd,
        control: Arc<OwnedFd>,
    ) -> Result<Self> {
        let credentials = Credentials::of(workload)?;
        let mut environment = workload.environment();
        if request.tty && !workload.process.env.contains_key("TERM") {
            environment.push(("TERM".into(), "xterm-256color".into()));
        }
        let directory = workload.working_directory();
        Ok(Self { request, environment, directory, credentials, entrance, shim, control })
    }

    fn spawn(self, streams: Vec<OwnedFd>) -> Result<Pid> {
        let (program, arguments) = self
            .request
            .command
            .split_first()
            .ok_or_else(|| Error::Exec { reason: "no command was given".into(), code: 126 })?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(self.environment.clone());
        match <[OwnedFd; 3]>::try_from(streams) {
            Ok([input, output, errors]) => command.stdin(input).stdout(output).stderr(errors),
            Err(_) => command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()),
        };
        let child = spawn_after(command, move || self.step_in())?;
        Ok(Pid::from_raw(child.id().cast_signed()).expect("a child has a process id"))
    }

    /// In the child: from the host into the sandbox. First what needs the host's files, last what gives up every right.
    fn step_in(&self) -> Result<()> {
        // If this process's parent is killed, nobody would end it.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .trying(|| "ask for an end".into())?;
        self.entrance.enter()?;
        let shared = ThreadNameSpaceType::MOUNT
            | ThreadNameSpaceType::NETWORK
            | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME
            | ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION;
        enter(&self.shim, shared)?;
        sys::unshare(UnshareFlags::NEWCGROUP).trying(|| "make the control group namespace".into())?;
        rustix::process::setsid().trying(|| "begin a session".into())?;
        if self.request.tty {
            self.open_terminal()?;
        }
        become_workload(&self.credentials, &self.directory)?;
        // Becoming another user has forgotten it.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .trying(|| "ask for an end".into())
    }

    /// A terminal of the sandbox's own, of which the daemon gets the other side.
    fn open_terminal(&self) -> Result<()> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let outer = openpt(flags).trying(|| "open a terminal".into())?;
        unlockpt(&outer).trying(|| "unlock the terminal".into())?;
        let inner = ioctl_tiocgptpeer(&outer, flags).trying(|| "open the terminal's inner side".into())?;
        rustix::termios::tcsetwinsize(&inner, window(self.request.columns, self.request.rows))
            .trying(|| "set the terminal's size".into())?;
        let (owner, group) = (Uid::from_raw(self.credentials.user), Gid::from_raw(TTY_GROUP));
        rustix::fs::fchown(&inner, Some(owner), Some(group))
            .trying(|| "give the terminal to its user".into())?;
        rustix::process::ioctl_tiocsctty(&inner).trying(|| "make it the session's terminal".into())?;
        rustix::stdio::dup2_stdin(&inner)
            .and_then(|()| rustix::stdio::dup2_stdout(&inner))
            .and_then(|()| rustix::stdio::dup2_stderr(&inner))
            .trying(|| "connect the terminal".into())?;
        send(&*self.control, &Answer::Terminal, &[outer.as_fd()]).trying(|| "hand over the terminal".into())
    }
}

/// Until the command has ended, or the daemon's interest in it has.
fn attend(control: &OwnedFd, child: Pid) -> Result<u8> {
    let pidfd = pidfd_open(child, PidfdFlags::empty()).trying(|| "watch the command".into())?;
    loop {
        let mut descriptors = [PollFd::new(&pidfd, PollFlags::IN), PollFd::new(control, PollFlags::IN)];
        if poll(&mut descriptors, None).is_err() {
            continue;
        }
        let [ended, left] = descriptors.map(|descriptor| !descriptor.revents().is_empty());
        if left && !ended {
            let _ = pidfd_send_signal(&pidfd, Signal::KILL);
        }
        if ended || left {
            let waited =
                waitpid(Some(child), WaitOptions::empty()).trying(|| "wait for the command".into())?;
            return Ok(waited.map_or(126, |(_, status)| code(status)));
        }
    }
}

fn code(status: WaitStatus) -> u8 {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(126)
}
