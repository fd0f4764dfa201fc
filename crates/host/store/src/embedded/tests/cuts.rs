//! The power goes, at any moment of anything.

use std::collections::BTreeSet;

use super::disk::Disk;
use super::history::History;
use super::{Random, seed};
use crate::embedded::files::{Files, INDEX};
use crate::embedded::{journal, restore};
use crate::{Embedded, Export, Memory, Options, Revision, Store, StoreError, Txn, export};

const STORES: u64 = 20;
const CUTS_EACH: u64 = 10;

fn options() -> Options {
    // Short, so that snapshots are taken all the time.
    Options { journal: 30_000, ..Options::default() }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let lanes = [0, 1].map(|lane| {
        std::thread::spawn(move || {
            let first = seed() * 1000;
            (first..first + STORES).filter(|seed| seed % 2 == lane).map(lives_through_cuts).sum::<u64>()
        })
    });
    let opened: u64 = lanes.into_iter().map(|lane| lane.join().unwrap()).sum();
    println!("{} power cuts, {opened} of them in the midst of writing", STORES * CUTS_EACH);
    assert!(opened > STORES * CUTS_EACH / 3, "a store that never opens loses nothing either");
}

/// One store through several cuts. How many of them came when it was open.
fn lives_through_cuts(seed: u64) -> u64 {
    println!("STORE_SEED={} (store {seed})", seed / 1000);
    let mut random = Random(seed);
    let (mut disk, history, mut opened) = (Disk::default(), History::default(), 0);
    for _ in 0..CUTS_EACH {
        disk.slow(random.below(3) * 100);
        let operations = if random.once_in(4) { 60 } else { 1500 };
        disk.cut_after(random.below(operations));
        match Embedded::open_files(disk.files(), options()) {
            Ok(store) => {
                opened += 1;
                history.live(&store, &mut random, 100_000);
                assert!(disk.is_off(), "only the cut ends it");
            }
            Err(error) => assert!(disk.is_off(), "{error}"),
        }
        disk = disk.after_cut(&mut random);
        without_index(&disk, &history);
        let seen = disk.copy();
        history.holds(&Embedded::open_files(seen.files(), options()).unwrap());
    }
    let store = Embedded::open_files(disk.files(), options()).unwrap();
    assert_eq!(store.recovered(), None, "a power cut is no damage");
    history.live(&store, &mut random, 100);
    history.holds(&store);
    opened
}

/// The same disk, if the index's file had been lost with the power: the journal has it all, or says that it may lack
/// what was being written.
fn without_index(disk: &Disk, history: &History) {
    let disk = disk.copy();
    if disk.remove(INDEX).is_err() {
        return;
    }
    match Embedded::open_files(disk.files(), options()) {
        Ok(store) => {
            let forgotten = store.recovered().and_then(|recovery| recovery.forgotten).unwrap_or_default();
            history.holds_after(forgotten, &store.events(forgotten, usize::MAX).unwrap());
        }
        Err(StoreError::Damaged { certain, .. }) => {
            assert!(certain.unwrap_or_default() >= history.last(), "only what was not acknowledged is lost");
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_store_that_is_opened_and_cut_before_it_is_there_is_empty() {
    let mut random = Random(seed());
    for operations in 0..80 {
        let disk = Disk::default();
        disk.cut_after(operations);
        let _ = Embedded::open_files(disk.files(), options());
        let disk = disk.after_cut(&mut random);
        let store = Embedded::open_files(disk.files(), options()).unwrap();
        assert_eq!(store.recovered(), None, "after {operations} operations");
        assert_eq!(*store.changed().borrow(), Revision(0));
    }
}

/// A store of some objects, and an export of others.
fn small() -> (Disk, Export) {
    let store = Memory::new();
    (0..40).for_each(|n| {
        store.commit(Txn::new().put(format!("/other/{n}"), vec![n; 900])).unwrap();
    });
    let mut text = Vec::new();
    export(&store, &mut text).unwrap();
    let disk = Disk::default();
    let store = Embedded::open_files(disk.files(), options()).unwrap();
    (0..60).for_each(|n| {
        store.commit(Txn::new().put(format!("/{n}"), vec![n; 900])).unwrap();
    });
    (disk, Export::read(&mut &text[..]).unwrap())
}

fn count(disk: &Disk) -> usize {
    let store = Embedded::open_files(disk.files(), options()).unwrap();
    store.range("", usize::MAX, None).unwrap().items.len()
}

#[test]
fn half_a_write_in_the_journal_is_no_damage_once_another_segment_follows() {
    let (disk, _) = small();
    let names = disk.files().names().unwrap();
    let last = names.iter().rfind(|name| name.starts_with(journal::PREFIX)).unwrap();
    let mut bytes = disk.bytes(last);
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end - 100..=end].fill(0);
    disk.put(last, bytes);
    for opened in 1..=3 {
        let store = Embedded::open_files(disk.files(), options()).unwrap();
        assert_eq!(store.recovered(), None, "opened for the {opened}. time");
        assert_eq!(store.range("", usize::MAX, None).unwrap().items.len(), 60);
    }
}

#[test]
fn a_cut_while_damage_is_made_good_is_no_harm() {
    let (whole, _) = small();
    let mut random = Random(seed());
    for operations in (0..).step_by(3) {
        let disk = whole.copy();
        disk.put(INDEX, vec![7; 9000]);
        disk.cut_after(operations);
        let done = Embedded::open_files(disk.files(), options()).is_ok();
        assert_eq!(count(&disk.after_cut(&mut random)), 60, "cut after {operations} operations");
        if done {
            break;
        }
    }
}

#[test]
fn a_cut_while_another_state_is_put_in_its_place_leaves_the_one_or_the_other() {
    let (whole, export) = small();
    let (mut random, mut seen) = (Random(seed()), BTreeSet::new());
    for operations in (0..).step_by(3) {
        let disk = whole.copy();
        disk.cut_after(operations);
        let done = restore::restore_files(&disk.files(), &export, true).is_ok();
        let disk = disk.after_cut(&mut random);
        let found = count(&disk);
        assert!([60, 40].contains(&found), "cut after {operations} operations: {found}");
        seen.insert(found);
        if done {
            assert_eq!(found, 40, "what was said to be done is");
            break;
        }
    }
    assert_eq!(seen.len(), 2);
}
