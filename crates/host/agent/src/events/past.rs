//! Which events are too old: told by the store's revisions, and when each of them was the newest.
//!
//! So an event is kept for its time after it was last written, as in Kubernetes, and no clock that is set makes it older or
//! younger. Only of what an earlier daemon has written, the times in the events themselves are all that is known.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use madang_model::Resource;
use madang_store::Revision;

use super::MOST;
use super::journal::Moment;

/// How long an event is kept after it was last written.
const TTL: Duration = Duration::from_secs(3600);

/// Revisions, and when they were the newest, both ascending.
#[derive(Debug, Default)]
pub(super) struct Past(VecDeque<(Revision, Instant)>);

impl Past {
    /// What is known of the events of an earlier daemon.
    pub(super) fn of(events: &[Resource], now: Moment) -> Self {
        let long_ago = now.clock.checked_sub(TTL).unwrap_or(now.clock);
        let written = |event: &Resource| last_seen(event).map_or(long_ago, |last| now.clock_at(last));
        let mut marks: Vec<_> = events.iter().map(|event| (revision(event), written(event))).collect();
        marks.sort_unstable();
        // What was written later is no older, whatever it says.
        for n in 1..marks.len() {
            marks[n].1 = marks[n].1.max(marks[n - 1].1);
        }
        Self(marks.into())
    }

    /// All up to this revision is written by now.
    pub(super) fn mark(&mut self, newest: Revision, now: Instant) {
        self.0.push_back((newest, now));
    }

    /// The events that are too old, and the oldest of those that are too many.
    pub(super) fn outdated(&mut self, events: &[Resource], now: Instant) -> Vec<Resource> {
        let is_over = |(_, written): &(Revision, Instant)| now.duration_since(*written) >= TTL;
        let over = self.0.partition_point(is_over);
        let gone = over.checked_sub(1).map(|last| self.0[last].0);
        // The last one of them says it of all before.
        self.0.drain(..over.saturating_sub(1));
        let mut newest_first: Vec<_> = events.iter().map(|event| (revision(event), event)).collect();
        newest_first.sort_by_key(|(revision, _)| Reverse(*revision));
        let kept = newest_first.partition_point(|(revision, _)| Some(*revision) > gone).min(MOST);
        newest_first.drain(kept..).map(|(_, event)| event.clone()).collect()
    }
}

/// When it was last written, as the store counts.
fn revision(event: &Resource) -> Revision {
    let version = event.metadata().resource_version.as_ref();
    Revision(version.and_then(|version| version.parse().ok()).unwrap_or_default())
}

/// When it last happened, by whoever wrote it.
fn last_seen(event: &Resource) -> Option<Timestamp> {
    let Resource::Event(event) = event else { return None };
    let created = || event.metadata.creation_timestamp.as_ref()?.parse().ok();
    event.spec.last_seen().or_else(created)
}

#[cfg(test)]
mod tests {
    use madang_model::{EventSpec, Metadata, Object};

    use super::*;

    /// An event that was last written at this revision, and says that it was at this second of the day.
    fn event(revision: u64, last: i64) -> Resource {
        let metadata = Metadata {
            name: format!("e{revision}"),
            namespace: Some("default".into()),
            resource_version: Some(revision.to_string()),
            ..Metadata::default()
        };
        let spec = EventSpec { last_timestamp: Some(wall(last).to_string()), ..EventSpec::default() };
        Resource::Event(Object { metadata, spec, ..Object::default() })
    }

    fn wall(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).unwrap()
    }

    fn revisions(events: &[Resource]) -> Vec<u64> {
        events.iter().map(|event| revision(event).0).collect()
    }

    const MINUTE: Duration = Duration::from_secs(60);
    const YEAR: i64 = 365 * 24 * 3600;

    #[test]
    fn events_are_kept_for_their_time_whatever_the_clock_is_set_to() {
        let begin = Instant::now();
        let mut past = Past::of(&[], Moment { wall: wall(0), clock: begin });
        // One a minute; in the second the clock is set forward by a year, in the third back by two.
        let events = [event(1, 0), event(2, YEAR), event(3, -YEAR)];
        for minute in 1..=3 {
            past.mark(Revision(u64::from(minute)), begin + MINUTE * minute);
            let written = &events[..usize::try_from(minute).unwrap()];
            assert!(past.outdated(written, begin + MINUTE * minute).is_empty());
        }
        let mut later = |minutes: u32| revisions(&past.outdated(&events, begin + MINUTE * minutes));
        assert!(later(60).is_empty());
        assert_eq!(later(61), [1]);
        assert_eq!(later(62), [2, 1], "what could not be deleted is still too old");
        assert_eq!(later(63), [3, 2, 1]);
    }

    #[test]
    fn of_an_earlier_daemon_what_the_events_say_counts() {
        let now = Moment { wall: wall(3600), clock: Instant::now() };
        let outdated = |events: &[Resource], after: u32| {
            revisions(&Past::of(events, now).outdated(events, now.clock + MINUTE * after))
        };
        let events = [event(5, 0), event(6, 1), event(7, 600)];
        assert_eq!((outdated(&events, 0), outdated(&events, 1)), (vec![5], vec![6, 5]));
        let of_the_future = [event(5, YEAR)];
        assert_eq!((outdated(&of_the_future, 59), outdated(&of_the_future, 60)), (vec![], vec![5]));
        let odd = [event(5, 3600), event(6, -YEAR)];
        assert!(outdated(&odd, 1).is_empty(), "it was written after the other one");
    }

    #[test]
    fn the_oldest_of_too_many_go() {
        let events: Vec<_> = (1..=MOST as u64 + 5).map(|n| event(n, -i64::try_from(n).unwrap())).collect();
        let mut past = Past::default();
        assert_eq!(revisions(&past.outdated(&events, Instant::now())), [5, 4, 3, 2, 1]);
    }
}
