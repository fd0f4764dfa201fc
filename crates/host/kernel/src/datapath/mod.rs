//! The datapath in the kernel: its programs, its pinned maps, and what is written into and read out of them.
//!
//! All that carries packets is pinned below [`Layout::pin_dir`]: it goes on when the process ends, and
//! [`Datapath::open`] takes it up again. Only [`Datapath::remove`] ends it.
//!
//! ```text
//! <pin dir>/abi-<version>/maps/<map>
//! <pin dir>/abi-<version>/links/<ifindex>-port, <ifindex>-uplink      tcx (Linux 6.6)
//! <pin dir>/abi-<version>/filters/<ifindex>-port, <ifindex>-uplink    programs of clsact filters, before that
//! ```

mod abi;
mod attach;
mod error;
mod filters;
mod flows;
mod load;
mod maps;
mod migrate;
mod records;
mod remove;
mod sys;
mod tables;

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;

use aya::Ebpf;
use aya::programs::SchedClassifier;
use madang_datapath::{Generations, Tables};

pub use self::attach::{Attached, Hook};
pub use self::error::Error;
use self::filters::Filters;
pub use self::flows::{DropCount, FlowEntry};
use self::load::Pins;
pub use self::load::{OBJECT, Options};
use self::maps::Maps;
use self::migrate::Older;
pub use self::sys::{Context, Run, test_run};
pub use self::tables::Report;
use crate::Layout;

/// Reads what the kernel has, beside who changes it.
#[derive(Clone, Debug)]
pub struct Reader {
    maps: Arc<Maps>,
}

impl Reader {
    /// What packets are looked up in now.
    ///
    /// # Errors
    /// A map cannot be read, or has what no version of this program writes.
    pub fn observe(&self) -> Result<Tables, Error> {
        tables::observe(&self.maps)
    }
}

/// The datapath of one Madang. Dropping it changes nothing in the kernel.
#[derive(Debug)]
pub struct Datapath {
    programs: Ebpf,
    maps: Arc<Maps>,
    pins: Pins,
    /// What is to be taken over, once the tables are here.
    older: Vec<Older>,
    hook: Hook,
    filters: Filters,
}

impl Datapath {
    /// Loads the datapath, or takes up the one that is pinned: its maps stay as they are, and its interfaces go over to
    /// this program's version of the programs without losing a packet; those of an older layout of the maps, with their
    /// connections, when tables are written for the first time. What a crash left half done is cleared away.
    ///
    /// # Errors
    /// No privilege, an old kernel, no bpffs, pins of another version of the records, or a kernel that refuses.
    pub fn open(layout: &Layout, options: &Options) -> Result<Self, Error> {
        let (pins, older) = Pins::prepare(layout)?;
        let older = older.into_iter().map(Older::if_used).collect::<Result<Vec<_>, _>>()?;
        let programs = load::load(&pins, options)?;
        let maps = Arc::new(Maps::open(&pins.maps())?);
        tables::settle(&maps)?;
        let older = older.into_iter().flatten().collect();
        let mut datapath =
            Self { programs, maps, pins, older, hook: options.hook.settled(), filters: Filters::default() };
        datapath.adopt()?;
        Ok(datapath)
    }

    /// Who only reads.
    pub fn reader(&self) -> Reader {
        Reader { maps: Arc::clone(&self.maps) }
    }

    /// What packets are looked up in now.
    ///
    /// # Errors
    /// A map cannot be read, or has what no version of this program writes.
    pub fn observe(&self) -> Result<Tables, Error> {
        tables::observe(&self.maps)
    }

    /// Makes packets be looked up in these tables. It compares with what the maps have, so it mends what somebody
    /// else has changed there, and writes nothing if nothing differs. All VPCs switch in one moment.
    ///
    /// # Errors
    /// A map cannot be read or written (it is full, say): then everything stays as it was, but for ports.
    pub fn apply(&mut self, tables: &Tables) -> Result<Report, Error> {
        let report = tables::apply(&self.maps, tables)?;
        self.take_over()?;
        Ok(report)
    }

    /// Whether an older datapath is still to be taken over, which [`Self::apply`] does.
    pub fn is_behind(&self) -> bool {
        !self.older.is_empty()
    }

    /// The generation of each VPC's tables; the outside's is that of VPC 0.
    ///
    /// # Errors
    /// A map cannot be read.
    pub fn generations(&self) -> Result<Generations, Error> {
        tables::observe_generations(&self.maps)
    }

    /// The interfaces that the datapath is on.
    ///
    /// # Errors
    /// The pins or the filters cannot be read.
    pub fn attached(&mut self) -> Result<BTreeMap<u32, Attached>, Error> {
        let mut attached = BTreeMap::new();
        for older in &mut self.older {
            attached.extend(attach::attached(&older.pins, &mut older.filters)?);
        }
        attached.extend(attach::attached(&self.pins, &mut self.filters)?);
        Ok(attached)
    }

    /// Removes every pin, and with the last pin all programs and maps. No error if there are none.
    ///
    /// # Errors
    /// A pin or filter cannot be removed.
    pub fn remove(layout: &Layout) -> Result<(), Error> {
        remove::remove(layout)
    }

    /// Where the maps are pinned.
    pub fn map_directory(&self) -> PathBuf {
        self.pins.maps()
    }

    /// How many flow entries (two a flow) there is room for.
    ///
    /// # Errors
    /// The map cannot be inspected.
    pub fn flow_capacity(&self) -> Result<usize, Error> {
        self.maps.flows.capacity()
    }

    fn program(&mut self, name: &'static str) -> &mut SchedClassifier {
        let program = self.programs.program_mut(name).expect("the object has this program");
        program.try_into().expect("all programs are classifiers")
    }

    /// Runs the collector once.
    fn run_collector(&mut self) -> Result<u32, Error> {
        const PROGRAM: &str = "collect";
        // Its input: nothing that it reads, but no shorter than a packet may be.
        let packet = [0; 64];
        let program = self.program(PROGRAM);
        let fd = program.fd().expect("every program was loaded");
        let run = test_run(fd.as_fd(), &packet, &mut [], &mut Context::default(), 1)
            .map_err(|source| Error::Run { program: PROGRAM, source })?;
        Ok(run.result)
    }
}
