//! The shop: what its file promises, with real clients.

use crate::cloud::{Cloud, can_run, eventually};

fn shop(cloud: &Cloud) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/shop.yaml");
    let text = std::fs::read_to_string(path).expect("the example is there");
    text.replace("interface: shop-uplink", &format!("interface: {}", cloud.uplink()))
}

const WHO: &str = r#"
import http.server
class Who(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(f"you are {self.client_address[0]}\n".encode())
http.server.ThreadingHTTPServer(("203.0.113.1", 8000), Who).serve_forever()
"#;

#[test]
fn the_shop_keeps_its_promises() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::with_outside();
    let _server = cloud.serve_outside(&["python3", "-c", WHO]);
    cloud.up(&shop(&cloud));

    let front = || cloud.run_outside(&["curl", "-s", "-m", "2", "http://203.0.113.10/"]).out;
    assert!(eventually(|| front() == "I am web-1 of the shop\n"), "{}\n{}", front(), cloud.evidence());
    let stock = || cloud.run_outside(&["curl", "-s", "-m", "3", "http://203.0.113.10/stock"]).out;
    assert!(eventually(|| stock().contains("42 pairs")), "{}\n{}", stock(), cloud.evidence());

    let who = cloud.exec("db-1", &["curl", "-s", "-m", "3", "http://203.0.113.1:8000/"]);
    assert_eq!(who.out, "you are 203.0.113.11\n", "{who:?}\n{}", cloud.evidence());
    assert_eq!(cloud.exec("db-1", &["ping", "-c", "1", "-W", "2", "203.0.113.1"]).code, 0);
    assert_eq!(
        cloud.exec("web-1", &["ping", "-c", "1", "-W", "2", "10.0.1.1"]).code,
        0,
        "the gateway answers"
    );

    assert_ne!(cloud.run_outside(&["curl", "-s", "-m", "1", "http://203.0.113.10:5432/"]).code, 0);
    assert_ne!(cloud.exec("db-1", &["ping", "-c", "1", "-W", "1", "10.0.1.10"]).code, 0, "no rule allows it");
    assert_ne!(
        cloud.exec("web-1", &["curl", "-s", "-m", "1", "http://203.0.113.1:8000/"]).code,
        0,
        "no public address of its own"
    );

    let ours = cloud.exec("db-1", &["curl", "-s", "-m", "2", "http://10.0.1.10:8080/"]);
    assert_eq!(ours.out, "I am web-1 of the shop\n");
    let theirs = cloud.exec("twin-2", &["curl", "-s", "-m", "2", "http://10.0.1.10:8080/"]);
    assert_eq!(theirs.out, "I am twin-1, another machine\n");
    assert_ne!(cloud.exec("twin-2", &["curl", "-s", "-m", "1", "http://10.0.2.10:5432/"]).code, 0);

    explanations_agree(&cloud);
    big_transfers_are_whole(&cloud);
}

/// What `explain` says and what the kernel does, for allowed and for denied.
fn explanations_agree(cloud: &Cloud) {
    for (from, to, port, allowed, because) in [
        ("web-1", "db-1", "5432", true, "SecurityGroup/db"),
        ("web-1", "db-1", "22", false, "SecurityGroup"),
        ("db-1", "203.0.113.1", "8000", true, "NatGateway/out"),
        ("db-1", "198.51.100.1", "80", false, "RouteTable/private"),
        ("twin-2", "twin-1", "8080", true, "Vpc/twin"),
        ("twin-2", "10.0.2.10", "5432", false, ""),
    ] {
        let said = cloud.json(&["explain", from, to, "--port", port, "--live"]);
        assert_eq!(said["allowed"], allowed, "{from} -> {to}:{port}: {said:#}");
        assert_eq!(said["live"]["agrees"], true, "{from} -> {to}:{port}: {said:#}");
        let text = cloud.ok(&["explain", from, to, "--port", port]);
        assert!(text.contains(because), "{from} -> {to}:{port}: {text}");
    }
    let dropped = cloud.json(&["drops", "web-1"]);
    let counted = |item: &serde_json::Value| {
        item["instance"]["name"] == "web-1"
            && item["reason"] == "ingressDenied"
            && item["packets"].as_u64() > Some(0)
    };
    assert!(dropped["items"].as_array().expect("a list").iter().any(counted), "{dropped:#}");
    let text = cloud.ok(&["describe", "instance", "web-1"]);
    assert!(text.contains("Dropped of what it sent\n"), "{text}");
    let text = cloud.ok(&["explain", "web-1", "db-1", "--port", "22"]);
    assert!(text.contains("(security group db)") && text.contains("(security group web)"), "{text}");
    let text = cloud.ok(&["explain", "web-1", "db-1", "--port", "5432"]);
    assert!(text.contains("cloud.yaml:"), "the line that decided it: {text}");
    let text = cloud.ok(&["explain", "outside", "203.0.113.10", "--port", "80"]);
    assert!(text.contains("PublicAddress/front"), "{text}");
}

/// Segmentation offload and partial checksums survive translation: 20 MB through the NAT gateway, byte for byte.
fn big_transfers_are_whole(cloud: &Cloud) {
    let script = r#"
import hashlib, socket, os
data = os.urandom(20_000_000)
with socket.create_connection(("203.0.113.1", 8001), timeout=5) as s:
    s.sendall(data); s.shutdown(socket.SHUT_WR)
    answer = s.makefile().read()
print(answer == hashlib.sha256(data).hexdigest())
"#;
    let server = r#"
import hashlib, socket
s = socket.create_server(("203.0.113.1", 8001))
while True:
    c, _ = s.accept()
    h = hashlib.sha256()
    while (d := c.recv(1 << 16)): h.update(d)
    c.sendall(h.hexdigest().encode()); c.close()
"#;
    let _server = cloud.serve_outside(&["python3", "-c", server]);
    let whole = || cloud.exec("db-1", &["python3", "-c", script]).out == "True\n";
    assert!(eventually(whole));
}

#[test]
fn nobody_outside_passes_for_somebody_inside() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::with_outside();
    let inside_only = shop(&cloud).replace("from: [0.0.0.0/0]", "from: [10.0.0.0/16, 203.0.113.0/24]");
    let hole = "    - { destination: 10.0.5.0/24, target: blackhole }\n";
    let private = "    - { destination: 198.51.100.0/24, target: blackhole }\n";
    let holed = inside_only
        .replace(private, &format!("{private}{hole}"))
        .replace("instance: web-1, targetPort: 8080", "instance: db-1, targetPort: 5432");
    let holed = holed
        .replace("ports: [5432], from: [web]", "ports: [5432], from: [web, 10.0.0.0/16, 203.0.113.0/24]");
    // What this opens is against what the file asserts.
    let asserted = holed.find("kind: Assertion").and_then(|at| holed[..at].rfind("---")).expect("assertions");
    let holed = &holed[..asserted];
    cloud.up(holed);
    let asked = |from: &str| cloud.run_outside(&["nc", "-w", "1", "-s", from, "203.0.113.10", "80"]).out;
    for address in ["10.0.5.7/32", "10.0.1.77/32"] {
        assert_eq!(cloud.run_outside(&["ip", "address", "add", address, "dev", "outside"]).code, 0);
    }
    assert!(eventually(|| asked("203.0.113.1").contains("shoes")), "{}", cloud.evidence());
    assert_eq!(asked("10.0.5.7"), "", "from a range of the VPC that is blackholed");
    assert_eq!(asked("10.0.1.77"), "", "from a range of the VPC");
    let metadata = cloud.json(&["explain", "db-1", "169.254.169.254", "--port", "80"]);
    assert_eq!(
        metadata["verdict"], "delivered to a service of the VPC",
        "the metadata service outside is not for instances: {metadata:#}"
    );
}
