//! Who writes, and which fields are whose then.

use madang_merge::Write;
use madang_model::{Diagnostic, Kind, Resource, from_json, prune_unknown};
use serde_json::Value;

use super::giver::Giver;
use super::query::{Query, Validation};
use super::route::Part;
use super::sent::Sent;
use crate::{ApiError, now, owners};

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
        // Owners that are the stored ones were read and sent back.
        let sent = &new.metadata().managed_fields;
        let is_sent = !sent.is_empty() && old.is_none_or(|old| old.metadata().managed_fields != *sent);
        let submitted = is_sent.then(|| new.to_json()["metadata"]["managedFields"].take());
        owners::written(old, new, submitted.as_ref(), &self.write(kind))
    }
}
