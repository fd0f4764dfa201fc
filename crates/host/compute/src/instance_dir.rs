//! An instance's directory: everything that outlives the daemon.
//!
//! | file | written by | holds |
//! |---|---|---|
//! | `spec.json` | driver | what to run, and where ([`Order`]) |
//! | `hosts`, `resolv.conf`, `hostname` | driver | what the sandbox has in `/etc` |
//! | `shim.pid` | shim | who it is ([`ShimFile`]) |
//! | `state.json` | shim | what became of the process ([`Record`]), replaced as a whole |
//! | `log`, `log.1` | shim | what the process printed |
//! | `root/` | driver | empty: where the sandbox's root is built |

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use madang_kernel::process::ProcessId;
use madang_kernel::{Layout, boot};
use rustix::fs::{CWD, Mode, OFlags, openat, renameat};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Trying;
use crate::{Error, Result, Workload};

/// What an instance's process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// The sandbox is being made.
    Starting,
    /// It runs.
    Running,
    /// It ended, and starts again soon.
    Backoff,
    /// It ended for good.
    Exited,
}

/// What the shim is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    /// What to run.
    pub(crate) workload: Workload,
    /// Its hash, as of the daemon that wrote this.
    pub(crate) spec_hash: String,
    /// The root of Madang, if it has one of its own: names its control groups.
    pub(crate) layout_root: Option<PathBuf>,
    /// Directories that no workload may look into.
    pub(crate) hidden: Vec<PathBuf>,
}

/// What became of the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) state: State,
    /// The process, as the host counts, while it runs.
    pub(crate) process: Option<u32>,
    /// Milliseconds after 1970.
    pub(crate) started_at: Option<u64>,
    pub(crate) restarts: u32,
    /// The exit status, or 128 and the signal's number.
    pub(crate) last_exit_code: Option<i32>,
    /// For people.
    pub(crate) message: String,
}

impl Record {
    /// Before anything ran.
    pub(crate) fn new() -> Self {
        Self {
            state: State::Starting,
            process: None,
            started_at: None,
            restarts: 0,
            last_exit_code: None,
            message: String::new(),
        }
    }
}

/// Milliseconds after 1970, now.
pub(crate) fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// Who the shim is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShimFile {
    #[serde(flatten)]
    process: ProcessId,
    boot: String,
}

/// An instance's directory, by its path: for the driver.
#[derive(Clone, Debug)]
pub(crate) struct InstanceDir {
    path: PathBuf,
}

impl InstanceDir {
    /// Where all of them are.
    pub(crate) fn all(layout: &Layout) -> PathBuf {
        layout.run_dir().join("instances")
    }

    /// That of this instance, whether it is there or not.
    pub(crate) fn new(layout: &Layout, uid: &str) -> Result<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if uid.is_empty() || uid.len() > 128 || uid.starts_with('.') || !uid.chars().all(plain) {
            return Err(Error::Uid(uid.to_owned()));
        }
        Ok(Self { path: Self::all(layout).join(uid) })
    }

    /// The one at this path.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn exists(&self) -> bool {
        self.path.exists()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes it, with everything that the shim reads.
    pub(crate) fn create(&self, order: &Order) -> Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(self.file("root")).on("make", &self.file("root"))?;
        self.write_names(&order.workload)?;
        write_for_everybody(&self.file("hostname"), &format!("{}\n", order.workload.name))?;
        let text = serde_json::to_vec_pretty(order).expect("an order has only string keys");
        self.open()?.replace("spec.json", &text)
    }

    /// Notes another name of the instance, which is all that may differ from what the shim was told.
    pub(crate) fn rename(&self, order: Order, workload: &Workload) -> Result<()> {
        write_for_everybody(&self.file("hostname"), &format!("{}\n", workload.name))?;
        let order = Order { workload: Workload { name: workload.name.clone(), ..order.workload }, ..order };
        let text = serde_json::to_vec_pretty(&order).expect("an order has only string keys");
        self.open()?.replace("spec.json", &text)
    }

    /// The files that tell names from addresses. Written in place: the sandbox has them mounted.
    pub(crate) fn write_names(&self, workload: &Workload) -> Result<()> {
        for (name, text) in [("hosts", workload.hosts_file()), ("resolv.conf", workload.resolv_conf())] {
            let path = self.file(name);
            if !fs::read_to_string(&path).is_ok_and(|old| old == text) {
                write_for_everybody(&path, &text)?;
            }
        }
        Ok(())
    }

    /// What the shim was told. None: the directory is only half made.
    pub(crate) fn order(&self) -> Result<Option<Order>> {
        self.read("spec.json")
    }

    /// What became of the process.
    pub(crate) fn record(&self) -> Result<Option<Record>> {
        self.read("state.json")
    }

    /// Who its shim is, if it lives.
    pub(crate) fn shim(&self) -> Result<Option<ProcessId>> {
        let file: Option<ShimFile> = self.read("shim.pid")?;
        let Some(ShimFile { process, boot }) = file else { return Ok(None) };
        if boot != boot::id().map_err(Error::Kernel)? {
            return Ok(None);
        }
        Ok(process.is_alive().map_err(Error::Kernel)?.then_some(process))
    }

    /// The same; nobody, if what it said of itself is damaged: it does not repeat it.
    pub(crate) fn living_shim(&self) -> Result<Option<ProcessId>> {
        match self.shim() {
            Err(Error::Damaged { .. }) => Ok(None),
            other => other,
        }
    }

    /// By a descriptor.
    pub(crate) fn open(&self) -> Result<OpenDir> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(OpenDir(openat(CWD, &self.path, flags, Mode::empty()).on("open", &self.path)?))
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let path = self.file(name);
        match fs::read(&path) {
            Ok(text) => {
                serde_json::from_slice(&text).map(Some).map_err(|source| Error::Damaged { path, source })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).on("read", &path),
        }
    }
}

/// Whatever the daemon's umask: the directory is closed to everybody, but this file is read in the sandbox.
fn write_for_everybody(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).on("write", path)?;
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).on("open to all", path)
}

/// An instance's directory, by a descriptor: for the shim, whose root directory becomes another one.
#[derive(Debug)]
pub(crate) struct OpenDir(OwnedFd);

impl OpenDir {
    /// Only one shim may hold it, and holds it as long as it lives. False: another one does.
    pub(crate) fn lock(&self) -> bool {
        rustix::fs::flock(&self.0, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
    }

    /// Whether it was not removed meanwhile.
    pub(crate) fn is_there(&self) -> bool {
        rustix::fs::fstat(&self.0).is_ok_and(|about| about.st_nlink > 0)
    }

    /// Says who the shim is.
    pub(crate) fn write_shim(&self, process: ProcessId) -> Result<()> {
        let file = ShimFile { process, boot: boot::id().map_err(Error::Kernel)?.to_owned() };
        self.replace("shim.pid", &serde_json::to_vec(&file).expect("string keys"))
    }

    /// Says what became of the process.
    pub(crate) fn write_record(&self, record: &Record) -> Result<()> {
        self.replace("state.json", &serde_json::to_vec(record).expect("string keys"))
    }

    /// Opens a file of it to write to its end; makes it, if it is not there.
    pub(crate) fn append(&self, name: &str) -> Result<File> {
        self.create(name, OFlags::APPEND)
    }

    /// Gives a file of it another name.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<()> {
        renameat(&self.0, from, &self.0, to).trying(|| format!("rename {from} of the instance to {to}"))
    }

    /// Replaces a file as a whole: whoever reads it sees the old or the new one.
    fn replace(&self, name: &str, text: &[u8]) -> Result<()> {
        let new = format!("{name}.new");
        self.create(&new, OFlags::TRUNC)?
            .write_all(text)
            .trying(|| format!("write {new} of the instance"))?;
        self.rename(&new, name)
    }

    fn create(&self, name: &str, how: OFlags) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | how;
        let fd = openat(&self.0, name, flags, Mode::from_raw_mode(0o600))
            .trying(|| format!("open {name} of the instance"))?;
        Ok(fd.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_a_name_and_no_path() {
        let layout = Layout::new(Some(Path::new("/nowhere")));
        for bad in ["", "a/b", "..", ".hidden", "a b", &"x".repeat(129)] {
            assert!(matches!(InstanceDir::new(&layout, bad), Err(Error::Uid(_))), "{bad}");
        }
        let dir = InstanceDir::new(&layout, "0198-ab_c.d").unwrap();
        assert_eq!(dir.path(), Path::new("/nowhere/run/instances/0198-ab_c.d"));
    }

    #[test]
    fn a_shim_of_another_boot_or_with_another_start_is_not_ours() {
        let place = tempfile::tempdir().unwrap();
        let dir = InstanceDir::at(place.path().to_owned());
        assert_eq!(dir.shim().unwrap(), None);
        let me = ProcessId::current().unwrap();
        dir.open().unwrap().write_shim(me).unwrap();
        assert_eq!(dir.shim().unwrap(), Some(me));
        dir.open().unwrap().write_shim(ProcessId { start_time: me.start_time + 1, ..me }).unwrap();
        assert_eq!(dir.shim().unwrap(), None);
        let other_boot = ShimFile { process: me, boot: "another".into() };
        fs::write(dir.file("shim.pid"), serde_json::to_vec(&other_boot).unwrap()).unwrap();
        assert_eq!(dir.shim().unwrap(), None);
        fs::write(dir.file("shim.pid"), "{").unwrap();
        assert!(matches!(dir.shim(), Err(Error::Damaged { .. })));
    }

    #[test]
    fn one_shim_at_a_time() {
        let place = tempfile::tempdir().unwrap();
        let dir = InstanceDir::at(place.path().to_owned());
        let (first, second) = (dir.open().unwrap(), dir.open().unwrap());
        assert!(first.lock());
        assert!(!second.lock());
        drop(first);
        assert!(second.lock());
        assert!(second.is_there());
        place.close().unwrap();
        assert!(!second.is_there());
    }
}
