//! Bundles that clients apply, one after the other, on what there is: a line of JSON each, or an object to store as it is.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use madang_api::{Bundle, Registry};
use madang_model::{Resource, from_json};
use madang_store::Memory;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let registry = Registry::new(Arc::new(Memory::new()));
    registry.ensure_default_project().expect("there is room for it");
    for line in bytes.split(|byte| *byte == b'\n').take(8) {
        if let Ok(bundle) = serde_json::from_slice::<Bundle>(line) {
            apply(&registry, bundle);
        } else if let Ok(value) = serde_json::from_slice::<Value>(line)
            && let Ok(resource) = from_json(value)
        {
            write(&registry, resource);
        }
    }
});

/// Applies a bundle: wholly, or not at all. What was applied is applied already.
fn apply(registry: &Registry, bundle: Bundle) {
    let before = registry.all().expect("it can be read");
    let changes_nothing = bundle.dry_run || bundle.plan;
    let done = registry.apply(bundle.clone());
    let after = registry.all().expect("it can be read");
    if done.is_err() || changes_nothing {
        assert_eq!(after, before, "what is refused or only planned changes nothing");
    }
    let Ok(first) = done else { return };
    let names_all = bundle.items.iter().all(|item| item["metadata"].get("generateName").is_none());
    let is_state = bundle.delete.is_empty() && bundle.prune_files.is_empty() && bundle.confirm.is_none();
    if names_all && is_state && !changes_nothing {
        let again = registry.apply(bundle).expect("what was applied can be applied");
        assert!(
            again.preview.changes.is_empty(),
            "what was applied changes nothing: {:?}",
            again.preview.changes
        );
        assert_eq!(again.items, first.items);
    }
}

/// Writes a resource alone, in each of the ways that there are.
fn write(registry: &Registry, resource: Resource) {
    let object = resource.object_ref();
    if registry.create(resource.clone()).is_err() {
        let _ = registry.update(resource.clone()).map_err(|error| error.to_string());
    }
    let _ = registry.update_status(resource).map_err(|error| error.to_string());
    if let Ok(Some(stored)) = registry.find(&object) {
        let again = from_json(stored.to_json()).expect("what is stored can be read");
        assert!(again.same_spec(&stored));
    }
    if object.name.ends_with('x') {
        let _ = registry.delete(&object).map_err(|error| error.to_string());
    }
}
