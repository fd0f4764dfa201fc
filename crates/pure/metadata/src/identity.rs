//! Who asks, and what is told about each.

use std::collections::BTreeMap;
use std::net::IpAddr;

use madang_addr::{Mac, Prefix};
use serde::{Deserialize, Serialize};

/// Everybody who may ask.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identities {
    /// What tokens are made with.
    pub key: Vec<u8>,
    /// What is told, by the index of the asker's port.
    pub askers: BTreeMap<u32, Identity>,
}

/// What an instance is told about itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its uid, which stands for an instance id.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: String,
    /// Its VPC.
    pub vpc: String,
    /// Its subnet.
    pub subnet: String,
    /// The subnet's range.
    pub range: Prefix,
    /// The VPC's ranges.
    pub ranges: Vec<Prefix>,
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address.
    pub mac: Mac,
    /// What the names of its VPC end in.
    pub domain: String,
    /// Its security groups.
    pub groups: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The host that it is on.
    pub host: String,
    /// What was written for it to read.
    pub user_data: Option<String>,
}
