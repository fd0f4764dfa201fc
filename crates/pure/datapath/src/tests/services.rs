//! What every VPC has: services that see each instance as somebody of its own.

use super::*;

const SERVICES: PortId = PortId(41);
const NAMES: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
const SERVER: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

fn world() -> World {
    let mut world = World::new();
    let (address, mac) = (SERVER.into(), mac(SERVICES));
    let subnet = prefix("169.254.169.252/30");
    let (vpc, gateway) = (VpcId::SERVICES, subnet.nth(1).unwrap());
    world.tables.ports.insert(SERVICES, Port { vpc, address, mac, subnet, gateway });
    let endpoint = Endpoint {
        port: SERVICES,
        mac,
        policy: PolicyId(0),
        routes: RouteTableId(0),
        nat: None,
        of_host: false,
    };
    world.tables.vpcs.entry(vpc).or_default().endpoints.insert(address, endpoint);
    for own in [VPC, TWIN] {
        for (protocol, address, port) in [(17, NAMES, 53), (6, NAMES, 53), (6, SERVER, 80)] {
            let key = ForwardKey { address: address.into(), protocol, port };
            let forward = Forward { vpc, address: SERVER.into(), port };
            world.tables.vpcs.get_mut(&own).unwrap().forwards.insert(key, forward);
        }
    }
    world.generations.raise(vpc);
    world
}

fn seen(port: PortId) -> Ipv4Addr {
    Ipv4Addr::new(240, 0, 0, u8::try_from(port.0).unwrap())
}

#[test]
fn every_vpc_asks_and_nobody_is_taken_for_another() {
    let mut world = world();
    // The twin has the same address, and no rules at all.
    for port in [WEB, OTHER] {
        let query = Sent::udp(address(port), 5_000, NAMES, 53);
        let (verdict, frame) = world.send(port, query);
        assert_eq!(verdict, Verdict::ToPort(SERVICES));
        let asked = Sent::read(&frame);
        assert_eq!(asked, Sent { ttl: 63, ..Sent::udp(seen(port), 5_000, SERVER, 53) });

        let (verdict, frame) = world.send(SERVICES, Sent { ttl: 64, ..asked }.answered(Flags::default()));
        assert_eq!(verdict, Verdict::ToPort(port));
        assert_eq!(Sent::read(&frame), Sent { ttl: 63, ..query }.answered(Flags::default()));
    }
    assert_eq!(world.flows.len(), 4);
}

#[test]
fn the_same_port_to_two_addresses_of_a_service_is_two_flows() {
    let mut world = world();
    let other = v4("169.254.169.253");
    let key = ForwardKey { address: other.into(), protocol: 17, port: 53 };
    let to = Forward { vpc: VpcId::SERVICES, address: SERVER.into(), port: 53 };
    world.vpc().forwards.insert(key, to);
    assert_eq!(world.send(WEB, Sent::udp(address(WEB), 5_000, NAMES, 53)).0, Verdict::ToPort(SERVICES));
    let (verdict, frame) = world.send(WEB, Sent::udp(address(WEB), 5_000, other, 53));
    assert_eq!(verdict, Verdict::ToPort(SERVICES));
    let asked = Sent::read(&frame);
    assert_ne!(asked.source_port, 5_000);
    let (_, frame) = world.send(SERVICES, Sent { ttl: 64, ..asked }.answered(Flags::default()));
    assert_eq!(Sent::read(&frame).source, other);
}

#[test]
fn nothing_else_is_asked_there_and_services_open_nothing() {
    let mut world = world();
    for packet in [
        Sent::syn(address(WEB), 5_000, SERVER, 443),
        Sent::udp(address(WEB), 5_000, SERVER, 80),
        Sent::ping(address(WEB), v4("169.254.169.253"), 1),
    ] {
        assert_eq!(world.send(WEB, packet).0, dropped(DropReason::NoService), "{packet:?}");
    }
    let elsewhere = Sent::udp(address(WEB), 5_000, v4("169.254.0.9"), 53);
    assert_eq!(world.send(WEB, elsewhere).0, dropped(DropReason::Martian));
    let denied = Sent::udp(address(WEB), 5_000, NAMES, 54);
    assert_eq!(world.send(WEB, denied).0, dropped(DropReason::NoInstance));
    for (source, to) in [(SERVER, seen(WEB)), (SERVER, address(WEB)), (SERVER, REMOTE)] {
        let packet = Sent::udp(source, 53, to, 5_000);
        assert_eq!(world.send(SERVICES, packet).0, dropped(DropReason::EgressDenied), "{packet:?}");
    }
}

#[test]
fn flows_are_cut_with_the_service_and_with_nothing_else() {
    let mut world = world();
    let query = Sent::udp(address(WEB), 5_000, NAMES, 53);
    let asked = Sent::read(&world.send(WEB, query).1);
    world.vpc().rules.clear();
    assert_eq!(world.send(WEB, query).0, Verdict::ToPort(SERVICES));
    let answer = Sent { ttl: 64, ..asked }.answered(Flags::default());
    assert_eq!(world.send(SERVICES, answer).0, Verdict::ToPort(WEB));
    world.generations.raise(VpcId::SERVICES);
    assert_eq!(world.send(SERVICES, answer).0, Verdict::ToPort(WEB));
    world.vpc().forwards.clear();
    assert_eq!(world.send(SERVICES, answer).0, dropped(DropReason::EgressDenied));
    assert!(world.flows.is_empty());
}

#[test]
fn a_forward_between_vpcs_is_none() {
    let mut world = world();
    let key = ForwardKey { address: v4("10.0.9.9").into(), protocol: 17, port: 53 };
    let to = Forward { vpc: TWIN, address: address(OTHER).into(), port: 53 };
    world.vpc().forwards.insert(key, to);
    let packet = Sent::udp(address(WEB), 5_000, v4("10.0.9.9"), 53);
    assert_eq!(world.send(WEB, packet).0, dropped(DropReason::Blackhole));
    let key = ForwardKey { address: PUBLIC.into(), protocol: 6, port: 9_000 };
    let to = Forward { vpc: VpcId::SERVICES, address: SERVER.into(), port: 80 };
    world.outside().forwards.insert(key, to);
    assert_eq!(world.receive(Sent::syn(REMOTE, 5_000, PUBLIC, 9_000)).0, dropped(DropReason::NoForward));
}

#[test]
fn arp_for_the_name_service_is_answered() {
    let mut world = world();
    let mut ask = |target: &str| {
        let operation = arp::Operation::Request;
        let target = v4(target);
        let repr = arp::Repr {
            operation,
            sender_mac: mac(WEB),
            sender: address(WEB),
            target_mac: Mac([0; 6]),
            target,
        };
        world.port(WEB, &mut arp_frame(mac(WEB), Mac::BROADCAST, repr))
    };
    assert_eq!(ask("10.0.1.2"), Verdict::Answered);
    assert_eq!(ask("10.0.1.3"), dropped(DropReason::ArpUnanswered));
}

#[test]
fn questions_are_forgotten_soon_and_leave_the_quota_of_others_alone() {
    let mut world = world();
    let quotas = Quotas { instance: 16, instance_half_open: 16, vpc: 64, vpc_half_open: 64 };
    world.flows = FlowTable::new(1_000).with_quotas(quotas);
    let ask = |source_port| Sent::udp(address(WEB), source_port, NAMES, 53);
    for source_port in [1, 2] {
        let (_, frame) = world.send(WEB, ask(source_port));
        world.send(SERVICES, Sent { ttl: 64, ..Sent::read(&frame).answered(Flags::default()) });
    }
    assert_eq!(world.send(WEB, ask(3)).0, dropped(DropReason::InstanceQuota));
    let other = Sent::udp(address(WEB), 3, address(APP), 53);
    for source_port in 1..=16 {
        assert_eq!(world.send(WEB, Sent { source_port, ..other }).0, Verdict::ToPort(APP));
    }
    world.wait(10);
    let now = world.now_ns;
    assert_eq!(world.flows.collect(now), 2 * 2);
    assert_eq!(world.send(WEB, ask(3)).0, Verdict::ToPort(SERVICES));
}

#[test]
fn who_is_seen_as_another_asks_anew() {
    let mut world = world();
    let ask = Sent::udp(address(WEB), 5_000, NAMES, 53);
    assert_eq!(world.send(WEB, ask).0, Verdict::ToPort(SERVICES));
    // Its port was made anew.
    let port = world.tables.ports.remove(&WEB).unwrap();
    world.tables.ports.insert(PortId(42), Port { mac: mac(PortId(42)), ..port });
    world.vpc().endpoints.get_mut(&address(WEB).into()).unwrap().port = PortId(42);
    world.generations.raise(VPC);
    assert_eq!(world.send(PortId(42), ask).0, dropped(DropReason::PathChanged));
    let (verdict, frame) = world.send(PortId(42), ask);
    assert_eq!((verdict, Sent::read(&frame).source), (Verdict::ToPort(SERVICES), seen(PortId(42))));
}
