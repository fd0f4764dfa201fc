//! The daemon dies at random moments: no acknowledged write, no instance and no packet is lost.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::cloud::{Cloud, can_run, eventually};
use crate::lifecycle::PAIR;

/// How often the daemon dies.
const DEATHS: u32 = 100;

/// Numbered datagrams, a thousand a second, until told to stop.
pub(crate) fn send(from: &UdpSocket, sent: &AtomicU64, stop: &AtomicBool) {
    let start = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let number = sent.load(Ordering::Relaxed);
        from.send_to(&number.to_be_bytes(), "10.0.2.10:9000").expect("the interface is up");
        sent.store(number + 1, Ordering::Relaxed);
        let due = start + Duration::from_millis(number + 1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// Every number that arrives, in order or not.
pub(crate) fn receive(to: &UdpSocket, stop: &AtomicBool) -> Vec<u64> {
    to.set_read_timeout(Some(Duration::from_millis(300))).expect("a socket option");
    let mut numbers = Vec::new();
    let mut buffer = [0; 8];
    loop {
        match to.recv(&mut buffer) {
            Ok(8) => numbers.push(u64::from_be_bytes(buffer)),
            Ok(_) => {}
            Err(_) if stop.load(Ordering::Relaxed) => return numbers,
            Err(_) => {}
        }
    }
}

#[test]
fn a_hundred_deaths_of_the_daemon_lose_nothing() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.up(PAIR);
    let pids = |cloud: &Cloud| {
        ["a", "b"].map(|i| {
            cloud.json(&["get", "instance", i])["status"]["process"]["pid"].as_u64().expect("it runs")
        })
    };
    let before = pids(&cloud);
    let (from, to) = (cloud.udp("a", "10.0.1.10:9000"), cloud.udp("b", "10.0.2.10:9000"));
    rustix::net::sockopt::set_socket_recv_buffer_size(&to, 4 << 20).expect("a socket option");
    let (sent, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut random = std::process::id();
    let arrived = std::thread::scope(|scope| {
        let sender = scope.spawn(|| send(&from, &sent, &stop));
        let receiver = scope.spawn(|| receive(&to, &stop));
        for death in 0..DEATHS {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let written =
                die_while_writing(&mut cloud, death, Duration::from_micros(u64::from(random >> 12) % 60_000));
            cloud.serve();
            for name in written {
                assert_eq!(
                    cloud.madang(&["get", "vpc", &name]).code,
                    0,
                    "{name} was acknowledged before death {death}"
                );
            }
        }
        stop.store(true, Ordering::Relaxed);
        sender.join().expect("the sender does not panic");
        receiver.join().expect("the receiver does not panic")
    });
    let sent = sent.load(Ordering::Relaxed);
    assert_eq!(arrived.len() as u64, sent, "of {sent} packets {} arrived", arrived.len());
    assert!(arrived.iter().copied().eq(0..sent), "each once, in order");
    assert_eq!(before, pids(&cloud), "the instances are the same processes");
    assert!(eventually(|| cloud.exec("a", &["true"]).code == 0), "{}", cloud.evidence());
    println!("{DEATHS} deaths, {sent} packets, none lost");
}

/// Kills the daemon this long after writes began; gives the names whose write was acknowledged.
fn die_while_writing(cloud: &mut Cloud, death: u32, after: Duration) -> Vec<String> {
    let text = |name: &str| {
        format!(
            "apiVersion: madang.dev/v1alpha1\nkind: Vpc\nmetadata: {{ name: {name} }}\nspec: {{ cidrs: [10.0.0.0/16] }}\n"
        )
    };
    let end = Instant::now() + after;
    let name = format!("v{death}");
    let file = cloud.file("write.yaml", &text(&name));
    let mut writer = cloud.command(&["apply", "-f", &file]);
    let mut child = writer
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    std::thread::sleep(end.saturating_duration_since(Instant::now()));
    cloud.kill_daemon();
    let acknowledged = child.wait().expect("a child can be waited for").success();
    if acknowledged { vec![name] } else { Vec::new() }
}
