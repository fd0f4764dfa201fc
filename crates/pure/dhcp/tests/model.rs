//! Thousands of clients and a server on a bad network: messages are lost, come twice and out of order, wall clocks jump, the
//! server dies at any moment and comes back with what was durable. No address is ever with two clients, no acknowledged
//! lease is lost, and when the network is good again everybody has an address.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::net::Ipv4Addr;

use madang_addr::Mac;
use madang_dhcp::{
    Actions, Client, ClientAction, ClientDestination, ClientEvent, ClientSpec, ClientState, Destination,
    Event, Instant, LeaseState, LeaseTimes, Limits, Now, Origin, Probing, Range, Record, Server,
    ServerConfig, ServerSpec, SubnetSpec, Waits, Wall, What,
};
use madang_wire::dhcp::{HardwareAddress, MessageType, Packet};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    ToServer {
        bytes: Vec<u8>,
        unicast: bool,
    },
    ToClient {
        client: usize,
        bytes: Vec<u8>,
    },
    Wake(usize),
    ServerDeadline,
    /// The log is durable up to this record.
    Durable,
    Restart,
    ClockJump,
    /// Who uses an address answers a probe.
    Answer {
        address: Ipv4Addr,
        by: Mac,
    },
    /// A client is switched off or on, politely or not.
    Switch {
        client: usize,
        release: bool,
    },
}

struct World {
    random: Random,
    now: u64,
    /// How far the wall clock is off, in seconds.
    skew: i64,
    queue: BinaryHeap<Reverse<(u64, u64, Happening)>>,
    count: u64,
    server: Server,
    config: ServerConfig,
    /// Records that a crash leaves, and those that are still on their way, with the replies that wait for them.
    durable: Vec<u8>,
    pending: Vec<Record>,
    waiting: Vec<(Destination, Vec<u8>)>,
    writing: bool,
    clients: Vec<Client>,
    by_mac: HashMap<Mac, usize>,
    /// Who had which Ethernet address, the last one last.
    macs: Vec<(usize, Mac)>,
    /// What the network does to messages, in percent.
    bad: u64,
    /// Addresses that clients use now.
    used: BTreeMap<Ipv4Addr, usize>,
    grants: usize,
    restarts: usize,
}

fn config(last: [u8; 4], probe: bool) -> ServerConfig {
    let mut spec = ServerSpec::new(SERVER);
    spec.waits = Waits { probe: probe.then_some(300), offer: 20_000, quarantine: 600 };
    spec.limits = Limits { offers_per_port: u32::MAX, probes: u32::MAX, ..Limits::default() };
    let mut subnet = SubnetSpec::new("10.0.0.0/16".parse().unwrap());
    subnet.link = Some(1);
    subnet.routers = vec![SERVER];
    subnet.lease = LeaseTimes { min: 60, default: 600, max: 1200, ..LeaseTimes::default() };
    subnet.pools = vec![Range { first: [10, 0, 1, 0].into(), last: last.into() }];
    spec.subnets.push(subnet);
    ServerConfig::new(spec).unwrap()
}

impl World {
    fn new(seed: u64, clients: usize, last: [u8; 4]) -> Self {
        let config = config(last, seed.is_multiple_of(2));
        let mut world = Self {
            random: Random(seed + 1),
            now: 1_000_000,
            skew: 0,
            queue: BinaryHeap::new(),
            count: 0,
            server: Server::new(config.clone(), Now::default(), seed),
            config,
            durable: Vec::new(),
            pending: Vec::new(),
            waiting: Vec::new(),
            writing: false,
            clients: Vec::new(),
            by_mac: HashMap::new(),
            macs: Vec::new(),
            bad: 20,
            used: BTreeMap::new(),
            grants: 0,
            restarts: 0,
        };
        world.server = Server::new(world.config.clone(), world.time(), seed);
        for client in 0..clients {
            let new = world.new_client(client);
            world.clients.push(new);
            let at = world.random.below(20_000);
            world.plan(at, Happening::Switch { client, release: false });
        }
        world
    }

    /// A client that nobody has seen yet.
    fn new_client(&mut self, client: usize) -> Client {
        let [.., a, b] = u32::try_from(client).unwrap().to_be_bytes();
        let [.., c, d] = u32::try_from(self.macs.len()).unwrap().to_be_bytes();
        let mac = Mac([2, 0, c, d, a, b]);
        let mut spec = ClientSpec::new(mac);
        spec.probing = client.is_multiple_of(3).then_some(Probing::QUICK);
        spec.broadcast = client.is_multiple_of(5);
        spec.host_name = client.is_multiple_of(2).then(|| format!("host-{}", client % 50));
        spec.client_id = client.is_multiple_of(4).then(|| vec![255, c, d, a, b, 7, 7]);
        self.by_mac.insert(mac, client);
        self.macs.push((client, mac));
        Client::new(spec).unwrap()
    }

    /// The Ethernet address of a client.
    fn mac(&self, client: usize) -> Mac {
        self.macs.iter().rfind(|(of, _)| *of == client).unwrap().1
    }

    fn time(&self) -> Now {
        let wall = u64::try_from(1_800_000_000 + self.skew).unwrap() + self.now / 1000;
        Now { instant: Instant(self.now), wall: Wall(wall) }
    }

    fn plan(&mut self, wait: u64, what: Happening) {
        self.count += 1;
        self.queue.push(Reverse((self.now + wait, self.count, what)));
    }

    /// A message on the network: it is lost, comes twice, or late.
    fn send(&mut self, what: impl Fn() -> Happening) {
        let copies = match self.random.below(100) {
            lost if lost < self.bad => 0,
            twice if twice < 2 * self.bad => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let late = if self.random.chance(self.bad) { 3000 } else { 5 };
            let wait = 1 + self.random.below(late);
            self.plan(wait, what());
        }
    }

    fn run(&mut self, until: u64) {
        while self.queue.peek().is_some_and(|Reverse((at, ..))| *at <= until) {
            let Reverse((at, _, what)) = self.queue.pop().unwrap();
            self.now = at;
            self.happen(what);
        }
        self.now = until;
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::ToServer { bytes, unicast } => {
                let origin = Origin { link: 1, port: None, source: Ipv4Addr::UNSPECIFIED, unicast };
                self.serve(Event::Message { bytes: &bytes, origin });
            }
            Happening::Answer { address, by } => self.serve(Event::Answered { address, by: Some(by) }),
            Happening::ServerDeadline => {
                if self.server.next_deadline().is_some_and(|at| at.0 <= self.now) {
                    self.serve(Event::Deadline);
                }
            }
            Happening::Durable => self.flush(),
            Happening::Restart => self.restart(),
            Happening::ClockJump => {
                let jump = i64::try_from(self.random.below(20_000)).unwrap() - 10_000;
                self.skew = (self.skew + jump).clamp(-100_000, 100_000);
            }
            Happening::ToClient { client, bytes } => self.act(client, ClientEvent::Message(&bytes)),
            Happening::Wake(client) => {
                if self.clients[client].next_deadline().is_some_and(|at| at.0 <= self.now) {
                    self.act(client, ClientEvent::Deadline);
                }
            }
            Happening::Switch { client, release } => {
                if self.clients[client].state() == ClientState::Stopped {
                    // Another one in its place, which the server does not know.
                    if self.random.chance(30) {
                        self.clients[client] = self.new_client(client);
                    }
                    self.act(client, ClientEvent::Start);
                } else {
                    self.act(client, ClientEvent::Stop { release });
                }
            }
        }
    }

    fn serve(&mut self, event: Event<'_>) {
        let mut actions = Actions::new();
        let random = self.random.next();
        self.server.handle(event, self.time(), random, &mut actions);
        for probe in &actions.probes {
            // Who uses an address answers, sooner than the probe ends.
            if let Some(client) = self.used.get(&probe.address) {
                let by = self.mac(*client);
                let wait = self.random.below(200);
                self.plan(wait, Happening::Answer { address: probe.address, by });
            }
        }
        for reply in &actions.replies {
            let bytes = actions.message(reply).to_vec();
            match reply.after {
                Some(_) => self.waiting.push((reply.to, bytes)),
                None => self.deliver(reply.to, bytes),
            }
        }
        for notice in &actions.notices {
            assert!(!notice.reason.to_string().is_empty(), "{notice:?}");
            if notice.what == What::Ack {
                self.grants += 1;
            }
        }
        if !actions.commits.is_empty() {
            self.pending.extend(actions.commits.into_iter().map(|commit| commit.record));
            // One write at a time makes durable all that came before; the disk is sometimes slow.
            if !self.writing {
                let slowest = if self.random.chance(20) { 3000 } else { 20 };
                let wait = self.random.below(slowest);
                self.plan(wait, Happening::Durable);
                self.writing = true;
            }
        }
        if let Some(at) = self.server.next_deadline() {
            self.plan(at.0.saturating_sub(self.now).min(100_000), Happening::ServerDeadline);
        }
    }

    /// The log is durable: what waited for it goes out.
    fn flush(&mut self) {
        self.writing = false;
        for record in std::mem::take(&mut self.pending) {
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            self.durable.push(u8::try_from(bytes.len()).unwrap());
            self.durable.extend(bytes);
        }
        for (to, bytes) in std::mem::take(&mut self.waiting) {
            self.deliver(to, bytes);
        }
    }

    fn deliver(&mut self, to: Destination, bytes: Vec<u8>) {
        let header = Packet::new_checked(&bytes).unwrap().header();
        if let Destination::Client(address) = to {
            assert_ne!(address, Ipv4Addr::UNSPECIFIED);
        }
        let mac = header.hardware.mac().unwrap();
        let client = self.by_mac[&mac];
        self.send(|| Happening::ToClient { client, bytes: bytes.clone() });
    }

    /// The server dies: what was not durable is gone, and so are the replies that depended on it.
    fn restart(&mut self) {
        self.restarts += 1;
        if self.random.chance(30) {
            self.happen(Happening::ClockJump);
        }
        // Some of what was on its way may have become durable; the replies are lost all the same.
        let kept = usize::try_from(self.random.below(self.pending.len() as u64 + 1)).unwrap();
        self.pending.truncate(kept);
        self.waiting.clear();
        self.flush();
        let (server, restored) =
            Server::restore(self.config.clone(), self.records(), self.time(), self.random.next());
        assert_eq!(restored.elsewhere, 0);
        self.server = server;
    }

    fn records(&self) -> Vec<Record> {
        let mut rest = self.durable.as_slice();
        let mut records = Vec::new();
        while let [length, after @ ..] = rest {
            let (record, after) = after.split_at(usize::from(*length));
            records.push(Record::decode(record).unwrap());
            rest = after;
        }
        records
    }

    fn act(&mut self, client: usize, event: ClientEvent<'_>) {
        let mut actions = Vec::new();
        let random = self.random.next();
        self.clients[client].handle(event, Instant(self.now), random, &mut actions);
        for action in actions {
            match action {
                ClientAction::Send { to, message, .. } => {
                    let unicast = to != ClientDestination::Broadcast;
                    self.send(|| Happening::ToServer { bytes: message.clone(), unicast });
                }
                ClientAction::Configure(configuration) => {
                    let address = configuration.address;
                    let before = self.used.insert(address, client);
                    assert!(
                        before.is_none_or(|before| before == client),
                        "{address}: {before:?} and {client}"
                    );
                }
                ClientAction::Remove(address) => {
                    assert_eq!(self.used.remove(&address), Some(client));
                }
                ClientAction::Arp(_) => {}
                ClientAction::Explain(words) => assert!(!words.is_empty()),
            }
        }
        if let Some(at) = self.clients[client].next_deadline() {
            self.plan(at.0.saturating_sub(self.now), Happening::Wake(client));
        }
    }

    /// Every address in use is a lease of the server, of that client.
    fn check_leases(&self) {
        let leases: HashMap<Ipv4Addr, _> =
            self.server.leases(self.time()).map(|lease| (lease.address, lease)).collect();
        for (address, client) in &self.used {
            let lease = leases.get(address).unwrap_or_else(|| panic!("{address} of {client} is no lease"));
            let mac = HardwareAddress::ethernet(self.mac(*client));
            assert_eq!(lease.hardware, Some(mac), "{address}");
        }
    }
}

fn story(seed: u64, clients: usize, last: [u8; 4], minutes: u64) {
    let mut world = World::new(seed, clients, last);
    for minute in 0..minutes {
        let start = world.now;
        for _ in 0..clients / 40 {
            let client = usize::try_from(world.random.below(clients as u64)).unwrap();
            let (at, release) = (world.random.below(60_000), world.random.chance(50));
            world.plan(at, Happening::Switch { client, release });
        }
        if world.random.chance(40) {
            let at = world.random.below(60_000);
            world.plan(at, Happening::Restart);
        }
        if minute % 7 == 3 {
            let at = world.random.below(60_000);
            world.plan(at, Happening::ClockJump);
        }
        world.run(start + 60_000);
    }
    // The network is good again, and everybody is there.
    world.bad = 0;
    for client in 0..clients {
        if world.clients[client].state() == ClientState::Stopped {
            world.act(client, ClientEvent::Start);
        }
    }
    let end = world.now + 1_900_000;
    world.run(end);
    world.flush();
    let without: Vec<_> = (0..clients)
        .filter(|client| world.clients[*client].configuration().is_none())
        .map(|client| (client, world.clients[client].state()))
        .collect();
    assert!(
        without.is_empty(),
        "seed {seed}: {} have none: {:?}",
        without.len(),
        &without[..without.len().min(5)]
    );
    world.check_leases();
    let usage = world.server.usage()[0];
    assert!(usage.bound >= clients as u64, "{usage:?}");
    assert!(world.grants > clients && world.restarts > 0);
    // What is durable makes the same server.
    let (again, _) = Server::restore(world.config.clone(), world.records(), world.time(), 1);
    let bound = |server: &Server| {
        let bound = server.leases(world.time()).filter(|lease| lease.state == LeaseState::Bound);
        bound
            .map(|lease| (lease.address, (lease.hardware, lease.client_id, lease.name)))
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(bound(&again), bound(&world.server));
}

#[test]
fn two_thousand_clients_on_a_bad_network() {
    story(1, 2000, [10, 0, 15, 255], 30);
}

#[test]
fn few_addresses_and_many_worlds() {
    for seed in 0..60 {
        // As many addresses as clients: each must be used again.
        story(seed, 256, [10, 0, 1, 255], 40);
    }
}

#[test]
fn messages_have_the_type_that_they_should() {
    let mut actions = Vec::new();
    let mut client = Client::new(ClientSpec::new(Mac([2, 0, 0, 0, 0, 9]))).unwrap();
    client.handle(ClientEvent::Start, Instant(0), 3, &mut actions);
    let sent = actions.iter().find_map(|action| match action {
        ClientAction::Send { message, .. } => Packet::new_checked(message).unwrap().message_type(),
        _ => None,
    });
    assert_eq!(sent, Some(MessageType::Discover));
}
