//! Where and how resources stand in the store: `/registry/PLURAL/PROJECT/NAME` (`-` for no project), JSON with its schema.

use madang_model::{Kind, ObjectRef, Resource};
use madang_store::{Revision, Value};
use serde::{Deserialize, Serialize};

use crate::{ApiError, Reason};

/// All resources stand below this.
pub(super) const PREFIX: &str = "/registry/";

/// The version of what is written.
const SCHEMA: u32 = 1;

/// The largest resource, in bytes of what is written: as much as etcd takes.
const LARGEST: usize = 3 << 19;

#[derive(Serialize, Deserialize)]
struct Stored {
    schema: u32,
    resource: serde_json::Value,
}

/// Where a resource stands.
pub(super) fn key(object: &ObjectRef) -> String {
    let namespace = if object.namespace.is_empty() { "-" } else { &object.namespace };
    format!("{}{namespace}/{}", prefix(object.kind), object.name)
}

/// Where the resources of a kind stand.
pub(super) fn prefix(kind: Kind) -> String {
    format!("{PREFIX}{}/", kind.plural())
}

/// Which resource stands here; none if it is no resource.
pub(super) fn object_of(key: &str) -> Option<ObjectRef> {
    let mut parts = key.strip_prefix(PREFIX)?.splitn(3, '/');
    let (plural, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
    let kind = Kind::ALL.iter().copied().find(|kind| kind.plural() == plural)?;
    let namespace = Some(namespace).filter(|namespace| *namespace != "-");
    Some(ObjectRef::in_namespace(kind, namespace, name))
}

/// What is written of a resource: all but its resourceVersion, which the store knows. Refused if it is too large.
pub(super) fn encode(resource: &Resource) -> Result<Value, ApiError> {
    let object = resource.object_ref();
    let mut resource = resource.clone();
    resource.metadata_mut().resource_version = None;
    let stored = Stored { schema: SCHEMA, resource: resource.to_json() };
    let text = serde_json::to_vec(&stored).expect("a JSON value has a text");
    if text.len() > LARGEST {
        let message = format!(
            "{object} has {} bytes as JSON, more than the {LARGEST} that a resource may have",
            text.len()
        );
        return Err(ApiError::new(Reason::RequestEntityTooLarge, message).about(&object));
    }
    Ok(text.into())
}

/// The resource that was written.
pub(super) fn decode(key: &str, value: &[u8], revision: Revision) -> Result<Resource, ApiError> {
    let damaged = |error: serde_json::Error| {
        ApiError::internal(format!("what is stored at {key} is no resource that this build knows: {error}"))
    };
    let stored: Stored = serde_json::from_slice(value).map_err(damaged)?;
    if stored.schema > SCHEMA {
        let message = format!(
            "what is stored at {key} has the schema {}, and this build of Madang knows schemas up to {SCHEMA}: start the newer one that wrote it",
            stored.schema
        );
        return Err(ApiError::internal(message));
    }
    Ok(at(Resource::decode(stored.resource).map_err(damaged)?, revision))
}

/// The resource, as of this revision.
pub(super) fn at(mut resource: Resource, revision: Revision) -> Resource {
    resource.metadata_mut().resource_version = Some(revision.to_string());
    resource
}

/// As of which revision the resource is.
pub(super) fn revision(resource: &Resource) -> Result<Revision, ApiError> {
    let version = resource.metadata().resource_version.as_deref().and_then(|version| version.parse().ok());
    version.ok_or_else(|| {
        let message =
            format!("{} has no resourceVersion, and it comes from the store", resource.object_ref());
        ApiError::internal(message)
    })
}
