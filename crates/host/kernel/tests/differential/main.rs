//! The same packets through the kernel's program and through the reference, in random worlds written by the real
//! writer: equal bytes, verdict, target and reason for every packet, and equal flows now and then.
//!
//! MADANG_PACKETS says how many (200,000 if not told), MADANG_SEED which worlds.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test: it fails where it stands, and says what it saw"
)]

mod mutations;
mod packets;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use aya::EbpfLoader;
use aya::programs::SchedClassifier;
use madang_datapath::{
    Flow, FlowKey, FlowTable, Generations, Outcome, PortId, Quotas, Tables, UplinkId, Verdict, VerdictCode,
    from_port, from_uplink,
};
use madang_kernel::datapath::{Context, Datapath, Hook, OBJECT, Options, test_run};

use packets::{Arrival, Departure, Packets};
use support::Random;

/// Few enough to be filled.
const FLOWS: u32 = 120;
/// The same.
const QUOTAS: Quotas = Quotas { instance: 16, instance_half_open: 12, vpc: 48, vpc_half_open: 40 };
const PACKETS_PER_WORLD: u64 = 5_000;
const PACKETS_PER_CHANGE: u64 = 250;
const SECOND: u64 = 1_000_000_000;

/// What became of a packet, of either side, in the kernel's numbers.
#[derive(Debug, PartialEq, Eq)]
struct Fate {
    verdict: u32,
    target: u32,
    /// Why it is dropped, or the next hop that it goes to.
    detail: u32,
    frame: Vec<u8>,
}

/// The datapath's programs with time and randomness from outside, over the maps of a datapath of this test's own.
struct Kernel {
    datapath: Datapath,
    from_port: OwnedFd,
    from_uplink: OwnedFd,
    collect: OwnedFd,
}

impl Kernel {
    fn open(private: &support::Private, object: &[u8]) -> Self {
        let options = Options { flow_capacity: FLOWS, hook: Hook::Newest };
        let datapath = Datapath::open(&private.layout, &options).unwrap();
        let mut programs = EbpfLoader::new()
            .default_map_pin_directory(datapath.map_directory())
            .override_global("injected", &1u32, true)
            .override_global("most_flows_of_instance", &QUOTAS.instance, true)
            .override_global("most_half_open_of_instance", &QUOTAS.instance_half_open, true)
            .override_global("most_flows_of_vpc", &QUOTAS.vpc, true)
            .override_global("most_half_open_of_vpc", &QUOTAS.vpc_half_open, true)
            .load(object)
            .unwrap();
        let mut load = |name| {
            let program: &mut SchedClassifier = programs.program_mut(name).unwrap().try_into().unwrap();
            program.load().unwrap();
            program.fd().unwrap().as_fd().try_clone_to_owned().unwrap()
        };
        let (from_port, from_uplink, collect) = (load("from_port"), load("from_uplink"), load("collect"));
        Self { datapath, from_port, from_uplink, collect }
    }

    /// None if BPF_PROG_TEST_RUN does not take such a frame.
    fn run(&self, arrival: &Arrival, now: u64, random: u32) -> Option<Fate> {
        let program = if arrival.uplink { &self.from_uplink } else { &self.from_port };
        let mut frame = vec![0; arrival.frame.len() + 64];
        let mut context = Context::default();
        context.ifindex = arrival.ifindex;
        (context.cb[0], context.cb[1]) = ((now & 0xffff_ffff) as u32, (now >> 32) as u32);
        context.cb[2] = random;
        let run = match test_run(program.as_fd(), &arrival.frame, &mut frame, &mut context, 1) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => return None,
            run => run.unwrap(),
        };
        frame.truncate(run.length);
        let [verdict, target, detail, ..] = context.cb;
        let told = verdict == VerdictCode::Refused as u32;
        assert!(told || run.length == arrival.frame.len(), "a frame's length stays");
        Some(Fate { verdict, target, detail, frame })
    }

    fn collect(&self, now: u64) -> usize {
        let mut context = Context::default();
        (context.cb[0], context.cb[1]) = ((now & 0xffff_ffff) as u32, (now >> 32) as u32);
        test_run(self.collect.as_fd(), &[0; 64], &mut [], &mut context, 1).unwrap().result as usize
    }
}

/// The reference, and what it needs.
struct Reference {
    tables: Tables,
    generations: Generations,
    flows: FlowTable,
}

impl Reference {
    fn run(&mut self, arrival: &Arrival, now: u64, random: u32) -> Fate {
        let mut frame = arrival.frame.clone();
        let Self { tables, generations, flows } = self;
        let Outcome { verdict, target } = if arrival.uplink {
            from_uplink(tables, generations, flows, UplinkId(arrival.ifindex), &mut frame, now, random)
        } else {
            from_port(tables, generations, flows, PortId(arrival.ifindex), &mut frame, now, random)
        };
        let detail = match verdict {
            Verdict::Drop(reason) | Verdict::Refused(reason) => reason.code(),
            Verdict::ToUplink(_, std::net::IpAddr::V4(next_hop)) => u32::from_ne_bytes(next_hop.octets()),
            _ => 0,
        };
        Fate { verdict: verdict.code() as u32, target, detail, frame }
    }

    /// Takes over new tables, and forgets the flows of VPCs that are no more, as the writer does.
    fn take(&mut self, tables: &Tables, generations: Generations) {
        let gone = |vpc| self.generations.0.contains_key(&vpc) && !generations.0.contains_key(&vpc);
        let end = |(key, flow): (&FlowKey, &Flow)| (gone(key.vpc) || gone(flow.target)).then_some(*key);
        let ended: Vec<_> = self.flows.iter().filter_map(end).collect();
        for key in ended {
            self.flows.remove(&key);
        }
        self.tables = tables.clone();
        self.generations = generations;
    }
}

struct Test {
    seed: u64,
    kernel: Kernel,
    reference: Reference,
    interfaces: Vec<u32>,
    now: u64,
    out: Vec<Departure>,
    sent: Vec<Arrival>,
    fates: BTreeMap<(u32, u32), u64>,
    drops: BTreeMap<(u32, u32), u64>,
    refused: u64,
    changes: u64,
}

impl Test {
    fn change_world(&mut self, random: &mut Random) {
        let tables = world::make(random, &self.interfaces);
        self.out.clear();
        self.sent.clear();
        self.apply(&tables);
    }

    fn change(&mut self, random: &mut Random) {
        let mut tables = self.reference.tables.clone();
        world::change(random, &mut tables);
        self.apply(&tables);
    }

    fn apply(&mut self, tables: &Tables) {
        self.changes += 1;
        self.kernel.datapath.apply(tables).unwrap();
        assert_eq!(&self.kernel.datapath.observe().unwrap(), tables, "what is read back is what was written");
        if self.changes.is_multiple_of(16) {
            assert_eq!(self.kernel.datapath.apply(tables).unwrap(), Default::default(), "nothing to do");
        }
        self.reference.take(tables, self.kernel.datapath.generations().unwrap());
    }

    fn packet(&mut self, random: &mut Random) {
        self.now += match random.below(400) {
            0 => random.between(1, 40) * SECOND,
            1 => random.between(60, 200) * SECOND,
            2 if random.once_in(10) => 25 * 60 * 60 * SECOND,
            3..=9 => random.below(12) * SECOND,
            _ => random.below(SECOND / 100),
        };
        let (tables, interfaces) = (&self.reference.tables, &self.interfaces);
        let arrival = Packets { tables, interfaces, out: &self.out, sent: &self.sent }.next(random);
        let chance = (random.next() & 0xffff_ffff) as u32;
        let Some(kernel) = self.kernel.run(&arrival, self.now, chance) else {
            self.refused += 1;
            return;
        };
        let reference = self.reference.run(&arrival, self.now, chance);
        assert!(kernel == reference, "{}", self.difference(&arrival, chance, &kernel, &reference));
        let dropped = [VerdictCode::Drop as u32, VerdictCode::Refused as u32].contains(&kernel.verdict);
        let detail = if dropped { kernel.detail } else { 0 };
        *self.fates.entry((kernel.verdict, detail)).or_default() += 1;
        if dropped {
            *self.drops.entry((arrival.ifindex, detail)).or_default() += 1;
        }
        let leaves = [VerdictCode::ToPort as u32, VerdictCode::ToUplink as u32].contains(&kernel.verdict);
        if leaves {
            self.out.push(Departure { target: kernel.target, frame: kernel.frame });
            self.sent.push(arrival);
        }
    }

    fn difference(&self, arrival: &Arrival, chance: u32, kernel: &Fate, reference: &Fate) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let show = |fate: &Fate| {
            let Fate { verdict, target, detail, frame } = fate;
            format!("verdict {verdict} target {target} detail {detail} frame {}", hex(frame))
        };
        format!(
            "the kernel and the reference differ (MADANG_SEED={})\n  at {} ns, random {chance:#x}, {} {}\n  \
             packet    {}\n  kernel    {}\n  reference {}\n  world {:#?}\n  flows {:#?}",
            self.seed,
            self.now,
            if arrival.uplink { "uplink" } else { "port" },
            arrival.ifindex,
            hex(&arrival.frame),
            show(kernel),
            show(reference),
            self.reference.tables,
            self.reference.flows,
        )
    }

    fn compare_flows(&self) {
        let kernel: BTreeMap<_, _> =
            self.kernel.datapath.flows().unwrap().into_iter().map(|entry| (entry.key, entry.flow)).collect();
        let reference: BTreeMap<_, _> =
            self.reference.flows.iter().map(|(key, flow)| (*key, *flow)).collect();
        for key in kernel.keys().chain(reference.keys()) {
            let (kernel, reference) = (kernel.get(key), reference.get(key));
            assert_eq!(kernel, reference, "the flow {key:?} differs (MADANG_SEED={})", self.seed);
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn the_kernel_does_what_the_reference_says() {
    if !support::privileged() {
        return;
    }
    let packets = setting("MADANG_PACKETS", SETTINGS.packets);
    compare(OBJECT, Settings { packets, seed: setting("MADANG_SEED", SETTINGS.seed) });
}

/// How many packets, and of which worlds.
#[derive(Clone, Copy)]
struct Settings {
    packets: u64,
    seed: u64,
}

const SETTINGS: Settings = Settings { packets: 200_000, seed: 1 };

/// Sends the same packets through the programs of this object and through the reference.
fn compare(object: &[u8], Settings { packets, seed }: Settings) {
    support::enter_new_network();
    let mut interfaces = Vec::new();
    for i in 0..10 {
        support::run(&format!("ip link add v{i} type veth peer name w{i}"));
        interfaces.extend([support::ifindex(&format!("v{i}")), support::ifindex(&format!("w{i}"))]);
    }
    let private = support::Private::new();
    let mut test = Test {
        seed,
        kernel: Kernel::open(&private, object),
        reference: Reference {
            tables: Tables::default(),
            generations: Generations::default(),
            flows: FlowTable::new(FLOWS as usize).with_quotas(QUOTAS),
        },
        interfaces,
        now: 1000 * SECOND,
        out: Vec::new(),
        sent: Vec::new(),
        fates: BTreeMap::new(),
        drops: BTreeMap::new(),
        refused: 0,
        changes: 0,
    };
    let mut random = Random::new(seed);
    let started = Instant::now();
    for packet in 0..packets {
        if packet.is_multiple_of(PACKETS_PER_WORLD) {
            test.change_world(&mut random);
        } else if packet.is_multiple_of(PACKETS_PER_CHANGE) {
            test.change(&mut random);
        }
        test.packet(&mut random);
        if packet.is_multiple_of(100) {
            test.compare_flows();
        }
        if random.once_in(700) {
            assert_eq!(test.kernel.collect(test.now), test.reference.flows.collect(test.now), "collected");
        }
    }
    test.compare_flows();
    let drops = test.kernel.datapath.drops().unwrap();
    let drops = drops.into_iter().map(|count| ((count.ifindex, count.reason.code()), count.packets));
    assert_eq!(drops.collect::<BTreeMap<_, _>>(), test.drops, "every drop is counted");
    report(&test, packets, started);
}

fn report(test: &Test, packets: u64, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    let rate = packets as f64 / seconds;
    println!(
        "{packets} packets (seed {}), {} changes of the tables, {} not taken by the kernel: {seconds:.1} s, {rate:.0}/s",
        test.seed, test.changes, test.refused
    );
    for ((verdict, reason), count) in &test.fates {
        let reason =
            madang_datapath::DropReason::from_code(*reason).map_or("", madang_datapath::DropReason::name);
        println!("  verdict {verdict} {reason:<20} {count:>8}");
    }
}
