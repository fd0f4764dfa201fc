//! Who writes, and which fields are whose then.

use madang_merge::{ManagedFields, Write};
use madang_model::{Diagnostic, Kind, ManagedFieldsEntry, Resource, from_json, prune_unknown};
use serde_json::Value;

use super::giver::Giver;
use super::query::{Query, Validation};
use super::route::Part;
use super::schemas::schema;
use super::sent::Sent;
use crate::{ApiError, now};

/// Who writes, how.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    pub(super) manager: String,
    pub(super) validation: Validation,
    pub(super) dry_run: bool,
    pub(super) force: bool,
    pub(super) part: Part,
    pub(super) time: String,
    pub(super) giver: Giver,
}

impl Writer {
    pub(super) fn new(query: &Query, sent: &Sent, part: Part) -> Result<Self, ApiError> {
        let manager = query.manager.clone().unwrap_or_else(|| sent.agent.clone());
        if !madang_merge::is_manager_name(&manager) {
            return Err(ApiError::bad_request(
                "the parameter fieldManager is too long, or has control characters",
            ));
        }
        let Query { validation, dry_run, force, .. } = *query;
        Ok(Self { manager, validation, dry_run, force, part, time: now(), giver: sent.giver.clone() })
    }

    pub(super) fn write(&self, kind: Kind) -> Write<'_> {
        Write {
            manager: &self.manager,
            api_version: kind.api_version(),
            subresource: match self.part {
                Part::Whole => None,
                part => Some(part.name()),
            },
            now: &self.time,
        }
    }

    /// The resource that a document declares, and what it says that nobody knows.
    pub(super) fn resource(&self, mut document: Value) -> Result<(Resource, Vec<Diagnostic>), ApiError> {
        let warnings = match self.validation {
            Validation::Strict => Vec::new(),
            Validation::Warn => prune_unknown(&mut document),
            Validation::Ignore => {
                prune_unknown(&mut document);
                Vec::new()
            }
        };
        let resource = from_json(document).map_err(ApiError::invalid)?;
        Ok((resource, warnings))
    }

    /// Notes in the new resource who owns what now, if it may be written.
    pub(super) fn own(&self, old: Option<&Resource>, new: &mut Resource) -> Result<(), ApiError> {
        self.giver.may_write(new, old)?;
        let kind = new.kind();
        let mut before = old.map(Resource::to_json);
        let known = before.as_ref().map_or_else(|| Ok(ManagedFields::default()), ManagedFields::of);
        let mut after = new.to_json();
        let submitted = after.pointer("/metadata/managedFields").cloned();
        let unchanged = before.as_ref().and_then(|before| before.pointer("/metadata/managedFields"));
        let submitted = submitted.filter(|submitted| Some(submitted) != unchanged);
        let known = known.map_err(|e| ApiError::bad_request(e.to_string()))?;
        let subresource = self.write(kind).subresource;
        let known = known
            .submitted(submitted.as_ref(), subresource)
            .map_err(|e| ApiError::bad_request(e.to_string()))?;
        before.iter_mut().for_each(without_owners);
        without_owners(&mut after);
        let owners = madang_merge::update(schema(kind), before.as_ref(), &known, &after, &self.write(kind));
        set_owners(new, &owners)
    }
}

pub(super) fn without_owners(document: &mut Value) {
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("managedFields");
    }
}

pub(super) fn set_owners(resource: &mut Resource, owners: &ManagedFields) -> Result<(), ApiError> {
    let entries: Vec<ManagedFieldsEntry> = serde_json::from_value(owners.to_value())
        .map_err(|error| ApiError::internal(format!("owners of fields have no form: {error}")))?;
    resource.metadata_mut().managed_fields = entries;
    Ok(())
}
