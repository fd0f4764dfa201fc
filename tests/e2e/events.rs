//! What happened, told as events.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cloud::{Background, Cloud, can_run, ip, within};
use crate::lifecycle::PAIR;

/// Type, reason and message of what happened to a resource, in order.
fn story(cloud: &Cloud, of: &str) -> Vec<(String, String, String)> {
    let list = cloud.json(&["events", of]);
    let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let events = list["items"].as_array().expect("a list").iter();
    events.map(|event| (text(event, "type"), text(event, "reason"), text(event, "message"))).collect()
}

fn tells(cloud: &Cloud, of: &str, reason: &str) -> bool {
    within(30, || story(cloud, of).iter().any(|(_, told, _)| told == reason))
}

#[test]
fn the_story_of_an_instance() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    let fails = PAIR.replacen("[sleep, infinity]", "[sh, -c, 'sleep 0.2; exit 3']", 1);
    cloud.ok(&["up", "--detach", "-f", &cloud.file("cloud.yaml", &fails)]);
    for reason in ["AddressAllocated", "Started", "BackOff", "Restarted"] {
        assert!(tells(&cloud, "instance/a", reason), "{reason}: {:#?}", story(&cloud, "instance/a"));
    }
    let told = story(&cloud, "instance/a");
    let of = |reason: &str| told.iter().find(|(_, told, _)| told == reason).expect("it was told");
    assert!(of("AddressAllocated").2.contains("10.0.1.10"), "{told:#?}");
    assert_eq!(of("Started").0, "Normal");
    assert!(of("Restarted").0 == "Warning" && of("Restarted").2.contains("exit status 3"), "{told:#?}");

    let described = cloud.ok(&["describe", "instance", "a"]);
    let events = described.split_once("Events\n").expect("a section").1;
    assert!(events.contains("LAST SEEN") && events.contains("BackOff"), "{described}");
    let warnings = cloud.ok(&["events", "instance/a", "--types", "warning"]);
    assert!(warnings.contains("BackOff") && !warnings.contains("AddressAllocated"), "{warnings}");
    assert!(tells(&cloud, &node(&cloud), "DaemonStarted"));
    let other = story(&cloud, "instance/b");
    assert!(other.iter().any(|(_, reason, _)| reason == "Running"), "{other:#?}");
    assert!(other.iter().all(|(_, reason, _)| reason != "BackOff"), "only its own: {other:#?}");
}

fn node(cloud: &Cloud) -> String {
    cloud.ok(&["get", "nodes", "-o", "name"]).trim().to_owned()
}

#[test]
fn what_is_mended_on_the_host_is_told() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(PAIR);
    let interface = cloud.json(&["get", "instance", "b"])["status"]["interface"].clone();
    let interface = interface.as_str().expect("it has a port");
    // What differs is told as somebody else's doing only once the host was as declared.
    let mended = || {
        ip(&["link", "set", interface, "down"]);
        within(5, || story(&cloud, "instance/b").iter().any(|(_, reason, _)| reason == "Mended"))
    };
    assert!(within(30, mended), "{:#?}\n{}", story(&cloud, "instance/b"), cloud.evidence());
    let told = story(&cloud, "instance/b");
    let (_, _, message) = told.iter().find(|(_, reason, _)| reason == "Mended").expect("it was told");
    assert!(message.contains("set the port of b up"), "{message}");
}

#[test]
fn an_uplink_that_goes_and_comes_is_told() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::with_outside();
    let pool = "
apiVersion: madang.dev/v1alpha1
kind: AddressPool
metadata: { name: internet }
spec: { interface: UPLINK, nextHop: 203.0.113.1, addresses: [203.0.113.10] }
";
    cloud.up(pool);
    ip(&["link", "set", &cloud.uplink(), "name", &format!("x{}", cloud.uplink())]);
    assert!(tells(&cloud, "addresspool/internet", "UplinkMissing"), "{}", cloud.evidence());
    ip(&["link", "set", &format!("x{}", cloud.uplink()), "name", &cloud.uplink()]);
    assert!(tells(&cloud, "addresspool/internet", "UplinkBack"), "{}", cloud.evidence());
}

#[test]
fn who_runs_out_of_memory_is_told() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    let greedy = PAIR.replacen(
        "process: { command: [sleep, infinity] } }",
        "resources: { memory: 16Mi }, process: { command: [sh, -c, 'sleep 1; exec tail /dev/zero'] } }",
        1,
    );
    cloud.ok(&["up", "--detach", "-f", &cloud.file("cloud.yaml", &greedy)]);
    assert!(tells(&cloud, "instance/a", "OOMKilled"), "{:#?}", story(&cloud, "instance/a"));
    let told = story(&cloud, "instance/a");
    let (_, _, message) = told.iter().find(|(_, reason, _)| reason == "OOMKilled").expect("it was told");
    assert!(message.contains("16Mi") && message.contains("spec.resources.memory"), "{message}");
}

#[test]
fn events_can_be_followed() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    for command in [vec!["events", "-w"], vec!["get", "events", "-w"]] {
        let mut watch = cloud.command(&command);
        let mut child = watch.stdout(Stdio::piped()).spawn().expect("madang starts");
        let out = child.stdout.take().expect("it is piped");
        let _child = Background(child);
        let (send, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).for_each(|line| drop(send.send(line)));
        });
        let name = command[0];
        let vpc = format!(
            "apiVersion: madang.dev/v1alpha1\nkind: Vpc\nmetadata: {{ name: v-{name} }}\nspec: {{ cidrs: [10.0.0.0/16] }}\n"
        );
        cloud.ok(&["apply", "-f", &cloud.file("vpc.yaml", &vpc)]);
        let end = Instant::now() + Duration::from_secs(20);
        let mut seen = Vec::new();
        let told = |line: &String| line.contains("Programmed") && line.contains(&format!("vpc/v-{name}"));
        while !seen.iter().any(told) {
            let left = end.saturating_duration_since(Instant::now());
            seen.push(
                lines.recv_timeout(left).unwrap_or_else(|_| panic!("{command:?} did not say it: {seen:#?}")),
            );
        }
    }
}
