//! What was acknowledged is not lost: by a server that is killed, by a loss of power, by a disk that is full or damaged.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use madang_addr::Mac;

use super::crowd::Crowd;
use super::lan::{Lan, POOL};
use crate::cloud::{can_run, eventually};

const FAST: [&str; 3] = [POOL[0], POOL[1], "--no-probe"];

/// Who was told that it has which address.
type Told = Mutex<HashMap<Ipv4Addr, Mac>>;

/// Lets a crowd ask while something is done to its server; then what it was told.
fn under_load(lan: &mut Lan, crowd: &mut Crowd, told: &Told, work: impl FnOnce(&mut Lan)) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            crowd.run(&stop, |(address, mac)| {
                let before = told.lock().expect("nobody panics").insert(address, mac);
                assert!(before.is_none_or(|before| before == mac), "{address} is {before:?}'s and {mac}'s");
            });
        });
        work(lan);
        stop.store(true, Ordering::Relaxed);
    });
}

/// Everybody has what they were told that they have.
fn check(lan: &Lan, told: &Told, when: &str) {
    let leases: HashMap<String, String> = lan.leases().into_iter().collect();
    for (address, mac) in &*told.lock().expect("nobody panics") {
        let found = leases.get(&address.to_string());
        assert_eq!(found, Some(&mac.to_string()), "{when}: {address}; {}", lan.log());
    }
}

fn rounds(default: u64) -> u64 {
    std::env::var("MADANG_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn count(told: &Told) -> usize {
    told.lock().expect("nobody panics").len()
}

#[test]
fn a_server_that_is_killed_again_and_again_forgets_nothing() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    let host = lan.host("crowd");
    let (mut crowd, told) = (Crowd::new(&host), Told::default());
    let rounds = rounds(20);
    for round in 0..rounds {
        under_load(&mut lan, &mut crowd, &told, |lan| {
            let before = count(&told);
            lan.start(&FAST);
            // At a moment that is another one in each round.
            let some = usize::try_from(1 + round * 37 % 200).expect("few");
            assert!(eventually(|| count(&told) >= before + some), "round {round}: {}", lan.log());
            lan.kill();
        });
    }
    lan.serve(&FAST);
    check(&lan, &told, "in the end");
    assert!(count(&told) as u64 >= rounds * 50, "{}", count(&told));
}

/// A file system of its own, on a file.
struct Disk<'a> {
    lan: &'a std::path::Path,
}

impl Disk<'_> {
    fn sh(&self, text: &str) -> bool {
        Command::new("sh").args(["-ec", text]).current_dir(self.lan).status().expect("sh").success()
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        self.sh("umount disk 2>/dev/null || true");
    }
}

/// What ext4 has for testing just this: it writes nothing more, not even what it had promised itself to write.
const POWER_OFF: &str = "import fcntl, os, struct; \
     fcntl.ioctl(os.open('disk', os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

#[test]
fn a_loss_of_power_loses_nothing_that_was_acknowledged() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    let host = lan.host("crowd");
    let place = lan.path().to_owned();
    let disk = Disk { lan: &place };
    assert!(disk.sh("truncate -s 100M image; mkfs.ext4 -q image; mkdir disk; mount -o loop image disk"));
    lan.keep_in(place.join("disk"));
    let (mut crowd, told) = (Crowd::new(&host), Told::default());
    for round in 0..rounds(4).min(200) {
        under_load(&mut lan, &mut crowd, &told, |lan| {
            let before = count(&told);
            lan.start(&FAST);
            assert!(eventually(|| count(&told) >= before + 150), "round {round}: {}", lan.log());
            assert!(disk.sh(&format!("python3 -c \"{POWER_OFF}\"")));
            lan.kill();
        });
        // Another disk with the same bytes: a mount that somebody else's namespace still has would keep the old one alive.
        assert!(
            disk.sh("umount disk; cp --sparse=always image next; mv next image; mount -o loop image disk")
        );
        lan.serve(&FAST);
        check(&lan, &told, &format!("round {round}"));
        lan.kill();
    }
}

#[test]
fn without_room_nobody_gets_a_lease_and_with_room_everybody_does() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    let host = lan.host("host");
    let place = lan.path().to_owned();
    let disk = Disk { lan: &place };
    assert!(disk.sh("mkdir disk; mount -t tmpfs -o size=2M none disk"));
    lan.keep_in(place.join("disk"));
    lan.serve(&FAST);
    let udhcpc = |lan: &Lan, tries: &str| {
        let words =
            ["busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", tries, "-T", "1", "-s", "/bin/true"];
        lan.exec(&host, &words).code
    };
    assert_ne!(udhcpc(&lan, "2"), 0, "an answer would be a promise that nothing keeps");
    assert!(lan.log().contains("No space left on device"), "{}", lan.log());
    assert_eq!(lan.end(), Some(0), "it ends when it is told to");
    lan.serve(&FAST);
    assert_ne!(udhcpc(&lan, "1"), 0);
    assert!(disk.sh("mount -o remount,size=64M disk"));
    assert_eq!(udhcpc(&lan, "5"), 0, "{}", lan.log());
    assert!(eventually(|| lan.log().contains("takes what it is given again")), "{}", lan.log());
    assert_eq!(lan.leases().len(), 1);
    lan.kill();
}

#[test]
fn a_log_with_damage_in_its_middle_keeps_the_rest_and_says_what_it_lost() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    let host = lan.host("crowd");
    let (mut crowd, told) = (Crowd::new(&host), Told::default());
    lan.serve(&FAST);
    under_load(&mut lan, &mut crowd, &told, |lan| {
        assert!(eventually(|| count(&told) >= 500), "{}", lan.log());
    });
    assert_eq!(lan.end(), Some(0));
    let log = lan.leases_dir().join("00000001.log");
    let file = std::fs::OpenOptions::new().write(true).open(&log).expect("the log is there");
    file.write_all_at(&[0x5a; 64], 2_000).expect("written");
    lan.serve(&FAST);
    let said = lan.log();
    assert!(said.contains("00000001.log: bytes ") && said.contains("lost, and the leases that"), "{said}");
    // A block has what waited together: at most as many as were under way.
    let kept: HashMap<String, String> = lan.leases().into_iter().collect();
    let is_lost = |address: &&Ipv4Addr| !kept.contains_key(&address.to_string());
    let lost = told.lock().expect("nobody panics").keys().filter(is_lost).count();
    assert!((1..100).contains(&lost), "{lost} of {}: {said}", count(&told));
    // No log at all, and one of a newer server.
    assert_eq!(lan.end(), Some(0));
    file.write_all_at(&2_u32.to_be_bytes(), 8).expect("written");
    lan.start(&FAST);
    assert!(eventually(|| lan.log().contains("a newer server wrote 00000001.log")), "{}", lan.log());
    std::thread::sleep(Duration::from_millis(50));
    assert!(log.exists());
}
