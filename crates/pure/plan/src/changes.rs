//! Which resources change, and which of their fields.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use madang_model::{Kind, ObjectRef, RENAMED_FROM, Resource, SOURCE_FILE, SOURCE_LINES};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

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
    /// Which it was before, if it gets another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ObjectRef>,
    /// What changes in it, if it stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// What is worth knowing of it, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Whether a resource comes, changes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangeAction {
    /// It is new.
    Create,
    /// It stays, with another spec, other labels or annotations.
    Update,
    /// It stays, under another name, and perhaps with other fields.
    Rename,
    /// It goes, or its deletion begins.
    Delete,
}

impl fmt::Display for ChangeAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Rename => "rename",
            Self::Delete => "delete",
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Some(from) => write!(f, "{} {from} to {}", self.action, self.object)?,
            None => write!(f, "{} {}", self.action, self.object)?,
        }
        self.fields.iter().try_for_each(|field| write!(f, "\n  {field}"))
    }
}

/// What happens to each resource: first what comes or changes, in an order in which that can be done, then what goes,
/// dependants first. What the store and the agent write (status, revisions, where the source is) is no change.
pub fn changes(before: &[Resource], after: &[Resource]) -> Vec<Change> {
    let was: BTreeMap<_, _> = standing(before).map(|r| (r.object_ref(), r)).collect();
    let will: BTreeMap<_, _> = standing(after).map(|r| (r.object_ref(), r)).collect();
    let by_uid: BTreeMap<&str, &ObjectRef> =
        was.iter().filter_map(|(object, r)| Some((r.metadata().uid.as_deref()?, object))).collect();
    // Which it was: by its uid, if that is known, else by its name.
    let older = |object: &ObjectRef, new: &Resource| {
        let uid = new.metadata().uid.as_deref().and_then(|uid| by_uid.get(uid).copied());
        let same_name = was.get_key_value(object).map(|(object, _)| object);
        uid.filter(|older| older.kind == object.kind).or(same_name)
    };
    let kept: BTreeMap<ObjectRef, ObjectRef> = will
        .iter()
        .filter_map(|(object, new)| Some((older(object, new)?.clone(), object.clone())))
        .filter(|(older, object)| older != object)
        .collect();
    let stays = order_for_create(after).into_iter().filter_map(|object| {
        let new = will.get(&object)?;
        match older(&object, new) {
            Some(from) if *from != object => Some(renamed(from, was[from], object, new)),
            // Its name was another's, who has gone to a new one.
            Some(from) if !kept.contains_key(from) => updated(was[from], object, new),
            _ => Some(Change::new(ChangeAction::Create, object)),
        }
    });
    let goes = order_for_delete(before).into_iter().filter(|object| {
        was.contains_key(object) && !will.contains_key(object) && !kept.contains_key(object)
    });
    let goes = goes.map(|object| Change::new(ChangeAction::Delete, object));
    stays.chain(goes).collect()
}

impl Change {
    fn new(action: ChangeAction, object: ObjectRef) -> Self {
        Self { action, object, from: None, fields: Vec::new(), notes: Vec::new() }
    }
}

fn updated(old: &Resource, object: ObjectRef, new: &Resource) -> Option<Change> {
    // As most are: to find out what differs takes far longer.
    if old == new {
        return None;
    }
    let fields = differences(old, new);
    (!fields.is_empty()).then(|| Change { fields, ..Change::new(ChangeAction::Update, object) })
}

fn renamed(from: &ObjectRef, old: &Resource, object: ObjectRef, new: &Resource) -> Change {
    let mut notes = Vec::new();
    if let Resource::Instance(instance) = new {
        let address = instance.status.address.map_or_else(String::new, |address| format!(" {address}"));
        notes.push(format!(
            "it keeps its address{address}, and its process goes on: its host name changes, HOSTNAME in its environment only when it is started again"
        ));
    }
    let (fields, from) = (differences(old, new), Some(from.clone()));
    Change { fields, from, notes, ..Change::new(ChangeAction::Rename, object) }
}

fn differences(old: &Resource, new: &Resource) -> Vec<FieldChange> {
    let (old_wanted, new_wanted, mut fields) = (wanted(old), wanted(new), Vec::new());
    let parts: BTreeSet<&String> = old_wanted.keys().chain(new_wanted.keys()).collect();
    let nothing = Value::Null;
    for part in parts {
        let of = |wanted: &Map<String, Value>| wanted.get(part).unwrap_or(&nothing).clone();
        diff(part, &of(&old_wanted), &of(&new_wanted), &mut fields);
    }
    // kubectl keeps all that was applied in an annotation.
    let held =
        |path: &str| ["data", "stringData", "metadata.annotations"].iter().any(|p| path.starts_with(p));
    let secret = |change: &&mut FieldChange| old.kind() == Kind::Secret && held(&change.path);
    for change in fields.iter_mut().filter(secret) {
        [&mut change.before, &mut change.after].into_iter().flatten().for_each(veil);
    }
    fields
}

/// Those that are not being deleted.
fn standing(resources: &[Resource]) -> impl Iterator<Item = &Resource> {
    resources.iter().filter(|r| r.metadata().deletion_timestamp.is_none())
}

/// What somebody wants of it: labels, annotations, and its spec or what its kind has in the place of one.
fn wanted(resource: &Resource) -> Map<String, Value> {
    let metadata = resource.metadata();
    let mut annotations = metadata.annotations.clone();
    annotations.retain(|key, _| ![SOURCE_FILE, SOURCE_LINES, RENAMED_FROM].contains(&key.as_str()));
    let mut kept = Map::new();
    for (name, map) in [("labels", &metadata.labels), ("annotations", &annotations)] {
        if !map.is_empty() {
            kept.insert(name.to_owned(), json!(map));
        }
    }
    let Value::Object(mut wanted) = resource.to_json() else { return Map::new() };
    for beside in ["apiVersion", "kind", "status"] {
        wanted.shift_remove(beside);
    }
    wanted.insert("metadata".to_owned(), kept.into());
    wanted
}

/// In the place of a value that is nobody's to read.
fn veil(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(_, value)| veil(value)),
        value => *value = "(secret)".into(),
    }
}
