//! Starting, restarting, stopping, finding again.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Host, LIMIT};
use madang_compute::{Driver, Error, State};
use madang_model::RestartPolicy;
use tokio::io::AsyncReadExt;

pub(crate) async fn a_process_runs_and_is_told_of() {
    let host = Host::shell("echo out; echo err >&2; exec sleep 3600");
    host.start().await;
    let observed = host.until("running", |observed| observed.state == State::Running).await;
    assert_eq!(observed.spec_hash, host.workload.spec_hash());
    assert!(observed.shim.unwrap().is_alive().unwrap());
    assert_eq!((observed.restarts, observed.last_exit_code), (0, None));
    assert!(observed.started_at.unwrap().elapsed().unwrap() < LIMIT);
    assert_eq!(host.until_log("err").await, "out\nerr\n");
    let command = format!("/proc/{}/cmdline", observed.process_pid.unwrap());
    host.until("what the shell became", |_| std::fs::read(&command).unwrap() == b"sleep\x003600\0").await;
    host.close().await;
}

pub(crate) async fn the_exit_status_outlives_the_shim() {
    for (script, code, message) in [
        ("exit 0", 0, "ended with exit status 0"),
        ("exit 7", 7, "ended with exit status 7"),
        ("kill -9 $$", 137, "ended by signal 9"),
    ] {
        let host = Host::shell(&format!("echo last words; {script}"));
        host.start().await;
        let observed = host.until_exited().await;
        assert_eq!((observed.last_exit_code, observed.message.as_str()), (Some(code), message));
        assert_eq!(observed.process_pid, None);
        assert_eq!(host.log().await, "last words\n", "the log is there until it is stopped");
        host.close().await;
    }
}

pub(crate) async fn a_program_that_is_not_there_is_said() {
    let host = Host::new(&["no-such-program"]);
    host.start().await;
    let observed = host.until_exited().await;
    assert_eq!(observed.last_exit_code, Some(127));
    assert_eq!(observed.message, "cannot run \"no-such-program\": there is no such program in the sandbox");
    let mut nowhere = Host::new(&["true"]);
    nowhere.workload.process.working_dir = Some("/nowhere".into());
    nowhere.start().await;
    let observed = nowhere.until_exited().await;
    assert_eq!(observed.last_exit_code, Some(126));
    assert!(
        observed.message.starts_with("cannot enter the working directory /nowhere: "),
        "{}",
        observed.message
    );
    host.close().await;
    nowhere.close().await;
}

pub(crate) async fn starts_again_with_growing_waits() {
    let host = Host::shell("echo started; exit 3").restart(RestartPolicy::Always);
    let begin = Instant::now();
    host.start().await;
    let waiting = host.until("waiting", |observed| observed.state == State::Backoff).await;
    assert_eq!(waiting.message, "ended with exit status 3; starts again after 1 s");
    host.until("restarted twice", |observed| observed.restarts == 2).await;
    assert!(begin.elapsed() >= Duration::from_secs(3), "1 s, then 2 s");
    assert!(host.log().await.starts_with("started\nstarted\n"));
    host.close().await;
}

pub(crate) async fn restart_policies() {
    let done = Host::shell("exit 0").restart(RestartPolicy::OnFailure);
    done.start().await;
    assert_eq!(done.until_exited().await.restarts, 0);
    let failing = Host::shell("test -e /tmp/again && exit 0; touch /tmp/again; exit 1")
        .restart(RestartPolicy::OnFailure);
    failing.start().await;
    let observed = failing.until_exited().await;
    assert_eq!(
        (observed.restarts, observed.last_exit_code),
        (1, Some(0)),
        "what it wrote to /tmp is there the next time"
    );
    done.close().await;
    failing.close().await;
}

pub(crate) async fn what_the_process_left_behind_ends_with_it() {
    let host = Host::shell("sleep 3611 & (setsid sleep 3612 &) ; echo up; sleep 0.3; exit 1")
        .restart(RestartPolicy::Always);
    host.start().await;
    host.until("waiting", |observed| observed.state == State::Backoff).await;
    assert_eq!(host.usage().pids, 0, "nobody is left in the control group");
    host.close().await;
}

pub(crate) async fn stop_asks_first_and_then_insists() {
    let polite = Host::shell("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done");
    polite.start().await;
    polite.until_log("up").await;
    let mut log = polite.driver.logs(&polite.workload.uid, true, None).unwrap();
    let begin = Instant::now();
    polite.driver.stop(&polite.workload.uid, Duration::from_secs(20)).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(10), "it did not wait for the whole grace");
    let mut text = String::new();
    tokio::time::timeout(LIMIT, log.read_to_string(&mut text)).await.unwrap().unwrap();
    assert_eq!(text, "up\nbye\n", "a follower sees the last words, then the end");
    polite.close().await;

    let stubborn = Host::shell("trap '' TERM; echo up; while :; do sleep 0.05; done");
    stubborn.start().await;
    stubborn.until_log("up").await;
    let begin = Instant::now();
    stubborn.driver.stop(&stubborn.workload.uid, Duration::from_secs(1)).await.unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(1));
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    stubborn.assert_nothing_left();
    stubborn.close().await;
}

pub(crate) async fn a_new_driver_finds_what_the_last_one_started() {
    let host = Host::new(&["sleep", "3600"]);
    host.start().await;
    let before = host.until("running", |observed| observed.state == State::Running).await;
    let again = Driver::new(host.layout.clone(), crate::common::program());
    assert_eq!(again.observe().unwrap(), std::slice::from_ref(&before));
    let mut renamed = host.workload.clone();
    renamed.hosts.push(("10.0.1.9".parse().unwrap(), "new-1".into()));
    again.start(&renamed).await.unwrap();
    assert_eq!(again.observe().unwrap(), [before], "left alone");
    assert!(host.sh("cat /etc/hosts").await.1.contains("10.0.1.9 new-1"), "but for its hosts file");
    let mut other = host.workload.clone();
    other.process.command = vec!["sleep".into(), "7200".into()];
    assert!(matches!(again.start(&other).await, Err(Error::Differs(_))));
    again.stop(&host.workload.uid, Duration::from_secs(5)).await.unwrap();
    host.close().await;
}

pub(crate) async fn instances_outlive_the_daemons_sudden_death() {
    let host = Host::shell("i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done");
    let workload = serde_json::to_string(&host.workload).unwrap();
    let mut daemon = Command::new(crate::common::program())
        .arg("daemon")
        .args([host.root().as_os_str(), workload.as_ref()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "started\n");
    let before = host.observe().unwrap();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let written = host.log().await.lines().count();
    host.until_log(&format!("\n{}\n", written + 10)).await;
    assert_eq!(host.observe().unwrap().shim, before.shim);
    assert_eq!(host.sh("echo in").await.1, "in\n");
    host.close().await;
}

pub(crate) async fn new_names_start_nothing() {
    let host = Host::shell("echo last words; exit 3");
    host.driver.renew_names(&host.workload).await.unwrap();
    host.assert_nothing_left();
    host.start().await;
    let before = host.until_exited().await;
    let mut renamed = host.workload.clone();
    renamed.hosts.push(("10.0.1.9".parse().unwrap(), "new-1".into()));
    host.driver.renew_names(&renamed).await.unwrap();
    let hosts = std::fs::read_to_string(host.instance_dir().join("hosts")).unwrap();
    assert!(hosts.contains("10.0.1.9 new-1"), "{hosts}");
    assert_eq!(host.observe().unwrap(), before);
    assert_eq!(host.log().await, "last words\n");
    host.close().await;

    let running = Host::new(&["sleep", "3600"]);
    running.start().await;
    let mut renamed = running.workload.clone();
    renamed.hosts.push(("10.0.1.9".parse().unwrap(), "new-1".into()));
    running.driver.renew_names(&renamed).await.unwrap();
    assert!(running.sh("cat /etc/hosts").await.1.contains("10.0.1.9 new-1"));
    running.close().await;
}

pub(crate) async fn what_cannot_start_says_why_and_leaves_nothing() {
    let mut host = Host::new(&["sleep", "3600"]);
    let netns = std::mem::replace(&mut host.workload.netns, "/nowhere/netns".into());
    let error = host.driver.start(&host.workload).await.unwrap_err();
    let text = error.chain();
    assert!(
        text.starts_with("instance web-1 did not start: cannot open the network namespace /nowhere/netns: "),
        "{text}"
    );
    host.assert_nothing_left();
    host.workload.netns = netns;
    host.start().await;
    host.close().await;
}

pub(crate) async fn the_log_is_bounded() {
    let host = Host::shell("yes 0123456789abcdef | head -c 26000000; echo; echo end; exec sleep 3600");
    host.start().await;
    let begin = Instant::now();
    while host.last_lines(Some(1)).await != "end\n" {
        assert!(begin.elapsed() < LIMIT, "{}", host.last_lines(Some(3)).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let size = |name: &str| std::fs::metadata(host.instance_dir().join(name)).unwrap().len();
    assert!(size("log") <= 10 << 20 && size("log.1") <= 10 << 20);
    host.close().await;
}
