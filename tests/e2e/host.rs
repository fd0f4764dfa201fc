//! The host itself on a subnet: it reaches instances, and they it, as security groups say.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::cloud::{Cloud, Said, can_run, eventually, ip, within};

const WITH_HOST: &str = "
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: lab }
spec: { cidrs: [10.79.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: one }
spec: { vpc: lab, cidr: 10.79.1.0/24 }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: two }
spec: { vpc: lab, cidr: 10.79.2.0/24 }
---
apiVersion: madang.dev/v1alpha1
kind: SecurityGroup
metadata: { name: admin }
spec: { vpc: lab, ingress: [{ protocol: tcp, ports: [9100], from: [web] }] }
---
apiVersion: madang.dev/v1alpha1
kind: SecurityGroup
metadata: { name: web }
spec: { vpc: lab, ingress: [{ protocol: tcp, ports: [7000], from: [admin] }, { protocol: icmp, from: [admin] }] }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: web-1 }
spec: { subnet: two, address: 10.79.2.10, securityGroups: [web], process: { command: [sleep, infinity] } }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: other }
spec: { subnet: two, address: 10.79.2.11, process: { command: [sleep, infinity] } }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: this-host }
spec: { subnet: one, address: 10.79.1.10, securityGroups: [admin], host: {} }
";

/// Another VPC with the same range, in which the host is too.
const TWIN: &str = "
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: twin }
spec: { cidrs: [10.79.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: twin }
spec: { vpc: twin, cidr: 10.79.1.0/24 }
---
apiVersion: madang.dev/v1alpha1
kind: SecurityGroup
metadata: { name: twin }
spec: { vpc: twin }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: host-again }
spec: { subnet: twin, securityGroups: [twin], host: {} }
";

fn reaches(to: &str) -> bool {
    let to: SocketAddr = to.parse().expect("an address and a port");
    TcpStream::connect_timeout(&to, Duration::from_millis(700)).is_ok()
}

fn routes() -> String {
    Said::from(Command::new("ip").args(["-4", "route", "show"]).output().expect("ip starts")).out
}

#[test]
fn the_host_is_a_neighbour_like_any_other() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    assert!(!routes().contains("10.79."), "another has these addresses: {}", routes());
    cloud.up(WITH_HOST);
    let listen = |address: &'static str| move || TcpListener::bind(address).expect("the address is there");
    let _allowed = cloud.inside("web-1", listen("10.79.2.10:7000"));
    let _forbidden = cloud.inside("web-1", listen("10.79.2.10:7001"));
    assert!(eventually(|| reaches("10.79.2.10:7000")), "{}", cloud.evidence());
    assert!(!reaches("10.79.2.10:7001"), "what no rule allows does not pass");
    let ping = Command::new("ping").args(["-c", "1", "-W", "2", "10.79.2.10"]).output().expect("ping starts");
    assert!(ping.status.success(), "{ping:?}");

    // The other way: what listens on the host, and on every address of it.
    let _on_host = (listen("10.79.1.10:9100")(), listen("0.0.0.0:9101")());
    assert!(cloud.connects("web-1", "10.79.1.10:9100"), "{}", cloud.evidence());
    assert!(!cloud.connects("web-1", "10.79.1.10:9101"), "the host is open to nothing else");
    assert!(!cloud.connects("other", "10.79.1.10:9100"), "nor to anybody else");
    let explained = cloud.ok(&["explain", "this-host", "web-1", "--port", "7000", "--live"]);
    assert!(explained.contains("delivered") && explained.contains("agrees"), "{explained}");
    let name = cloud.exec("other", &["dig", "+short", "this-host.lab.internal"]);
    assert_eq!(name.out.trim(), "10.79.1.10", "{name:?}");

    for refused in [&["exec", "this-host", "--", "true"][..], &["logs", "this-host"]] {
        let said = cloud.madang(refused);
        assert!(said.code != 0 && said.err.contains("is the host itself"), "{said:?}");
    }
    // What somebody else does to its end is put right.
    let end = routes().lines().find(|line| line.contains("10.79.0.0/16")).map(str::to_owned);
    let end = end.and_then(|line| Some(line.split_once("dev ")?.1.split(' ').next()?.to_owned()));
    ip(&["route", "del", "10.79.0.0/16", "dev", &end.expect("there is a route")]);
    assert!(within(5, || reaches("10.79.2.10:7000")), "{}\n{}", routes(), cloud.evidence());

    // A restart of the daemon changes nothing; a second way to the same addresses is refused, and the first one stays.
    cloud.kill_daemon();
    assert!(reaches("10.79.2.10:7000"), "it passes without the daemon");
    cloud.serve();
    let twin = cloud.file("twin.yaml", TWIN);
    cloud.ok(&["apply", "-f", &twin]);
    let told = || cloud.json(&["get", "instance", "host-again"])["status"]["conditions"].to_string();
    assert!(eventually(|| told().contains("already has a way to 10.79.0.0/16")), "{}", told());
    assert!(reaches("10.79.2.10:7000"), "{}", routes());
    cloud.ok(&["down", "--all"]);
    assert!(eventually(|| !routes().contains("10.79.")), "nothing is left: {}", routes());
}
