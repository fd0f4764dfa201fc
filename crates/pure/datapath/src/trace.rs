//! What the stages say about their decisions. Nobody listening costs nothing: the words are made by closures.

use serde::{Deserialize, Serialize};

use crate::Entry;
use crate::abi::{DropReason, Stage};

/// One stage's decision about a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Who decided.
    pub stage: Stage,
    /// What, for people.
    pub decision: String,
    /// By which entries of the tables.
    pub entries: Vec<Entry>,
}

/// The words for a decision, and the entries of the tables that made it.
pub(crate) type Said = (String, Vec<Entry>);

/// Someone who listens to the stages, or nobody: `()`.
pub(crate) trait Trace {
    /// A stage has decided.
    fn step(&mut self, stage: Stage, say: impl FnOnce() -> Said);

    /// A stage has decided to drop.
    fn refuse(&mut self, stage: Stage, reason: DropReason, say: impl FnOnce() -> Said) -> DropReason {
        self.step(stage, say);
        reason
    }
}

impl Trace for () {
    fn step(&mut self, _: Stage, _: impl FnOnce() -> Said) {}
}

impl Trace for Vec<Step> {
    fn step(&mut self, stage: Stage, say: impl FnOnce() -> Said) {
        let (decision, entries) = say();
        self.push(Step { stage, decision, entries });
    }
}

impl Stage {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::EgressPolicy => "egress policy",
            Self::IngressPolicy => "ingress policy",
            other => other.file(),
        }
    }

    /// The name of its file, here in `stages/` and in `bpf/stages/`.
    pub fn file(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Guard => "guard",
            Self::Conntrack => "conntrack",
            Self::EgressPolicy | Self::IngressPolicy => "policy",
            Self::Dnat => "dnat",
            Self::Route => "route",
            Self::Snat => "snat",
            Self::Deliver => "deliver",
        }
    }
}
