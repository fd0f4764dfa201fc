//! Without resources: usage, files, plans, what a lone command says.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use serde_json::Value;

use crate::world::{SHOP, World, stderr, stdout};

#[test]
fn wrong_usage_ends_with_two() {
    let world = World::empty();
    for args in [&["get"][..], &["gett"], &["get", "pods"], &["explain", "a", "b", "--proto", "tcp"], &["up"]]
    {
        let output = world.madang(args);
        // What can only be known after the daemon was asked is asked first.
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stdout(&output).is_empty());
        assert!(!stderr(&output).is_empty());
    }
}

#[test]
fn without_a_daemon_every_command_says_so() {
    let world = World::empty();
    let file = world.file("shop.yaml", SHOP);
    let file = file.to_str().unwrap();
    for args in [
        &["get", "all"][..],
        &["describe", "vpc/a"],
        &["apply", "-f", file],
        &["delete", "vpc/a"],
        &["logs", "a"],
    ] {
        let output = world.madang(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(stderr(&output).contains("no Madang answers at "), "{}", stderr(&output));
        assert!(stderr(&output).contains("hint: start one: "), "{}", stderr(&output));
    }
    let down = world.madang(&["down", "-f", file]);
    assert_eq!(down.status.code(), Some(0), "{}", stderr(&down));
    assert!(stderr(&down).starts_with("Nothing is there: no daemon answers at "));
}

#[test]
fn a_plan_needs_no_daemon() {
    let world = World::empty();
    let file = world.file("shop.yaml", SHOP);
    let plan = world.madang(&["plan", "-f", file.to_str().unwrap()]);
    assert_eq!(plan.status.code(), Some(0), "{}", stderr(&plan));
    assert!(stdout(&plan).starts_with("+ Vpc/shop\n+ Subnet/web\n+ Instance/web-1\n"), "{}", stdout(&plan));
    assert!(stderr(&plan).contains("Compared with nothing, since no daemon answers"), "{}", stderr(&plan));
    assert!(!stderr(&plan).contains("There is a store"), "{}", stderr(&plan));
    // As a daemon leaves it.
    let state = world.dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::write(state.join("store.redb"), "").unwrap();
    let plan = world.madang(&["plan", "-f", file.to_str().unwrap()]);
    let (root, state) = (world.dir.path().display(), state.display());
    let said = format!(
        "There is a store at {state}, and what it holds was left out: start its daemon: sudo madang --root {root} serve\n"
    );
    assert!(stderr(&plan).contains(&said), "{}", stderr(&plan));
    let coded = world.madang(&["diff", "--exit-code", "-f", file.to_str().unwrap(), "-o", "json"]);
    assert_eq!(coded.status.code(), Some(3));
    let json: Value = serde_json::from_str(&stdout(&coded)).unwrap();
    assert_eq!(json["changes"][0]["action"], "create");
    assert_eq!(json["changes"][0]["object"]["name"], "shop");
}

#[test]
fn mistakes_are_drawn_and_are_data_for_programs() {
    let world = World::empty();
    let file = world.file("bad.yaml", &SHOP.replace("cidr: 10.0.1.0/24", "cidr: 10.9.1.0/24"));
    let file = file.to_str().unwrap();
    let drawn = world.madang(&["plan", "-f", file]);
    assert_eq!(drawn.status.code(), Some(1));
    assert!(stdout(&drawn).is_empty());
    let text = stderr(&drawn);
    assert!(text.contains("Subnet/web") && text.contains("bad.yaml:9:"), "{text}");
    assert!(text.contains("cidr: 10.9.1.0/24"), "{text}");
    assert!(text.trim_end().ends_with("nothing was changed."), "{text}");
    let json = world.madang(&["plan", "-f", file, "-o", "json"]);
    assert_eq!(json.status.code(), Some(1));
    let value: Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(value["diagnostics"][0]["span"]["line"], 9, "{value:#}");
    assert!(stderr(&json).is_empty());
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let world = World::empty();
    let output = world.madang(&["plan", "-f", "none.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "error: cannot read none.yaml\n  because: No such file or directory (os error 2)\n"
    );
}

#[test]
fn standard_input_is_a_file() {
    let world = World::empty();
    let mut child = world
        .command(&["plan", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), SHOP.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(stdout(&output).contains("+ Instance/web-1"), "{}", stderr(&output));
}

#[test]
fn colours_only_when_asked_for_in_a_pipe() {
    let world = World::empty();
    let file = world.file("shop.yaml", SHOP);
    let plan = |args: &[&str], no_color: &str| {
        let mut command = world.command(&["plan", "-f", file.to_str().unwrap()]);
        stdout(&command.args(args).env("NO_COLOR", no_color).output().unwrap())
    };
    assert!(!plan(&[], "").contains('\x1b'));
    assert!(plan(&["--color", "always"], "").contains("\x1b[32m+ Vpc/shop"));
    assert!(plan(&["--color", "always"], "1").contains('\x1b'), "what is typed is stronger");
    assert!(!plan(&["--color", "never"], "").contains('\x1b'));
    let help = |color: &str| stdout(&world.madang(&["get", "--help", "--color", color]));
    assert!(!help("never").contains('\x1b'));
    assert!(help("always").contains('\x1b'));
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let world = World::with_shop();
    for args in [&["schema"][..], &["completion", "bash"], &["logs", "web-1"], &["logs", "web-1", "-f"]] {
        let mut child = world.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 10];
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut first).unwrap();
        drop(out);
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()), "{args:?}");
    }
}

#[test]
fn who_is_not_root_is_told_so() {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "this needs root, to become somebody else");
        eprintln!("skipped: needs root, to become somebody else");
        return;
    }
    let world = World::empty();
    let file = world.file("shop.yaml", SHOP);
    // The binary and the file must be open to others.
    let copy = world.dir.path().join("madang");
    // By another process: a program that this one has open for writing cannot be run by its other tests' children.
    let copied =
        std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_madang")).arg(&copy).status().unwrap();
    assert!(copied.success());
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(world.dir.path(), open).unwrap();
    for (args, doing) in [
        (&["up", "-f", file.to_str().unwrap()][..], "starting the daemon needs root"),
        (&["serve"], "the daemon needs root"),
    ] {
        let mut command = std::process::Command::new(&copy);
        let output =
            command.arg("--root").arg(world.dir.path()).args(args).uid(65534).gid(65534).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert_eq!(stderr(&output), format!("error: {doing}\nhint: run it again with sudo\n"));
    }
    let mut plan = std::process::Command::new(&copy);
    let output = plan.args(["plan", "-f", file.to_str().unwrap()]).uid(65534).gid(65534).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn schemas_completions_and_versions_are_printed() {
    let world = World::empty();
    let schema: Value = serde_json::from_str(&stdout(&world.madang(&["schema", "instance"]))).unwrap();
    assert!(schema["properties"]["spec"].is_object(), "{schema:#}");
    assert!(stdout(&world.madang(&["completion", "bash"])).contains("_madang"));
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(stdout(&world.madang(&["version"])), format!("madang {own}\ndaemon not running\n"));
    let json: Value = serde_json::from_str(&stdout(&world.madang(&["version", "-o", "json"]))).unwrap();
    assert_eq!(json["daemon"], Value::Null);
    let world = World::new();
    let json: Value = serde_json::from_str(&stdout(&world.madang(&["version", "-o", "json"]))).unwrap();
    assert_eq!(json["daemon"], json["madang"]);
    assert_eq!(stdout(&world.madang(&["version"])), format!("madang {own}\ndaemon {own}\n"));
}

#[test]
fn the_doctor_is_a_checklist() {
    let world = World::empty();
    let json: Value = serde_json::from_str(&stdout(&world.madang(&["doctor", "-o", "json"]))).unwrap();
    assert!(json["findings"].as_array().unwrap().len() > 5, "{json:#}");
    let output = world.madang(&["doctor"]);
    assert_eq!(output.status.success(), json["ready"].as_bool().unwrap());
    assert!(stdout(&output).contains("Madang needs"), "{}", stdout(&output));
}
