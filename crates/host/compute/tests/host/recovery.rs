//! What is made of an instance whose shim was killed, or that a daemon left half made.

use std::path::PathBuf;
use std::process::Command;

use crate::common::{Host, LIMIT};
use madang_compute::{Error, State};
use madang_kernel::cgroup::{Cgroups, Limits};
use madang_kernel::process::ProcessId;
use madang_model::RestartPolicy;
use rustix::process::Signal;

pub(crate) async fn the_shims_death_is_everybodys() {
    let host = Host::shell("(setsid sleep 3621 &); sleep 3622");
    host.start().await;
    let observed = host.until("running", |observed| observed.state == State::Running).await;
    let (shim, main) =
        (observed.shim.unwrap(), ProcessId::of(observed.process_pid.unwrap()).unwrap().unwrap());
    assert!(shim.signal(Signal::KILL).unwrap());
    assert!(shim.wait(LIMIT).unwrap());
    assert!(!main.is_alive().unwrap());
    assert_eq!(host.usage().pids, 0);
    let observed = host.observe().unwrap();
    assert_eq!(observed.state, State::Exited, "its policy is to run once");
    assert_eq!(observed.message, "its shim was killed, or the host was started again");
    host.start().await;
    host.until("running", |observed| observed.state == State::Running && observed.shim != Some(shim)).await;
    host.close().await;
}

pub(crate) async fn whose_shim_was_killed_is_lost_and_starts_again() {
    let host = Host::new(&["sleep", "3600"]).restart(RestartPolicy::Always);
    host.start().await;
    let shim = host.until("running", |observed| observed.state == State::Running).await.shim.unwrap();
    assert!(shim.signal(Signal::KILL).unwrap());
    assert!(shim.wait(LIMIT).unwrap());
    let lost = host.observe().unwrap();
    assert_eq!((lost.state, lost.shim, lost.process_pid), (State::Running, None, None));
    assert_eq!(host.driver.tidy().await.len(), 0);
    assert_eq!(host.observe().unwrap(), lost, "what ran is not tidied away");
    host.start().await;
    host.until("running", |observed| observed.state == State::Running && observed.shim.is_some()).await;
    host.close().await;
}

pub(crate) async fn a_process_id_that_was_used_again_is_not_ours() {
    let host = Host::new(&["sleep", "3600"]);
    host.start().await;
    let shim = host.observe().unwrap().shim.unwrap();
    shim.signal(Signal::KILL).unwrap();
    shim.wait(LIMIT).unwrap();
    // As if a stranger had got the number.
    let mut stranger = Command::new("sleep").arg("3600").spawn().unwrap();
    let file = host.instance_dir().join("shim.pid");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace(&format!("\"pid\":{}", shim.pid), &format!("\"pid\":{}", stranger.id())),
    )
    .unwrap();
    assert_eq!(host.observe().unwrap().state, State::Exited);
    host.stop().await;
    assert!(stranger.try_wait().unwrap().is_none(), "left alone");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    host.close().await;
}

pub(crate) async fn what_was_begun_and_not_finished_is_told_and_tidied() {
    let host = Host::new(&["sleep", "3600"]);
    std::fs::create_dir_all(host.instance_dir().join("root")).unwrap();
    let observed = host.observe().unwrap();
    assert_eq!((observed.state, observed.shim), (State::Starting, None));
    assert!(host.instance_dir().exists(), "who looks changes nothing");
    assert_eq!(host.driver.tidy().await.len(), 0);
    assert!(!host.instance_dir().exists());
    assert_eq!(host.driver.observe().unwrap(), []);
    host.close().await;
}

pub(crate) async fn the_directory_is_removed_last() {
    let host = Host::new(&["sleep", "3600"]);
    let groups = Cgroups::detect(&host.layout).unwrap();
    std::fs::create_dir_all(host.instance_dir().join("root")).unwrap();
    groups.create(&host.workload.uid, &Limits::default()).unwrap();
    let held = Held::new(host.instance_dir().join("root"));
    assert_eq!(host.observe().unwrap().state, State::Starting, "one that cannot be removed can be observed");
    let troubles = host.driver.tidy().await;
    assert!(matches!(&*troubles, [(uid, Error::System { .. })] if *uid == host.workload.uid), "{troubles:?}");
    assert!(host.instance_dir().exists());
    assert!(groups.list().unwrap().is_empty(), "nobody would look for it without the directory");
    drop(held);
    assert_eq!(host.driver.tidy().await.len(), 0);
    host.close().await;
}

pub(crate) async fn a_control_group_without_an_instance_is_tidied() {
    let host = Host::new(&["sleep", "3600"]);
    host.start().await;
    let before = host.until("running", |observed| observed.state == State::Running).await;
    let groups = Cgroups::detect(&host.layout).unwrap();
    let left = groups.create("left", &Limits::default()).unwrap();
    let mut orphan = Command::new("sleep").arg("3600").spawn().unwrap();
    left.attach(orphan.id()).unwrap();
    let troubles = host.driver.tidy().await;
    let groups_left = groups.list().unwrap();
    let ended = ProcessId::of(orphan.id()).unwrap().is_none_or(|orphan| orphan.wait(LIMIT / 10).unwrap());
    left.kill(LIMIT).and_then(|()| left.delete()).unwrap();
    assert!(!orphan.wait().unwrap().success() && ended, "it is the tidying that ended it");
    assert!(troubles.is_empty(), "{troubles:?}");
    assert_eq!(groups_left, [host.workload.uid.clone()].into());
    assert_eq!(host.observe().unwrap(), before);
    host.close().await;
}

/// A directory that cannot be removed until this is dropped.
struct Held(PathBuf);

impl Held {
    fn new(path: PathBuf) -> Self {
        assert!(Command::new("mount").arg("--bind").args([&path, &path]).status().unwrap().success());
        Self(path)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg(&self.0).status().unwrap().success());
    }
}
