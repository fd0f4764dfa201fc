//! What of the host's files a workload must not see.
//!
//! Two rules. What is known to tell of the host or to hold other people's data is masked by name. And in `/etc`, and at
//! the top, everything that not all users of the host may read is masked too, so that a workload sees no more of it as
//! user 0 than as `nobody`: without capabilities user 0 is no longer almighty, but it still owns those files.

use std::fs::{self, Metadata};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Directories of the host that look empty, and files that cannot be read.
pub(super) const BY_NAME: &[&str] = &[
    "/sys",
    "/root",
    "/home",
    "/boot",
    "/efi",
    "/mnt",
    "/media",
    "/srv",
    "/lost+found",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssl/private",
    "/etc/pki/tls/private",
    "/etc/letsencrypt",
    "/etc/wireguard",
    "/etc/ipsec.d",
    "/etc/ipsec.secrets",
    "/etc/krb5.keytab",
    "/etc/machine-id",
    "/etc/fstab",
    "/etc/crypttab",
    "/etc/exports",
    "/etc/environment",
    "/etc/apt",
    "/etc/pip.conf",
    "/etc/npmrc",
    "/etc/docker",
    "/etc/containerd",
    "/etc/containers",
    "/etc/kubernetes",
    "/etc/rancher",
    "/etc/cni",
    "/etc/cloud",
    "/etc/libvirt",
    "/etc/madang",
    "/etc/network",
    "/etc/netplan",
    "/etc/NetworkManager",
    "/etc/systemd",
    "/etc/wpa_supplicant",
    "/etc/ppp",
    "/etc/nftables.conf",
    "/etc/mysql/debian.cnf",
];

/// Of `/proc`: the host's memory, keys, devices and statistics. What tells of the kernel's addresses is of use only to
/// who attacks it.
pub(super) const OF_PROC: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/buddyinfo",
    "/proc/cmdline",
    "/proc/config.gz",
    "/proc/consoles",
    "/proc/diskstats",
    "/proc/driver",
    "/proc/dynamic_debug",
    "/proc/interrupts",
    "/proc/iomem",
    "/proc/ioports",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/kpagecgroup",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/latency_stats",
    "/proc/locks",
    "/proc/modules",
    "/proc/mtrr",
    "/proc/pagetypeinfo",
    "/proc/partitions",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/slabinfo",
    "/proc/softirqs",
    "/proc/swaps",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/tty",
    "/proc/vmallocinfo",
    "/proc/zoneinfo",
];

/// Of `/proc`: to read, as it is.
pub(super) const READ_ONLY_PROC: &[&str] =
    &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/pressure", "/proc/sys", "/proc/sysrq-trigger"];

/// What of `/etc` and of the top directory not everybody may read.
pub(super) fn not_for_everybody() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(Path::new("/etc"), 8, &mut found);
    collect(Path::new("/"), 0, &mut found);
    found
}

fn collect(directory: &Path, depth: u32, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let Ok(about) = entry.metadata() else { continue };
        if about.is_symlink() {
            continue;
        }
        if !is_for_everybody(&about) {
            found.push(entry.path());
        } else if about.is_dir() && depth > 0 {
            collect(&entry.path(), depth - 1, found);
        }
    }
}

/// A directory that everybody may enter, a file that everybody may read.
fn is_for_everybody(about: &Metadata) -> bool {
    let needed = if about.is_dir() { 0o001 } else { 0o004 };
    about.permissions().mode() & needed != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_everybody_may_read_stays() {
        let place = tempfile::tempdir().unwrap();
        let mode = |name: &str, mode| {
            let path = place.path().join(name);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        for name in ["open", "closed", "closed/inner"] {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        for name in ["key", "open/key", "open/text"] {
            fs::write(place.path().join(name), "").unwrap();
        }
        std::os::unix::fs::symlink("/nowhere", place.path().join("link")).unwrap();
        let hidden = [mode("closed", 0o700), mode("key", 0o600), mode("open/key", 0o640)];
        mode("open/text", 0o444);
        let mut found = Vec::new();
        collect(place.path(), 8, &mut found);
        found.sort();
        assert_eq!(found, hidden);
    }
}
