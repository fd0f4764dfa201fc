//! What resources make and have: owners, and what belongs to them.

use std::collections::BTreeSet;

use madang_model::{ObjectRef, Resource};

use super::Registry;
use super::draft::distinct;
use super::lifecycle::{Outcome, Preconditions, already_exists, checked, is_going, newborn};
use super::projects;
use crate::{ApiError, Reason};

impl Registry {
    /// Stores new resources that this one makes, all or none of them, if it still exists. Unlike what somebody creates
    /// one by one, they must be right beside the others: nobody would correct them.
    pub fn create_for(&self, owner: &Resource, new: Vec<Resource>) -> Result<Vec<Resource>, ApiError> {
        let new = new.into_iter().map(|resource| newborn(checked(resource)?));
        let new = new.collect::<Result<Vec<_>, ApiError>>()?;
        let objects: Vec<ObjectRef> = new.iter().map(Resource::object_ref).collect();
        let (_, mut draft) = self.with_draft(false, |draft| {
            let stands = |r: &&Resource| r.metadata().uid == owner.metadata().uid && !is_going(r);
            if draft.before.get(&owner.object_ref()).filter(stands).is_none() {
                return Err(ApiError::not_found(&owner.object_ref()));
            }
            projects::open(&draft.before, &objects)?;
            for (object, resource) in objects.iter().zip(&new) {
                if let Some(stored) = draft.before.get(object) {
                    return Err(already_exists(stored));
                }
                draft.after.insert(object.clone(), resource.clone());
            }
            let mut diagnostics = draft.allocate(&objects);
            diagnostics.extend(draft.wrong(&objects));
            if !diagnostics.is_empty() {
                return Err(ApiError::invalid(distinct(diagnostics)));
            }
            draft.asserted(&objects)
        })?;
        Ok(objects.iter().filter_map(|object| draft.after.remove(object)).collect())
    }

    /// Takes owners (by their uids) off this very resource. One that is gone already is no error.
    pub fn disown(&self, resource: &Resource, owners: &BTreeSet<String>) -> Result<(), ApiError> {
        let same = Preconditions { uid: resource.metadata().uid.clone(), resource_version: None };
        let done = self.rewrite(&resource.object_ref(), |stored| {
            if same.hold(stored).is_err() {
                return Ok(Outcome::Unchanged);
            }
            let mut new = stored.clone();
            new.metadata_mut().owner_references.retain(|owner| !owners.contains(&owner.uid));
            Ok(Outcome::Put(Box::new(new)))
        });
        match done {
            Err(error) if !error.is(Reason::NotFound) => Err(error),
            _ => Ok(()),
        }
    }
}
