//! What breaks is mended, and nothing else is touched by it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::cloud::{Cloud, can_run, eventually};
use crate::lifecycle::PAIR;

fn pings(cloud: &Cloud) -> bool {
    cloud.exec("a", &["ping", "-c", "1", "-W", "1", "10.0.2.10"]).code == 0
}

#[test]
fn a_killed_shim_is_started_again() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(PAIR);
    let uid =
        cloud.netns("b").file_name().map(|name| name.to_string_lossy().into_owned()).expect("it has a name");
    let file = std::fs::read_to_string(cloud.root().join("run/instances").join(uid).join("shim.pid"));
    let shim: serde_json::Value =
        serde_json::from_str(&file.expect("the shim has said who it is")).expect("JSON");
    let pid = shim["shim"]["pid"].as_i64().or(shim["pid"].as_i64()).expect("a pid");
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("pids are small")).expect("not 0");
    let process = || cloud.json(&["get", "instance", "b"])["status"]["process"]["pid"].as_u64();
    let before = process();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lived");
    let another = || process().is_some_and(|now| Some(now) != before);
    assert!(eventually(|| another() && pings(&cloud)), "{}", cloud.evidence());
    assert_eq!(cloud.exec("b", &["true"]).code, 0);
}

#[test]
fn a_half_made_port_is_made_anew() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.up(PAIR);
    let port =
        cloud.json(&["get", "instance", "b"])["status"]["interface"].as_str().expect("it has one").to_owned();
    cloud.kill_daemon();
    // As a crash in the middle would have left it: no alias yet, and nothing in the instance's end.
    let netns = cloud.netns_file("b");
    let nsenter = format!("--net={}", netns.display());
    for command in [
        &["ip", "link", "set", "dev", &port, "alias", ""][..],
        &["nsenter", &nsenter, "ip", "address", "flush", "dev", "eth0"],
        &["nsenter", &nsenter, "ip", "link", "set", "eth0", "down"],
    ] {
        assert!(
            Command::new(command[0]).args(&command[1..]).status().expect("it starts").success(),
            "{command:?}"
        );
    }
    cloud.serve();
    assert!(eventually(|| pings(&cloud)), "{}", cloud.evidence());
}

#[test]
fn what_has_ended_is_not_run_again_by_what_others_do() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    let once = PAIR.replacen(
        "process: { command: [sleep, infinity] }",
        "process: { restartPolicy: Never, command: [sh, -c, 'date +%N'] }",
        1,
    );
    cloud.madang(&["up", "--detach", "-f", &cloud.file("cloud.yaml", &once)]);
    let ended = || cloud.json(&["get", "instance", "a"])["status"]["conditions"][0]["reason"] == "Completed";
    assert!(eventually(ended), "{}", cloud.evidence());
    let said = cloud.ok(&["logs", "a"]);
    let third =
        PAIR.split("---").last().map(|b| b.replace("name: b", "name: c").replace("10.0.2.10", "10.0.2.11"));
    cloud.ok(&["apply", "-f", &cloud.file("third.yaml", &third.expect("there is a last document"))]);
    assert!(
        eventually(|| cloud.exec("b", &["grep", "-q", "10.0.2.11", "/etc/hosts"]).code == 0),
        "b knows c"
    );
    cloud.kill_daemon();
    cloud.serve();
    assert!(eventually(|| cloud.exec("b", &["true"]).code == 0));
    assert_eq!(said, cloud.ok(&["logs", "a"]), "it ran once, and its log is there");
}

#[test]
fn what_has_ended_for_good_stays_ended_when_the_host_starts_anew() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    let once = PAIR.replacen(
        "process: { command: [sleep, infinity] }",
        "process: { restartPolicy: Never, command: [sh, -c, 'exit 3'] }",
        1,
    );
    cloud.madang(&["up", "--detach", "-f", &cloud.file("cloud.yaml", &once)]);
    let state = |cloud: &Cloud| cloud.json(&["get", "instance", "a"])["status"].clone();
    let exited = |cloud: &Cloud| state(cloud)["conditions"][0]["reason"] == "Exited";
    assert!(eventually(|| exited(&cloud)), "{}", cloud.evidence());
    let before = state(&cloud);
    assert_eq!(before["process"]["lastExitCode"], 3, "{before}");
    cloud.kill_daemon();
    // What is forgotten then: the namespace, the port, and what is known of the process.
    let netns = cloud.netns_file("a");
    let known = cloud.root().join("run/instances").join(netns.file_name().expect("it has a name"));
    std::fs::remove_dir_all(&known).expect("it was known");
    let port = before["interface"].as_str().expect("it has one");
    assert!(Command::new("ip").args(["link", "delete", port]).status().expect("ip starts").success());
    assert!(Command::new("umount").args(["-l"]).arg(&netns).status().expect("umount starts").success());
    std::fs::remove_file(&netns).expect("it is a file");
    cloud.serve();
    let again = || exited(&cloud) && netns.exists() && cloud.exec("b", &["true"]).code == 0;
    assert!(eventually(again), "{}\n{}", state(&cloud), cloud.evidence());
    assert_eq!(state(&cloud)["process"], before["process"], "it did not run again");
    assert_eq!(state(&cloud)["address"], before["address"]);
    assert!(!known.exists());
    cloud.ok(&["delete", "instance", "a"]);
    let gone = || cloud.madang(&["get", "instance", "a"]).code != 0 && !netns.exists();
    assert!(eventually(gone), "{}", cloud.evidence());
}

#[test]
fn a_process_that_is_slow_to_end_holds_up_nothing() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    let stubborn = PAIR.replacen(
        "command: [sleep, infinity]",
        "command: [sh, -c, 'trap \"\" TERM; while true; do sleep 1; done']",
        1,
    );
    cloud.up(&stubborn);
    let (from, to) = (cloud.udp("a", "10.0.1.10:9000"), cloud.udp("b", "10.0.2.10:9000"));
    to.set_read_timeout(Some(Duration::from_millis(100))).expect("a socket option");
    let arrives = || {
        from.send_to(b"x", "10.0.2.10:9000").expect("the socket is there");
        to.recv(&mut [0; 8]).is_ok()
    };
    assert!(eventually(arrives));
    let begun = Instant::now();
    cloud.ok(&["delete", "instance", "a"]);
    assert!(eventually(|| !arrives()), "who is to go is cut off");
    assert!(begun.elapsed() < Duration::from_secs(3), "and at once: {:?}", begun.elapsed());
    assert_eq!(cloud.madang(&["get", "instance", "a"]).code, 0, "while its process is still ending");
}

#[test]
fn a_daemon_with_another_layout_of_the_maps_goes_on_with_all_connections() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.up(PAIR);
    let listener = cloud.inside("b", || TcpListener::bind("10.0.2.10:7000")).expect("a listener");
    let (mut ours, mut theirs) = cloud.connection("a", &listener);
    cloud.kill_daemon();

    let (own, earlier) = cloud.make_pins_older();
    cloud.serve();
    let taken_over = || own.exists() && !earlier.exists();
    assert!(eventually(taken_over), "{}\n{}", cloud.serve_log(), cloud.evidence());

    // A crash after the tables were written, and before the interfaces were taken over.
    cloud.kill_daemon();
    std::fs::create_dir_all(earlier.join("maps")).expect("a directory");
    for part in ["links", "filters", "maps/flows", "maps/drops"] {
        std::fs::rename(own.join(part), earlier.join(part)).expect("pins can be renamed");
    }
    cloud.serve();
    assert!(eventually(taken_over), "{}\n{}", cloud.serve_log(), cloud.evidence());
    ours.write_all(b"still open").expect("it is sent");
    let mut read = [0; 10];
    theirs.read_exact(&mut read).expect("what is open goes on");
    assert!(cloud.connects("a", "10.0.2.10:7000"), "{}", cloud.evidence());
    assert!(!cloud.connects("b", "10.0.1.10:7000"), "what was closed is closed");
}
