//! The flow table: a hash map in the kernel, an ordered one here. What else the pipeline remembers is with it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Flow, FlowKey, Fragments, Quotas, Usages};
use crate::abi::{ERRORS_A_SECOND, FLOW_ENTRIES, SECOND_NS};

/// The flows' entries, of all VPCs.
#[derive(Clone, Debug)]
pub struct FlowTable {
    entries: BTreeMap<FlowKey, Flow>,
    capacity: usize,
    /// Of each interface the latest second in which an ICMP error was sent out of it, and how many were.
    told: BTreeMap<u32, (u64, u64)>,
    pub(crate) fragments: Fragments,
    pub(crate) usages: Usages,
    quotas: Quotas,
}

/// What came of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insert {
    /// It is in; if an expired entry was in the way, that is gone.
    Done,
    /// A live entry is in the way. This is found out before fullness is.
    Taken,
    /// There is no room.
    Full,
}

/// The same flows and room, whatever else is remembered.
impl PartialEq for FlowTable {
    fn eq(&self, other: &Self) -> bool {
        (&self.entries, self.capacity) == (&other.entries, other.capacity)
    }
}

impl Eq for FlowTable {}

impl Default for FlowTable {
    fn default() -> Self {
        Self::new(FLOW_ENTRIES)
    }
}

impl FlowTable {
    /// An empty table with room for this many entries (two a flow).
    pub fn new(capacity: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            capacity,
            told: BTreeMap::new(),
            fragments: Fragments::default(),
            usages: Usages::default(),
            quotas: Quotas::of(u32::try_from(capacity).unwrap_or(u32::MAX)),
        }
    }

    /// The same table with other quotas.
    pub fn with_quotas(self, quotas: Quotas) -> Self {
        Self { quotas, ..self }
    }

    /// How much there may be of whom.
    pub(crate) fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// Counts an ICMP error that is sent out of this interface, if another one may be.
    pub(crate) fn may_tell(&mut self, interface: u32, now_ns: u64) -> bool {
        let second = now_ns / SECOND_NS;
        let told = self.told.entry(interface).or_insert((second, 0));
        if told.0 != second {
            *told = (second, 0);
        }
        let may = told.1 < ERRORS_A_SECOND;
        told.1 += u64::from(may);
        may
    }

    /// The entry of this key, expired or not.
    pub fn entry(&self, key: &FlowKey) -> Option<&Flow> {
        self.entries.get(key)
    }

    /// The entry of this key, if it counts.
    pub fn live(&self, key: &FlowKey, now_ns: u64) -> Option<&Flow> {
        self.entries.get(key).filter(|flow| flow.is_live(now_ns))
    }

    /// The same, to change.
    pub fn entry_mut(&mut self, key: &FlowKey) -> Option<&mut Flow> {
        self.entries.get_mut(key)
    }

    /// Puts an entry where none is live. The kernel does it with `BPF_NOEXIST`; if an expired entry is in the way it
    /// deletes that and tries once more.
    pub fn insert(&mut self, key: FlowKey, flow: Flow, now_ns: u64) -> Insert {
        match self.entries.get(&key) {
            Some(old) if old.is_live(now_ns) => Insert::Taken,
            None if self.entries.len() >= self.capacity => Insert::Full,
            _ => {
                self.entries.insert(key, flow);
                Insert::Done
            }
        }
    }

    /// Puts an entry as it is, whatever is there: to copy what the kernel has.
    pub fn restore(&mut self, key: FlowKey, flow: Flow) {
        self.usages.found(&key, &flow);
        self.entries.insert(key, flow);
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &FlowKey) -> Option<Flow> {
        self.entries.remove(key)
    }

    /// Takes the expired entries out; how many these were.
    pub fn collect(&mut self, now_ns: u64) -> usize {
        let before = self.entries.len();
        self.entries.retain(|_, flow| flow.is_live(now_ns));
        self.usages.recount(self.entries.iter());
        before - self.entries.len()
    }

    /// All entries, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&FlowKey, &Flow)> {
        self.entries.iter()
    }

    /// The entries that have one of these addresses in their key, with as much room left. A flow has the address of
    /// its end that is not translated in both its keys, and in every key that it may clash with.
    pub(crate) fn involving(&self, addresses: [IpAddr; 2]) -> Self {
        let has =
            |key: &FlowKey| addresses.iter().any(|a| [key.tuple.source, key.tuple.destination].contains(a));
        let entries: BTreeMap<_, _> =
            self.entries.iter().filter(|(key, _)| has(key)).map(|(key, flow)| (*key, *flow)).collect();
        let others = self.entries.len() - entries.len();
        Self {
            entries,
            usages: self.usages.clone(),
            quotas: self.quotas,
            ..Self::new(self.capacity.saturating_sub(others))
        }
    }

    /// How many entries there are, expired ones too.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
