use super::*;

#[test]
fn a_forwarded_port_reaches_its_instance_and_the_answer_comes_from_it() {
    let mut world = World::new();
    let syn = Sent::syn(REMOTE, 50_000, PUBLIC, 80);
    let (verdict, frame) = world.receive(syn);
    assert_eq!(verdict, Verdict::ToPort(WEB));
    let seen = Sent::read(&frame);
    assert_eq!(seen, Sent { ttl: 63, ..Sent::syn(REMOTE, 50_000, address(WEB), 8080) });
    let (verdict, frame) = world.send(WEB, Sent { ttl: 64, ..seen.answered(Flags(0x12)) });
    assert_eq!(verdict, out());
    assert_eq!(Sent::read(&frame), Sent { ttl: 63, ..syn.answered(Flags(0x12)) });
    let (flow, peer) = world.pair(VpcId::OUTSIDE, &syn).unwrap();
    assert_eq!(
        (flow.target, peer.target, flow.generation, flow.outside_generation),
        (VPC, VpcId::OUTSIDE, 1, 1)
    );
}

#[test]
fn what_is_not_forwarded_is_dropped() {
    let mut world = World::new();
    assert_eq!(world.receive(Sent::syn(REMOTE, 1, PUBLIC, 443)).0, dropped(DropReason::NoForward));
    assert_eq!(world.receive(Sent::udp(REMOTE, 1, PUBLIC, 80)).0, dropped(DropReason::NoForward));
    assert_eq!(world.receive(Sent::syn(REMOTE, 1, NAT, 20_000)).0, dropped(DropReason::NoForward));
    assert_eq!(world.receive(Sent::ping(REMOTE, PUBLIC, 1)).0, dropped(DropReason::NoForward));
    let key = ForwardKey { address: PUBLIC.into(), protocol: 1, port: abi::ECHO_REQUEST };
    let forward = Forward { vpc: VPC, address: address(WEB).into(), port: 1 };
    world.outside().forwards.insert(key, forward);
    assert_eq!(world.receive(Sent::ping(REMOTE, PUBLIC, 1)).0, dropped(DropReason::NoForward));
}

#[test]
fn rules_see_the_instances_port_and_the_source_as_it_is() {
    let mut world = World::new();
    assert_eq!(world.receive(Sent::syn(REMOTE, 1, PUBLIC, 22)).0, dropped(DropReason::IngressDenied));
    world.vpc().endpoints.remove(&address(WEB).into());
    assert_eq!(world.receive(Sent::syn(REMOTE, 1, PUBLIC, 80)).0, dropped(DropReason::NoInstance));
}

#[test]
fn one_client_port_to_two_forwards_of_one_instance_is_seen_as_two() {
    let mut world = World { random: 6, ..World::new() };
    let (one, two) = (Sent::syn(REMOTE, 50_000, PUBLIC, 80), Sent::syn(REMOTE, 50_000, PUBLIC, 81));
    world.receive(one);
    let (verdict, frame) = world.receive(two);
    assert_eq!(verdict, Verdict::ToPort(WEB));
    let seen = Sent::read(&frame);
    assert_eq!(seen.source_port, 1024 + 6);
    let (_, frame) = world.send(WEB, seen.answered(Flags(0x12)));
    assert_eq!(Sent::read(&frame).tuple(), two.tuple().reversed());
}
