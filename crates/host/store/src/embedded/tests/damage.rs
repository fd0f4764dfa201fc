//! Files that have something else in them than was written.

use std::collections::BTreeMap;

use super::disk::Disk;
use super::{Random, seed};
use crate::embedded::archive::Archive;
use crate::embedded::files::{Files, INDEX};
use crate::embedded::frame::Position;
use crate::embedded::journal::{Changes, Journal};
use crate::embedded::{restore, snapshot};
use crate::{Embedded, Event, Options, Recovery, Revision, Store, StoreError, Txn};

type Contents = BTreeMap<String, (Vec<u8>, Revision)>;

const CHANGES: u64 = 300;

fn options() -> Options {
    Options { journal: 60_000, ..Options::default() }
}

fn open(disk: &Disk) -> Result<Embedded, StoreError> {
    Embedded::open_files(disk.files(), options())
}

fn contents(store: &dyn Store) -> Contents {
    let page = store.range("", usize::MAX, None).unwrap();
    page.items.into_iter().map(|item| (item.key, (item.value.to_vec(), item.revision))).collect()
}

fn put(store: &dyn Store, n: u64) -> Revision {
    let value = format!("{n} {}", "x".repeat(usize::try_from(n * 7 % 900).unwrap()));
    let txn = Txn::new().put(format!("/registry/instances/default/i-{}", n % 120), value.into_bytes());
    store.commit(txn).unwrap()
}

/// A disk with a store on it that was closed, and what is in that.
fn filled_with(options: Options) -> (Disk, Contents, Vec<Event>) {
    let disk = Disk::default();
    let store = Embedded::open_files(disk.files(), options).unwrap();
    (1..=CHANGES).for_each(|n| {
        put(&store, n);
    });
    let (contents, events) = (contents(&store), store.events(Revision(0), usize::MAX).unwrap());
    drop(store);
    (disk, contents, events)
}

/// The same, with two snapshots and what follows them.
fn filled() -> (Disk, Contents, Vec<Event>) {
    let (disk, contents, events) = filled_with(options());
    let (snapshots, segments) = (names(&disk, "snapshot-"), names(&disk, "journal-"));
    assert!(snapshots.len() == 2 && segments.len() >= 2, "{snapshots:?} {segments:?}");
    (disk, contents, events)
}

fn names(disk: &Disk, prefix: &str) -> Vec<String> {
    let mut names = disk.names().unwrap();
    names.retain(|name| name.starts_with(prefix) && !name.contains('.'));
    names
}

/// Damages a file, in one of the ways in which files are. Whether it is another one afterwards.
fn damage(disk: &Disk, name: &str, random: &mut Random) -> bool {
    let whole = disk.bytes(name);
    let mut bytes = whole.clone();
    let front = if random.once_in(4) { 4096 } else { bytes.len() };
    let at = random.place(front.min(bytes.len()));
    match random.below(5) {
        0 => bytes.truncate(at),
        1 => bytes[at..].iter_mut().take(512).for_each(|byte| *byte = 0),
        2 => bytes[at..].iter_mut().take(64).for_each(|byte| *byte = random.next().to_le_bytes()[0]),
        _ => bytes[at] ^= 1 << random.below(8),
    }
    let is_other = bytes != whole;
    disk.put(name, bytes);
    is_other
}

/// Everything is there, and every event that is still known is as it was.
fn is_all_there(store: &Embedded, expected: &Contents, events: &[Event]) {
    assert_eq!(contents(store), *expected);
    let forgotten = store.recovered().and_then(|recovery| recovery.forgotten).unwrap_or_default();
    let known: Vec<_> = events.iter().filter(|event| event.revision > forgotten).cloned().collect();
    assert_eq!(store.events(forgotten, usize::MAX).unwrap(), known);
    assert_eq!(*store.changed().borrow(), Revision(CHANGES));
}

fn rounds() -> u64 {
    std::env::var("STORE_DAMAGES").map_or(120, |rounds| rounds.parse().unwrap())
}

#[test]
fn any_damage_of_the_index_is_made_good_and_told() {
    let (whole, expected, events) = filled();
    let (mut random, mut made_good) = (Random(seed()), 0);
    for round in 0..rounds() {
        let disk = whole.copy();
        damage(&disk, INDEX, &mut random);
        let damaged = disk.bytes(INDEX);
        let store =
            open(&disk).unwrap_or_else(|error| panic!("STORE_SEED={} round {round}: {error}", seed()));
        is_all_there(&store, &expected, &events);
        if let Some(Recovery { damage, revision, forgotten }) = store.recovered() {
            made_good += 1;
            assert_eq!((damage.len(), revision), (1, Revision(CHANGES)));
            assert_eq!(damage[0].path.file_name().unwrap(), INDEX);
            let kept = damage[0].kept.as_ref().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
            assert!(kept.starts_with("store.redb.damaged-"), "{kept}");
            assert_eq!(disk.bytes(&kept).len(), damaged.len(), "what was damaged is kept");
            let before = store.events(Revision(forgotten.unwrap().0 - 1), 1);
            assert!(
                matches!(before, Err(StoreError::Compacted { .. })),
                "who watches from before lists again"
            );
        }
        assert_eq!(put(&store, CHANGES + 1), Revision(CHANGES + 1), "it goes on");
    }
    println!("{made_good} of {} made good, the rest was harmless", rounds());
    assert!(made_good > rounds() / 4, "damage is found: {made_good}");
}

#[test]
fn any_damage_beside_the_index_is_made_good() {
    let (whole, expected, events) = filled();
    let (mut random, mut told) = (Random(seed()), 0);
    for round in 0..rounds() {
        let disk = whole.copy();
        let all = [names(&disk, "snapshot-"), names(&disk, "journal-")].concat();
        let name = &all[random.place(all.len())];
        damage(&disk, name, &mut random);
        let store =
            open(&disk).unwrap_or_else(|error| panic!("STORE_SEED={} round {round}: {error}", seed()));
        is_all_there(&store, &expected, &events);
        if let Some(recovery) = store.recovered() {
            told += 1;
            assert_eq!((recovery.forgotten, recovery.revision), (None, Revision(CHANGES)));
            assert!(recovery.damage[0].path.ends_with(name), "{recovery}");
        }
        drop(store);
        // What stands beside the index is whole again: it could make up for it.
        disk.remove(INDEX).unwrap();
        let store = open(&disk).unwrap();
        assert_eq!(contents(&store), expected, "after the damage of {name}");
    }
    println!("{told} of {} were told", rounds());
    assert!(told > rounds() / 2, "damage is found: {told}");
}

#[test]
fn an_index_with_nothing_beside_it_is_refused_when_it_is_damaged_and_left_alone() {
    let (whole, expected, _) = filled();
    [names(&whole, "snapshot-"), names(&whole, "journal-")]
        .concat()
        .iter()
        .for_each(|name| whole.remove(name).unwrap());
    let (mut random, mut refused) = (Random(seed()), 0);
    for _ in 0..rounds() {
        let disk = whole.copy();
        damage(&disk, INDEX, &mut random);
        match open(&disk) {
            Ok(store) => assert!(contents(&store).len() + 1 >= expected.len()),
            Err(error) => {
                assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
                assert!(error.to_string().contains("/disk/store.redb"), "{error}");
                assert_eq!(disk.names().unwrap(), [INDEX]);
                refused += 1;
            }
        }
    }
    assert!(refused > rounds() / 4, "damage is found: {refused}");
}

/// A disk on which the index is damaged, and so is the journal after some revision.
fn doubly_damaged() -> (Disk, Revision) {
    let (disk, _, _) = filled_with(Options::default());
    disk.put(INDEX, vec![7; 10_000]);
    let journal = names(&disk, "journal-").pop().unwrap();
    let mut bytes = disk.bytes(&journal);
    let written = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let middle =
        written / 2 + bytes[written / 2..].windows(8).position(|eight| eight == b"madangF1").unwrap();
    bytes[middle + 60] ^= 0xff;
    disk.put(&journal, bytes);
    match open(&disk).unwrap_err() {
        StoreError::Damaged { certain: Some(certain), .. } => (disk, certain),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_would_lose_something_is_for_a_person_to_say() {
    let (disk, certain) = doubly_damaged();
    let before: Vec<_> = disk.names().unwrap().into_iter().map(|name| (disk.bytes(&name), name)).collect();
    let error = open(&disk).unwrap_err().to_string();
    assert!(error.contains(&format!("a gap after revision {certain}")), "{error}");
    assert!(error.contains("changed up to 300 is not known"), "{error}");
    assert!(error.contains("`madang store restore --last-good`"), "{error}");
    let after: Vec<_> = disk.names().unwrap().into_iter().map(|name| (disk.bytes(&name), name)).collect();
    assert!(before == after, "everything was left as it was");
}

#[test]
fn the_last_good_state_goes_on_far_ahead() {
    let (disk, certain) = doubly_damaged();
    let restored = restore::last_good(&disk.files()).unwrap().unwrap();
    assert_eq!((restored.of, restored.kept.is_empty()), (certain, false));
    assert!(restored.revision.0 > CHANGES + 1_000_000, "no revision is given twice");
    let store = open(&disk).unwrap();
    assert_eq!(contents(&store), replayed(certain));
    assert_eq!(store.recovered(), None);
    assert_eq!(put(&store, 1), restored.revision.next());
    for after in [Revision(0), certain, Revision(CHANGES)] {
        assert!(
            matches!(store.events(after, 9), Err(StoreError::Compacted { .. })),
            "who watches lists again"
        );
    }
    drop(store);
    assert_eq!(restore::last_good(&disk.files()).unwrap(), None, "what is whole is left alone");
}

/// What was there at this revision.
fn replayed(at: Revision) -> Contents {
    let store = crate::Memory::new();
    (1..=at.0).for_each(|n| {
        put(&store, n);
    });
    contents(&store)
}

#[test]
fn an_index_from_before_catches_up_and_one_of_another_store_is_replaced() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    (1..=20).for_each(|n| {
        put(&store, n);
    });
    drop(store);
    let old = disk.bytes(INDEX);
    let store = open(&disk).unwrap();
    (21..=40).for_each(|n| {
        put(&store, n);
    });
    let (expected, events) = (contents(&store), store.events(Revision(0), 99).unwrap());
    drop(store);
    disk.put(INDEX, old);
    let store = open(&disk).unwrap();
    assert_eq!((contents(&store), store.recovered()), (expected.clone(), None));
    assert_eq!(store.events(Revision(0), 99).unwrap(), events);
    drop(store);

    let other = Disk::default();
    let store = open(&other).unwrap();
    (1..=30).for_each(|n| {
        put(&store, 1000 + n);
    });
    drop(store);
    disk.put(INDEX, other.bytes(INDEX));
    let store = open(&disk).unwrap();
    assert_eq!(contents(&store), expected, "the journal is this store's");
    assert!(store.recovered().unwrap().damage[0].detail.contains("does not go on from there"));
}

#[test]
fn what_the_disk_can_no_longer_read_is_made_good_while_it_runs() {
    let (disk, expected, _) = filled();
    // Nothing is kept in memory, so that it is read from the file.
    let store = Embedded::open_files(disk.files(), Options { cache: 0, ..options() }).unwrap();
    disk.wear_out(INDEX, 8192);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(contents(&store), expected));
        }
    });
    let recovery = store.recovered().unwrap();
    assert!(recovery.damage[0].detail.contains("the disk cannot read it"), "{recovery}");
    let damaged = disk.names().unwrap().into_iter().filter(|name| name.contains(".damaged-"));
    assert_eq!(damaged.count(), 1, "once is enough");
    assert_eq!(put(&store, CHANGES + 1), Revision(CHANGES + 1));
}

#[test]
fn a_journal_that_goes_on_after_the_last_revision_of_all_is_read() {
    let files = Disk::default().files();
    let at = Position { revision: Revision(u64::MAX), chain: 1 };
    snapshot::write(&*files, at, true, std::iter::empty()).unwrap();
    let (mut journal, mut changes) = (Journal::begin(&files, at).unwrap(), Changes::default());
    changes.push(&[("/a", Some(b"1"))]);
    journal.write(&journal.entry(&changes, at.revision)).unwrap();
    let state = Archive::read(&files).unwrap().state().unwrap().unwrap();
    assert_eq!((state.at.revision, state.objects.len()), (at.revision, 1));
}
