//! The daemon dies, is stopped and is replaced by one with another layout of its maps, while much goes on: nothing is lost.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::chaos::{receive, send};
use crate::cloud::{Background, Cloud, can_run, eventually};
use crate::lifecycle::PAIR;

/// How many connections are open all the time.
const OPEN: usize = 1000;
/// How long the stream lasts at most; it is ended when all has happened.
const LONGEST: Duration = Duration::from_secs(120);

/// Connections that are used now and then: each end says something to the other, and hears it.
struct Connections(Vec<(TcpStream, TcpStream)>);

impl Connections {
    fn open(cloud: &Cloud) -> Self {
        let listener = cloud.inside("b", || TcpListener::bind("10.0.2.10:7000")).expect("a listener");
        let mut all = vec![cloud.connection("a", &listener)];
        let to = listener.local_addr().expect("it has an address");
        let more = || (1..OPEN).map(|_| TcpStream::connect(to).expect("it connects")).collect::<Vec<_>>();
        let accept = || (1..OPEN).map(|_| listener.accept().expect("its other end").0).collect::<Vec<_>>();
        let (ours, theirs) = std::thread::scope(|scope| {
            let theirs = scope.spawn(accept);
            (cloud.inside("a", more), theirs.join().expect("it does not panic"))
        });
        let mut theirs: Vec<_> = theirs.into_iter().map(Some).collect();
        for ours in ours {
            let port = ours.local_addr().expect("it has a port");
            let of = |their: &Option<TcpStream>| {
                their.as_ref().and_then(|their| their.peer_addr().ok()).is_some_and(|peer| peer == port)
            };
            let their = theirs.iter_mut().find(|their| of(their)).and_then(Option::take);
            all.push((ours, their.expect("its other end")));
        }
        for (ours, theirs) in &all {
            for end in [ours, theirs] {
                end.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
            }
        }
        Self(all)
    }

    fn all_speak(&self, after: &str) {
        for (n, (ours, theirs)) in self.0.iter().enumerate() {
            for (mut from, mut to) in [(ours, theirs), (theirs, ours)] {
                let said = u16::try_from(n).expect("not so many").to_be_bytes();
                from.write_all(&said).expect("it is sent");
                let mut heard = [0; 2];
                to.read_exact(&mut heard)
                    .unwrap_or_else(|error| panic!("connection {n}, after {after}: {error}"));
                assert_eq!(said, heard, "connection {n}, after {after}");
            }
        }
    }
}

/// What happens to the daemon.
type Happening = fn(&mut Cloud);

const HAPPENINGS: [(&str, Happening); 4] = [
    ("a kill and a restart", killed),
    ("an orderly stop and a start", stopped),
    ("a new layout", upgraded),
    ("a kill", killed),
];

fn killed(cloud: &mut Cloud) {
    cloud.kill_daemon();
    cloud.serve();
}

fn stopped(cloud: &mut Cloud) {
    cloud.end_daemon();
    cloud.serve();
}

fn upgraded(cloud: &mut Cloud) {
    cloud.kill_daemon();
    let (own, earlier) = cloud.make_pins_older();
    cloud.serve();
    let taken_over = || own.exists() && !earlier.exists();
    assert!(eventually(taken_over), "{}\n{}", cloud.serve_log(), cloud.evidence());
}

/// Moves as much as fits from one instance to the other.
struct Stream {
    server: Background,
    client: Option<Background>,
}

impl Stream {
    fn start(cloud: &Cloud) -> Self {
        let spawn = |instance: &str, arguments: &[&str], out: Stdio| {
            let mut command = Command::new("iperf3");
            command.args(arguments).stdin(Stdio::null()).stdout(out).stderr(Stdio::null());
            Background(cloud.inside(instance, move || command.spawn()).expect("iperf3 starts"))
        };
        let server = spawn("b", &["--server", "--one-off", "--port", "7001"], Stdio::null());
        assert!(
            eventually(|| cloud.inside("b", || TcpListener::bind("10.0.2.10:7001").is_err())),
            "it listens"
        );
        let seconds = LONGEST.as_secs().to_string();
        let client =
            ["--client", "10.0.2.10", "--port", "7001", "--time", &seconds, "--json", "--interval", "1"];
        Self { server, client: Some(spawn("a", &client, Stdio::piped())) }
    }

    /// Ends it; what each second moved, in bytes.
    fn end(mut self) -> Vec<f64> {
        let mut client = self.client.take().expect("it runs");
        let pid = rustix::process::Pid::from_child(&client.0);
        // On this it tells what it has done.
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
        let mut text = String::new();
        client.0.stdout.take().expect("it is piped").read_to_string(&mut text).expect("it is text");
        drop(self.server);
        let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let intervals = report["intervals"].as_array().expect("it has intervals");
        intervals.iter().filter_map(|interval| interval["sum"]["bytes"].as_f64()).collect()
    }
}

#[test]
fn a_daemon_that_dies_stops_or_is_upgraded_loses_nothing() {
    if !can_run() {
        return;
    }
    let files = rustix::process::Resource::Nofile;
    let mut limit = rustix::process::getrlimit(files);
    limit.current = limit.maximum;
    rustix::process::setrlimit(files, limit).expect("a limit below the hard one");
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.up(&PAIR.replace("ports: [7000]", "ports: [7000, 7001]"));
    let connections = Connections::open(&cloud);
    let (from, to) = (cloud.udp("a", "10.0.1.10:9000"), cloud.udp("b", "10.0.2.10:9000"));
    rustix::net::sockopt::set_socket_recv_buffer_size(&to, 4 << 20).expect("a socket option");
    let stream = Stream::start(&cloud);
    let (sent, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let begun = Instant::now();
    let arrived = std::thread::scope(|scope| {
        let sender = scope.spawn(|| send(&from, &sent, &stop));
        let receiver = scope.spawn(|| receive(&to, &stop));
        for (what, happen) in HAPPENINGS {
            happen(&mut cloud);
            connections.all_speak(what);
        }
        stop.store(true, Ordering::Relaxed);
        sender.join().expect("the sender does not panic");
        receiver.join().expect("the receiver does not panic")
    });
    let moved = stream.end();
    let sent = sent.load(Ordering::Relaxed);
    assert!(arrived.iter().copied().eq(0..sent), "of {sent} datagrams {} arrived", arrived.len());
    assert!(begun.elapsed() < LONGEST, "the stream lasted as long as all this");
    // The last second may have been cut short.
    let whole = &moved[..moved.len().saturating_sub(1)];
    assert!(
        !whole.is_empty() && whole.iter().all(|bytes| *bytes > 0.0),
        "the stream never stood still: {moved:?}"
    );
    println!(
        "{} happenings, {sent} datagrams, {OPEN} connections, {:.1} GB of one stream in {} s: nothing lost",
        HAPPENINGS.len(),
        moved.iter().sum::<f64>() / 1e9,
        moved.len()
    );
}
