//! What the store does in a second: `cargo bench -p madang-store`, on the file system of `TMPDIR`.
//!
//! 10,000 objects of 1.5 KB. Writers put objects that are there, each waiting for its own write to be acknowledged.
//! Rounds of what is compared take turns, since a disk is not the same from one second to the next.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use madang_store::{Embedded, Revision, Store, Txn};
use redb::{Database, TableDefinition, WriteTransaction};

const OBJECTS: u64 = 10_000;
const SIZE: usize = 1500;
const ROUNDS: usize = 20;
const ROUND: Duration = Duration::from_millis(500);

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let before = resident();
    let store = Embedded::open(directory.path()).unwrap();
    for first in (0..OBJECTS).step_by(500) {
        let txn = (first..first + 500).fold(Txn::new(), |txn, n| txn.put(key(n), vec![b'v'; SIZE]));
        store.commit(txn).unwrap();
    }
    writes(&store);
    reads(&store);
    println!("memory       {} MiB more than before it was opened", (resident() - before) >> 10);
    drop(store);
    let began = Instant::now();
    drop(Embedded::open(directory.path()).unwrap());
    println!("opening      {:?}, every page and frame verified", began.elapsed());
    price_of_the_journal();
}

fn key(n: u64) -> String {
    format!("/registry/instances/default/instance-{:05}", n * 7919 % OBJECTS)
}

fn writes(store: &Embedded) {
    let writers = [1, 16, 64];
    let mut done = [(0, Duration::ZERO); 3];
    for _ in 0..ROUNDS {
        for (writers, done) in writers.iter().zip(&mut done) {
            let (count, time) = write(store, *writers);
            *done = (done.0 + count, done.1 + time);
        }
    }
    for (writers, (count, time)) in writers.iter().zip(done) {
        let each = time.as_secs_f64() / count as f64 * f64::from(*writers) * 1000.0;
        println!(
            "{writers:2} writers   {:6.0} writes/s, {each:.1} ms each",
            count as f64 / time.as_secs_f64()
        );
    }
}

/// So many writers for one round: how many writes, in which time.
fn write(store: &Embedded, writers: u32) -> (u64, Duration) {
    let (next, end, began) = (AtomicU64::new(0), AtomicBool::new(false), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                while !end.load(Ordering::Relaxed) {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    store.commit(Txn::new().put(key(n), vec![b'w'; SIZE])).unwrap();
                }
            });
        }
        std::thread::sleep(ROUND);
        end.store(true, Ordering::Relaxed);
    });
    (next.into_inner(), began.elapsed())
}

fn reads(store: &Embedded) {
    let range = |limit: usize| {
        let began = Instant::now();
        for _ in 0..20 {
            let (mut after, mut count) = (None, 0);
            loop {
                let page = store.range("/registry/instances/", limit, after.as_deref()).unwrap();
                count += page.items.len() as u64;
                after = page.items.last().map(|item| item.key.clone());
                if !page.more {
                    break;
                }
            }
            assert_eq!(count, OBJECTS);
        }
        began.elapsed() / 20
    };
    println!("range        {:?} for 10,000 objects, {:?} in pages of 500", range(usize::MAX), range(500));
    let began = Instant::now();
    (0..OBJECTS).for_each(|n| drop(store.get(&key(n)).unwrap().unwrap()));
    println!("get          {:?}", began.elapsed() / 10_000);
    let now = *store.changed().borrow();
    let began = Instant::now();
    let events = store.events(Revision(now.0.saturating_sub(1000)), usize::MAX).unwrap();
    println!("events       {:?} for the last {}", began.elapsed(), events.len());
}

const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objects");
const LOG: TableDefinition<'_, u64, (&[u8], &[u8])> = TableDefinition::new("events");

/// The bare index, with and without a second file that is synced too: at the same time, or one after the other.
fn price_of_the_journal() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::create(directory.path().join("index")).unwrap();
    let journal = File::create(directory.path().join("journal")).unwrap();
    journal.write_all_at(&vec![0; 64 << 20], 0).unwrap();
    journal.sync_all().unwrap();
    let mut next = 0;
    let mut begin = |count: u64| -> WriteTransaction {
        let txn = database.begin_write().unwrap();
        {
            let (mut objects, mut log) = (txn.open_table(TABLE).unwrap(), txn.open_table(LOG).unwrap());
            let value = vec![b'v'; SIZE];
            for n in next..next + count {
                let previous = objects.insert(key(n).as_str(), &value[..]).unwrap();
                let previous = previous.map(|previous| previous.value().to_vec()).unwrap_or_default();
                log.insert(n, (&value[..], &previous[..])).unwrap();
            }
        }
        next += count;
        txn
    };
    for _ in 0..20 {
        begin(500).commit().unwrap();
    }
    let write = |n: u64, count: u64| {
        let length = count * (SIZE as u64 + 64);
        journal.write_all_at(&vec![1; usize::try_from(length).unwrap()], n * length % (60 << 20)).unwrap();
    };
    let mut group = |how: usize, n: u64, count: u64| {
        let txn = begin(count);
        match how {
            0 => txn.commit().unwrap(),
            1 => {
                write(n, count);
                std::thread::scope(|scope| {
                    let synced = scope.spawn(|| journal.sync_data().unwrap());
                    txn.commit().unwrap();
                    synced.join().unwrap();
                });
            }
            _ => {
                write(n, count);
                journal.sync_data().unwrap();
                txn.commit().unwrap();
            }
        }
    };
    for count in [1, 16, 64] {
        let mut done = [0_u64; 3];
        for _ in 0..ROUNDS {
            for (how, done) in done.iter_mut().enumerate() {
                let began = Instant::now();
                while began.elapsed() < ROUND {
                    group(how, *done, count);
                    *done += 1;
                }
            }
        }
        let rate = |groups: u64| groups as f64 / (ROUND.as_secs_f64() * ROUNDS as f64);
        let less = |groups: u64| (1.0 - groups as f64 / done[0] as f64) * 100.0;
        println!(
            "groups of {count:2} {:5.0}/s in the index alone; with a journal beside it {:5.0} ({:.0} % less), before it {:5.0} ({:.0} % less)",
            rate(done[0]),
            rate(done[1]),
            less(done[1]),
            rate(done[2]),
            less(done[2])
        );
    }
}

/// How much memory the process has, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
