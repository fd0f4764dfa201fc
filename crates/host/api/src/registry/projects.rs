//! Projects: what is made is made in one that exists and stays.

use std::collections::BTreeMap;

use madang_model::{
    DEFAULT_NAMESPACE, Diagnostic, Kind, Metadata, NamespaceSpec, NamespaceStatus, Object, ObjectRef,
    Resource,
};
use madang_store::Txn;

use super::Registry;
use super::lifecycle::is_going;
use super::stored::{self, key};
use crate::{ApiError, Reason};

/// The phase of a project that things can be made in.
pub(super) const ACTIVE: &str = "Active";
/// The phase of a project that is being emptied.
pub(super) const TERMINATING: &str = "Terminating";

impl Registry {
    /// Makes the default project, if it is not there yet. What is made in it need not wait for that: it is taken to exist.
    pub fn ensure_default_project(&self) -> Result<(), ApiError> {
        let object = project(DEFAULT_NAMESPACE);
        if self.find(&object)?.is_some() {
            return Ok(());
        }
        let metadata = Metadata { name: object.name, ..Metadata::default() };
        let (spec, status) = (NamespaceSpec::default(), NamespaceStatus::default());
        match self.create(Resource::Namespace(Object { metadata, spec, status })) {
            Err(error) if !error.is(Reason::AlreadyExists) => Err(error),
            _ => Ok(()),
        }
    }

    /// The transaction, if something can be made in the project of this object, and as long as that is so.
    pub(super) fn in_open_project(&self, txn: Txn, object: &ObjectRef) -> Result<Txn, ApiError> {
        if !needs_project(object) {
            return Ok(txn);
        }
        let project = project(&object.namespace);
        let Some(found) = self.entry(&project)? else { return Err(missing(&project, [object])) };
        is_open(&found.resource, object)?;
        Ok(txn.at(key(&project), stored::revision(&found.resource)?))
    }
}

/// Whether these can be made among the others: their projects are there, and not going.
pub(super) fn open<'a>(
    resources: &BTreeMap<ObjectRef, Resource>,
    objects: impl IntoIterator<Item = &'a ObjectRef>,
) -> Result<(), ApiError> {
    let mut lost: BTreeMap<ObjectRef, Vec<&ObjectRef>> = BTreeMap::new();
    for object in objects.into_iter().filter(|object| needs_project(object)) {
        let project = project(&object.namespace);
        match resources.get(&project) {
            Some(found) => is_open(found, object)?,
            None => lost.entry(project).or_default().push(object),
        }
    }
    match lost.into_iter().next() {
        Some((project, objects)) => Err(missing(&project, objects)),
        None => Ok(()),
    }
}

/// The default project cannot go: what names no project is in it.
pub(super) fn can_be_deleted(resource: &Resource) -> Result<(), ApiError> {
    let object = resource.object_ref();
    if object == project(DEFAULT_NAMESPACE) {
        let message = "the project \"default\" cannot be deleted: it holds what names no project. To empty it, delete \
                       what is in it: madang down --all -n default";
        return Err(ApiError::new(Reason::Forbidden, message).about(&object));
    }
    Ok(())
}

fn project(name: &str) -> ObjectRef {
    ObjectRef::new(Kind::Namespace, name)
}

fn needs_project(object: &ObjectRef) -> bool {
    object.kind.is_namespaced() && object.namespace != DEFAULT_NAMESPACE
}

fn is_open(project: &Resource, object: &ObjectRef) -> Result<(), ApiError> {
    if !is_going(project) {
        return Ok(());
    }
    let name = &project.metadata().name;
    let message = format!(
        "{object} is forbidden: unable to create new content in namespace {name} because it is being terminated; wait \
         until it is gone, and create it again"
    );
    Err(ApiError::new(Reason::Forbidden, message).about(object))
}

/// There is no such project. Each of these would have been in it.
fn missing<'a>(project: &ObjectRef, objects: impl IntoIterator<Item = &'a ObjectRef>) -> ApiError {
    let name = &project.name;
    let message = format!("namespaces \"{name}\" not found");
    let diagnostic = |object: &ObjectRef| {
        Diagnostic::new("namespaceNotFound", format!("there is no project {name}"))
            .hint(format!("create it before: apiVersion: v1, kind: Namespace, metadata: {{ name: {name} }}"))
            .at(object.clone(), "metadata.namespace")
    };
    let diagnostics = objects.into_iter().map(diagnostic).collect();
    ApiError { diagnostics, ..ApiError::new(Reason::NotFound, message).about(project) }
}
