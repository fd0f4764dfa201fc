//! How much room a store takes, and what it does when there is none.

use super::disk::Disk;
use crate::embedded::files::INDEX;
use crate::{Embedded, Options, Revision, Store, StoreError, Txn};

fn value(n: usize, length: usize) -> Vec<u8> {
    let mut value = format!("{n} ").into_bytes();
    value.resize(length, b'v');
    value
}

/// So many changes of a hundred objects, by several writers.
fn update(store: &dyn Store, from: usize, count: usize) {
    std::thread::scope(|scope| {
        for writer in 0..8 {
            scope.spawn(move || {
                for n in (from..from + count).filter(|n| n % 8 == writer) {
                    store.commit(Txn::new().put(format!("/{}", n % 100), value(n, 1500))).unwrap();
                }
            });
        }
    });
}

#[test]
fn updates_do_not_make_it_larger_and_larger() {
    let disk = Disk::default();
    let options = Options { kept_events: 500, journal: 500_000, ..Options::default() };
    let store = Embedded::open_files(disk.files(), options).unwrap();
    update(&store, 0, 3000);
    let (early, index) = (disk.used(), disk.bytes(INDEX).len());
    update(&store, 3000, 12_000);
    let (late, late_index) = (disk.used(), disk.bytes(INDEX).len());
    println!("{early} bytes after 3,000 updates, {late} after 15,000; the index {index} and {late_index}");
    assert!(late_index < index * 2, "the index: {index}, then {late_index}");
    assert!(late < early * 2, "all of it: {early}, then {late}");
    // 150 KB of objects and 1.5 MB of events in the index; two snapshots, the journal of both.
    assert!(late < 12 << 20, "{late}");
}

#[test]
fn long_events_are_forgotten_sooner() {
    let disk = Disk::default();
    let options = Options { kept_bytes: 1 << 20, ..Options::default() };
    let mut store = Embedded::open_files(disk.files(), options.clone()).unwrap();
    for round in 0..2 {
        for n in 0..200 {
            store.commit(Txn::new().put("/a", value(n, 20_000))).unwrap();
        }
        let last = Revision(200 * (round + 1));
        // An event has its value and the one before it.
        let known = |back: u64| store.events(Revision(last.0 - back), usize::MAX);
        assert_eq!(known(20).unwrap().len(), 20);
        assert!(matches!(known(30), Err(StoreError::Compacted { .. })), "{:?}", known(30));
        drop(store);
        store = Embedded::open_files(disk.files(), options.clone()).unwrap();
    }
}

#[test]
fn what_has_become_small_gives_its_room_back() {
    let disk = Disk::default();
    let options = Options { kept_events: 50, ..Options::default() };
    let store = Embedded::open_files(disk.files(), options.clone()).unwrap();
    for n in 0..40 {
        let objects = (0..10).fold(Txn::new(), |txn, m| txn.put(format!("/{n}/{m}"), value(m, 60_000)));
        store.commit(objects).unwrap();
    }
    for n in 0..40 {
        let objects = (1..10).fold(Txn::new(), |txn, m| txn.delete(format!("/{n}/{m}")));
        store.commit(objects).unwrap();
    }
    store.compact(Revision(81)).unwrap();
    let before = store.range("", 99, None).unwrap();
    drop(store);
    let large = disk.bytes(INDEX).len();
    let store = Embedded::open_files(disk.files(), options).unwrap();
    let small = disk.bytes(INDEX).len();
    println!("{large} bytes, {small} after it was opened again");
    assert!(small < large / 4, "{large}, then {small}");
    assert_eq!(store.range("", 99, None).unwrap(), before);
}

#[test]
fn without_room_nothing_is_changed_and_all_can_be_read() {
    let disk = Disk::default();
    let options = Options { kept_events: 50, journal: 100_000, ..Options::default() };
    let mut store = Embedded::open_files(disk.files(), options.clone()).unwrap();
    let mut last = Revision(0);
    for round in 0_usize..60 {
        disk.room(Some(round * 20_000));
        let refused = (0..2000).find_map(|n| {
            match store.commit(Txn::new().put(format!("/{round}/{n}"), value(n, 3000))) {
                Ok(revision) => last = revision,
                Err(error) => return Some(error),
            }
            None
        });
        let refused = refused.unwrap();
        assert!(matches!(refused, StoreError::Full { .. }), "round {round}: {refused:?}");
        let page = store.range("", usize::MAX, None).unwrap();
        assert_eq!((page.revision, page.items.len() as u64), (last, last.0), "round {round}");
        if round % 7 == 0 {
            drop(store);
            store = Embedded::open_files(disk.files(), options.clone()).unwrap();
            assert_eq!(store.range("", usize::MAX, None).unwrap(), page, "it can be opened");
        }
    }
    disk.room(None);
    assert_eq!(store.commit(Txn::new().put("/room", b"again".as_slice())).unwrap(), last.next());
    assert_eq!(store.recovered(), None);
}
