use proptest::prelude::*;

use super::*;

fn ports() -> impl Strategy<Value = u16> {
    prop_oneof![
        Just(80),
        Just(8080),
        Just(5432),
        Just(0),
        Just(2048),
        0u16..4,
        20_000u16..20_010,
        any::<u16>()
    ]
}

/// Who sends: an instance, or someone outside.
type From = Option<PortId>;

fn sent() -> impl Strategy<Value = (From, Sent)> {
    let from = prop_oneof![Just(Some(WEB)), Just(Some(APP)), Just(Some(DB)), Just(Some(OTHER)), Just(None)];
    let to = prop_oneof![
        Just(address(WEB)),
        Just(address(APP)),
        Just(address(DB)),
        Just(REMOTE),
        Just(NAT),
        Just(PUBLIC)
    ];
    let protocol = prop::sample::select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Icmp]);
    let flags = prop::sample::select(vec![0x02, 0x02, 0x12, 0x10, 0x11, 0x04, 0x01, 0x00]).prop_map(Flags);
    let ttl = prop::sample::select(vec![64, 64, 64, 64, 1, 0]);
    (from, to, protocol, ports(), ports(), flags, any::<bool>(), ttl).prop_map(
        |(from, destination, protocol, source_port, port, flags, reply, ttl)| {
            let source = from.map_or(REMOTE, address);
            let port = if protocol == Protocol::Icmp { 0 } else { port };
            (from, Sent { protocol, source, destination, source_port, port, flags, reply, ttl })
        },
    )
}

/// What happens.
#[derive(Clone, Debug)]
enum Event {
    Packet(From, Sent),
    /// What was delivered last is answered, with these flags.
    Answer(Flags),
    Wait(u64),
    ToggleRule(u16),
    ToggleForward,
    ToggleNat,
    Collect,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => sent().prop_map(|(from, packet)| Event::Packet(from, packet)),
        6 => prop::sample::select(vec![0x12, 0x10, 0x11, 0x04, 0x02]).prop_map(|bits| Event::Answer(Flags(bits))),
        1 => (0u64..200).prop_map(Event::Wait),
        1 => prop::sample::select(vec![80u16, 8080, 5432]).prop_map(Event::ToggleRule),
        1 => Just(Event::ToggleForward),
        1 => Just(Event::ToggleNat),
        1 => Just(Event::Collect),
    ]
}

impl World {
    /// Sends the packet, and holds what holds for every packet.
    fn pass(&mut self, from: From, packet: Sent) -> (Verdict, Vec<u8>) {
        let before = self.clone();
        let (verdict, frame) = match from {
            Some(port) => self.send(port, packet),
            None => self.receive(packet),
        };
        if matches!(verdict, Verdict::Drop(_) | Verdict::ToHost) {
            let sent = match from {
                Some(port) => packet.frame(mac(port), GATEWAY_MAC),
                None => packet.frame(Mac([2, 9, 9, 9, 9, 9]), UPLINK_MAC),
            };
            assert_eq!(frame, sent, "a dropped frame is as it came");
            self.assert_flows_are_as(&before, packet);
        } else {
            Sent::read(&frame);
        }
        self.assert_pairs();
        (verdict, frame)
    }

    /// After a drop no entry is new or moved; one is gone only by a re-check, an expiry, or a reopening.
    fn assert_flows_are_as(&self, before: &Self, packet: Sent) {
        for (key, flow) in self.flows.iter() {
            let old = before.flows.entry(key).expect("no entry is new");
            let unchecked =
                Flow { generation: old.generation, outside_generation: old.outside_generation, ..*flow };
            assert_eq!(&unchecked, old);
        }
        for (key, old) in before.flows.iter().filter(|(key, _)| self.flows.entry(key).is_none()) {
            let (own, peer) = (packet.tuple(), old.translated.reversed());
            let other =
                before.flows.entry(&old.peer_key(key.protocol)).map(|flow| flow.translated.reversed());
            let current = match (key.vpc, old.target) {
                (VpcId::OUTSIDE, vpc) | (vpc, VpcId::OUTSIDE) => {
                    old.generation == self.generations.of(vpc)
                        && old.outside_generation == self.generations.of(VpcId::OUTSIDE)
                }
                (vpc, _) if old.outside_generation == 0 => old.generation == self.generations.of(vpc),
                // By a public address: no twin is reached so here.
                (vpc, _) => {
                    old.generation == self.generations.of(vpc)
                        && old.outside_generation == self.generations.of(VpcId::OUTSIDE)
                }
            };
            let reopened =
                old.state.is_closing() && [Some(key.tuple), Some(peer), other].contains(&Some(own));
            assert!(!current || !old.is_live(self.now_ns) || reopened, "{key:?} is gone: {old:?}");
        }
    }

    /// Live entries come in pairs that name each other and say the same; so no two flows share a tuple anywhere.
    fn assert_pairs(&self) {
        for (key, flow) in self.flows.iter().filter(|(_, flow)| flow.is_live(self.now_ns)) {
            let peer_key = flow.peer_key(key.protocol);
            let peer = self.flows.live(&peer_key, self.now_ns).expect("a live entry has a live peer");
            assert_eq!(peer.peer_key(key.protocol), *key);
            assert_ne!(flow.way, peer.way);
            assert_eq!((flow.state, flow.deadline_ns), (peer.state, peer.deadline_ns));
            assert_eq!(
                (flow.generation, flow.outside_generation),
                (peer.generation, peer.outside_generation)
            );
        }
    }

    fn happen(&mut self, event: Event, last: &mut Option<(From, Sent)>) {
        let (from, packet) = match (event, *last) {
            (Event::Packet(from, packet), _) => (from, packet),
            (Event::Answer(flags), Some((from, packet))) => {
                (from, Sent { ttl: 64, ..packet.answered(flags) })
            }
            (event, _) => return self.change(&event),
        };
        let (verdict, frame) = self.pass(from, packet);
        *last = match verdict {
            Verdict::ToPort(port) => Some((Some(port), Sent::read(&frame))),
            Verdict::ToUplink(..) => Some((None, Sent::read(&frame))),
            _ => *last,
        };
    }

    fn change(&mut self, event: &Event) {
        match event {
            Event::Wait(seconds) => self.wait(*seconds),
            Event::ToggleRule(port) => {
                let rule =
                    rule(if *port == 5432 { 2 } else { 1 }, Direction::Ingress, 2, Some(6), Some(*port));
                let rules = &mut self.vpc().rules;
                if !rules.remove(&rule) {
                    rules.insert(rule);
                }
            }
            Event::ToggleForward => {
                let key = ForwardKey { address: PUBLIC.into(), protocol: 6, port: 80 };
                let forward = Forward { vpc: VPC, address: address(WEB).into(), port: 8080 };
                let forwards = &mut self.outside().forwards;
                if forwards.remove(&key).is_none() {
                    forwards.insert(key, forward);
                }
            }
            Event::ToggleNat => {
                let nat = self.outside().nats.get_mut(&NatId(1)).unwrap();
                nat.first_port ^= 4;
            }
            Event::Collect => {
                let now = self.now_ns;
                self.flows.collect(now);
                assert!(self.flows.iter().all(|(_, flow)| flow.is_live(now)));
            }
            Event::Packet(..) | Event::Answer(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..80), random: u32) {
        let mut world = World { random, ..World::new() };
        let before = bytes.clone();
        world.port(WEB, &mut bytes);
        prop_assert_eq!(&bytes, &before);
        world.uplink(&mut bytes);
        prop_assert_eq!(&bytes, &before);
        prop_assert!(world.flows.is_empty());
    }

    #[test]
    fn nearly_right_bytes_do_not_panic(
        (from, packet) in sent(), changes in prop::collection::vec((0usize..62, any::<u8>()), 0..4), cut in 0usize..80, random: u32,
    ) {
        let mut world = World { random, ..World::new() };
        let mut frame = packet.frame(from.map_or(mac(DB), mac), from.map_or(UPLINK_MAC, |_| GATEWAY_MAC));
        for (at, byte) in changes {
            let at = at % frame.len();
            frame[at] = byte;
        }
        frame.truncate(cut.max(20));
        let before = frame.clone();
        let verdict = match from {
            Some(port) => world.port(port, &mut frame),
            None => world.uplink(&mut frame),
        };
        prop_assert_eq!(frame.len(), before.len());
        if matches!(verdict, Verdict::Drop(_) | Verdict::ToHost) {
            prop_assert_eq!(frame, before);
            prop_assert!(world.flows.is_empty());
        }
    }

    #[test]
    fn whatever_happens_flows_stay_pairs(events in prop::collection::vec(event(), 1..80), random: u32, capacity in 0usize..24) {
        let flows = FlowTable::new(capacity * 3);
        let mut world = World { random, flows, ..World::new() };
        let mut last = None;
        for (n, event) in (0u32..).zip(events) {
            world.random = random.wrapping_mul(n | 1);
            world.happen(event, &mut last);
            prop_assert!(world.flows.len() <= capacity * 3);
        }
    }

    #[test]
    fn an_answer_to_what_passes_comes_back_as_the_reverse((from, packet) in sent(), random: u32) {
        let packet = Sent { flags: Flags::SYN, reply: false, ttl: 64, ..packet };
        let mut world = World { random, ..World::new() };
        let (verdict, frame) = world.pass(from, packet);
        let to = match verdict {
            Verdict::ToPort(port) => Some(port),
            Verdict::ToUplink(..) => None,
            _ => return Ok(()),
        };
        let answer = Sent { ttl: 64, ..Sent::read(&frame).answered(Flags(0x12)) };
        let (verdict, frame) = world.pass(to, answer);
        prop_assert_eq!(verdict.drop_reason(), None);
        prop_assert_eq!(Sent::read(&frame).tuple(), packet.tuple().reversed());
        let (verdict, _) = world.pass(from, packet.with(Flags::ACK));
        prop_assert_eq!(verdict.drop_reason(), None);
    }

    #[test]
    fn nat_gives_no_two_live_flows_one_outside_tuple(
        opens in prop::collection::vec((any::<bool>(), ports(), 0u16..3, 0u64..20, any::<u32>()), 1..60),
    ) {
        let mut world = World::new();
        for (web, source_port, port, seconds, random) in opens {
            let from = if web { WEB } else { APP };
            world.random = random;
            world.wait(seconds);
            world.pass(Some(from), Sent::udp(address(from), source_port, REMOTE, port));
            let live = world.flows.iter().filter(|(_, flow)| flow.is_live(world.now_ns) && flow.target == VpcId::OUTSIDE);
            let mut outside: Vec<_> = live.map(|(key, flow)| (flow.translated, key.protocol)).collect();
            let count = outside.len();
            outside.sort();
            outside.dedup();
            prop_assert_eq!(outside.len(), count);
        }
    }

    #[test]
    fn without_rules_the_next_packet_of_every_flow_is_dropped((from, packet) in sent(), back: bool, random: u32) {
        let packet = Sent { flags: Flags::SYN, reply: false, ttl: 64, ..packet };
        let mut world = World { random, ..World::new() };
        let (verdict, frame) = world.pass(from, packet);
        let to = match verdict {
            Verdict::ToPort(port) => Some(port),
            Verdict::ToUplink(..) => None,
            _ => return Ok(()),
        };
        world.vpc().rules.clear();
        let (next, from) = if back { (Sent { ttl: 64, ..Sent::read(&frame).answered(Flags(0x12)) }, to) } else { (packet, from) };
        let (verdict, _) = world.pass(from, next);
        let denied = [DropReason::EgressDenied, DropReason::IngressDenied].map(Some);
        prop_assert!(denied.contains(&verdict.drop_reason()), "{verdict:?}");
        prop_assert!(world.flows.is_empty());
    }
}
