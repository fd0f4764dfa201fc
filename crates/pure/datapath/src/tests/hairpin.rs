//! Public addresses: of instances' own, and reached from inside.

use super::*;

const OWN: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 30);
const OTHERS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 31);

/// The database has a public address of its own, and so has somebody of the twin VPC who takes anything.
fn world() -> World {
    let mut world = World::new();
    for (number, vpc, port, public) in [(5, VPC, DB, OWN), (6, TWIN, OTHER, OTHERS)] {
        let outside = &mut world.tables.outside;
        outside.addresses.insert(public.into(), UPLINK);
        outside.nats.insert(NatId(number), Nat { address: public.into(), first_port: 1, last_port: 65535 });
        let to = Forward { vpc, address: address(port).into(), port: 0 };
        outside.forwards.insert(ForwardKey::whole(public.into()), to);
        let own = world.tables.vpcs.get_mut(&vpc).unwrap();
        own.endpoints.get_mut(&address(port).into()).unwrap().nat = Some(NatId(number));
    }
    let vpc = world.vpc();
    vpc.rules.insert(rule(2, Direction::Ingress, 1, None, None));
    let twin = world.tables.vpcs.get_mut(&TWIN).unwrap();
    twin.rules.insert(rule(1, Direction::Ingress, 0, None, None));
    world
}

#[test]
fn an_instance_with_a_public_address_is_seen_as_that_with_its_own_ports() {
    let mut world = world();
    let packet = Sent::udp(address(DB), 20_000, REMOTE, 53);
    let (verdict, frame) = world.send(DB, packet);
    assert_eq!(verdict, out());
    let seen = Sent::read(&frame);
    assert_eq!(seen, Sent { source: OWN, ttl: 63, ..packet });
    let (verdict, frame) = world.receive(Sent { ttl: 64, ..seen.answered(Flags::default()) });
    assert_eq!(verdict, Verdict::ToPort(DB));
    assert_eq!(Sent::read(&frame), Sent { ttl: 63, ..packet.answered(Flags::default()) });
}

#[test]
fn whatever_is_sent_to_a_public_address_of_ones_own_arrives() {
    let mut world = world();
    for packet in
        [Sent::syn(REMOTE, 4_000, OWN, 5432), Sent::udp(REMOTE, 4_000, OWN, 9), Sent::ping(REMOTE, OWN, 7)]
    {
        let (verdict, frame) = world.receive(packet);
        assert_eq!(verdict, Verdict::ToPort(DB), "{packet:?}");
        assert_eq!(Sent::read(&frame), Sent { destination: address(DB), ttl: 63, ..packet });
    }
    // Where its port is forwarded, that counts.
    let key = ForwardKey { address: OWN.into(), protocol: 6, port: 8080 };
    let to = Forward { vpc: VPC, address: address(WEB).into(), port: 8080 };
    world.tables.outside.forwards.insert(key, to);
    world.generations.raise(VpcId::OUTSIDE);
    assert_eq!(world.receive(Sent::syn(REMOTE, 4_000, OWN, 8080)).0, Verdict::ToPort(WEB));
    assert_eq!(world.receive(Sent::syn(REMOTE, 4_000, OWN, 8081)).0, Verdict::ToPort(DB));
    assert_eq!(world.receive(Sent::ping(REMOTE, PUBLIC, 7)).0, dropped(DropReason::NoForward));
}

#[test]
fn a_neighbour_is_reached_by_its_public_address() {
    let mut world = world();
    world.vpc().rules.insert(rule(1, Direction::Ingress, 1, None, None));
    let packet = Sent::syn(address(APP), 20_003, PUBLIC, 80);
    let (verdict, frame) = world.send(APP, packet);
    assert_eq!(verdict, Verdict::ToPort(WEB));
    let seen = Sent::read(&frame);
    assert_eq!(seen, Sent { source: NAT, destination: address(WEB), port: 8080, ttl: 63, ..packet });
    let (verdict, frame) = world.send(WEB, Sent { ttl: 64, ..seen.answered(Flags(0x12)) });
    assert_eq!(verdict, Verdict::ToPort(APP));
    assert_eq!(Sent::read(&frame), Sent { ttl: 63, ..packet.answered(Flags(0x12)) });
}

#[test]
fn who_reaches_itself_is_not_its_own_other_end() {
    let mut world = world();
    world.vpc().routes.insert((RouteTableId(2), prefix("203.0.113.0/24")), Route::Internet);
    world.vpc().rules.insert(rule(2, Direction::Egress, 0, None, None));
    let packet = Sent::syn(address(DB), 5_000, OWN, 5_000);
    let (verdict, frame) = world.send(DB, packet);
    assert_eq!(verdict, Verdict::ToPort(DB));
    let seen = Sent::read(&frame);
    assert_eq!(seen, Sent { source: OWN, source_port: 1, destination: address(DB), ttl: 63, ..packet });
    let (verdict, frame) = world.send(DB, Sent { ttl: 64, ..seen.answered(Flags(0x12)) });
    assert_eq!(verdict, Verdict::ToPort(DB));
    assert_eq!(Sent::read(&frame), Sent { ttl: 63, ..packet.answered(Flags(0x12)) });
    assert_eq!(world.flows.len(), 2);
}

#[test]
fn another_vpc_is_reached_by_its_public_address_alone_and_changes_of_each_count() {
    let mut world = world();
    let packet = Sent::syn(address(WEB), 20_001, OTHERS, 443);
    let (verdict, frame) = world.send(WEB, packet);
    assert_eq!(verdict, Verdict::ToPort(OTHER));
    let seen = Sent::read(&frame);
    assert_eq!(seen, Sent { source: NAT, destination: address(OTHER), ttl: 63, ..packet });
    let answer = Sent { ttl: 64, ..seen.answered(Flags(0x12)) };
    assert_eq!(world.send(OTHER, answer).0, Verdict::ToPort(WEB));
    for vpc in [VPC, TWIN, VpcId::OUTSIDE] {
        world.generations.raise(vpc);
        assert_eq!(world.send(OTHER, answer).0, Verdict::ToPort(WEB), "nothing that concerns it");
    }
    world.tables.vpcs.get_mut(&TWIN).unwrap().rules.clear();
    world.generations.raise(TWIN);
    assert_eq!(world.send(WEB, packet.with(Flags(0x10))).0, dropped(DropReason::IngressDenied));
    assert!(world.flows.is_empty());
}
