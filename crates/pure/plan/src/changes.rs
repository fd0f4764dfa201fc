//! Which resources change, and which of their fields.

use std::collections::BTreeMap;
use std::fmt;

use madang_model::{ObjectRef, Resource, SOURCE_FILE, SOURCE_LINES};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fields::{FieldChange, diff};
use crate::order::{order_for_create, order_for_delete};

/// What happens to one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Whether it comes, changes or goes.
    pub action: ChangeAction,
    /// Which resource.
    pub object: ObjectRef,
    /// What changes in it, if it stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
}

/// Whether a resource comes, changes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangeAction {
    /// It is new.
    Create,
    /// It stays, with another spec, other labels or annotations.
    Update,
    /// It goes, or its deletion begins.
    Delete,
}

impl fmt::Display for ChangeAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.object)?;
        self.fields.iter().try_for_each(|field| write!(f, "\n  {field}"))
    }
}

/// What happens to each resource: first what comes or changes, in an order in which that can be done, then what goes,
/// dependants first. What the store and the agent write (status, revisions, where the source is) is no change.
pub fn changes(before: &[Resource], after: &[Resource]) -> Vec<Change> {
    let was: BTreeMap<_, _> = standing(before).map(|r| (r.object_ref(), r)).collect();
    let will: BTreeMap<_, _> = standing(after).map(|r| (r.object_ref(), r)).collect();
    let stays = order_for_create(after).into_iter().filter_map(|object| {
        let new = wanted(will.get(&object)?);
        let Some(old) = was.get(&object) else {
            return Some(Change { action: ChangeAction::Create, object, fields: Vec::new() });
        };
        let (old, mut fields) = (wanted(old), Vec::new());
        for part in ["metadata", "spec"] {
            diff(part, &old[part], &new[part], &mut fields);
        }
        (!fields.is_empty()).then_some(Change { action: ChangeAction::Update, object, fields })
    });
    let goes = order_for_delete(before)
        .into_iter()
        .filter(|object| was.contains_key(object) && !will.contains_key(object));
    let goes = goes.map(|object| Change { action: ChangeAction::Delete, object, fields: Vec::new() });
    stays.chain(goes).collect()
}

/// Those that are not being deleted.
fn standing(resources: &[Resource]) -> impl Iterator<Item = &Resource> {
    resources.iter().filter(|r| r.metadata().deletion_timestamp.is_none())
}

/// What somebody wants of it, in the Kubernetes shape.
fn wanted(resource: &Resource) -> Value {
    let metadata = resource.metadata();
    let mut annotations = metadata.annotations.clone();
    annotations.retain(|key, _| key != SOURCE_FILE && key != SOURCE_LINES);
    let mut kept = serde_json::Map::new();
    for (name, map) in [("labels", &metadata.labels), ("annotations", &annotations)] {
        if !map.is_empty() {
            kept.insert(name.to_owned(), json!(map));
        }
    }
    json!({ "metadata": kept, "spec": resource.to_json()["spec"] })
}
