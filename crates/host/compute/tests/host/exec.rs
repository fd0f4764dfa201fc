//! Commands in a running sandbox.

use crate::common::{Host, LIMIT};
use madang_compute::{Error, ExecRequest, State};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const WAIT: &[&str] = &["sleep", "3600"];

fn request(command: &[&str]) -> ExecRequest {
    ExecRequest { command: command.iter().map(ToString::to_string).collect(), ..ExecRequest::default() }
}

pub(crate) async fn streams_and_exit_status() {
    let host = Host::new(WAIT);
    host.start().await;
    let script = "cat; echo err >&2; exit 7";
    assert_eq!(host.run(&["sh", "-c", script], "in\n").await, (7, "in\n".into(), "err\n".into()));
    assert_eq!(host.run(&["sh", "-c", "kill -15 $$"], "").await.0, 143);
    let big = "x".repeat(3 << 20);
    let (code, output, _) =
        host.run(&["sh", "-c", "wc -c; head -c 3000000 /dev/zero | tr '\\0' y"], &big).await;
    assert_eq!((code, output.len()), (0, "3145728\n".len() + 3_000_000));
    assert_eq!(
        host.sh("pwd; echo $HOME $HOSTNAME $LANG; env | wc -l").await.1,
        "/tmp\n/tmp web-1 C.UTF-8\n5\n"
    );
    host.close().await;
}

pub(crate) async fn the_same_cage_and_the_same_sandbox() {
    let host = Host::shell("echo theirs > /tmp/file; exec sleep 3600");
    host.start().await;
    host.until("running", |observed| observed.state == State::Running).await;
    let (_, said) = host
        .sh("until test -s /tmp/file; do sleep 0.05; done; cat /tmp/file; ps -e -o comm= | grep -c sleep")
        .await;
    assert_eq!(said, "theirs\n1\n");
    let mut session = host.exec(&["sh", "-c", "echo up; sleep 3600"], false).await;
    let mut up = [0; 3];
    session.stdout.read_exact(&mut up).await.unwrap();
    host.until("the workload, the shell and its child", |_| host.usage().pids == 3).await;
    host.close().await;
    assert_eq!(tokio::time::timeout(LIMIT, session.control.wait()).await.unwrap().unwrap(), 137);
}

pub(crate) async fn who_leaves_ends_the_command() {
    let host = Host::new(WAIT);
    host.start().await;
    let session = host.exec(&["sleep", "3600"], false).await;
    host.until("two processes", |_| host.usage().pids == 2).await;
    drop(session);
    host.until("one process", |_| host.usage().pids == 1).await;
    host.close().await;
}

pub(crate) async fn a_terminal() {
    let script = "tty; stty size; echo $TERM; ls -l $(tty) | cut -d' ' -f1,3,4; echo hi > /dev/tty; read line; stty size; \
                  trap 'echo interrupted; exit 42' INT; echo \"read $line\"; while :; do sleep 0.05; done";
    let host = Host::new(WAIT);
    host.start().await;
    let mut session = host.exec(&["sh", "-c", script], true).await;
    assert!(session.stderr.is_none());
    let mut seen = String::new();
    let mut expect = async |expected: &str| {
        let until = async {
            let mut buffer = [0; 1024];
            while !seen.contains(expected) {
                let read = session.stdout.read(&mut buffer).await.unwrap();
                assert!(read > 0, "the end, and no {expected:?} in {seen:?}");
                seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
        };
        assert!(tokio::time::timeout(LIMIT, until).await.is_ok(), "no {expected:?}");
    };
    expect("/dev/pts/0\r\n40 100\r\nxterm-256color\r\ncrw--w---- nobody tty\r\nhi\r\n").await;
    session.control.resize(120, 50).unwrap();
    session.stdin.write_all(b"typed\n").await.unwrap();
    expect("typed\r\n50 120\r\nread typed\r\n").await;
    session.stdin.write_all(b"\x03").await.unwrap();
    expect("^Cinterrupted\r\n").await;
    let mut rest = Vec::new();
    tokio::time::timeout(LIMIT, session.stdout.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!(session.control.wait().await.unwrap(), 42);
    host.close().await;
}

pub(crate) async fn what_cannot_run_is_said() {
    let host = Host::new(WAIT);
    host.start().await;
    for (command, code, text) in [
        (
            &["no-such-program"][..],
            127,
            "cannot run \"no-such-program\": there is no such program in the sandbox",
        ),
        (&["/etc/passwd"], 126, "cannot run \"/etc/passwd\": it is not executable for this user"),
        (&[], 126, "no command was given"),
    ] {
        for tty in [false, true] {
            let request = ExecRequest { tty, ..request(command) };
            match host.driver.exec(&host.workload.uid, request).await {
                Err(Error::Exec { reason, code: found }) => {
                    assert_eq!((found, reason.as_str()), (code, text))
                }
                other => panic!("{command:?}: {other:?}"),
            }
        }
    }
    host.close().await;
}

pub(crate) async fn nothing_to_enter() {
    let host = Host::new(&["true"]);
    host.start().await;
    host.until_exited().await;
    let error = host.driver.exec(&host.workload.uid, request(&["true"])).await.unwrap_err();
    assert_eq!(error.to_string(), "instance web-1 has no running process to enter: it has ended");
    host.close().await;
}
