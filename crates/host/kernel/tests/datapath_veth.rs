//! Real interfaces and real sockets: what BPF_PROG_TEST_RUN leaves out (redirects, segmentation offload, checksums that
//! are still to be filled in), and a datapath that is dropped and opened again under traffic.
#![expect(unsafe_code, reason = "threads of the test enter network namespaces")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test: it fails where it stands, and says what it saw"
)]

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use madang_datapath::{
    ClassId, Direction, DropReason, Endpoint, Forward, ForwardKey, GATEWAY_MAC, Nat, NatId, PolicyId, Port,
    PortId, PortPrefix, Route, RouteTableId, Rule, Tables, Uplink, UplinkId, VpcId, VpcTables,
};
use madang_kernel::datapath::{Datapath, Hook, Options};

const LIMIT: Duration = Duration::from_secs(20);
const VPC: VpcId = VpcId(7);
const A: &str = "10.0.0.4";
const B: &str = "10.0.1.5";
const POOL: &str = "198.51.100.1";
const OUTSIDE: &str = "198.51.100.254";

/// A network namespace, held by a process that does nothing and ends when the test's process does, however that ends.
struct Space {
    holder: Child,
}

impl Space {
    fn new() -> Self {
        let holder = Command::new("unshare").args(["--net", "cat"]).stdin(Stdio::piped()).spawn().unwrap();
        let space = Self { holder };
        let own = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        wait_for("a namespace of its own", || {
            std::fs::read_link(space.path()).is_ok_and(|theirs| theirs != own)
                && std::fs::read_to_string(format!("/proc/{}/comm", space.holder.id())).unwrap() == "cat\n"
        });
        space
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }

    /// Runs a command in it, which must succeed.
    fn run(&self, command: &str) -> String {
        support::run(&format!("nsenter --net={} -- {command}", self.path()))
    }

    /// Runs a closure in it, on a thread of its own.
    fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let namespace = File::open(self.path()).unwrap();
        std::thread::spawn(move || {
            // SAFETY: it changes where this thread's sockets are opened, and nothing else.
            let result = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
            assert_eq!(result, 0, "setns: {}", std::io::Error::last_os_error());
            work()
        })
    }

    fn does<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.spawn(work).join().unwrap()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < end, "no {what} within {LIMIT:?}");
        std::thread::yield_now();
    }
}

/// Two instances in two subnets, and the outside behind an uplink. The host is the thread's own namespace.
struct Net {
    a: Space,
    b: Space,
    outside: Space,
    port_a: u32,
    port_b: u32,
    uplink: u32,
}

impl Net {
    fn new() -> Self {
        support::enter_new_network();
        // Before a namespace has its first address, every neighbour's Ethernet address is the broadcast one.
        support::run("ip link set lo up");
        let (a, b, outside) = (Space::new(), Space::new(), Space::new());
        let port_a = wire(&a, "port-a", &format!("{A}/24"), "02:00:00:00:00:0a");
        let port_b = wire(&b, "port-b", &format!("{B}/24"), "02:00:00:00:00:0b");
        support::run(&format!("ip link set port-a address {GATEWAY_MAC} up"));
        support::run(&format!("ip link set port-b address {GATEWAY_MAC} up"));
        a.run("ip route add default via 10.0.0.1");
        b.run("ip route add default via 10.0.1.1");
        let uplink = wire(&outside, "uplink", &format!("{OUTSIDE}/24"), "02:00:00:00:00:0f");
        support::run("ip link set uplink address 02:00:00:00:00:1f up");
        Self { a, b, outside, port_a, port_b, uplink }
    }

    fn tables(&self) -> Tables {
        let mut tables = Tables::default();
        let mut own = VpcTables::default();
        for (id, address, mac) in
            [(self.port_a, A, "02:00:00:00:00:0a"), (self.port_b, B, "02:00:00:00:00:0b")]
        {
            let (address, mac): (Ipv4Addr, madang_addr::Mac) =
                (address.parse().unwrap(), mac.parse().unwrap());
            let subnet = madang_addr::Prefix::containing(address.into(), 24).unwrap();
            let gateway = subnet.nth(1).unwrap();
            let port = PortId(id);
            tables.ports.insert(port, Port { vpc: VPC, address: address.into(), mac, subnet, gateway });
            let endpoint = Endpoint {
                port,
                mac,
                policy: PolicyId(1),
                routes: RouteTableId(1),
                nat: None,
                of_host: false,
            };
            own.endpoints.insert(address.into(), endpoint);
        }
        own.classes.insert("10.0.0.0/16".parse().unwrap(), ClassId(1));
        own.routes.insert((RouteTableId(1), "10.0.0.0/16".parse().unwrap()), Route::Local);
        own.routes.insert((RouteTableId(1), "0.0.0.0/0".parse().unwrap()), Route::Nat(NatId(1)));
        for direction in [Direction::Ingress, Direction::Egress] {
            for class in [0, 1].map(ClassId) {
                own.rules.insert(Rule {
                    policy: PolicyId(1),
                    direction,
                    class,
                    protocol: None,
                    ports: PortPrefix::ALL,
                });
            }
        }
        tables.vpcs.insert(VPC, own);
        let uplink = UplinkId(self.uplink);
        let (mac, next_hop) = ("02:00:00:00:00:1f".parse().unwrap(), OUTSIDE.parse().unwrap());
        let pool = POOL.parse().unwrap();
        tables.outside.uplinks.insert(uplink, Uplink { mac, next_hop, mtu: 1500 });
        tables.outside.addresses.insert(pool, uplink);
        tables.outside.nats.insert(NatId(1), Nat { address: pool, first_port: 32768, last_port: 49151 });
        let forward = Forward { vpc: VPC, address: A.parse().unwrap(), port: 8080 };
        tables.outside.forwards.insert(ForwardKey { address: pool, protocol: 6, port: 80 }, forward);
        tables
    }

    fn attach(&self, datapath: &mut Datapath) {
        datapath.attach_port(self.port_a).unwrap();
        datapath.attach_port(self.port_b).unwrap();
        datapath.attach_uplink(self.uplink).unwrap();
    }
}

/// A veth from here into the space, where it is eth0; the index of its end here.
fn wire(space: &Space, name: &str, address: &str, mac: &str) -> u32 {
    let pid = space.holder.id();
    support::run(&format!("ip link add {name} type veth peer name eth0 netns {pid}"));
    space.run(&format!("ip link set eth0 address {mac}"));
    space.run(&format!("ip addr add {address} dev eth0"));
    space.run("ip link set lo up");
    space.run("ip link set eth0 up");
    support::ifindex(name)
}

/// Sends this many bytes one way and back over TCP, and compares all of them.
fn transfer(from: &Space, to: &Space, address: &str, listen: &str, bytes: usize) -> SocketAddr {
    let listen: SocketAddr = listen.parse().unwrap();
    let listener = to.does(move || TcpListener::bind(listen).unwrap());
    let server = to.spawn(move || {
        let (mut stream, peer) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all).unwrap();
        peer
    });
    let address: SocketAddr = address.parse().unwrap();
    let back = from.does(move || {
        let mut stream =
            TcpStream::connect_timeout(&address, LIMIT).unwrap_or_else(|e| panic!("{address}: {e}"));
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(&content(bytes)).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        back
    });
    assert!(back == content(bytes), "what came back from {address} is what was sent");
    server.join().unwrap()
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
}

/// The TTL with which the answer to a ping comes.
fn ping(from: &Space, to: &str) -> u32 {
    let said = from.run(&format!("ping -n -c 1 -W 5 {to}"));
    let ttl = said.split("ttl=").nth(1).and_then(|rest| rest.split_whitespace().next());
    ttl.unwrap_or_else(|| panic!("{said}")).parse().unwrap()
}

/// Says what the datapath did, if the test fails.
struct Evidence<'a>(&'a madang_kernel::Layout);

impl Drop for Evidence<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let datapath = Datapath::open(self.0, &Options::default()).unwrap();
            println!("drops: {:#?}\nflows: {:#?}", datapath.drops(), datapath.flows());
        }
    }
}

fn options(hook: Hook) -> Options {
    Options { flow_capacity: 4096, hook }
}

fn sockets_meet(hook: Hook) {
    let net = Net::new();
    let private = support::Private::new();
    let _evidence = Evidence(&private.layout);
    let mut datapath = Datapath::open(&private.layout, &options(hook)).unwrap();
    datapath.apply(&net.tables()).unwrap();
    net.attach(&mut datapath);

    assert_eq!(ping(&net.a, "10.0.0.1"), 64, "the gateway itself");
    assert_eq!(ping(&net.a, B), 63, "through the gateway");
    assert_eq!(ping(&net.b, A), 63, "through the gateway");
    assert_eq!(ping(&net.a, OUTSIDE), 63, "through the gateway, there and back");

    const BYTES: usize = 8 << 20;
    transfer(&net.a, &net.b, &format!("{B}:5000"), "0.0.0.0:5000", BYTES);
    transfer(&net.b, &net.a, &format!("{A}:5001"), "0.0.0.0:5001", BYTES);
    let seen = transfer(&net.a, &net.outside, &format!("{OUTSIDE}:5002"), "0.0.0.0:5002", BYTES);
    assert_eq!(seen.ip().to_string(), POOL, "the outside sees the pool's address");
    let seen = transfer(&net.outside, &net.a, &format!("{POOL}:80"), "0.0.0.0:8080", BYTES);
    assert_eq!(seen.ip().to_string(), OUTSIDE, "the instance sees the client's address");

    // Segments went through whole, and were cut, if at all, behind the datapath.
    let flows = datapath.flows().unwrap();
    let bulk: Vec<_> =
        flows.iter().map(|entry| entry.flow).filter(|flow| flow.bytes > BYTES as u64).collect();
    assert_eq!(bulk.len(), 8, "both ways of four transfers: {flows:#?}");
    for flow in bulk {
        assert!(flow.bytes / flow.packets > 3000, "segmentation offload is in use: {flow:?}");
    }
    refused_at_once(&net, &mut datapath);
    let expired = datapath.flows().unwrap().iter().filter(|entry| entry.remaining.is_zero()).count();
    assert!(datapath.collect().unwrap() >= expired, "what has expired is collected");
    assert!(datapath.flows().unwrap().len() >= 8 - expired.min(8), "what has not stays");

    for ifindex in [net.port_a, net.port_b, net.uplink] {
        datapath.detach(ifindex).unwrap();
    }
    assert!(datapath.attached().unwrap().is_empty());
}

/// A rule that goes cuts a connection that lives.
fn refused_at_once(net: &Net, datapath: &mut Datapath) {
    let listener = net.b.does(|| TcpListener::bind("0.0.0.0:6000").unwrap());
    let to: SocketAddr = format!("{B}:6000").parse().unwrap();
    let mut client = net.a.does(move || TcpStream::connect_timeout(&to, LIMIT).unwrap());
    let (mut server, _) = listener.accept().unwrap();
    server.set_read_timeout(Some(LIMIT)).unwrap();
    let mut byte = [0];
    client.write_all(b"1").unwrap();
    server.read_exact(&mut byte).unwrap();

    let mut tables = net.tables();
    tables.vpcs.get_mut(&VPC).unwrap().rules.retain(|rule| rule.direction == Direction::Egress);
    datapath.apply(&tables).unwrap();
    server.set_read_timeout(Some(Duration::from_millis(600))).unwrap();
    client.write_all(b"2").unwrap();
    assert!(server.read_exact(&mut byte).is_err(), "nothing comes through any more");
    let cut =
        |reason| datapath.drops().unwrap().iter().any(|c| c.ifindex == net.port_a && c.reason == reason);
    assert!(cut(DropReason::IngressDenied), "{:?}", datapath.drops());
}

/// Sends up to 1,000 datagrams a second until told to stop; each comes back. How many were sent, and how many came.
fn stream_of_datagrams(net: &Net, stop: Arc<AtomicBool>) -> JoinHandle<(u32, u32)> {
    // More than these on their way could be lost in a full queue, which is not the datapath's doing.
    const ON_THEIR_WAY: u32 = 64;
    let echo = net.outside.does(|| UdpSocket::bind("0.0.0.0:7000").unwrap());
    echo.set_read_timeout(Some(LIMIT)).unwrap();
    net.outside.spawn(move || {
        let mut datagram = [0; 4];
        while let Ok((4, from)) = echo.recv_from(&mut datagram) {
            echo.send_to(&datagram, from).unwrap();
        }
    });
    net.a.spawn(move || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect(format!("{OUTSIDE}:7000")).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let (started, mut sent, mut came) = (Instant::now(), 0u32, 0u32);
        let mut datagram = [0; 4];
        let mut last = Instant::now();
        loop {
            while socket.recv(&mut datagram).is_ok() {
                came += 1;
                last = Instant::now();
            }
            if stop.load(Ordering::Relaxed) {
                if came == sent || last.elapsed() > Duration::from_secs(5) {
                    let _ = socket.send(b".");
                    return (sent, came);
                }
                continue;
            }
            while sent - came < ON_THEIR_WAY && started.elapsed() > Duration::from_millis(1) * sent {
                socket.send(&sent.to_be_bytes()).unwrap();
                sent += 1;
            }
        }
    })
}

fn reopened_under_traffic(hook: Hook) {
    let net = Net::new();
    let private = support::Private::new();
    let mut datapath = Datapath::open(&private.layout, &options(hook)).unwrap();
    let mut tables = net.tables();
    datapath.apply(&tables).unwrap();
    net.attach(&mut datapath);
    ping(&net.a, OUTSIDE);

    let stop = Arc::new(AtomicBool::new(false));
    let datagrams = stream_of_datagrams(&net, Arc::clone(&stop));
    let attached = datapath.attached().unwrap();
    let mut flows = 0;
    for round in 0..6 {
        drop(datapath);
        transfer(
            &net.a,
            &net.b,
            &format!("{B}:{}", 5000 + round),
            &format!("0.0.0.0:{}", 5000 + round),
            1 << 20,
        );
        datapath = Datapath::open(&private.layout, &options(hook)).unwrap();
        assert_eq!(datapath.attached().unwrap(), attached);
        assert_eq!(datapath.observe().unwrap(), tables, "the tables are still there");
        let now = datapath.flows().unwrap().len();
        assert!(now > flows, "the flows are still there: {now} after {flows}");
        flows = now;
        // Something of the same VPC, and of the outside, that has nothing to do with the traffic.
        let other = Rule {
            policy: PolicyId(9),
            direction: Direction::Ingress,
            class: ClassId(round),
            protocol: Some(6),
            ports: PortPrefix::ALL,
        };
        tables.vpcs.get_mut(&VPC).unwrap().rules.insert(other);
        tables
            .outside
            .nats
            .insert(NatId(10 + round), Nat { address: POOL.parse().unwrap(), first_port: 1, last_port: 2 });
        assert_eq!(datapath.apply(&tables).unwrap().vpcs_flipped, 2);
    }
    stop.store(true, Ordering::Relaxed);
    let (sent, came) = datagrams.join().unwrap();
    println!("{sent} datagrams through 6 restarts and changes of the tables, {} lost", sent - came);
    assert_eq!(sent, came, "no datagram is lost; drops: {:?}", datapath.drops().unwrap());
    assert!(sent > 300, "there was traffic meanwhile");
}

/// Another layout's datapath is one whose pins stand under another version: its records of flows are the same.
fn taken_over_under_traffic(hook: Hook) {
    let net = Net::new();
    let private = support::Private::new();
    let mut datapath = Datapath::open(&private.layout, &options(hook)).unwrap();
    let tables = net.tables();
    datapath.apply(&tables).unwrap();
    net.attach(&mut datapath);
    ping(&net.a, OUTSIDE);
    let stop = Arc::new(AtomicBool::new(false));
    let datagrams = stream_of_datagrams(&net, Arc::clone(&stop));
    let listener = net.b.does(|| TcpListener::bind("0.0.0.0:6000").unwrap());
    let mut ours = net.a.does(|| TcpStream::connect(format!("{B}:6000")).unwrap());
    let (mut theirs, _) = listener.accept().unwrap();
    let attached = datapath.attached().unwrap();
    let flows = datapath.flows().unwrap().len();
    assert!(flows >= 4, "{flows}");

    drop(datapath);
    let ours_of = |version: u32| private.layout.pin_dir().join(format!("abi-{version}"));
    let version = (2..9).find(|version| ours_of(*version).exists()).unwrap();
    std::fs::rename(ours_of(version), ours_of(version - 1)).unwrap();
    let mut datapath = Datapath::open(&private.layout, &options(hook)).unwrap();
    assert_eq!(datapath.attached().unwrap(), attached, "the older programs are there still");
    assert_eq!(datapath.observe().unwrap(), Tables::default(), "and the new maps are empty");
    net.attach(&mut datapath);
    assert!(ours_of(version - 1).exists(), "which does nothing yet");
    datapath.apply(&tables).unwrap();
    assert_eq!(datapath.attached().unwrap(), attached);
    assert!(!ours_of(version - 1).exists());
    assert!(datapath.flows().unwrap().len() >= flows);

    ours.write_all(b"still here").unwrap();
    let mut read = [0; 10];
    theirs.set_read_timeout(Some(LIMIT)).unwrap();
    theirs.read_exact(&mut read).unwrap();
    stop.store(true, Ordering::Relaxed);
    let (sent, came) = datagrams.join().unwrap();
    println!("{sent} datagrams while an older datapath was taken over, {} lost", sent - came);
    assert_eq!(sent, came, "no datagram is lost; drops: {:?}", datapath.drops().unwrap());
    datapath.detach(net.port_a).unwrap();
    assert_eq!(datapath.attached().unwrap().len(), 2);
}

#[test]
fn an_older_layout_is_taken_over_by_tcx() {
    if support::privileged() {
        taken_over_under_traffic(Hook::Newest);
    }
}

#[test]
fn an_older_layout_is_taken_over_by_clsact() {
    if support::privileged() {
        taken_over_under_traffic(Hook::Clsact);
    }
}

#[test]
fn sockets_meet_by_tcx() {
    if support::privileged() {
        sockets_meet(Hook::Newest);
    }
}

#[test]
fn sockets_meet_by_clsact() {
    if support::privileged() {
        sockets_meet(Hook::Clsact);
    }
}

#[test]
fn nothing_is_lost_when_it_is_reopened_by_tcx() {
    if support::privileged() {
        reopened_under_traffic(Hook::Newest);
    }
}

#[test]
fn nothing_is_lost_when_it_is_reopened_by_clsact() {
    if support::privileged() {
        reopened_under_traffic(Hook::Clsact);
    }
}
