//! What the driver runs.

use std::net::IpAddr;
use std::path::PathBuf;

use madang_addr::hash::{START, fnv1a};
use madang_model::{ProcessSpec, Resources};
use serde::{Deserialize, Serialize};

/// A process with the place that it gets: everything that the driver must know of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// The instance's uid: names its directory and its control group.
    pub uid: String,
    /// The instance's name: its host name.
    pub name: String,
    /// The file that its network namespace is bound to.
    pub netns: PathBuf,
    /// What runs, and as whom.
    pub process: ProcessSpec,
    /// Whether it has a network stack of its own: its interface has no address, and it may send whole frames.
    #[serde(default)]
    pub unmanaged: bool,
    /// What it may use of the host.
    pub resources: Resources,
    /// Its address: what its own name stands for in `/etc/hosts`.
    pub address: IpAddr,
    /// More lines of `/etc/hosts`.
    pub hosts: Vec<(IpAddr, String)>,
    /// Whom it asks for names.
    pub nameservers: Vec<IpAddr>,
    /// What is put behind a name without dots; empty: nothing.
    pub domain: String,
}

/// Who runs if nobody else is named: `nobody`, who owns nothing.
const NOBODY: u32 = 65534;

impl Workload {
    /// Stands for everything that cannot change while the process runs: its name, the other hosts and the name servers are
    /// left out, since [`Driver::start`](crate::Driver::start) renews them in place. Equal in every version of this program.
    pub fn spec_hash(&self) -> String {
        let fixed = (&self.uid, &self.netns, &self.process, &self.resources, &self.address);
        let text = serde_json::to_string(&fixed).expect("a spec has only string keys");
        // Who is managed has the hash that it had before there was anything else.
        let hash = fnv1a(START, text.as_bytes());
        let hash = if self.unmanaged { fnv1a(hash, b"unmanaged") } else { hash };
        format!("{hash:016x}")
    }

    /// The user and group that it runs as.
    pub(crate) fn user_and_group(&self) -> (u32, u32) {
        let user = self.process.run_as_user.unwrap_or(NOBODY);
        (user, self.process.run_as_group.unwrap_or(user))
    }

    /// The environment: the usual few, and what the spec adds or replaces.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let usual = [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", "/tmp"),
            ("HOSTNAME", &self.name),
            ("LANG", "C.UTF-8"),
        ];
        let unset = |name: &str| !self.process.env.contains_key(name);
        let usual =
            usual.into_iter().filter(|(name, _)| unset(name)).map(|(n, v)| (n.to_owned(), v.to_owned()));
        usual.chain(self.process.env.clone()).collect()
    }

    /// Where it starts.
    pub(crate) fn working_directory(&self) -> PathBuf {
        self.process.working_dir.as_deref().unwrap_or("/tmp").into()
    }

    /// The text of its `/etc/hosts`.
    pub(crate) fn hosts_file(&self) -> String {
        let own = [
            "127.0.0.1 localhost".to_owned(),
            "::1 localhost ip6-localhost ip6-loopback".to_owned(),
            format!("{} {}", self.address, self.name),
        ];
        let others = self.hosts.iter().map(|(address, name)| format!("{address} {name}"));
        own.into_iter().chain(others).map(|line| line + "\n").collect()
    }

    /// The text of its `/etc/resolv.conf`.
    pub(crate) fn resolv_conf(&self) -> String {
        if self.nameservers.is_empty() {
            // An empty file means 127.0.0.1 to the C library: say that nobody answers, so that names fail at once.
            return "# This network has no name server.\noptions attempts:1 timeout:1\n".to_owned();
        }
        let search = Some(&self.domain).filter(|domain| !domain.is_empty());
        let search = search.map(|domain| format!("search {domain}\n"));
        let servers = self.nameservers.iter().map(|server| format!("nameserver {server}\n"));
        search.into_iter().chain(servers).collect()
    }
}

#[cfg(test)]
mod tests;
