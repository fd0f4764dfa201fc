//! Real clients, each as its users run it.

use std::process::Stdio;

use super::lan::{Lan, POOL};
use crate::cloud::{Background, can_run, eventually};

#[test]
fn udhcpc_dhclient_and_dhcpcd_get_renew_and_give_back() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    let hosts = ["udhcpc", "dhclient", "dhcpcd"].map(|name| lan.host(name));
    let options =
        ["--router", "10.0.0.1", "--dns", "10.0.0.1", "--domain", "lab.internal", "--ntp", "10.0.0.3"];
    lan.serve(&[&POOL[..], &options].concat());
    let [udhcpc, dhclient, dhcpcd] = &hosts;
    let file = |name: &str| lan.path().join(name).to_string_lossy().into_owned();

    // Each gets one, and what goes with it. The scripts of udhcpc and dhclient print their environment.
    let script = file("print");
    std::fs::write(&script, "#!/bin/sh\n[ \"$1\" = bound ] && env\nexit 0\n").expect("written");
    lan.exec(udhcpc, &["chmod", "755", &script]);
    let said = lan.exec(
        udhcpc,
        &["busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-x", "hostname:box", "-s", &script],
    );
    assert_eq!(said.code, 0, "{}", said.err);
    for word in
        ["router=10.0.0.1", "dns=10.0.0.1", "domain=lab.internal", "ntpsrv=10.0.0.3", "mask=8", "lease=3600"]
    {
        assert!(said.out.lines().any(|line| line == word), "{word}: {}", said.out);
    }
    // It gives back from the address that it has.
    let (pid, leases, uses) = (file("dhclient.pid"), file("dhclient.leases"), file("use"));
    let text = "#!/bin/sh\n[ \"$reason\" = BOUND ] && ip address add $new_ip_address/8 dev eth0\nexit 0\n";
    std::fs::write(&uses, text).expect("written");
    lan.exec(dhclient, &["chmod", "755", &uses]);
    let files = ["-sf", &uses, "-pf", &pid, "-lf", &leases, "eth0"];
    let begin = [&["dhclient", "-v", "-1"][..], &files].concat();
    let said = lan.exec(dhclient, &begin);
    assert!(said.err.contains("DHCPACK of 10.1.0.1 from 10.0.0.1"), "{}", said.err);
    let said = lan.exec(dhcpcd, &["dhcpcd", "-4", "-1", "-B", "-t", "20", "-c", "/bin/true", "eth0"]);
    assert!(said.err.contains("leased 10.1.0.2 for 3600 seconds"), "{}", said.err);
    let macs = hosts.each_ref().map(|host| lan.mac(host));
    let expected = [0, 1, 2].map(|at| (format!("10.1.0.{at}"), macs[at].clone()));
    assert_eq!(lan.leases(), expected, "{:?}", lan.events("ignore"));
    let names = lan.json(&["dhcp", "leases", "-o", "json"]);
    assert_eq!(names["leases"][0]["name"], "box");

    // Every step is in the log, with its reason.
    let steps: Vec<String> = lan.events(&macs[0]).into_iter().map(|(event, _)| event).collect();
    assert_eq!(steps, ["discover", "offer", "request", "ack"]);
    assert!(lan.events(&macs[0])[1].1.contains("no client had it yet"));

    // They give back what they have; one who comes again gets what it had.
    let said = lan.exec(dhclient, &[&["dhclient", "-r"][..], &files].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(eventually(|| lan.leases().len() == 2), "{:?}", lan.leases());
    assert_eq!(lan.events(&macs[1]).last().map(|(event, _)| event.as_str()), Some("release"));
    let said = lan.exec(dhclient, &begin);
    assert!(said.err.contains("DHCPACK of 10.1.0.1 from 10.0.0.1"), "{}", said.err);
    // It stays behind as a daemon; this ends it.
    lan.exec(dhclient, &[&["dhclient", "-x"][..], &files].concat());
    assert_eq!(lan.end(), Some(0), "{}", lan.log());
}

#[test]
fn an_address_that_somebody_uses_is_not_offered_and_a_rogue_is_told() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    let [squatter, client, rogue] = ["squatter", "client", "rogue"].map(|name| lan.host(name));
    lan.exec(&squatter, &["ip", "address", "add", "10.1.0.0/8", "dev", "eth0"]);
    lan.serve(&POOL);
    let said = lan.exec(&client, &["busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-s", "/bin/true"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(lan.leases(), [("10.1.0.1".to_owned(), lan.mac(&client))]);
    let conflicts = lan.events("conflict");
    assert!(
        conflicts.iter().any(|(_, reason)| reason.contains("somebody without a lease uses it")),
        "{conflicts:?}"
    );
    let all = lan.run(&["dhcp", "leases", "--all"]).out;
    assert!(all.lines().any(|line| line.starts_with("10.1.0.0") && line.contains("declined")), "{all}");
    // Its quarantine is ended by hand.
    lan.exec(&squatter, &["ip", "address", "flush", "dev", "eth0"]);
    assert_eq!(lan.run(&["dhcp", "release", "10.1.0.0"]).code, 0);

    lan.exec(&rogue, &["ip", "address", "add", "10.0.0.66/8", "dev", "eth0"]);
    let pid = lan.path().join("dnsmasq.pid");
    let lease = format!("--dhcp-leasefile={}", lan.path().join("dnsmasq.leases").display());
    let pid = format!("--pid-file={}", pid.display());
    let dnsmasq = [
        "dnsmasq",
        "-k",
        "-p",
        "0",
        "-C",
        "/dev/null",
        "-u",
        "root",
        "-i",
        "eth0",
        "-F",
        "10.200.0.1,10.200.0.9",
        &pid,
        &lease,
    ];
    let _rogue = Background(
        std::process::Command::new("ip")
            .args(["netns", "exec", &rogue])
            .args(dnsmasq)
            .stderr(Stdio::null())
            .spawn()
            .expect("dnsmasq, of the package dnsmasq-base"),
    );
    let told = || {
        lan.exec(&client, &["busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-B", "-s", "/bin/true"]);
        lan.events("rogue").iter().any(|(_, reason)| reason.contains("10.0.0.66"))
    };
    assert!(eventually(told), "{:?}", lan.events("rogue"));
}

#[test]
fn a_reservation_is_for_its_client_and_takes_over_when_the_other_renews() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    let [first, printer] = ["first", "printer"].map(|name| lan.host(name));
    lan.serve(&["--pool", "10.1.0.0-10.1.0.9"]);
    let get = |lan: &Lan, netns: &str| {
        let said = lan.exec(netns, &["busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-s", "/bin/true"]);
        assert_eq!(said.code, 0, "{}", said.err);
    };
    get(&lan, &first);
    let (had, wants) = (lan.mac(&first), lan.mac(&printer));
    let said = lan.run(&["dhcp", "reserve", "10.1.0.0", "--mac", &wants, "--name", "printer"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(lan.leases(), [("10.1.0.0".to_owned(), had.clone())], "it keeps it until it renews");
    get(&lan, &first);
    get(&lan, &printer);
    let mut leases = lan.leases();
    leases.sort();
    assert_eq!(leases, [("10.1.0.0".to_owned(), wants.clone()), ("10.1.0.1".to_owned(), had)]);
    // It is there for the next server too, and can be taken away.
    assert_eq!(lan.end(), Some(0));
    lan.serve(&["--pool", "10.1.0.0-10.1.0.9"]);
    let usage = lan.json(&["dhcp", "usage", "-o", "json"]);
    assert_eq!(usage["subnets"][0]["reserved"], 1, "{usage}");
    let said = lan.run(&["dhcp", "reserve", "10.1.0.0", "--remove"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let said = lan.run(&["dhcp", "reserve", "10.1.0.0", "--remove"]);
    assert!(said.code == 1 && said.err.contains("was not reserved"), "{}", said.err);
}

#[test]
fn dhcping_gets_an_answer() {
    if !can_run() {
        return;
    }
    let mut lan = Lan::new();
    let host = lan.host("host");
    lan.serve(&POOL);
    let said =
        lan.exec(&host, &["busybox", "udhcpc", "-i", "eth0", "-C", "-n", "-q", "-f", "-s", "/bin/true"]);
    assert_eq!(said.code, 0, "{}", said.err);
    // It asks for the address that the host has, and gives it back.
    let mac = lan.mac(&host);
    lan.exec(&host, &["ip", "address", "add", "10.1.0.0/8", "dev", "eth0"]);
    let said = lan.exec(&host, &["dhcping", "-v", "-t", "5", "-c", "10.1.0.0", "-s", "10.0.0.1", "-h", &mac]);
    let steps: Vec<String> = lan.events(&mac).into_iter().map(|(event, _)| event).collect();
    assert!(said.code == 0 && said.out.contains("Got answer"), "{steps:?} {} {}", said.out, said.err);
    assert_eq!(steps[4..], ["request", "ack", "release"]);
}
