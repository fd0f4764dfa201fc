//! What a packet costs in the datapath's program, of a known flow beside an empty program, and the first one of a flow with few
//! rules and with many. Run it on an idle machine:
//!
//! ```text
//! cargo test -p madang-kernel --test datapath_bench -- --ignored --nocapture
//! ```
#![expect(unsafe_code, reason = "bpf(2) takes pointers")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test: it fails where it stands, and says what it saw"
)]

mod support;

use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use aya::EbpfLoader;
use aya::programs::SchedClassifier;
use madang_addr::{Mac, Prefix};
use madang_datapath::{
    ClassId, Direction, Endpoint, GATEWAY_MAC, Nat, NatId, PolicyId, Port, PortId, PortPrefix, Route,
    RouteTableId, Rule, Tables, Uplink, UplinkId, VpcId, VpcTables,
};
use madang_kernel::datapath::{Context, Datapath, OBJECT, Options, test_run};

const ROUNDS: usize = 15;
const REPEAT: u32 = 300_000;
/// For packets that change: each needs a call of its own.
const SINGLE: usize = 30_000;
/// Of first packets, of which an instance may have 16,384 half open: in turns, and in each turn.
const FIRST_ROUNDS: usize = 7;
const FIRST: usize = 1_000;

const HERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);
const THERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const POOL: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

/// Both instances have the gateway's Ethernet address, so that a packet comes out as it went in, and may go in again.
/// That these two may speak is one of so many rules, about so many peers.
fn tables(ports: [u32; 2], uplink: u32, rules: u32) -> Tables {
    let (vpc, policy, table) = (VpcId(7), PolicyId(1), RouteTableId(1));
    let subnet: Prefix = "10.0.0.0/24".parse().unwrap();
    let mut tables = Tables::default();
    let mut own = VpcTables::default();
    for (port, address) in ports.into_iter().zip([HERE, THERE]) {
        let gateway = subnet.nth(1).unwrap();
        tables
            .ports
            .insert(PortId(port), Port { vpc, address: address.into(), mac: GATEWAY_MAC, subnet, gateway });
        let endpoint = Endpoint {
            port: PortId(port),
            mac: GATEWAY_MAC,
            policy,
            routes: table,
            nat: None,
            of_host: false,
        };
        own.endpoints.insert(address.into(), endpoint);
    }
    own.routes.insert((table, "10.0.0.0/16".parse().unwrap()), Route::Local);
    own.routes.insert((table, Prefix::ANY_V4), Route::Nat(NatId(1)));
    for direction in [Direction::Ingress, Direction::Egress] {
        let rule = |class, ports| Rule { policy, direction, class, protocol: Some(6), ports };
        own.rules.insert(rule(ClassId(1), PortPrefix::new(443, 16).unwrap()));
        own.rules.insert(rule(ClassId(0), PortPrefix::new(443, 16).unwrap()));
        for n in 1..rules {
            let port = PortPrefix::new((n * 7 + 1000) as u16, 16).unwrap();
            own.rules.insert(rule(ClassId(n % 500), port));
        }
    }
    for n in 1..rules.min(500) {
        let other = Ipv4Addr::new(172, 16, (n >> 8) as u8, n as u8);
        own.classes.insert(Prefix::host(other.into()), ClassId(n));
    }
    own.classes.insert(subnet, ClassId(1));
    tables.vpcs.insert(vpc, own);
    let outside = &mut tables.outside;
    outside.uplinks.insert(
        UplinkId(uplink),
        Uplink { mac: Mac([2, 0, 0, 0, 0, 1]), next_hop: OUTSIDE.into(), mtu: 1500 },
    );
    outside.addresses.insert(POOL.into(), UplinkId(uplink));
    outside.nats.insert(NatId(1), Nat { address: POOL.into(), first_port: 1024, last_port: 65535 });
    tables
}

fn tcp(from: Ipv4Addr, to: Ipv4Addr, flags: u8) -> Vec<u8> {
    let mut frame = [GATEWAY_MAC.0, GATEWAY_MAC.0].concat();
    frame.extend([8, 0, 0x45, 0, 0, 52, 0, 1, 0x40, 0, 64, 6, 0, 0]);
    frame.extend(from.octets().into_iter().chain(to.octets()));
    frame.extend([0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1, 0x80, flags, 0xff, 0xff, 0, 0, 0, 0]);
    frame.resize(14 + 52, 0);
    frame
}

/// `return 0`.
fn empty_program() -> OwnedFd {
    #[repr(C)]
    #[derive(Default)]
    struct Load {
        kind: u32,
        instructions: u32,
        code: u64,
        license: u64,
        rest: [u64; 12],
    }
    const SCHED_CLS: u32 = 3;
    const PROG_LOAD: libc::c_int = 5;
    let code: [u64; 2] = [0xb7, 0x95];
    let mut load = Load {
        kind: SCHED_CLS,
        instructions: 2,
        code: code.as_ptr().expose_provenance() as u64,
        license: c"MIT".as_ptr().expose_provenance() as u64,
        ..Load::default()
    };
    // SAFETY: the code and the licence outlive the call.
    let fd =
        unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, std::ptr::from_mut(&mut load), size_of::<Load>()) };
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel has just given us this descriptor.
    unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).unwrap()) }
}

fn run(program: BorrowedFd<'_>, ifindex: u32, frame: &[u8], repeat: u32) -> (u32, u32) {
    let mut context = Context::default();
    context.ifindex = ifindex;
    let run = test_run(program, frame, &mut [0; 128], &mut context, repeat).unwrap();
    (run.result, run.duration)
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

#[test]
#[ignore = "a measurement: for an idle machine"]
fn bench_test_run() {
    if !support::privileged() {
        return;
    }
    support::enter_new_network();
    for name in ["v", "w"] {
        support::run(&format!("ip link add {name}0 type veth peer name {name}1"));
    }
    let [one, two, uplink] = ["v0", "v1", "w0"].map(support::ifindex);
    let private = support::Private::new();
    let mut datapath = Datapath::open(&private.layout, &Options::default()).unwrap();
    datapath.apply(&tables([one, two], uplink, 10)).unwrap();
    let mut loaded =
        EbpfLoader::new().default_map_pin_directory(datapath.map_directory()).load(OBJECT).unwrap();
    let program: &mut SchedClassifier = loaded.program_mut("from_port").unwrap().try_into().unwrap();
    program.load().unwrap();
    let program = program.fd().unwrap().as_fd();
    let empty = empty_program();

    const REDIRECT: u32 = 7;
    const SYN: u8 = 0x02;
    const SYN_ACK: u8 = 0x12;
    const ACK: u8 = 0x10;
    let known = tcp(HERE, THERE, ACK);
    let mut answer = tcp(THERE, HERE, SYN_ACK);
    answer[34..38].copy_from_slice(&[0x01, 0xbb, 0x9c, 0x40]);
    for (ifindex, frame) in [(one, &tcp(HERE, THERE, SYN)), (two, &answer), (one, &known)] {
        assert_eq!(run(program, ifindex, frame, 1).0, REDIRECT);
    }
    assert_eq!(run(program, one, &tcp(HERE, OUTSIDE, SYN), 1).0, REDIRECT);

    let (mut east_west, mut nothing) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (result, duration) = run(program, one, &known, REPEAT);
        assert_eq!(result, REDIRECT);
        east_west.push(f64::from(duration));
        nothing.push(f64::from(run(empty.as_fd(), one, &known, REPEAT).1));
    }
    // A single run's figure has the price of reading the clock in it: only the difference counts.
    let translated = tcp(HERE, OUTSIDE, ACK);
    let single = |program: BorrowedFd<'_>, frame: &[u8]| {
        let mut all: Vec<u32> = (0..SINGLE).map(|_| run(program, one, frame, 1).1).collect();
        all.sort_unstable();
        f64::from(all[all.len() / 2])
    };
    let base = single(empty.as_fd(), &known);
    let (once, nat) = (single(program, &known) - base, single(program, &translated) - base);
    // First packets, each from another port, with few rules and with many in turns.
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for round in 0..FIRST_ROUNDS {
        for (rules, figures) in [(10, &mut few), (10_000, &mut many)] {
            datapath.apply(&tables([one, two], uplink, rules)).unwrap();
            let mut all: Vec<u32> = (0..FIRST)
                .map(|n| {
                    let mut frame = tcp(HERE, THERE, SYN);
                    let port = 1024 + (round * 2 + usize::from(rules > 10)) * FIRST + n;
                    frame[34..36].copy_from_slice(&(port as u16).to_be_bytes());
                    let (result, duration) = run(program, one, &frame, 1);
                    assert_eq!(result, REDIRECT);
                    duration
                })
                .collect();
            all.sort_unstable();
            figures.push(f64::from(all[all.len() / 2]) - base);
        }
    }
    let spread = |of: &[f64]| {
        let low = of.iter().copied().fold(f64::INFINITY, f64::min);
        let high = of.iter().copied().fold(0.0, f64::max);
        format!("{:.0} ns ({low:.0}-{high:.0})", median(of.to_vec()))
    };
    println!(
        "first packet, less an empty program: 10 rules {}, 10,000 rules {}",
        spread(&few),
        spread(&many)
    );
    println!("known flow, east-west   {:>6.0} ns a packet", median(east_west));
    println!("empty program           {:>6.0} ns", median(nothing));
    println!("one by one, less an empty program: east-west {once:.0} ns, source NAT {nat:.0} ns");
}
