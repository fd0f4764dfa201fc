//! Loading, pinning, writing and removing: what is found is taken up, what is wrong is mended or refused.
#![expect(unsafe_code, reason = "threads of the test give up privileges and enter mount namespaces")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test: it fails where it stands, and says what it saw"
)]

mod support;

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use aya::maps::{HashMap, Map, MapData};
use madang_addr::{Mac, Prefix};
use madang_datapath::{
    ClassId, Direction, Endpoint, Forward, ForwardKey, Nat, NatId, PolicyId, Port, PortId, PortPrefix, Route,
    RouteTableId, Rule, Tables, Uplink, UplinkId, VpcId,
};
use madang_kernel::Layout;
use madang_kernel::datapath::{Attached, Datapath, Error, Hook, Options, Report};

const FEW: Options = Options { flow_capacity: 1024, hook: Hook::Newest };

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Two VPCs with the same addresses, and an outside; something of everything.
fn tables() -> Tables {
    let mut tables = Tables::default();
    let subnet: Prefix = "10.0.0.0/24".parse().unwrap();
    let mac = Mac([2, 0, 0, 0, 0, 9]);
    for (vpc, port) in [(VpcId(1), PortId(11)), (VpcId(2), PortId(12))] {
        let address = ip("10.0.0.4");
        tables.ports.insert(port, Port { vpc, address, mac, subnet, gateway: ip("10.0.0.1") });
        let own = tables.vpcs.entry(vpc).or_default();
        own.endpoints.insert(
            address,
            Endpoint {
                port,
                mac,
                policy: PolicyId(3),
                routes: RouteTableId(4),
                nat: Some(NatId(5)),
                of_host: false,
            },
        );
        own.endpoints.insert(
            ip("10.0.0.5"),
            Endpoint {
                port: PortId(99),
                mac,
                policy: PolicyId(3),
                routes: RouteTableId(4),
                nat: Some(NatId(5)),
                of_host: true,
            },
        );
        for (prefix, class) in [("0.0.0.0/0", 1), ("10.0.0.0/25", 2), ("10.0.0.4/32", 3)] {
            own.classes.insert(prefix.parse().unwrap(), ClassId(class));
        }
        let routes = [
            ("10.0.0.0/16", Route::Local),
            ("0.0.0.0/0", Route::Nat(NatId(5))),
            ("192.0.2.0/24", Route::Blackhole),
            ("192.0.3.0/24", Route::Internet),
        ];
        own.routes.extend(routes.map(|(prefix, route)| ((RouteTableId(4), prefix.parse().unwrap()), route)));
        for ports in PortPrefix::cover(1, 65534) {
            for (direction, protocol) in [(Direction::Ingress, Some(6)), (Direction::Egress, None)] {
                own.rules.insert(Rule { policy: PolicyId(3), direction, class: ClassId(2), protocol, ports });
            }
        }
    }
    let (pool, uplink) = (ip("198.51.100.1"), UplinkId(20));
    tables.outside.uplinks.insert(uplink, Uplink { mac, next_hop: ip("198.51.100.254"), mtu: 1500 });
    tables.outside.addresses.insert(pool, uplink);
    tables.outside.nats.insert(NatId(5), Nat { address: pool, first_port: 1024, last_port: 17407 });
    let forward = Forward { vpc: VpcId(1), address: ip("10.0.0.4"), port: 8080 };
    tables.outside.forwards.insert(ForwardKey { address: pool, protocol: 6, port: 80 }, forward);
    tables
}

/// The map of endpoints, opened behind the writer's back.
fn endpoints(datapath: &Datapath) -> HashMap<MapData, [u8; 24], [u8; 24]> {
    let map = MapData::from_pin(datapath.map_directory().join("endpoints")).unwrap();
    HashMap::try_from(Map::HashMap(map)).unwrap()
}

#[test]
fn what_is_written_is_read_back_and_written_once() {
    if !support::privileged() {
        return;
    }
    let private = support::Private::new();
    let mut datapath = Datapath::open(&private.layout, &FEW).unwrap();
    assert_eq!(datapath.observe().unwrap(), Tables::default());
    assert_eq!(datapath.apply(&Tables::default()).unwrap(), Report::default());

    let tables = tables();
    let first = datapath.apply(&tables).unwrap();
    assert_eq!((first.vpcs_flipped, first.deleted), (3, 0));
    assert_eq!(datapath.observe().unwrap(), tables);
    assert_eq!(datapath.apply(&tables).unwrap(), Report::default());
    let generations = datapath.generations().unwrap();

    let mut changed = tables.clone();
    changed.vpcs.get_mut(&VpcId(2)).unwrap().classes.pop_first();
    let report = datapath.apply(&changed).unwrap();
    assert_eq!(report.vpcs_flipped, 1, "the other VPC is left alone");
    assert_eq!(datapath.generations().unwrap().of(VpcId(1)), generations.of(VpcId(1)));
    assert_ne!(datapath.generations().unwrap().of(VpcId(2)), generations.of(VpcId(2)));
    assert_eq!(datapath.observe().unwrap(), changed);

    drop(datapath);
    let mut datapath = Datapath::open(&private.layout, &FEW).unwrap();
    assert_eq!(datapath.observe().unwrap(), changed, "it is there after a restart");
    assert_eq!(datapath.apply(&changed).unwrap(), Report::default());

    changed.vpcs.remove(&VpcId(1));
    changed.ports.remove(&PortId(11));
    changed.outside.forwards.clear();
    assert_eq!(datapath.apply(&changed).unwrap().vpcs_flipped, 2);
    assert_eq!(datapath.observe().unwrap(), changed);
    assert_eq!(datapath.generations().unwrap().of(VpcId(1)), 0);
    datapath.apply(&Tables::default()).unwrap();
    assert_eq!(datapath.observe().unwrap(), Tables::default());
}

#[test]
fn what_somebody_else_changed_is_mended() {
    if !support::privileged() {
        return;
    }
    let private = support::Private::new();
    let mut datapath = Datapath::open(&private.layout, &FEW).unwrap();
    let tables = tables();
    datapath.apply(&tables).unwrap();
    let mut map = endpoints(&datapath);

    let key = map.keys().next().unwrap().unwrap();
    map.remove(&key).unwrap();
    assert_ne!(datapath.observe().unwrap(), tables);
    assert_eq!(datapath.apply(&tables).unwrap().vpcs_flipped, 1);
    assert_eq!(datapath.observe().unwrap(), tables);

    let key = map.keys().next().unwrap().unwrap();
    map.insert(key, [7; 24], 0).unwrap();
    assert_eq!(datapath.apply(&tables).unwrap().vpcs_flipped, 1);
    assert_eq!(datapath.observe().unwrap(), tables);

    // What a writer that died before its switch has left: entries of a generation that nobody is at.
    let mut left = map.keys().next().unwrap().unwrap();
    left[4..8].copy_from_slice(&12345u32.to_ne_bytes());
    map.insert(left, [7; 24], 0).unwrap();
    assert_eq!(datapath.observe().unwrap(), tables, "packets do not see it");
    assert_eq!(datapath.apply(&tables).unwrap(), Report { deleted: 1, ..Report::default() });
    map.insert(left, [7; 24], 0).unwrap();
    drop(datapath);
    let mut datapath = Datapath::open(&private.layout, &FEW).unwrap();
    assert!(map.get(&left, 0).is_err(), "opening clears it away");
    assert_eq!(datapath.apply(&tables).unwrap(), Report::default());
}

#[test]
fn a_switch_that_was_not_made_is_taken_back() {
    if !support::privileged() {
        return;
    }
    let private = support::Private::new();
    let mut datapath = Datapath::open(&private.layout, &FEW).unwrap();
    let tables = tables();
    datapath.apply(&tables).unwrap();
    let generation = datapath.generations().unwrap().of(VpcId(1));

    // As a writer leaves it that dies between telling of the new generation and writing the epoch.
    let map = MapData::from_pin(datapath.map_directory().join("vpcs")).unwrap();
    let mut vpcs: HashMap<_, u32, [u8; 8]> = HashMap::try_from(Map::HashMap(map)).unwrap();
    let pending = |current: u32, next: u32| {
        let [a, b] = [current, next].map(u32::to_ne_bytes);
        [a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]]
    };
    vpcs.insert(1, pending(generation, generation + 1), 0).unwrap();
    vpcs.insert(77, pending(0, generation + 1), 0).unwrap();
    drop(datapath);

    let mut datapath = Datapath::open(&private.layout, &FEW).unwrap();
    assert_eq!(datapath.observe().unwrap(), tables);
    let mut changed = tables.clone();
    changed.vpcs.get_mut(&VpcId(2)).unwrap().classes.pop_first();
    assert_eq!(datapath.apply(&changed).unwrap().vpcs_flipped, 1);
    assert_eq!(datapath.observe().unwrap(), changed, "the next switch does not make the old one too");
}

#[test]
fn what_does_not_fit_changes_nothing() {
    if !support::privileged() {
        return;
    }
    let private = support::Private::new();
    let mut datapath = Datapath::open(&private.layout, &FEW).unwrap();
    let tables = tables();
    datapath.apply(&tables).unwrap();
    let mut many = tables.clone();
    let uplink = Uplink { mac: Mac([2; 6]), next_hop: ip("198.51.100.254"), mtu: 0 };
    many.outside.uplinks.extend((100..600).map(|id| (UplinkId(id), uplink.clone())));
    many.vpcs.get_mut(&VpcId(1)).unwrap().rules.clear();

    let error = datapath.apply(&many).unwrap_err();
    assert!(matches!(error, Error::Map { name: "uplinks", action: "write", .. }), "{error:?}");
    assert_eq!(datapath.observe().unwrap(), tables);
    assert_eq!(datapath.apply(&tables).unwrap(), Report::default(), "nothing is left of it");
}

#[test]
fn pins_of_another_layout_are_refused_and_removed() {
    if !support::privileged() {
        return;
    }
    let private = support::Private::new();
    let other = private.layout.pin_dir().join("abi-4000000");
    fs::create_dir_all(&other).unwrap();
    let error = Datapath::open(&private.layout, &FEW).unwrap_err();
    assert!(matches!(&error, Error::OtherAbi { found, .. } if found == "4000000"), "{error:?}");
    assert!(error.to_string().contains("madang down"), "it says what to do: {error}");
    Datapath::remove(&private.layout).unwrap();
    assert!(!private.layout.pin_dir().exists());
    Datapath::remove(&private.layout).unwrap();
    drop(Datapath::open(&private.layout, &FEW).unwrap());
    assert!(private.layout.pin_dir().exists());
}

fn interfaces_come_and_go(hook: Hook) {
    support::enter_new_network();
    let private = support::Private::new();
    let options = Options { hook, ..FEW };
    let mut datapath = Datapath::open(&private.layout, &options).unwrap();
    support::run("ip link add v0 type veth peer name v1");
    support::run("ip link add v2 type veth peer name v3");
    let [one, two] = ["v0", "v2"].map(support::ifindex);
    datapath.attach_port(one).unwrap();
    datapath.attach_port(one).unwrap();
    datapath.attach_uplink(two).unwrap();
    let attached = [(one, Attached::Port), (two, Attached::Uplink)].into();
    assert_eq!(datapath.attached().unwrap(), attached);
    assert!(matches!(datapath.attach_port(9999), Err(Error::NoInterface { ifindex: 9999, .. })));

    drop(datapath);
    let mut datapath = Datapath::open(&private.layout, &options).unwrap();
    assert_eq!(datapath.attached().unwrap(), attached);
    support::run("ip link del v0");
    assert_eq!(datapath.attached().unwrap(), [(two, Attached::Uplink)].into());
    datapath.detach(one).unwrap();
    drop(datapath);
    let mut datapath = Datapath::open(&private.layout, &options).unwrap();
    assert_eq!(datapath.attached().unwrap(), [(two, Attached::Uplink)].into());

    datapath.attach_port(two).unwrap();
    assert_eq!(
        datapath.attached().unwrap(),
        [(two, Attached::Port)].into(),
        "an interface may change its part"
    );
    Datapath::remove(&private.layout).unwrap();
    assert!(!private.layout.pin_dir().exists());
    let filters = support::run("tc filter show dev v2 ingress");
    assert_eq!(filters.trim(), "", "no filter is left");
}

#[test]
fn interfaces_come_and_go_by_tcx() {
    if support::privileged() {
        interfaces_come_and_go(Hook::Newest);
    }
}

#[test]
fn interfaces_come_and_go_by_clsact() {
    if support::privileged() {
        interfaces_come_and_go(Hook::Clsact);
    }
}

#[test]
fn a_filter_that_somebody_took_away_is_put_back() {
    if !support::privileged() {
        return;
    }
    support::enter_new_network();
    let private = support::Private::new();
    let options = Options { hook: Hook::Clsact, ..FEW };
    let mut datapath = Datapath::open(&private.layout, &options).unwrap();
    support::run("ip link add v0 type veth peer name v1");
    datapath.attach_port(support::ifindex("v0")).unwrap();
    let has_filter = || support::run("tc filter show dev v0 ingress").contains("from_port");
    assert!(has_filter());

    let index = support::ifindex("v0");
    assert_eq!(datapath.attached().unwrap(), [(index, Attached::Port)].into());
    support::run("tc qdisc del dev v0 clsact");
    assert!(datapath.attached().unwrap().is_empty(), "it is seen at once");
    datapath.attach_port(index).unwrap();
    assert!(has_filter());
    support::run("tc filter del dev v0 ingress");
    assert!(datapath.attached().unwrap().is_empty());

    // Or while nobody looks.
    assert!(!has_filter());
    drop(datapath);
    let mut datapath = Datapath::open(&private.layout, &options).unwrap();
    assert!(has_filter());

    // And one whose pin is lost is no obstacle.
    for pin in fs::read_dir(datapath.map_directory().parent().unwrap().join("filters")).unwrap() {
        fs::remove_file(pin.unwrap().path()).unwrap();
    }
    assert!(datapath.attached().unwrap().is_empty());
    datapath.attach_port(support::ifindex("v0")).unwrap();
    assert!(has_filter());
    datapath.detach(support::ifindex("v0")).unwrap();
    assert!(!has_filter());
}

#[test]
fn without_privilege_it_says_so() {
    if !support::privileged() {
        return;
    }
    let private = support::Private::new();
    let layout = private.layout.clone();
    let error = std::thread::spawn(move || {
        const NOBODY: libc::c_long = 65534;
        // SAFETY: the raw call changes this thread's user alone, who ends with the closure.
        let result = unsafe { libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) };
        assert_eq!(result, 0);
        Datapath::open(&layout, &FEW).unwrap_err()
    });
    let error = error.join().unwrap();
    assert!(matches!(error, Error::Privilege { .. }), "{error:?}");
    assert!(error.to_string().contains("root"), "{error}");
}

/// Runs in a mount namespace where /sys/fs/bpf is as the closure makes it.
fn with_own_mounts<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(move || {
        // SAFETY: it changes what this thread sees of the file system, and nothing else.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNS) }, 0);
        support::run("mount --make-rprivate /");
        while fs::read_to_string("/proc/thread-self/mounts").unwrap().contains(" /sys/fs/bpf ") {
            support::run("umount -l /sys/fs/bpf");
        }
        work()
    });
    thread.join().unwrap()
}

#[test]
fn bpffs_is_mounted_where_there_is_none() {
    if !support::privileged() {
        return;
    }
    let layout = Layout::new(Some(Path::new(&format!("/nonexistent/madang-test-{}", support::tag()))));
    with_own_mounts(move || {
        let mut datapath = Datapath::open(&layout, &FEW).unwrap();
        datapath.apply(&tables()).unwrap();
        assert!(layout.pin_dir().exists());
        Datapath::remove(&layout).unwrap();
    });
}

#[test]
fn a_directory_that_is_used_otherwise_is_left_alone() {
    if !support::privileged() {
        return;
    }
    let layout = Layout::new(Some(Path::new(&format!("/nonexistent/madang-test-{}", support::tag()))));
    with_own_mounts(move || {
        support::run("mount -t tmpfs none /sys/fs/bpf");
        fs::write("/sys/fs/bpf/something", "").unwrap();
        let error = Datapath::open(&layout, &FEW).unwrap_err();
        assert!(matches!(error, Error::NoBpffs { .. }), "{error:?}");
        assert!(error.to_string().contains("mount -t bpf"), "it says what to do: {error}");
    });
}
