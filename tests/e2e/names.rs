//! Names: what instances ask the name service of their VPC, and what they are told.

use std::fs;
use std::process::{Child, Command, Stdio};

use crate::cloud::{Cloud, Said, can_run, eventually};

const TWINS: &str = "\
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: shop }
spec: { cidrs: [10.0.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: shop }
spec: { vpc: shop, cidr: 10.0.1.0/24 }
---
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: lab }
spec: { cidrs: [10.0.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: lab }
spec: { vpc: lab, cidr: 10.0.1.0/24 }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: web-1 }
spec: { subnet: shop, address: 10.0.1.10, process: { command: [sleep, infinity] } }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: probe }
spec: { subnet: lab, address: 10.0.1.10, process: { command: [sleep, infinity] } }
";

const ANOTHER: &str = "---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: web-2 }
spec: { subnet: shop, address: 10.0.1.11, process: { command: [sleep, infinity] } }
";

/// A resolver of the outside: it knows `good.example`, `large.example`, whose text fits no datagram, and `rebind.example`,
/// which it says is an instance. `counted.example` is another address each time.
const RESOLVER: &str = r"
import itertools, socket, struct, sys, threading
count = itertools.count(1)
def answer(question, stream):
    end = question.index(b'\0', 12) + 5
    name = question[12:end - 5].lower()
    kind = struct.unpack('!H', question[end - 4:end - 2])[0]
    flags, code, records = 0x8180, 0, []
    if b'counted' in name and kind == 1: records = [(1, bytes([198, 51, 100, next(count)]))]
    elif b'good' in name and kind == 1: records = [(1, bytes([198, 51, 100, 7]))]
    elif b'rebind' in name and kind == 1: records = [(1, bytes([10, 0, 1, 10]))]
    elif b'large' in name and stream: records = [(16, b'\xfa' + b'x' * 250)] * 8
    elif b'large' in name: flags |= 0x200
    elif b'good' not in name and b'counted' not in name: code = 3
    body = b''.join(b'\xc0\x0c' + struct.pack('!HHIH', kind, 1, 60, len(data)) + data for kind, data in records)
    return question[:2] + struct.pack('!HHHHH', flags | code, 1, len(records), 0, 0) + question[12:end] + body
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(('127.0.0.1', 0))
port = datagrams.getsockname()[1]
streams = socket.create_server(('127.0.0.1', port))
def serve():
    while True:
        connection, _ = streams.accept()
        length, = struct.unpack('!H', connection.recv(2))
        reply = answer(connection.recv(length), True)
        connection.sendall(struct.pack('!H', len(reply)) + reply)
        connection.close()
threading.Thread(target=serve, daemon=True).start()
print(port, flush=True)
while True:
    question, peer = datagrams.recvfrom(4096)
    datagrams.sendto(answer(question, False), peer)
";

struct Resolver(Child, String);

impl Resolver {
    fn new() -> Self {
        let mut child = Command::new("python3")
            .args(["-c", RESOLVER])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let mut port = String::new();
        let out = child.stdout.take().expect("its output is piped");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut port).expect("it says its port");
        Self(child, format!("127.0.0.1:{}", port.trim()))
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn dig(cloud: &Cloud, instance: &str, question: &str) -> Said {
    let words: Vec<_> = question.split_whitespace().collect();
    cloud.exec(instance, &[&["dig", "+time=3", "+tries=2"], &words[..]].concat())
}

/// The short answer; else the code.
fn answer(cloud: &Cloud, instance: &str, question: &str) -> String {
    let said = dig(cloud, instance, question);
    let code = said.out.split("status: ").nth(1).and_then(|rest| rest.split(',').next()).unwrap_or("none");
    let records = said.out.lines().skip_while(|line| !line.contains("ANSWER SECTION")).skip(1);
    let mut found =
        records.take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().nth(4));
    found.next().map_or_else(|| code.to_owned(), str::to_owned)
}

fn workers(cloud: &Cloud) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(cloud.root().join("run/workers")) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.strip_prefix("dns.")?.parse().ok()).collect()
}

#[test]
fn each_vpc_knows_its_own_names_and_asks_for_others() {
    if !can_run() {
        return;
    }
    let resolver = Resolver::new();
    let mut cloud = Cloud::new();
    cloud.serve_with(&["--listen", "none", "--resolver", &resolver.1]);
    cloud.up(TWINS);
    let says = |instance: &str, question: &str, expected: &str| {
        assert_eq!(
            answer(&cloud, instance, question),
            expected,
            "{question}: {:?}\n{}",
            dig(&cloud, instance, question),
            cloud.evidence()
        );
    };
    assert!(
        eventually(|| answer(&cloud, "web-1", "web-1.shop.internal") == "10.0.1.10"),
        "{}",
        cloud.evidence()
    );
    // The instances have no rules at all.
    for (instance, question, expected) in [
        ("web-1", "+search web-1", "10.0.1.10"),
        ("web-1", "+tcp web-1.shop.internal", "10.0.1.10"),
        ("web-1", "@169.254.169.253 +noedns WEB-1.Shop.Internal", "10.0.1.10"),
        ("web-1", "-x 10.0.1.10", "web-1.shop.internal."),
        ("web-1", "probe.lab.internal", "NXDOMAIN"),
        ("web-1", "web-9.shop.internal", "NXDOMAIN"),
        ("web-1", "-x 10.0.1.11", "NXDOMAIN"),
        ("web-1", "AAAA web-1.shop.internal", "NOERROR"),
        ("probe", "probe.lab.internal", "10.0.1.10"),
        ("probe", "-x 10.0.1.10", "probe.lab.internal."),
        ("probe", "web-1.shop.internal", "NXDOMAIN"),
        ("probe", "good.example", "198.51.100.7"),
        ("probe", "nothing.example", "NXDOMAIN"),
        ("probe", "rebind.example", "REFUSED"),
        ("probe", "AXFR lab.internal", "none"),
        // What others have said is kept, for each VPC by itself.
        ("web-1", "counted.example", "198.51.100.1"),
        ("web-1", "Counted.Example", "198.51.100.1"),
        ("web-1", "+tcp +noedns counted.example", "198.51.100.1"),
        ("probe", "counted.example", "198.51.100.2"),
        ("web-1", "+cdflag counted.example", "198.51.100.3"),
    ] {
        says(instance, question, expected);
    }
    let large = dig(&cloud, "web-1", "+bufsize=1232 TXT large.example");
    assert!(large.out.contains("(TCP)") && large.out.matches("xxxx").count() > 8, "{large:?}");
    let found = cloud.exec("web-1", &["getent", "ahostsv4", "good.example"]);
    assert!(found.out.starts_with("198.51.100.7"), "the C library finds it too: {found:?}");
    let explained = cloud.ok(&["explain", "web-1", "10.0.1.2", "--proto", "udp", "--port", "53"]);
    assert!(explained.contains("delivered to a service of the VPC"), "{explained}");

    // Nothing else is there, and nobody comes in from there.
    for (address, port) in [("169.254.169.254", "22"), ("169.254.169.253", "80")] {
        let explained = cloud.madang(&["explain", "web-1", address, "--port", port]);
        assert!(explained.out.contains("noService"), "{explained:?}");
    }
}

#[test]
fn the_worker_is_nobody_and_names_outlive_the_daemon() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    // Nobody listens there.
    let nobody = ["--listen", "none", "--resolver", "127.0.0.1:9"];
    cloud.serve_with(&nobody);
    cloud.up(TWINS);
    let knows = |name: &str| answer(&cloud, "web-1", &format!("{name}.shop.internal"));
    assert!(eventually(|| knows("web-1") == "10.0.1.10"), "{}", cloud.evidence());
    assert_eq!(answer(&cloud, "web-1", "good.example"), "SERVFAIL", "as long as nobody can be asked");
    let [worker] = workers(&cloud)[..] else { panic!("{:?}", workers(&cloud)) };
    let status = fs::read_to_string(format!("/proc/{worker}/status")).expect("it lives");
    for line in [
        "Uid:\t65533\t65533\t65533\t65533",
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.contains(line), "{line}: {status}");
    }
    let sees = fs::read_dir(format!("/proc/{worker}/root")).expect("root may look").count();
    assert_eq!(sees, 0, "it sees no files");

    let netns = format!("--net={}", cloud.netns_file("web-1").display());
    cloud.kill_daemon();
    let asks = ["dig", "+short", "@10.0.1.2", "web-1.shop.internal"];
    let said = Command::new("nsenter").arg(netns).args(asks).output().expect("nsenter starts");
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "10.0.1.10", "without a daemon: {said:?}");
    cloud.serve_with(&nobody);
    let knows = |cloud: &Cloud, name: &str| answer(cloud, "web-1", &format!("{name}.shop.internal"));
    assert!(
        eventually(|| workers(&cloud).len() == 1 && workers(&cloud) != [worker]),
        "{:?}",
        workers(&cloud)
    );
    assert_eq!(knows(&cloud, "web-1"), "10.0.1.10");
    cloud.up(&format!("{TWINS}{ANOTHER}"));
    assert!(eventually(|| knows(&cloud, "web-2") == "10.0.1.11"), "{}", cloud.evidence());

    let [worker] = workers(&cloud)[..] else { panic!("{:?}", workers(&cloud)) };
    let pid = rustix::process::Pid::from_raw(i32::try_from(worker).expect("pids are small")).expect("not 0");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lived");
    assert!(eventually(|| knows(&cloud, "web-2") == "10.0.1.11"), "{}", cloud.evidence());
}
