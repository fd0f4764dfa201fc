use std::fs;
use std::os::unix::fs::PermissionsExt;

use madang_access::User;

use super::*;

const SOCKET: Peer = Peer::Socket { uid: Some(1000), gid: Some(100), pid: Some(7) };

fn record<'a>(id: &'a str, asked: &'a Attributes, caller: &'a Caller) -> AuditRecord<'a> {
    let duration = Duration::from_micros(1500);
    AuditRecord {
        id,
        peer: &SOCKET,
        caller: Some(caller),
        asked: Some(asked),
        created: None,
        code: 201,
        duration,
    }
}

fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_says_who_did_what_and_from_where() {
    let mut caller = Caller::of_socket();
    (caller.user, caller.impersonated_by) = (User::new("ana", ["dev"]), Some("root".to_owned()));
    let asked = Attributes::resource("create", "madang.dev", "instances").part("exec");
    let asked = asked.in_namespace("shop").named("web-1");
    let line = record("1-2", &asked, &caller).line("2026-01-02T03:04:05.6Z".parse().unwrap());
    assert_eq!(
        line,
        r#"{"time":"2026-01-02T03:04:05.600Z","id":"1-2","user":"ana","groups":["dev"],"impersonatedBy":"root","source":{"socket":{"uid":1000,"gid":100,"pid":7}},"verb":"create","group":"madang.dev","resource":"instances","subresource":"exec","namespace":"shop","name":"web-1","code":201,"milliseconds":1}"#
    );
    let address = "192.0.2.1:5000".parse().unwrap();
    let unknown = AuditRecord {
        peer: &Peer::Tls { address, certificate: None },
        caller: None,
        asked: None,
        code: 401,
        ..record("1-3", &asked, &caller)
    };
    assert!(unknown.is_worth_a_line());
    let line: Value = serde_json::from_str(&unknown.line(Timestamp::now())).unwrap();
    assert_eq!((&line["user"], &line["source"]), (&Value::Null, &json!({ "address": "192.0.2.1:5000" })));
}

#[test]
fn looks_are_left_out_unless_they_are_refused() {
    let caller = Caller::of_socket();
    let look = Attributes::resource("list", "madang.dev", "vpcs");
    let of = |code| AuditRecord { code, ..record("1", &look, &caller) }.is_worth_a_line();
    assert_eq!([200, 404, 401, 403, 429].map(of), [false, false, true, true, true]);
}

#[test]
fn the_log_is_private_goes_on_after_a_restart_and_stays_small() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.log");
    let (caller, asked) = (Caller::of_socket(), Attributes::path("post", "/shutdown"));
    let rotation = Rotation { size: 1000, files: 3 };
    for start in [0, 40] {
        let log = AuditLog::open(&path, rotation).unwrap();
        for n in start..start + 40 {
            log.write(&record(&n.to_string(), &asked, &caller));
        }
    }
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    let all: Vec<_> = [".2", ".1", ""]
        .iter()
        .flat_map(|end| {
            let path = dir.path().join(format!("audit.log{end}"));
            assert!(fs::metadata(&path).unwrap().len() <= rotation.size);
            lines(&path)
        })
        .map(|line| line["id"].as_str().unwrap().parse::<usize>().unwrap())
        .collect();
    assert_eq!(all.last(), Some(&79));
    assert!(all.windows(2).all(|pair| pair[1] == pair[0] + 1), "in order, none missing: {all:?}");
}

#[test]
fn half_a_line_spoils_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.log");
    fs::write(&path, "{\"id\":\"0\"}\n{\"id\":\"1").unwrap();
    let (caller, asked) = (Caller::of_socket(), Attributes::path("post", "/shutdown"));
    AuditLog::open(&path, Rotation::default()).unwrap().write(&record("2", &asked, &caller));
    let text = fs::read_to_string(&path).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((text.lines().count(), &last["id"]), (3, &json!("2")));
}

/// A device that is always full stands for a disk that is.
#[test]
fn a_full_disk_loses_lines_and_holds_up_nobody() {
    let (caller, asked) = (Caller::of_socket(), Attributes::path("post", "/shutdown"));
    let full = OpenFull::new();
    let mut writer = Writer { file: full.rotating(), missing: Arc::default(), failing: false };
    for _ in 0..3 {
        writer.write(&record("1", &asked, &caller).line(Timestamp::now()));
    }
    assert_eq!(writer.missing.lost.load(Ordering::Relaxed), 3);
    assert!(writer.failing);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.log");
    writer.file = Rotating::open(&path, Rotation::default()).unwrap();
    writer.write(&record("4", &asked, &caller).line(Timestamp::now()));
    let lines = lines(&path);
    assert_eq!((&lines[0]["lostLines"], &lines[1]["id"]), (&json!(3), &json!("4")));
}

/// `/dev/full` by another name, since a log is never opened at its own.
struct OpenFull(tempfile::TempDir);

impl OpenFull {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", dir.path().join("audit.log")).unwrap();
        Self(dir)
    }

    fn rotating(&self) -> Rotating {
        Rotating::open(&self.0.path().join("audit.log"), Rotation::default()).unwrap()
    }
}
