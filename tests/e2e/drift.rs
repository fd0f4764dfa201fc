//! Whatever somebody else changes of what Madang made on the host is put right within two seconds.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use madang_kernel::datapath::{Datapath, Options};
use rustix::process::{Pid, Signal, kill_process};

use crate::cloud::{Cloud, can_run, eventually, ip};
use crate::lifecycle::PAIR;

/// How long it may take.
const BAR: Duration = Duration::from_secs(2);
/// How often a kind of change is tried: the machine may be doing something else the first times.
const TRIES: usize = 3;

const OUTSIDE: &str = "---
apiVersion: madang.dev/v1alpha1
kind: AddressPool
metadata: { name: pool }
spec: { interface: UPLINK, nextHop: 203.0.113.1, addresses: [203.0.113.16/29] }
";

/// What a change is made to, and how it is seen that all is as before.
struct Host<'a> {
    cloud: &'a Cloud,
    layout: madang_kernel::Layout,
    sockets: (UdpSocket, UdpSocket),
}

impl Host<'_> {
    fn port(&self, instance: &str) -> String {
        let object = self.cloud.json(&["get", "instance", instance]);
        object["status"]["interface"].as_str().expect("it has one").to_owned()
    }

    fn table(&self) -> String {
        madang_kernel::Guard::new(&self.layout).table().to_owned()
    }

    /// Pins of the datapath's links, or of its filters on an older kernel, whose names end so.
    fn pin(&self, end: &str) -> PathBuf {
        let versions = fs::read_dir(self.layout.pin_dir()).expect("there are pins").flatten();
        let kinds = versions.flat_map(|version| ["links", "filters"].map(|kind| version.path().join(kind)));
        let pins = kinds.filter_map(|kind| fs::read_dir(kind).ok()).flatten().flatten();
        let mut paths = pins.map(|pin| pin.path()).filter(|path| path.to_string_lossy().ends_with(end));
        paths.next().expect("there is such a pin")
    }

    /// A process of ours whose command line has this.
    fn process(&self, words: &str) -> Option<Pid> {
        let root = self.cloud.root().to_string_lossy().into_owned();
        let of_us = |entry: &fs::DirEntry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(&root) && line.contains(words)
        };
        let found = fs::read_dir("/proc").expect("/proc is there").flatten().find(of_us)?;
        Pid::from_raw(found.file_name().to_string_lossy().parse().ok()?)
    }

    fn arrives(&self) -> bool {
        let (from, to) = &self.sockets;
        // While the interface is down it cannot be sent.
        from.send_to(b"x", "10.0.2.10:9000").is_ok() && to.recv(&mut [0; 8]).is_ok()
    }

    fn answers_names(&self) -> bool {
        let asked =
            self.cloud.exec("a", &["dig", "+short", "+tries=1", "+time=1", "@10.0.1.2", "b.lab.internal"]);
        asked.out.trim() == "10.0.2.10"
    }
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).stderr(Stdio::null()).status();
    assert!(status.expect("it starts").success(), "{program} {arguments:?}");
}

fn link(name: &str, what: &str) -> String {
    fs::read_to_string(Path::new("/sys/class/net").join(name).join(what))
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn is_up(name: &str) -> bool {
    let flags = link(name, "flags");
    u32::from_str_radix(flags.trim_start_matches("0x"), 16).is_ok_and(|flags| flags & 1 == 1)
}

#[expect(clippy::print_stdout, reason = "figures for whoever runs it")]
fn drifts(what: &str, spoil: impl Fn(), is_right: impl Fn() -> bool) {
    let mut times = Vec::new();
    for _ in 0..TRIES {
        assert!(eventually(&is_right), "{what}: it is not right before");
        // Until nothing is under way any more: then the daemon looks seldom.
        std::thread::sleep(BAR);
        spoil();
        let begun = Instant::now();
        assert!(eventually(&is_right), "{what}: it is not put right");
        times.push(begun.elapsed());
        if begun.elapsed() < BAR {
            println!("{what}: put right after {:.1} s", begun.elapsed().as_secs_f64());
            return;
        }
    }
    panic!("{what}: put right after {times:?}");
}

#[test]
fn whatever_drifts_is_put_right_within_two_seconds() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::with_outside();
    cloud.serve();
    cloud.up(&format!("{PAIR}{OUTSIDE}"));
    let (from, to) = (cloud.udp("a", "10.0.1.10:9000"), cloud.udp("b", "10.0.2.10:9000"));
    to.set_read_timeout(Some(Duration::from_millis(20))).expect("a socket option");
    let layout = madang_kernel::Layout::new(Some(cloud.root()));
    let host = Host { cloud: &cloud, layout, sockets: (from, to) };
    let port = host.port("b");
    let mac = link(&port, "address");

    drifts(
        "an interface set down",
        || ip(&["link", "set", &port, "down"]),
        || is_up(&port) && host.arrives(),
    );
    let another = || ip(&["link", "set", &port, "address", "02:00:00:00:00:99"]);
    drifts("another Ethernet address", another, || link(&port, "address") == mac && host.arrives());
    drifts("another alias", || ip(&["link", "set", &port, "alias", "x"]), || link(&port, "ifalias") == "b");
    for end in ["-port", "-uplink"] {
        let pin = host.pin(end);
        let gone = || fs::remove_file(&pin).expect("a pin can be removed");
        drifts(&format!("a program taken off ({end})"), gone, || pin.exists() && host.arrives());
    }
    let empty = || {
        let mut datapath = Datapath::open(&host.layout, &Options::default()).expect("it is there");
        datapath.apply(&Default::default()).expect("tables can be written");
        assert!(!host.arrives(), "with empty tables nothing passes");
    };
    drifts("the datapath's tables emptied", empty, || host.arrives());

    let table = host.table();
    let listed = || Command::new("nft").args(["list", "table", "inet", &table]).output().expect("nft starts");
    let whole = String::from_utf8_lossy(&listed().stdout).lines().count();
    let is_whole = || {
        let text = String::from_utf8_lossy(&listed().stdout).into_owned();
        text.lines().count() == whole && text.contains(&port)
    };
    for words in [&["delete", "table"][..], &["flush", "table"], &["flush", "set"]] {
        let set = if words.contains(&"set") { &["ports"][..] } else { &[] };
        let arguments = [words, &["inet", &table], set].concat();
        drifts(&format!("nft {}", arguments.join(" ")), || run("nft", &arguments), is_whole);
    }

    let worker = || host.process("worker dns");
    let killed = std::cell::Cell::new(None);
    let kill = || {
        killed.set(worker());
        kill_process(killed.get().expect("it runs"), Signal::KILL).expect("it can be killed");
    };
    let another = || worker() != killed.get() && host.answers_names();
    drifts("the name service killed", kill, another);

    // These end what runs in the instance, which is started again.
    let deleted = || {
        ip(&["link", "delete", &host.port("b")]);
        assert!(!host.arrives(), "without an interface nothing passes");
    };
    let pings = || cloud.exec("a", &["ping", "-c", "1", "-W", "1", "10.0.2.10"]).code == 0;
    drifts("an interface deleted", deleted, pings);
    let netns = cloud.netns("b");
    let unbound = || {
        run("umount", &["--lazy", &netns.to_string_lossy()]);
        fs::remove_file(&netns).expect("it is a file again");
    };
    drifts("a network namespace unbound", unbound, || netns.exists() && pings());
    let events = cloud.ok(&["events"]);
    assert!(events.contains("somebody else had changed this"), "it is told: {events}");
}
