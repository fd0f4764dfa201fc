use fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use madang_kernel::Layout;
use madang_kernel::process::ProcessId;
use madang_model::{ProcessSpec, Resources, RestartPolicy};

use super::*;
use crate::instance_dir::Order;
use crate::{Driver, Workload};

/// A layout whose instances are written here, and not started.
struct Place {
    dir: tempfile::TempDir,
    driver: Driver,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let driver = Driver::new(Layout::new(Some(dir.path())), "/bin/true".into());
        Self { dir, driver }
    }

    fn instance(&self, uid: &str, restart_policy: RestartPolicy) -> InstanceDir {
        let dir = InstanceDir::new(&Layout::new(Some(self.dir.path())), uid).unwrap();
        let process = ProcessSpec {
            command: vec!["true".into()],
            env: std::collections::BTreeMap::new(),
            working_dir: None,
            run_as_user: None,
            run_as_group: None,
            restart_policy,
        };
        let workload = Workload {
            unmanaged: false,
            uid: uid.into(),
            name: "web-1".into(),
            netns: "/nowhere".into(),
            process,
            resources: Resources::default(),
            address: "10.0.1.4".parse().unwrap(),
            hosts: Vec::new(),
            nameservers: Vec::new(),
            domain: String::new(),
        };
        let spec_hash = workload.spec_hash();
        dir.create(&Order { workload, spec_hash, layout_root: None, hidden: Vec::new() }).unwrap();
        dir
    }

    fn observe(&self) -> Vec<ObservedWorkload> {
        self.driver.observe().unwrap()
    }

    fn only(&self) -> ObservedWorkload {
        self.observe().try_into().map(|[one]: [_; 1]| one).unwrap()
    }
}

fn record(dir: &InstanceDir, state: State) {
    let process = (state == State::Running).then_some(7);
    let record = Record { state, process, restarts: 3, ..Record::new() };
    dir.open().unwrap().write_record(&record).unwrap();
}

/// Gives a file this age.
fn age(path: &Path, age: Duration) {
    File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

/// Changes a file so that only who reads it can tell.
fn change_unseen(path: &PathBuf, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
    File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

#[test]
fn a_killed_shim_leaves_a_lost_instance_unless_it_was_to_run_once() {
    let place = Place::new();
    for (policy, found, state) in [
        (RestartPolicy::Always, State::Running, State::Running),
        (RestartPolicy::Always, State::Backoff, State::Backoff),
        (RestartPolicy::OnFailure, State::Running, State::Running),
        (RestartPolicy::Never, State::Running, State::Exited),
        (RestartPolicy::Never, State::Starting, State::Starting),
    ] {
        let dir = place.instance("u1", policy);
        record(&dir, found);
        let observed = place.only();
        assert_eq!((observed.state, observed.shim, observed.process_pid), (state, None, None), "{policy:?}");
        assert_eq!(observed.restarts, 3);
        assert!(!observed.message.is_empty());
        fs::remove_dir_all(dir.path()).unwrap();
        assert_eq!(place.observe(), []);
    }
}

#[test]
fn after_a_reboot_what_ran_is_lost_and_what_had_ended_has_ended() {
    let place = Place::new();
    let dir = place.instance("u1", RestartPolicy::Always);
    dir.open().unwrap().write_shim(ProcessId::current().unwrap()).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let text = fs::read_to_string(dir.file("shim.pid")).unwrap();
    assert!(text.contains(boot.trim()));
    fs::write(dir.file("shim.pid"), text.replace(boot.trim(), "another")).unwrap();
    record(&dir, State::Running);
    let observed = place.only();
    assert_eq!((observed.state, observed.shim, observed.process_pid), (State::Running, None, None));
    record(&dir, State::Exited);
    assert_eq!(place.only().state, State::Exited);
}

#[test]
fn one_bad_instance_does_not_hide_the_others_and_nothing_is_removed() {
    let place = Place::new();
    let empty = place.instance("a-half-made", RestartPolicy::Always);
    let damaged = place.instance("b-damaged", RestartPolicy::Always);
    fs::write(damaged.file("state.json"), "{").unwrap();
    let odd = place.instance("c-odd", RestartPolicy::Always);
    fs::create_dir(odd.file("state.json")).unwrap();
    fs::write(InstanceDir::all(&Layout::new(Some(place.dir.path()))).join("d-file"), "").unwrap();
    let good = place.instance("e-good", RestartPolicy::Always);
    let me = ProcessId::current().unwrap();
    good.open().unwrap().write_shim(me).unwrap();
    record(&good, State::Running);
    for _ in 0..2 {
        let all = place.observe();
        let states: Vec<_> = all.iter().map(|one| (&*one.uid, one.state, one.shim)).collect();
        let expected = [
            ("a-half-made", State::Starting, None),
            ("b-damaged", State::Exited, None),
            ("c-odd", State::Exited, None),
            ("d-file", State::Exited, None),
            ("e-good", State::Running, Some(me)),
        ];
        assert_eq!(states, expected);
        assert!(all[1].message.contains("is damaged") && !all[1].spec_hash.is_empty());
        assert!(all[2].message.contains("state.json"), "{}", all[2].message);
    }
    assert!(empty.file("spec.json").exists());
}

#[test]
fn files_are_read_again_only_when_they_are_others() {
    let place = Place::new();
    let dir = place.instance("u1", RestartPolicy::Always);
    dir.open().unwrap().write_shim(ProcessId::current().unwrap()).unwrap();
    record(&dir, State::Running);
    let (state, spec) = (dir.file("state.json"), dir.file("spec.json"));
    assert_eq!(place.only().restarts, 3);
    change_unseen(&state, "\"restarts\":3", "\"restarts\":4");
    assert_eq!(place.only().restarts, 4, "what is this young may have changed within a tick of the clock");
    age(&state, Duration::from_secs(60));
    age(&spec, Duration::from_secs(60));
    let hash = place.only().spec_hash;
    change_unseen(&state, "\"restarts\":4", "\"restarts\":5");
    change_unseen(&spec, &hash, &"0".repeat(hash.len()));
    fs::write(dir.file("shim.pid"), "").unwrap();
    let observed = place.only();
    assert_eq!((observed.restarts, observed.spec_hash), (4, hash), "not read");
    assert!(observed.shim.is_some(), "not asked for again");
    age(&state, Duration::from_secs(59));
    age(&spec, Duration::from_secs(59));
    let observed = place.only();
    assert_eq!((observed.restarts, &*observed.spec_hash), (5, "0000000000000000"));
    record(&dir, State::Backoff);
    assert_eq!(place.only().state, State::Backoff, "another file of the name");
}

#[test]
fn a_shim_that_was_seen_alive_is_seen_to_end() {
    let place = Place::new();
    let dir = place.instance("u1", RestartPolicy::Always);
    let other = place.instance("u2", RestartPolicy::Always);
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let shim = ProcessId::of(child.id()).unwrap().unwrap();
    for (dir, shim) in [(&dir, shim), (&other, ProcessId::current().unwrap())] {
        dir.open().unwrap().write_shim(shim).unwrap();
        record(dir, State::Running);
        age(&dir.file("spec.json"), Duration::from_secs(60));
    }
    let shims = || place.observe().into_iter().map(|one| one.shim.is_some()).collect::<Vec<_>>();
    assert_eq!(shims(), [true, true]);
    assert_eq!(shims(), [true, true]);
    child.kill().unwrap();
    assert!(shim.wait(Duration::from_secs(10)).unwrap());
    assert_eq!(shims(), [false, true]);
    child.wait().unwrap();
    assert_eq!(place.observe()[0].state, State::Running, "lost");
}
