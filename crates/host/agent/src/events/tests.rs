use std::sync::Arc;

use madang_api::Reason;
use madang_model::ObjectRef;
use madang_store::{Memory, Page, Revision, Store, StoreError, Txn, Versioned};
use serde_json::json;

use super::*;

fn instance(name: &str) -> Resource {
    let spec = json!({ "subnet": "web", "process": { "command": ["a"] } });
    let metadata = json!({ "name": name, "namespace": "default", "uid": name });
    Resource::decode(json!({ "kind": "Instance", "metadata": metadata, "spec": spec })).unwrap()
}

fn recorded(registry: &Registry) -> Vec<(String, Option<u32>)> {
    let spec = |resource: Resource| match resource {
        Resource::Event(event) => (event.spec.reason, event.spec.count),
        other => panic!("{other:?}"),
    };
    let mut events: Vec<_> = registry.list(Kind::Event).unwrap().items.into_iter().map(spec).collect();
    events.sort();
    events
}

#[test]
fn what_is_told_is_stored_and_counted_over_a_restart() {
    let registry = Registry::new(Arc::new(Memory::new()));
    let events = EventRecorder::start(registry.clone(), "host-1".into()).unwrap();
    events.normal(&instance("a"), "Started", "its process was started");
    events.warning(&instance("a"), "BackOff", "it ended");
    events.warning(&instance("a"), "BackOff", "it ended");
    events.flush();
    let both = [("BackOff".to_owned(), Some(2)), ("Started".to_owned(), Some(1))];
    assert_eq!(recorded(&registry), both);
    assert_eq!(registry.revision(), Revision(1), "written at once");
    drop(events);
    let next = EventRecorder::start(registry.clone(), "host-1".into()).unwrap();
    next.warning(&instance("a"), "BackOff", "it ended");
    next.flush();
    assert_eq!(recorded(&registry)[0], ("BackOff".to_owned(), Some(3)));
}

/// A store whose disk is full.
struct Full(Memory);

impl Store for Full {
    fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        self.0.get(key)
    }
    fn range(&self, prefix: &str, limit: usize, after: Option<&str>) -> Result<Page, StoreError> {
        self.0.range(prefix, limit, after)
    }
    fn commit(&self, _: Txn) -> Result<Revision, StoreError> {
        Err(StoreError::Closed)
    }
    fn events(&self, after: Revision, limit: usize) -> Result<Vec<madang_store::Event>, StoreError> {
        self.0.events(after, limit)
    }
    fn changed(&self) -> tokio::sync::watch::Receiver<Revision> {
        self.0.changed()
    }
    fn compact(&self, before: Revision) -> Result<(), StoreError> {
        self.0.compact(before)
    }
}

#[test]
fn where_nothing_can_be_written_nobody_waits() {
    let registry = Registry::new(Arc::new(Full(Memory::new())));
    let vpc = json!({ "kind": "Vpc", "metadata": { "name": "v" }, "spec": { "cidrs": ["10.0.0.0/16"] } });
    let refused = registry.create(Resource::decode(vpc).unwrap()).unwrap_err();
    assert_eq!(refused.reason, Reason::ServiceUnavailable);
    let events = EventRecorder::start(registry.clone(), "host-1".into()).unwrap();
    let begun = Instant::now();
    for n in 0..3 * WAITING {
        events.normal(&instance(&n.to_string()), "Started", "its process was started");
    }
    events.flush();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(recorded(&registry), []);
    assert!(registry.find(&ObjectRef::new(Kind::Event, "x")).unwrap().is_none());
}
