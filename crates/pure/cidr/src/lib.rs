//! The subnet calculator: what an address and its prefix are, how prefixes are split, joined, taken away and given out,
//! and the working of it as a teacher writes it on a board.
//!
//! Every operation is a function from prefixes to an [`Answer`]: a value that serializes, renders itself as lines in a
//! [`Language`], and gives its working as typed [`Step`]s. Nothing here reads or prints.
//!
//! - [`Info`]: an address in its network. [`Kind`] names the IANA's special-purpose registries, [`Class`] the classes.
//! - [`Split`]: equal subnets, by their number, length or hosts. [`Plan`]: subnets of several sizes (VLSM).
//! - [`Merge`], [`Subtraction`], [`Overlaps`], [`Containment`]: prefixes as sets of addresses.
//! - [`Ranges`]: from first and last address to prefixes, and back. [`Allocation`]: the next free prefix of a pool.
//! - [`Neighbour`]: the prefix after or before. [`Classes`]: the table of classes.
//!
//! # Usable addresses
//!
//! | prefix | usable | why |
//! |---|---|---|
//! | IPv4 to /30 | all but the first and the last | the network's and the broadcast address (RFC 950) |
//! | /31 | both | two ends of a link (RFC 3021) |
//! | /32, /128 | the one | a single host |
//! | IPv6 to /126 | all but the first | the Subnet-Router anycast address (RFC 4291 section 2.6.1) |
//! | /127 | both | two ends of a link (RFC 6164) |
//!
//! A subnet for a number of hosts is sized by the same rule: 2^h - 2 in IPv4, 2^h - 1 in IPv6. So two hosts get a /30, not
//! a /31, which only does for a link of two routers: ask for that by its length.
//!
//! # Serialized
//!
//! Names are in camelCase; addresses and prefixes are texts. A [`Count`] is a number up to 2^53, and a text of decimal
//! digits above, since most readers of JSON keep no more digits of a number.

#![forbid(unsafe_code)]

mod allocate;
mod answer;
mod binary;
mod class;
mod contains;
mod count;
mod error;
mod info;
mod kind;
mod language;
mod neighbour;
mod overlap;
mod parse;
mod range;
mod reverse;
mod set;
mod size;
mod split;
mod steps;
mod subnet;
mod subtract;
mod text;
mod vlsm;
mod words;

pub use allocate::Allocation;
pub use answer::{Answer, Lines, Worked};
pub use class::{Class, ClassRow, Classes};
pub use contains::{Containment, Relation};
pub use count::Count;
pub use error::Error;
pub use info::{Binary, Info};
pub use kind::{Kind, Reach, Special};
pub use language::Language;
pub use neighbour::{Direction, Neighbour};
pub use overlap::{Overlap, Overlaps, Pairs};
pub use parse::{Interface, parse_address, parse_prefix, parse_prefixes};
pub use range::{Range, Ranges};
pub use reverse::{Reverse, ReverseStyle};
pub use set::Merge;
pub use size::Size;
pub use split::Split;
pub use steps::Step;
pub use subnet::Subnet;
pub use subtract::Subtraction;
pub use text::COLUMNS;
pub use vlsm::{Placed, Plan, Request};

#[cfg(test)]
mod tests;
