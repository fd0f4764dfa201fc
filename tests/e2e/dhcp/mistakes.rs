//! Wrong words, and hosts that are not as one thought: what is said, and that nothing is done.

use super::lan::{Lan, POOL};
use crate::cloud::{can_run, eventually};
use crate::kubectl::client;

#[test]
fn what_cannot_be_served_is_said_with_a_way_out() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    lan.ip("link add name bare type bridge");
    let said = |lan: &Lan, words: &str| {
        let words: Vec<&str> = ["dhcp", "serve"].into_iter().chain(words.split(' ')).collect();
        let said = lan.run(&words);
        (said.code, said.err)
    };
    for (words, code, parts) in [
        ("-i nolink -p 10.0.0.5", 1, &["there is no network interface \"nolink\"", "ip -brief link"][..]),
        ("-i bare -p 10.0.0.5", 2, &["the interface bare has no IPv4 address", "ip address add"]),
        ("-i lo -p 127.0.0.5", 1, &["lo"]),
        (
            "-i lan -p 192.168.1.5-192.168.1.9",
            2,
            &["192.168.1.5 is in no subnet of this server: it has 10.0.0.0/8"],
        ),
        ("-i lan -p 10.1.0.9-10.1.0.5", 1, &["10.1.0.9-10.1.0.5", "ends before it begins"]),
        (
            "-i lan -p 10.1.0.0-10.1.0.9 -p 10.1.0.9-10.1.0.20",
            1,
            &["two pools of the subnet 10.0.0.0/8 have 10.1.0.9"],
        ),
        ("-i lan -p 10.0.0.1-10.0.0.9", 1, &["10.0.0.1, which is its server"]),
        ("-i lan", 2, &["there is nothing to lease in 10.0.0.0/8", "--pool"]),
        (
            "-i lan -p 10.1.0.5 --reserve 02:00:00:00:00:01=10.0.0.1",
            1,
            &["10.0.0.1 is reserved for a client, and it is the server"],
        ),
        (
            "-i lan -p 10.1.0.5 --reserve 02:00:00:00:00:01=10.1.0.7 --reserve 02:00:00:00:00:02=10.1.0.7",
            1,
            &["10.1.0.7 is reserved twice"],
        ),
        ("-i lan -p 10.1.0.5 --option 53=u8:1", 1, &["option 53 cannot be set"]),
        ("-i lan -p 10.1.0.5 --lease 0s", 2, &["less than a second"]),
        ("-i lan -p x", 2, &["FIRST-LAST"]),
    ] {
        let (status, err) = said(&lan, words);
        assert_eq!(status, code, "{words}: {err}");
        for part in parts {
            assert!(err.replace("\n", " ").contains(part), "{words}: {part}: {err}");
        }
    }
    // The port is taken: by whom is said.
    lan.serve(&POOL);
    let (here, other) = (lan.path().to_owned(), lan.path().join("other"));
    lan.keep_in(other);
    let said = lan.run(&["dhcp", "serve", "-i", "lan", "-p", "10.1.0.5"]);
    lan.keep_in(here);
    assert!(
        said.code == 1 && said.err.contains("port 67 of lan is taken by madang (process "),
        "{}",
        said.err
    );
    let said = lan.run(&["dhcp", "serve", "-i", "lan", "-p", "10.1.0.5"]);
    assert!(said.code == 1 && said.err.contains("another server"), "{}", said.err);
    // The one that serves is asked for what it does not know.
    for (words, part) in [
        (&["dhcp", "release", "10.1.0.5"][..], "there is no lease of it"),
        (&["dhcp", "reserve", "192.168.1.1", "--mac", "02:00:00:00:00:01"], "in no subnet of this server"),
        (&["dhcp", "reserve", "10.0.0.1", "--mac", "02:00:00:00:00:01"], "server"),
        (&["dhcp", "leases", "-i", "other"], "no DHCP server answers"),
    ] {
        let said = lan.run(words);
        assert!(said.code == 1 && said.err.contains(part), "{words:?}: {}", said.err);
    }
}

#[test]
fn broken_messages_are_told_and_change_nothing() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    let [attacker, host] = ["attacker", "host"].map(|name| lan.host(name));
    lan.serve(&["--pool", "10.1.0.0-10.1.255.255", "--no-probe"]);
    let python = client("python").to_string_lossy().into_owned();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/dhcp/broken.py");
    let said = lan.exec(&attacker, &[&python, script, "eth0", "7", "2000"]);
    assert_eq!((said.code, said.out.trim()), (0, "sent 2000"), "{}", said.err);
    let said = lan.exec(&host, &["busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-s", "/bin/true"]);
    assert_eq!(said.code, 0, "{} {}", said.err, lan.log());
    assert!(!lan.log().contains("panicked"), "{}", lan.log());
    // What cannot be read is said to be so.
    let ignored = lan.events("ignore");
    assert!(ignored.len() > 100, "{ignored:?}");
    assert_eq!(lan.leases().iter().filter(|(_, mac)| *mac == lan.mac(&host)).count(), 1);
    assert_eq!(lan.end(), Some(0), "{}", lan.log());
}

#[test]
fn a_link_that_is_down_is_waited_for_and_one_that_is_gone_ends_the_server() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    let host = lan.host("host");
    lan.serve(&["--pool", "10.1.0.0-10.1.0.9", "--no-probe"]);
    lan.ip("link set lan down");
    assert!(eventually(|| lan.log().contains("nothing is heard on lan")), "{}", lan.log());
    lan.ip("link set lan up");
    let get = ["busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-s", "/bin/true"];
    let said = lan.exec(&host, &get);
    assert_eq!(said.code, 0, "{} {}", said.err, lan.log());
    lan.ip("link delete lan");
    assert!(eventually(|| lan.log().contains("the interface lan is gone")), "{}", lan.log());
}
