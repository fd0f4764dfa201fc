//! The power goes, at any moment of anything.

use super::disk::Disk;
use super::history::History;
use super::{Random, seed};
use crate::embedded::files::{Files, INDEX};
use crate::{Embedded, Options, Revision, Store, StoreError};

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
