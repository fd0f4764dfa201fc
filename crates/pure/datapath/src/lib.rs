//! The datapath's tables and its reference pipeline: the specification of what the kernel runs.
//!
//! [`Tables`] is all that the pipeline knows beside its connections. `compile` makes it, the kernel crate writes it into
//! maps, and the stages here and in `bpf/stages/` (one file each, of the same name) give the same verdict for the same
//! packet.

mod tables;

pub use tables::*;
