//! The kind DhcpServer: a server on a link, kept by the daemon.

use std::process::Command;

use crate::cloud::{Cloud, can_run, eventually, ip, within};

/// A link of the host, and a host at its other end.
struct Wire {
    link: String,
    netns: String,
}

impl Wire {
    /// With the address 10.77.NET.1/24.
    fn new(net: u8) -> Self {
        let number = std::process::id() % 1_000_000;
        let (link, netns) = (format!("dh{number}"), format!("dh-{number}"));
        ip(&["netns", "add", &netns]);
        ip(&["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &netns]);
        ip(&["address", "add", &format!("10.77.{net}.1/24"), "dev", &link]);
        ip(&["link", "set", &link, "up"]);
        ip(&["-n", &netns, "link", "set", "eth0", "up"]);
        Self { link, netns }
    }

    fn udhcpc(&self) -> String {
        let words = ["netns", "exec", &self.netns, "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f"];
        let said = Command::new("ip").args(words).args(["-t", "5", "-T", "1", "-s", "/bin/true"]).output();
        String::from_utf8_lossy(&said.expect("ip starts").stderr).into_owned()
    }

    fn mac(&self) -> String {
        let words = ["netns", "exec", &self.netns, "cat", "/sys/class/net/eth0/address"];
        let said = Command::new("ip").args(words).output().expect("ip starts");
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for words in [["link", "delete", &self.link], ["netns", "delete", &self.netns]] {
            let _ = Command::new("ip").args(words).status();
        }
    }
}

/// Which processes serve, and what they were told.
fn marks(cloud: &Cloud) -> Vec<String> {
    let entries = std::fs::read_dir(cloud.root().join("run/dhcp-servers")).expect("it is there").flatten();
    let marks = entries.map(|entry| entry.path());
    let marks = marks.filter(|path| path.extension().is_some_and(|kind| kind == "json"));
    marks.map(|path| std::fs::read_to_string(path).unwrap_or_default()).collect()
}

fn server(link: &str, more: &str) -> String {
    format!(
        "apiVersion: madang.dev/v1alpha1\nkind: DhcpServer\nmetadata: {{ name: lan }}\nspec:\n  interface: {link}\n  \
         pools: [10.77.5.100-10.77.5.199]\n  routers: [10.77.5.1]\n{more}"
    )
}

#[test]
fn a_declared_server_leases_and_outlives_the_daemon() {
    if !can_run() {
        return;
    }
    let wire = Wire::new(5);
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.up(&server(&wire.link, ""));
    let said = wire.udhcpc();
    assert!(said.contains("lease of 10.77.5.100 obtained from 10.77.5.1, lease time 3600"), "{said}");
    let leases = cloud.ok(&["dhcp", "leases"]);
    assert!(leases.contains("10.77.5.100") && leases.contains(&wire.mac()), "{leases}");
    let shown = cloud.ok(&["get", "dhcpservers"]);
    assert!(shown.contains("10.77.5.100-10.77.5.199") && shown.contains(&wire.link), "{shown}");

    // It goes on without the daemon; the next one knows it, and starts no other.
    let before = marks(&cloud);
    assert_eq!(before.len(), 1);
    cloud.kill_daemon();
    let said = wire.udhcpc();
    assert!(said.contains("lease of 10.77.5.100 obtained"), "{said}");
    cloud.serve();
    cloud.ok(&["apply", "-f", &cloud.file("same.yaml", &server(&wire.link, ""))]);
    assert_eq!(marks(&cloud), before);

    // A change is a new process, and no lease is lost: the reserved address takes over.
    let reserved = format!(
        "  leaseSeconds: 600\n  reservations: [{{ mac: \"{}\", address: 10.77.5.10, name: printer }}]\n",
        wire.mac()
    );
    cloud.up(&server(&wire.link, &reserved));
    assert!(eventually(|| wire
        .udhcpc()
        .contains("lease of 10.77.5.10 obtained from 10.77.5.1, lease time 600")));
    assert_ne!(marks(&cloud), before);

    // One that is killed is started again.
    let killed = marks(&cloud);
    let pid = killed[0].split(|c: char| !c.is_ascii_digit()).find(|word| !word.is_empty()).expect("a pid");
    assert!(Command::new("kill").args(["-9", pid]).status().expect("kill starts").success());
    assert!(within(10, || wire.udhcpc().contains("lease of 10.77.5.10 obtained")), "{}", cloud.evidence());
    assert_ne!(marks(&cloud), killed);

    cloud.ok(&["delete", "dhcpserver", "lan"]);
    assert!(eventually(|| marks(&cloud).is_empty()));
    assert!(!wire.udhcpc().contains("obtained"));
}

/// Without the frame that it is drawn in.
fn on_one_line(text: &str) -> String {
    text.replace('│', "").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_wrong_with_a_server_is_said() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    for (more, expected) in [
        ("  excluded: [10.77.5.9-10.77.5.1]\n", "ends before it begins"),
        ("  reservations: [{ mac: 1, address: 10.77.5.4 }]\n", "expected text"),
        ("  reservations: [{ mac: nobody, address: 10.77.5.4 }]\n", "write six bytes"),
        ("  reservations: [{ address: 10.77.5.4 }]\n", "write the client's mac, or its clientId"),
        ("  leaseSeconds: 90000\n", "longer than the longest lease"),
    ] {
        let file = cloud.file("bad.yaml", &server("eth9", more));
        let said = cloud.madang(&["apply", "-f", &file]);
        assert!(said.code == 1 && on_one_line(&said.err).contains(expected), "{expected}: {said:?}");
    }
    let two = server("eth9", "") + "---\n" + &server("eth9", "").replace("name: lan", "name: other");
    let said = cloud.madang(&["apply", "-f", &cloud.file("two.yaml", &two)]);
    assert!(said.code == 1 && on_one_line(&said.err).contains("serves eth9 already"), "{said:?}");

    // What only the host can know is said by the resource.
    cloud.ok(&["apply", "-f", &cloud.file("no.yaml", &server("eth9", ""))]);
    let message =
        || cloud.json(&["get", "dhcpserver", "lan"])["status"]["conditions"][0]["message"].to_string();
    assert!(eventually(|| message().contains("eth9")), "{}", message());

    // Once that is mended, it serves.
    let wire = Wire::new(6);
    let right = server(&wire.link, "").replace("10.77.5.", "10.77.6.");
    let outside = right.replace("10.77.6.199", "10.77.7.199");
    cloud.ok(&["apply", "-f", &cloud.file("outside.yaml", &outside)]);
    assert!(eventually(|| message().contains("10.77.6.0/24")), "{}", message());
    cloud.up(&right);
    assert!(wire.udhcpc().contains("lease of 10.77.6.100 obtained"));
    cloud.ok(&["delete", "dhcpserver", "lan"]);
}
