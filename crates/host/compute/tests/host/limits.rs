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
    const MIB: u64 = 1 << 20;
    let host = Host::new(&["sleep", "3600"]).memory(64 * MIB);
    host.start().await;
    let write = |to: &str| format!("exec dd if=/dev/zero of={to} bs=1M count=40");
    let (code, said) = host.sh(&write("/tmp/a")).await;
    assert_eq!(code, 0, "{said}");
    let usage = host.usage();
    assert!(usage.memory >= 40 * MIB && usage.oom_kills == 0, "{usage:?}");
    // Each place would take as much as the instance's memory, but not both together.
    let (code, said) = host.sh(&write("/dev/shm/b")).await;
    let usage = host.usage();
    assert!(code != 0 && usage.oom_kills > 0, "{code} {said} {usage:?}");
    assert!(usage.memory <= 64 * MIB, "{usage:?}");
    assert!(host.observe().unwrap().shim.unwrap().is_alive().unwrap());
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
    // And not because this machine has no more to give.
    assert!(host.throttled() > 0, "it never had to wait for its ration");
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
