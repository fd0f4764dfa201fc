//! The writer and the reader of the tables.
//!
//! Every entry of a VPC holds a generation: the number of the change that wrote it. A change writes the whole of the
//! VPCs that differ beside what is there, tells in `vpcs` that they are of the new generation from the new epoch on,
//! and switches by writing the epoch: no packet sees half of a change, not even of two VPCs. Then, once no program can
//! still hold the old entries, it deletes them. Whatever is of no VPC's generation is what a crash left behind.

use std::collections::{BTreeMap, BTreeSet};

use madang_datapath::{Generations, PortId, Tables, VpcId};

use super::Error;
use super::abi::{PortRecord, VpcRecord};
use super::maps::Maps;
use super::records::{OUTSIDE, Records};
use super::sys;

/// What a change of the tables took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many entries were written.
    pub written: usize,
    /// How many entries were deleted, what a crash had left behind among them.
    pub deleted: usize,
    /// How many VPCs (the outside is one) switched to new tables.
    pub vpcs_flipped: usize,
}

impl VpcRecord {
    /// The generation that counts at this epoch, as `bpf/stages/conntrack.h` finds it.
    fn at(self, epoch: u32) -> u32 {
        if epoch >= self.next { self.next } else { self.current }
    }
}

/// The generations that count, and the epoch.
fn generations(maps: &Maps) -> Result<(BTreeMap<u32, u32>, u32), Error> {
    let epoch = maps.epoch()?;
    let records = maps.vpcs.entries()?;
    Ok((records.into_iter().map(|(vpc, record)| (vpc, record.at(epoch))).collect(), epoch))
}

/// The generation of every VPC, the outside's as that of VPC 0.
pub(super) fn observe_generations(maps: &Maps) -> Result<Generations, Error> {
    let (generations, _) = generations(maps)?;
    Ok(Generations(generations.into_iter().map(|(vpc, generation)| (VpcId(vpc), generation)).collect()))
}

/// What packets are looked up in now.
pub(super) fn observe(maps: &Maps) -> Result<Tables, Error> {
    let (generations, _) = generations(maps)?;
    let (live, _) =
        Records::read(maps)?.partition(|vpc, generation| generations.get(&vpc) == Some(&generation));
    let own = live.by_vpc();
    let mut tables = Tables::default();
    for vpc in generations.into_keys().filter(|vpc| *vpc != OUTSIDE) {
        let records = own.get(&vpc).cloned().unwrap_or_default();
        tables.vpcs.insert(VpcId(vpc), records.vpc_tables()?);
    }
    tables.outside = own.get(&OUTSIDE).cloned().unwrap_or_default().outside();
    for (id, record) in maps.ports.entries()? {
        tables.ports.insert(PortId(id), record.port()?);
    }
    Ok(tables)
}

/// Makes the maps say what the tables say, and does nothing where they do already.
pub(super) fn apply(maps: &Maps, tables: &Tables) -> Result<Report, Error> {
    let mut report = Report { deleted: settle(maps)?, ..Report::default() };
    let change = Change::find(maps, tables)?;
    let outcome = change.carry_out(maps, &mut report);
    if outcome.is_err() {
        // What was written of the new generation is in the way of the next try. That it failed is what counts, not
        // whether this does too.
        let _ = settle(maps);
    }
    outcome.map(|()| report)
}

/// Clears away what a crash, or a change that failed, has left: switches that were not made, and entries of other
/// generations than the VPCs'. How many entries these were.
pub(super) fn settle(maps: &Maps) -> Result<usize, Error> {
    let epoch = maps.epoch()?;
    for (vpc, record) in maps.vpcs.entries()? {
        match record {
            VpcRecord { current: 0, next } if next > epoch => drop(maps.vpcs.delete(&vpc)?),
            VpcRecord { current, next } if next > epoch => {
                maps.vpcs.write(&vpc, &VpcRecord { current, next: current })?;
            }
            _ => {}
        }
    }
    let (generations, _) = generations(maps)?;
    let (_, left) =
        Records::read(maps)?.partition(|vpc, generation| generations.get(&vpc) == Some(&generation));
    if left.is_empty() {
        return Ok(0);
    }
    sys::wait_for_programs();
    left.delete(maps)
}

/// The difference between what is wanted and what the maps have.
struct Change {
    epoch: u32,
    generations: BTreeMap<u32, u32>,
    /// The VPCs that differ: what they shall have, or nothing if they go.
    vpcs: BTreeMap<u32, Option<Records>>,
    /// What these have now.
    old: Records,
    ports: BTreeMap<u32, PortRecord>,
    gone_ports: Vec<u32>,
}

impl Change {
    fn find(maps: &Maps, tables: &Tables) -> Result<Self, Error> {
        let (generations, epoch) = generations(maps)?;
        let mut wanted = Records::from(tables).by_vpc();
        for vpc in tables.vpcs.keys() {
            wanted.entry(vpc.0).or_default();
        }
        let observed = Records::read(maps)?;
        let mut present = observed.at(0).by_vpc();
        for vpc in generations.keys() {
            present.entry(*vpc).or_default();
        }
        // The outside is always there; without entries it need not be told of.
        wanted.entry(OUTSIDE).or_default();
        present.entry(OUTSIDE).or_default();

        let both: BTreeSet<u32> = wanted.keys().chain(present.keys()).copied().collect();
        let differ = both.into_iter().filter(|vpc| wanted.get(vpc) != present.get(vpc));
        let vpcs: BTreeMap<u32, Option<Records>> =
            differ.map(|vpc| (vpc, wanted.get(&vpc).cloned())).collect();
        let (old, _) = observed.partition(|vpc, _| vpcs.contains_key(&vpc));

        let present = maps.ports.entries()?;
        let wanted: BTreeMap<u32, PortRecord> =
            tables.ports.iter().map(|(id, port)| (id.0, port.into())).collect();
        let gone_ports = present.keys().filter(|id| !wanted.contains_key(id)).copied().collect();
        let ports = wanted.into_iter().filter(|(id, port)| present.get(id) != Some(port)).collect();
        Ok(Self { epoch, generations, vpcs, old, ports, gone_ports })
    }

    fn carry_out(&self, maps: &Maps, report: &mut Report) -> Result<(), Error> {
        report.written += maps.ports.write_all(&self.ports)?;
        if !self.vpcs.is_empty() {
            self.switch(maps, report)?;
        }
        report.deleted += maps.ports.delete_all(&self.gone_ports)?;
        Ok(())
    }

    fn switch(&self, maps: &Maps, report: &mut Report) -> Result<(), Error> {
        let next = self.epoch.checked_add(1).ok_or(Error::EpochsUsedUp)?;
        for records in self.vpcs.values().flatten() {
            report.written += records.at(next).write(maps)?;
        }
        let generation = |vpc| self.generations.get(&vpc).copied().unwrap_or(0);
        let records: BTreeMap<u32, VpcRecord> =
            self.vpcs.keys().map(|vpc| (*vpc, VpcRecord { current: generation(*vpc), next })).collect();
        report.written += maps.vpcs.write_all(&records)?;
        maps.switch_to(next)?;
        report.written += 1;
        report.vpcs_flipped = self.vpcs.len();

        sys::wait_for_programs();
        report.deleted += self.old.delete(maps)?;
        let gone: Vec<u32> =
            self.vpcs.iter().filter(|(_, wanted)| wanted.is_none()).map(|(vpc, _)| *vpc).collect();
        report.deleted += maps.vpcs.delete_all(&gone)?;
        forget_flows(maps, &gone)
    }
}

/// Deletes the flows of VPCs that are no more: nobody waits for their deadlines, and the number may come again.
fn forget_flows(maps: &Maps, vpcs: &[u32]) -> Result<(), Error> {
    if vpcs.is_empty() {
        return Ok(());
    }
    let flows = maps.flows.entries()?;
    let theirs = flows.iter().filter(|(key, flow)| vpcs.contains(&key.vpc) || vpcs.contains(&flow.vpc));
    maps.flows.delete_all(&theirs.map(|(key, _)| *key).collect::<Vec<_>>()).map(drop)
}
