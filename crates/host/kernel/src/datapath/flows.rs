//! The flows and the drop counters, as the kernel has them.

use std::collections::BTreeSet;
use std::time::Duration;

use madang_datapath::{DropReason, Flow, FlowKey, Protocol, State, Tuple, VpcId, Way};
use rustix::time::{ClockId, clock_gettime};

use super::abi::{Addr, FlowKeyRecord, FlowRecord};
use super::{Datapath, Error, Reader};

/// One way of a flow. Each flow has two of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowEntry {
    /// The packets that it is of, as they come in.
    pub key: FlowKey,
    /// What becomes of them: translated tuple, target, state, counters.
    pub flow: Flow,
    /// How long it may still be silent; zero: expired, and not yet collected.
    pub remaining: Duration,
}

/// How many packets were dropped at an interface for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DropCount {
    /// The interface that they came in at: a port or an uplink.
    pub ifindex: u32,
    /// Why.
    pub reason: DropReason,
    /// How many, since the datapath was made.
    pub packets: u64,
}

impl Reader {
    /// All flows' entries, expired ones too, by key. While packets go, it is no picture of one moment.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn flows(&self) -> Result<Vec<FlowEntry>, Error> {
        let now = monotonic_ns();
        let entries = self.maps.flows.entries()?;
        let mut flows =
            entries.iter().map(|(key, flow)| entry(key, flow, now)).collect::<Result<Vec<_>, _>>()?;
        flows.sort_by_key(|entry| entry.key);
        Ok(flows)
    }

    /// Every drop counter that is not zero.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn drops(&self) -> Result<Vec<DropCount>, Error> {
        let counts = self.maps.drops.entries()?;
        let known = counts.into_iter().filter_map(|(key, packets)| {
            Some(DropCount { ifindex: key.ifindex, reason: DropReason::from_code(key.reason)?, packets })
        });
        Ok(known.filter(|count| count.packets > 0).collect())
    }
}

impl Datapath {
    /// As of [`Reader::flows`].
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn flows(&self) -> Result<Vec<FlowEntry>, Error> {
        self.reader().flows()
    }

    /// As of [`Reader::drops`].
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn drops(&self) -> Result<Vec<DropCount>, Error> {
        self.reader().drops()
    }

    /// Deletes the flows' entries that have expired; how many these were. The check is made inside the kernel.
    ///
    /// # Errors
    /// The program cannot be run.
    pub fn collect(&mut self) -> Result<usize, Error> {
        Ok(self.run_collector()? as usize)
    }

    /// Forgets the drop counters of interfaces other than these: an index may come again for another one.
    ///
    /// # Errors
    /// The map cannot be read or written.
    pub fn forget_drops(&mut self, but: &BTreeSet<u32>) -> Result<usize, Error> {
        let gone = self.maps.drops.entries()?.into_keys().filter(|key| !but.contains(&key.ifindex));
        self.maps.drops.delete_all(&gone.collect::<Vec<_>>())
    }
}

fn entry(key: &FlowKeyRecord, flow: &FlowRecord, now: u64) -> Result<FlowEntry, Error> {
    let damaged = || Error::Damaged { name: "flows" };
    let key = FlowKey {
        vpc: VpcId(key.vpc),
        tuple: tuple(key.src, key.dst, key.src_port.get(), key.dst_port.get()),
        protocol: Protocol::from_number(key.protocol).ok_or_else(damaged)?,
    };
    let remaining = Duration::from_nanos(flow.deadline.saturating_sub(now));
    let flow = Flow {
        translated: tuple(flow.src, flow.dst, flow.src_port.get(), flow.dst_port.get()),
        target: VpcId(flow.vpc),
        way: if flow.way == Way::Original as u32 { Way::Original } else { Way::Reply },
        state: State(flow.state),
        deadline_ns: flow.deadline,
        generation: flow.generation,
        outside_generation: flow.outside_generation,
        packets: flow.packets,
        bytes: flow.bytes,
    };
    Ok(FlowEntry { key, flow, remaining })
}

fn tuple(source: Addr, destination: Addr, source_port: u16, destination_port: u16) -> Tuple {
    Tuple { source: source.into(), destination: destination.into(), source_port, destination_port }
}

/// The clock that deadlines are of.
pub(super) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec)
}
