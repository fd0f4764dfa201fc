use super::*;
use crate::abi::*;

fn syn() -> Sent {
    Sent::syn(address(WEB), 40_000, address(DB), 5432)
}

const SYN_ACK: Flags = Flags(0x12);
const FIN_ACK: Flags = Flags(0x11);

/// A world in which web is connected to db.
fn connected() -> World {
    let mut world = World::new();
    assert_eq!(world.send(WEB, syn()).0, Verdict::ToPort(DB));
    assert_eq!(world.send(DB, syn().answered(SYN_ACK)).0, Verdict::ToPort(WEB));
    assert_eq!(world.send(WEB, syn().with(Flags::ACK)).0, Verdict::ToPort(DB));
    world
}

fn state(world: &World) -> (u32, u64) {
    let (flow, peer) = world.pair(VPC, &syn()).unwrap();
    assert_eq!((flow.state, flow.deadline_ns), (peer.state, peer.deadline_ns));
    (flow.state.0, flow.deadline_ns - world.now_ns)
}

#[test]
fn a_connection_goes_through_its_states() {
    let mut world = World::new();
    world.send(WEB, syn());
    assert_eq!(state(&world), (STATE_SYN_ORIGINAL, TCP_HALF_OPEN_NS));
    world.send(WEB, syn().with(Flags::ACK));
    assert_eq!(state(&world), (STATE_SYN_ORIGINAL, TCP_HALF_OPEN_NS));
    world.send(DB, syn().answered(SYN_ACK));
    assert_eq!(state(&world), (STATE_SYN_ORIGINAL | STATE_SYN_REPLY, TCP_HALF_OPEN_NS));
    world.send(WEB, syn().with(Flags::ACK));
    let established = STATE_SYN_ORIGINAL | STATE_SYN_REPLY | STATE_ACK_ORIGINAL;
    assert_eq!(state(&world), (established, TCP_ESTABLISHED_NS));
    world.send(DB, syn().answered(FIN_ACK));
    assert_eq!(state(&world), (established | STATE_FIN_REPLY, TCP_CLOSING_NS));
    world.send(WEB, syn().with(FIN_ACK));
    assert_eq!(state(&world), (established | STATE_FIN_REPLY | STATE_FIN_ORIGINAL, TCP_CLOSED_NS));
    world.wait(9);
    assert_eq!(world.send(DB, syn().answered(Flags::ACK)).0, Verdict::ToPort(WEB));
    world.wait(10);
    assert_eq!(world.send(DB, syn().answered(Flags::ACK)).0, dropped(DropReason::NotSyn));
}

#[test]
fn a_reset_closes() {
    let mut world = connected();
    world.send(DB, syn().answered(Flags::RST));
    assert_eq!(state(&world).1, TCP_CLOSED_NS);
}

#[test]
fn packets_are_counted_by_way() {
    let mut world = connected();
    world.send(WEB, syn().with(Flags::ACK));
    let (flow, peer) = world.pair(VPC, &syn()).unwrap();
    let length = syn().frame(mac(WEB), GATEWAY_MAC).len() as u64;
    assert_eq!((flow.packets, flow.bytes), (3, 3 * length));
    assert_eq!((peer.packets, peer.bytes), (1, length));
}

#[test]
fn the_deadline_moves_by_more_than_an_eighth_or_not() {
    let mut world = World::new();
    let ask = Sent::udp(address(WEB), 1, address(APP), 53);
    world.send(WEB, ask);
    let deadline = |world: &World| world.pair(VPC, &ask).unwrap().0.deadline_ns;
    let first = deadline(&world);
    world.now_ns += UDP_ONE_WAY_NS / 8;
    world.send(WEB, ask);
    assert_eq!(deadline(&world), first);
    world.now_ns += 1;
    world.send(WEB, ask);
    assert_eq!(deadline(&world), world.now_ns + UDP_ONE_WAY_NS);
    world.send(APP, ask.answered(Flags::SYN));
    assert_eq!(deadline(&world), world.now_ns + UDP_BOTH_WAYS_NS);
}

#[test]
fn an_entry_is_absent_from_its_deadline_on() {
    let mut world = World::new();
    let ping = Sent::ping(address(WEB), address(APP), 3);
    world.send(WEB, ping);
    world.now_ns += ICMP_ECHO_NS - 1;
    assert_eq!(world.clone().send(APP, ping.answered(Flags::SYN)).0, Verdict::ToPort(WEB));
    world.now_ns += 1;
    assert_eq!(world.send(APP, ping.answered(Flags::SYN)).0, dropped(DropReason::NoEchoRequest));
    assert_eq!(world.flows.collect(world.now_ns), 2);
}

#[test]
fn only_a_syn_opens() {
    for flags in [Flags::ACK, SYN_ACK, FIN_ACK, Flags::RST, Flags(0), Flags(0x03), Flags(0x06)] {
        let mut world = World::new();
        assert_eq!(world.send(WEB, syn().with(flags)).0, dropped(DropReason::NotSyn), "{flags:?}");
        assert!(world.flows.is_empty());
    }
    assert_eq!(
        World::new().send(WEB, syn().with(Flags(0xea))).0,
        Verdict::ToPort(DB),
        "PSH, URG, ECE, CWR do not matter"
    );
}

#[test]
fn a_syn_on_a_closing_flow_starts_anew() {
    let mut world = connected();
    world.send(WEB, syn());
    assert_ne!(state(&world).0, STATE_SYN_ORIGINAL, "not while it is open");
    world.send(WEB, syn().with(FIN_ACK));
    let length = world.flows.len();
    assert_eq!(world.send(WEB, syn()).0, Verdict::ToPort(DB));
    assert_eq!(state(&world), (STATE_SYN_ORIGINAL, TCP_HALF_OPEN_NS));
    assert_eq!(world.flows.len(), length);
}

#[test]
fn a_refused_syn_leaves_the_closing_flow() {
    let mut world = connected();
    world.send(WEB, syn().with(FIN_ACK));
    world.vpc().rules.clear();
    let before = world.flows.clone();
    assert_eq!(world.send(WEB, syn()).0, dropped(DropReason::EgressDenied));
    assert_eq!(world.flows, before);
}

#[test]
fn a_revoked_rule_cuts_and_another_does_not() {
    let mut world = connected();
    world.vpc().rules.insert(rule(1, Direction::Egress, 7, None, None));
    assert_eq!(world.send(DB, syn().answered(Flags::ACK)).0, Verdict::ToPort(WEB));
    let (flow, peer) = world.pair(VPC, &syn()).unwrap();
    assert_eq!([flow.generation, peer.generation], [2, 2]);
    world.vpc().rules.remove(&rule(2, Direction::Ingress, 2, Some(6), Some(5432)));
    assert_eq!(world.send(DB, syn().answered(Flags::ACK)).0, dropped(DropReason::IngressDenied));
    assert!(world.flows.is_empty());
}

#[test]
fn another_path_cuts() {
    let cut = |change: fn(&mut World), reason| {
        let mut world = World::new();
        let syn = Sent::syn(address(WEB), 20_001, REMOTE, 443);
        assert_eq!(world.send(WEB, syn).0, out());
        world.generations.raise(VpcId::OUTSIDE);
        assert_eq!(world.send(WEB, syn).0, out());
        change(&mut world);
        assert_eq!(world.send(WEB, syn).0, dropped(reason));
        assert!(world.flows.is_empty());
    };
    cut(
        |world| world.outside().nats.get_mut(&NatId(1)).unwrap().address = PUBLIC.into(),
        DropReason::PathChanged,
    );
    cut(|world| world.outside().nats.get_mut(&NatId(1)).unwrap().last_port = 20_000, DropReason::PathChanged);
    cut(|world| world.outside().nats.clear(), DropReason::NatGone);
    cut(|world| world.vpc().routes.clear(), DropReason::NoRoute);
    cut(|world| assert!(world.generations.0.remove(&VPC).is_some()), DropReason::NoEndpoint);
}

#[test]
fn a_changed_forward_cuts_what_came_in_by_it() {
    let syn = Sent::syn(REMOTE, 50_000, PUBLIC, 80);
    let key = ForwardKey { address: PUBLIC.into(), protocol: 6, port: 80 };
    let mut world = World::new();
    let (verdict, frame) = world.receive(syn);
    assert_eq!(verdict, Verdict::ToPort(WEB));
    let back = Sent::read(&frame).answered(SYN_ACK);
    let mut gone = world.clone();
    gone.outside().forwards.remove(&key);
    assert_eq!(gone.send(WEB, back).0, dropped(DropReason::NoForward));
    world.outside().forwards.get_mut(&key).unwrap().port = 8081;
    world.vpc().rules.insert(rule(1, Direction::Ingress, 1, Some(6), Some(8081)));
    assert_eq!(world.send(WEB, back).0, dropped(DropReason::PathChanged));
    assert!(world.flows.is_empty());
}

#[test]
fn a_request_is_no_answer_even_with_an_identifier_that_looks_like_one() {
    let mut world = World::new();
    world.vpc().rules.remove(&rule(1, Direction::Egress, 2, None, None));
    world.vpc().rules.insert(rule(1, Direction::Egress, 2, Some(1), None));
    let ping = Sent::ping(address(WEB), address(APP), ECHO_REQUEST);
    assert_eq!(world.send(WEB, ping).0, Verdict::ToPort(APP));
    let back = Sent::ping(address(APP), address(WEB), ECHO_REQUEST);
    assert_eq!(world.send(APP, back).0, dropped(DropReason::NoEchoRequest));
    assert_eq!(world.send(APP, ping.answered(Flags::SYN)).0, Verdict::ToPort(WEB));
}

#[test]
fn a_full_table_takes_no_flow_and_keeps_those_it_has() {
    for capacity in [0, 1] {
        let mut world =
            World { flows: FlowTable::new(capacity).with_quotas(Quotas::of(1_000)), ..World::new() };
        assert_eq!(world.send(WEB, syn()).0, dropped(DropReason::FlowTableFull));
        assert!(world.flows.is_empty());
    }
    let mut world = World { flows: FlowTable::new(2).with_quotas(Quotas::of(1_000)), ..connected() };
    assert_eq!(world.send(WEB, syn()).0, Verdict::ToPort(DB));
    assert_eq!(
        world.send(WEB, Sent::ping(address(WEB), address(APP), 1)).0,
        dropped(DropReason::FlowTableFull)
    );
    assert_eq!(world.send(WEB, syn().with(Flags::ACK)).0, Verdict::ToPort(DB));
    world.send(WEB, syn().with(Flags::RST));
    assert_eq!(world.send(WEB, syn()).0, Verdict::ToPort(DB), "reopened in its own room");
}

#[test]
fn a_live_reverse_entry_is_in_the_way() {
    let mut world = World::new();
    world.send(WEB, syn());
    let key = FlowKey { vpc: VPC, tuple: syn().tuple(), protocol: Protocol::Tcp };
    world.flows.remove(&key);
    assert_eq!(world.send(WEB, syn()).0, dropped(DropReason::TupleInUse));
    world.wait(60);
    assert_eq!(world.send(WEB, syn()).0, Verdict::ToPort(DB), "an expired one is not");
}
