//! Who owns what after a write that is no apply (KEP-555, "Update").

use serde_json::Value;

use crate::compare::Changes;
use crate::managed::{ManagedFields, Operation, Write};
use crate::schema::Schema;
use crate::scope::Scope;

/// The owners after a create, update or patch made the live object, or nothing, into the new one.
///
/// Who writes owns what it changed, and all others lose that; what it removed is nobody's. What it wrote as it was stays
/// whose it is. An entry's time is when its owner last changed something of it. If nothing changes, nothing does here.
///
/// A live object of which no owners are told stays so until it is first applied, as nobody could be told from the owners
/// of the rest; a client asks for that by clearing the list ([`ManagedFields::submitted`]).
pub fn update(
    schema: &Schema,
    live: Option<&Value>,
    managed: &ManagedFields,
    new: &Value,
    write: &Write<'_>,
) -> ManagedFields {
    if live.is_some() && managed.is_empty() {
        return ManagedFields::default();
    }
    let mut others = managed.settled(schema, live);
    let scope = Scope::of(write.subresource);
    let mut changes = Changes::between(schema.root(), live, Some(new));
    changes.each().into_iter().for_each(|set| scope.confine(set));

    let mut entry = write.entry(Operation::Update, changes.written());
    let last = others.take(&entry);
    others.subtract(&entry.fields);
    others.subtract(&changes.removed);
    if let Some(last) = last {
        let mut kept = last.fields.clone();
        kept.subtract(&changes.removed);
        let touched = !entry.fields.is_empty() || kept != last.fields;
        entry.fields.add(&kept);
        entry.time = if touched { entry.time } else { last.time };
    }
    others.with(Some(entry)).capped()
}

#[cfg(test)]
mod tests;
