//! DHCP in a VPC: who has a network stack of its own gets its address there, and nothing else.

use std::process::Command;

use crate::cloud::{Cloud, Said, can_run, eventually};

const SHOP: &str = "\
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: shop }
spec: { cidrs: [10.0.0.0/16], mtu: 1400 }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: web }
spec: { vpc: shop, cidr: 10.0.1.0/24, dhcp: { leaseSeconds: 600, ntpServers: [192.0.2.123] } }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: dark }
spec: { vpc: shop, cidr: 10.0.2.0/24, dhcp: { enabled: false } }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: web-1 }
spec: { subnet: web, address: 10.0.1.10, process: { command: [sleep, infinity] } }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: own }
spec: { subnet: web, address: 10.0.1.20, unmanaged: true, process: { command: [sleep, infinity] } }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: lost }
spec: { subnet: dark, unmanaged: true, process: { command: [sleep, infinity] } }
---
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: twin }
spec: { cidrs: [10.0.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: twin }
spec: { vpc: twin, cidr: 10.0.1.0/24, dhcp: { domainName: twin.example } }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: twin-1 }
spec: { subnet: twin, address: 10.0.1.20, unmanaged: true, process: { command: [sleep, infinity] } }
";

/// What udhcpc runs: it says what it was told.
const UDHCPC: &str = r#"cat > /tmp/script <<'END'
#!/bin/sh
set > /tmp/told
case "$1" in
bound | renew)
    echo "$1 $ip/$mask $router $dns $domain $hostname $mtu $lease $serverid"
    ;;
esac
END
chmod +x /tmp/script
exec busybox udhcpc -i eth0 -n -q -f -t 3 -T 1 -O mtu -O hostname -O ntpsrv -s /tmp/script "$@""#;

fn udhcpc(cloud: &Cloud, instance: &str, more: &[&str]) -> Said {
    cloud.exec(instance, &[&["sh", "-c", UDHCPC, "udhcpc"], more].concat())
}

/// A stack of its own: a ping from an address to web-1, in a frame to the gateway.
const STACK: &str = r#"
import socket, struct, sys
def sum(data):
    total = 0
    for (word,) in struct.iter_unpack("!H", data):
        total += word
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
link.bind(("eth0", 0x0800))
link.settimeout(2)
mac = link.getsockname()[4]
echo = struct.pack("!BBHHH", 8, 0, 0, 7, 1)
echo = struct.pack("!BBHHH", 8, 0, sum(echo), 7, 1)
source, target = socket.inet_aton(sys.argv[1]), socket.inet_aton("10.0.1.10")
ip = struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 64, 1, 0) + source + target
ip = ip[:10] + struct.pack("!H", sum(ip)) + ip[12:]
link.send(bytes.fromhex("02006d616401") + mac + b"\x08\x00" + ip + echo)
try:
    while True:
        frame = link.recv(2048)
        if frame[23] == 1 and frame[34] == 0 and frame[26:30] == target:
            print("10.0.1.10 answers")
            break
except TimeoutError:
    print("silence")
"#;

/// What dhclient runs.
const DHCLIENT: &str = r#"cat > /tmp/script <<'END'
#!/bin/sh
case "$reason" in
BOUND | RENEW | REBIND | REBOOT) echo "$reason $new_ip_address $new_routers" ;;
esac
END
chmod +x /tmp/script
: > /tmp/leases
exec timeout 4 dhclient -1 -d -cf /dev/null -lf /tmp/leases -pf /tmp/pid -sf /tmp/script eth0"#;

#[test]
fn who_is_unmanaged_gets_its_address_there() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.up(SHOP);
    let addresses = |name: &str| cloud.exec(name, &["ip", "-4", "-o", "address", "show", "dev", "eth0"]).out;
    assert_eq!(addresses("own"), "", "nobody has set it up");
    assert!(cloud.exec("own", &["ping", "-c1", "-W1", "10.0.1.10"]).code != 0);

    let said = udhcpc(&cloud, "own", &[]);
    let expected = "bound 10.0.1.20/24 10.0.1.1 10.0.1.2 shop.internal own 1400 600 10.0.1.1";
    assert!(said.out.contains(expected), "{said:?}\n{}", cloud.evidence());
    let ping = |from: &str| cloud.exec("own", &["python3", "-c", STACK, from]).out;
    assert_eq!(ping("10.0.1.20").trim(), "10.0.1.10 answers", "{}", cloud.evidence());
    assert_eq!(ping("10.0.1.21").trim(), "silence", "the address of nobody");
    let drops = || cloud.madang(&["drops", "own"]).out;
    assert!(eventually(|| drops().contains("spoofedAddress")), "{}", drops());
    let ntp = cloud.exec("own", &["grep", "^ntpsrv=", "/tmp/told"]).out;
    assert!(ntp.contains("192.0.2.123"), "{ntp}");

    // The same address in another VPC is told by that one's subnet.
    let twin = udhcpc(&cloud, "twin-1", &[]);
    assert!(
        twin.out.contains("bound 10.0.1.20/24 10.0.1.1 10.0.1.2 twin.example twin-1 1500 3600"),
        "{twin:?}"
    );

    // Another address than its own is denied to it, and another client gets the right one too.
    let wish = udhcpc(&cloud, "own", &["-r", "10.0.1.99"]);
    assert!(wish.out.contains("bound 10.0.1.20/24"), "{wish:?}");
    let dhclient = cloud.exec("own", &["sh", "-c", DHCLIENT]);
    assert!(format!("{}{}", dhclient.out, dhclient.err).contains("BOUND 10.0.1.20 10.0.1.1"), "{dhclient:?}");

    // A server that is switched off says nothing.
    let lost = udhcpc(&cloud, "lost", &[]);
    assert!(lost.code != 0 && !lost.out.contains("bound"), "{lost:?}");

    // Whether there is a daemon or not.
    cloud.kill_daemon();
    let place = tempfile::tempdir().expect("a temporary directory");
    let script = UDHCPC.replace("/tmp/", &format!("{}/", place.path().display()));
    let netns = format!("--net={}", cloud.netns_file("own").display());
    let inside = Command::new("nsenter").args([&netns, "sh", "-c", &script]).output().expect("nsenter runs");
    let said = String::from_utf8_lossy(&inside.stdout).into_owned();
    assert!(said.contains("bound 10.0.1.20/24"), "{inside:?}");
    cloud.serve();
    assert!(
        eventually(|| udhcpc(&cloud, "own", &[]).out.contains("bound 10.0.1.20/24")),
        "{}",
        cloud.evidence()
    );
}

#[test]
fn what_a_subnet_tells_changes_while_it_runs() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.up(SHOP);
    let switched = SHOP.replace("dhcp: { enabled: false }", "dhcp: { leaseSeconds: 60 }");
    cloud.up(&switched);
    let said = || udhcpc(&cloud, "lost", &[]).out;
    assert!(eventually(|| said().contains(" lost 1400 60 10.0.2.1")), "{}\n{}", said(), cloud.evidence());
    for (wrong, expected) in [
        ("leaseSeconds: 6", "write a number of 60 to 604800"),
        ("leaseSeconds: 600, domainName: a_b", "spec.dhcp.domainName: \"a_b\" is no domain name"),
        ("leaseSeconds: 600, domainNameServers: [2001:db8::1]", "spec.dhcp.domainNameServers[0]"),
        ("leaseSecond: 600", "leaseSeconds"),
    ] {
        let file = cloud.file("bad.yaml", &SHOP.replace("leaseSeconds: 600", wrong));
        let bad = cloud.madang(&["plan", "-f", &file]);
        assert!(bad.code == 1 && bad.err.contains(expected), "{bad:?}");
    }
}

#[test]
fn another_projects_subnet_of_the_same_name_tells_its_own() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    let other = "\
apiVersion: v1
kind: Namespace
metadata: { name: zoo }
---
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: shop, namespace: zoo }
spec: { cidrs: [10.0.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: web, namespace: zoo }
spec: { vpc: shop, cidr: 10.0.1.0/24, dhcp: { enabled: false, domainName: zoo.example } }
";
    cloud.up(&format!("{SHOP}---\n{other}"));
    let said = udhcpc(&cloud, "own", &[]);
    assert!(said.out.contains("bound 10.0.1.20/24 10.0.1.1 10.0.1.2 shop.internal own 1400 600"), "{said:?}");
}

#[test]
fn an_unmanaged_instance_may_no_more_than_send_frames() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    cloud.up(SHOP);
    let capabilities = |name: &str| cloud.exec(name, &["grep", "^Cap", "/proc/self/status"]).out;
    for line in capabilities("own").lines() {
        // NET_RAW is bit 13.
        assert!(line.ends_with("0000000000002000"), "{line}");
    }
    assert!(capabilities("web-1").lines().all(|line| line.ends_with("0000000000000000")));
    let ring = "import socket, struct; link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0); \
                link.setsockopt(263, 8, 1); link.setsockopt(263, 5, struct.pack('IIII', 4096, 1, 4096, 1))";
    let said = cloud.exec("own", &["python3", "-c", ring]);
    assert!(said.code != 0 && said.err.contains("PermissionError"), "{said:?}");
    for refused in [
        &["ip", "address", "add", "10.0.1.20/24", "dev", "eth0"][..],
        &["ip", "link", "add", "x", "type", "bridge"],
        &["unshare", "-n", "true"],
        &["mount", "-t", "tmpfs", "none", "/tmp"],
        &["nsenter", "-t", "1", "-n", "true"],
    ] {
        assert!(cloud.exec("own", refused).code != 0, "{refused:?}");
    }
}
