//! A log on a disk that loses what was not made durable, tears what it was writing, and fails.

#![expect(clippy::cast_possible_truncation, reason = "numbers of tests are small")]

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::sync::Mutex;

use madang_addr::Mac;
use madang_dhcp::{Record, RecordState, Wall};
use madang_wire::dhcp::HardwareAddress;
use proptest::prelude::*;

use super::*;

const SECTOR: usize = 512;

/// Random numbers made of one (SplitMix64).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        count > 0 && self.below(count) == 0
    }
}

/// A file: what the disk has, what the kernel has, and what it has not written yet.
#[derive(Debug, Default, Clone)]
struct Node {
    durable: Vec<u8>,
    cached: Vec<u8>,
    unwritten: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug, Clone)]
enum Naming {
    Link(String, usize),
    Unlink(String),
    Rename(String, String),
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(name, node) => drop(names.insert(name.clone(), *node)),
            Self::Unlink(name) => drop(names.remove(name)),
            Self::Rename(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
        }
    }
}

#[derive(Debug)]
struct State {
    nodes: Vec<Node>,
    durable: BTreeMap<String, usize>,
    names: BTreeMap<String, usize>,
    unnamed: Vec<Naming>,
    dice: Dice,
    /// One in how many writes, and syncs, fails; 0: none.
    fails: u64,
    /// How much room there is.
    room: usize,
    /// How many more things are done before the power goes.
    lives: u64,
}

/// A disk in memory.
#[derive(Debug)]
struct Memory(Mutex<State>);

impl Memory {
    fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            nodes: Vec::new(),
            durable: BTreeMap::new(),
            names: BTreeMap::new(),
            unnamed: Vec::new(),
            dice: Dice(seed),
            fails: 0,
            room: usize::MAX,
            lives: u64::MAX,
        })))
    }

    fn set(&self, fails: u64, lives: u64) {
        let state = &mut *self.0.lock().unwrap();
        (state.fails, state.lives) = (fails, lives);
    }

    /// The power goes: of what was not made durable, the disk has this and that.
    fn crash(&self) {
        let state = &mut *self.0.lock().unwrap();
        for node in &mut state.nodes {
            for (at, bytes) in std::mem::take(&mut node.unwritten) {
                let torn = state.dice.below(3);
                for (index, sector) in bytes.chunks(SECTOR).enumerate() {
                    if torn == 0 || torn == 1 && state.dice.one_in(2) {
                        put_at(&mut node.durable, at + index * SECTOR, sector);
                    }
                }
            }
            node.cached = node.durable.clone();
        }
        // A file system keeps the order of what it does to names.
        let done = state.dice.below(state.unnamed.len() as u64 + 1);
        let unnamed = std::mem::take(&mut state.unnamed);
        unnamed.iter().take(done as usize).for_each(|naming| naming.apply(&mut state.durable));
        state.names = state.durable.clone();
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let state = &mut *self.0.lock().unwrap();
        let node = &mut state.nodes[state.names[name]];
        change(&mut node.durable);
        node.cached = node.durable.clone();
    }
}

fn put_at(bytes: &mut Vec<u8>, at: usize, some: &[u8]) {
    bytes.resize(bytes.len().max(at + some.len()), 0);
    bytes[at..at + some.len()].copy_from_slice(some);
}

impl State {
    fn naming(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.unnamed.push(naming);
    }

    /// Whether it still does something.
    fn lives(&mut self) -> io::Result<()> {
        self.lives = self.lives.saturating_sub(1);
        if self.lives == 0 { Err(rustix::io::Errno::IO.into()) } else { Ok(()) }
    }

    fn may_fail(&mut self) -> io::Result<()> {
        self.lives()?;
        let fails = self.fails;
        if self.dice.one_in(fails) { Err(rustix::io::Errno::IO.into()) } else { Ok(()) }
    }
}

impl Disk for Memory {
    type File = usize;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<usize> {
        let state = &mut *self.0.lock().unwrap();
        state.may_fail()?;
        state.nodes.push(Node::default());
        let node = state.nodes.len() - 1;
        state.naming(Naming::Link(name.to_owned(), node));
        Ok(node)
    }

    fn open(&self, name: &str) -> io::Result<usize> {
        self.0.lock().unwrap().names.get(name).copied().ok_or(rustix::io::Errno::NOENT.into())
    }

    fn length(&self, file: &usize) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().nodes[*file].cached.len() as u64)
    }

    fn read(&self, file: &usize, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let state = self.0.lock().unwrap();
        let bytes = state.nodes[*file].cached.get(at as usize..).unwrap_or_default();
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn write(&self, file: &usize, at: u64, bytes: &[u8]) -> io::Result<()> {
        let state = &mut *self.0.lock().unwrap();
        state.may_fail()?;
        let used: usize = state.names.values().map(|node| state.nodes[*node].cached.len()).sum();
        let grows = (at as usize + bytes.len()).saturating_sub(state.nodes[*file].cached.len());
        if used + grows > state.room {
            return Err(rustix::io::Errno::NOSPC.into());
        }
        let node = &mut state.nodes[*file];
        put_at(&mut node.cached, at as usize, bytes);
        node.unwritten.push((at as usize, bytes.to_vec()));
        Ok(())
    }

    fn sync(&self, file: &usize) -> io::Result<()> {
        let state = &mut *self.0.lock().unwrap();
        if state.lives < 2 {
            return state.lives();
        }
        let failed = state.may_fail();
        let lost = failed.is_err() && state.dice.one_in(2);
        let node = &mut state.nodes[*file];
        for (at, bytes) in std::mem::take(&mut node.unwritten) {
            // What could not be written is forgotten, and never tried again.
            if !lost {
                put_at(&mut node.durable, at, &bytes);
            }
        }
        failed
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let state = &mut *self.0.lock().unwrap();
        state.lives()?;
        state.naming(Naming::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let state = &mut *self.0.lock().unwrap();
        state.lives()?;
        state.naming(Naming::Unlink(name.to_owned()));
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let state = &mut *self.0.lock().unwrap();
        state.may_fail()?;
        state.unnamed.clear();
        state.durable = state.names.clone();
        Ok(())
    }
}

fn record(number: u32, written: u64) -> Record {
    let [a, b, c, d] = number.to_be_bytes();
    Record {
        address: Ipv4Addr::from(0x0a00_0000 + number % 200),
        state: RecordState::Bound,
        hardware: HardwareAddress::ethernet(Mac([2, 0, a, b, c, d])),
        client_id: number.is_multiple_of(3).then(|| vec![1; (number % 255 + 1) as usize].into()),
        name: None,
        port: None,
        written: Wall(written),
        expires: None,
    }
}

fn read(disk: &Arc<Memory>) -> (Journal<Memory>, Report, Vec<Record>) {
    let mut replay = Replay::new(&**disk).unwrap();
    let records = replay.by_ref().collect();
    let (mut journal, report) = replay.finish(Arc::clone(disk)).unwrap();
    journal.length = 32 << 10;
    (journal, report, records)
}

fn bytes_of(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    records.iter().for_each(|record| put(record, &mut bytes));
    bytes
}

/// What the last record of each address says: when it was written.
fn last(records: &[Record]) -> HashMap<Ipv4Addr, u64> {
    records.iter().map(|record| (record.address, record.written.0)).collect()
}

#[test]
fn what_was_committed_is_read_in_its_order() {
    let disk = Memory::new(1);
    let (mut journal, report, records) = read(&disk);
    assert_eq!((report, records), (Report::default(), Vec::new()));
    let all: Vec<Record> = (0..5_000).map(|number| record(number, number.into())).collect();
    for some in all.chunks(7) {
        journal.commit(&bytes_of(some)).unwrap();
    }
    drop(journal);
    disk.crash();
    for start in 0..3 {
        let (_, report, records) = read(&disk);
        assert_eq!((records == all, report.damage), (true, vec![]), "start {start}");
    }
}

/// Of what is behind the last acknowledged write nothing is known, but what was acknowledged is there, whatever the disk
/// does: it loses what was not made durable, tears what it was writing, fails to write and to make durable.
#[test]
fn a_thousand_losses_of_power_lose_nothing_that_was_acknowledged() {
    let rounds = std::env::var("MADANG_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_u64);
    let disk = Memory::new(7);
    let mut dice = Dice(11);
    let (mut acknowledged, mut said) = (HashMap::<Ipv4Addr, u64>::new(), 0_u64);
    let (mut torn, mut failures, mut snapshots) = (0, 0, 0_u64);
    for round in 0..rounds {
        disk.set(0, u64::MAX);
        let (mut journal, report, records) = read(&disk);
        assert_eq!(report.damage, [], "round {round}");
        torn += u64::from(report.unfinished.is_some());
        let found = last(&records);
        for (address, written) in &acknowledged {
            let there = found.get(address).copied();
            assert!(
                there.is_some_and(|there| there >= *written),
                "round {round}: {address} {written} {there:?}"
            );
        }
        disk.set([0, 0, 20][(round % 3) as usize], 1 + dice.below(80));
        for _ in 0..dice.below(20) {
            let some: Vec<Record> = (0..=dice.below(30))
                .map(|_| {
                    said += 1;
                    record(dice.below(1_000) as u32, said)
                })
                .collect();
            match journal.commit(&bytes_of(&some)) {
                Ok(()) => acknowledged.extend(last(&some)),
                Err(_) => failures += 1,
            }
        }
        // A disk that fails may fail while a snapshot is made too, and power may go then as well.
        if dice.one_in(4) {
            let closed = journal.next - 1 - u64::from(journal.segment.is_some());
            snapshots += u64::from(compact(&*disk, closed, &BTreeSet::new()).is_ok());
        }
        drop(journal);
        disk.crash();
    }
    assert!(
        torn > 0 && failures > 0 && snapshots > 0,
        "{torn} torn, {failures} failed, {snapshots} snapshots"
    );
}

#[test]
fn a_snapshot_says_the_same_and_takes_the_place_of_what_it_is_made_of() {
    let disk = Memory::new(3);
    let mut all = Vec::new();
    for start in 0..4_u32 {
        let (mut journal, _, _) = read(&disk);
        let some: Vec<Record> =
            (0..300).map(|number| record(number + start, (start * 1_000 + number).into())).collect();
        journal.commit(&bytes_of(&some)).unwrap();
        all.extend(some);
        if start == 2 {
            compact(&*disk, 2, &BTreeSet::new()).unwrap();
        }
    }
    let (_, report, records) = read(&disk);
    assert_eq!(report.damage, []);
    assert_eq!(last(&records), last(&all));
    assert_eq!(disk.names().unwrap(), ["00000002.snapshot", "00000003.log", "00000004.log"]);
    assert!(records.len() < all.len());
    // The order of what is last is that in which it was written.
    let mut order = records[..200].to_vec();
    order.sort_by_key(|record| record.written);
    assert_eq!(order, records[..200]);
}

fn damaged(change: impl FnOnce(&mut Vec<u8>)) -> (Report, Vec<Record>, Vec<Record>) {
    let disk = Memory::new(5);
    let (mut journal, _, _) = read(&disk);
    let all: Vec<Record> = (0..40).map(|number| record(number, number.into())).collect();
    for some in all.chunks(1) {
        journal.commit(&bytes_of(some)).unwrap();
    }
    disk.change("00000001.log", change);
    let (_, report, records) = read(&disk);
    (report, records, all)
}

#[test]
fn damage_in_the_middle_is_told_and_what_is_around_it_is_kept() {
    let (report, records, all) = damaged(|bytes| bytes[500..700].fill(0xa5));
    let lost = all.len() - records.len();
    let [damage] = &report.damage[..] else { panic!("{report:?}") };
    assert_eq!(damage.lost, Some(lost as u64));
    assert!(damage.from <= 500 && damage.to >= 700 && lost > 0 && lost < 6, "{damage:?}");
    assert!(all.iter().filter(|record| !records.contains(record)).count() == lost);
    let said =
        format!("00000001.log: bytes {} to {} are damaged; {lost} writes are lost", damage.from, damage.to);
    assert!(damage.to_string().starts_with(&said), "{damage}");
}

#[test]
fn a_damaged_beginning_or_header_is_no_loss() {
    for at in [0, 3, 9] {
        let (report, records, all) = damaged(|bytes| bytes[at] ^= 0x55);
        assert_eq!((report.damage, records), (vec![], all), "{at}");
    }
}

#[test]
fn damage_at_the_end_cannot_be_told_from_a_write_that_was_under_way() {
    let mut end = 0;
    let (report, records, all) = damaged(|bytes| {
        end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        bytes[end] ^= 1;
    });
    assert_eq!((&records[..], report.damage.len()), (&all[..39], 0));
    assert!(report.unfinished.is_some_and(|damage| damage.to > end as u64 - 8));
}

#[test]
fn a_file_that_is_gone_is_told() {
    let disk = Memory::new(5);
    for number in 0..3 {
        let (mut journal, _, _) = read(&disk);
        journal.commit(&bytes_of(&[record(number, number.into())])).unwrap();
    }
    disk.remove("00000002.log").unwrap();
    let (_, report, records) = read(&disk);
    assert_eq!(records, [record(0, 0), record(2, 2)]);
    assert_eq!(report.damage.iter().map(|damage| damage.lost).collect::<Vec<_>>(), [Some(1)]);
}

#[test]
fn damaged_files_are_kept_when_a_snapshot_takes_their_place() {
    let disk = Memory::new(5);
    let (mut journal, _, _) = read(&disk);
    for number in 0..40 {
        journal.commit(&bytes_of(&[record(number, number.into())])).unwrap();
    }
    disk.change("00000001.log", |bytes| bytes[500] ^= 1);
    compact(&*disk, 1, &BTreeSet::new()).unwrap();
    assert_eq!(disk.names().unwrap(), ["00000001.log.damaged", "00000001.snapshot"]);
    let (_, report, records) = read(&disk);
    assert_eq!((report.damage.len(), records.len()), (0, 39));
}

#[test]
fn what_a_newer_server_wrote_is_left_alone() {
    let disk = Memory::new(5);
    let (mut journal, _, _) = read(&disk);
    journal.commit(&bytes_of(&[record(1, 1)])).unwrap();
    disk.change("00000001.log", |bytes| bytes[11] = 2);
    let before = disk.names().unwrap();
    let mut replay = Replay::new(&*disk).unwrap();
    assert_eq!(replay.next(), None);
    let error = replay.finish(Arc::clone(&disk)).unwrap_err();
    assert!(matches!(error, Broken::Newer { version: 2, .. }), "{error}");
    assert_eq!(disk.names().unwrap(), before);
}

#[test]
fn a_full_disk_keeps_what_it_has_and_takes_the_rest_when_there_is_room() {
    let disk = Memory::new(5);
    disk.0.lock().unwrap().room = 20 << 10;
    let (mut journal, _, _) = read(&disk);
    let error = journal.commit(&bytes_of(&[record(1, 1)])).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.names().unwrap(), [""; 0], "it does not keep the room that it got");
    assert!(!journal.is_stuck());
    disk.0.lock().unwrap().room = usize::MAX;
    journal.commit(&bytes_of(&[record(2, 2)])).unwrap();
    let (_, _, records) = read(&disk);
    assert_eq!(records, [record(1, 1), record(2, 2)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_are_read_without_a_panic(
        changes in prop::collection::vec((0_usize..9_000, any::<u8>()), 1..40), cut in 0_usize..9_000, cuts: bool,
    ) {
        let disk = Memory::new(5);
        let (mut journal, _, _) = read(&disk);
        for number in 0..60 {
            journal.commit(&bytes_of(&[record(number, number.into())])).unwrap();
        }
        disk.change("00000001.log", |bytes| {
            changes.iter().for_each(|(at, byte)| bytes[*at] = *byte);
            if cuts { bytes.truncate(cut) }
        });
        if let Ok(mut replay) = Replay::new(&*disk) {
            let records: Vec<Record> = replay.by_ref().collect();
            prop_assert!(records.windows(2).all(|pair| pair[0].written < pair[1].written));
            let _ = replay.finish(Arc::clone(&disk));
        }
    }
}
