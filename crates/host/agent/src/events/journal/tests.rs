use std::sync::LazyLock;

use super::*;
use crate::events::story::Severity;

/// So long after the test began; nobody has set the clock.
fn at(seconds: u64) -> Moment {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let wall = Timestamp::from_second(1_767_225_600 + i64::try_from(seconds).unwrap()).unwrap();
    Moment { wall, clock: *BEGIN + Duration::from_secs(seconds) }
}

/// So long after the test began, when the clock is set to this.
fn set(wall: &str, seconds: u64) -> Moment {
    Moment { wall: wall.parse().unwrap(), ..at(seconds) }
}

fn web() -> ObjectReference {
    ObjectReference {
        api_version: madang_model::API_VERSION.into(),
        kind: "Instance".into(),
        namespace: "lab".into(),
        name: "web-1".into(),
        uid: "u1".into(),
        ..ObjectReference::default()
    }
}

fn happening(message: &str, seconds: u64) -> Happening {
    let told = Told::new(Severity::Warning, "BackOff", message);
    Happening { about: web(), told, at: at(seconds) }
}

fn journal() -> Journal {
    Journal::new("madang-agent", "host-1")
}

fn parts(event: &Resource) -> (&str, &EventSpec) {
    match event {
        Resource::Event(event) => (&event.metadata.name, &event.spec),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_event_says_what_when_and_who() {
    let event = journal().note(happening("it ended", 0)).unwrap();
    assert_eq!(madang_model::from_json(event.to_json()).unwrap(), event, "the API takes it");
    let (name, spec) = parts(&event);
    assert_eq!(name, format!("web-1.{:016x}", at(0).wall.as_nanosecond()));
    assert_eq!(event.metadata().namespace.as_deref(), Some("lab"));
    assert_eq!(
        (spec.r#type.as_str(), spec.reason.as_str(), spec.message.as_str()),
        ("Warning", "BackOff", "it ended")
    );
    assert_eq!((spec.involved_object.uid.as_str(), spec.count), ("u1", Some(1)));
    assert_eq!((spec.source.component.as_str(), spec.source.host.as_str()), ("madang-agent", "host-1"));
    assert_eq!(spec.first_timestamp.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(spec.last_timestamp, spec.first_timestamp);
}

#[test]
fn the_same_within_ten_minutes_is_counted() {
    let mut journal = journal();
    let first = journal.note(happening("it ended", 0)).unwrap();
    let again = journal.note(happening("it ended", 500)).unwrap();
    assert_eq!(parts(&again).0, parts(&first).0);
    let spec = parts(&again).1;
    assert_eq!((spec.count, spec.last_timestamp.as_deref()), (Some(2), Some("2026-01-01T00:08:20Z")));
    assert_eq!(spec.first_timestamp.as_deref(), Some("2026-01-01T00:00:00Z"));
    let third = journal.note(happening("it ended", 1000)).unwrap();
    assert_eq!(parts(&third).1.count, Some(3), "since the last time, not the first");
    let other = journal.note(happening("it ended otherwise", 1000)).unwrap();
    assert_ne!(parts(&other).0, parts(&first).0);
    let later = journal.note(happening("it ended", 1601)).unwrap();
    assert_eq!(parts(&later).1.count, Some(1), "another event by now");
    assert_ne!(parts(&later).0, parts(&first).0);
}

#[test]
fn a_later_resource_of_the_name_is_another_one() {
    let mut journal = journal();
    let first = journal.note(happening("it ended", 0)).unwrap();
    let mut later = happening("it ended", 1);
    later.about.uid = "u2".into();
    let later = journal.note(later).unwrap();
    assert_ne!(parts(&first).0, parts(&later).0);
}

#[test]
fn nobody_fills_the_book_alone() {
    let mut journal = journal();
    let written = |journal: &mut Journal, seconds: u64| journal.note(happening("it ended", seconds));
    let first: Vec<_> = (0..100).filter_map(|_| written(&mut journal, 0)).collect();
    assert_eq!(first.len(), 25);
    assert_eq!(written(&mut journal, 299), None);
    let next = written(&mut journal, 301).unwrap();
    assert_eq!(parts(&next).1.count, Some(102), "what is held back counts");
    assert_eq!(written(&mut journal, 302), None);
    let mut other = happening("it ended", 302);
    other.about.name = "web-2".into();
    assert!(journal.note(other).is_some(), "others have room of their own");
}

#[test]
fn a_clock_that_is_set_harms_nothing() {
    let mut journal = journal();
    let mut note = |message: &str, at: Moment| journal.note(Happening { at, ..happening(message, 0) });
    let first = note("a", at(0)).unwrap();
    for (wall, n) in [("2027-01-01T00:00:00Z", 1), ("2025-01-01T00:00:00Z", 2)] {
        let again = note("a", set(wall, n)).unwrap();
        assert_eq!(
            (parts(&again).0, parts(&again).1.last_timestamp.as_deref()),
            (parts(&first).0, Some(wall))
        );
        let other = note(wall, set("2026-01-01T00:00:00Z", n)).unwrap();
        assert_ne!(parts(&other).0, parts(&first).0);
    }
    (0..50).for_each(|n| drop(note(&n.to_string(), at(3))));
    assert_eq!(note("b", set("2027-01-01T00:00:00Z", 4)), None, "no room is made by it");
    assert!(note("b", set("2025-01-01T00:00:00Z", 400)).is_some(), "nor is any kept back");
    let later = note("a", set("2025-01-01T00:00:01Z", 603)).unwrap();
    assert_ne!(parts(&later).0, parts(&first).0, "ten minutes have gone by");
    assert_eq!(parts(&later).1.count, Some(1));
}

#[test]
fn what_was_stored_in_the_future_is_counted_on() {
    let mut journal = journal();
    let event = journal.note(Happening { at: set("2027-01-01T00:00:00Z", 0), ..happening("it ended", 0) });
    let mut next = self::journal();
    next.remember(&[event.unwrap()], at(60));
    assert_eq!(parts(&next.note(happening("it ended", 60)).unwrap()).1.count, Some(2));
    assert_eq!(parts(&next.note(happening("it ended", 661)).unwrap()).1.count, Some(1));
}

#[test]
fn what_is_stored_is_counted_on() {
    let event = journal().note(happening("it ended", 0)).unwrap();
    let mut next = journal();
    next.remember(std::slice::from_ref(&event), at(60));
    let again = next.note(happening("it ended", 60)).unwrap();
    assert_eq!((parts(&again).0, parts(&again).1.count), (parts(&event).0, Some(2)));
    let mut late = journal();
    late.remember(std::slice::from_ref(&event), at(601));
    assert_eq!(parts(&late.note(happening("it ended", 601)).unwrap()).1.count, Some(1));
}

#[test]
fn what_no_longer_matters_is_forgotten() {
    let mut journal = journal();
    (0..30).for_each(|n| drop(journal.note(happening(&n.to_string(), 0))));
    journal.forget(at(601).clock);
    assert_eq!((journal.known.len(), journal.room.len()), (0, 1), "it has used its room up");
    journal.forget(at(8000).clock);
    assert_eq!(journal.room.len(), 0);
}

#[test]
fn long_texts_are_cut() {
    let event = journal().note(happening(&"한".repeat(1000), 0)).unwrap();
    let message = &parts(&event).1.message;
    assert!(message.len() <= LONGEST && message.ends_with("한..."), "{}", message.len());
    let mut long = happening("a", 0);
    long.about.name = "a".repeat(253);
    let name = journal().note(long).unwrap().metadata().name.clone();
    assert!(name.len() <= 253, "{name}");
}

#[test]
fn what_is_of_the_host_is_told_in_the_default_project() {
    let mut node = happening("it began", 0);
    (node.about.namespace, node.about.kind) = (String::new(), "Node".into());
    let event = journal().note(node).unwrap();
    assert_eq!(event.metadata().namespace.as_deref(), Some("default"));
    assert_eq!(parts(&event).1.involved_object.namespace, "");
}
