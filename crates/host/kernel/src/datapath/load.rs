//! Loads the object, and finds or makes what is pinned.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aya::programs::{ProgramError, SchedClassifier};
use aya::{Ebpf, EbpfError, EbpfLoader};
use madang_datapath::Quotas;
use madang_datapath::abi::FLOW_ENTRIES;
use rustix::fs::statfs;
use rustix::mount::{MountFlags, mount};

use super::abi::ABI;
use super::attach::Hook;
use super::error::Error;
use super::migrate;
use crate::Layout;

/// The programs and maps, compiled from `bpf/datapath.bpf.c`.
pub const OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/datapath.o"));

/// The programs that packets go through, and the one that collects expired flows.
pub(super) const PROGRAMS: [&str; 3] = ["from_port", "from_uplink", "collect"];

/// The oldest kernel.
const MINIMUM: (u32, u32) = (6, 1);

/// How the datapath is to be loaded.
#[derive(Clone, Debug)]
pub struct Options {
    /// For how many flow entries, two a flow, there is room. It counts when the maps are made: one that is pinned
    /// keeps its size.
    pub flow_capacity: u32,
    /// By what the programs are on interfaces.
    pub hook: Hook,
}

impl Default for Options {
    fn default() -> Self {
        let flow_capacity = u32::try_from(FLOW_ENTRIES).expect("a million fits");
        Self { flow_capacity, hook: Hook::Newest }
    }
}

/// The places of the pins.
#[derive(Clone, Debug)]
pub(super) struct Pins {
    root: PathBuf,
}

impl Pins {
    /// Finds or makes the directories, in a bpffs; and those of older versions of the records that can be taken over, the
    /// newest last. Others are refused.
    pub(super) fn prepare(layout: &Layout) -> Result<(Self, Vec<Self>), Error> {
        check_kernel()?;
        let base = layout.pin_dir();
        mount_bpffs(base.parent().unwrap_or(Path::new("/sys/fs/bpf")))?;
        let mut older = BTreeMap::new();
        for root in versions(&base)?.into_iter().filter(|root| *root != base.join(version())) {
            let found = root.file_name().unwrap_or_default().to_string_lossy();
            let found = found.trim_start_matches(VERSION).to_owned();
            match found.parse().ok().filter(|found| migrate::READ.contains(found)) {
                Some(number) => drop(older.insert(number, Self { root })),
                None => return Err(Error::OtherAbi { path: base, found, ours: ABI }),
            }
        }
        let pins = Self { root: base.join(version()) };
        for directory in [pins.maps(), pins.links(), pins.filters()] {
            fs::create_dir_all(&directory).map_err(|source| match source.kind() {
                io::ErrorKind::PermissionDenied => Error::Privilege { action: "pin the datapath", source },
                _ => Error::Pin { action: "make the directory", path: directory, source },
            })?;
        }
        Ok((pins, older.into_values().collect()))
    }

    pub(super) fn root(&self) -> PathBuf {
        self.root.clone()
    }

    pub(super) fn maps(&self) -> PathBuf {
        self.root.join("maps")
    }

    pub(super) fn links(&self) -> PathBuf {
        self.root.join("links")
    }

    pub(super) fn filters(&self) -> PathBuf {
        self.root.join("filters")
    }

    /// What stands below this layout's pin directory, of every version.
    pub(super) fn all(layout: &Layout) -> Result<Vec<Self>, Error> {
        Ok(versions(&layout.pin_dir())?.into_iter().map(|root| Self { root }).collect())
    }
}

const VERSION: &str = "abi-";

fn version() -> String {
    format!("{VERSION}{ABI}")
}

fn versions(base: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Pin { action: "read the directory", path: base.to_owned(), source };
    let entries = match fs::read_dir(base) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
            return Err(Error::Privilege { action: "read the datapath's pins", source });
        }
        Err(error) => return Err(failed(error)),
    };
    let versions =
        entries.into_iter().filter(|entry| entry.file_name().to_string_lossy().starts_with(VERSION));
    Ok(versions.map(|entry| entry.path()).collect())
}

fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// Whether the kernel is of this version or newer.
pub(super) fn kernel_is_at_least(version: (u32, u32)) -> bool {
    let release = release();
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= version
}

fn check_kernel() -> Result<(), Error> {
    if kernel_is_at_least(MINIMUM) { Ok(()) } else { Err(Error::OldKernel { found: release() }) }
}

/// Mounts a bpffs if the directory is empty and has none.
fn mount_bpffs(path: &Path) -> Result<(), Error> {
    const BPF_FS_MAGIC: u64 = 0xcafe_4a11;
    let failed = |source| Error::NoBpffs { path: path.to_owned(), source };
    let found = statfs(path).map_err(|error| failed(error.into()))?;
    if found.f_type.cast_unsigned() as u64 == BPF_FS_MAGIC {
        return Ok(());
    }
    if fs::read_dir(path).map_err(failed)?.next().is_some() {
        return Err(failed(io::Error::new(
            io::ErrorKind::DirectoryNotEmpty,
            "the directory has something else in it",
        )));
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RELATIME;
    mount("bpf", path, "bpf", flags, None).map_err(|error| failed(error.into()))
}

/// Loads the programs over the pinned maps; maps that are not there are made.
pub(super) fn load(pins: &Pins, options: &Options) -> Result<Ebpf, Error> {
    let Quotas { instance, instance_half_open, vpc, vpc_half_open } = Quotas::of(options.flow_capacity);
    let mut programs = EbpfLoader::new()
        .default_map_pin_directory(pins.maps())
        .map_max_entries("flows", options.flow_capacity)
        .override_global("most_flows_of_instance", &instance, true)
        .override_global("most_half_open_of_instance", &instance_half_open, true)
        .override_global("most_flows_of_vpc", &vpc, true)
        .override_global("most_half_open_of_vpc", &vpc_half_open, true)
        .load(OBJECT)
        .map_err(object_error)?;
    // Before the verifier sees maps that it would complain of in words that nobody understands.
    super::Maps::open(&pins.maps())?;
    for name in PROGRAMS {
        let program = programs.program_mut(name).expect("the object has this program");
        let program: &mut SchedClassifier = program.try_into().expect("all programs are classifiers");
        program.load().map_err(|error| program_error(name, error))?;
    }
    Ok(programs)
}

fn object_error(error: EbpfError) -> Error {
    match denied(&error) {
        Some(source) => Error::Privilege { action: "make BPF maps", source },
        None => Error::Object(Box::new(error)),
    }
}

fn program_error(program: &'static str, error: ProgramError) -> Error {
    match &error {
        // EACCES is what the verifier says too: only without its log it is about privilege.
        ProgramError::LoadError { io_error, verifier_log } if verifier_log.to_string().is_empty() => {
            match denied(io_error) {
                Some(source) => Error::Privilege { action: "load BPF programs", source },
                None => Error::Program { program, source: Box::new(error) },
            }
        }
        _ => Error::Program { program, source: Box::new(error) },
    }
}

/// The EPERM or EACCES among an error's causes.
fn denied(error: &(dyn std::error::Error + 'static)) -> Option<io::Error> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| {
        let cause = error.downcast_ref::<io::Error>()?;
        let code = cause.raw_os_error().filter(|code| [libc::EPERM, libc::EACCES].contains(code))?;
        Some(io::Error::from_raw_os_error(code))
    })
}
