//! Who can open connections to whom, and what a change does to that.
//!
//! The work is per pair of sets of instances that are alike, never per pair of instances: alike are those to which the
//! same policy, class and routes apply, before the change and after it.

pub(crate) mod instances;
mod lines;
pub(crate) mod outside;
mod path;

use std::fmt;

use madang_compile::Network;
use serde::{Deserialize, Serialize};

pub use path::{Outside, Party, Path, Ports, Protocol};

/// What a change does to who can open connections to whom. Answers to an open connection always pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reachability {
    /// What can be opened afterwards and could not before.
    pub opens: Vec<Path>,
    /// What could be opened before and cannot afterwards.
    pub cuts: Vec<Path>,
}

impl Reachability {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.opens.is_empty() && self.cuts.is_empty()
    }
}

/// One line a path: `opens web-1 -> db-1 tcp/5432`.
impl fmt::Display for Reachability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.opens.iter().try_for_each(|path| writeln!(f, "opens {path}"))?;
        self.cuts.iter().try_for_each(|path| writeln!(f, "cuts {path}"))
    }
}

/// What differs between two networks. Instances of the same name are the same.
pub fn reachability(before: &Network, after: &Network) -> Reachability {
    let parts = [
        instances::compare(before, after),
        outside::outbound(before, after),
        outside::inbound(before, after),
    ];
    let mut all = Reachability::default();
    for part in parts {
        all.opens.extend(part.opens);
        all.cuts.extend(part.cuts);
    }
    all
}
