//! The datapath's tables and its reference pipeline: the specification of what the kernel runs.
//!
//! [`Tables`] is all that the pipeline knows beside its connections. `compile` makes it, the kernel crate writes it into
//! maps, and the stages here and in `bpf/stages/` (one file each, of the same name) give the same verdict for the same
//! packet. [`explain`] runs the same stages and says why.

#![forbid(unsafe_code)]

pub mod abi;
mod drop;
mod explain;
mod flow;
mod outcome;
mod path;
pub mod pipeline;
mod stages;
mod tables;
#[cfg(test)]
mod tests;
mod trace;
mod view;
mod words;

pub use abi::{DropReason, Stage, VerdictCode, Way};
pub use explain::{Entrance, Explained, Live, Names, Probe, explain};
pub use flow::{Flow, FlowKey, FlowTable, Insert, Protocol, Quotas, State, TcpFlags, Tuple};
pub use outcome::{Generations, Outcome, Verdict};
pub use pipeline::{from_port, from_uplink};
pub use stages::dhcp;
pub use tables::*;
pub use trace::Step;
