//! Starts the workload, waits, and starts it again as its policy says.

use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use madang_model::RestartPolicy;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, openat};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, pidfd_open, wait,
};
use rustix::thread::UnshareFlags;

use super::Backoff;
use crate::cage::Entrance;
use crate::error::Trying;
use crate::instance_dir::{OpenDir, Record, State, now};
use crate::log::LogWriter;
use crate::sandbox::{Credentials, spawn_after};
use crate::{Error, Result, Workload, sys};

/// What happens now.
enum Phase {
    /// The process runs, and this is what it prints.
    Running { main: Pid, output: PipeReader, since: Instant },
    /// It ended, and starts again then.
    Waiting { until: Instant },
    /// It ended for good.
    Ended,
}

/// The shim, once the sandbox stands.
pub(super) struct Supervisor {
    workload: Workload,
    dir: OpenDir,
    log: LogWriter,
    signals: sys::Signals,
    entrance: Arc<Entrance>,
    credentials: Arc<Credentials>,
    /// The host's `/proc`: tells which number the host has for a process.
    host_proc: OwnedFd,
    record: Record,
    backoff: Backoff,
    stopping: bool,
}

impl Supervisor {
    pub(super) fn new(
        workload: Workload,
        dir: OpenDir,
        entrance: Entrance,
        host_proc: OwnedFd,
    ) -> Result<Self> {
        let signals = sys::Signals::take(&[libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP])
            .trying(|| "receive signals".into())?;
        Ok(Self {
            log: LogWriter::open(&dir)?,
            credentials: Arc::new(Credentials::of(&workload)?),
            entrance: Arc::new(entrance),
            record: Record::new(),
            backoff: Backoff::default(),
            stopping: false,
            workload,
            dir,
            signals,
            host_proc,
        })
    }

    /// Until the process has ended for good. Says so when it was started for the first time.
    pub(super) fn run(mut self, started: impl FnOnce()) {
        let mut phase = self.start();
        started();
        loop {
            phase = match phase {
                Phase::Running { main, output, since } => self.attend(main, output, since),
                Phase::Waiting { until } => self.pause(until),
                Phase::Ended => return,
            }
        }
    }

    fn start(&mut self) -> Phase {
        // A daemon that found the instance half made, and cleaned up, did not know of us.
        if !self.dir.is_there() {
            return Phase::Ended;
        }
        self.record.started_at = Some(now());
        match self.spawn() {
            Ok((main, output)) => {
                self.record.state = State::Running;
                self.record.process = self.on_host(main);
                self.record.message = String::new();
                self.save();
                Phase::Running { main, output, since: Instant::now() }
            }
            Err(error) => {
                let code = if let Error::Exec { code, .. } = &error { *code } else { 126 };
                let text = error.chain();
                self.log.write(&self.dir, format!("madang: {text}\n").as_bytes());
                self.ended(code, &text, Duration::ZERO)
            }
        }
    }

    fn spawn(&self) -> Result<(Pid, PipeReader)> {
        let (output, write) = io::pipe().trying(|| "make a pipe".into())?;
        rustix::io::ioctl_fionbio(&output, true).trying(|| "make the pipe unblocking".into())?;
        let errors = write.try_clone().trying(|| "copy the pipe".into())?;
        let (program, arguments) = self
            .workload
            .process
            .command
            .split_first()
            .ok_or_else(|| Error::Exec { reason: "the instance has no command".into(), code: 126 })?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(self.workload.environment());
        command.stdin(Stdio::null()).stdout(write).stderr(errors);
        let (entrance, credentials) = (Arc::clone(&self.entrance), Arc::clone(&self.credentials));
        let directory = self.workload.working_directory();
        let child = spawn_after(command, move || {
            entrance.enter()?;
            sys::unshare(UnshareFlags::NEWCGROUP).trying(|| "make the control group namespace".into())?;
            rustix::process::setsid().trying(|| "begin a session".into())?;
            become_workload(&credentials, &directory)
        })?;
        let main = Pid::from_raw(child.id().cast_signed()).expect("a child has a process id");
        Ok((main, output))
    }

    /// Copies what the process prints, until it has ended.
    fn attend(&mut self, main: Pid, mut output: PipeReader, since: Instant) -> Phase {
        let status = loop {
            self.await_event(Some(&output), None);
            // One buffer for each look: a process that prints without end must not keep the shim from its signals.
            if !self.copy(&mut output, 1) {
                break self.attend_silent(main);
            }
            if let Some(status) = self.handle_signals(Some(main)) {
                break status;
            }
        };
        self.clear_namespace();
        self.copy(&mut output, usize::MAX);
        let (code, text) = describe(status);
        self.ended(code, &text, since.elapsed())
    }

    /// The process closed its output, but lives.
    fn attend_silent(&mut self, main: Pid) -> WaitStatus {
        loop {
            if let Some(status) = self.handle_signals(Some(main)) {
                return status;
            }
            self.await_event(None, None);
        }
    }

    fn pause(&mut self, until: Instant) -> Phase {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.record.restarts += 1;
            return self.start();
        }
        self.await_event(None, Some(left));
        self.handle_signals(None);
        if self.stopping { self.finish() } else { Phase::Waiting { until } }
    }

    /// Waits until there is something to do.
    fn await_event(&self, output: Option<&PipeReader>, timeout: Option<Duration>) {
        let mut descriptors = vec![PollFd::new(&self.signals, PollFlags::IN)];
        descriptors.extend(output.map(|output| PollFd::new(output, PollFlags::IN)));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        // An interrupted wait is followed by another look.
        let _ = poll(&mut descriptors, timeout.as_ref());
    }

    /// Writes what is there to the log, up to so many buffers. False: nobody can print any more.
    fn copy(&mut self, output: &mut PipeReader, buffers: usize) -> bool {
        let mut buffer = [0; 16 << 10];
        for _ in 0..buffers {
            match output.read(&mut buffer) {
                Ok(0) => return false,
                Ok(length) => self.log.write(&self.dir, &buffer[..length]),
                Err(_) => return true,
            }
        }
        true
    }

    /// Passes SIGTERM on, and waits for whoever ended. How the main process ended, if it did.
    fn handle_signals(&mut self, main: Option<Pid>) -> Option<WaitStatus> {
        while let Some(signal) = self.signals.next() {
            // From inside, it would be a workload that wants to end its own supervisor.
            if signal.number != libc::SIGCHLD && signal.from_outside {
                self.stopping = true;
                if let Some(main) = main {
                    let _ = kill_process(main, Signal::TERM);
                }
            }
        }
        let mut found = None;
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if Some(pid) == main {
                found = Some(status);
            }
        }
        found
    }

    /// Ends whatever the main process left behind, so that the next one begins alone.
    fn clear_namespace(&self) {
        loop {
            // The group of process 1 as a destination is kill(-1): everybody in the PID namespace but the caller. Again
            // each time: a command that `exec` just brought in may have left somebody behind.
            let _ = kill_process_group(Pid::INIT, Signal::KILL);
            if !matches!(wait(WaitOptions::empty()), Ok(Some(_))) {
                return;
            }
        }
    }

    fn ended(&mut self, code: i32, text: &str, ran: Duration) -> Phase {
        self.record.process = None;
        self.record.last_exit_code = Some(code);
        self.record.message = text.to_owned();
        let again = match self.workload.process.restart_policy {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => code != 0,
            RestartPolicy::Never => false,
        };
        if self.stopping || !again {
            return self.finish();
        }
        let wait = self.backoff.next(ran);
        self.record.state = State::Backoff;
        self.record.message = format!("{text}; starts again after {} s", wait.as_secs());
        self.save();
        Phase::Waiting { until: Instant::now() + wait }
    }

    fn finish(&mut self) -> Phase {
        self.record.state = State::Exited;
        self.save();
        Phase::Ended
    }

    fn save(&self) {
        // The disk may be full, and the directory gone: the process matters more than what is said of it.
        let _ = self.dir.write_record(&self.record);
    }

    /// The number that the host has for a process of ours, by way of a descriptor of it.
    fn on_host(&self, pid: Pid) -> Option<u32> {
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let path = format!("self/fdinfo/{}", pidfd.as_raw_fd());
        let fd = openat(&self.host_proc, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let mut about = String::new();
        File::from(fd).read_to_string(&mut about).ok()?;
        about.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()
    }
}

/// The last steps before a process of the sandbox runs its program, the same for the workload and for `exec`.
pub(crate) fn become_workload(credentials: &Credentials, directory: &Path) -> Result<()> {
    be_no_more_spared_than_others()?;
    credentials.own_pipes()?;
    credentials.assume()?;
    rustix::process::chdir(directory).on("enter the working directory", directory)?;
    sys::leave_no_descriptor().trying(|| "close what is open".into())
}

/// The shim, and perhaps the daemon, is spared when memory runs out: not so the workload. Before it gives up the right to
/// say so.
fn be_no_more_spared_than_others() -> Result<()> {
    let path = Path::new("/proc/self/oom_score_adj");
    let present = std::fs::read_to_string(path).on("read", path)?;
    if present.trim().starts_with('-') { std::fs::write(path, "0").on("write", path) } else { Ok(()) }
}

/// As a shell counts, and for people.
fn describe(status: WaitStatus) -> (i32, String) {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => (code, format!("ended with exit status {code}")),
        (None, Some(signal)) => (128 + signal, format!("ended by signal {signal}")),
        (None, None) => (126, "ended".to_owned()),
    }
}
