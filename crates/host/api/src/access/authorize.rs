//! Whether a user may do something, by the roles and bindings that are stored now.
//!
//! The policy is made from the store and kept until a role or a binding changes. Each question looks at the events since the
//! last one first, so that what was written before the question counts in its answer.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use madang_access::{Attributes, Policy, User};
use madang_model::{ApiGroup, Kind, ObjectRef, Resource};
use serde_json::Value;

use super::users::unauthorized;
use crate::{ApiError, Bundle, Reason, Registry, Watch};

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
        // Pending only if there is no event left that has happened.
        let next = pin!(self.since.next());
        matches!(next.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(_))
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

    /// An item may be created or changed: its sender must be allowed what it comes to.
    pub(super) fn may_apply(&self, user: &User, bundle: &Bundle) -> Result<(), ApiError> {
        for item in &bundle.items {
            // What is no resource is refused later, with everything that is wrong with it.
            let Ok(resource) = madang_model::from_json(item.clone()) else { continue };
            let object = resource.object_ref();
            let stored = self.registry.find(&object)?;
            let verb = if stored.is_some() { "update" } else { "create" };
            self.decide(user, &of_object(verb, &object))?;
            self.may_write(user, &resource, stored.as_ref())?;
        }
        for object in &bundle.delete {
            self.decide(user, &of_object("delete", object))?;
        }
        if bundle.prune_files.is_empty() {
            return Ok(());
        }
        let pruned = |resource: &&Resource| {
            let file = resource.metadata().annotations.get(madang_model::SOURCE_FILE);
            file.is_some_and(|file| bundle.prune_files.contains(file))
        };
        let named = |object: &ObjectRef| bundle.items.iter().any(|item| is_of(item, object));
        for resource in self.registry.all()?.items.iter().filter(pruned) {
            let object = resource.object_ref();
            if !named(&object) {
                self.decide(user, &of_object("delete", &object))?;
            }
        }
        Ok(())
    }
}

/// A verb on one resource.
fn of_object(verb: &str, object: &ObjectRef) -> Attributes {
    let name = if verb == "create" { "" } else { &object.name };
    Attributes::resource(verb, object.kind.group().name(), object.kind.plural())
        .in_namespace(&object.namespace)
        .named(name)
}

fn is_of(item: &Value, object: &ObjectRef) -> bool {
    madang_model::from_json(item.clone()).is_ok_and(|resource| resource.object_ref() == *object)
}

/// The resource that is asked for, if it is one of a known kind.
fn object(asked: &Attributes) -> Option<ObjectRef> {
    let target = asked.target().filter(|target| !target.name.is_empty())?;
    let group = ApiGroup::ALL.into_iter().find(|group| group.name() == target.group)?;
    let kind = Kind::of_plural(group, &target.resource)?;
    let namespace = if kind.is_namespaced() { target.namespace.clone() } else { String::new() };
    Some(ObjectRef { kind, namespace, name: target.name.clone() })
}
