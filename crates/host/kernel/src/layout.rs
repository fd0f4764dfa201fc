//! Where everything of one Madang stands, so that several can run side by side.

use std::path::{Path, PathBuf};

use madang_addr::hash::{START, fnv1a};

/// The places and names of one Madang. Without a root: the system's own places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: Option<PathBuf>,
    tag: String,
}

impl Layout {
    /// The layout below this directory (absolute), or the system's.
    pub fn new(root: Option<&Path>) -> Self {
        let tag =
            root.map(|root| format!("{:06x}", hash(&root.to_string_lossy()) & 0xff_ffff)).unwrap_or_default();
        Self { root: root.map(Path::to_owned), tag }
    }

    /// The directory that was given, if one was.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// What must survive a reboot: the store.
    pub fn state_dir(&self) -> PathBuf {
        self.root.as_ref().map_or_else(|| "/var/lib/madang".into(), |root| root.join("state"))
    }

    /// What must survive the daemon, but no reboot: namespaces, shims, logs, the socket.
    pub fn run_dir(&self) -> PathBuf {
        self.root.as_ref().map_or_else(|| "/run/madang".into(), |root| root.join("run"))
    }

    /// The API's Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.run_dir().join("madang.sock")
    }

    /// Where maps and links of the datapath are pinned.
    pub fn pin_dir(&self) -> PathBuf {
        Path::new("/sys/fs/bpf").join(self.name())
    }

    /// The name of the cgroup below which instances stand, and of the nftables table.
    pub fn name(&self) -> String {
        if self.tag.is_empty() { "madang".to_owned() } else { format!("madang-{}", self.tag) }
    }

    /// The name of an instance's port: `md` and 8 characters, other ones below another root.
    pub fn port_name(&self, uid: &str) -> String {
        format!("md{:08x}", hash(&format!("{}/{uid}", self.tag)) & 0xffff_ffff)
    }

    /// The name of the other end of a port of the host itself: `mh` and the same 8 characters.
    pub fn host_end_name(&self, uid: &str) -> String {
        self.port_name(uid).replacen("md", "mh", 1)
    }

    /// The file that an instance's network namespace is bound to.
    pub fn netns(&self, uid: &str) -> PathBuf {
        self.run_dir().join("netns").join(uid)
    }
}

/// Folded, since only the lower half becomes a name.
fn hash(text: &str) -> u64 {
    let hash = fnv1a(START, text.as_bytes());
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_version_finds_what_this_one_made() {
        let uid = "4f1d7a52-0b6e-4c5e-9a30-6c9d2f1b8e77";
        let (own, other) = (Layout::new(None), Layout::new(Some(Path::new("/tmp/other"))));
        assert_eq!((own.name().as_str(), own.port_name(uid).as_str()), ("madang", "md504acbe6"));
        assert_eq!((other.name().as_str(), other.port_name(uid).as_str()), ("madang-160567", "mda1d2f8da"));
        assert_eq!(own.pin_dir(), Path::new("/sys/fs/bpf/madang"));
        assert_eq!(other.pin_dir(), Path::new("/sys/fs/bpf/madang-160567"));
    }
}
