//! Server-side apply (KEP-555): a client says which fields it wants to be what, and owns them from then on.

use serde_json::Value;

use crate::combine::combine;
use crate::compare::Changes;
use crate::conflict::Conflicts;
use crate::field_set::FieldSet;
use crate::managed::{BEFORE_FIRST_APPLY, Entry, ManagedFields, Operation, Write};
use crate::owned::{ConfigError, owned};
use crate::prune::prune;
use crate::schema::Schema;
use crate::scope::Scope;

/// Why a configuration was not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Others own what it would change: 409.
    #[error(transparent)]
    Conflicts(#[from] Conflicts),
    /// It is not shaped as its schema says.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It says who owns what: 400. That is the server's to say.
    #[error("metadata.managedFields must be nil")]
    ManagedFields,
}

/// Applies a configuration to the live object, or to nothing, and says who owns what then.
///
/// What the configuration says is set and owned. What the same manager applied before and no longer says is removed, unless
/// somebody else owns it. A field that others own and that would change is a conflict; with `force` they lose it. A field
/// that already is as the configuration says is owned by both.
///
/// Fields that belong to nobody (apiVersion, kind, name, uid, resourceVersion and the like) are the live object's, or the
/// configuration's if there is none: whoever sends a resourceVersion or uid to be compared has it compared by the caller.
/// The object has no `metadata.managedFields`: see [`ManagedFields::put_into`]. If nothing changes, it is the live one, and
/// so are the owners and their times.
pub fn apply(
    schema: &Schema,
    live: Option<&Value>,
    managed: &ManagedFields,
    config: &Value,
    write: &Write<'_>,
    force: bool,
) -> Result<(Value, ManagedFields), ApplyError> {
    if config.pointer("/metadata/managedFields").is_some_and(|managed| !managed.is_null()) {
        return Err(ApplyError::ManagedFields);
    }
    if !config.is_object() {
        return Err(ConfigError::no_object().into());
    }
    let scope = Scope::of(write.subresource);
    let wanted = scope.within(config);
    let mut fields = owned(schema.root(), &wanted, 0)?;
    scope.confine(&mut fields);
    let applied = write.entry(Operation::Apply, fields);
    let mut others = known(schema, live, managed, write);
    let last = others.take(&applied);

    let mut object = live.cloned().unwrap_or_else(|| Scope::unowned(config));
    without_owners(&mut object);
    combine(schema.root(), &mut object, &wanted, 0);
    // Only what is no longer named can go.
    if let Some(last) = last.as_ref().filter(|last| last.fields != applied.fields) {
        let owners: Vec<&FieldSet> =
            others.entries().iter().chain([&applied]).map(|entry| &entry.fields).collect();
        prune(schema.root(), &mut object, &last.fields, &owners);
    }

    let mut changes = Changes::between(schema.root(), live, Some(&object));
    changes.each().into_iter().for_each(|set| scope.confine(set));
    let written = changes.written();
    if let (false, Some(conflicts)) = (force, conflicts(&others, &written)) {
        return Err(conflicts.into());
    }
    others.subtract(&written);
    others.subtract(&changes.removed);
    Ok((object, others.with(Some(dated(applied, last, &changes)))))
}

/// The owners that there were. If none are told of a live object, all that is in it is somebody's from before.
fn known(schema: &Schema, live: Option<&Value>, managed: &ManagedFields, write: &Write<'_>) -> ManagedFields {
    if live.is_none() || !managed.is_empty() {
        return managed.settled(schema, live);
    }
    let mut fields = Changes::between(schema.root(), None, live).added;
    Scope::of(write.subresource).confine(&mut fields);
    let before = Write { manager: BEFORE_FIRST_APPLY, ..*write };
    ManagedFields::default().with(Some(before.entry(Operation::Update, fields)))
}

fn conflicts(others: &ManagedFields, written: &FieldSet) -> Option<Conflicts> {
    let lost = |entry: &Entry| entry.fields.intersection(written).paths();
    Conflicts::of(others.entries().iter().map(|entry| (entry, lost(entry))))
}

/// The entry as of now, or as it was if nothing came of it.
fn dated(entry: Entry, last: Option<Entry>, changes: &Changes) -> Entry {
    match last {
        Some(last)
            if changes.is_empty() && last.fields == entry.fields && last.api_version == entry.api_version =>
        {
            last
        }
        _ => entry,
    }
}

/// Takes away what says who owns what.
fn without_owners(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("managedFields");
    }
}

#[cfg(test)]
mod tests;
