//! The same answers as `ipcalc` and `sipcalc`, as Debian has them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::IpAddr;
use std::process::Command;

use madang_cidr::{Class, Info, Interface};

const ADDRESSES: [&str; 8] = [
    "0.0.0.1",
    "10.1.2.3",
    "127.255.0.1",
    "128.0.0.7",
    "172.31.255.254",
    "192.168.1.77",
    "198.51.100.200",
    "223.255.254.129",
];

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; scripts/setup test installs it"));
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn info(text: &str) -> Info {
    Info::of(Interface::parse(text).unwrap())
}

/// `ipcalc` writes `Name: value ...`, and the class at the end of a line.
#[test]
fn ipcalc() {
    // Every length, and each address at a few: it takes its time.
    let each = (1..=30).zip(ADDRESSES.into_iter().cycle());
    let few = ADDRESSES.into_iter().flat_map(|address| [8, 20, 29].map(|length| (length, address)));
    for (length, address) in each.chain(few) {
        let text = format!("{address}/{length}");
        let printed = run("ipcalc", &["-n", "-b", &text]);
        let found = |name: &str| {
            let line = printed.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {printed}"))
                .split_whitespace()
                .next()
                .unwrap()
                .to_owned()
        };
        let own = info(&text);
        assert_eq!(found("Network:"), own.network.prefix.to_string(), "{text}");
        assert_eq!(found("Netmask:"), own.netmask.to_string(), "{text}");
        assert_eq!(found("Wildcard:"), own.wildcard.to_string(), "{text}");
        assert_eq!(found("HostMin:"), own.network.first_usable.to_string(), "{text}");
        assert_eq!(found("HostMax:"), own.network.last_usable.to_string(), "{text}");
        assert_eq!(found("Broadcast:"), own.network.broadcast.unwrap().to_string(), "{text}");
        assert_eq!(found("Hosts/Net:"), own.network.usable.to_string(), "{text}");
        // It names the class of the network's address, not that of the address.
        let IpAddr::V4(network) = own.network.prefix.address() else { panic!("{text}") };
        assert!(printed.contains(&format!("Class {:?}", Class::of(network))), "{text}: {printed}");
    }
}

/// `sipcalc` writes `Name - value`, and what follows a long value in a line of its own.
#[test]
fn sipcalc() {
    let found = |printed: &str, name: &str| {
        let mut lines = printed.lines().skip_while(|line| !line.starts_with(name));
        let line = lines.next().unwrap_or_else(|| panic!("no {name} in {printed}"));
        let value = line.split_once("- ").unwrap().1.to_owned();
        if value.ends_with('-') { value + " " + lines.next().unwrap().trim() } else { value }
    };
    for address in ADDRESSES {
        for length in 1..=30 {
            let text = format!("{address}/{length}");
            let printed = run("sipcalc", &[&text]);
            let own = info(&text);
            let network = own.network;
            assert_eq!(found(&printed, "Host address (decimal)"), own.integer.to_string());
            assert_eq!(found(&printed, "Network address"), network.prefix.address().to_string(), "{text}");
            assert_eq!(
                found(&printed, "Broadcast address"),
                network.broadcast.unwrap().to_string(),
                "{text}"
            );
            assert_eq!(found(&printed, "Cisco wildcard"), own.wildcard.to_string(), "{text}");
            assert_eq!(found(&printed, "Addresses in network"), network.addresses.to_string(), "{text}");
            let usable = format!("{} - {}", network.first_usable, network.last_usable);
            assert_eq!(found(&printed, "Usable range"), usable, "{text}");
        }
    }
    for length in 0..=128 {
        let text = format!("2001:db8:a5a5:5a5a:1234:5678:9abc:def0/{length}");
        let printed = run("sipcalc", &[&text]);
        let own = info(&text);
        assert_eq!(found(&printed, "Expanded Address"), own.expanded.unwrap());
        let first = info(&own.network.prefix.to_string()).expanded.unwrap();
        let last = info(&own.network.last.to_string()).expanded.unwrap();
        assert_eq!(found(&printed, "Network range"), format!("{first} - {last}"), "{text}");
    }
}
