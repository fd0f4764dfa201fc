//! ICMP errors: from routers and hosts outside to instances behind a NAT gateway, and from instances to the outside.

use std::process::{Command, Stdio};

use crate::cloud::{Cloud, Said, can_run, eventually, ip};

const NETWORK: &str = "\
apiVersion: madang.dev/v1alpha1
kind: AddressPool
metadata: { name: outside }
spec: { interface: UPLINK, nextHop: 203.0.113.1, addresses: [203.0.113.10, 203.0.113.11, 203.0.113.12] }
---
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: lab }
spec: { cidrs: [10.0.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: NatGateway
metadata: { name: out }
spec: { vpc: lab, pool: outside, address: 203.0.113.10, ports: 40000-40099 }
---
apiVersion: madang.dev/v1alpha1
kind: RouteTable
metadata: { name: main }
spec: { vpc: lab, routes: [{ destination: 0.0.0.0/0, target: nat, natGateway: out }] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: apps }
spec: { vpc: lab, cidr: 10.0.1.0/24, routeTable: main }
---
apiVersion: madang.dev/v1alpha1
kind: SecurityGroup
metadata: { name: open }
spec:
  vpc: lab
  ingress: [{ from: [0.0.0.0/0] }]
  egress: [{ to: [10.0.0.0/16, 192.0.2.0/24, 203.0.113.0/24] }]
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: web }
spec: { subnet: apps, securityGroups: [open], process: { command: [sleep, infinity] } }
---
apiVersion: madang.dev/v1alpha1
kind: PublicAddress
metadata: { name: front }
spec: { pool: outside, address: 203.0.113.10, forwards: [{ protocol: udp, port: 53, instance: web, targetPort: 5353 }] }
";

/// A host behind the router outside, 192.0.2.2, to which packets of 1300 bytes go at most.
struct Far(String);

impl Far {
    fn new(cloud: &Cloud) -> Self {
        let (outside, far) = (cloud.outside_netns(), format!("{}-far", cloud.outside_netns()));
        ip(&["netns", "add", &far]);
        ip(&["-n", &outside, "link", "add", "far", "type", "veth", "peer", "name", "near", "netns", &far]);
        ip(&["-n", &outside, "address", "add", "192.0.2.1/24", "dev", "far"]);
        ip(&["-n", &outside, "link", "set", "far", "up"]);
        ip(&["-n", &outside, "route", "add", "192.0.2.2/32", "dev", "far", "mtu", "lock", "1300"]);
        ip(&["-n", &far, "address", "add", "192.0.2.2/24", "dev", "near"]);
        ip(&["-n", &far, "link", "set", "near", "up"]);
        ip(&["-n", &far, "route", "add", "default", "via", "192.0.2.1"]);
        let far = Self(far);
        let forwarding = cloud.run_outside(&["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
        assert_eq!(forwarding.code, 0, "{forwarding:?}");
        far
    }

    fn command(&self, command: &[&str]) -> Command {
        let mut run = Command::new("ip");
        run.args(["netns", "exec", &self.0]).args(command).stdin(Stdio::null());
        run
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.0]).status();
    }
}

/// Sends a datagram to a port where nobody listens, and says what comes of it.
fn ask(address: &str, port: u16) -> [String; 3] {
    let program = format!(
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.settimeout(3)\n\
         s.connect(('{address}', {port}))\ns.send(b'?')\n\
         try: s.recv(9); print('an answer')\nexcept Exception as e: print(type(e).__name__)"
    );
    ["python3".to_owned(), "-c".to_owned(), program]
}

const TAKES: &str = "
import socket
server = socket.create_server(('192.0.2.2', 7000))
while True:
    connection, _ = server.accept()
    count = 0
    while data := connection.recv(65536):
        count += len(data)
    connection.sendall(str(count).encode())
    connection.close()
";

const GIVES: &str = "
import socket, time
for attempt in range(100):
    try:
        s = socket.create_connection(('192.0.2.2', 7000), 5)
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
s.settimeout(10)
s.sendall(bytes(3000000))
s.shutdown(socket.SHUT_WR)
print(s.recv(99).decode())
";

/// An uplink that carries less than the VPC: also what a sender gives the kernel as one large piece has to become smaller.
#[test]
fn an_uplink_that_carries_less_says_so() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::with_outside();
    ip(&["link", "set", &cloud.uplink(), "mtu", "1400"]);
    let takes = TAKES.replace("192.0.2.2", "203.0.113.1");
    let _server = cloud.serve_outside(&["python3", "-c", &takes]);
    cloud.up(NETWORK);
    let ping = |more: &[&str]| {
        cloud.exec("web", &[&["ping", "-c", "1", "-W", "3"], more, &["203.0.113.1"]].concat())
    };
    assert!(eventually(|| ping(&[]).code == 0), "{:?}\n{}", ping(&[]), cloud.evidence());
    // First the transfer, as long as nobody in the instance knows what goes there.
    let gives = GIVES.replace("192.0.2.2", "203.0.113.1");
    let said = cloud.exec("web", &["python3", "-c", &gives]);
    assert_eq!(said.out.trim(), "3000000", "{said:?}\n{}", cloud.evidence());
    let dropped = cloud.json(&["drops", "web"]).to_string();
    assert!(dropped.contains("tooLarge"), "it had to learn: {dropped}");
    let known = cloud.exec("web", &["ip", "route", "get", "203.0.113.1"]);
    assert!(known.out.contains("mtu 1400"), "{known:?}");
    assert_eq!(ping(&["-M", "do", "-s", "1372"]).code, 0, "1400 bytes in all");
}

/// Sends 4,000 bytes and prints whether the same ones come back.
const ECHOED: &str = "
import os, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
data = os.urandom(4000)
s.sendto(data, ('ADDRESS', PORT))
print(s.recv(65536) == data)
";

const ECHOES: &str = "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('0.0.0.0', PORT))
while True:
    data, peer = s.recvfrom(65536)
    s.sendto(data, peer)
";

/// Packets that are larger than what a link carries go in parts, whose first one alone says to which flow they belong.
#[test]
fn fragments_and_tools_that_look_at_the_way() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::with_outside();
    let far = Far::new(&cloud);
    let echoes = ECHOES.replace("PORT", "7000");
    let mut server = far.command(&["python3", "-c", &echoes]).spawn().expect("ip starts");
    let other = format!("{NETWORK}---\n{OTHER}");
    cloud.up(&other);
    let ping = |to: &str, more: &[&str]| {
        cloud.exec("web", &[&["ping", "-c", "2", "-i", "0.2", "-W", "3"], more, &[to]].concat())
    };
    let far_is_there = || ping("192.0.2.2", &[]).code == 0 && ping("10.0.1.9", &[]).code == 0;
    assert!(eventually(far_is_there), "{:?}\n{}", ping("192.0.2.2", &[]), cloud.evidence());
    for address in ["10.0.1.1", "10.0.1.9", "192.0.2.2"] {
        let said = ping(address, &["-s", "4000"]);
        assert!(said.out.contains("2 received"), "{said:?}\n{}", cloud.evidence());
    }

    // Through the NAT gateway, and by a forward: both ways are translated.
    let asks = ECHOED.replace("ADDRESS", "192.0.2.2").replace("PORT", "7000");
    let said = cloud.exec("web", &["python3", "-c", &asks]);
    assert_eq!(said.out.trim(), "True", "{said:?}\n{}", cloud.evidence());
    let asks = ECHOED.replace("ADDRESS", "203.0.113.12").replace("PORT", "54");
    let asks = || Said::from(far.command(&["python3", "-c", &asks]).output().expect("ip starts"));
    assert!(eventually(|| asks().out.trim() == "True"), "{:?}\n{}", asks(), cloud.evidence());

    let hops = ["10.0.1.1", "203.0.113.1", "192.0.2.2"];
    let said = cloud.exec("web", &["traceroute", "-n", "-w", "3", "192.0.2.2"]);
    let seen: Vec<_> = said.out.lines().skip(1).map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(seen, hops.map(Some), "{said:?}");
    let said = cloud.exec("web", &["tracepath", "-n", "192.0.2.2"]);
    assert!(hops.iter().all(|hop| said.out.contains(hop)), "{said:?}");
    assert!(said.out.contains("pmtu 1300") && said.out.contains("reached"), "{said:?}");
    let _ = server.kill();
    let _ = server.wait();
}

const OTHER: &str = "\
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: echo }
spec:
  subnet: apps
  address: 10.0.1.9
  securityGroups: [open]
  process:
    command:
      - python3
      - -c
      - |
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(('0.0.0.0', 5354))
        while True:
            data, peer = s.recvfrom(65536)
            s.sendto(data, peer)
---
apiVersion: madang.dev/v1alpha1
kind: PublicAddress
metadata: { name: echoed }
spec:
  pool: outside
  address: 203.0.113.12
  forwards: [{ protocol: udp, port: 54, instance: echo, targetPort: 5354 }]
";

#[test]
fn errors_reach_those_whom_they_concern() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::with_outside();
    let far = Far::new(&cloud);
    let mut server = far.command(&["python3", "-c", TAKES]).spawn().expect("ip starts");
    cloud.up(NETWORK);
    let ping =
        |more: &[&str]| cloud.exec("web", &[&["ping", "-c", "1", "-W", "3"], more, &["192.0.2.2"]].concat());
    assert!(eventually(|| ping(&[]).code == 0), "{:?}\n{}", ping(&[]), cloud.evidence());

    let said = ping(&["-t", "2"]);
    assert!(said.out.contains("From 203.0.113.1 icmp_seq=1 Time to live exceeded"), "{said:?}");
    let said = ping(&["-M", "do", "-s", "1400"]);
    let learned = format!("{}{}", said.out, said.err);
    assert!(learned.contains("Frag needed and DF set (mtu = 1300)"), "{said:?}");
    // The far end offers segments of 1460 bytes: only what the router says makes them smaller.
    let said = cloud.exec("web", &["python3", "-c", GIVES]);
    assert_eq!(said.out.trim(), "3000000", "{said:?}\n{}", cloud.evidence());

    // What the gateway itself tells.
    let said = ping(&["-t", "1"]);
    assert!(said.out.contains("From 10.0.1.1 icmp_seq=1 Time to live exceeded"), "{said:?}");
    for (address, says) in [("10.0.9.9", "Destination Host Unreachable"), ("198.51.100.1", "Packet filtered")]
    {
        let said = cloud.exec("web", &["ping", "-c", "1", "-W", "3", address]);
        assert!(said.out.contains(&format!("From 10.0.1.1 icmp_seq=1 {says}")), "{said:?}");
    }
    let ask_far = ask("192.0.2.2", 9);
    let said = cloud.exec("web", &ask_far.each_ref().map(String::as_str));
    assert_eq!(said.out.trim(), "ConnectionRefusedError", "{said:?}\n{}", cloud.evidence());
    let ask_front = ask("203.0.113.10", 53);
    let said =
        Said::from(far.command(&ask_front.each_ref().map(String::as_str)).output().expect("ip starts"));
    assert_eq!(said.out.trim(), "ConnectionRefusedError", "{said:?}\n{}", cloud.evidence());
    let _ = server.kill();
    let _ = server.wait();
}
