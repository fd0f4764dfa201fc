//! Who asks, and what there is.

use std::collections::BTreeMap;
use std::net::IpAddr;

use madang_addr::Prefix;
use serde::{Deserialize, Serialize};

/// Everybody who may ask, and the names of every VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// The number of each asker's VPC, by the index of its port.
    pub askers: BTreeMap<u32, u32>,
    /// The VPCs, by number.
    pub zones: BTreeMap<u32, Zone>,
}

/// The names of one VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// What they end in, without a dot at the end: `shop.internal`.
    pub domain: String,
    /// The VPC's ranges.
    pub ranges: Vec<Prefix>,
    /// The instances' names, without the domain.
    pub hosts: BTreeMap<String, IpAddr>,
}

impl Directory {
    /// What an asker sees, and the number of its VPC.
    pub(crate) fn zone(&self, asker: u32) -> Option<(u32, &Zone)> {
        let vpc = self.askers.get(&asker)?;
        self.zones.get(vpc).map(|zone| (*vpc, zone))
    }
}

impl Zone {
    /// Whether an address is the VPC's own.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(address))
    }

    /// Who has the address.
    pub(crate) fn name_of(&self, address: IpAddr) -> Option<&str> {
        self.hosts.iter().find(|(_, of)| **of == address).map(|(name, _)| name.as_str())
    }
}
