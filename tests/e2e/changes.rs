//! Changing a running cloud: assertions, renames, changes that have to be confirmed, and writes in any order.

use std::process::Command;

use serde_json::{Value, json};

use crate::cloud::{Cloud, Said, can_run, eventually};
use crate::lifecycle::PAIR;

fn pings(cloud: &Cloud) -> bool {
    cloud.exec("a", &["ping", "-c", "1", "-W", "1", "10.0.2.10"]).code == 0
}

fn pid(cloud: &Cloud, instance: &str) -> u64 {
    cloud.json(&["get", "instance", instance])["status"]["process"]["pid"].as_u64().expect("it runs")
}

/// The pair without the rule that lets them ping each other.
fn without_ping() -> String {
    let rule = "    - { protocol: icmp, from: [open] }\n";
    assert!(PAIR.contains(rule));
    PAIR.replace(rule, "")
}

/// A request of the daemon's API: the HTTP status, and the answer.
fn api(cloud: &Cloud, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let socket = cloud.root().join("run/madang.sock");
    let mut curl = Command::new("curl");
    curl.args(["-s", "-m", "10", "-w", "\n%{http_code}", "-X", method, "--unix-socket"]).arg(socket);
    if let Some(body) = body {
        curl.args(["-H", "Content-Type: application/json", "-d", &body.to_string()]);
    }
    curl.arg(format!("http://localhost/apis/madang.dev/v1alpha1{path}"));
    let said = Said::from(curl.output().expect("curl starts"));
    let (answer, code) = said.out.rsplit_once('\n').expect("there is a status");
    (code.parse().unwrap_or(0), serde_json::from_str(answer).unwrap_or_default())
}

fn in_project(plural: &str, name: &str) -> String {
    format!("/namespaces/default/{plural}/{name}")
}

#[test]
fn what_nobody_confirms_is_rolled_back_also_when_the_daemon_dies_in_between() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.up(PAIR);
    assert!(pings(&cloud), "{}", cloud.evidence());
    let before = [pid(&cloud, "a"), pid(&cloud, "b")];
    let file = cloud.file("cloud.yaml", &without_ping());
    let said = cloud.madang(&["apply", "-f", &file, "--confirm", "8s"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("unless it is confirmed"), "{said:?}");
    assert!(eventually(|| !pings(&cloud)), "the change is in force: {}", cloud.evidence());
    cloud.kill_daemon();
    cloud.serve();
    assert!(eventually(|| pings(&cloud)), "it is taken back: {}", cloud.evidence());
    assert_eq!(before, [pid(&cloud, "a"), pid(&cloud, "b")], "the same processes");
    let status = cloud.ok(&["confirm", "--status"]);
    assert!(
        status.contains("nobody confirmed it within 8 s") && status.contains("SecurityGroup/open"),
        "{status}"
    );
    assert!(cloud.serve_log().contains("was rolled back"), "{}", cloud.serve_log());
    let described = cloud.ok(&["describe", "sg", "open"]);
    assert!(described.contains("RolledBack: true"), "{described}");
    let late = cloud.madang(&["confirm"]);
    assert_eq!(late.code, 1, "{late:?}");
    assert!(late.err.contains("was rolled back"), "{late:?}");
}

#[test]
fn what_is_confirmed_stays_and_until_then_nothing_else_is_applied() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.up(PAIR);
    let file = cloud.file("cloud.yaml", &without_ping());
    cloud.ok(&["up", "-f", &file, "--confirm", "5m"]);
    let second = cloud.madang(&["apply", "-f", &cloud.file("more.yaml", PAIR)]);
    assert_eq!(second.code, 1, "{second:?}");
    assert!(second.err.contains("madang confirm") && second.err.contains("madang rollback"), "{second:?}");
    assert!(cloud.ok(&["confirm", "--status"]).contains("~ SecurityGroup/open spec.ingress[2]"));
    cloud.kill_daemon();
    cloud.serve();
    assert!(cloud.ok(&["confirm"]).contains("is confirmed"));
    assert!(eventually(|| !pings(&cloud)), "{}", cloud.evidence());
    assert_eq!(cloud.json(&["confirm", "--status"])["last"]["how"], "confirmed");
    cloud.ok(&["apply", "-f", &file]);
}

#[test]
fn an_instance_that_a_change_deleted_comes_back_with_its_address() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    let text = PAIR.replace("address: 10.0.2.10, ", "");
    cloud.up(&text);
    let before = cloud.json(&["get", "instance", "b"]);
    let without = text.rsplit_once("---").expect("b is the last").0;
    let file = cloud.file("cloud.yaml", without);
    let said = cloud.madang(&["apply", "-f", &file, "--prune", "--confirm", "5m"]);
    assert!(said.err.contains("Instance/b would come back with its address"), "{said:?}");
    let ended = cloud.ok(&["rollback"]);
    assert!(ended.contains("Instance/b"), "{ended}");
    let back = || {
        let said = cloud.madang(&["get", "instance", "b", "-o", "json"]);
        serde_json::from_str::<Value>(&said.out).ok().filter(|b| {
            b["metadata"]["uid"] != before["metadata"]["uid"] && b["status"]["process"]["pid"].is_number()
        })
    };
    assert!(eventually(|| back().is_some()), "{}", cloud.evidence());
    assert_eq!(back().expect("it was just there")["status"]["address"], before["status"]["address"]);
}

#[test]
fn a_renamed_instance_goes_on() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(PAIR);
    let (before, process) = (cloud.json(&["get", "instance", "b"]), pid(&cloud, "b"));
    let renamed = PAIR.replace(
        "metadata: { name: b }",
        "metadata: { name: c, annotations: { madang.dev/renamed-from: b } }",
    );
    let file = cloud.file("cloud.yaml", &renamed);
    let plan = cloud.ok(&["plan", "-f", &file]);
    assert!(plan.contains("> Instance/c renamed from b") && plan.contains("its process goes on"), "{plan}");
    assert!(!plan.contains("Reachability"), "{plan}");
    cloud.ok(&["up", "-f", &file]);
    let after = cloud.json(&["get", "instance", "c"]);
    for field in ["address", "mac", "interface"] {
        assert_eq!(after["status"][field], before["status"][field], "{field}");
    }
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(pid(&cloud, "c"), process, "the same process");
    assert_ne!(cloud.madang(&["get", "instance", "b"]).code, 0);
    let by_name = || cloud.exec("a", &["ping", "-c", "1", "-W", "1", "c"]).code == 0;
    assert!(eventually(by_name), "others know the new name: {}", cloud.evidence());
    let hostname = || cloud.exec("c", &["uname", "-n"]).out == "c\n";
    assert!(eventually(hostname), "{:?}\n{}", cloud.exec("c", &["uname", "-n"]), cloud.evidence());
    let port = after["status"]["interface"].as_str().expect("it has a port");
    let alias = || {
        let link = Command::new("ip").args(["-d", "link", "show", port]).output();
        Said::from(link.expect("ip starts")).out.contains("alias c")
    };
    assert!(eventually(alias), "{}", cloud.evidence());
    let log = std::fs::read_to_string(cloud.root().join("run/madang.log")).unwrap_or_default();
    assert!(!log.contains("not done"), "{log}");
    assert!(cloud.ok(&["plan", "-f", &file]).contains("nothing changes"));
}

#[test]
fn assertions_hold_or_nothing_is_done() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    let claims = "---
apiVersion: madang.dev/v1alpha1
kind: Assertion
metadata: { name: they-ping }
spec: { from: a, to: sg/open, protocol: icmp, expect: reachable }
---
apiVersion: madang.dev/v1alpha1
kind: Assertion
metadata: { name: no-ssh }
spec: { from: 10.0.0.0/16, to: sg/open, port: 22, expect: unreachable }
";
    cloud.up(&format!("{PAIR}{claims}"));
    let ready = cloud.json(&["get", "assertion", "they-ping"])["status"]["conditions"][0].clone();
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("True"), &json!("Holds")));
    // A file that breaks one.
    let file = cloud.file("cloud.yaml", &format!("{}{claims}", without_ping()));
    for command in ["plan", "apply"] {
        let said = cloud.madang(&[command, "-f", &file]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains("no ingress rule of"), "{said:?}");
        assert!(said.err.contains("1 mistake; nothing was changed."), "{said:?}");
    }
    assert!(cloud.madang(&["plan", "-f", &file]).out.contains("broken they-ping"));
    // A single write that breaks one.
    let path = in_project("securitygroups", "open");
    let (_, mut group) = api(&cloud, "GET", &path, None);
    group["spec"]["ingress"] = json!([{ "from": ["0.0.0.0/0"] }]);
    let (code, answer) = api(&cloud, "PUT", &path, Some(&group));
    assert_eq!(code, 422, "{answer}");
    assert!(answer["message"].as_str().is_some_and(|m| m.contains("no-ssh")), "{answer}");
    assert!(pings(&cloud), "nothing was changed: {}", cloud.evidence());
    // One about somebody who is not there waits; it breaks when somebody comes who is out of reach.
    let early = json!({
        "apiVersion": "madang.dev/v1alpha1", "kind": "Assertion", "metadata": { "name": "early" },
        "spec": { "from": "a", "to": "late", "port": 7000, "expect": "reachable" },
    });
    let (code, answer) = api(&cloud, "POST", "/namespaces/default/assertions", Some(&early));
    assert_eq!(code, 201, "{answer}");
    let reason = || {
        cloud.json(&["get", "assertion", "early"])["status"]["conditions"][0]["reason"]
            .as_str()
            .map(str::to_owned)
    };
    assert!(eventually(|| reason().as_deref() == Some("ReferenceNotFound")), "{:?}", reason());
    let late = json!({
        "apiVersion": "madang.dev/v1alpha1", "kind": "Instance", "metadata": { "name": "late" },
        "spec": { "subnet": "one", "process": { "command": ["sleep", "infinity"] } },
    });
    assert_eq!(api(&cloud, "POST", "/namespaces/default/instances", Some(&late)).0, 201);
    assert!(eventually(|| reason().as_deref() == Some("Broken")), "{:?}", reason());
    let why = cloud.json(&["get", "assertion", "early"])["status"]["conditions"][0]["message"].to_string();
    assert!(why.contains("no ingress rule of the default group of VPC lab allows tcp/7000 from a"), "{why}");
}

#[test]
fn single_writes_in_any_order_converge() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.up(PAIR);
    let all = cloud.json(&["get", "vpcs,subnets,sg,instances"])["items"].as_array().expect("a list").clone();
    let plural = |kind: &Value| format!("{}s", kind.as_str().expect("a kind").to_lowercase());
    let path =
        |item: &Value| in_project(&plural(&item["kind"]), item["metadata"]["name"].as_str().expect("a name"));
    // The VPC first, its instances last.
    for item in &all {
        let (code, answer) = api(&cloud, "DELETE", &path(item), None);
        assert!(code == 200 || code == 202, "{code} {answer}");
    }
    let left = || cloud.json(&["get", "vpcs,subnets,sg,instances"])["items"].as_array().map_or(1, Vec::len);
    assert!(eventually(|| left() == 0), "{}", cloud.evidence());
    // The instances first, their VPC last; and two groups that refer to each other.
    let mut all = all;
    let peers = |name: &str, other: &str| {
        json!({
            "apiVersion": "madang.dev/v1alpha1", "kind": "SecurityGroup", "metadata": { "name": name },
            "spec": { "vpc": "lab", "ingress": [{ "from": [other] }] },
        })
    };
    all.extend([peers("x", "y"), peers("y", "x")]);
    for item in all.iter().rev() {
        let metadata = json!({ "name": item["metadata"]["name"] });
        let new = json!({ "apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": metadata, "spec": item["spec"] });
        let place = format!("/namespaces/default/{}", plural(&item["kind"]));
        let (code, answer) = api(&cloud, "POST", &place, Some(&new));
        assert_eq!(code, 201, "{answer}");
    }
    assert!(eventually(|| pings(&cloud)), "{}", cloud.evidence());
    let is_ready = |item: &Value| item["status"]["conditions"][0]["status"] == "True";
    let ready = || {
        let all = cloud.json(&["get", "vpcs,subnets,sg,instances"]);
        all["items"].as_array().is_some_and(|items| items.len() == 8 && items.iter().all(is_ready))
    };
    assert!(eventually(ready), "{}", cloud.evidence());
}
