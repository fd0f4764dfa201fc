//! Where an entry of the tables comes from.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use madang_datapath::Entry;
use madang_model::{Kind, ObjectRef};
use serde::{Deserialize, Serialize};

/// A part of a resource that an entry was made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// Which resource.
    pub object: ObjectRef,
    /// Which field of it, as `spec.ingress[0]`; empty for the whole resource.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
}

/// The origins of each entry. Shared, since one rule is often many entries.
pub type Origins = BTreeMap<Entry, Vec<Arc<Origin>>>;

impl Origin {
    /// This field of this resource.
    pub fn new(kind: Kind, name: &str, path: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { object: ObjectRef::new(kind, name), path: path.into() })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.object)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, " {}", self.path) }
    }
}
