//! Which happenings become events: what repeats is counted up, and nobody fills the book alone.
//!
//! As in Kubernetes' clients: the same thing (of the same resource, with the same reason and message) within ten minutes of
//! the last time is the same event, once more; and for each resource 25 events are written at once, then one in five
//! minutes. What is held back still counts: the next event that is written says how often it was.
//!
//! People are told the time of day; what is counted is time that goes by, so that a clock that is set changes nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use madang_model::{
    DEFAULT_NAMESPACE, EventSource, EventSpec, Metadata, Object, ObjectReference, PlainStatus, Resource,
};

use super::story::Told;

/// Within this time, the same is counted up.
const SAME: Duration = Duration::from_secs(600);
/// How many events of one resource are written at once.
const BURST: f64 = 25.0;
/// After how many seconds one more is.
const REFILL: f64 = 300.0;
/// The longest message, in bytes, as in Kubernetes.
const LONGEST: usize = 1024;
/// The longest name of an object that fits before the event's own part.
const LONGEST_NAME: usize = 253 - 17;

/// Something that happened to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Happening {
    pub(super) about: ObjectReference,
    pub(super) told: Told,
    pub(super) at: Moment,
}

/// When something was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// The time of day, as it was thought to be.
    pub(super) wall: Timestamp,
    /// The time that goes by.
    pub(super) clock: Instant,
}

/// What was told before.
pub(super) struct Journal {
    source: EventSource,
    known: HashMap<Key, Known>,
    room: HashMap<String, Room>,
    /// Names are times, and no two are the same.
    last_name: i128,
}

/// What is the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    about: String,
    severity: &'static str,
    reason: String,
    message: String,
}

/// How often something happened.
struct Known {
    name: String,
    first: Timestamp,
    last: Instant,
    count: u32,
}

/// How many events of a resource may still be written.
struct Room {
    left: f64,
    at: Instant,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { wall: Timestamp::now(), clock: Instant::now() }
    }

    /// When, by the time that goes by, it was so late. What is of the future was just now: the clock was set back.
    pub(super) fn clock_at(self, wall: Timestamp) -> Instant {
        let since = Duration::try_from(self.wall.duration_since(wall)).unwrap_or_default();
        self.clock.checked_sub(since).unwrap_or(self.clock)
    }
}

impl Journal {
    /// In which nothing stands.
    pub(super) fn new(component: &str, host: &str) -> Self {
        let source = EventSource { component: component.to_owned(), host: host.to_owned() };
        Self { source, known: HashMap::new(), room: HashMap::new(), last_name: 0 }
    }

    /// Takes note of events that are stored, so that what happens again is counted on.
    pub(super) fn remember(&mut self, events: &[Resource], now: Moment) {
        for resource in events {
            let Resource::Event(Object { metadata, spec, .. }) = resource else { continue };
            let time = |time: &Option<String>| time.as_ref().and_then(|time| time.parse::<Timestamp>().ok());
            let Some((first, last)) = time(&spec.first_timestamp).zip(time(&spec.last_timestamp)) else {
                continue;
            };
            let last = now.clock_at(last);
            if spec.source != self.source || now.clock.duration_since(last) > SAME {
                continue;
            }
            let Some(told) = Told::of(spec) else { continue };
            let known = Known { name: metadata.name.clone(), first, last, count: spec.count.unwrap_or(1) };
            self.known.insert(Key::of(&spec.involved_object, &told), known);
        }
    }

    /// Takes note of a happening. Gives the event to write, new or counted up, unless it is held back.
    pub(super) fn note(&mut self, happening: Happening) -> Option<Resource> {
        let Happening { about, mut told, at } = happening;
        shorten(&mut told.message);
        let key = Key::of(&about, &told);
        let again = self.known.get_mut(&key).filter(|known| at.clock.duration_since(known.last) <= SAME);
        let (name, first, count) = match again {
            Some(known) => {
                known.last = at.clock;
                known.count = known.count.saturating_add(1);
                (known.name.clone(), known.first, known.count)
            }
            None => {
                let name = self.name(&about, at.wall);
                let known = Known { name: name.clone(), first: at.wall, last: at.clock, count: 1 };
                self.known.insert(key.clone(), known);
                (name, at.wall, 1)
            }
        };
        let room = self.room.entry(key.about).or_insert(Room { left: BURST, at: at.clock });
        room.take(at.clock).then(|| self.event(name, about, told, (first, at.wall, count)))
    }

    /// Forgets what no longer matters.
    pub(super) fn forget(&mut self, now: Instant) {
        self.known.retain(|_, known| now.duration_since(known.last) <= SAME);
        self.room.retain(|_, room| room.left_at(now) < BURST);
    }

    /// `web-1.17f3a9c04be2d1a8`: the resource, and when, in nanoseconds.
    fn name(&mut self, about: &ObjectReference, at: Timestamp) -> String {
        self.last_name = at.as_nanosecond().max(self.last_name + 1);
        let object = about.name.get(..LONGEST_NAME).unwrap_or(&about.name).trim_end_matches(['-', '.']);
        format!("{object}.{:016x}", self.last_name)
    }

    fn event(
        &self,
        name: String,
        about: ObjectReference,
        told: Told,
        (first, last, count): (Timestamp, Timestamp, u32),
    ) -> Resource {
        // What is of the host has no project; its events need one.
        let namespace = Some(&about.namespace).filter(|namespace| !namespace.is_empty());
        let namespace = namespace.map_or_else(|| DEFAULT_NAMESPACE.to_owned(), Clone::clone);
        let metadata = Metadata { name, namespace: Some(namespace), ..Metadata::default() };
        let spec = EventSpec {
            involved_object: Box::new(about),
            r#type: told.severity.name().to_owned(),
            reason: told.reason,
            message: told.message,
            source: self.source.clone(),
            first_timestamp: Some(to_the_second(first)),
            last_timestamp: Some(to_the_second(last)),
            count: Some(count),
            reporting_component: self.source.component.clone(),
            reporting_instance: self.source.host.clone(),
            ..EventSpec::default()
        };
        Resource::Event(Object { metadata, spec, status: PlainStatus::default() })
    }
}

impl Key {
    fn of(about: &ObjectReference, told: &Told) -> Self {
        let ObjectReference { kind, namespace, name, uid, .. } = about;
        Self {
            about: format!("{kind}/{namespace}/{name}/{uid}"),
            severity: told.severity.name(),
            reason: told.reason.clone(),
            message: told.message.clone(),
        }
    }
}

impl Room {
    fn left_at(&self, now: Instant) -> f64 {
        (self.left + now.duration_since(self.at).as_secs_f64() / REFILL).min(BURST)
    }

    fn take(&mut self, now: Instant) -> bool {
        self.left = self.left_at(now);
        self.at = self.at.max(now);
        let there = self.left >= 1.0;
        if there {
            self.left -= 1.0;
        }
        there
    }
}

fn to_the_second(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

fn shorten(message: &mut String) {
    if message.len() > LONGEST {
        let end = message.floor_char_boundary(LONGEST - "...".len());
        message.truncate(end);
        message.push_str("...");
    }
}

#[cfg(test)]
mod tests;
