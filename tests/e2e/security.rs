//! What an instance must not be able to do, tried by somebody who may send any frame from it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::cloud::{Cloud, can_run, eventually};
use crate::lifecycle::PAIR;

/// Prints every frame that comes in, up to the marker.
const WATCH: &str = "
import socket
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
link.bind(('eth0', 3))
link.settimeout(20)
print('ready', flush=True)
while True:
    frame, about = link.recvfrom(65536)
    if about[2] == 4: continue
    print(frame.hex(), flush=True)
    if b'MARKER' in frame: break
";

#[test]
fn nothing_forged_arrives_and_each_is_counted_by_its_reason() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(PAIR);
    let pings = || cloud.exec("a", &["ping", "-c", "1", "-W", "1", "10.0.2.10"]).code == 0;
    assert!(eventually(pings), "{}", cloud.evidence());
    let inside = |instance: &str| {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", cloud.netns(instance).display())).arg("python3");
        command
    };
    let mut watch = inside("b").args(["-c", WATCH]).stdout(Stdio::piped()).spawn().expect("nsenter starts");
    let mut seen =
        BufReader::new(watch.stdout.take().expect("its output is piped")).lines().map_while(Result::ok);
    assert_eq!(seen.next().as_deref(), Some("ready"));

    let mac = cloud.json(&["get", "instance", "a"])["status"]["mac"].as_str().expect("it has one").to_owned();
    let attacks = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/attacks.py");
    let said = inside("a").args([attacks, &mac, "10.0.1.10", "10.0.2.10", "10.0.1.1"]).output();
    let said = said.expect("nsenter starts");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));

    let frames: Vec<String> = seen.collect();
    let _ = watch.wait();
    let (marker, others) = frames.split_last().expect("the marker comes");
    assert!(marker.contains(&hex("MARKER")), "{frames:?}");
    assert!(others.is_empty(), "these came through: {others:#?}");

    let dropped = cloud.json(&["drops", "a"]).to_string();
    for reason in [
        "arpNotRequest",
        "spoofedAddress",
        "spoofedMac",
        "wrongMac",
        "multicast",
        "icmpUnrelated",
        "badFragment",
        "fragment",
        "transportHeader",
        "notSyn",
        "ipOptions",
        "etherType",
        "gatewayOnly",
        "martian",
    ] {
        assert!(dropped.contains(&format!("\"{reason}\"")), "{reason}: {dropped}");
    }
    // The victim still has its neighbours right, and answers.
    assert!(pings(), "{}", cloud.evidence());
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// What is of the host is not there, for whoever runs inside.
#[test]
fn the_host_is_out_of_reach() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve_with(&["--listen", "127.0.0.1:0"]);
    cloud.up(PAIR);
    let state = cloud.root().display().to_string();
    for path in ["run/madang.sock", "state", "run/workers/key", "run/netns"] {
        let looked = cloud.exec("a", &["ls", "-d", &format!("{state}/{path}")]);
        assert_ne!(looked.code, 0, "{path}: {looked:?}");
    }
    for refused in [
        &["ip", "link", "add", "x", "type", "dummy"][..],
        &["ip", "address", "add", "10.0.1.99/24", "dev", "eth0"],
        &["ip", "link", "set", "eth0", "address", "02:00:00:00:00:99"],
        &["python3", "-c", "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"],
        &["mount", "-t", "tmpfs", "x", "/mnt"],
        &["unshare", "-U", "true"],
    ] {
        let said = cloud.exec("a", refused);
        assert_ne!(said.code, 0, "{refused:?}: {said:?}");
    }
    let listening = cloud.exec("a", &["ss", "-Hltn"]);
    assert_eq!(listening.out, "", "nothing of the host listens in there");
    let sees = cloud.exec("a", &["ip", "-o", "link"]).out;
    assert_eq!(sees.lines().count(), 2, "its own interface and lo: {sees}");
}

/// Probes an address as a host does that is about to take it (RFC 5227): from nobody, and whoever answers has it.
const PROBE: &str = r"
import socket, struct, sys
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
link.bind(('eth0', 0x0806))
link.settimeout(0.7)
mac = link.getsockname()[4]
for address in sys.argv[1:]:
    target = socket.inet_aton(address)
    arp = struct.pack('!HHBBH', 1, 0x0800, 6, 4, 1) + mac + bytes(4) + bytes(6) + target
    link.send(b'\xff' * 6 + mac + b'\x08\x06' + arp)
    try:
        while True:
            frame = link.recv(99)
            if frame[20:22] == b'\0\2' and frame[28:32] == target:
                print(address, 'is taken')
                break
    except socket.timeout:
        print(address, 'is free')
";

#[test]
fn who_looks_for_duplicates_is_answered_for_addresses_that_somebody_has() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    let another =
        PAIR.split("---\n").last().expect("b").replace("name: b", "name: c").replace("2.10", "2.11");
    cloud.up(&format!("{PAIR}---\n{another}"));
    let probe = || {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", cloud.netns("b").display())).args(["python3", "-c", PROBE]);
        let asked = ["10.0.2.10", "10.0.2.11", "10.0.2.12", "10.0.2.1", "10.0.1.10", "169.254.7.7"];
        String::from_utf8(command.args(asked).output().expect("nsenter starts").stdout).expect("text")
    };
    // Its own, its neighbour's, nobody's, the gateway's, and what is not of its subnet.
    let expected = "10.0.2.10 is free\n10.0.2.11 is taken\n10.0.2.12 is free\n10.0.2.1 is taken\n10.0.1.10 is free\n169.254.7.7 is free\n";
    assert!(eventually(|| probe() == expected), "{}\n{}", probe(), cloud.evidence());
}
