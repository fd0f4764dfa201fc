use super::*;

fn event(project: &str, name: &str, count: u32) -> Resource {
    let about = json!({ "kind": "Instance", "namespace": project, "name": "web-1" });
    typed(json!({
        "apiVersion": "v1", "kind": "Event", "metadata": { "name": name, "namespace": project },
        "involvedObject": about, "reason": "Started", "type": "Normal", "count": count,
    }))
}

fn counts(registry: &Registry) -> Vec<(String, u32)> {
    let count = |resource: Resource| match resource {
        Resource::Event(event) => (event.metadata.name, event.spec.count.unwrap()),
        other => panic!("{other:?}"),
    };
    registry.list(Kind::Event).unwrap().items.into_iter().map(count).collect()
}

#[test]
fn events_are_written_by_the_batch_and_counted_up() {
    let registry = registry();
    assert_eq!(registry.record_events(&[event("default", "a.1", 1), event("default", "b.1", 1)]).unwrap(), 2);
    assert_eq!(registry.revision(), Revision(1));
    let first = registry.get(&object(Kind::Event, "a.1")).unwrap();
    assert!(first.metadata().uid.is_some() && first.metadata().creation_timestamp.is_some());
    registry.record_events(&[event("default", "a.1", 2)]).unwrap();
    assert_eq!(counts(&registry), [("a.1".to_owned(), 2), ("b.1".to_owned(), 1)]);
    let second = registry.get(&object(Kind::Event, "a.1")).unwrap();
    assert_eq!(second.metadata().uid, first.metadata().uid, "it is the same one");
}

#[test]
fn events_of_a_project_that_is_not_there_are_left_out() {
    let registry = registry();
    registry.apply(bundle(&[project("lab"), project("old")])).unwrap();
    registry.delete(&object(Kind::Namespace, "old")).unwrap();
    let events = ["lab", "old", "none", "default"].map(|project| event(project, "a.1", 1));
    assert_eq!(registry.record_events(&events).unwrap(), 2);
    let stored: Vec<_> =
        registry.list(Kind::Event).unwrap().items.iter().map(|e| e.object_ref().namespace).collect();
    assert_eq!(stored, ["default", "lab"]);
}

#[test]
fn what_is_forgotten_is_as_it_was_read() {
    let registry = registry();
    registry.record_events(&[event("default", "a.1", 1), event("default", "b.1", 1)]).unwrap();
    let read = registry.list(Kind::Event).unwrap().items;
    registry.record_events(&[event("default", "b.1", 2)]).unwrap();
    assert_eq!(reason(registry.forget_events(&read)), Reason::Conflict);
    registry.forget_events(&read[..1]).unwrap();
    assert_eq!(counts(&registry), [("b.1".to_owned(), 2)]);
}

#[test]
fn events_are_nothing_that_is_declared() {
    let registry = registry();
    registry.record_events(&[event("default", "a.1", 1)]).unwrap();
    registry.apply(bundle(&shop())).unwrap();
    let kinds: Vec<_> = registry.declared().unwrap().items.iter().map(Resource::kind).collect();
    assert_eq!(kinds, [Kind::Vpc, Kind::Subnet, Kind::Instance, Kind::Instance]);
    assert_eq!(registry.all().unwrap().items.len(), 5);
    let name = object(Kind::Event, "a.1");
    let going = Bundle { delete: vec![name.clone()], ..Bundle::default() };
    let result = registry.apply(going).unwrap();
    assert_eq!(result.preview.changes.len(), 1, "who names one means it");
    assert_eq!(reason(registry.get(&name)), Reason::NotFound);
}
