//! What is declared, and what follows from it, at one moment.

use std::collections::BTreeMap;

use madang_api::{ApiError, Registry};
use madang_compile::Network;
use madang_model::{ObjectRef, Resource};
use madang_store::Revision;

use crate::status::{Verdict, wrong};

/// What is declared, and what follows from it, at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    /// The store's revision at that moment.
    pub(crate) revision: Revision,
    /// Everything that is declared.
    pub(crate) resources: Vec<Resource>,
    /// What of it is right, compiled.
    pub(crate) network: Network,
    /// What is wrong with the rest.
    pub(crate) wrong: BTreeMap<ObjectRef, Verdict>,
}

impl World {
    /// As it is now.
    pub(crate) fn read(registry: &Registry) -> Result<Self, ApiError> {
        let list = registry.all()?;
        let (model, diagnostics) = madang_model::check(&list.items);
        let network = madang_compile::compile(&model);
        Ok(Self { revision: list.revision, resources: list.items, network, wrong: wrong(&diagnostics) })
    }

    /// The resource of this name.
    pub(crate) fn find(&self, object: &ObjectRef) -> Option<&Resource> {
        self.resources.iter().find(|r| r.object_ref() == *object)
    }
}
