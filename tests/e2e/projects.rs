//! Projects: the same names and addresses side by side, and a project that goes with all that is in it.

use crate::cloud::{Cloud, can_run, eventually, within};
use crate::lifecycle::PAIR;

/// The pair of instances in a project of its own.
fn in_project(name: &str) -> String {
    let project = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{ name: {name} }}\n---");
    let named = PAIR.replace("metadata: { ", &format!("metadata: {{ namespace: {name}, "));
    project + &named
}

#[test]
fn two_projects_use_the_same_names_and_never_meet() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(&[in_project("blue"), in_project("green")].join("---\n"));
    for project in ["blue", "green"] {
        let ping = ["exec", "-n", project, "a", "--", "ping", "-c", "1", "-W", "2", "b"];
        assert_eq!(cloud.madang(&ping).code, 0, "a reaches the b of its own project\n{}", cloud.evidence());
    }
    let listener = cloud.inside_of("blue", "b", || std::net::TcpListener::bind("10.0.2.10:7000"));
    let _listener = listener.expect("b has its address");
    assert!(cloud.connects_in("blue", "a", "10.0.2.10:7000"), "{}", cloud.evidence());
    assert!(!cloud.connects_in("green", "a", "10.0.2.10:7000"), "nobody listens in the other project");

    let everywhere = cloud.ok(&["get", "instances", "-A"]);
    assert!(everywhere.starts_with("NAMESPACE"), "{everywhere}");
    assert_eq!(everywhere.lines().filter(|line| line.starts_with("blue ")).count(), 2, "{everywhere}");
    assert_eq!(cloud.ok(&["get", "instances", "-n", "green", "-o", "name"]).lines().count(), 2);
    assert_eq!(cloud.ok(&["get", "instances", "-o", "name"]), "", "nothing is in the default project");
    let explained = cloud.ok(&["explain", "-n", "blue", "a", "b", "--port", "7000"]);
    assert!(explained.contains("delivered to instance blue/b"), "{explained}");
    cloud.ok(&["logs", "-n", "blue", "a"]);

    cloud.ok(&["delete", "project", "blue", "--wait"]);
    assert_eq!(cloud.madang(&["get", "project", "blue"]).code, 1);
    let left = cloud.ok(&["get", "all", "-A", "-o", "name"]);
    assert!(!left.contains("/blue/"), "{left}");
    assert_eq!(cloud.ports(), 2, "the ports of the other project");
    let ping = ["exec", "-n", "green", "a", "--", "ping", "-c", "1", "-W", "2", "b"];
    assert_eq!(cloud.madang(&ping).code, 0, "the other project has noticed nothing");
    let told = || cloud.ok(&["events", "namespace/blue"]);
    assert!(eventually(|| told().contains("Emptied")), "{}", told());
}

#[test]
fn nothing_is_made_where_no_project_is() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    let vpc =
        "apiVersion: madang.dev/v1alpha1\nkind: Vpc\nmetadata: { name: v }\nspec: { cidrs: [10.0.0.0/16] }\n";
    let file = cloud.file("vpc.yaml", vpc);
    let refused = cloud.madang(&["apply", "-f", &file, "-n", "lab"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("there is no project lab"), "{refused:?}");
    let listed = cloud.ok(&["get", "projects", "-o", "name"]);
    assert_eq!(listed, "namespace/default\n");
    let refused = cloud.madang(&["delete", "project", "default"]);
    assert!(refused.code == 1 && refused.err.contains("cannot be deleted"), "{refused:?}");
}

#[test]
fn a_project_goes_although_the_daemon_dies_meanwhile() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    let file = cloud.file("cloud.yaml", &in_project("blue"));
    cloud.ok(&["up", "-f", &file]);
    cloud.ok(&["delete", "project", "blue"]);
    cloud.kill_daemon();
    cloud.serve();
    assert!(within(30, || cloud.madang(&["get", "project", "blue"]).code == 1), "{}", cloud.evidence());
    assert!(eventually(|| cloud.ports() == 0), "{}", cloud.evidence());
    assert_eq!(cloud.ok(&["get", "instances", "-A", "-o", "name"]), "");
}
