//! What is on a host.

use std::collections::{BTreeMap, BTreeSet};

use madang_addr::{Mac, Prefix};
use madang_datapath::{PortId, Tables, UplinkId};

/// What is on a host: all that was made for instances, wherever the maker stopped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostObserved {
    /// The network namespaces, by the instance's uid.
    pub namespaces: BTreeSet<String>,
    /// The ports, by the instance's uid.
    pub ports: BTreeMap<String, ObservedPort>,
    /// The host's own interfaces, by name: at least those that the pools name and those with our program.
    pub uplinks: BTreeMap<String, ObservedUplink>,
    /// The workloads, by the instance's uid.
    pub workloads: BTreeMap<String, ObservedWorkload>,
    /// What the datapath looks things up in; none, if it is not loaded.
    pub tables: Option<Tables>,
}

/// A port that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedPort {
    /// The name of its instance, for people.
    pub name: String,
    /// The index of the interface on the host's side.
    pub port: PortId,
    /// Whether it was made to the end, with all that is in the instance's end.
    pub complete: bool,
    /// The Ethernet address of the instance's end.
    pub mac: Mac,
    /// The largest IP packet.
    pub mtu: u16,
    /// What the host reaches by its end, if that is the host's.
    pub reaches: BTreeSet<Prefix>,
    /// Whether it carries packets.
    pub up: bool,
    /// Whether the datapath's program is attached.
    pub attached: bool,
}

/// An interface to the outside that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedUplink {
    /// Its index.
    pub uplink: UplinkId,
    /// Its Ethernet address.
    pub mac: Mac,
    /// The largest IP packet that it carries.
    pub mtu: u16,
    /// Whether the datapath's program is attached.
    pub attached: bool,
}

impl ObservedUplink {
    fn host(&self) -> madang_compile::HostUplink {
        madang_compile::HostUplink { id: self.uplink, mac: self.mac, mtu: self.mtu }
    }
}

/// A workload that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedWorkload {
    /// The name of its instance, for people.
    pub name: String,
    /// The hash of the spec that it was started by.
    pub spec_hash: String,
    /// The hash of the names that it knows; none, where they cannot be changed while it runs.
    pub hosts_hash: Option<u64>,
    /// How it is.
    pub state: WorkloadState,
}

/// How a workload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadState {
    /// Somebody looks after it: it runs, or waits to be started again.
    Alive,
    /// It ended, and by its restart policy that is that.
    Ended,
    /// Nobody looks after it any more: it has to be started.
    Lost,
}

impl HostObserved {
    /// What `compile` has to know of the host.
    pub fn host(&self) -> madang_compile::Host {
        madang_compile::Host {
            ports: self.ports.iter().map(|(uid, port)| (uid.clone(), port.port)).collect(),
            uplinks: self.uplinks.iter().map(|(name, uplink)| (name.clone(), uplink.host())).collect(),
        }
    }
}
