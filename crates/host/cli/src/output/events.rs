//! What happened to a resource, as a part of its description.

use jiff::Timestamp;
use madang_model::columns::age;
use madang_model::{EventSpec, Kind, Metadata, Object, ObjectRef, ObjectReference, PlainStatus, Resource};

use super::style::{Role, Style};
use super::table::{Cell, Table};

type Event = Object<EventSpec, PlainStatus>;

/// Which resource an event is about, if it is of a kind that there is.
pub(crate) fn object_of(about: &ObjectReference) -> Option<ObjectRef> {
    let kind = Kind::ALL.iter().copied().find(|kind| kind.name() == about.kind)?;
    let namespace = Some(about.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    Some(ObjectRef::in_namespace(kind, namespace, &about.name))
}

/// Events in the order in which they last happened, which is that in which they were written, whatever the clock said.
pub(crate) fn by_time<'a>(events: impl Iterator<Item = &'a Resource>) -> Vec<&'a Resource> {
    let mut events: Vec<_> = events.collect();
    events.sort_by_cached_key(|event| match event {
        Resource::Event(event) => (revision(&event.metadata), last_seen(event), event.metadata.name.clone()),
        other => (None, None, other.metadata().name.clone()),
    });
    events
}

/// The events of a resource, among all that there are: of this very one, not of an earlier one of its name.
pub(super) fn section(resource: &Resource, all: &[Resource], now: Timestamp, style: Style) -> String {
    let (own, uid) = (resource.object_ref(), resource.metadata().uid.as_deref().unwrap_or_default());
    let is_about = |event: &Resource| match event {
        Resource::Event(event) => {
            let about = &event.spec.involved_object;
            object_of(about).as_ref() == Some(&own) && (about.uid.is_empty() || about.uid == uid)
        }
        _ => false,
    };
    let events = by_time(all.iter().filter(|event| is_about(event)));
    if events.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["LAST SEEN", "TYPE", "REASON", "COUNT", "MESSAGE"]);
    for event in events {
        if let Resource::Event(event) = event {
            table.row(row(event, now));
        }
    }
    let lines = table.lines(style, &table.widths(), true);
    let lines = lines.lines().map(|line| format!("  {line}\n"));
    format!("{}\n{}", style.paint(Role::Heading, "Events"), lines.collect::<String>())
}

/// As the store counts.
fn revision(metadata: &Metadata) -> Option<u64> {
    metadata.resource_version.as_ref()?.parse().ok()
}

fn row(event: &Event, now: Timestamp) -> [Cell; 5] {
    let EventSpec { r#type, reason, message, count, .. } = &event.spec;
    let last = last_seen(event).map(|time| time.to_string());
    let kind = if r#type == "Warning" { Cell::new(r#type, Role::Bad) } else { r#type.as_str().into() };
    [
        age(last.as_deref(), now).into(),
        kind,
        reason.as_str().into(),
        count.unwrap_or(1).to_string().into(),
        message.trim().into(),
    ]
}

fn last_seen(event: &Event) -> Option<Timestamp> {
    event.spec.last_seen().or_else(|| event.metadata.creation_timestamp.as_ref()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_changes_no_order() {
        let event = |name: &str, version: &str, last: &str| {
            let metadata =
                Metadata { name: name.into(), resource_version: Some(version.into()), ..Metadata::default() };
            let spec = EventSpec { last_timestamp: Some(last.into()), ..EventSpec::default() };
            Resource::Event(Object { metadata, spec, ..Object::default() })
        };
        let events = [
            event("third", "10", "2026-01-01T00:00:02Z"),
            event("second", "9", "2027-01-01T00:00:00Z"),
            event("together", "10", "2026-01-01T00:00:03Z"),
            event("first", "8", "2026-12-31T23:59:59Z"),
        ];
        let names: Vec<_> =
            by_time(events.iter()).iter().map(|event| event.metadata().name.clone()).collect();
        assert_eq!(names, ["first", "second", "third", "together"]);
    }
}
