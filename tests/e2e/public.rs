//! Public addresses of instances' own, reached from outside and from inside; prefix lists and ICMP types in rules.

use crate::cloud::{Cloud, can_run, eventually};

/// web has an address for itself, of which one port leads to db; db and a VPC with the same addresses go out by a NAT
/// gateway. The pool has addresses that nobody declared.
const NETWORK: &str = "\
apiVersion: madang.dev/v1alpha1
kind: AddressPool
metadata: { name: outside }
spec: { interface: UPLINK, nextHop: 203.0.113.1, addresses: [203.0.113.10, 203.0.113.16/29] }
---
apiVersion: madang.dev/v1alpha1
kind: PrefixList
metadata: { name: friends }
spec: { cidrs: [203.0.113.0/28, 203.0.113.16/28] }
---
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: shop }
spec: { cidrs: [10.0.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: apps }
spec: { vpc: shop, cidr: 10.0.1.0/24, public: true }
---
apiVersion: madang.dev/v1alpha1
kind: SecurityGroup
metadata: { name: open }
spec:
  vpc: shop
  ingress:
    - { protocol: tcp, from: [prefixlist/friends] }
    - { protocol: icmp, icmpTypes: [timestampRequest], from: [0.0.0.0/0] }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: web }
spec: { subnet: apps, address: 10.0.1.10, securityGroups: [open], process: { command: [python3, -m, http.server, \"8080\"] } }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: db }
spec: { subnet: apps, address: 10.0.1.11, securityGroups: [open], process: { command: [python3, -m, http.server, \"8081\"] } }
---
apiVersion: madang.dev/v1alpha1
kind: PublicAddress
metadata: { name: own }
spec:
  pool: outside
  address: 203.0.113.10
  instance: web
  forwards: [{ port: 81, instance: db, targetPort: 8081 }]
---
apiVersion: madang.dev/v1alpha1
kind: PublicAddress
metadata: { name: another }
spec: { pool: outside, instance: db }
---
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: twin }
spec: { cidrs: [10.0.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: NatGateway
metadata: { name: out }
spec: { vpc: twin, pool: outside }
---
apiVersion: madang.dev/v1alpha1
kind: RouteTable
metadata: { name: main }
spec: { vpc: twin, routes: [{ destination: 0.0.0.0/0, target: nat, natGateway: out }] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: theirs }
spec: { vpc: twin, cidr: 10.0.1.0/24, routeTable: main }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: other }
spec: { subnet: theirs, address: 10.0.1.10, process: { command: [sleep, infinity] } }
";

/// Prints as whom the other side sees who asks.
const SEEN: &str = "
import socket
server = socket.create_server(('203.0.113.1', 9000))
while True:
    connection, peer = server.accept()
    connection.sendall(peer[0].encode())
    connection.close()
";

fn fetch(url: &str) -> Vec<String> {
    ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "3", url]
        .map(str::to_owned)
        .to_vec()
}

#[test]
fn who_has_a_public_address_is_reached_by_it_from_everywhere() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::with_outside();
    let _server = cloud.serve_outside(&["python3", "-c", SEEN]);
    cloud.up(NETWORK);
    let from = |instance: Option<&str>, url: &str| {
        let command = fetch(url);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        match instance {
            Some(name) => cloud.exec(name, &command).out,
            None => cloud.run_outside(&command).out,
        }
    };
    let (own, forwarded) = ("http://203.0.113.10:8080/", "http://203.0.113.10:81/");
    assert!(eventually(|| from(None, own) == "200"), "{}", cloud.evidence());
    // From outside, from itself, from a neighbour, and from a VPC with the same addresses.
    for who in [None, Some("web"), Some("db"), Some("other")] {
        for url in [own, forwarded] {
            assert!(eventually(|| from(who, url) == "200"), "{who:?} {url}\n{}", cloud.evidence());
        }
    }
    assert_ne!(from(None, "http://203.0.113.10:8081/"), "200", "that port of web has nobody");
    assert_ne!(from(Some("other"), "http://10.0.1.11:8081/"), "200", "a VPC is no other's");

    // It goes out with its own address, and db with the one that was chosen for it.
    let address = cloud.json(&["get", "publicaddress", "another"])["status"]["address"].clone();
    let chosen = address.as_str().expect("an address").to_owned();
    let asks = "import socket; print(socket.create_connection(('203.0.113.1', 9000), 3).recv(99).decode())";
    for (name, seen) in [("web", "203.0.113.10"), ("db", chosen.as_str())] {
        let said = cloud.exec(name, &["python3", "-c", asks]);
        assert_eq!(said.out.trim(), seen, "{said:?}");
    }
    assert_eq!(from(None, &format!("http://{chosen}:8081/")), "200");

    // Of ICMP only timestamps are let in.
    assert_ne!(cloud.run_outside(&["ping", "-c", "1", "-W", "1", "203.0.113.10"]).code, 0);
    let stamp = timestamp(&cloud);
    assert!(stamp.contains("True"), "{stamp}\n{}", cloud.evidence());

    // A list that says less is a rule that lets in less; connections that it had let in end.
    let narrower = NETWORK.replace("[203.0.113.0/28, 203.0.113.16/28]", "[203.0.113.16/28]");
    cloud.up(&narrower);
    assert!(eventually(|| from(None, own) != "200"), "{}", cloud.evidence());
    assert_eq!(from(Some("other"), own), "200", "it is seen as one of those that are left");
    let explained = cloud.madang(&["explain", "203.0.113.1", "203.0.113.10", "--port", "8080"]);
    assert!(explained.out.contains("203.0.113.10 stands for 10.0.1.10"), "{explained:?}");
}

/// An ICMP timestamp request from outside, and whether the answer to it comes back.
fn timestamp(cloud: &Cloud) -> String {
    let program = "
import socket, struct
def checksum(b):
    s = sum(struct.unpack(f'!{len(b) // 2}H', b))
    s = (s & 0xffff) + (s >> 16)
    return ~(s + (s >> 16)) & 0xffff
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
s.settimeout(3)
ask = struct.pack('!BBHHHIII', 13, 0, 0, 77, 1, 0, 0, 0)
ask = ask[:2] + struct.pack('!H', checksum(ask)) + ask[4:]
s.sendto(ask, ('203.0.113.10', 0))
while True:
    data, peer = s.recvfrom(999)
    if data[20] == 14:
        print(peer[0] == '203.0.113.10' and data[24:28] == ask[4:8] and checksum(data[20:]) == 0)
        break
";
    let said = cloud.run_outside(&["python3", "-c", program]);
    format!("{}{}", said.out, said.err)
}
