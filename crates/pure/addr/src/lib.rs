//! Addresses, prefixes and MACs: arithmetic and allocation, without I/O.
//!
//! The types carry the rules: a [`Prefix`] never has host bits set, a [`Mac`] prints as people write it.

mod family;
pub mod hash;
mod mac;
mod pool;
mod prefix;

pub use family::Family;
pub use mac::{Mac, ParseMacError};
pub use pool::first_free;
pub use prefix::{ParsePrefixError, Prefix, Subnets};
