//! Up, again, changed, down: what is there in between and what is left.

use crate::cloud::{Cloud, can_run, eventually};

/// Two instances of one VPC, on two subnets.
pub(crate) const PAIR: &str = "
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: lab }
spec: { cidrs: [10.0.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: one }
spec: { vpc: lab, cidr: 10.0.1.0/24 }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: two }
spec: { vpc: lab, cidr: 10.0.2.0/24 }
---
apiVersion: madang.dev/v1alpha1
kind: SecurityGroup
metadata: { name: open }
spec:
  vpc: lab
  ingress:
    - { protocol: udp, from: [10.0.0.0/16] }
    - { protocol: tcp, ports: [7000], from: [10.0.0.0/16] }
    - { protocol: icmp, from: [open] }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: a }
spec: { subnet: one, address: 10.0.1.10, securityGroups: [open], process: { command: [sleep, infinity] } }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: b }
spec: { subnet: two, address: 10.0.2.10, securityGroups: [open], process: { command: [sleep, infinity] } }
";

#[test]
fn up_makes_it_and_down_leaves_nothing() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(PAIR);
    let ping = cloud.exec("a", &["ping", "-c", "1", "-W", "2", "10.0.2.10"]);
    assert_eq!(ping.code, 0, "{ping:?}\n{}", cloud.evidence());
    let hops = cloud.exec("a", &["ping", "-c", "1", "-W", "2", "-t", "1", "10.0.2.10"]);
    assert_ne!(hops.code, 0, "TTL falls between subnets: {hops:?}");

    let down = cloud.madang(&["down", "-f", &cloud.file("cloud.yaml", PAIR)]);
    assert_eq!(down.code, 0, "{down:?}");
    assert!(eventually(|| cloud.leftovers().is_empty()), "left: {:#?}", cloud.leftovers());
    let again = cloud.madang(&["down", "--all"]);
    assert_eq!(again.code, 0, "down of nothing says so and succeeds: {again:?}");
}

#[test]
fn the_same_file_again_does_nothing() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(PAIR);
    let before = cloud.json(&["get", "all"]);
    let file = cloud.file("cloud.yaml", PAIR);
    let plan = cloud.ok(&["plan", "-f", &file]);
    assert!(plan.to_lowercase().contains("nothing"), "{plan}");
    cloud.ok(&["apply", "-f", &file]);
    cloud.ok(&["up", "-f", &file]);
    assert_eq!(before, cloud.json(&["get", "all"]), "no resourceVersion, no generation, no status has moved");
}

#[test]
fn a_changed_rule_opens_and_cuts_at_once() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(PAIR);
    let listener =
        cloud.inside("b", || std::net::TcpListener::bind("10.0.2.10:7000")).expect("b has its address");
    assert!(cloud.connects("a", "10.0.2.10:7000"), "{}", cloud.evidence());

    let closed = PAIR.replace("ports: [7000]", "ports: [7001]");
    let file = cloud.file("cloud.yaml", &closed);
    let plan = cloud.ok(&["plan", "-f", &file]);
    assert!(plan.contains("7000") && plan.contains("7001"), "{plan}");
    cloud.ok(&["apply", "-f", &file]);
    assert!(eventually(|| !cloud.connects("a", "10.0.2.10:7000")), "the rule is gone");

    cloud.ok(&["apply", "-f", &cloud.file("cloud.yaml", PAIR)]);
    assert!(eventually(|| cloud.connects("a", "10.0.2.10:7000")), "the rule is back");
    drop(listener);
}

#[test]
fn a_revoked_rule_cuts_a_connection_that_is_open() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(PAIR);
    let (from, to) = (cloud.udp("a", "10.0.1.10:9000"), cloud.udp("b", "10.0.2.10:9000"));
    to.set_read_timeout(Some(std::time::Duration::from_millis(100))).expect("a socket option");
    let arrives = || {
        from.send_to(b"x", "10.0.2.10:9000").expect("the interface is up");
        to.recv(&mut [0; 8]).is_ok()
    };
    assert!(eventually(arrives));
    let unrelated = PAIR.replace("ports: [7000]", "ports: [7000, 7001]");
    cloud.ok(&["apply", "-f", &cloud.file("cloud.yaml", &unrelated)]);
    assert!(arrives(), "a change of something else cuts nothing");
    let revoked = PAIR.replace("protocol: udp, from: [10.0.0.0/16]", "protocol: udp, from: [10.0.9.0/24]");
    cloud.ok(&["apply", "-f", &cloud.file("cloud.yaml", &revoked)]);
    assert!(eventually(|| !arrives()), "the open flow is cut");
}

#[test]
fn an_instance_comes_and_goes() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(PAIR);
    cloud.ok(&["delete", "instance", "b"]);
    assert!(eventually(|| cloud.madang(&["get", "instance", "b"]).code != 0));
    let ping = cloud.exec("a", &["ping", "-c", "1", "-W", "1", "10.0.2.10"]);
    assert_ne!(ping.code, 0);
    cloud.up(PAIR);
    let ping = cloud.exec("a", &["ping", "-c", "1", "-W", "2", "10.0.2.10"]);
    assert_eq!(ping.code, 0, "{}", cloud.evidence());
}

#[test]
fn logs_and_exit_codes_come_through() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    let talking = PAIR.replace(
        "command: [sleep, infinity]",
        "command: [sh, -c, 'echo hello from $HOSTNAME; exec sleep infinity']",
    );
    cloud.up(&talking);
    assert!(eventually(|| cloud.ok(&["logs", "a"]).contains("hello from a")), "{}", cloud.evidence());
    assert_eq!(cloud.exec("a", &["sh", "-c", "exit 7"]).code, 7);
    let seen = cloud.exec("a", &["sh", "-c", "hostname; id -u; cat /etc/shadow; touch /x"]);
    assert!(seen.out.starts_with("a\n65534\n"), "{seen:?}");
    assert_eq!(
        seen.err.matches("ermission denied").count()
            + seen.err.matches("ead-only").count()
            + seen.err.matches("o such file").count(),
        2,
        "{seen:?}"
    );
}

#[test]
fn status_tells_what_is() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(PAIR);
    let a = cloud.json(&["get", "instance", "a"]);
    assert_eq!(a["status"]["address"], "10.0.1.10");
    assert_eq!(a["status"]["conditions"][0]["type"], "Ready");
    assert_eq!(a["status"]["conditions"][0]["status"], "True");
    assert_eq!(a["status"]["observedGeneration"], a["metadata"]["generation"]);
    let describe = cloud.ok(&["describe", "instance", "a"]);
    assert!(describe.contains("10.0.1.10") && describe.contains("cloud.yaml"), "{describe}");
    assert!(cloud.ok(&["get", "nodes"]).lines().count() >= 2, "the host is a Node");
}

#[test]
fn a_process_that_dies_is_started_again() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    let short = PAIR.replacen("command: [sleep, infinity]", "command: [sleep, '0.2']", 1);
    let file = cloud.file("cloud.yaml", &short);
    cloud.madang(&["up", "--detach", "-f", &file]);
    let restarts =
        || cloud.json(&["get", "instance", "a"])["status"]["process"]["restarts"].as_u64().unwrap_or(0);
    assert!(eventually(|| restarts() >= 2), "{}", cloud.evidence());
}

#[test]
fn the_quick_start_works_as_written() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/quick-start.yaml");
    cloud.ok(&["up", "-f", path]);
    let page = || cloud.exec("web-1", &["curl", "-s", "-m", "2", "10.0.1.4:8080"]);
    assert!(eventually(|| page().out.contains("Directory listing")), "{:?}\n{}", page(), cloud.evidence());
}

/// How often something comes and goes, if nobody says otherwise with `MADANG_ROUNDS`.
const ROUNDS: usize = 12;

/// What the daemon holds: descriptors, threads, and memory in MB.
fn held(pid: u32) -> [usize; 3] {
    let count = |what: &str| std::fs::read_dir(format!("/proc/{pid}/{what}")).expect("it lives").count();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    let memory: usize = memory.trim().trim_end_matches(" kB").parse().expect("a number");
    [count("fd"), count("task"), memory / 1024]
}

#[test]
fn whatever_comes_and_goes_leaves_nothing() {
    if !can_run() {
        return;
    }
    let rounds = std::env::var("MADANG_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.up(PAIR);
    let another =
        PAIR.split("---\n").last().expect("b").replace("name: b", "name: c").replace("2.10", "2.11");
    let file = cloud.file("another.yaml", &another);
    let round = || {
        cloud.up(&another);
        cloud.ok(&["delete", "-f", &file]);
        let is_gone = || cloud.ports() == 2 && cloud.madang(&["get", "instance", "c"]).code != 0;
        assert!(eventually(is_gone), "{}", cloud.evidence());
    };
    // The first rounds fill what stays.
    (0..4).for_each(|_| round());
    let before = held(cloud.daemon_pid());
    (0..rounds).for_each(|_| round());
    // What is under way at this moment has some too, and gives them back.
    let mut after = held(cloud.daemon_pid());
    let given_back = || {
        after = held(cloud.daemon_pid());
        after[0] <= before[0] + 4 && after[1] <= before[1] + 4
    };
    assert!(eventually(given_back), "{before:?} {after:?}");
    assert!(after[2] < before[2] + 40, "{rounds} rounds: {before:?} {after:?}");
    cloud.ok(&["down", "--all"]);
    let count = |what: &str| std::fs::read_dir(cloud.root().join(what)).map_or(0, Iterator::count);
    let nothing_left = || cloud.ports() == 0 && count("run/netns") == 0 && count("run/instances") == 0;
    assert!(eventually(nothing_left), "{}", cloud.evidence());
}
