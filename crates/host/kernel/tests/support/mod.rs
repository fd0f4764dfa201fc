//! What the datapath's tests share: privilege, a private layout, a private network namespace, seeded randomness.
#![expect(unsafe_code, reason = "a test moves itself into another network namespace")]
#![allow(dead_code, reason = "each test uses some of it")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use madang_kernel::Layout;
use madang_kernel::datapath::Datapath;

/// Whether the test can run: as root. Without root it fails in CI, and says that it skips elsewhere.
pub(crate) fn privileged() -> bool {
    let root = rustix::process::geteuid().is_root();
    let ci = std::env::var_os("CI").is_some();
    assert!(root || !ci, "this test needs root, and CI must not leave it out: run the tests as root");
    if !root {
        println!("skipped: this test needs root (it loads BPF programs and makes network namespaces)");
    }
    root
}

/// A name that no other test has, short enough for an interface.
pub(crate) fn tag() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let pid = std::process::id();
    format!("{pid:x}{:x}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A layout of its own, whose pins go when the test ends, whatever its outcome.
pub(crate) struct Private {
    pub(crate) layout: Layout,
}

impl Private {
    pub(crate) fn new() -> Self {
        let root = PathBuf::from(format!("/nonexistent/madang-test-{}", tag()));
        Self { layout: Layout::new(Some(&root)) }
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        if let Err(error) = Datapath::remove(&self.layout) {
            println!("cannot remove {}: {error:?}", self.layout.pin_dir().display());
        }
    }
}

/// Moves this thread into a new network namespace, which goes with it.
pub(crate) fn enter_new_network() {
    // SAFETY: it changes where this thread's sockets are opened, and nothing else.
    let result = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    assert_eq!(result, 0, "unshare: {}", std::io::Error::last_os_error());
}

/// Runs a command that must succeed; what it printed.
pub(crate) fn run(command: &str) -> String {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The index of an interface of this namespace.
pub(crate) fn ifindex(name: &str) -> u32 {
    std::fs::read_to_string(format!("/proc/self/net/dev_snmp6/{name}"))
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or_else(|| {
            let name = std::ffi::CString::new(name).unwrap();
            // SAFETY: the name ends in a zero byte.
            unsafe { libc::if_nametoindex(name.as_ptr()) }
        })
}

/// Seeded randomness (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of 0..n.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// One of first..=last.
    pub(crate) fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// True once in n times.
    pub(crate) fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }
}
