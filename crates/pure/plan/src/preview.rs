//! What a change of resources means, before it is done.

use std::collections::BTreeMap;
use std::fmt;

use madang_compile::{Network, compile};
use madang_model::{Diagnostic, Model, Resource, allocate, check};
use serde::{Deserialize, Serialize};

use crate::assertions::{Asserted, assess};
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
    /// Every assertion, and whether it holds afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assertions: Vec<Asserted>,
    /// Why the change would be refused, if it would be: set by whoever can tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Diagnostic>,
}

impl Preview {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.reachability.is_empty() && self.refused.is_empty()
    }
}

/// One line for each resource, below it one for each field, then one for each path that opens or is cut, and for each
/// assertion.
impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.changes.iter().try_for_each(|change| writeln!(f, "{change}"))?;
        write!(f, "{}", self.reachability)?;
        let mut assertions = self.assertions.iter();
        assertions.try_for_each(|a| writeln!(f, "{} {}: {}", a.standing, a.object, a.claim))
    }
}

/// Compares two whole states. What is not valid in either does nothing there; what has no address yet gets the one that
/// it would get. A resource that has another name and the same uid is the same.
pub fn preview(before: &[Resource], after: &[Resource]) -> Preview {
    let mut was = State::of(&[], before);
    let will = State::of(&was.resources, after);
    let held: BTreeMap<_, _> =
        was.asserted().into_iter().map(|asserted| (asserted.object, asserted.standing)).collect();
    let mut assertions = will.asserted();
    for asserted in &mut assertions {
        asserted.was = held.get(&asserted.object).copied();
    }
    follow(&mut was.network, &will.network);
    Preview {
        changes: changes(before, after),
        reachability: reachability(&was.network, &will.network),
        assertions,
        refused: Vec::new(),
    }
}

/// Resources, and what follows from them.
struct State {
    resources: Vec<Resource>,
    model: Model,
    network: Network,
}

impl State {
    fn of(existing: &[Resource], resources: &[Resource]) -> Self {
        let mut resources = resources.to_vec();
        // Whoever gets no address is no part of the network; whoever wants to know why asks the same functions.
        let _ = allocate(existing, &mut resources);
        let (model, _) = check(&resources);
        let network = compile(&model);
        Self { resources, model, network }
    }

    fn asserted(&self) -> Vec<Asserted> {
        assess(&self.resources, &self.model, &self.network)
    }
}

/// Instances of the network before are called as they are after.
fn follow(before: &mut Network, after: &Network) {
    for (uid, instance) in &mut before.instances {
        if let Some(now) = after.instances.get(uid) {
            instance.name.clone_from(&now.name);
        }
    }
}
