//! Links, namespaces and the guard on the real kernel, as root.
//!
//! Each test has its own root, and with it its own names; all of it goes when the test ends, also by a panic.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests fail by panics, and say when they skip")]

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use madang_addr::Mac;
use madang_datapath::GATEWAY_MAC;
use madang_kernel::link::Veth;
use madang_kernel::port::{self, End, GUEST_LINK, Port};
use madang_kernel::{Error, Guard, Layout, Netlink, netns, sysctl};

const MAC: Mac = Mac([0x02, 0, 0, 0, 0, 7]);
const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 4));

/// One test's own Madang: places and names that nobody else has.
struct World {
    layout: Layout,
    root: PathBuf,
    links: Vec<String>,
}

impl World {
    /// None, with a word about it, if the test cannot run here.
    fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "this test needs root");
            eprintln!("skipped: this test needs root");
            return None;
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("madang-net-{}-{number}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        Some(Self { layout: Layout::new(Some(&root)), root, links: Vec::new() })
    }

    fn namespace(&self, name: &str) -> PathBuf {
        let path = self.layout.netns(name);
        netns::create(&path).unwrap();
        // Were it the host's own, what the tests do next would be done to the host.
        assert_ne!(inode(&path), inode(Path::new("/proc/thread-self/ns/net")), "a new namespace");
        assert_ne!(inode(&path), inode(Path::new("/proc/self/ns/net")), "a new namespace");
        path
    }

    fn link_name(&mut self, uid: &str) -> String {
        let name = self.layout.port_name(uid);
        self.links.push(name.clone());
        name
    }

    fn guard(&self) -> Guard {
        Guard::new(&self.layout)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Ok(mut netlink) = Netlink::open() {
            self.links.iter().for_each(|name| drop(netlink.delete_link(name)));
        }
        for path in netns::list(&self.layout.run_dir().join("netns")).unwrap_or_default() {
            let _ = netns::delete(&path);
        }
        let _ = self.guard().remove();
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn port<'a>(name: &'a str) -> Port<'a> {
    Port {
        name,
        alias: "web-1",
        mac: MAC,
        address: ADDRESS,
        length: 24,
        gateway: GATEWAY,
        mtu: 1400,
        end: End::Instance,
    }
}

fn inode(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).unwrap().ino()
}

fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("ip, of the package iproute2");
    String::from_utf8(output.stdout).unwrap()
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "waited 10 s for this: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_namespace_lives_with_its_file() {
    let Some(world) = World::new() else { return };
    let path = world.namespace("a");
    assert!(netns::is_bound(&path));
    let own = inode(Path::new("/proc/thread-self/ns/net"));
    assert_ne!(inode(&path), own);
    let inside = netns::enter(&path, || inode(Path::new("/proc/thread-self/ns/net"))).unwrap();
    assert_eq!(inside, inode(&path));
    assert_eq!(inode(Path::new("/proc/thread-self/ns/net")), own, "the caller stays where it was");
    assert_eq!(netns::list(path.parent().unwrap()).unwrap(), std::slice::from_ref(&path));
    let error = netns::create(&path).unwrap_err();
    assert_eq!(error.os_error(), None, "{error}");
    assert_eq!(inode(&path), inside, "a refused creation leaves what is there");
    netns::delete(&path).unwrap();
    assert!(!path.exists());
    netns::delete(&path).unwrap();
    assert!(netns::enter(&path, || ()).is_err());
}

#[test]
fn a_namespace_outlives_the_process_that_made_it() {
    if let Some(path) = std::env::var_os("MADANG_TEST_NAMESPACE") {
        return netns::create(Path::new(&path)).unwrap();
    }
    let Some(world) = World::new() else { return };
    let path = world.layout.netns("orphan");
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_namespace_outlives_the_process_that_made_it"])
        .env("MADANG_TEST_NAMESPACE", &path)
        .status()
        .unwrap();
    assert!(status.success());
    assert!(netns::is_bound(&path));
    assert_eq!(
        netns::enter(&path, || Netlink::open().unwrap().links().unwrap()[0].name.clone()).unwrap(),
        "lo"
    );
}

#[test]
fn half_made_namespaces_are_taken_up_and_cleared_away() {
    let Some(world) = World::new() else { return };
    let path = world.layout.netns("half");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "").unwrap();
    assert!(!netns::is_bound(&path));
    assert!(netns::open(&path).is_err(), "a plain file is no namespace");
    netns::create(&path).unwrap();
    assert!(netns::is_bound(&path));
    // Bound twice, as by two starts at once.
    rustix::mount::mount_bind("/proc/self/ns/net", &path).unwrap();
    netns::delete(&path).unwrap();
    assert!(!path.exists());
    fs::write(&path, "").unwrap();
    netns::delete(&path).unwrap();
    assert!(!path.exists());
}

#[test]
fn namespaces_work_below_shared_and_private_mounts() {
    use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change, unmount};
    let Some(world) = World::new() else { return };
    for propagation in [MountPropagationFlags::SHARED, MountPropagationFlags::PRIVATE] {
        let run = world.layout.run_dir();
        fs::create_dir_all(&run).unwrap();
        mount("tmpfs", &run, "tmpfs", MountFlags::empty(), None).unwrap();
        mount_change(&run, propagation).unwrap();
        let worked = (|| {
            let path = world.layout.netns("a");
            netns::create(&path)?;
            let bound = netns::is_bound(&path);
            netns::delete(&path)?;
            Ok::<_, Error>(bound && !path.exists())
        })();
        unmount(&run, rustix::mount::UnmountFlags::DETACH).unwrap();
        assert!(worked.unwrap());
    }
}

#[test]
fn a_panic_inside_is_an_error_outside() {
    let Some(world) = World::new() else { return };
    let path = world.namespace("a");
    let error = netns::enter(&path, || panic!("as the test wants")).unwrap_err();
    assert!(matches!(&error, Error::Panic { message, .. } if message == "as the test wants"), "{error}");
}

#[test]
fn a_port_of_the_host_takes_no_way_from_it() {
    let Some(mut world) = World::new() else { return };
    // This namespace stands for the host.
    let (here, path) = (world.namespace("here"), world.layout.netns("host"));
    let (name, end) = (world.link_name("host"), world.layout.host_end_name("host"));
    let reaches = BTreeSet::from(["10.77.0.0/16", "10.80.0.0/16"].map(|prefix| prefix.parse().unwrap()));
    let port = Port { end: End::Host { name: &end, reaches: &reaches }, ..port(&name) };
    netns::enter(&here, || {
        netns::bind_current(&path).unwrap();
        assert_eq!(inode(&path), inode(&here));
        let mut host = Netlink::open().unwrap();
        let look = |host: &mut Netlink| port::reached(host, &end, ADDRESS, GATEWAY).unwrap();
        assert!(look(&mut host).is_empty(), "there is none yet");
        assert_eq!(Netlink::routes(None).unwrap(), [], "a host without any route");
        ip("link set lo up");
        for own in ["10.0.0.0/8", "10.77.3.0/24", "10.77.0.0/16"] {
            ip(&format!("route add {own} dev lo"));
            let error = port.create(&mut host, &path).unwrap_err().to_string();
            assert!(error.contains(&format!("already has a way to {own}, by lo")), "{error}");
            assert!(host.link(&name).unwrap().is_none() && host.link(&end).unwrap().is_none());
            ip(&format!("route del {own} dev lo"));
        }
        // What is no part of it, and the way to everywhere, are no obstacles.
        ip("route add default dev lo");
        ip("route add 10.78.0.0/16 dev lo");
        let link = port.create(&mut host, &path).unwrap();
        let (own, addresses) = host.interfaces().unwrap().remove(&end).unwrap();
        assert_eq!((own.mac, own.mtu, own.up, own.alias.as_deref()), (Some(MAC), 1400, true, Some("web-1")));
        assert_eq!(
            addresses.iter().map(|own| (own.address, own.length)).collect::<Vec<_>>(),
            [(ADDRESS, 32)]
        );
        assert!(!Port::is_up(&link));
        Port::set_up(&mut host, &link).unwrap();
        assert_eq!(look(&mut host), reaches);
        let way = ip("route get 10.77.9.9");
        assert!(way.contains(&format!("via 10.77.0.1 dev {end} src {ADDRESS}")), "{way}");

        for (spoil, left) in [
            (format!("route del 10.80.0.0/16 dev {end}"), 1),
            (format!("address del {ADDRESS}/32 dev {end}"), 0),
            (format!("link set {end} down"), 0),
        ] {
            ip(&spoil);
            assert_eq!(look(&mut host).len(), left, "{spoil}");
        }
        assert!(host.delete_link(&name).unwrap());
        assert!(host.link(&end).unwrap().is_none());
        netns::delete(&path).unwrap();
    })
    .unwrap();
    assert!(netns::is_bound(&here), "the namespace itself stays");
}

#[test]
fn a_port_is_what_was_asked_for() {
    let Some(mut world) = World::new() else { return };
    let path = world.namespace("a");
    let name = world.link_name("a");
    let mut host = Netlink::open().unwrap();
    let link = port(&name).create(&mut host, &path).unwrap();

    assert_eq!(host.link(&name).unwrap().unwrap(), link);
    assert_eq!((link.name.as_str(), link.alias.as_deref()), (name.as_str(), Some("web-1")));
    assert_eq!((link.mac, link.mtu, link.up), (Some(GATEWAY_MAC), 1400, false));
    assert_eq!(link.kind.as_deref(), Some("veth"));
    assert!(host.links().unwrap().contains(&link));
    let setting = |family, setting| sysctl::read(&["net", family, "conf", &name, setting]).unwrap();
    assert_eq!(setting("ipv4", "arp_ignore").as_deref(), Some("8"));
    assert_eq!(setting("ipv4", "forwarding").as_deref(), Some("0"));
    assert!(matches!(setting("ipv6", "disable_ipv6").as_deref(), None | Some("1")));
    assert!(matches!(setting("ipv6", "accept_ra").as_deref(), None | Some("0")));

    let mut guest = Netlink::open_in(&path).unwrap();
    let interfaces = guest.interfaces().unwrap();
    let (eth0, addresses) = &interfaces[GUEST_LINK];
    assert_eq!((eth0.mac, eth0.mtu, eth0.up, eth0.kind.as_deref()), (Some(MAC), 1400, true, Some("veth")));
    assert!(interfaces["lo"].0.up);
    assert_eq!(addresses.iter().map(|own| (own.address, own.length)).collect::<Vec<_>>(), [(ADDRESS, 24)]);
    let routes = netns::enter(&path, || ip("-4 route show")).unwrap();
    assert!(routes.contains("default via 10.77.0.1 dev eth0"), "{routes}");
    assert!(routes.contains("10.77.0.0/24 dev eth0"), "{routes}");
    let off = netns::enter(&path, || sysctl::read(&["net", "ipv6", "conf", "eth0", "disable_ipv6"])).unwrap();
    assert!(matches!(off.unwrap().as_deref(), None | Some("1")));

    host.set_up(&link, true).unwrap();
    assert!(host.link(&name).unwrap().unwrap().up);
    until("the other end has a carrier", || {
        netns::enter(&path, || fs::read_to_string("/proc/net/dev")).unwrap().is_ok()
            && netns::enter(&path, || ip("link show eth0").contains("LOWER_UP")).unwrap()
    });
    let addresses = host.addresses().unwrap();
    assert!(
        addresses.iter().all(|own| own.index != link.index),
        "the host has no address there: {addresses:?}"
    );
    host.set_up(&link, false).unwrap();
    assert!(!host.link(&name).unwrap().unwrap().up);
    assert!(host.delete_link(&name).unwrap());
    assert!(!host.delete_link(&name).unwrap());
    assert!(!guest.interfaces().unwrap().contains_key(GUEST_LINK));
}

#[test]
fn a_port_that_fails_leaves_nothing() {
    let Some(mut world) = World::new() else { return };
    let path = world.namespace("a");
    let name = world.link_name("a");
    let mut host = Netlink::open().unwrap();
    // The gateway is not in the subnet, so the route is refused after all else is made.
    let wrong = Port { gateway: IpAddr::V4(Ipv4Addr::new(10, 99, 0, 1)), ..port(&name) };
    let error = wrong.create(&mut host, &path).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("could not add route 0.0.0.0/0 by 10.99.0.1 on network interface eth0"),
        "{text}"
    );
    assert!(text.contains("Nexthop has invalid gateway"), "the kernel's own words: {text}");
    assert!(host.link(&name).unwrap().is_none());
    port(&name).create(&mut host, &path).unwrap();
    let error = port(&name).create(&mut host, &path).unwrap_err();
    assert_eq!(error.os_error(), Some(rustix::io::Errno::EXIST), "{error}");
    assert!(host.link(&name).unwrap().is_some(), "what was there before stays");
}

#[test]
fn names_that_are_none_are_refused_before_the_kernel_sees_them() {
    let Some(mut world) = World::new() else { return };
    let mut host = Netlink::open().unwrap();
    assert!(matches!(host.link("a/b"), Err(Error::BadLinkName { .. })));
    assert!(matches!(host.link("longer-than-names-may-be"), Err(Error::BadLinkName { .. })));
    let absent = world.link_name("absent");
    assert!(matches!(host.expect_link(&absent), Err(Error::NoLink { .. })));
    let names = BTreeSet::from(["eth0\" drop; flush ruleset; \"".to_owned()]);
    assert!(matches!(world.guard().ensure(&names), Err(Error::BadLinkName { .. })));
}

#[test]
fn the_guard_is_there_whole_or_not_at_all() {
    let Some(world) = World::new() else { return };
    let guard = world.guard();
    assert_eq!(guard.observe().unwrap(), None);
    guard.remove().unwrap();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    for names in [set(&[]), set(&["md00000001"]), set(&["md00000001", "md00000002"]), set(&["md00000002"])] {
        guard.ensure(&names).unwrap();
        guard.ensure(&names).unwrap();
        assert_eq!(guard.observe().unwrap(), Some(names));
    }
    let many: BTreeSet<String> = (0..2_000).map(|n| format!("md{n:08x}")).collect();
    guard.ensure(&many).unwrap();
    assert_eq!(guard.observe().unwrap(), Some(many));
    let flushed = Command::new("nft").args(["flush", "chain", "inet", guard.table(), "postrouting"]).status();
    assert!(flushed.unwrap().success());
    assert_eq!(guard.observe().unwrap(), None, "a table without its rules is none");
    guard.ensure(&set(&["md00000001"])).unwrap();
    assert_eq!(guard.observe().unwrap(), Some(set(&["md00000001"])));
    guard.remove().unwrap();
    assert_eq!(guard.observe().unwrap(), None);
}

/// A namespace stands for the host, with two more at its ports, and all works as long as nothing guards them.
struct Routed {
    host: PathBuf,
    guests: [PathBuf; 2],
    names: [String; 2],
    layout: Layout,
}

impl Routed {
    fn new(world: &mut World) -> Self {
        let host = world.namespace("host");
        let guests = [world.namespace("a"), world.namespace("b")];
        let names = ["a", "b"].map(|uid| world.layout.port_name(uid));
        netns::enter(&host, || {
            let mut netlink = Netlink::open().unwrap();
            let lo = netlink.expect_link("lo").unwrap();
            netlink.set_up(&lo, true).unwrap();
            sysctl::write(&["net", "ipv4", "conf", "all", "forwarding"], "1").unwrap();
            for (n, (guest, name)) in (1..).zip(guests.iter().zip(&names)) {
                let veth = Veth {
                    name,
                    alias: "",
                    mac: Mac([2, 0, 0, 0, 1, n]),
                    peer_name: GUEST_LINK,
                    peer_mac: Mac([2, 0, 0, 0, 2, n]),
                    mtu: 1500,
                };
                let link = netlink.create_veth(&veth, netns::open(guest).unwrap().as_fd()).unwrap();
                let own = |last| IpAddr::V4(Ipv4Addr::new(10, 77, n, last));
                netlink.add_address(&link, own(1), 24).unwrap();
                netlink.set_up(&link, true).unwrap();
                let mut inside = Netlink::open_in(guest).unwrap();
                let eth0 = inside.expect_link(GUEST_LINK).unwrap();
                inside.add_address(&eth0, own(2), 24).unwrap();
                inside.set_up(&eth0, true).unwrap();
                inside.add_default_route(&eth0, own(1)).unwrap();
            }
        })
        .unwrap();
        Self { host, guests, names, layout: world.layout.clone() }
    }

    /// Whether a datagram from here reaches an address there.
    fn reaches(&self, from: &Path, at: &Path, address: &str) -> bool {
        let server = netns::enter(at, || UdpSocket::bind((address, 0)).unwrap()).unwrap();
        server.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let target = server.local_addr().unwrap();
        let client = netns::enter(from, || UdpSocket::bind("0.0.0.0:0").unwrap()).unwrap();
        // EPERM is how a drop on the way out shows.
        let _ = client.send_to(b"x", target);
        server.recv_from(&mut [0; 8]).is_ok()
    }

    fn guarded(&self, names: &[&String]) {
        let names = names.iter().map(|name| (*name).clone()).collect();
        netns::enter(&self.host, || Guard::new(&self.layout).ensure(&names)).unwrap().unwrap();
    }

    /// Guest to guest, guest to host, host to guest, and the host to itself.
    fn connectivity(&self) -> [bool; 4] {
        let [a, b] = &self.guests;
        [
            self.reaches(a, b, "10.77.2.2"),
            self.reaches(a, &self.host, "10.77.1.1"),
            self.reaches(&self.host, a, "10.77.1.2"),
            self.reaches(&self.host, &self.host, "10.77.1.1"),
        ]
    }
}

#[test]
fn what_is_guarded_passes_nothing_and_the_rest_everything() {
    let Some(mut world) = World::new() else { return };
    let routed = Routed::new(&mut world);
    let [a, b] = routed.names.clone();
    assert_eq!(routed.connectivity(), [true; 4], "without a guard");
    routed.guarded(&[]);
    assert_eq!(routed.connectivity(), [true; 4], "a guard over nothing");
    routed.guarded(&[&a, &b]);
    assert_eq!(routed.connectivity(), [false, false, false, true], "only the host itself");
    let dropped = netns::enter(&routed.host, || world.guard().dropped()).unwrap().unwrap();
    assert!(dropped >= 3, "each was counted: {dropped}");
    routed.guarded(&[&b]);
    assert_eq!(routed.connectivity(), [false, true, true, true], "forwarding to the guarded port only");
    netns::enter(&routed.host, || world.guard().remove()).unwrap().unwrap();
    assert_eq!(routed.connectivity(), [true; 4], "without the guard again");
}

#[test]
fn a_port_without_programs_is_dead_and_its_host_unharmed() {
    let Some(world) = World::new() else { return };
    let host = world.namespace("host");
    let guest = world.namespace("a");
    let name = world.layout.port_name("a");
    netns::enter(&host, || {
        let mut netlink = Netlink::open().unwrap();
        let lo = netlink.expect_link("lo").unwrap();
        netlink.set_up(&lo, true).unwrap();
        // The host has the gateway's very address, and forwards: the worst case.
        netlink.add_address(&lo, GATEWAY, 32).unwrap();
        sysctl::write(&["net", "ipv4", "conf", "all", "forwarding"], "1").unwrap();
        let link = port(&name).create(&mut netlink, &guest).unwrap();
        world.guard().ensure(&BTreeSet::from([name.clone()])).unwrap();
        netlink.set_up(&link, true).unwrap();
    })
    .unwrap();
    let server = netns::enter(&host, || UdpSocket::bind((GATEWAY, 0)).unwrap()).unwrap();
    server.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let client = netns::enter(&guest, || UdpSocket::bind("0.0.0.0:0").unwrap()).unwrap();
    let neighbours = || netns::enter(&guest, || ip("neigh show dev eth0")).unwrap();
    let _ = client.send_to(b"x", server.local_addr().unwrap());
    assert!(server.recv_from(&mut [0; 8]).is_err());
    until("the host did not answer ARP", || neighbours().contains("FAILED"));
    // Who knows the Ethernet address without asking still comes to the guard.
    netns::enter(&guest, || ip(&format!("neigh replace {GATEWAY} lladdr {GATEWAY_MAC} dev eth0"))).unwrap();
    client.send_to(b"x", server.local_addr().unwrap()).unwrap();
    assert!(server.recv_from(&mut [0; 8]).is_err());
    assert!(netns::enter(&host, || world.guard().dropped()).unwrap().unwrap() > 0);
    let own = netns::enter(&host, || UdpSocket::bind((GATEWAY, 0)).unwrap()).unwrap();
    own.send_to(b"x", server.local_addr().unwrap()).unwrap();
    assert!(server.recv_from(&mut [0; 8]).is_ok(), "the host still talks to itself");
}

#[test]
fn many_namespaces_at_once() {
    let Some(world) = World::new() else { return };
    std::thread::scope(|scope| {
        for n in 0..8 {
            let layout = &world.layout;
            scope.spawn(move || {
                for round in 0..5 {
                    let path = layout.netns(&format!("{n}-{round}"));
                    netns::create(&path).unwrap();
                    let links =
                        netns::enter(&path, || Netlink::open().unwrap().links().unwrap().len()).unwrap();
                    assert!(links >= 1);
                    netns::delete(&path).unwrap();
                }
            });
        }
    });
    assert!(netns::list(&world.layout.run_dir().join("netns")).unwrap().is_empty());
}
