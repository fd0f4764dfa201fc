//! Takes over from a datapath whose maps have an older layout, without losing a connection.
//!
//! The older programs go on with their maps until the tables are in the new ones. Then the flows are copied, the new programs
//! take the place of the old ones on each interface in one step, and what was opened or changed meanwhile is copied after
//! them. A copied flow is of no generation of the new tables, so its next packet decides it again. Last the older pins go: a crash
//! before that leaves all of this to be done again, which does no harm.

use std::collections::BTreeMap;
use std::fs;

use super::abi::{FlowKeyRecord, FlowRecord};
use super::attach::{Attached, attached, pinned};
use super::filters::Filters;
use super::load::Pins;
use super::maps::{Map, Maps};
use super::{Datapath, Error, flows, remove};

/// A datapath of an older layout.
#[derive(Debug)]
pub(super) struct Older {
    pub(super) pins: Pins,
    pub(super) filters: Filters,
}

/// The layouts before ours whose flows are read: their records of flows and of drops are as ours.
pub(super) const READ: [u32; 1] = [1];

impl Older {
    /// Nothing, if it is on no interface: what a crash left, or an end that was not finished, goes.
    pub(super) fn if_used(pins: Pins) -> Result<Option<Self>, Error> {
        let mut filters = Filters::default();
        if attached(&pins, &mut filters)?.is_empty() {
            remove::remove_tree(&pins.root())?;
            return Ok(None);
        }
        Ok(Some(Self { pins, filters }))
    }

    fn flows(&self) -> Result<BTreeMap<FlowKeyRecord, FlowRecord>, Error> {
        let now = flows::monotonic_ns();
        let mut flows = Map::<FlowKeyRecord, FlowRecord>::open(&self.pins.maps(), "flows")?.entries()?;
        flows.retain(|_, flow| flow.deadline > now);
        Ok(flows)
    }
}

impl Datapath {
    /// Takes the interfaces and flows of older layouts over. The tables are those of the new layout already.
    pub(super) fn take_over(&mut self) -> Result<(), Error> {
        while let Some(older) = self.older.last() {
            let mut copied = BTreeMap::new();
            // The second time is short, and so is what is left to be copied after the switch.
            for _ in 0..2 {
                copy(&self.maps, older.flows()?, &mut copied)?;
            }
            let pins = older.pins.clone();
            for (ifindex, kind) in attached(&pins, &mut Filters::default())? {
                self.take_interface(&pins, ifindex, kind)?;
            }
            if let Some(older) = self.older.pop() {
                copy(&self.maps, older.flows()?, &mut copied)?;
                let drops = Map::open(&older.pins.maps(), "drops")?.entries()?;
                self.maps.drops.write_all(&drops)?;
                remove::remove_tree(&older.pins.root())?;
            }
        }
        Ok(())
    }

    fn take_interface(&mut self, from: &Pins, ifindex: u32, kind: Attached) -> Result<(), Error> {
        let links = pinned(&from.links())?.contains(&(ifindex, kind));
        let directory = |pins: &Pins| if links { pins.links() } else { pins.filters() };
        let (old, new) = (kind.pin(&directory(from), ifindex), kind.pin(&directory(&self.pins), ifindex));
        // From here on it is ours: a crash leaves the older program there until the next start.
        fs::rename(&old, &new).map_err(|source| Error::Pin {
            action: "take over the pin",
            path: old,
            source,
        })?;
        self.adopt_one(ifindex, kind, links)
    }
}

/// Writes the flows that have not been copied yet as they are.
fn copy(
    maps: &Maps,
    flows: BTreeMap<FlowKeyRecord, FlowRecord>,
    copied: &mut BTreeMap<FlowKeyRecord, u32>,
) -> Result<(), Error> {
    let new = flows.into_iter().filter(|(key, flow)| copied.get(key) != Some(&flow.state));
    let new: BTreeMap<_, _> = new.map(|(key, flow)| (key, FlowRecord { generation: 0, ..flow })).collect();
    maps.flows.write_all(&new)?;
    copied.extend(new.into_iter().map(|(key, flow)| (key, flow.state)));
    Ok(())
}
