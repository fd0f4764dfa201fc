//! A Madang of a test's own, and a network namespace that stands for the outside world.

use std::fs::{self, File};
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Whether this test can run: root is needed. Where CI is set, its lack is a failure.
#[expect(clippy::print_stderr, reason = "a person who runs the tests should see that some were skipped")]
pub(crate) fn can_run() -> bool {
    let root = rustix::process::geteuid().is_root();
    assert!(root || std::env::var_os("CI").is_none(), "these tests need root");
    if !root {
        eprintln!("skipped: this test needs root");
    }
    root
}

/// A Madang below a directory of its own.
pub(crate) struct Cloud {
    root: TempDir,
    tag: String,
    daemon: Option<Child>,
    outside: bool,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Cloud {
    /// With nothing in it, and no daemon.
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("madang-e2e.").tempdir().expect("a temporary directory");
        let tag = root.path().to_string_lossy().bytes().rev().take(6).map(char::from).collect::<String>();
        Self { root, tag: tag.to_lowercase(), daemon: None, outside: false }
    }

    /// With an outside world behind an interface: [`Self::uplink`], router 203.0.113.1.
    pub(crate) fn with_outside() -> Self {
        let mut cloud = Self::new();
        cloud.outside = true;
        let (netns, uplink) = (cloud.outside_netns(), cloud.uplink());
        ip(&["netns", "add", &netns]);
        ip(&["link", "add", &uplink, "type", "veth", "peer", "name", "outside", "netns", &netns]);
        ip(&["link", "set", &uplink, "up"]);
        ip(&["-n", &netns, "link", "set", "lo", "up"]);
        ip(&["-n", &netns, "address", "add", "203.0.113.1/24", "dev", "outside"]);
        ip(&["-n", &netns, "link", "set", "outside", "up"]);
        cloud
    }

    pub(crate) fn uplink(&self) -> String {
        format!("up{}", self.tag)
    }

    pub(crate) fn outside_netns(&self) -> String {
        format!("madang-e2e-{}", self.tag)
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// The daemon's child process, started by this test and not by `up`, so that it can be killed.
    pub(crate) fn serve(&mut self) {
        self.serve_with(&["--listen", "none"]);
    }

    /// The same, with more arguments.
    pub(crate) fn serve_with(&mut self, arguments: &[&str]) {
        let log = File::create(self.root().join("serve.log")).expect("a log file");
        let mut command = self.command(&[&["serve"], arguments].concat());
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("madang starts");
        self.daemon = Some(child);
        let answers = || self.madang(&["get", "vpcs"]).code == 0;
        assert!(eventually(answers), "the daemon does not answer: {}", self.serve_log());
    }

    /// What the daemon has said since it was last started.
    pub(crate) fn serve_log(&self) -> String {
        fs::read_to_string(self.root().join("serve.log")).unwrap_or_default()
    }

    /// The daemon's process, if this test started it.
    pub(crate) fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().map(Child::id).expect("the daemon was started")
    }

    /// Ends the daemon as a power switch would.
    pub(crate) fn kill_daemon(&mut self) {
        if let Some(mut child) = self.daemon.take() {
            child.kill().expect("the daemon was running");
            child.wait().expect("a child can be waited for");
        }
    }

    /// Ends the daemon as a service manager does.
    pub(crate) fn end_daemon(&mut self) {
        if let Some(mut child) = self.daemon.take() {
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)
                .expect("the daemon was running");
            child.wait().expect("a child can be waited for");
        }
    }

    /// Puts the datapath's pins where an earlier layout of the maps has its own: the next daemon takes that over. Where its
    /// own will stand, and where the earlier ones do now.
    pub(crate) fn make_pins_older(&self) -> (PathBuf, PathBuf) {
        let pins = madang_kernel::Layout::new(Some(self.root())).pin_dir();
        let version = |number: u32| pins.join(format!("abi-{number}"));
        let now = (2..9).find(|number| version(*number).exists()).expect("the datapath is pinned");
        let (own, earlier) = (version(now), version(now - 1));
        fs::rename(&own, &earlier).expect("pins can be renamed");
        (own, earlier)
    }

    /// A command that is not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_madang"));
        command.arg("--root").arg(self.root()).args(arguments).stdin(Stdio::null()).env("NO_COLOR", "1");
        command
    }

    pub(crate) fn madang(&self, arguments: &[&str]) -> Said {
        Said::from(self.command(arguments).output().expect("madang starts"))
    }

    /// A command that has to succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let said = self.madang(arguments);
        assert_eq!(said.code, 0, "madang {arguments:?}\n{}\n{}\n{}", said.out, said.err, self.evidence());
        said.out
    }

    /// A command with `-o json`, as data.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["-o", "json"]].concat();
        serde_json::from_str(&self.ok(&arguments)).expect("-o json is JSON")
    }

    /// Writes a file into the cloud's directory. `UPLINK` in it becomes the uplink's name.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.root().join(name);
        let mut file = File::create(&path).expect("a file in the root");
        file.write_all(text.replace("UPLINK", &self.uplink()).as_bytes()).expect("room on the disk");
        path.to_string_lossy().into_owned()
    }

    /// `up -f` of this text.
    pub(crate) fn up(&self, text: &str) -> String {
        let file = self.file("cloud.yaml", text);
        self.ok(&["up", "-f", &file])
    }

    /// Runs a command in an instance, to its end.
    pub(crate) fn exec(&self, instance: &str, command: &[&str]) -> Said {
        self.madang(&[&["exec", instance, "--"], command].concat())
    }

    /// Runs a command in the outside world.
    pub(crate) fn run_outside(&self, command: &[&str]) -> Said {
        let output = Command::new("ip").args(["netns", "exec", &self.outside_netns()]).args(command).output();
        Said::from(output.expect("ip starts"))
    }

    /// A process in the outside world, which ends with the guard.
    pub(crate) fn serve_outside(&self, command: &[&str]) -> Background {
        let child = Command::new("ip")
            .args(["netns", "exec", &self.outside_netns()])
            .args(command)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Background(child.expect("ip starts"))
    }

    /// The network namespace of an instance of the default project, as a file.
    pub(crate) fn netns(&self, instance: &str) -> PathBuf {
        self.netns_in("default", instance)
    }

    fn netns_in(&self, project: &str, instance: &str) -> PathBuf {
        let object = self.json(&["get", "-n", project, "instance", instance]);
        self.root().join("run/netns").join(object["metadata"]["uid"].as_str().expect("it has a uid"))
    }

    /// The same while no daemon runs: the namespace whose instance has this address in its `/etc/hosts` as its own.
    pub(crate) fn netns_file(&self, instance: &str) -> PathBuf {
        let instances = fs::read_dir(self.root().join("run/instances")).expect("there are instances");
        let is_it = |uid: &String| {
            let spec = self.root().join("run/instances").join(uid).join("spec.json");
            let text = fs::read_to_string(spec).unwrap_or_default().replace(" ", "");
            text.contains(&format!("\"name\":\"{instance}\""))
        };
        let mut uids = instances.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let uid = uids.find(is_it).expect("there is such an instance");
        self.root().join("run/netns").join(uid)
    }

    /// Makes something (a socket) inside an instance's network namespace.
    pub(crate) fn inside<T: Send>(&self, instance: &str, make: impl FnOnce() -> T + Send) -> T {
        self.inside_of("default", instance, make)
    }

    /// The same, of an instance of this project.
    pub(crate) fn inside_of<T: Send>(
        &self,
        project: &str,
        instance: &str,
        make: impl FnOnce() -> T + Send,
    ) -> T {
        let netns = File::open(self.netns_in(project, instance)).expect("the instance has a namespace");
        std::thread::scope(|scope| {
            let inside = scope.spawn(move || {
                let network = Some(rustix::thread::LinkNameSpaceType::Network);
                rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&netns), network)
                    .expect("setns");
                make()
            });
            inside.join().expect("the thread inside does not panic")
        })
    }

    /// A UDP socket inside an instance.
    pub(crate) fn udp(&self, instance: &str, address: &str) -> UdpSocket {
        self.inside(instance, || UdpSocket::bind(address)).expect("the address is the instance's")
    }

    /// An open TCP connection from inside an instance to a listener that there is, as soon as there is a way.
    pub(crate) fn connection(&self, from: &str, listener: &TcpListener) -> (TcpStream, TcpStream) {
        let to = listener.local_addr().expect("it has an address");
        let connect = || TcpStream::connect_timeout(&to, Duration::from_secs(2));
        let mut stream = None;
        let is_open = || {
            stream = self.inside(from, connect).ok();
            stream.is_some()
        };
        assert!(eventually(is_open), "{from} does not reach {to}\n{}", self.evidence());
        let (theirs, _) = listener.accept().expect("its other end");
        theirs.set_read_timeout(Some(Duration::from_secs(5))).expect("a time");
        (stream.expect("it is open"), theirs)
    }

    /// Tries a TCP connection from inside an instance.
    pub(crate) fn connects(&self, from: &str, to: &str) -> bool {
        self.connects_in("default", from, to)
    }

    /// The same, of an instance of this project.
    pub(crate) fn connects_in(&self, project: &str, from: &str, to: &str) -> bool {
        let to = to.parse().expect("an address and a port");
        self.inside_of(project, from, || TcpStream::connect_timeout(&to, Duration::from_millis(700)).is_ok())
    }

    /// How many ports of instances there are on the host.
    pub(crate) fn ports(&self) -> usize {
        let layout = madang_kernel::Layout::new(Some(self.root()));
        let uids = fs::read_dir(self.root().join("run/netns")).map(|all| all.flatten().collect::<Vec<_>>());
        let port = |entry: &fs::DirEntry| layout.port_name(&entry.file_name().to_string_lossy());
        let there = |entry: &&fs::DirEntry| Path::new("/sys/class/net").join(port(entry)).exists();
        let instance = |entry: &&fs::DirEntry| entry.file_name() != "services";
        uids.unwrap_or_default().iter().filter(instance).filter(there).count()
    }

    /// What helps when a test fails.
    pub(crate) fn evidence(&self) -> String {
        let daemon = fs::read_to_string(self.root().join("run/madang.log")).unwrap_or_default();
        let get = self.madang(&["get", "all", "-o", "yaml"]);
        let links =
            Command::new("ip").args(["-d", "link"]).output().map(|o| Said::from(o).out).unwrap_or_default();
        format!("--- daemon\n{daemon}\n{}\n--- resources\n{}\n--- links\n{links}", self.serve_log(), get.out)
    }

    /// What of this Madang is on the host: must be empty after `down`.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let root = self.root().to_string_lossy().into_owned();
        let mut left = Vec::new();
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc is there");
        left.extend(mounts.lines().filter(|l| l.contains(&root)).map(|l| format!("mount {l}")));
        for entry in fs::read_dir("/proc").expect("/proc is there").flatten() {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(&root) && entry.file_name().to_string_lossy() != std::process::id().to_string() {
                left.push(format!("process {} {line}", entry.file_name().to_string_lossy()));
            }
        }
        let layout = madang_kernel::Layout::new(Some(self.root()));
        if layout.pin_dir().exists() {
            left.push(format!("pins {}", layout.pin_dir().display()));
        }
        for parent in ["", "cpu", "memory", "pids", "freezer", "unified"] {
            let group = Path::new("/sys/fs/cgroup").join(parent).join(layout.name());
            if group.exists() {
                left.push(format!("cgroup {}", group.display()));
            }
        }
        let tables = Command::new("nft")
            .args(["list", "tables"])
            .output()
            .map(|o| Said::from(o).out)
            .unwrap_or_default();
        let tag = layout.name().trim_start_matches("madang-").to_owned();
        left.extend(tables.lines().filter(|l| l.contains(&tag)).map(|l| format!("nftables {l}")));
        left
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // A daemon that a test has started ends like a dead one; the next one takes down what it left.
        self.kill_daemon();
        let down = self.madang(&["down", "--all"]);
        // A daemon that has let go of its socket may need a moment to be gone itself.
        let clean = std::thread::panicking() || eventually(|| self.leftovers().is_empty());
        let left = if clean { Vec::new() } else { self.leftovers() };
        if self.outside {
            let (netns, uplink) = (self.outside_netns(), self.uplink());
            for arguments in [["link", "delete", &uplink], ["netns", "delete", &netns]] {
                let _ = Command::new("ip").args(arguments).stderr(Stdio::null()).status();
            }
        }
        assert!(left.is_empty(), "left on the host: {left:#?}\n{down:?}");
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A process that ends when this does.
pub(crate) struct Background(pub(crate) Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether it becomes true within ten seconds.
pub(crate) fn eventually(condition: impl FnMut() -> bool) -> bool {
    within(10, condition)
}

/// Whether it becomes true within so many seconds.
pub(crate) fn within(seconds: u64, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    condition()
}

pub(crate) fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().expect("ip is installed");
    assert!(status.success(), "ip {arguments:?}");
}
