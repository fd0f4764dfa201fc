//! In which order resources come and go.

use std::borrow::Borrow;

use madang_model::{ObjectRef, Resource};

/// Whoever is referred to comes before whoever refers to it.
pub fn order_for_create(resources: &[impl Borrow<Resource>]) -> Vec<ObjectRef> {
    // The kinds themselves are in such an order, and no resource depends on another of its own kind: security groups
    // may name each other, in circles too, and are created before their rules are looked at.
    let mut objects: Vec<_> = resources.iter().map(|resource| resource.borrow().object_ref()).collect();
    objects.sort();
    objects
}

/// Dependants come before what they depend on.
pub fn order_for_delete(resources: &[impl Borrow<Resource>]) -> Vec<ObjectRef> {
    let mut objects = order_for_create(resources);
    objects.sort_by(|a, b| b.kind.cmp(&a.kind).then_with(|| a.cmp(b)));
    objects
}
