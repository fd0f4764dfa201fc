//! A host for the tests: a Madang root of its own, a network namespace, and whatever was started in it until the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use madang_compute::{Driver, ExecRequest, ExecSession, ObservedWorkload, State, Workload};
use madang_kernel::cgroup::{Cgroups, Usage};
use madang_kernel::{Layout, netns};
use madang_model::{CpuQuantity, MemoryQuantity, ProcessSpec, Resources, RestartPolicy};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long anything may take before a test gives up: long, since a machine may be slow, and only a failure waits for it.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// The program that stands for the real binary: this one.
pub(crate) fn program() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// A root with one instance.
pub(crate) struct Host {
    pub(crate) layout: Layout,
    pub(crate) driver: Driver,
    pub(crate) workload: Workload,
    dir: TempDir,
}

impl Host {
    /// Nothing runs yet; the workload is this command.
    pub(crate) fn new(command: &[&str]) -> Self {
        Self::below(&std::env::temp_dir(), command)
    }

    /// The same, with a shell.
    pub(crate) fn shell(script: &str) -> Self {
        Self::new(&["sh", "-c", script])
    }

    /// With the root below this directory.
    pub(crate) fn below(place: &Path, command: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("madang-compute-").tempdir_in(place).unwrap();
        let layout = Layout::new(Some(dir.path()));
        let uid = format!("u{:08x}", rand());
        let netns = layout.netns(&uid);
        netns::create(&netns).unwrap();
        let up = || std::process::Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
        assert!(netns::enter(&netns, up).unwrap().success());
        let process = ProcessSpec {
            command: command.iter().map(ToString::to_string).collect(),
            env: BTreeMap::new(),
            working_dir: None,
            run_as_user: None,
            run_as_group: None,
            restart_policy: RestartPolicy::Never,
        };
        let workload = Workload {
            unmanaged: false,
            uid,
            name: "web-1".into(),
            netns,
            process,
            resources: Resources::default(),
            address: "10.0.1.4".parse().unwrap(),
            hosts: vec![("10.0.1.5".parse().unwrap(), "db-1".into())],
            nameservers: vec!["10.0.1.2".parse().unwrap()],
            domain: String::new(),
        };
        let driver = Driver::new(layout.clone(), program());
        Self { layout, driver, workload, dir }
    }

    pub(crate) fn restart(mut self, policy: RestartPolicy) -> Self {
        self.workload.process.restart_policy = policy;
        self
    }

    pub(crate) fn user(mut self, user: u32) -> Self {
        self.workload.process.run_as_user = Some(user);
        self
    }

    pub(crate) fn memory(mut self, bytes: u64) -> Self {
        self.workload.resources.memory = Some(MemoryQuantity(bytes));
        self
    }

    pub(crate) fn cpu(mut self, millis: u32) -> Self {
        self.workload.resources.cpu = Some(CpuQuantity(millis));
        self
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn instance_dir(&self) -> PathBuf {
        self.layout.run_dir().join("instances").join(&self.workload.uid)
    }

    /// Starts the workload.
    pub(crate) async fn start(&self) {
        if let Err(error) = self.driver.start(&self.workload).await {
            panic!("{}", error.chain());
        }
    }

    pub(crate) async fn stop(&self) {
        if let Err(error) = self.driver.stop(&self.workload.uid, Duration::from_secs(5)).await {
            panic!("{}", error.chain());
        }
    }

    /// What the driver sees of it.
    pub(crate) fn observe(&self) -> Option<ObservedWorkload> {
        self.driver.observe().unwrap().into_iter().find(|observed| observed.uid == self.workload.uid)
    }

    /// Waits until that is so.
    pub(crate) async fn until(&self, what: &str, is: impl Fn(&ObservedWorkload) -> bool) -> ObservedWorkload {
        let deadline = Instant::now() + LIMIT;
        loop {
            let observed = self.observe();
            if let Some(observed) = observed.clone().filter(|observed| is(observed)) {
                return observed;
            }
            assert!(
                Instant::now() < deadline,
                "not {what} after {LIMIT:?}: {observed:?}; log: {}",
                end(&self.log().await)
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn until_exited(&self) -> ObservedWorkload {
        self.until("exited", |observed| observed.state == State::Exited && observed.shim.is_none()).await
    }

    /// Waits until the log has this in it.
    pub(crate) async fn until_log(&self, text: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let log = self.log().await;
            if log.contains(text) {
                return log;
            }
            assert!(Instant::now() < deadline, "no {text:?} in the log after {LIMIT:?}: {}", end(&log));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn log(&self) -> String {
        self.last_lines(None).await
    }

    /// So many lines of the log, or all.
    pub(crate) async fn last_lines(&self, lines: Option<usize>) -> String {
        let mut text = Vec::new();
        if let Ok(mut reader) = self.driver.logs(&self.workload.uid, false, lines) {
            reader.read_to_end(&mut text).await.unwrap();
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    pub(crate) fn usage(&self) -> Usage {
        Cgroups::detect(&self.layout).unwrap().group(&self.workload.uid).usage().unwrap()
    }

    /// In how many periods the kernel made it wait because its CPU time was used up.
    pub(crate) fn throttled(&self) -> u64 {
        let groups = Cgroups::detect(&self.layout).unwrap();
        let directories = groups.group(&self.workload.uid).directories();
        let stat = directories.iter().find_map(|at| {
            let stat = std::fs::read_to_string(at.join("cpu.stat")).ok()?;
            stat.lines().find_map(|line| line.strip_prefix("nr_throttled ")?.parse().ok())
        });
        stat.unwrap()
    }

    pub(crate) async fn exec(&self, command: &[&str], tty: bool) -> ExecSession {
        let command = command.iter().map(ToString::to_string).collect();
        let request = ExecRequest { command, tty, columns: 100, rows: 40 };
        match self.driver.exec(&self.workload.uid, request).await {
            Ok(session) => session,
            Err(error) => panic!("{}", error.chain()),
        }
    }

    /// Runs a command in the sandbox to its end: exit status, output, errors.
    pub(crate) async fn run(&self, command: &[&str], input: &str) -> (i32, String, String) {
        let mut session = self.exec(command, false).await;
        let (mut output, mut errors) = (String::new(), String::new());
        let mut stderr = session.stderr.take().unwrap();
        let all = async {
            session.stdin.write_all(input.as_bytes()).await.unwrap();
            session.stdin.shutdown().await.unwrap();
            let read =
                tokio::join!(session.stdout.read_to_string(&mut output), stderr.read_to_string(&mut errors));
            read.0.and(read.1).unwrap();
            session.control.wait().await.unwrap()
        };
        let code =
            tokio::time::timeout(LIMIT, all).await.unwrap_or_else(|_| panic!("{command:?} takes too long"));
        (code, output, errors)
    }

    /// What a shell script prints in the sandbox, both streams, and its exit status.
    pub(crate) async fn sh(&self, script: &str) -> (i32, String) {
        let (code, output, errors) = self.run(&["sh", "-c", script], "").await;
        (code, output + &errors)
    }

    /// Everything of the instance is gone: processes, control groups, directory; and the network namespace, once nobody
    /// holds it, can be deleted.
    pub(crate) async fn close(self) {
        self.stop().await;
        self.assert_nothing_left();
    }

    pub(crate) fn assert_nothing_left(&self) {
        assert!(!self.instance_dir().exists());
        let groups = Cgroups::detect(&self.layout).unwrap();
        assert!(groups.list().unwrap().is_empty());
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let ours = mounts.lines().filter(|line| line.contains(&*self.root().to_string_lossy())).count();
        assert_eq!(ours, 1, "the network namespace's file only: {mounts}");
        assert_eq!(processes_with(&self.workload.uid), Vec::<u32>::new());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let (driver, uid) = (self.driver.clone(), self.workload.uid.clone());
        let stop = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(driver.stop(&uid, Duration::ZERO))
        };
        // On a thread of its own: the test may be within a runtime, and may be failing.
        let stopped = std::thread::spawn(stop).join();
        for netns in netns::list(&self.layout.run_dir().join("netns")).unwrap_or_default() {
            let _ = netns::delete(&netns);
        }
        if let Ok(groups) = Cgroups::detect(&self.layout) {
            let _ = groups.remove();
        }
        if !std::thread::panicking() {
            stopped.unwrap().unwrap();
        }
    }
}

/// The end of a text that may be very long.
fn end(text: &str) -> &str {
    text.char_indices().rev().nth(2_000).map_or(text, |(start, _)| &text[start..])
}

/// Processes whose command line has this in it.
pub(crate) fn processes_with(text: &str) -> Vec<u32> {
    let numbers =
        std::fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    let has = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text)
    };
    numbers.filter(|pid| *pid != std::process::id()).filter(has).collect()
}

/// Another number each time, in each process.
fn rand() -> u32 {
    let mut bytes = [0; 4];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).unwrap();
    u32::from_ne_bytes(bytes)
}
