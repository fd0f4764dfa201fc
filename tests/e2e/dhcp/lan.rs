//! A LAN of a test's own: a server's namespace with a bridge, and hosts that are plugged into it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::cloud::{Said, eventually, ip, within};

/// Wide enough for as many clients as a test wants: 10.0.0.0/8, the server 10.0.0.1 at `lan`.
pub(crate) struct Lan {
    root: TempDir,
    name: String,
    hosts: Vec<String>,
    server: Option<Child>,
    /// Where the server keeps what it has; below the root, if not said otherwise.
    place: PathBuf,
}

pub(crate) const POOL: [&str; 2] = ["--pool", "10.1.0.0-10.254.255.255"];

impl Lan {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("madang-dhcp.").tempdir().expect("a temporary directory");
        let name = root
            .path()
            .file_name()
            .expect("it has a name")
            .to_string_lossy()
            .replace('.', "-")
            .to_lowercase();
        let place = root.path().to_owned();
        let lan = Self { root, name, hosts: Vec::new(), server: None, place };
        ip(&["netns", "add", &lan.name]);
        lan.ip("link add name lan type bridge forward_delay 0");
        lan.ip("address add 10.0.0.1/8 dev lan");
        lan.ip("link set lan up");
        lan.ip("link set lo up");
        lan
    }

    /// `ip` in the server's namespace.
    pub(crate) fn ip(&self, words: &str) {
        let words: Vec<&str> = ["-n", &self.name].into_iter().chain(words.split(' ')).collect();
        ip(&words);
    }

    /// Plugs a host in, whose interface is `eth0`.
    pub(crate) fn host(&mut self, name: &str) -> String {
        let netns = format!("{}-{name}", self.name);
        ip(&["netns", "add", &netns]);
        self.hosts.push(netns.clone());
        let port = format!("p-{name}");
        self.ip(&format!("link add name {port} type veth peer name eth0 netns {netns}"));
        self.ip(&format!("link set {port} master lan up"));
        ip(&["-n", &netns, "link", "set", "lo", "up"]);
        ip(&["-n", &netns, "link", "set", "eth0", "up"]);
        netns
    }

    /// The file that a namespace is bound to.
    pub(crate) fn netns_file(netns: &str) -> PathBuf {
        Path::new("/run/netns").join(netns)
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The server keeps what it has there from now on.
    pub(crate) fn keep_in(&mut self, place: PathBuf) {
        self.place = place;
    }

    /// Where the leases are.
    pub(crate) fn leases_dir(&self) -> PathBuf {
        self.place.join("state/dhcp/lan")
    }

    /// If it is one that ends by itself, it gets no longer than that.
    fn madang(&self, arguments: &[&str], ends: bool) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]);
        command.args(Some(["timeout", "30"]).filter(|_| ends).into_iter().flatten());
        command.args([env!("CARGO_BIN_EXE_madang"), "--root"]);
        command.arg(&self.place).args(arguments).env("NO_COLOR", "1");
        command
    }

    /// A command that ends by itself.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.madang(arguments, true).output().expect("it runs").into()
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {}", said.err);
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.out))
    }

    /// Starts the server, and waits until it can be asked.
    pub(crate) fn serve(&mut self, arguments: &[&str]) {
        self.start(arguments);
        assert!(eventually(|| self.run(&["dhcp", "usage"]).code == 0), "{}", self.log());
    }

    /// Starts the server.
    pub(crate) fn start(&mut self, arguments: &[&str]) {
        let log = File::create(self.root.path().join("server.log")).expect("a log");
        let all: Vec<&str> = ["dhcp", "serve", "-i", "lan"].iter().chain(arguments).copied().collect();
        let server = self.madang(&all, false).stderr(Stdio::from(log)).spawn().expect("it starts");
        self.server = Some(server);
    }

    /// What the server has said on standard error.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.root.path().join("server.log")).unwrap_or_default()
    }

    /// Ends the server, and gives its exit status.
    pub(crate) fn end(&mut self) -> Option<i32> {
        let mut server = self.server.take()?;
        let pid = rustix::process::Pid::from_child(&server);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it lives");
        let mut status = None;
        let ended = within(10, || {
            status = server.try_wait().expect("it is ours");
            status.is_some()
        });
        assert!(ended, "{}", self.log());
        status.and_then(|status| status.code())
    }

    /// Ends it as no process can be ready for.
    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            // `ip netns exec` has become the server.
            server.kill().expect("it lives");
            server.wait().expect("it ends");
        }
    }

    /// A command in a host.
    pub(crate) fn exec(&self, netns: &str, command: &[&str]) -> Said {
        let output =
            Command::new("timeout").args(["30", "ip", "netns", "exec", netns]).args(command).output();
        output.expect("it runs").into()
    }

    /// The leases that clients have: address and MAC.
    pub(crate) fn leases(&self) -> Vec<(String, String)> {
        let list = self.json(&["dhcp", "leases", "-o", "json"]);
        let text = |lease: &Value, field: &str| lease[field].as_str().unwrap_or_default().to_owned();
        let leases = list["leases"].as_array().expect("a list").iter();
        leases.map(|lease| (text(lease, "address"), text(lease, "mac"))).collect()
    }

    /// What happened: each event and its reason.
    pub(crate) fn events(&self, of: &str) -> Vec<(String, String)> {
        let said = self.run(&["dhcp", "events", "--of", of, "-o", "json"]);
        assert_eq!(said.code, 0, "{}", said.err);
        let event = |line: &str| {
            let event: Value = serde_json::from_str(line).expect("JSON");
            let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
            (text("event"), text("reason"))
        };
        said.out.lines().map(event).collect()
    }

    /// The MAC of a host.
    pub(crate) fn mac(&self, netns: &str) -> String {
        self.exec(netns, &["cat", "/sys/class/net/eth0/address"]).out.trim().to_owned()
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        self.kill();
        for netns in self.hosts.iter().chain([&self.name]) {
            let _ = Command::new("ip").args(["netns", "delete", netns]).status();
        }
    }
}
