//! The resource store: keys, values, one revision counter, and what happened since when.
//!
//! One trait ([`Store`]), two engines: [`Embedded`] (one directory, for one machine) and [`Memory`] (the tests' double).
//! The contract is etcd's, so that etcd can be a third: every transaction that changes something raises the store's
//! [`Revision`] by one, a value remembers the revision that wrote it, and the events of a revision can be read until they
//! are compacted. The counter never goes backwards, also not over a restart.

mod embedded;
mod error;
mod export;
mod memory;
mod txn;

pub use embedded::{
    Condition, Damage, Embedded, FileState, Inspection, Options, Recovery, Restored, inspect, peek, restore,
    restore_last_good,
};
pub use error::StoreError;
pub use export::{Export, ExportError, export};
pub use memory::Memory;
pub use txn::{Compare, Expect, Txn};

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use tokio::sync::watch;

/// How many events an engine keeps unless told otherwise.
pub const KEPT_EVENTS: u64 = 100_000;

/// How long the keys and values of the events that an engine keeps are in all, in bytes, unless told otherwise.
pub const KEPT_BYTES: u64 = 256 << 20;

/// A store of values by key. Every method may block for the disk; none needs an async runtime.
pub trait Store: Send + Sync {
    /// The value at this key.
    fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError>;

    /// At most `limit` keys with this prefix, in order, those after `after` if it is given: of one moment.
    fn range(&self, prefix: &str, limit: usize, after: Option<&str>) -> Result<Page, StoreError>;

    /// Makes all of the changes if all of the compares hold, else none ([`StoreError::Conflict`]). When it returns,
    /// the changes survive the machine's death. The revision is the transaction's own, or the present one if nothing changed.
    fn commit(&self, txn: Txn) -> Result<Revision, StoreError>;

    /// What happened after this revision, in order; a put of the same value is an event too. About `limit` events, of
    /// whole revisions: the last event's revision is where to go on. [`StoreError::Compacted`]: too long ago, read all again.
    fn events(&self, after: Revision, limit: usize) -> Result<Vec<Event>, StoreError>;

    /// The present revision, and each new one once its events can be read.
    fn changed(&self) -> watch::Receiver<Revision>;

    /// Forgets the events before this revision.
    fn compact(&self, before: Revision) -> Result<(), StoreError>;
}

/// A point in the store's history. 0 is before everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// The one after this. The last of all, which no store reaches but a damaged file may name, is followed by itself.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Revision {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A value's bytes, shared.
pub type Value = Arc<[u8]>;

/// A value, and the revision that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The value.
    pub value: Value,
    /// When it was last written.
    pub revision: Revision,
}

/// One key of a [`Page`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Value,
    /// When it was last written.
    pub revision: Revision,
}

/// Some keys, of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The keys, in order.
    pub items: Vec<Item>,
    /// The moment.
    pub revision: Revision,
    /// Whether there are further keys after the last one here.
    pub more: bool,
}

/// A key's change. A transaction's events have one revision, and are in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The transaction's revision.
    pub revision: Revision,
    /// The key.
    pub key: String,
    /// The value after it; none if it was deleted.
    pub new: Option<Value>,
    /// The value before it; none if it was created.
    pub previous: Option<Value>,
}
