//! From one state of a resource to the next: its beginning, its changes, its end.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use madang_model::{DEFAULT_NAMESPACE, Diagnostic, Resource, immutable_changes};
use madang_plan::{FOREGROUND_FINALIZER, NAMESPACE_FINALIZER, ORPHAN_FINALIZER, Propagation};

use super::parts::{new_uid, now, random_name};
use super::{INSTANCE_FINALIZER, ROLLED_BACK, projects};
use crate::{ApiError, Reason};

/// Which state of a resource is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// The resource with this uid, and no later one of its name.
    pub uid: Option<String>,
    /// As it was at this revision.
    pub resource_version: Option<String>,
}

/// How something is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Only in this state.
    pub preconditions: Preconditions,
    /// What becomes of what belongs to it.
    pub propagation: Propagation,
}

/// What becomes of a stored resource.
pub(super) enum Outcome {
    Unchanged,
    Put(Box<Resource>),
    Gone,
}

impl From<&Preconditions> for DeleteOptions {
    /// In the background.
    fn from(preconditions: &Preconditions) -> Self {
        Self { preconditions: preconditions.clone(), ..Self::default() }
    }
}

impl Preconditions {
    /// What the sender of this resource believes.
    pub(crate) fn of(resource: &Resource) -> Self {
        let metadata = resource.metadata();
        Self { uid: metadata.uid.clone(), resource_version: metadata.resource_version.clone() }
    }

    pub(crate) fn hold(&self, stored: &Resource) -> Result<(), ApiError> {
        let (object, metadata) = (stored.object_ref(), stored.metadata());
        let differs = |wanted: &Option<String>, is: &Option<String>| wanted.is_some() && wanted != is;
        if differs(&self.uid, &metadata.uid) {
            let message = format!("{object} is another one by now: the one that was meant is deleted");
            return Err(ApiError::new(Reason::Conflict, message).about(&object));
        }
        if differs(&self.resource_version, &metadata.resource_version) {
            let message = format!(
                "{object} was changed by somebody else meanwhile (it is at resourceVersion {}): get it again, and repeat the change",
                metadata.resource_version.as_deref().unwrap_or_default()
            );
            return Err(ApiError::new(Reason::Conflict, message).about(&object));
        }
        Ok(())
    }
}

/// The resource with every field checked, in its project.
pub(super) fn checked(resource: Resource) -> Result<Resource, ApiError> {
    let resource = in_namespace(resource);
    madang_model::from_json(resource.to_json()).map_err(ApiError::invalid)
}

pub(super) fn in_namespace(mut resource: Resource) -> Resource {
    let namespaced = resource.kind().is_namespaced();
    let namespace = &mut resource.metadata_mut().namespace;
    if namespaced && namespace.is_none() {
        *namespace = Some(DEFAULT_NAMESPACE.to_owned());
    }
    if let Resource::Secret(secret) = &mut resource {
        for (key, value) in std::mem::take(&mut secret.spec.string_data) {
            secret.spec.data.insert(key, STANDARD.encode(value));
        }
    }
    resource
}

/// A resource as it is when it begins to exist, but for what is allocated.
pub(super) fn newborn(mut resource: Resource) -> Result<Resource, ApiError> {
    resource.reset_status();
    let finalizer = match &mut resource {
        Resource::Instance(_) => Some(INSTANCE_FINALIZER),
        Resource::Namespace(project) => {
            project.status.phase = Some(projects::ACTIVE.to_owned());
            Some(NAMESPACE_FINALIZER)
        }
        _ => None,
    };
    let uid = new_uid()?;
    let metadata = resource.metadata_mut();
    metadata.uid = Some(uid);
    metadata.generation = 1;
    metadata.creation_timestamp = Some(now());
    metadata.deletion_timestamp = None;
    metadata.resource_version = None;
    if let Some(finalizer) = finalizer {
        add_finalizer(&mut resource, finalizer);
    }
    Ok(resource)
}

/// The stored resource with the spec, labels and annotations of the other.
pub(super) fn updated(stored: &Resource, given: &Resource) -> Result<Resource, ApiError> {
    let (new, fixed) = updated_as(stored, stored, given);
    if fixed.is_empty() { Ok(new) } else { Err(ApiError::invalid(fixed)) }
}

/// The same, and what of it cannot be changed, compared with what the stored one is called otherwise (`followed`).
pub(super) fn updated_as(
    stored: &Resource,
    followed: &Resource,
    given: &Resource,
) -> (Resource, Vec<Diagnostic>) {
    let mut new = stored.clone();
    new.take_spec(given);
    let metadata = new.metadata_mut();
    metadata.labels.clone_from(&given.metadata().labels);
    metadata.annotations.clone_from(&given.metadata().annotations);
    let mut named = new.clone();
    named.metadata_mut().name.clone_from(&followed.metadata().name);
    let fixed = immutable_changes(followed, &named);
    if !stored.same_spec(&new) {
        new.metadata_mut().generation += 1;
        // What was said of an earlier spec says nothing of this one.
        new.conditions_mut().retain(|condition| condition.r#type != ROLLED_BACK);
    }
    (new, fixed)
}

/// The same, of somebody who may have read it before: then it must be what was read, and finalizers and owners count too.
pub(super) fn replaced(stored: &Resource, given: &Resource) -> Result<Resource, ApiError> {
    Preconditions::of(given).hold(stored)?;
    let mut new = updated(stored, given)?;
    if given.metadata().resource_version.is_some() {
        let metadata = new.metadata_mut();
        metadata.finalizers.clone_from(&given.metadata().finalizers);
        metadata.owner_references.clone_from(&given.metadata().owner_references);
    }
    Ok(new)
}

/// The stored resource with all of the other that its client may change.
pub(super) fn rewritten(stored: &Resource, given: &Resource) -> Result<Resource, ApiError> {
    let mut new = updated(stored, given)?;
    let metadata = new.metadata_mut();
    metadata.finalizers.clone_from(&given.metadata().finalizers);
    metadata.owner_references.clone_from(&given.metadata().owner_references);
    metadata.managed_fields.clone_from(&given.metadata().managed_fields);
    if is_going(stored)
        && given.metadata().finalizers.iter().any(|f| !stored.metadata().finalizers.contains(f))
    {
        let object = stored.object_ref();
        let message = format!("{object} is being deleted: finalizers can only be taken off it");
        return Err(ApiError::new(Reason::Forbidden, message).about(&object));
    }
    Ok(new)
}

/// With a name of its own, if it asks for one that begins with something.
pub(super) fn named(mut resource: Resource) -> Result<Resource, ApiError> {
    const LONGEST: usize = 63 - SUFFIX;
    const SUFFIX: usize = 5;
    let metadata = resource.metadata_mut();
    if let (true, Some(beginning)) = (metadata.name.is_empty(), &metadata.generate_name) {
        let beginning: String = beginning.chars().take(LONGEST).collect();
        metadata.name = format!("{beginning}{}", random_name(SUFFIX)?);
    }
    Ok(resource)
}

/// What becomes of a resource that somebody deletes.
pub(super) fn deleted(stored: &Resource, propagation: Propagation) -> Result<Outcome, ApiError> {
    projects::can_be_deleted(stored)?;
    let mut new = stored.clone();
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => add_finalizer(&mut new, FOREGROUND_FINALIZER),
        Propagation::Orphan => add_finalizer(&mut new, ORPHAN_FINALIZER),
    }
    if new.metadata().finalizers.is_empty() {
        return Ok(Outcome::Gone);
    }
    if !is_going(&new) {
        let metadata = new.metadata_mut();
        metadata.deletion_timestamp = Some(now());
        metadata.generation += 1;
    }
    if let Resource::Namespace(project) = &mut new {
        project.status.phase = Some(projects::TERMINATING.to_owned());
    }
    Ok(Outcome::Put(Box::new(new)))
}

/// Put, unless nothing keeps the resource from going any longer.
pub(super) fn put_or_gone(new: Resource) -> Outcome {
    let metadata = new.metadata();
    if is_going(&new) && metadata.finalizers.is_empty() {
        return Outcome::Gone;
    }
    Outcome::Put(Box::new(new))
}

fn add_finalizer(resource: &mut Resource, finalizer: &str) {
    let finalizers = &mut resource.metadata_mut().finalizers;
    if !finalizers.iter().any(|f| f == finalizer) {
        finalizers.push(finalizer.to_owned());
    }
}

pub(super) fn already_exists(stored: &Resource) -> ApiError {
    let object = stored.object_ref();
    let message = if is_going(stored) {
        format!("{object} is still being deleted: wait until it is gone, then create it again")
    } else {
        format!("{object} exists already")
    };
    ApiError::new(Reason::AlreadyExists, message).about(&object)
}

pub(super) fn too_busy() -> ApiError {
    ApiError::new(Reason::Conflict, "others change the same resources all the time: try again")
}

/// Whether it is being deleted.
pub(super) fn is_going(resource: &Resource) -> bool {
    resource.metadata().deletion_timestamp.is_some()
}

/// Whether a change of this resource can make others right or wrong.
pub(super) fn matters_to_others(stored: &Resource, new: &Resource) -> bool {
    !stored.same_spec(new) || is_going(stored) != is_going(new)
}
