//! Assertions beside single writes: a write that would break one is refused.
//!
//! To know that, all resources have to be looked at. As long as there is no assertion, nobody looks: a write that is made
//! without a look compares one key, which every write of an assertion raises.

use madang_compile::compile;
use madang_model::{Diagnostic, Kind, Model, ObjectRef, Resource, check};
use madang_plan::{Asserted, Standing, assess, refused};
use madang_store::Txn;

use super::Registry;
use super::draft::{Draft, ordered};
use super::lifecycle::is_going;
use crate::ApiError;

/// Raised by every draft that writes an assertion.
pub(super) const GUARD: &str = "/guard/assertions";

/// Whether what an assertion says can depend on resources of this kind.
fn matters(kind: Kind) -> bool {
    use Kind::{
        AddressPool, Instance, NatGateway, PrefixList, PublicAddress, RouteTable, SecurityGroup, Subnet, Vpc,
    };
    matches!(
        kind,
        AddressPool
            | Vpc
            | PrefixList
            | SecurityGroup
            | NatGateway
            | RouteTable
            | Subnet
            | Instance
            | PublicAddress
    )
}

/// Whether deleting a resource of this kind can break an assertion. Whoever is deleted is not reached, which is meant; to
/// others an instance that goes makes no difference.
pub(super) fn heeds_deletion(kind: Kind) -> bool {
    matters(kind) && kind != Kind::Instance
}

impl Registry {
    /// The transaction, for a write of this kind that is made without a look at assertions: there must be none. None, if
    /// there are some.
    pub(super) fn unasserted(&self, kind: Kind, txn: Txn) -> Result<Option<Txn>, ApiError> {
        if !matters(kind) {
            return Ok(Some(txn));
        }
        // The guard is read first: an assertion that comes in between is noticed.
        let guard = self.store.get(GUARD)?;
        let (assertions, _) = self.objects(Kind::Assertion)?;
        Ok(assertions.is_empty().then(|| match guard {
            Some(guard) => txn.at(GUARD, guard.revision),
            None => txn.absent(GUARD),
        }))
    }
}

impl Draft {
    /// Refuses what would break an assertion, or writes a broken one. For single writes.
    pub(super) fn asserted(&self, written: &[ObjectRef]) -> Result<(), ApiError> {
        let resources = ordered(&self.after, written);
        let (model, _) = check(&resources);
        let refused = self.unasserted(written, &resources, &model);
        if refused.is_empty() { Ok(()) } else { Err(ApiError::invalid(refused)) }
    }

    /// The same for who has the resources as they shall be, checked.
    pub(super) fn unasserted(
        &self,
        written: &[ObjectRef],
        resources: &[Resource],
        model: &Model,
    ) -> Vec<Diagnostic> {
        if !resources.iter().any(|resource| resource.kind() == Kind::Assertion) {
            return Vec::new();
        }
        let mut after = assess(resources, model, &compile(model));
        after.retain(|asserted| asserted.standing != Standing::Holds && !self.is_emptied(&asserted.object));
        if after.is_empty() {
            return Vec::new();
        }
        let before = madang_plan::assertions(&ordered(&self.before, written));
        for asserted in &mut after {
            let was = before.iter().find(|before| before.object == asserted.object);
            asserted.was = was.map(|was| was.standing);
        }
        refused(&after, |object| written.contains(object), false)
    }

    /// Those of a project that is being deleted say nothing any more.
    pub(super) fn in_force<'a>(&'a self, asserted: &'a [Asserted]) -> impl Iterator<Item = &'a Asserted> {
        asserted.iter().filter(|asserted| !self.is_emptied(&asserted.object))
    }

    fn is_emptied(&self, object: &ObjectRef) -> bool {
        let project = ObjectRef::in_namespace(Kind::Namespace, None, object.namespace.as_str());
        self.after.get(&project).is_some_and(is_going)
    }
}
