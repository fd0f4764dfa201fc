//! A whole set of resources applied as one: strictly checked, in one transaction.

use std::collections::BTreeSet;

use madang_model::{Diagnostic, Kind, ObjectRef, Resource, SOURCE_FILE};
use madang_plan::{Asserted, Preview, Propagation, Standing, preview, refused};

use super::draft::{Draft, distinct};
use super::in_use::in_use;
use super::lifecycle::{Outcome, deleted, in_namespace, is_going, newborn, updated_as};
use super::rename::Renames;
use super::{Registry, projects};
use crate::{ApiError, Bundle, BundleResult, Reason, now, owners};

impl Registry {
    /// Makes what is stored be what the bundle says, or nothing of it: an item that exists gets the item's spec, labels
    /// and annotations. The resources that result must be right as a whole: nothing may be wrong with an item, nor
    /// anything wrong with others that was right before, and no assertion may be broken that held.
    ///
    /// A plan is told whole: what cannot be changed is told as if it were deleted and created again, and why the bundle
    /// would be refused is part of the preview.
    pub fn apply(&self, bundle: Bundle) -> Result<BundleResult, ApiError> {
        self.apply_if(bundle, |_, _, _| Ok(()))
    }

    /// The same, if it may be done: `may` is asked for each item, and for each other resource that the bundle changes or
    /// deletes, with what it is in the state that is changed and what it shall be.
    pub fn apply_if(
        &self,
        bundle: Bundle,
        may: impl Fn(&ObjectRef, Option<&Resource>, Option<&Resource>) -> Result<(), ApiError>,
    ) -> Result<BundleResult, ApiError> {
        let (plan, confirm) = (bundle.plan, bundle.confirm);
        let dry_run = bundle.dry_run || plan;
        let incoming = Incoming::read(bundle)?;
        let (preview, draft) = self.with_draft(dry_run, |draft| {
            if !dry_run {
                self.nothing_waits()?;
            }
            // Who names an event means it.
            for event in incoming.objects.iter().chain(&incoming.delete).filter(|o| o.kind == Kind::Event) {
                draft.include(self.find(event)?);
            }
            for (object, item) in incoming.named() {
                may(object, draft.before.get(object), item)?;
            }
            let renames = Renames::of(&incoming.items, &draft.before).map_err(ApiError::invalid)?;
            let mut refused = incoming.merge(draft, &renames)?;
            for object in incoming.others(draft) {
                let after = draft.after.get(object).filter(|after| !is_going(after));
                may(object, draft.before.get(object), after)?;
            }
            if !plan && !refused.is_empty() {
                return Err(ApiError::invalid(refused));
            }
            let mut diagnostics = draft.allocate(&incoming.objects);
            let wrong = draft.wrong(&incoming.objects);
            diagnostics.extend(in_use(draft, &incoming.going(draft, &renames), &incoming.objects, wrong));
            if !diagnostics.is_empty() {
                refused.extend(diagnostics);
                return Err(ApiError::invalid(distinct(refused)));
            }
            let mut preview = preview(&present(draft.before.values()), &present(draft.after.values()));
            refused.extend(incoming.unasserted(draft, &preview, &renames));
            if plan {
                preview.refused = refused;
            } else if !refused.is_empty() {
                return Err(ApiError::invalid(refused));
            }
            if let Some(seconds) = confirm.filter(|_| !dry_run && !preview.changes.is_empty()) {
                draft.must_be_confirmed(seconds)?;
            }
            Ok(preview)
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

    /// Changes the draft into what the bundle says. Gives what cannot be changed; it is changed in the draft all the same.
    fn merge(&self, draft: &mut Draft, renames: &Renames) -> Result<Vec<Diagnostic>, ApiError> {
        let (mut fixed, now) = (Vec::new(), now());
        let going = self.going(draft, renames);
        for old in renames.sources() {
            draft.after.remove(old);
        }
        for (item, object) in self.items.iter().zip(&self.objects) {
            let stored = draft.before.get(object).filter(|_| !renames.takes(object));
            let older = renames.source(object).and_then(|old| draft.before.get(old));
            let (new, wrong) = match (older, stored) {
                (Some(older), _) => renames.renamed(older, item),
                (None, Some(stored)) if is_going(stored) => return Err(still_going(object)),
                (None, Some(stored)) => updated_as(stored, &renames.followed(stored), item),
                (None, None) => (newborn(item.clone())?, Vec::new()),
            };
            // As it would be if it were deleted and created again.
            let mut new = if wrong.is_empty() { new } else { newborn(item.clone())? };
            let old = older.or(stored);
            if old != Some(&new) {
                owners::written_by_bundle(old, &mut new, &now)?;
            }
            draft.after.insert(object.clone(), new);
            fixed.extend(wrong);
        }
        for object in going {
            let stored = draft.before.get(&object);
            match stored.map(|stored| deleted(stored, Propagation::Background)).transpose()? {
                Some(Outcome::Put(new)) => drop(draft.after.insert(object, *new)),
                Some(Outcome::Gone) => drop(draft.after.remove(&object)),
                Some(Outcome::Unchanged) | None => {}
            }
        }
        let new = self.objects.iter().filter(|object| !draft.before.contains_key(object));
        projects::open(&draft.after, new)?;
        Ok(fixed)
    }

    /// What the bundle names, and what it says that it shall be; none if it shall go.
    fn named(&self) -> impl Iterator<Item = (&ObjectRef, Option<&Resource>)> {
        let items = self.objects.iter().zip(self.items.iter().map(Some));
        items.chain(self.delete.iter().map(|object| (object, None)))
    }

    /// What else it changed in the draft: what was pruned, and what got another name.
    fn others<'a>(&'a self, draft: &'a Draft) -> impl Iterator<Item = &'a ObjectRef> {
        let named: BTreeSet<_> = self.named().map(|(object, _)| object).collect();
        let changed = |object: &&ObjectRef| draft.before.get(*object) != draft.after.get(*object);
        draft.before.keys().filter(move |object| !named.contains(object)).filter(changed)
    }

    /// Why the bundle is refused for the sake of assertions.
    fn unasserted(&self, draft: &Draft, preview: &Preview, renames: &Renames) -> Vec<Diagnostic> {
        let written: BTreeSet<_> = self.objects.iter().collect();
        let in_force: Vec<Asserted> = draft.in_force(&preview.assertions).cloned().collect();
        let mut found = refused(&in_force, |object| written.contains(object), true);
        if !renames.is_empty() {
            // Whoever is renamed is not deleted: an assertion that still has the old name would be lost unseen.
            let lost = |a: &&Asserted| a.was == Some(Standing::Holds) && a.standing == Standing::Waits;
            found.extend(in_force.iter().filter(lost).filter_map(|asserted| asserted.diagnostic.clone()));
        }
        distinct(found)
    }

    /// What shall be deleted.
    fn going(&self, draft: &Draft, renames: &Renames) -> Vec<ObjectRef> {
        let kept: BTreeSet<_> = self.objects.iter().collect();
        let pruned = |(object, resource): &(&ObjectRef, &Resource)| {
            let file = resource.metadata().annotations.get(SOURCE_FILE);
            !kept.contains(object) && file.is_some_and(|file| self.prune_files.contains(file))
        };
        let pruned = draft.before.iter().filter(pruned).map(|(object, _)| object);
        self.delete.iter().chain(pruned).filter(|object| !renames.takes(object)).cloned().collect()
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
