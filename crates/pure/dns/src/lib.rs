//! What the name service of a VPC answers: pure functions from a message to what becomes of it.
//!
//! Every VPC has a zone `<vpc>.internal` with the names of its instances, both ways, and nothing of another VPC. All else
//! is asked elsewhere, and what comes back is looked at: an answer that leads a name of the outside to an address inside
//! is refused (DNS rebinding).
//!
//! RFC 1034, 1035; 6891 (EDNS); 6303 (zones that are never asked elsewhere); 6761 (`localhost`); 8020 and 2308 (what is not
//! there); 8482 (ANY).

mod answer;
mod directory;
mod forward;
mod inside;

pub use answer::{Decision, Transport, decide};
pub use directory::{Directory, Zone};
pub use forward::{Forwarded, Key, Unfit, lifetime};

/// How long an answer about an instance may be kept, in seconds.
const TTL: u32 = 10;
/// How long it may be kept that there is no such name, in seconds.
const NEGATIVE_TTL: u32 = 5;
/// The largest message over UDP, whatever the asker says that it takes (as of DNS flag day 2020).
pub const MAX_UDP: u16 = 1232;

#[cfg(test)]
mod tests;
