//! What a store said, to be held against it: every commit that it acknowledged, and every event that it showed.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Random;
use crate::{Event, Revision, Store, StoreError, Txn};

/// What writers and watchers of one store saw.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Each acknowledged transaction's changes, by its revision.
    acknowledged: Mutex<BTreeMap<u64, Vec<Change>>>,
    /// Each event that somebody read.
    shown: Mutex<BTreeMap<(u64, String), Sum>>,
    /// Whether to say it too, in a line on standard output each.
    aloud: bool,
}

/// A key, and its new value.
type Change = (String, Sum);

/// A value's checksum; none: there is none.
type Sum = Option<u32>;

impl History {
    /// One that is said aloud, for another process.
    pub(super) fn aloud() -> Self {
        Self { aloud: true, ..Self::default() }
    }

    /// What another process said. The last line may be half of one.
    pub(super) fn hear(&self, said: &str) {
        let whole = said.rfind('\n').map_or("", |end| &said[..end]);
        for line in whole.lines() {
            let mut words = line.split(' ');
            let (what, revision) = (words.next(), words.next().and_then(|word| word.parse().ok()));
            let change = |word: &str| {
                let (key, sum) = word.split_once('=').unwrap();
                (key.to_owned(), sum.parse().ok())
            };
            match (what, revision) {
                (Some("acknowledged"), Some(revision)) => {
                    self.acknowledge(revision, words.map(change).collect())
                }
                (Some("shown"), Some(revision)) => words.for_each(|word| {
                    let (key, sum) = change(word);
                    self.show((revision, key), sum);
                }),
                // The test runner's own.
                _ => {}
            }
        }
    }

    /// Several writers, watchers and a reader at once, until the store fails or so many commits are done.
    pub(super) fn live(&self, store: &dyn Store, random: &mut Random, commits: u64) {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| self.watch(store, &done));
            }
            scope.spawn(|| read(store, &done));
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let mut random = Random(random.next());
                    scope.spawn(move || self.write(store, writer, &mut random, commits / 4))
                })
                .collect();
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            done.store(true, Ordering::Relaxed);
        });
    }

    /// The last acknowledged revision.
    pub(super) fn last(&self) -> Revision {
        Revision(self.acknowledged.lock().unwrap().last_key_value().map_or(0, |(last, _)| *last))
    }

    /// The store has everything that was acknowledged or shown, once and in order; and its objects follow from that.
    pub(super) fn holds(&self, store: &dyn Store) {
        let events = store.events(Revision(0), usize::MAX).unwrap();
        self.holds_after(Revision(0), &events);
        let mut objects = BTreeMap::new();
        for event in &events {
            let before = objects.get(&event.key).map(|(value, _)| value);
            assert_eq!(event.previous.as_ref(), before, "{} before revision {}", event.key, event.revision);
            match &event.new {
                Some(new) => drop(objects.insert(event.key.clone(), (new.clone(), event.revision))),
                None => drop(objects.remove(&event.key)),
            }
        }
        let page = store.range("", usize::MAX, None).unwrap();
        let found: BTreeMap<_, _> =
            page.items.into_iter().map(|item| (item.key, (item.value, item.revision))).collect();
        assert_eq!(found, objects);
        let last = events.last().map_or(Revision(0), |last| last.revision);
        assert_eq!((page.revision, *store.changed().borrow()), (last, last));
    }

    /// These are all events after this revision.
    pub(super) fn holds_after(&self, after: Revision, events: &[Event]) {
        let mut revisions: Vec<_> = events.iter().map(|event| event.revision.0).collect();
        revisions.dedup();
        let last = revisions.last().copied().unwrap_or(after.0);
        assert_eq!(revisions, (after.0 + 1..=last).collect::<Vec<_>>(), "each revision has its events, once");
        let mut found: BTreeMap<u64, Vec<Change>> = BTreeMap::new();
        for event in events {
            let change = (event.key.clone(), sum(event.new.as_deref()));
            found.entry(event.revision.0).or_default().push(change);
        }
        for (revision, changes) in self.acknowledged.lock().unwrap().range(after.0 + 1..) {
            assert_eq!(found.get(revision), Some(changes), "revision {revision} was acknowledged");
        }
        let there: BTreeMap<_, _> =
            events.iter().map(|event| (place(event), sum(event.new.as_deref()))).collect();
        assert_eq!(there.len(), events.len(), "no event is there twice");
        for (place, new) in self.shown.lock().unwrap().range((after.0 + 1, String::new())..) {
            assert_eq!(there.get(place), Some(new), "{place:?} was shown");
        }
    }

    fn acknowledge(&self, revision: u64, changes: Vec<Change>) {
        let other = self.acknowledged.lock().unwrap().insert(revision, changes);
        assert_eq!(other, None, "revision {revision} was given twice");
    }

    fn show(&self, place: (u64, String), new: Sum) {
        let other = self.shown.lock().unwrap().insert(place, new);
        assert!(other.is_none_or(|other| other == new), "all watchers see the same");
    }

    fn say(&self, what: &str, revision: Revision, changes: &[Change]) {
        if self.aloud {
            let sum = |sum: &Sum| sum.map_or("none".to_owned(), |sum| sum.to_string());
            let changes: String = changes.iter().map(|(key, new)| format!(" {key}={}", sum(new))).collect();
            println!("{what} {revision}{changes}");
        }
    }

    fn write(&self, store: &dyn Store, writer: u64, random: &mut Random, commits: u64) {
        for number in 0..commits {
            let (txn, mut changes) = transaction(store, writer, number, random);
            match store.commit(txn) {
                Ok(revision) => {
                    changes.sort();
                    self.say("acknowledged", revision, &changes);
                    self.acknowledge(revision.0, changes);
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(_) => return,
            }
        }
    }

    /// Reads events as they come, each once and in order.
    fn watch(&self, store: &dyn Store, done: &AtomicBool) {
        let mut after = *store.changed().borrow();
        while !done.load(Ordering::Relaxed) {
            let Ok(events) = store.events(after, 7) else { return };
            for event in events {
                assert!(event.revision == after || event.revision == after.next(), "none is left out");
                after = event.revision;
                let new = sum(event.new.as_deref());
                self.say("shown", after, &[(event.key.clone(), new)]);
                self.show(place(&event), new);
            }
            std::thread::yield_now();
        }
    }
}

/// Reads objects: never from a time before what it read last.
fn read(store: &dyn Store, done: &AtomicBool) {
    let mut last = Revision(0);
    while !done.load(Ordering::Relaxed) {
        let Ok(page) = store.range("/w", 50, None) else { return };
        assert!(page.revision >= last);
        assert!(page.items.iter().all(|item| item.revision <= page.revision));
        last = page.revision;
        std::thread::yield_now();
    }
}

/// A few changes that are one for sure: of the writer's own keys, and of one that all share.
fn transaction(store: &dyn Store, writer: u64, number: u64, random: &mut Random) -> (Txn, Vec<Change>) {
    let mut changes: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
    for _ in 0..=random.below(3) {
        let key = format!("/w{writer}/{}", random.below(12));
        let largest = if random.once_in(8) { 6000 } else { 300 };
        let size = random.place(largest);
        changes.insert(key, Some(format!("{number}-{}", "x".repeat(size)).into_bytes()));
    }
    let mut txn = Txn::new();
    let own = format!("/w{writer}/{}", random.below(12));
    if random.once_in(3)
        && !changes.contains_key(&own)
        && let Ok(Some(found)) = store.get(&own)
    {
        txn = txn.at(&own, found.revision);
        changes.insert(own, None);
    }
    if random.once_in(3)
        && let Ok(found) = store.get("/shared")
    {
        txn = match found {
            Some(found) => txn.at("/shared", found.revision),
            None => txn.absent("/shared"),
        };
        changes.insert("/shared".to_owned(), Some(random.next().to_le_bytes().to_vec()));
    }
    for (key, new) in &changes {
        txn = match new {
            Some(new) => txn.put(key, new.as_slice()),
            None => txn.delete(key),
        };
    }
    (txn, changes.into_iter().map(|(key, new)| (key, sum(new.as_deref()))).collect())
}

fn sum(value: Option<&[u8]>) -> Sum {
    value.map(crc32fast::hash)
}

fn place(event: &Event) -> (u64, String) {
    (event.revision.0, event.key.clone())
}
