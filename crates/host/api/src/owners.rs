//! Which tool wrote which fields of a resource (`metadata.managedFields`).

use std::collections::HashMap;
use std::sync::LazyLock;

use madang_merge::{ManagedFields, Schema, Write};
use madang_model::{Kind, ManagedFieldsEntry, Resource, openapi};
use serde_json::Value;

use crate::ApiError;

/// Who owns the fields of what a bundle applies.
const BUNDLE_MANAGER: &str = "madang-apply";

/// Notes in the new resource who owns what after this write. `submitted`: the owners that the writer sent, if it did.
pub(crate) fn written(
    old: Option<&Resource>,
    new: &mut Resource,
    submitted: Option<&Value>,
    write: &Write<'_>,
) -> Result<(), ApiError> {
    let kind = new.kind();
    let wrong = |error: madang_merge::ManagedFieldsError| ApiError::bad_request(error.to_string());
    let mut before = old.map(Resource::to_json);
    let known = before.as_ref().map_or_else(|| Ok(ManagedFields::default()), ManagedFields::of);
    let known = known.and_then(|known| known.submitted(submitted, write.subresource)).map_err(wrong)?;
    let mut after = new.to_json();
    before.iter_mut().for_each(without);
    without(&mut after);
    let owners = madang_merge::update(schema(kind), before.as_ref(), &known, &after, write);
    set(new, &owners)
}

/// The same for an item of a bundle: what it changes is the bundle's.
pub(crate) fn written_by_bundle(
    old: Option<&Resource>,
    new: &mut Resource,
    now: &str,
) -> Result<(), ApiError> {
    let api_version = new.kind().api_version();
    written(old, new, None, &Write { manager: BUNDLE_MANAGER, api_version, subresource: None, now })
}

/// The document without its owners.
pub(crate) fn without(document: &mut Value) {
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("managedFields");
    }
}

/// The resource with these owners.
pub(crate) fn set(resource: &mut Resource, owners: &ManagedFields) -> Result<(), ApiError> {
    let entries: Vec<ManagedFieldsEntry> = serde_json::from_value(owners.to_value())
        .map_err(|error| ApiError::internal(format!("owners of fields have no form: {error}")))?;
    resource.metadata_mut().managed_fields = entries;
    Ok(())
}

/// The schema of a kind.
pub(crate) fn schema(kind: Kind) -> &'static Schema {
    static SCHEMAS: LazyLock<HashMap<Kind, Schema>> = LazyLock::new(|| {
        let of =
            |kind: &Kind| (*kind, Schema::new(openapi(*kind)).expect("a test reads every kind's schema"));
        Kind::ALL.iter().map(of).collect()
    });
    &SCHEMAS[&kind]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kinds_schema_can_be_read() {
        for kind in Kind::ALL {
            Schema::new(openapi(*kind)).unwrap_or_else(|error| panic!("{kind}: {error}"));
        }
    }
}
