//! Nobody takes all connections, and what runs out is told.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};

use crate::cloud::{Cloud, can_run, eventually};
use crate::lifecycle::PAIR;

#[test]
fn an_instance_that_opens_too_much_harms_nobody_else() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    let another =
        PAIR.split("---\n").last().expect("b").replace("name: b", "name: c").replace("2.10", "2.11");
    cloud.up(&format!("{PAIR}---\n{another}"));
    let listener = cloud.inside("b", || TcpListener::bind("10.0.2.10:7000")).expect("a listener");
    let (mut ours, mut theirs) = cloud.connection("a", &listener);

    // Twice as many flows as it may have.
    cloud.inside("a", || {
        for _ in 0..2 {
            let socket = UdpSocket::bind("10.0.1.10:0").expect("a socket");
            for port in 1..=u16::MAX {
                let _ = socket.send_to(b"x", ("10.0.2.11", port));
            }
        }
    });
    let drops = || cloud.json(&["drops", "a"]).to_string();
    assert!(eventually(|| drops().contains("instanceQuota")), "{}\n{}", drops(), cloud.evidence());
    ours.write_all(b"still open").expect("it is sent");
    let mut read = [0; 10];
    theirs.read_exact(&mut read).expect("what is open goes on");
    assert!(!cloud.connects("a", "10.0.2.10:7000"), "it gets no more");
    assert!(cloud.connects("c", "10.0.2.10:7000"), "others do: {}", cloud.evidence());
    let events = || cloud.ok(&["events", "instance/a", "--types", "warning"]);
    assert!(eventually(|| events().contains("ConnectionQuota")), "{}", events());
}
