//! `madang dhcp client`: with a server, without one, and with one again.

use std::fs::File;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::lan::{Lan, POOL};
use crate::cloud::{Background, can_run, eventually, ip, within};

/// A client that works in a host's namespace.
struct Client {
    process: Option<Background>,
    netns: String,
    place: std::path::PathBuf,
}

impl Client {
    fn command(lan: &Lan, netns: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", netns, env!("CARGO_BIN_EXE_madang"), "--root"]);
        command.arg(lan.path().join(netns)).args(["dhcp", "client", "eth0", "--quick-probe"]);
        command.args(arguments).env("NO_COLOR", "1");
        command
    }

    fn start(lan: &Lan, netns: &str, arguments: &[&str]) -> Self {
        let place = lan.path().join(netns);
        std::fs::create_dir_all(&place).expect("a directory");
        let log = File::create(place.join("log")).expect("a log");
        let dns = place.join("resolv.conf");
        let mut command = Self::command(lan, netns, arguments);
        command.args(["-o", "json", "--dns"]).arg(dns).stdout(log).stderr(Stdio::inherit());
        let process = Background(command.spawn().expect("it starts"));
        Self { process: Some(process), netns: netns.to_owned(), place }
    }

    /// The reasons of its steps.
    fn steps(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.place.join("log")).expect("its log");
        let why = |line: &str| serde_json::from_str::<Value>(line).ok()?["why"].as_str().map(str::to_owned);
        log.lines().filter_map(why).collect()
    }

    fn said(&self, words: &str) -> bool {
        self.steps().iter().any(|step| step.contains(words))
    }

    /// What `ip` says of its interface.
    fn ip(&self, words: &[&str]) -> String {
        let output = Command::new("ip").args(["-4", "-n", &self.netns]).args(words).output().expect("ip");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The addresses that it has, with their lengths.
    fn addresses(&self) -> Vec<String> {
        let said = self.ip(&["-oneline", "address", "show", "dev", "eth0"]);
        said.lines().filter_map(|line| line.split_whitespace().nth(3).map(str::to_owned)).collect()
    }

    fn resolv(&self) -> String {
        std::fs::read_to_string(self.place.join("resolv.conf")).unwrap_or_default()
    }

    /// Ends it as its user would, and waits for it.
    fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            let pid = rustix::process::Pid::from_child(&process.0);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it lives");
            assert!(eventually(|| process.0.try_wait().expect("it is ours").is_some()), "{:?}", self.steps());
        }
    }
}

#[test]
fn it_sets_what_a_server_gives_keeps_it_over_a_restart_and_takes_it_away() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    let host = lan.host("host");
    // Somebody else's way out, which stays what it was.
    ip(&["-n", &host, "link", "add", "other", "type", "bridge"]);
    ip(&["-n", &host, "link", "set", "other", "up"]);
    ip(&["-n", &host, "address", "add", "198.51.100.1/24", "dev", "other"]);
    ip(&["-n", &host, "route", "add", "203.0.113.0/24", "via", "198.51.100.9", "metric", "100"]);
    lan.serve(&[
        POOL[0],
        POOL[1],
        "--no-probe",
        "--router",
        "10.0.0.1",
        "--dns",
        "10.0.0.2",
        "--domain",
        "lab.internal",
        // 192.0.2.0/24 through 10.0.0.9; all else, and 203.0.113.0/24, through 10.0.0.1, or else 10.0.0.2.
        "--option",
        "121=hex:18c000020a000009000a000001000a00000218cb00710a000001",
        "--option",
        "26=u16:1400",
    ]);
    let mut client = Client::start(&lan, &host, &[]);
    assert!(eventually(|| client.said("uses 10.1.0.0")), "{:?}", client.steps());
    assert_eq!(client.addresses(), ["10.1.0.0/8"]);
    let routes = client.ip(&["route"]);
    assert!(routes.contains("default via 10.0.0.1 dev eth0 proto dhcp src 10.1.0.0 metric 100"), "{routes}");
    assert!(routes.contains("192.0.2.0/24 via 10.0.0.9 dev eth0 proto dhcp"), "{routes}");
    assert!(routes.contains("default via 10.0.0.2 dev eth0 proto dhcp src 10.1.0.0 metric 101"), "{routes}");
    assert!(routes.contains("203.0.113.0/24 via 198.51.100.9 dev other metric 100"), "{routes}");
    assert!(
        client.said("another route to 203.0.113.0/24 has the metric 100, and stays"),
        "{:?}",
        client.steps()
    );
    assert!(client.ip(&["link", "show", "eth0"]).contains("mtu 1400"));
    assert!(client.resolv().ends_with("search lab.internal\nnameserver 10.0.0.2\n"), "{}", client.resolv());
    let other = Client::command(&lan, &host, &[]).output().expect("it runs");
    let other = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(other.contains("another client works for eth0: process "), "{other}");

    // What is set stays, and the next start asks for it.
    client.end();
    assert_eq!(client.addresses(), ["10.1.0.0/8"]);
    ip(&["-n", &host, "address", "add", "10.77.0.1/16", "dev", "eth0"]);
    let mut client = Client::start(&lan, &host, &["--release"]);
    assert!(eventually(|| client.said("uses 10.1.0.0")), "{:?}", client.steps());
    assert_eq!(client.steps()[0], "asks for 10.1.0.0, which it had");

    // The link goes and comes back.
    lan.ip("link set p-host down");
    assert!(eventually(|| client.said("the link is gone")), "{:?}", client.steps());
    lan.ip("link set p-host up");
    assert!(eventually(|| client.said("the link is there")), "{:?}", client.steps());
    let asked =
        || client.steps().iter().filter(|step| *step == "asks for 10.1.0.0, which it had").count() == 2;
    assert!(
        eventually(|| asked() && client.steps().last().is_some_and(|last| last == "uses 10.1.0.0")),
        "{:?}",
        client.steps()
    );

    // The interface is made anew, with another MAC: that is another client for the server.
    lan.ip("link delete p-host");
    ip(&[
        "-n",
        lan.name(),
        "link",
        "add",
        "name",
        "p-host",
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "netns",
        &host,
    ]);
    lan.ip("link set p-host master lan up");
    ip(&["-n", &host, "address", "add", "10.77.0.1/16", "dev", "eth0"]);
    assert!(eventually(|| client.said("the interface was made anew")), "{:?}", client.steps());
    let has = || client.addresses().iter().any(|address| address.starts_with("10.1.0."));
    assert!(within(30, has), "{:?}", client.steps());

    client.end();
    assert_eq!(client.addresses(), ["10.77.0.1/16"], "what others set stays");
    assert!(!client.ip(&["route"]).contains("dhcp"));
    assert!(client.ip(&["link", "show", "eth0"]).contains("mtu 1500"));
    assert_eq!(client.resolv(), "");
    // That of the interface before is over when its time is.
    let given_back = || lan.leases().iter().all(|(address, _)| address == "10.1.0.0");
    assert!(eventually(given_back), "{:?}", lan.leases());
}

#[test]
fn an_address_that_somebody_has_is_declined() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    let [squatter, host] = ["squatter", "host"].map(|name| lan.host(name));
    ip(&["-n", &squatter, "address", "add", "10.1.0.0/8", "dev", "eth0"]);
    lan.serve(&[POOL[0], POOL[1], "--no-probe"]);
    let client = Client::start(&lan, &host, &[]);
    // It waits for ten seconds after that (RFC 2131 section 3.1.5).
    assert!(within(30, || client.said("uses 10.1.0.1")), "{:?}", client.steps());
    assert!(client.said("has the address that the server gave: it is told so"), "{:?}", client.steps());
    assert_eq!(lan.events("decline").len(), 1);
}

#[test]
fn without_a_server_hosts_reach_each_other_by_link_local_addresses_and_move_when_it_is_back() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    let hosts = ["one", "two"].map(|name| lan.host(name));
    let mut clients = hosts.each_ref().map(|host| Client::start(&lan, host, &["--release"]));
    let link_local = |client: &Client| {
        client
            .addresses()
            .into_iter()
            .find(|address| address.starts_with("169.254.") && address.ends_with("/16"))
    };
    assert!(
        within(60, || clients.iter().all(|client| link_local(client).is_some())),
        "{:?} {:?}",
        clients[0].steps(),
        clients[1].steps()
    );
    assert!(clients[0].said("no server answers: looks for a link-local address"));
    let second = link_local(&clients[1]).expect("it has one").replace("/16", "");
    let said = lan.exec(&hosts[0], &["ping", "-c", "1", "-W", "2", &second]);
    assert_eq!(said.code, 0, "{}", said.out);
    lan.serve(&[POOL[0], POOL[1], "--no-probe"]);
    // They look for a server again after a minute at the latest.
    let moved = |client: &Client| {
        client.addresses().iter().all(|it| it.starts_with("10.1.")) && client.said("uses 10.1.")
    };
    assert!(within(90, || clients.iter().all(moved)), "{:?} {:?}", clients[0].steps(), clients[1].steps());
    for client in &mut clients {
        client.end();
        assert_eq!(client.addresses(), [""; 0], "{:?}", client.steps());
    }
}

#[test]
fn it_works_with_dnsmasq_and_ends_when_it_has_an_address_if_it_is_told_so() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    let host = lan.host("host");
    let lease = format!("--dhcp-leasefile={}", lan.path().join("dnsmasq.leases").display());
    let pid = format!("--pid-file={}", lan.path().join("dnsmasq.pid").display());
    let dnsmasq = Command::new("ip")
        .args([
            "netns",
            "exec",
            lan.name(),
            "dnsmasq",
            "-k",
            "-p",
            "0",
            "-C",
            "/dev/null",
            "-u",
            "root",
            "-i",
            "lan",
        ])
        .args(["-F", "10.1.0.5,10.1.0.9,255.0.0.0,10m", &pid, &lease])
        .stderr(Stdio::null())
        .spawn();
    let _dnsmasq = Background(dnsmasq.expect("dnsmasq, of the package dnsmasq-base"));
    let output = Client::command(&lan, &host, &["--once", "--dns", "none"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("uses 10.1.0."), "{said}");
    let output = Client::command(&lan, "no", &["--once"]).output().expect("it runs");
    assert!(!output.status.success());
    let alone = lan_alone(&mut lan);
    let nobody = Client::command(&lan, &alone, &["--once", "--timeout", "1s", "--dns", "none"]).output();
    let nobody = nobody.expect("it runs");
    let said = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(
        nobody.status.code() == Some(1) && said.contains("no server has given eth0 an address in time"),
        "{said}"
    );
}

/// A host whose port is not in the bridge.
fn lan_alone(lan: &mut Lan) -> String {
    let host = lan.host("alone");
    lan.ip("link set p-alone nomaster");
    host
}
