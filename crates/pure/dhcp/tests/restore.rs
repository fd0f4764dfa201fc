//! Whatever happens to a server, its records make it again; and whatever bytes come, it goes on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::Ipv4Addr;

use madang_addr::Mac;
use madang_dhcp::{
    Actions, ClientMatch, Event, Instant, LeaseState, LeaseView, Now, Origin, Range, Record, Reservation,
    Server, ServerConfig, ServerSpec, SubnetSpec, Waits, Wall,
};
use madang_wire::dhcp::{HardwareAddress, Header, MessageType, Options, Repr, code};
use proptest::prelude::*;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// Something that happens. Clients are few and addresses fewer, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Message {
        client: u8,
        kind: u8,
        address: u8,
        has: bool,
        named: bool,
        identified: bool,
        unicast: bool,
        port: u8,
    },
    Answer {
        address: u8,
        by: u8,
    },
    Release {
        address: u8,
    },
    Reserve {
        address: u8,
        client: u8,
    },
    Wait {
        seconds: u16,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0u8..7, 1u8..=8, 0u8..10, any::<(bool, bool, bool, bool)>(), 0u8..3).prop_map(
            |(client, kind, address, (has, named, identified, unicast), port)| {
                Step::Message { client, kind, address, has, named, identified, unicast, port }
            }
        ),
        2 => (0u8..10, 0u8..7).prop_map(|(address, by)| Step::Answer { address, by }),
        1 => (0u8..10).prop_map(|address| Step::Release { address }),
        1 => (0u8..10, 0u8..7).prop_map(|(address, client)| Step::Reserve { address, client }),
        3 => prop_oneof![Just(1u16), Just(31), 0u16..1000].prop_map(|seconds| Step::Wait { seconds }),
    ]
}

fn config(probe: bool) -> ServerConfig {
    let mut spec = ServerSpec::new(SERVER);
    spec.waits = Waits { probe: probe.then_some(500), offer: 30_000, quarantine: 100 };
    spec.limits.leases_per_port = Some(3);
    let mut subnet = SubnetSpec::new("10.0.0.0/24".parse().unwrap());
    subnet.link = Some(1);
    subnet.pools = vec![Range { first: address(2), last: address(6) }];
    subnet.lease.default = 120;
    let client = ClientMatch::Mac(mac(0));
    subnet.reservations = vec![Reservation {
        client,
        address: address(9),
        name: Some("zero".to_owned()),
        options: Options::new(),
    }];
    spec.subnets.push(subnet);
    ServerConfig::new(spec).unwrap()
}

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

fn mac(client: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, client])
}

struct World {
    server: Server,
    now: u64,
    log: Vec<Record>,
    /// Reservations of the operator, which a configuration has that comes later.
    reserved: Vec<(u8, u8)>,
}

impl World {
    fn new(probe: bool) -> Self {
        let server = Server::new(config(probe), time(0), 3);
        Self { server, now: 0, log: Vec::new(), reserved: Vec::new() }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Message { client, kind, address: wanted, has, named, identified, unicast, port } => {
                let mut header = Header::request(HardwareAddress::ethernet(mac(*client)), 1);
                let mut options = Options::new();
                options.set(code::MESSAGE_TYPE, [*kind]);
                if *has {
                    header.ciaddr = address(*wanted);
                } else {
                    options.set_addresses(code::REQUESTED_ADDRESS, &[address(*wanted)]);
                }
                if !has && *kind != MessageType::Discover.number() {
                    options.set_addresses(code::SERVER_ID, &[SERVER]);
                }
                if *named {
                    options.set(code::HOST_NAME, *b"name");
                }
                if *identified {
                    options.set(code::CLIENT_ID, [0, *client % 3, 9]);
                }
                let mut bytes = Vec::new();
                Repr::new(header, options).emit(548, &mut bytes);
                let port = (*port > 0).then_some(u32::from(*port));
                let origin = Origin { link: 1, port, source: Ipv4Addr::UNSPECIFIED, unicast: *unicast };
                self.handle(Event::Message { bytes: &bytes, origin });
            }
            Step::Answer { address: of, by } => {
                self.handle(Event::Answered { address: address(*of), by: (*by > 0).then(|| mac(*by)) });
            }
            Step::Release { address: of } => self.handle(Event::Release { address: address(*of) }),
            Step::Reserve { address: of, client } => {
                self.reserved.push((*of, *client));
                self.handle(Event::Reserve(reservation(*of, *client)));
            }
            Step::Wait { seconds } => {
                self.now += u64::from(*seconds) * 1000;
                self.handle(Event::Deadline);
            }
        }
    }

    fn handle(&mut self, event: Event<'_>) {
        let mut actions = Actions::new();
        self.server.handle(event, time(self.now), self.now, &mut actions);
        let last = actions.commits.last().map(|commit| commit.id);
        for reply in &actions.replies {
            assert!(reply.after.is_none_or(|after| Some(after) <= last));
        }
        self.log.extend(actions.commits.into_iter().map(|commit| commit.record));
    }

    /// All that lasts.
    fn lasting(server: &Server, now: Now) -> Vec<LeaseView> {
        let lasts = |lease: &LeaseView| ![LeaseState::Offered, LeaseState::Reserved].contains(&lease.state);
        let mut leases: Vec<LeaseView> = server.leases(now).filter(lasts).collect();
        leases.sort_by_key(|lease| lease.address);
        leases
    }
}

fn reservation(of: u8, client: u8) -> Reservation {
    Reservation {
        client: ClientMatch::Mac(mac(client)),
        address: address(of),
        name: None,
        options: Options::new(),
    }
}

fn time(now: u64) -> Now {
    Now { instant: Instant(now + 5000), wall: Wall(1_800_000_000 + now / 1000) }
}

/// No address twice, no client twice, no name twice.
fn check(leases: &[LeaseView]) {
    let bound: Vec<&LeaseView> = leases.iter().filter(|lease| lease.state == LeaseState::Bound).collect();
    for (at, lease) in bound.iter().enumerate() {
        for other in &bound[at + 1..] {
            assert_ne!(lease.address, other.address);
            assert!(lease.name.is_none() || lease.name != other.name);
            let same = match (&lease.client_id, &other.client_id) {
                (Some(one), Some(other)) => one == other,
                (None, None) => lease.hardware == other.hardware,
                _ => false,
            };
            assert!(!same, "{lease:?} {other:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn records_make_the_same_server(probe: bool, steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new(probe);
        for step in &steps {
            world.step(step);
        }
        // Offers that are open hide the leases that they are of: probes end, then offers.
        for seconds in [1, 31] {
            world.step(&Step::Wait { seconds });
        }
        let later = time(world.now);
        let leases = World::lasting(&world.server, later);
        check(&leases);
        let (from_log, _) = Server::restore(config(probe), world.log.clone(), later, 8);
        let (from_records, _) =
            Server::restore(config(probe), world.server.records(later).collect::<Vec<_>>(), later, 9);
        prop_assert_eq!(World::lasting(&from_log, later), World::lasting(&from_records, later));
        prop_assert_eq!(World::lasting(&from_log, later), leases);
        prop_assert_eq!(from_log.usage()[0].bound, world.server.usage()[0].bound);
    }

    #[test]
    fn a_restart_at_any_moment_changes_nothing_that_lasts(
        probe: bool, before in prop::collection::vec(step(), 1..60), after in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World::new(probe);
        before.iter().for_each(|step| world.step(step));
        let (server, _) = Server::restore(config(probe), world.log.clone(), time(world.now), 4);
        world.server = server;
        after.iter().for_each(|step| world.step(step));
        check(&World::lasting(&world.server, time(world.now)));
        world.server.reconfigure(config(!probe), time(world.now));
        check(&World::lasting(&world.server, time(world.now)));
    }

    #[test]
    fn any_bytes_are_survived(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..20)) {
        let mut world = World::new(false);
        for bytes in messages {
            let mut message = Vec::new();
            let hardware = HardwareAddress::new(1, &bytes[..bytes.len().min(9)]).unwrap();
            Repr::new(Header::request(hardware, 1), Options::new()).emit(300, &mut message);
            message.truncate(240);
            message.extend([53, 1, bytes.first().copied().unwrap_or(1) % 9]);
            message.extend(&bytes);
            for bytes in [&bytes, &message] {
                let origin = Origin { link: 1, port: None, source: SERVER, unicast: bytes.len() % 2 == 0 };
                world.handle(Event::Message { bytes, origin });
            }
        }
        check(&World::lasting(&world.server, time(0)));
    }
}

/// A plain message about an address.
fn message(client: u8, kind: MessageType, address: u8) -> Step {
    let (has, named, identified, unicast) = (false, false, false, false);
    Step::Message { client, kind: kind.number(), address, has, named, identified, unicast, port: 0 }
}

#[test]
fn an_address_whose_offer_lapsed_is_offered_again() {
    let mut world = World::new(false);
    for round in 0..5 {
        (1..=5).for_each(|client| world.step(&message(round * 5 + client, MessageType::Discover, 100)));
        let usage = world.server.usage()[0];
        assert_eq!((usage.offered, usage.free), (5, 0), "round {round}");
        world.step(&Step::Wait { seconds: 31 });
        assert_eq!(world.server.usage()[0].free, 5);
    }
}

#[test]
fn a_pool_of_leases_that_ended_is_used_again_by_others() {
    let mut world = World::new(false);
    for client in 1..=40 {
        world.step(&message(client, MessageType::Discover, 100));
        let offered =
            world.server.leases(time(world.now)).find(|lease| lease.state == LeaseState::Offered).unwrap();
        world.step(&message(client, MessageType::Request, offered.address.octets()[3]));
        assert_eq!(world.server.usage()[0].offered, 0);
        world.step(&Step::Wait { seconds: 30 });
        if client > 10 {
            // Offers that are not taken leave the leases as they were, and come back to the end of the row.
            world.step(&message(client + 100, MessageType::Discover, 100));
        }
        world.step(&Step::Wait { seconds: 31 });
    }
    assert!(world.log.len() >= 40);
}

#[test]
fn who_wants_one_address_again_and_again_fills_no_memory() {
    let mut world = World::new(false);
    for _ in 0..200 {
        world.step(&message(1, MessageType::Discover, 4));
        world.step(&Step::Wait { seconds: 31 });
    }
    assert_eq!(world.server.usage()[0].free, 5);
    for client in 1..=5 {
        world.step(&message(client, MessageType::Discover, 100));
    }
    assert_eq!(world.server.usage()[0].offered, 5, "none was lost on the way");
}
