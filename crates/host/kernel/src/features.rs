//! What this host has and can do: for `madang doctor` and for the resource Node. Looking changes nothing.

mod bpf;
mod firewall;
mod host;

use std::fs;
use std::path::Path;

use rustix::fs::statfs;
use serde::Serialize;

use crate::cgroup::{Hierarchy, Version};
use crate::guard;

pub use self::host::{Host, Interface, Release};

/// The oldest kernel that Madang is made for.
pub const OLDEST_KERNEL: Release = Release { major: 6, minor: 1 };
/// The kernel from which programs can be attached by tcx.
const TCX_KERNEL: Release = Release { major: 6, minor: 6 };
/// Where pinned programs and maps are.
const BPFFS: &str = "/sys/fs/bpf";
/// What `statfs` says of it (`BPF_FS_MAGIC`).
const BPF_FS: u64 = 0xcafe_4a11;
/// What the agent needs to do, by the number of the capability (capabilities(7)).
const CAPABILITIES: [(u32, &str); 8] = [
    (1, "CAP_DAC_OVERRIDE"),
    (5, "CAP_KILL"),
    (6, "CAP_SETGID"),
    (7, "CAP_SETUID"),
    (12, "CAP_NET_ADMIN"),
    (18, "CAP_SYS_CHROOT"),
    (21, "CAP_SYS_ADMIN"),
    (39, "CAP_BPF"),
];

/// How one thing is with this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Madang works, but something to know or to better.
    Warning,
    /// Madang does not work without it.
    Missing,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What, for people and programs alike: stable.
    pub name: &'static str,
    /// How it is.
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What to do about it, if there is something to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, detail: detail.into(), hint: None }
    }

    fn warning(name: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, status: Status::Warning, detail: detail.into(), hint: Some(hint.into()) }
    }

    fn missing(name: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, status: Status::Missing, detail: detail.into(), hint: Some(hint.into()) }
    }
}

/// Looks at everything, what matters most first.
pub fn findings() -> Vec<Finding> {
    let mut findings =
        vec![kernel(), privileges(), bpffs(), bpf_programs(), tcx(), btf(), cgroups(), nftables()];
    findings.extend([user_namespaces(), seccomp(), kvm()]);
    findings.extend(host_findings());
    findings.push(firewall::finding());
    findings
}

fn kernel() -> Finding {
    let release = host::release();
    match Release::parse(&release) {
        Some(found) if found >= OLDEST_KERNEL => Finding::ok("kernel", release),
        _ => Finding::missing(
            "kernel",
            format!("{release} is older than {OLDEST_KERNEL}"),
            format!("install a kernel of version {OLDEST_KERNEL} or later (Debian 12 has one)"),
        ),
    }
}

fn privileges() -> Finding {
    let held = status_field("CapEff").and_then(|text| u64::from_str_radix(&text, 16).ok()).unwrap_or(0);
    let lacking: Vec<&str> =
        CAPABILITIES.iter().filter(|(bit, _)| held >> bit & 1 == 0).map(|(_, name)| *name).collect();
    let root = rustix::process::geteuid().is_root();
    if root && lacking.is_empty() {
        return Finding::ok("privileges", "root, with all capabilities that are needed");
    }
    let who = if root { "root" } else { "not root" };
    let detail = match lacking.as_slice() {
        [] => who.to_owned(),
        names => format!("{who}, without {}", names.join(", ")),
    };
    Finding::missing(
        "privileges",
        detail,
        "run as root, as with sudo; in a container, one that is privileged",
    )
}

fn bpffs() -> Finding {
    match statfs(BPFFS) {
        Ok(stat) if u64::try_from(stat.f_type) == Ok(BPF_FS) => {
            Finding::ok("bpffs", format!("mounted on {BPFFS}"))
        }
        _ => Finding::missing(
            "bpffs",
            format!("no BPF file system is mounted on {BPFFS}"),
            format!("mount -t bpf bpf {BPFFS}"),
        ),
    }
}

fn bpf_programs() -> Finding {
    match bpf::load() {
        Ok(_) => Finding::ok("bpf", "programs for packets can be loaded"),
        Err(errno) => Finding::missing(
            "bpf",
            format!("a program for packets could not be loaded: {errno}"),
            "this needs root, a kernel with CONFIG_BPF_SYSCALL, and no lockdown that forbids it",
        ),
    }
}

fn tcx() -> Finding {
    let works = "Madang attaches its programs as clsact filters instead";
    match bpf::attach_tcx() {
        Ok(()) => Finding::ok("tcx", "a program could be attached"),
        Err(reason) if Release::parse(&host::release()).is_some_and(|found| found < TCX_KERNEL) => {
            Finding::warning("tcx", format!("this kernel is older than {TCX_KERNEL}: {reason}"), works)
        }
        Err(reason) => Finding::warning("tcx", format!("a program could not be attached: {reason}"), works),
    }
}

fn btf() -> Finding {
    let path = "/sys/kernel/btf/vmlinux";
    if Path::new(path).exists() {
        return Finding::ok("btf", path);
    }
    Finding::warning("btf", format!("{path} is not there"), "only tools that debug BPF programs lack it")
}

fn cgroups() -> Finding {
    match Hierarchy::detect().map(|hierarchy| hierarchy.version()) {
        Ok(Version::V2) => Finding::ok("cgroups", "version 2"),
        Ok(Version::V1) => Finding::ok("cgroups", "version 1"),
        Err(error) => {
            Finding::missing("cgroups", error.to_string(), "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
        }
    }
}

fn nftables() -> Finding {
    let Some(path) = guard::nft_program() else {
        return Finding::missing("nftables", "the program nft is not installed", "apt install nftables");
    };
    match guard::nft(&["list", "tables"], "") {
        Ok(output) if output.status.success() => Finding::ok("nftables", path.display().to_string()),
        Ok(output) => Finding::missing(
            "nftables",
            format!("{} failed: {}", path.display(), String::from_utf8_lossy(&output.stderr).trim()),
            "this needs root and a kernel with CONFIG_NF_TABLES_INET",
        ),
        Err(error) => Finding::missing("nftables", error.to_string(), "apt install --reinstall nftables"),
    }
}

fn user_namespaces() -> Finding {
    let limit = fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap_or_default();
    match limit.trim().parse::<u64>() {
        Ok(limit) if limit > 0 => Finding::ok("userNamespaces", format!("up to {limit}")),
        _ => Finding::warning(
            "userNamespaces",
            "none can be made",
            "instances run without one; sysctl user.max_user_namespaces=10000 allows them, where the kernel has them",
        ),
    }
}

fn seccomp() -> Finding {
    match fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail") {
        Ok(actions) if actions.split_whitespace().any(|action| action == "errno") => {
            Finding::ok("seccomp", "system calls can be filtered")
        }
        _ => Finding::missing(
            "seccomp",
            "this kernel cannot filter system calls",
            "use a kernel with CONFIG_SECCOMP_FILTER",
        ),
    }
}

fn kvm() -> Finding {
    if Path::new("/dev/kvm").exists() {
        return Finding::ok("kvm", "/dev/kvm is present, not probed");
    }
    Finding::warning(
        "kvm",
        "/dev/kvm is not there",
        "only virtual machines need it; the processor's is set in firmware",
    )
}

fn host_findings() -> Vec<Finding> {
    match Host::observe() {
        Ok(host) => {
            let interfaces: Vec<String> = host.interfaces.iter().map(ToString::to_string).collect();
            vec![
                Finding::ok("cpus", host.cpus.to_string()),
                Finding::ok("memory", format!("{} MiB", host.memory >> 20)),
                Finding::ok("interfaces", interfaces.join("; ")),
            ]
        }
        Err(error) => vec![Finding::missing(
            "interfaces",
            format!(
                "{error}: {}",
                std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
            ),
            "madang needs the kernel's netlink interface",
        )],
    }
}

/// A field of `/proc/self/status`.
fn status_field(name: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_is_named_once_and_says_what_to_do() {
        let findings = findings();
        let mut names: Vec<_> = findings.iter().map(|finding| finding.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), findings.len());
        for finding in &findings {
            assert!(!finding.detail.is_empty(), "{finding:?}");
            assert_eq!(finding.hint.is_none(), finding.status == Status::Ok, "{finding:?}");
        }
    }

    #[test]
    fn releases_compare_by_number() {
        let parse = |text| Release::parse(text).unwrap();
        assert_eq!(parse("6.1.0-28-cloud-amd64"), OLDEST_KERNEL);
        assert!(parse("6.18.44-fc") > TCX_KERNEL && parse("5.19") < OLDEST_KERNEL);
        assert!(parse("6.6-rc1") == TCX_KERNEL && parse("10.0") > TCX_KERNEL);
        assert_eq!(Release::parse("linux"), None);
    }
}
