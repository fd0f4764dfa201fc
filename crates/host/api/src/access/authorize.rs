//! Whether a user may do something, by the roles and bindings that are stored now.
//!
//! The policy is made from the store and kept until a role or a binding changes. Each question looks at the events since the
//! last one first, so that what was written before the question counts in its answer.

use std::sync::{Arc, Mutex, PoisonError};

use madang_access::{Attributes, Policy, User};
use madang_model::{ApiGroup, Kind, ObjectRef, Resource};

use super::users::unauthorized;
use crate::{ApiError, Reason, Registry, Watch};

/// The kinds that a policy is made of.
const KINDS: [Kind; 4] = [Kind::Role, Kind::RoleBinding, Kind::ClusterRole, Kind::ClusterRoleBinding];

/// Answers by what is stored.
pub(super) struct Authorizer {
    registry: Registry,
    known: Mutex<Option<Known>>,
}

struct Known {
    policy: Arc<Policy>,
    /// What happened since it was made.
    since: Watch,
}

impl Known {
    /// Whether a role or a binding changed. An event that cannot be read may have been one.
    fn is_old(&mut self) -> bool {
        self.since.has_more().unwrap_or(true)
    }
}

impl Authorizer {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry, known: Mutex::new(None) }
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The policy of now.
    pub(super) fn policy(&self) -> Result<Arc<Policy>, ApiError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_mut()
            && !known.is_old()
        {
            return Ok(Arc::clone(&known.policy));
        }
        *known = None;
        // Before the lists: what happens while they are read is seen the next time.
        let since = self.registry.watch(&KINDS, self.registry.revision());
        let mut resources = Vec::new();
        for kind in KINDS {
            resources.extend(self.registry.list(kind)?.items);
        }
        let policy = Arc::new(Policy::new(&resources));
        *known = Some(Known { policy: Arc::clone(&policy), since });
        Ok(policy)
    }

    pub(super) fn decide(&self, user: &User, asked: &Attributes) -> Result<(), ApiError> {
        // Also if a role cannot be read: somebody has to be able to mend it.
        if user.is_master() {
            return Ok(());
        }
        let decision = self.policy()?.allows(user, asked);
        if decision.allowed {
            return Ok(());
        }
        if user.is_anonymous() {
            return Err(unauthorized(
                "this needs a user: send a client certificate, or a token as `Authorization: Bearer TOKEN`",
            ));
        }
        let error = ApiError::new(Reason::Forbidden, asked.forbidden_to(&user.name, &decision.reason));
        Err(match object(asked) {
            Some(object) => error.about(&object),
            None => error,
        })
    }

    pub(super) fn may_write(
        &self,
        user: &User,
        new: &Resource,
        stored: Option<&Resource>,
    ) -> Result<(), ApiError> {
        self.policy()?.may_give(user, new, stored).map_err(|escalation| {
            let object = new.object_ref();
            let message = format!("{object} is forbidden: {escalation}");
            ApiError::new(Reason::Forbidden, message).about(&object)
        })
    }

    /// What a bundle comes to for one resource: whether its sender may do that.
    pub(super) fn may_apply(
        &self,
        user: &User,
        object: &ObjectRef,
        before: Option<&Resource>,
        after: Option<&Resource>,
    ) -> Result<(), ApiError> {
        match (before, after) {
            (stored, Some(new)) => {
                let verb = if stored.is_some() { "update" } else { "create" };
                self.decide(user, &of_object(verb, object))?;
                self.may_write(user, new, stored)
            }
            (_, None) => self.decide(user, &of_object("delete", object)),
        }
    }
}

/// A verb on one resource.
fn of_object(verb: &str, object: &ObjectRef) -> Attributes {
    let name = if verb == "create" { "" } else { &object.name };
    Attributes::resource(verb, object.kind.group().name(), object.kind.plural())
        .in_namespace(&object.namespace)
        .named(name)
}

/// The resource that is asked for, if it is one of a known kind.
fn object(asked: &Attributes) -> Option<ObjectRef> {
    let target = asked.target().filter(|target| !target.name.is_empty())?;
    let group = ApiGroup::ALL.into_iter().find(|group| group.name() == target.group)?;
    let kind = Kind::of_plural(group, &target.resource)?;
    let namespace = if kind.is_namespaced() { target.namespace.clone() } else { String::new() };
    Some(ObjectRef { kind, namespace, name: target.name.clone() })
}
