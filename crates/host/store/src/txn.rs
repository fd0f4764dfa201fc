//! Changes that are made together or not at all.

use std::collections::BTreeMap;

use crate::{Revision, StoreError, Value};

/// Changes that are made together, if what they were computed from still holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// What must hold.
    pub compares: Vec<Compare>,
    /// What is written.
    pub puts: Vec<(String, Value)>,
    /// Which keys go. One that is not there is no change.
    pub deletes: Vec<String>,
}

/// What must hold of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// The key.
    pub key: String,
    /// What it must be.
    pub expect: Expect,
}

/// What a key must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Not there.
    Absent,
    /// Last written by this revision.
    At(Revision),
}

impl Txn {
    /// No changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// If this key is not there.
    #[must_use]
    pub fn absent(mut self, key: impl Into<String>) -> Self {
        self.compares.push(Compare { key: key.into(), expect: Expect::Absent });
        self
    }

    /// If this key was last written by this revision.
    #[must_use]
    pub fn at(mut self, key: impl Into<String>, revision: Revision) -> Self {
        self.compares.push(Compare { key: key.into(), expect: Expect::At(revision) });
        self
    }

    /// Writes this value.
    #[must_use]
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.puts.push((key.into(), value.into()));
        self
    }

    /// Deletes this key.
    #[must_use]
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.deletes.push(key.into());
        self
    }

    /// The changes by key (none: deleted). Two changes of one key have no meaning, and are refused.
    pub(crate) fn changes(&self) -> Result<BTreeMap<&str, Option<&Value>>, StoreError> {
        let puts = self.puts.iter().map(|(key, value)| (key.as_str(), Some(value)));
        let deletes = self.deletes.iter().map(|key| (key.as_str(), None));
        let mut changes = BTreeMap::new();
        for (key, change) in puts.chain(deletes) {
            if changes.insert(key, change).is_some() {
                return Err(StoreError::ChangedTwice { key: key.to_owned() });
            }
        }
        Ok(changes)
    }
}

impl Expect {
    /// Whether it holds, of a key that was last written by this revision, if it is there.
    pub(crate) fn holds(self, written: Option<Revision>) -> bool {
        match self {
            Self::Absent => written.is_none(),
            Self::At(revision) => written == Some(revision),
        }
    }
}
