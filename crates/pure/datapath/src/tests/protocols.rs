//! Protocols without ports: ESP (50) here.

use super::*;

#[test]
fn rules_and_routes_hold_for_every_protocol() {
    let mut world = World::new();
    let packet = Sent::other(50, address(WEB), address(APP));
    assert_eq!(world.send(WEB, packet).0, Verdict::ToPort(APP));
    assert_eq!(world.pair(VPC, &packet).unwrap().0.deadline_ns, world.now_ns + abi::UDP_ONE_WAY_NS);
    assert_eq!(world.send(APP, packet.answered(Flags::default())).0, Verdict::ToPort(WEB));
    assert_eq!(world.pair(VPC, &packet).unwrap().0.deadline_ns, world.now_ns + abi::UDP_BOTH_WAYS_NS);

    let packet = Sent::other(50, address(WEB), address(DB));
    assert_eq!(world.send(WEB, packet).0, dropped(DropReason::IngressDenied));
    world.vpc().rules.insert(rule(2, Direction::Ingress, 2, Some(50), None));
    assert_eq!(world.send(WEB, packet).0, Verdict::ToPort(DB));
    assert_eq!(
        world.send(WEB, Sent::other(51, address(WEB), address(DB))).0,
        dropped(DropReason::IngressDenied)
    );
}

#[test]
fn nat_translates_the_address_for_one_instance_at_a_time() {
    let mut world = World::new();
    let packet = Sent::other(50, address(WEB), REMOTE);
    let (verdict, frame) = world.send(WEB, packet);
    assert_eq!((verdict, Sent::read(&frame)), (out(), Sent { source: NAT, ttl: 63, ..packet }));
    let (verdict, frame) = world.receive(Sent::other(50, REMOTE, NAT));
    assert_eq!(verdict, Verdict::ToPort(WEB));
    assert_eq!(Sent::read(&frame), Sent { ttl: 63, ..Sent::other(50, REMOTE, address(WEB)) });

    let other = Sent::other(50, address(APP), REMOTE);
    assert_eq!(world.send(APP, other).0, dropped(DropReason::NatPortsExhausted));
    assert_eq!(world.send(APP, Sent::other(51, address(APP), REMOTE)).0, out(), "another protocol");
    world.wait(181);
    assert_eq!(world.send(APP, other).0, out());
    assert_eq!(world.receive(Sent::other(50, v4("198.51.100.8"), NAT)).0, dropped(DropReason::NoForward));
}

#[test]
fn a_flow_goes_on_when_tables_change_and_is_cut_when_its_rule_goes() {
    let mut world = World::new();
    let packet = Sent::other(50, address(WEB), REMOTE);
    assert_eq!(world.send(WEB, packet).0, out());
    world.outside();
    assert_eq!(world.send(WEB, packet).0, out());
    world.vpc().rules.clear();
    assert_eq!(world.send(WEB, packet).0, dropped(DropReason::EgressDenied));
}
