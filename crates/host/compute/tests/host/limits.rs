//! What a workload may use up.

use std::time::{Duration, Instant};

use crate::common::{Host, LIMIT};
use madang_compute::State;
use madang_model::RestartPolicy;

pub(crate) async fn memory_beyond_the_limit_ends_the_process_and_not_the_shim() {
    let host = Host::new(&["python3", "-c", "print(len(bytearray(400 << 20)))"])
        .memory(64 << 20)
        .restart(RestartPolicy::Always);
    host.start().await;
    let observed = host.until("killed", |observed| observed.last_exit_code == Some(137)).await;
    assert!(observed.shim.unwrap().is_alive().unwrap());
    host.until("started again", |observed| observed.restarts > 0).await;
    host.close().await;
}

pub(crate) async fn files_in_memory_count() {
    let host = Host::new(&["sleep", "3600"]).memory(64 << 20);
    host.start().await;
    let (code, said) = host.sh("dd if=/dev/zero of=/tmp/big bs=1M count=200 2>&1; stat -c %s /tmp/big").await;
    let written: u64 = said.lines().last().and_then(|line| line.parse().ok()).unwrap_or(0);
    assert!(written <= 64 << 20, "{code} {said}");
    host.close().await;
}

pub(crate) async fn cpu_time_is_rationed() {
    let host = Host::shell("while :; do :; done").cpu(200);
    host.start().await;
    host.until("running", |observed| observed.state == State::Running).await;
    let used = || host.usage().cpu.unwrap();
    let (begin, before) = (Instant::now(), used());
    while used() - before < Duration::from_millis(400) {
        assert!(begin.elapsed() < LIMIT);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(begin.elapsed() > Duration::from_millis(1500), "0.4 s of CPU time took {:?}", begin.elapsed());
    host.close().await;
}

pub(crate) async fn a_fork_bomb_is_bounded_and_stopped() {
    let script = "import os, signal, time\nn = 0\nwhile n < 5000:\n    try:\n        if os.fork() == 0:\n            signal.pause()\n\
                  \x20       n += 1\n    except OSError:\n        break\nprint('forked', n, flush=True)\nsignal.pause()\n";
    let host = Host::new(&["python3", "-c", script]);
    host.start().await;
    let log = host.until_log("forked").await;
    let forked: u32 = log.trim().rsplit(' ').next().unwrap().parse().unwrap();
    assert!((400..512).contains(&forked), "{forked}");
    assert!(host.usage().pids <= 512);
    host.close().await;
}
