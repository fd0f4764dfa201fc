//! Who writes, where what is written gives permissions: nobody gives what they do not have.

use std::sync::Arc;

use madang_access::{Attributes, User};
use madang_model::{ObjectRef, Resource};

use crate::{Access, ApiError, Caller};

/// Who writes. Nobody in particular, where there are no users: who comes there may do all.
#[derive(Clone, Default)]
pub(super) struct Giver(Option<(Arc<Access>, User)>);

impl Giver {
    pub(super) fn new(access: Option<&Arc<Access>>, caller: Option<&Caller>) -> Self {
        Self(access.cloned().zip(caller.map(|caller| caller.user.clone())))
    }

    /// Whether they may write this resource in this place.
    pub(super) fn may_write(&self, new: &Resource, stored: Option<&Resource>) -> Result<(), ApiError> {
        self.ask(|access, user| access.may_write(user, new, stored))
    }

    /// Whether they may create this resource, where they asked to change it.
    pub(super) fn may_create(&self, object: &ObjectRef) -> Result<(), ApiError> {
        let asked = Attributes::resource("create", object.kind.group().name(), object.kind.plural())
            .in_namespace(&object.namespace)
            .named(&object.name);
        self.ask(|access, user| access.decide(user, &asked))
    }

    /// Whether they may make of this resource what a bundle does.
    pub(super) fn may_apply(
        &self,
        object: &ObjectRef,
        before: Option<&Resource>,
        after: Option<&Resource>,
    ) -> Result<(), ApiError> {
        self.ask(|access, user| access.may_apply(user, object, before, after))
    }

    fn ask(&self, question: impl FnOnce(&Access, &User) -> Result<(), ApiError>) -> Result<(), ApiError> {
        self.0.as_ref().map_or(Ok(()), |(access, user)| question(access, user))
    }
}

impl std::fmt::Debug for Giver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Giver").field(&self.0.as_ref().map(|(_, user)| &user.name)).finish()
    }
}
