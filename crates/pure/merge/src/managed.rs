//! Who owns which fields of an object: `metadata.managedFields` (meta/v1 ManagedFieldsEntry, KEP-555).

mod read;

use std::cmp::Ordering;

pub use read::{ManagedFieldsError, is_manager_name};
use serde_json::{Map, Value};

use crate::field_set::FieldSet;
use crate::schema::Schema;
use crate::settle::settle;

/// The most entries of updates that are kept apart. More are joined, the oldest first, in the name of [`ANCIENT`].
pub const MAX_UPDATE_ENTRIES: usize = 10;
/// Who is said to own what the oldest updates wrote.
pub const ANCIENT: &str = "ancient-changes";
/// Who is said to own what was there before owners were told.
pub const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// How somebody came to own fields. The order is that of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// By saying what they should be: what is no longer said is let go.
    Apply,
    /// By writing them: create, update, or another kind of patch.
    Update,
}

/// Who owns what, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name that the client goes by.
    pub manager: String,
    /// How it wrote.
    pub operation: Operation,
    /// The version that it wrote in, and that the fields are of.
    pub api_version: String,
    /// When it last wrote, RFC 3339; none if nobody knows.
    pub time: Option<String>,
    /// The subresource that it wrote through, as `status`; none for the object itself.
    pub subresource: Option<String>,
    /// What it owns.
    pub fields: FieldSet,
}

/// A request: who writes, through what, when.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The field manager; if empty, `unknown`.
    pub manager: &'a str,
    /// The version of the kind that the request is in, as `madang.dev/v1alpha1`.
    pub api_version: &'a str,
    /// The subresource, if it is to one.
    pub subresource: Option<&'a str>,
    /// RFC 3339.
    pub now: &'a str,
}

/// The owners of an object's fields: entries of different owners, in the order in which Kubernetes lists them, none of
/// which is without fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagedFields {
    entries: Vec<Entry>,
}

impl Operation {
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

impl Write<'_> {
    pub(crate) fn entry(&self, operation: Operation, fields: FieldSet) -> Entry {
        Entry {
            manager: if self.manager.is_empty() { "unknown" } else { self.manager }.to_owned(),
            operation,
            api_version: self.api_version.to_owned(),
            time: Some(self.now.to_owned()),
            subresource: self.subresource.map(str::to_owned),
            fields,
        }
    }
}

impl Entry {
    /// Whether both are of one owner. An applier is the same in every version, an updater is not.
    fn is_same_owner(&self, other: &Self) -> bool {
        self.operation == other.operation
            && self.manager == other.manager
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    fn order<'a>(&'a self, other: &'a Self) -> Ordering {
        let names = |entry: &'a Self| (&entry.manager, &entry.api_version, &entry.subresource);
        (self.operation, &self.time)
            .cmp(&(other.operation, &other.time))
            .then_with(|| names(self).cmp(&names(other)))
    }

    fn to_value(&self) -> Value {
        let mut entry = Map::new();
        let mut put = |name: &str, value: Option<&str>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                entry.insert(name.to_owned(), value.into());
            }
        };
        put("manager", Some(&self.manager));
        put("operation", Some(self.operation.as_str()));
        put("apiVersion", Some(&self.api_version));
        put("time", self.time.as_deref());
        put("fieldsType", Some("FieldsV1"));
        entry.insert("fieldsV1".to_owned(), self.fields.to_fields_v1());
        if let Some(subresource) = &self.subresource {
            entry.insert("subresource".to_owned(), subresource.as_str().into());
        }
        Value::Object(entry)
    }
}

impl ManagedFields {
    /// The entries, appliers first, then by time.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether nobody owns anything: the object's owners are not told.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// As `metadata.managedFields`.
    pub fn to_value(&self) -> Value {
        self.entries.iter().map(Entry::to_value).collect()
    }

    /// Writes them into an object's metadata, or takes the field away if there are none.
    pub fn put_into(&self, object: &mut Value) {
        let Some(fields) = object.as_object_mut() else { return };
        let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        let Some(metadata) = metadata.as_object_mut() else { return };
        if self.is_empty() {
            metadata.shift_remove("managedFields");
        } else {
            metadata.insert("managedFields".to_owned(), self.to_value());
        }
    }

    /// From entries of which a later one takes the place of an earlier one of the same owner.
    pub(crate) fn from_entries(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut kept: Vec<Entry> = Vec::new();
        for entry in entries {
            kept.retain(|other| !other.is_same_owner(&entry));
            kept.push(entry);
        }
        kept.retain(|entry| !entry.fields.is_empty());
        kept.sort_by(|a, b| a.order(b));
        Self { entries: kept }
    }

    /// Those of them whose fields are in the object; of an object that is not there, none.
    pub(crate) fn settled(&self, schema: &Schema, object: Option<&Value>) -> Self {
        let Some(object) = object else { return Self::default() };
        Self::from_entries(self.entries.iter().map(|entry| {
            let fields = settle(schema.root(), object, &entry.fields);
            Entry { fields, ..entry.clone() }
        }))
    }

    /// Takes out the entry of the same owner, if there is one.
    pub(crate) fn take(&mut self, owner: &Entry) -> Option<Entry> {
        let place = self.entries.iter().position(|entry| entry.is_same_owner(owner))?;
        Some(self.entries.remove(place))
    }

    /// Takes a set from everybody.
    pub(crate) fn subtract(&mut self, fields: &FieldSet) {
        self.entries.iter_mut().for_each(|entry| entry.fields.subtract(fields));
        self.entries.retain(|entry| !entry.fields.is_empty());
    }

    /// With an entry more, in its place.
    pub(crate) fn with(self, entry: Option<Entry>) -> Self {
        Self::from_entries(self.entries.into_iter().chain(entry))
    }

    /// With no more than [`MAX_UPDATE_ENTRIES`] of updates: the oldest of one version become one.
    pub(crate) fn capped(self) -> Self {
        let updates =
            |entries: &[Entry]| entries.iter().filter(|entry| entry.operation == Operation::Update).count();
        let mut entries = self.entries;
        while updates(&entries) > MAX_UPDATE_ENTRIES {
            let Some((kept, joined)) = oldest_pair(&entries) else { break };
            let joined = entries.remove(joined);
            let bucket = &mut entries[kept];
            bucket.fields.add(&joined.fields);
            bucket.time = joined.time.max(bucket.time.take());
            bucket.manager = ANCIENT.to_owned();
            bucket.subresource = None;
        }
        Self::from_entries(entries)
    }
}

/// The two updates of the same version that were last written longest ago, the earlier first. Entries are sorted by time.
fn oldest_pair(entries: &[Entry]) -> Option<(usize, usize)> {
    let updates = || entries.iter().enumerate().filter(|(_, entry)| entry.operation == Operation::Update);
    updates().find_map(|(later, entry)| {
        let (earlier, _) = updates().find(|(_, other)| other.api_version == entry.api_version)?;
        (earlier < later).then_some((earlier, later))
    })
}

#[cfg(test)]
mod tests;
