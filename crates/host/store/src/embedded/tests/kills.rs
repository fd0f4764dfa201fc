//! A process that uses a store is killed, at any moment of anything.
//!
//! What a process wrote before it was killed is in the page cache: nothing has to reach a disk here, and the stores stand
//! in memory if they can. [`super::cuts`] is about the disk.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::history::History;
use super::{Random, seed};
use crate::embedded::files::INDEX;
use crate::{Embedded, Options, Store, StoreError};

const LANES: u64 = 2;
const STORES_EACH: u64 = 25;
const KILLS_EACH: u64 = 20;

fn options() -> Options {
    // Short, so that snapshots are taken all the time.
    Options { journal: 30_000, ..Options::default() }
}

#[test]
fn nothing_acknowledged_is_lost_when_a_process_is_killed() {
    let lanes: Vec<_> = (0..LANES).map(|lane| std::thread::spawn(move || survives(lane))).collect();
    let wrote: u64 = lanes.into_iter().map(|lane| lane.join().unwrap()).sum();
    let kills = LANES * STORES_EACH * KILLS_EACH;
    println!("{kills} kills, {wrote} of them in the midst of writing");
    assert!(wrote > kills / 2, "a store that never opens loses nothing either");
}

/// Several stores, each through several kills. How many of these came when something had been written.
fn survives(lane: u64) -> u64 {
    let mut wrote = 0;
    for store in 0..STORES_EACH {
        let seed = seed() * 1000 + lane * STORES_EACH + store;
        println!("STORE_SEED={} (store {seed})", seed / 1000);
        let mut random = Random(seed);
        let directory = memory();
        let history = History::default();
        for _ in 0..KILLS_EACH {
            let before = history.last();
            history.hear(&killed(directory.path(), &mut random));
            wrote += u64::from(history.last() > before);
            if random.once_in(5) {
                without_index(directory.path(), &history);
            }
            let store = open(directory.path()).unwrap();
            assert_eq!(store.recovered(), None, "a kill is no damage");
            history.holds(&store);
        }
    }
    wrote
}

/// What a process said that used the store in this directory until it was killed.
fn killed(directory: &Path, random: &mut Random) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "embedded::tests::kills::lives_until_it_is_killed", "--ignored", "--nocapture"])
        .env("STORE_DIRECTORY", directory)
        .env("STORE_SEED", random.below(1 << 40).to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (began, writes) = mpsc::channel();
    let said = std::thread::spawn(move || {
        let mut said = String::new();
        while !said.contains("acknowledged") && output.read_line(&mut said).unwrap() > 0 {}
        let _ = began.send(());
        output.read_to_string(&mut said).map(|_| said)
    });
    if random.once_in(4) {
        std::thread::sleep(Duration::from_micros(random.below(40_000)));
    } else {
        writes.recv().unwrap();
        std::thread::sleep(Duration::from_micros(random.below(20_000)));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    said.join().unwrap().unwrap()
}

#[test]
#[ignore = "run by nothing_acknowledged_is_lost_when_a_process_is_killed, which kills it"]
fn lives_until_it_is_killed() {
    let directory = PathBuf::from(std::env::var_os("STORE_DIRECTORY").expect("only run by another test"));
    let store = open(&directory).unwrap();
    History::aloud().live(&store, &mut Random(seed()), u64::MAX);
}

/// The same directory, if the index's file had been lost too: the journal has it all.
fn without_index(directory: &Path, history: &History) {
    let copy = memory();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != INDEX {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    match open(copy.path()) {
        Ok(store) => {
            let forgotten = store.recovered().and_then(|recovery| recovery.forgotten).unwrap_or_default();
            history.holds_after(forgotten, &store.events(forgotten, usize::MAX).unwrap());
        }
        // Killed in the midst of a write to the journal.
        Err(StoreError::Damaged { certain, .. }) => assert!(certain.unwrap_or_default() >= history.last()),
        Err(other) => panic!("{other}"),
    }
}

/// Opens a store that nobody else has. What another lane has just forked holds the locks of this process, until it is
/// another program.
fn open(directory: &Path) -> Result<Embedded, StoreError> {
    let began = Instant::now();
    loop {
        match Embedded::open_with(directory, options()) {
            Err(StoreError::InUse { .. }) if began.elapsed() < Duration::from_secs(10) => {
                std::thread::sleep(Duration::from_millis(1));
            }
            done => return done,
        }
    }
}

fn memory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}
