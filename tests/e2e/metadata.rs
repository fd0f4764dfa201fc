//! What an instance is told about itself, and nobody else is.

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
metadata: { name: web-1, labels: { app: web } }
spec:
  subnet: shop
  address: 10.0.1.10
  userData: first
  process: { command: [sleep, infinity] }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: probe }
spec: { subnet: lab, address: 10.0.1.10, process: { command: [sleep, infinity] } }
";

const SERVICE: &str = "http://169.254.169.254";
const TTL: &str = "X-aws-ec2-metadata-token-ttl-seconds: 600";

fn curl(cloud: &Cloud, instance: &str, arguments: &[&str]) -> Said {
    let usual = ["curl", "-sS", "-m", "5", "-w", " %{http_code}"];
    cloud.exec(instance, &[&usual, arguments].concat())
}

fn token(cloud: &Cloud, instance: &str) -> String {
    let said = curl(cloud, instance, &["-X", "PUT", "-H", TTL, &format!("{SERVICE}/latest/api/token")]);
    let token = said.out.strip_suffix(" 200");
    token.unwrap_or_else(|| panic!("{said:?}\n{}", cloud.evidence())).to_owned()
}

fn read(cloud: &Cloud, instance: &str, token: &str, path: &str) -> String {
    let header = format!("X-aws-ec2-metadata-token: {token}");
    curl(cloud, instance, &["-H", &header, &format!("{SERVICE}/latest/{path}")]).out
}

#[test]
fn an_instance_is_told_about_itself_alone() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.up(TWINS);
    let there = || curl(&cloud, "web-1", &[SERVICE]).out.ends_with(" 401");
    assert!(eventually(there), "{:?}\n{}", curl(&cloud, "web-1", &[SERVICE]), cloud.evidence());
    let (web, probe) = (token(&cloud, "web-1"), token(&cloud, "probe"));
    let uid =
        |name: &str| cloud.json(&["get", "instance", name])["metadata"]["uid"].as_str().map(str::to_owned);
    for (instance, token) in [("web-1", &web), ("probe", &probe)] {
        let expected = format!("{} 200", uid(instance).expect("it has one"));
        assert_eq!(read(&cloud, instance, token, "meta-data/instance-id"), expected);
    }
    for (path, expected) in [
        ("meta-data/local-ipv4", "10.0.1.10 200"),
        ("meta-data/hostname", "web-1.shop.internal 200"),
        ("meta-data/security-groups", "default 200"),
        ("meta-data/tags/instance/app", "web 200"),
        ("user-data", "first 200"),
    ] {
        assert_eq!(read(&cloud, "web-1", &web, path), expected, "{path}");
    }
    assert!(read(&cloud, "probe", &probe, "user-data").ends_with(" 404"));

    // Nothing without a token of its own, nor for who passes on what others ask.
    assert!(read(&cloud, "probe", &web, "meta-data/mac").ends_with(" 401"));
    assert!(read(&cloud, "web-1", "", "user-data").ends_with(" 401"));
    let put = format!("{SERVICE}/latest/api/token");
    let passed_on =
        curl(&cloud, "web-1", &["-X", "PUT", "-H", TTL, "-H", "X-Forwarded-For: 192.0.2.1", &put]);
    assert!(passed_on.out.ends_with(" 403"), "{passed_on:?}");

    // It is read anew without a new process, by tokens that outlive the daemon.
    let process =
        |cloud: &Cloud| cloud.json(&["get", "instance", "web-1"])["status"]["process"]["pid"].clone();
    let before = process(&cloud);
    cloud.up(&TWINS.replace("first", "second"));
    assert!(eventually(|| read(&cloud, "web-1", &web, "user-data") == "second 200"), "{}", cloud.evidence());
    cloud.kill_daemon();
    cloud.serve();
    let answers = || read(&cloud, "web-1", &web, "user-data") == "second 200";
    assert!(eventually(answers), "{}\n{}", read(&cloud, "web-1", &web, "user-data"), cloud.evidence());
    assert_eq!(process(&cloud), before);
}

/// Somebody who opens many connections and says nothing leaves others theirs.
#[test]
fn who_holds_connections_open_harms_nobody_else() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.up(TWINS);
    let there = || curl(&cloud, "probe", &[SERVICE]).out.ends_with(" 401");
    assert!(eventually(there), "{}", cloud.evidence());
    let holds = "import socket, time\n\
                 held = [socket.create_connection(('169.254.169.254', 80), 3) for _ in range(300)]\n\
                 print(len(held), flush=True)\ntime.sleep(2)";
    let said = cloud.exec("web-1", &["python3", "-c", &format!("{holds}\nheld[0].sendall(b'x')")]);
    assert!(said.out.starts_with("300"), "{said:?}");
    let mut holding =
        cloud.command(&["exec", "web-1", "--", "python3", "-c", holds]).spawn().expect("it starts");
    for _ in 0..20 {
        assert!(there(), "{}", cloud.evidence());
    }
    let _ = holding.wait();
}
