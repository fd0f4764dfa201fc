//! Version 2 on a directory tree that only looks like one; version 1, or whatever this host has, really (as root).

use std::path::PathBuf;
use std::process::{Child, Command};

use super::*;

/// A directory of one test's own, which goes with it.
struct Tree(PathBuf);

impl Tree {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("madang-cgroup-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// With the files that the kernel would make in each of these groups.
    fn fake_v2(test: &str, uid: &str, layout: &Layout) -> (Self, Cgroups) {
        let tree = Self::new(test);
        let mut group = tree.0.clone();
        for part in ["", &layout.name(), INSTANCES, uid] {
            group = group.join(part);
            fs::create_dir_all(&group).unwrap();
            for (file, text) in [
                ("cgroup.subtree_control", ""),
                ("cgroup.controllers", "cpuset cpu io memory pids"),
                ("cgroup.procs", ""),
                ("cpu.max", ""),
                ("cpu.stat", "usage_usec 1500\nuser_usec 1000\n"),
                ("memory.max", ""),
                ("memory.swap.max", ""),
                ("memory.current", "4096\n"),
                ("memory.events", "low 0\noom 1\noom_kill 2\noom_group_kill 0\n"),
                ("pids.max", ""),
                ("pids.current", "3\n"),
            ] {
                fs::write(group.join(file), text).unwrap();
            }
        }
        let cgroups = Cgroups::new(Hierarchy::V2 { root: tree.0.clone() }, layout);
        (tree, cgroups)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn layout(test: &str) -> Layout {
    Layout::new(Some(Path::new(&format!("/nowhere/{test}/{}", std::process::id()))))
}

#[test]
fn the_hierarchy_with_the_controllers_counts() {
    let tree = Tree::new("mounts");
    let unified = tree.0.join("unified");
    fs::create_dir_all(&unified).unwrap();
    let mounts = format!(
        "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
         32 31 0:29 / /c/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
         35 31 0:32 / /c/memory rw,relatime - cgroup cgroup rw,memory\n\
         39 31 0:36 / /c/pids\\040x rw,relatime - cgroup cgroup rw,pids\n\
         41 31 0:38 / {} rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n",
        unified.display()
    );
    fs::write(unified.join("cgroup.controllers"), "\n").unwrap();
    let version_1 = Hierarchy::V1 {
        cpu: "/c/cpu".into(),
        cpuacct: Some("/c/cpu".into()),
        memory: "/c/memory".into(),
        pids: "/c/pids x".into(),
        freezer: None,
    };
    assert_eq!(Hierarchy::from_mounts(&mounts).unwrap(), version_1);
    assert_eq!(version_1.roots().len(), 3);
    fs::write(unified.join("cgroup.controllers"), "cpuset cpu io memory pids\n").unwrap();
    assert_eq!(Hierarchy::from_mounts(&mounts).unwrap(), Hierarchy::V2 { root: unified });
    let error = Hierarchy::from_mounts("").unwrap_err();
    assert!(matches!(error, Error::NoController { controller: "cpu" }), "{error}");
}

#[test]
fn version_2_hands_controllers_down_and_limits_the_leaf() {
    let layout = layout("limits");
    let (tree, cgroups) = Tree::fake_v2("limits", "uid-1", &layout);
    let limits = Limits { cpu: Some(500), memory: Some(64 << 20), pids: Some(100) };
    let group = cgroups.create("uid-1", &limits).unwrap();
    for above in ["".into(), layout.name(), format!("{}/{INSTANCES}", layout.name())] {
        let enabled = fs::read_to_string(tree.0.join(above).join("cgroup.subtree_control")).unwrap();
        assert_eq!(enabled, "+cpu +memory +pids");
    }
    let leaf = tree.0.join(layout.name()).join(INSTANCES).join("uid-1");
    let text = |file: &str| fs::read_to_string(leaf.join(file)).unwrap();
    assert_eq!(text("cgroup.subtree_control"), "", "a leaf has processes, so it hands nothing down");
    assert_eq!(text("cpu.max"), "50000 100000");
    assert_eq!(text("memory.max"), "67108864");
    assert_eq!(text("memory.swap.max"), "0");
    assert_eq!(text("pids.max"), "100");
    group.set_limits(&Limits::default()).unwrap();
    assert_eq!(text("cpu.max"), "max 100000");
    assert_eq!((text("memory.max"), text("memory.swap.max")), ("max".into(), "max".into()));
    group.attach(4242).unwrap();
    assert_eq!(text("cgroup.procs"), "4242");
    let usage = group.usage().unwrap();
    let cpu = Some(Duration::from_micros(1500));
    assert_eq!(usage, Usage { cpu, memory: 4096, pids: 3, oom_kills: 2 });
    assert_eq!(cgroups.list().unwrap(), BTreeSet::from(["uid-1".to_owned()]));
}

#[test]
fn version_2_is_killed_at_once() {
    let layout = layout("kill");
    let (tree, cgroups) = Tree::fake_v2("kill", "uid-1", &layout);
    let leaf = tree.0.join(layout.name()).join(INSTANCES).join("uid-1");
    let group = cgroups.group("uid-1");
    group.kill(Duration::from_secs(1)).unwrap();
    fs::write(leaf.join("cgroup.kill"), "").unwrap();
    // A number that no process can have: nothing may be signalled by number here.
    fs::write(leaf.join("cgroup.procs"), "4194999\n").unwrap();
    let error = group.kill(Duration::ZERO).unwrap_err();
    assert!(matches!(&error, Error::NotEmpty { pids, .. } if *pids == [4_194_999]), "{error}");
    assert_eq!(fs::read_to_string(leaf.join("cgroup.kill")).unwrap(), "1");
}

/// What this host really has.
struct Real {
    cgroups: Cgroups,
    children: Vec<Child>,
}

impl Real {
    fn new(test: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "this test needs root");
            eprintln!("skipped: this test needs root");
            return None;
        }
        Some(Self { cgroups: Cgroups::detect(&layout(test)).unwrap(), children: Vec::new() })
    }

    fn spawn(&mut self, script: &str) -> u32 {
        let child =
            Command::new("sh").args(["-c", script]).stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = child.id();
        self.children.push(child);
        pid
    }

    /// Lets the last child's `read` go on.
    fn go(&mut self) {
        drop(self.children.last_mut().unwrap().stdin.take());
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        for uid in self.cgroups.list().unwrap_or_default() {
            let group = self.cgroups.group(&uid);
            let _ = group.kill(Duration::from_secs(10)).and_then(|()| group.delete());
        }
        let _ = self.cgroups.remove();
    }
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited 20 s for this: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_group_holds_kills_and_goes() {
    let Some(mut real) = Real::new("holds") else { return };
    let limits = Limits { cpu: Some(500), memory: Some(64 << 20), pids: Some(64) };
    real.cgroups.create("a", &limits).unwrap();
    real.cgroups.create("a", &limits).unwrap();
    let pid = real.spawn("read x; for i in 1 2 3; do sleep 300 & done; wait");
    let group = real.cgroups.group("a");
    group.attach(pid).unwrap();
    real.go();
    let group = real.cgroups.group("a");
    until("all four are in the group", || group.processes().unwrap().len() == 4);
    let usage = group.usage().unwrap();
    assert!(usage.pids >= 4 && usage.memory > 0, "{usage:?}");
    let error = group.delete().unwrap_err();
    assert!(matches!(&error, Error::NotEmpty { pids, .. } if pids.contains(&pid)), "{error}");
    group.kill(Duration::from_secs(10)).unwrap();
    assert!(group.processes().unwrap().is_empty());
    // The child is killed but not yet reaped, which holds no group; and what is gone can be deleted again.
    group.delete().unwrap();
    group.delete().unwrap();
    assert!(!group.exists());
    assert_eq!(real.cgroups.list().unwrap(), BTreeSet::new());
    real.cgroups.remove().unwrap();
}

#[test]
fn what_forks_without_end_is_killed() {
    let Some(mut real) = Real::new("forks") else { return };
    real.cgroups.create("b", &Limits { memory: Some(128 << 20), ..Limits::default() }).unwrap();
    let pid = real.spawn("read x; for i in 1 2 3 4 5; do (while :; do sh -c :; done) & done; wait");
    real.cgroups.group("b").attach(pid).unwrap();
    real.go();
    let group = real.cgroups.group("b");
    until("it forks", || group.processes().unwrap().len() > 6);
    group.kill(Duration::from_secs(20)).unwrap();
    assert!(group.processes().unwrap().is_empty());
    group.delete().unwrap();
}

#[test]
fn processes_beyond_the_limit_are_not_to_be_had() {
    let Some(mut real) = Real::new("pids") else { return };
    real.cgroups.create("p", &Limits { pids: Some(20), ..Limits::default() }).unwrap();
    let pid = real.spawn("read x; while :; do sleep 300 & done 2>/dev/null");
    real.cgroups.group("p").attach(pid).unwrap();
    real.go();
    // The shell gives up when it cannot fork, and what it started stays.
    real.children[0].wait().unwrap();
    assert_eq!(real.cgroups.group("p").usage().unwrap().pids, 19);
}

#[test]
fn memory_beyond_the_limit_is_not_to_be_had() {
    let Some(mut real) = Real::new("memory") else { return };
    real.cgroups.create("c", &Limits { memory: Some(16 << 20), ..Limits::default() }).unwrap();
    let pid = real.spawn("read x; exec head -c 100M /dev/zero | tail -c 90M >/dev/null");
    real.cgroups.group("c").attach(pid).unwrap();
    real.go();
    let group = real.cgroups.group("c");
    until("something was killed for want of memory", || group.usage().unwrap().oom_kills > 0);
    assert!(group.usage().unwrap().memory <= 16 << 20);
}

/// The core of version 2 is there also where the controllers are in version 1.
#[test]
fn version_2_kills_for_real() {
    let Some(mut real) = Real::new("unified") else { return };
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let Some(line) = mounts.lines().find(|line| line.contains(" - cgroup2 ")) else {
        eprintln!("skipped: no cgroup2 is mounted");
        return;
    };
    let root = PathBuf::from(line.split(' ').nth(4).unwrap());
    let layout = layout("unified-2");
    let cgroups = Cgroups::new(Hierarchy::V2 { root }, &layout);
    let group = cgroups.group("e");
    let directory = group.directories().pop_first().unwrap();
    make(&directory.join("nested")).unwrap();
    let pid = real.spawn("read x; sleep 300 & sleep 300 & wait");
    let worked = (|| {
        write(&directory.join("nested/cgroup.procs"), &pid.to_string())?;
        real.go();
        until("all three are in the group", || group.processes().unwrap().len() == 3);
        group.kill(Duration::from_secs(10))
    })();
    real.children[0].kill().unwrap();
    group.delete().unwrap();
    cgroups.remove().unwrap();
    worked.unwrap();
    assert!(!directory.exists());
}

#[test]
fn limits_can_be_raised_and_lifted() {
    let Some(real) = Real::new("raise") else { return };
    for memory in [Some(32 << 20), Some(64 << 20), Some(16 << 20), None, Some(8 << 20)] {
        let limits = Limits { memory, cpu: memory.map(|_| 1), pids: memory.map(|_| 5) };
        real.cgroups.create("d", &limits).unwrap();
    }
}
