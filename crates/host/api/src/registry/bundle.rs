//! A whole set of resources applied as one: strictly checked, in one transaction.

use std::collections::BTreeSet;

use madang_model::{Diagnostic, ObjectRef, Resource, SOURCE_FILE};
use madang_plan::preview;

use super::Registry;
use super::draft::{Draft, distinct};
use super::in_use::in_use;
use super::lifecycle::{Outcome, deleted, in_namespace, is_going, newborn, updated};
use crate::{ApiError, Bundle, BundleResult, Reason};

impl Registry {
    /// Makes what is stored be what the bundle says, or nothing of it: an item that exists gets the item's spec, labels
    /// and annotations. The resources that result must be right as a whole: nothing may be wrong with an item, nor
    /// anything wrong with others that was right before.
    pub fn apply(&self, bundle: Bundle) -> Result<BundleResult, ApiError> {
        let dry_run = bundle.dry_run;
        let incoming = Incoming::read(bundle)?;
        let (preview, draft) = self.with_draft(dry_run, |draft| {
            incoming.merge(draft)?;
            let mut diagnostics = draft.allocate(&incoming.objects);
            let wrong = draft.wrong(&incoming.objects);
            diagnostics.extend(in_use(draft, &incoming.going(draft), &incoming.objects, wrong));
            if !diagnostics.is_empty() {
                return Err(ApiError::invalid(distinct(diagnostics)));
            }
            Ok(preview(&present(draft.before.values()), &present(draft.after.values())))
        })?;
        let items = incoming.objects.iter().filter_map(|object| draft.after.get(object).cloned()).collect();
        Ok(BundleResult { preview, items })
    }
}

/// A bundle whose every item is right by itself.
struct Incoming {
    items: Vec<Resource>,
    objects: Vec<ObjectRef>,
    delete: Vec<ObjectRef>,
    prune_files: BTreeSet<String>,
}

impl Incoming {
    fn read(bundle: Bundle) -> Result<Self, ApiError> {
        let (mut items, mut diagnostics) = (Vec::new(), Vec::new());
        for item in bundle.items {
            match madang_model::from_json(item) {
                Ok(resource) => items.push(in_namespace(resource)),
                Err(found) => diagnostics.extend(found),
            }
        }
        let objects: Vec<_> = items.iter().map(Resource::object_ref).collect();
        let mut seen = BTreeSet::new();
        for object in &objects {
            if !seen.insert(object) {
                let message = format!("{object} is in the bundle twice");
                diagnostics
                    .push(Diagnostic::new("duplicateName", message).at(object.clone(), "metadata.name"));
            }
        }
        if !diagnostics.is_empty() {
            return Err(ApiError::invalid(diagnostics));
        }
        if let Some(both) = bundle.delete.iter().find(|object| seen.contains(object)) {
            let message = format!("{both} is among what shall be and among what shall be deleted");
            return Err(ApiError::bad_request(message).about(both));
        }
        let prune_files = bundle.prune_files.into_iter().collect();
        Ok(Self { items, objects, delete: bundle.delete, prune_files })
    }

    /// Changes the draft into what the bundle says.
    fn merge(&self, draft: &mut Draft) -> Result<(), ApiError> {
        let mut wrong = Vec::new();
        for (item, object) in self.items.iter().zip(&self.objects) {
            let new = match draft.before.get(object) {
                Some(stored) if is_going(stored) => return Err(still_going(object)),
                Some(stored) => updated(stored, item),
                None => newborn(item.clone()),
            };
            match new {
                Ok(new) => drop(draft.after.insert(object.clone(), new)),
                Err(error) if error.diagnostics.is_empty() => return Err(error),
                Err(error) => wrong.extend(error.diagnostics),
            }
        }
        if !wrong.is_empty() {
            return Err(ApiError::invalid(wrong));
        }
        for object in self.going(draft) {
            match draft.before.get(&object).map(deleted) {
                Some(Outcome::Put(new)) => drop(draft.after.insert(object, *new)),
                Some(Outcome::Gone) => drop(draft.after.remove(&object)),
                Some(Outcome::Unchanged) | None => {}
            }
        }
        Ok(())
    }

    /// What shall be deleted.
    fn going(&self, draft: &Draft) -> Vec<ObjectRef> {
        let kept: BTreeSet<_> = self.objects.iter().collect();
        let pruned = |(object, resource): &(&ObjectRef, &Resource)| {
            let file = resource.metadata().annotations.get(SOURCE_FILE);
            !kept.contains(object) && file.is_some_and(|file| self.prune_files.contains(file))
        };
        let pruned = draft.before.iter().filter(pruned).map(|(object, _)| object);
        self.delete.iter().chain(pruned).cloned().collect()
    }
}

/// The resources that are not being deleted.
fn present<'a>(resources: impl Iterator<Item = &'a Resource>) -> Vec<Resource> {
    resources.filter(|r| !is_going(r)).cloned().collect()
}

fn still_going(object: &ObjectRef) -> ApiError {
    let message = format!("{object} is still being deleted: wait until it is gone, then apply again");
    ApiError::new(Reason::Conflict, message).about(object)
}
