//! What a change of resources means, before it is done.

use std::fmt;

use madang_compile::{Network, compile};
use madang_model::{Resource, allocate, check};
use serde::{Deserialize, Serialize};

use crate::changes::{Change, changes};
use crate::reach::{Reachability, reachability};

/// What a change of resources means.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// What happens to each resource.
    pub changes: Vec<Change>,
    /// Who can open connections to whom.
    pub reachability: Reachability,
}

impl Preview {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.reachability.is_empty()
    }
}

/// One line for each resource, below it one for each field, then one for each path that opens or is cut.
impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.changes.iter().try_for_each(|change| writeln!(f, "{change}"))?;
        write!(f, "{}", self.reachability)
    }
}

/// Compares two whole states. What is not valid in either does nothing there; what has no address yet gets the one that
/// it would get.
pub fn preview(before: &[Resource], after: &[Resource]) -> Preview {
    let (was, before_allocated) = network(&[], before);
    let (will, _) = network(&before_allocated, after);
    Preview { changes: changes(before, after), reachability: reachability(&was, &will) }
}

fn network(existing: &[Resource], resources: &[Resource]) -> (Network, Vec<Resource>) {
    let mut resources = resources.to_vec();
    // Whoever gets no address is no part of the network; whoever wants to know why asks the same functions.
    let _ = allocate(existing, &mut resources);
    let (model, _) = check(&resources);
    (compile(&model), resources)
}
