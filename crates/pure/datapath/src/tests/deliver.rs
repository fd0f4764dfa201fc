use super::*;

#[test]
fn ttl_falls_only_between_subnets() {
    let mut world = World::new();
    let ttl_at = |world: &mut World, to, ttl| {
        let (verdict, frame) = world.send(WEB, Sent { ttl, ..Sent::syn(address(WEB), 1, to, 5432) });
        (verdict, Sent::read(&frame).ttl)
    };
    assert_eq!(ttl_at(&mut world, address(APP), 1), (Verdict::ToPort(APP), 1));
    assert_eq!(ttl_at(&mut world, address(APP), 0), (Verdict::ToPort(APP), 0));
    assert_eq!(ttl_at(&mut world, address(DB), 1), (dropped(DropReason::TtlExceeded), 1));
    assert_eq!(ttl_at(&mut world, REMOTE, 1), (dropped(DropReason::TtlExceeded), 1));
    assert_eq!(world.flows.len(), 2);
    assert_eq!(ttl_at(&mut world, address(DB), 2), (Verdict::ToPort(DB), 1));
    assert_eq!(ttl_at(&mut world, REMOTE, 255), (out(), 254));
    let mut from_outside = |ttl| world.receive(Sent { ttl, ..Sent::syn(REMOTE, 1, PUBLIC, 80) }).0;
    assert_eq!(from_outside(1), dropped(DropReason::TtlExceeded));
    assert_eq!(from_outside(2), Verdict::ToPort(WEB));
}

#[test]
fn a_dropped_packet_of_a_known_flow_changes_nothing() {
    let mut world = World::new();
    let syn = Sent::syn(address(WEB), 1, address(DB), 5432);
    world.send(WEB, syn);
    let before = world.flows.clone();
    world.wait(30);
    let (verdict, _) = world.send(WEB, Sent { ttl: 1, ..syn.with(Flags::RST) });
    assert_eq!(verdict, dropped(DropReason::TtlExceeded));
    assert_eq!(world.flows, before);
}

#[test]
fn without_an_uplink_nothing_leaves() {
    let syn = Sent::syn(address(WEB), 1, REMOTE, 443);
    let mut world = World::new();
    world.outside().addresses.clear();
    assert_eq!(world.send(WEB, syn).0, dropped(DropReason::NoUplink));
    assert!(world.flows.is_empty());
    let mut world = World::new();
    world.send(WEB, syn);
    world.outside().uplinks.clear();
    assert_eq!(world.send(WEB, syn).0, dropped(DropReason::NoUplink));
}

#[test]
fn an_instance_that_is_gone_gets_nothing_by_a_flow() {
    let mut world = World::new();
    let syn = Sent::syn(address(WEB), 1, address(DB), 5432);
    world.send(WEB, syn);
    world.tables.vpcs.get_mut(&VPC).unwrap().endpoints.remove(&address(DB).into());
    assert_eq!(world.send(WEB, syn).0, dropped(DropReason::NoInstance));
}

#[test]
fn a_udp_checksum_of_zero_stays_and_wrong_ones_stay_wrong() {
    let mut world = World::new();
    let ask = Sent::udp(address(WEB), 20_001, REMOTE, 53);
    let mut frame = ask.frame(mac(WEB), GATEWAY_MAC);
    frame[40..42].fill(0);
    assert_eq!(world.port(WEB, &mut frame), out());
    assert_eq!(frame[40..42], [0, 0]);
    let mut right = ask.frame(mac(WEB), GATEWAY_MAC);
    let mut wrong = right.clone();
    wrong[41] ^= 1;
    world.port(WEB, &mut right);
    world.port(WEB, &mut wrong);
    assert_ne!(right, wrong);
}

#[test]
fn within_a_subnet_only_the_ethernet_addresses_change() {
    let before = Sent::syn(address(WEB), 1, address(APP), 80).frame(mac(WEB), GATEWAY_MAC);
    let mut frame = before.clone();
    frame[24..26].fill(0xff);
    frame[50..52].fill(0xff);
    let mut world = World::new();
    assert_eq!(world.port(WEB, &mut frame), Verdict::ToPort(APP));
    assert_eq!(frame[..12], [mac(APP).0, GATEWAY_MAC.0].concat());
    assert_eq!((&frame[24..26], &frame[50..52]), (&[0xff; 2][..], &[0xff; 2][..]));
}
