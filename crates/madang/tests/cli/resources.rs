//! With a daemon: resources come, are shown, explained and go.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use madang_model::{ConditionStatus, Kind, ObjectRef};
use serde_json::Value;

use crate::world::{SHOP, World, stderr, stdout, until};

#[test]
fn apply_says_what_it_did_and_the_second_time_nothing() {
    let world = World::new();
    let file = world.file("shop.yaml", SHOP);
    let file = file.to_str().unwrap();
    let dry = world.madang(&["apply", "-f", file, "--dry-run"]);
    assert!(stderr(&dry).contains("3 to create; nothing was done."), "{}", stderr(&dry));
    assert!(world.registry.all().unwrap().items.is_empty());
    let first = world.madang(&["apply", "-f", file]);
    assert!(stdout(&first).starts_with("+ Vpc/shop\n+ Subnet/web\n+ Instance/web-1\n"), "{}", stdout(&first));
    assert_eq!(stderr(&first), "3 created.\n");
    let second = world.madang(&["apply", "-f", file]);
    assert_eq!((stdout(&second).as_str(), stderr(&second).as_str()), ("nothing changes\n", ""));
    let plan = world.madang(&["plan", "--exit-code", "-f", file]);
    assert_eq!((plan.status.code(), stdout(&plan).as_str()), (Some(0), "nothing changes\n"));
}

#[test]
fn prune_deletes_what_the_file_no_longer_has() {
    let world = World::with_shop();
    let without = SHOP.rsplit_once("---").unwrap().0;
    world.file("shop.yaml", without);
    let kept = world.madang(&["plan", "-f", "shop.yaml"]);
    assert_eq!(stdout(&kept), "nothing changes\n");
    let plan = world.madang(&["plan", "--prune", "-f", "shop.yaml"]);
    assert!(stdout(&plan).contains("- Instance/web-1"), "{}", stdout(&plan));
    let pruned = world.madang(&["apply", "--prune", "-f", "shop.yaml"]);
    assert!(stdout(&pruned).contains("- Instance/web-1"), "{}", stdout(&pruned));
    assert!(world.instance().metadata().deletion_timestamp.is_some());
}

#[test]
fn what_the_daemon_refuses_is_drawn_in_the_file() {
    let world = World::with_shop();
    let file = world.file("moved.yaml", &SHOP.replace("cidr: 10.0.1.0/24", "cidr: 10.0.2.0/24"));
    let output = world.madang(&["apply", "-f", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("moved.yaml:9:"), "{}", stderr(&output));
    assert!(stderr(&output).contains("Subnet/web"), "{}", stderr(&output));
}

#[test]
fn get_in_every_form() {
    let world = World::with_shop();
    world.make_ready();
    let get = |args: &[&str]| {
        let output = world.madang(&[&["get"], args].concat());
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        stdout(&output)
    };
    let table = get(&["instances"]);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "VPC", "SUBNET", "ADDRESS", "STATUS", "RESTARTS", "AGE"]);
    assert_eq!(lines[1][..6], ["web-1", "shop", "web", "10.0.1.4", "Ready", "0"]);
    assert_eq!(get(&["all", "-o", "name"]), "vpc/shop\nsubnet/web\ninstance/web-1\n");
    assert_eq!(get(&["all", "-l", "app=web", "-o", "name"]), "instance/web-1\n");
    assert!(get(&["i", "-o", "wide"]).contains("MAC"));
    let list: Value = serde_json::from_str(&get(&["i", "-o", "json"])).unwrap();
    assert_eq!((&list["kind"], &list["items"][0]["metadata"]["name"]), (&"List".into(), &"web-1".into()));
    assert_eq!(get(&["i", "-o", "json"]), get(&["i", "-o", "json"]));
    let one: Value = serde_json::from_str(&get(&["i", "web-1", "-o", "json"])).unwrap();
    assert_eq!(one, list["items"][0]);
    // What is printed can be applied again, and changes nothing.
    world.file("again.yaml", &get(&["i", "web-1", "-o", "yaml"]));
    let again = world.madang(&["plan", "-f", "again.yaml"]);
    assert_eq!(stdout(&again), "nothing changes\n", "{}", stderr(&again));
}

#[test]
fn what_is_not_there_is_a_failure() {
    let world = World::with_shop();
    for command in ["get", "describe", "delete"] {
        let output = world.madang(&[command, "instance", "web-1", "web-9"]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(stderr(&output).starts_with("error: there is no Instance/web-9\n"), "{}", stderr(&output));
        assert!(stdout(&output).is_empty());
    }
    assert!(world.instance().metadata().deletion_timestamp.is_none(), "all or nothing");
    let none = world.madang(&["get", "natgateways"]);
    assert_eq!((none.status.code(), stderr(&none).as_str()), (Some(0), "There are no natgateways.\n"));
}

#[test]
fn describe_says_where_it_was_written_and_why_it_is_not_ready() {
    let world = World::with_shop();
    world.set_ready(world.instance(), ConditionStatus::False, "ProcessExited", "the process ended with 1");
    let text = stdout(&world.madang(&["describe", "i/web-1"]));
    assert!(text.contains("Written in  shop.yaml:11\n"), "{text}");
    assert!(text.contains("Ready: false (ProcessExited, for "), "{text}");
    assert!(text.contains("the process ended with 1"), "{text}");
    let subnet = stdout(&world.madang(&["describe", "subnet", "web"]));
    assert!(subnet.ends_with("Used by\n  Instance/web-1\n"), "{subnet}");
}

#[test]
fn what_was_dropped_is_listed_and_followed() {
    let world = World::with_shop();
    let text = stdout(&world.madang(&["drops"]));
    assert_eq!(
        text,
        "FROM             REASON          PACKETS   WHY\n\
         web-1            ingressDenied   3         The double says so.\n\
         outside (eth0)   noForward       7         The double says so.\n"
    );
    let json: Value =
        serde_json::from_str(&stdout(&world.madang(&["drops", "i/web-1", "-o", "json"]))).unwrap();
    assert_eq!(json["items"].as_array().unwrap().len(), 1, "{json:#}");
    assert_eq!(json["items"][0]["packets"], 4);
    let none = world.madang(&["drops", "web-9"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(stderr(&none).contains("there is no Instance/web-9"), "{}", stderr(&none));
    let text = stdout(&world.madang(&["describe", "i/web-1"]));
    assert!(text.contains("Dropped of what it sent\n  ingressDenied: 5 packets\n"), "{text}");

    let mut child = world.command(&["drops", "-w"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let rows: Vec<_> = (0..5).map(|_| lines.next().unwrap()).collect();
    assert!(rows[1].contains(" 6 ") && rows[2].contains(" 7 "), "{rows:?}");
    assert!(rows[3].contains(" 7 ") && rows[4].contains(" 8 "), "only what has changed: {rows:?}");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn get_watches_changes_as_they_come() {
    let world = World::with_shop();
    let mut child = world.command(&["get", "i", "-w"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().starts_with("NAME "));
    assert!(lines.next().unwrap().contains("Pending"));
    world.set_ready(world.instance(), ConditionStatus::True, "Running", "");
    assert!(lines.next().unwrap().contains("Ready"));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn delete_waits_until_it_is_gone() {
    let world = World::with_shop();
    let child = world
        .command(&["delete", "instance/web-1", "--wait"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("its deletion begins", || world.instance().metadata().deletion_timestamp.is_some());
    world.finalize();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "instance/web-1 deleted\n"));
    assert_eq!(stderr(&output).lines().last(), Some("Instance/web-1: gone"), "{}", stderr(&output));
    let all = world.madang(&["delete", "vpcs"]);
    assert_eq!(all.status.code(), Some(2), "kinds alone would delete everything");
}

#[test]
fn up_waits_until_all_is_ready() {
    let world = World::new();
    let file = world.file("shop.yaml", SHOP);
    let mut command = world.command(&["up", "-f", file.to_str().unwrap()]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let web = ObjectRef::new(Kind::Instance, "web-1");
    until("it is applied", || world.registry.find(&web).unwrap().is_some());
    world.make_ready();
    let output = child.wait_with_output().unwrap();
    let text = stderr(&output);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""), "{text}");
    assert!(text.starts_with("Applied: 3 created.\n"), "{text}");
    assert!(text.contains("Instance/web-1: Ready\n") && text.contains("\nReady: 3 resources in "), "{text}");
    assert!(!text.contains('\x1b'), "{text:?}");
}

#[test]
fn up_says_what_is_not_ready_and_why() {
    let world = World::with_shop();
    world.make_ready();
    world.set_ready(world.instance(), ConditionStatus::False, "ProcessExited", "sleep was not found");
    let output = world.madang(&["up", "-f", "shop.yaml", "--timeout", "200ms"]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("error: not everything is ready after 200 ms"), "{text}");
    assert!(text.contains("  Instance/web-1: ProcessExited: sleep was not found\n"), "{text}");
    assert!(text.contains("describe instance/web-1"), "{text}");
    assert!(!text.contains("Vpc/shop: Programmed"), "{text}");
    let detached = world.madang(&["up", "-f", "shop.yaml", "--detach"]);
    assert_eq!(detached.status.code(), Some(0));
}

#[test]
fn interrupted_up_says_that_the_daemon_goes_on() {
    let world = World::with_shop();
    let child = world.command(&["up", "-f", "shop.yaml"]).stderr(Stdio::piped()).spawn().unwrap();
    world.set_ready(world.instance(), ConditionStatus::False, "Starting", "it starts");
    let pid = rustix::process::Pid::from_child(&child);
    let mut lines = Vec::new();
    let mut child = child;
    let mut reader = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    while lines.last().is_none_or(|line: &String| !line.contains("Starting")) {
        lines.push(reader.next().unwrap());
    }
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    lines.extend(reader);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let text = lines.join("\n");
    assert!(text.contains("The daemon goes on with it."), "{text}");
    assert!(text.contains("down -f shop.yaml"), "{text}");
}

#[test]
fn down_deletes_what_the_file_declares_and_can_be_repeated() {
    let world = World::with_shop();
    let child = world.command(&["down", "-f", "shop.yaml"]).stderr(Stdio::piped()).spawn().unwrap();
    until("the deletion begins", || {
        let all = world.registry.all().unwrap().items;
        all.iter().all(|resource| resource.metadata().deletion_timestamp.is_some())
    });
    world.finalize();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).ends_with("Gone: 3 resources.\n"), "{}", stderr(&output));
    let again = world.madang(&["down", "-f", "shop.yaml"]);
    assert_eq!((again.status.code(), stderr(&again).as_str()), (Some(0), "Nothing of it is there.\n"));
}

#[test]
fn explain_asks_and_tells() {
    let world = World::with_shop();
    let output = world.madang(&["explain", "web-1", "instance/web-1", "--port", "80"]);
    assert_eq!(
        stdout(&output),
        "tcp web-1 -> web-1\n\n\
         ✓ guard    as the double says\n\
         \x20          because Instance/web-1 spec (/srv/shop.yaml:12)\n\
         ✓ ingress  as the double says\n\n\
         ✓ delivered\n"
    );
    let dropped = world.madang(&["explain", "outside", "web-1", "--port", "23", "--proto", "udp"]);
    assert_eq!(dropped.status.code(), Some(0));
    assert!(
        stdout(&dropped).contains("✗ dropped: nobody lets it in (ingressDenied)"),
        "{}",
        stdout(&dropped)
    );
    let coded = world.madang(&["explain", "outside", "web-1", "--port", "23", "--exit-code", "-o", "json"]);
    assert_eq!(coded.status.code(), Some(1));
    let json: Value = serde_json::from_str(&stdout(&coded)).unwrap();
    assert_eq!(json["reason"], "ingressDenied");
    world.madang(&["explain", "web-1", "outside", "--live"]);
    let asked = world.host.asked.lock().unwrap();
    assert_eq!((asked[0].protocol.as_str(), asked[1].from.as_str()), ("tcp", "outside"));
    assert_eq!(
        (asked[3].protocol.as_str(), asked[3].to.as_str(), asked[3].live),
        ("icmp", "192.0.2.1", true)
    );
}

#[test]
fn logs_as_they_are() {
    let world = World::with_shop();
    assert_eq!(stdout(&world.madang(&["logs", "web-1", "--tail", "2"])), "line 19999\nline 20000\n");
    assert_eq!(stdout(&world.madang(&["logs", "i/web-1"])).lines().count(), 20_000);
    assert_eq!(world.madang(&["logs", "vpc/shop"]).status.code(), Some(2));
}
