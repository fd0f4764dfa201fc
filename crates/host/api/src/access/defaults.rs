//! The roles and bindings that are there from the start, as resources.

use madang_access::{completed, defaults};
use madang_model::Resource;

use crate::{ApiError, Reason, Registry};

/// Makes those that are missing, and adds to those that are there what they lack.
pub(super) fn bootstrap(registry: &Registry) -> Result<(), ApiError> {
    defaults().into_iter().try_for_each(|default| ensure(registry, default))
}

fn ensure(registry: &Registry, default: Resource) -> Result<(), ApiError> {
    let object = default.object_ref();
    let Some(stored) = registry.find(&object)? else {
        return match registry.create(default) {
            // Another daemon of the same store was faster.
            Err(error) if error.is(Reason::AlreadyExists) => Ok(()),
            created => created.map(drop),
        };
    };
    let Some(newer) = completed(&stored, &default) else { return Ok(()) };
    tracing::info!(%object, "what this build knows beyond the stored one was added");
    registry.update(newer).map(drop)
}
