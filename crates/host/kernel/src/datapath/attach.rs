//! Puts the programs on interfaces: by pinned tcx links, or by clsact filters where the kernel has no tcx.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use aya::programs::links::{FdLink, LinkOrder, PinnedLink};
use aya::programs::tc::{NlOptions, SchedClassifierLink, TcAttachOptions, TcError, TcHandle};
use aya::programs::{TcAttachType, tc};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::filters::Filters;
use super::load::{Pins, kernel_is_at_least};
use super::{Datapath, Error, sys};

/// By what programs are on interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hook {
    /// tcx where the kernel has it (6.6), else clsact.
    #[default]
    Newest,
    /// A filter of the clsact qdisc.
    Clsact,
}

impl Hook {
    pub(super) fn settled(self) -> Self {
        if kernel_is_at_least(TCX) { self } else { Self::Clsact }
    }
}

/// What the datapath takes an interface for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attached {
    /// The host's side of an instance's interface.
    Port,
    /// An interface to the outside.
    Uplink,
}

impl Attached {
    fn program(self) -> &'static str {
        match self {
            Self::Port => "from_port",
            Self::Uplink => "from_uplink",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::Uplink => "uplink",
        }
    }

    pub(super) fn pin(self, directory: &Path, ifindex: u32) -> PathBuf {
        directory.join(format!("{ifindex}-{}", self.suffix()))
    }
}

/// The first kernel with tcx.
const TCX: (u32, u32) = (6, 6);

/// Filters of ours have this place, so that they are replaced and not doubled.
pub(super) const PRIORITY: u16 = 1;
pub(super) const HANDLE: TcHandle = TcHandle::new(0, 1);

impl Datapath {
    /// Takes packets that come in at this interface as an instance's. Nothing is done if it does so already.
    ///
    /// # Errors
    /// There is no such interface in this network namespace, or the kernel refuses.
    pub fn attach_port(&mut self, ifindex: u32) -> Result<(), Error> {
        self.attach(ifindex, Attached::Port)
    }

    /// Takes packets that come in at this interface as the outside's. Nothing is done if it does so already.
    ///
    /// # Errors
    /// As of [`Self::attach_port`].
    pub fn attach_uplink(&mut self, ifindex: u32) -> Result<(), Error> {
        self.attach(ifindex, Attached::Uplink)
    }

    /// Leaves the interface alone from now on. No error if it is not attached, or gone.
    ///
    /// # Errors
    /// The pin or the filter cannot be removed.
    pub fn detach(&mut self, ifindex: u32) -> Result<(), Error> {
        let all = self.older.iter().map(|older| &older.pins).chain([&self.pins]);
        let kinds = [Attached::Port, Attached::Uplink];
        for (pins, kind) in all.flat_map(|pins| kinds.map(|kind| (pins, kind))) {
            remove_pin(&kind.pin(&pins.links(), ifindex))?;
            let filter = kind.pin(&pins.filters(), ifindex);
            if exists(&filter)? {
                remove_filter(ifindex, kind)?;
                remove_pin(&filter)?;
            }
        }
        Ok(())
    }

    fn attach(&mut self, ifindex: u32, kind: Attached) -> Result<(), Error> {
        match self.attached()?.get(&ifindex) {
            Some(present) if *present == kind => return Ok(()),
            Some(_) => self.detach(ifindex)?,
            None => {}
        }
        let name = interface(ifindex)?;
        match self.hook {
            Hook::Newest => self.attach_link(ifindex, &name, kind),
            Hook::Clsact => self.attach_filter(ifindex, &name, kind),
        }
    }

    fn attach_link(&mut self, ifindex: u32, name: &str, kind: Attached) -> Result<(), Error> {
        let pin = kind.pin(&self.pins.links(), ifindex);
        // Of an interface that had this index and is gone.
        remove_pin(&pin)?;
        let program = self.program(kind.program());
        // Before all other programs: what is an instance's is nobody else's to judge.
        let order = TcAttachOptions::TcxOrder(LinkOrder::first());
        let id = program
            .attach_with_options(name, TcAttachType::Ingress, order)
            .map_err(|e| attach_error(ifindex, e))?;
        let link = program.take_link(id).map_err(|e| attach_error(ifindex, e))?;
        FdLink::try_from(link)
            .map_err(|e| attach_error(ifindex, e))?
            .pin(&pin)
            .map_err(|e| attach_error(ifindex, e))
            .map(drop)
    }

    fn attach_filter(&mut self, ifindex: u32, name: &str, kind: Attached) -> Result<(), Error> {
        match tc::qdisc_add_clsact(name) {
            Err(error) if !is_errno(&error, libc::EEXIST) => return Err(attach_error(ifindex, error)),
            _ => {}
        }
        // The pin is what says that the filter is ours, so it comes first.
        self.pin_program(ifindex, kind)?;
        let created = self.create_filter(ifindex, name, kind);
        if !created.as_ref().is_err_and(|error| is_errno(error, libc::EEXIST)) {
            return created;
        }
        // One of ours whose pin is lost goes; somebody else's stays, and is an error.
        remove_filter(ifindex, kind)?;
        self.create_filter(ifindex, name, kind)
    }

    fn create_filter(&mut self, ifindex: u32, name: &str, kind: Attached) -> Result<(), Error> {
        let options =
            TcAttachOptions::Netlink(NlOptions { priority: PRIORITY, handle: HANDLE, classid: None });
        let program = self.program(kind.program());
        let id = program
            .attach_with_options(name, TcAttachType::Ingress, options)
            .map_err(|e| attach_error(ifindex, e))?;
        let link = program.take_link(id).map_err(|e| attach_error(ifindex, e))?;
        // A filter is removed by detaching it, and stays when it is forgotten.
        std::mem::forget(link);
        Ok(())
    }

    /// Puts this process's programs in the place of those that are on the interfaces, in one step each, and forgets
    /// interfaces that are gone.
    pub(super) fn adopt(&mut self) -> Result<(), Error> {
        for (ifindex, kind) in pinned(&self.pins.links())? {
            let pin = kind.pin(&self.pins.links(), ifindex);
            if is_live(&pin)? {
                self.adopt_link(ifindex, kind, &pin)?;
            } else {
                remove_pin(&pin)?;
            }
        }
        for (ifindex, kind) in pinned(&self.pins.filters())? {
            match interface(ifindex) {
                Ok(name) => self.adopt_filter(ifindex, &name, kind)?,
                Err(_) => remove_pin(&kind.pin(&self.pins.filters(), ifindex))?,
            }
        }
        Ok(())
    }

    /// Puts this process's program in the place of the one on this interface.
    pub(super) fn adopt_one(&mut self, ifindex: u32, kind: Attached, by_link: bool) -> Result<(), Error> {
        if by_link {
            return self.adopt_link(ifindex, kind, &kind.pin(&self.pins.links(), ifindex));
        }
        self.adopt_filter(ifindex, &interface(ifindex)?, kind)
    }

    fn adopt_link(&mut self, ifindex: u32, kind: Attached, pin: &Path) -> Result<(), Error> {
        let link = PinnedLink::from_pin(pin).map_err(|e| attach_error(ifindex, e))?;
        let link = SchedClassifierLink::try_from(FdLink::from(link)).map_err(|e| attach_error(ifindex, e))?;
        let program = self.program(kind.program());
        let id = program.attach_to_link(link).map_err(|e| attach_error(ifindex, e))?;
        // The pin holds it; here it may be dropped.
        program.take_link(id).map_err(|e| attach_error(ifindex, e)).map(drop)
    }

    fn adopt_filter(&mut self, ifindex: u32, name: &str, kind: Attached) -> Result<(), Error> {
        let link = SchedClassifierLink::attached(name, TcAttachType::Ingress, PRIORITY, HANDLE, None)
            .map_err(|e| attach_error(ifindex, e))?;
        match self.program(kind.program()).attach_to_link(link) {
            Ok(id) => {
                let link =
                    self.program(kind.program()).take_link(id).map_err(|e| attach_error(ifindex, e))?;
                std::mem::forget(link);
                self.pin_program(ifindex, kind)
            }
            // Pinned, and then a crash came before the filter; or somebody has taken the filter, or its qdisc, away.
            Err(_) => self.attach_filter(ifindex, name, kind),
        }
    }

    /// Pins the program in the place of what is pinned there, in one step.
    fn pin_program(&mut self, ifindex: u32, kind: Attached) -> Result<(), Error> {
        let pin = kind.pin(&self.pins.filters(), ifindex);
        let new = self.pins.filters().join(format!("{ifindex}-{}-new", kind.suffix()));
        let failed = |source| Error::Pin { action: "make the pin", path: pin.clone(), source };
        remove_pin(&new)?;
        let program = self.program(kind.program()).fd().expect("every program was loaded");
        sys::pin(program.as_fd(), &new).map_err(failed)?;
        fs::rename(&new, &pin).map_err(failed)
    }
}

/// The interfaces that have a program on them.
pub(super) fn attached(pins: &Pins, filters: &mut Filters) -> Result<BTreeMap<u32, Attached>, Error> {
    let mut attached = BTreeMap::new();
    for (ifindex, kind) in pinned(&pins.links())? {
        if is_live(&kind.pin(&pins.links(), ifindex))? {
            attached.insert(ifindex, kind);
        }
    }
    let pinned = pinned(&pins.filters())?;
    let present = filters.of(pinned.iter().map(|(ifindex, _)| *ifindex).collect()).map_err(Error::Filters)?;
    attached.extend(pinned.into_iter().filter(|(ifindex, _)| present.contains(ifindex)));
    Ok(attached)
}

/// Takes all filters away whose programs are pinned there.
pub(super) fn remove_filters(pins: &Pins) -> Result<(), Error> {
    for (ifindex, kind) in pinned(&pins.filters())? {
        remove_filter(ifindex, kind)?;
    }
    Ok(())
}

fn remove_filter(ifindex: u32, kind: Attached) -> Result<(), Error> {
    // With the interface its filters are gone.
    let Ok(name) = interface(ifindex) else { return Ok(()) };
    match tc::qdisc_detach_program(&name, TcAttachType::Ingress, kind.program()) {
        Err(TcError::IoError(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome.map_err(|error| Error::Detach { ifindex, source: error.into() }),
    }
}

/// What the pins' names say.
pub(super) fn pinned(directory: &Path) -> Result<Vec<(u32, Attached)>, Error> {
    let failed = |source| Error::Pin { action: "read the directory", path: directory.to_owned(), source };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut pinned = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        let Some((ifindex, kind)) = name.to_str().and_then(|name| name.split_once('-')) else { continue };
        let kind = [Attached::Port, Attached::Uplink].into_iter().find(|known| known.suffix() == kind);
        pinned.extend(ifindex.parse().ok().zip(kind));
    }
    Ok(pinned)
}

/// The first fields of the kernel's `struct bpf_link_info`, of a tcx link.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct LinkInfo {
    kind: u32,
    id: u32,
    program: u32,
    pad: u32,
    ifindex: u32,
    attach_type: u32,
}

/// Whether the pinned link's interface is there still.
fn is_live(pin: &Path) -> Result<bool, Error> {
    let failed = |source| Error::OpenPin { path: pin.to_owned(), source };
    let link = sys::open_pinned(pin).map_err(failed)?;
    let info: LinkInfo = sys::info(link.as_fd()).map_err(failed)?;
    Ok(info.ifindex != 0)
}

fn interface(ifindex: u32) -> Result<String, Error> {
    let failed = |source| Error::NoInterface { ifindex, source };
    let socket = rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::DGRAM, None)
        .map_err(|error| failed(error.into()))?;
    rustix::net::netdevice::index_to_name(socket, ifindex).map_err(|error| failed(error.into()))
}

fn exists(path: &Path) -> Result<bool, Error> {
    path.try_exists().map_err(|source| Error::Pin { action: "look for", path: path.to_owned(), source })
}

fn remove_pin(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => {
            outcome.map_err(|source| Error::Pin { action: "remove the pin", path: path.to_owned(), source })
        }
    }
}

fn attach_error(ifindex: u32, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Attach { ifindex, source: Box::new(source) }
}

/// Whether this error number is among the causes.
fn is_errno(error: &(dyn std::error::Error + 'static), code: i32) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        error.downcast_ref::<io::Error>().is_some_and(|error| error.raw_os_error() == Some(code))
    })
}
