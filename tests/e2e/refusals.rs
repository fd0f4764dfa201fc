//! What is wrong is refused: with a reason and a way out, a non-zero exit, and nothing half done.

use crate::cloud::{Cloud, can_run, eventually};
use crate::lifecycle::PAIR;

#[test]
fn bad_files_change_nothing() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(PAIR);
    let before = cloud.json(&["get", "all"]);
    // The same under other names, so that what is wrong is not that something may not be changed.
    let new = PAIR
        .replace("lab", "new")
        .replace("name: one", "name: new-one")
        .replace("subnet: one", "subnet: new-one");
    let new = new.replace("name: two", "name: new-two").replace("subnet: two", "subnet: new-two");
    let new = new.replace("name: open", "name: new-open").replace("[open]", "[new-open]");
    let new = new.replace("name: a", "name: new-a").replace("name: b", "name: new-b");
    for (what, text, says) in [
        ("no YAML", "kind: [".to_owned(), "wrong.yaml:"),
        ("an unknown kind", new.replace("kind: Subnet", "kind: Subnets"), "Subnet"),
        ("an unknown field", new.replace("cidrs:", "cidr:"), "cidrs"),
        ("host bits", new.replace("10.0.1.0/24", "10.0.1.1/24"), "10.0.1.0/24"),
        ("outside the VPC", new.replace("10.0.1.0/24", "10.9.1.0/24"), "10.0.0.0/16"),
        ("an overlap", new.replace("10.0.2.0/24", "10.0.1.0/25"), "overlap"),
        ("an unknown reference", new.replace("subnet: new-one", "subnet: new-onw"), "new-one"),
        ("a reserved address", new.replace("address: 10.0.1.10", "address: 10.0.1.1"), "reserved"),
        (
            "a duplicate address",
            new.replace("subnet: new-two, address: 10.0.2.10", "subnet: new-one, address: 10.0.1.10"),
            "10.0.1.10",
        ),
        (
            "an immutable field",
            PAIR.replace("command: [sleep, infinity]", "command: [sleep, '1000']"),
            "delete",
        ),
    ] {
        let file = cloud.file("wrong.yaml", &text);
        for command in ["plan", "apply", "up"] {
            let said = cloud.madang(&[command, "-f", &file]);
            assert_eq!(said.code, 1, "{what}: {command}: {said:?}");
            assert!(said.err.contains(says), "{what}: {command} says why and what to do: {}", said.err);
        }
        assert_eq!(before, cloud.json(&["get", "all"]), "{what}: nothing has changed");
    }
}

#[test]
fn what_is_still_used_is_not_deleted() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(PAIR);
    let before = cloud.json(&["get", "all"]);
    let said = cloud.madang(&["delete", "subnet", "one"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("Subnet/one: still used by Instance/a\n"), "{}", said.err);
    assert!(said.err.contains("madang down -f"), "{}", said.err);
    assert_eq!(before, cloud.json(&["get", "all"]), "nothing has changed");
}

/// An address behind an interface that is not there.
const NOWHERE: &str = "
---
apiVersion: madang.dev/v1alpha1
kind: AddressPool
metadata: { name: internet }
spec: { interface: nowhere0, nextHop: 203.0.113.1, addresses: [203.0.113.10] }
---
apiVersion: madang.dev/v1alpha1
kind: PublicAddress
metadata: { name: front }
spec: { pool: internet, forwards: [{ port: 80, instance: a, targetPort: 7000 }] }
";

#[test]
fn a_missing_interface_is_named_to_who_asks_from_outside() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(PAIR);
    let file = cloud.file("more.yaml", &format!("{PAIR}{NOWHERE}"));
    cloud.ok(&["apply", "-f", &file]);
    let ask = || cloud.madang(&["explain", "outside", "203.0.113.10", "--port", "80"]);
    let named = "this host has no interface nowhere0, which AddressPool internet names";
    assert!(eventually(|| ask().err.contains(named)), "{:?}", ask());
    assert_eq!(ask().code, 1);
}

#[test]
fn wrong_arguments_are_usage_errors() {
    let cloud = Cloud::new();
    for arguments in [&["fly"][..], &["get"], &["get", "vpcs", "-o", "xml"], &["up"], &["explain", "a"]] {
        assert_eq!(cloud.madang(arguments).code, 2, "{arguments:?}");
    }
    let said = cloud.madang(&["get", "vpcz"]);
    assert!(said.code != 0 && said.err.contains("vpcs"), "{said:?}");
    let said = cloud.madang(&["plan", "-f", "/nowhere.yaml"]);
    assert!(said.code == 1 && said.err.contains("/nowhere.yaml"), "{said:?}");
    let said = cloud.madang(&["get", "vpcs"]);
    assert!(said.code == 1 && said.err.contains("madang serve"), "no daemon: {said:?}");
}

#[test]
fn plan_needs_no_daemon() {
    let cloud = Cloud::new();
    let said = cloud.madang(&["plan", "-f", &cloud.file("cloud.yaml", PAIR)]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("Vpc/lab") && said.out.contains("a, b -> each other tcp/7000"), "{said:?}");
    assert!(said.err.contains("daemon"), "it says that it compares with nothing: {said:?}");
}

#[test]
fn without_root_it_says_so() {
    if !can_run() {
        return;
    }
    use std::os::unix::process::CommandExt;
    let cloud = Cloud::new();
    let file = cloud.file("cloud.yaml", PAIR);
    // The binary may stand where nobody else can read: a copy in the root can.
    let copy = cloud.root().join("madang");
    std::fs::copy(env!("CARGO_BIN_EXE_madang"), &copy).expect("room on the disk");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(cloud.root(), std::fs::Permissions::from_mode(0o755)).expect("our directory");
    for command in [vec!["up", "-f", &file], vec!["serve"]] {
        let output = std::process::Command::new(&copy)
            .args(["--root", &cloud.root().join("other").to_string_lossy()])
            .args(&command)
            .uid(65534)
            .gid(65534)
            .output()
            .expect("it starts");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {err}");
        assert!(err.contains("root"), "{command:?}: {err}");
    }
}

#[test]
fn a_second_daemon_is_refused() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    let said = cloud.madang(&["serve"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("another daemon"), "{said:?}");
    assert_eq!(cloud.madang(&["get", "vpcs"]).code, 0, "the first one goes on");
}

#[test]
fn a_corrupt_store_is_told_and_left_alone() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.kill_daemon();
    let state = cloud.root().join("state");
    let garbage = vec![0xa5; 1 << 16];
    let damage = |name: &str| {
        let of_store = |path: &std::path::PathBuf| {
            path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name))
        };
        let entries =
            std::fs::read_dir(&state).expect("there is a store").flatten().map(|entry| entry.path());
        for path in entries.filter(of_store) {
            std::fs::write(path, &garbage).expect("our file");
        }
    };
    damage("store.redb");
    cloud.serve();
    assert!(cloud.serve_log().contains("damaged"), "it goes on from the other file: {}", cloud.serve_log());
    cloud.kill_daemon();
    for name in ["store.redb", "journal-", "snapshot-"] {
        damage(name);
    }
    let said = cloud.madang(&["serve"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("store.redb"), "it names the file: {said:?}");
    assert_eq!(
        std::fs::read(state.join("store.redb")).expect("still there"),
        garbage,
        "it is left as it was"
    );
    std::fs::remove_dir_all(state).expect("our directory");
}

#[test]
fn a_full_disk_loses_nothing() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    let state = cloud.root().join("state");
    std::fs::create_dir(&state).expect("our directory");
    let mount = |arguments: &[&str]| std::process::Command::new(arguments[0]).args(&arguments[1..]).status();
    let target = state.to_string_lossy().into_owned();
    assert!(
        mount(&["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "madang-e2e", &target])
            .expect("mount")
            .success()
    );
    cloud.serve();
    cloud.ok(&["apply", "-f", &cloud.file("cloud.yaml", &PAIR[..PAIR.find("---").expect("documents")])]);
    let filler = state.join("filler");
    let mut full = std::fs::File::create(&filler).expect("a file");
    while std::io::Write::write(&mut full, &[0; 4096]).is_ok_and(|n| n > 0) {}
    let mut refused = false;
    for n in 0..500 {
        let big = "x".repeat(4000);
        let text = format!(
            "apiVersion: madang.dev/v1alpha1\nkind: Vpc\nmetadata: {{ name: v{n}, annotations: {{ a: {big} }} }}\nspec: {{ cidrs: [10.0.0.0/16] }}\n"
        );
        let said = cloud.madang(&["apply", "-f", &cloud.file("more.yaml", &text)]);
        if said.code != 0 {
            assert!(said.err.contains("space") || said.err.contains("full"), "{said:?}");
            let missing = cloud.madang(&["get", "vpc", &format!("v{n}")]);
            assert_ne!(missing.code, 0, "what was refused is not there");
            refused = true;
            break;
        }
    }
    assert!(refused, "the disk was full");
    std::fs::remove_file(&filler).expect("our file");
    drop(full);
    cloud.kill_daemon();
    cloud.serve();
    assert_eq!(
        cloud.madang(&["get", "vpc", "lab"]).code,
        0,
        "what was acknowledged is there: {}",
        cloud.serve_log()
    );
    cloud.madang(&["down", "--all"]);
    cloud.kill_daemon();
    assert!(mount(&["umount", &target]).expect("umount").success());
}
