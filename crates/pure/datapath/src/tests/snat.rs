use super::*;
use crate::path::Path;
use crate::stages::snat;

#[test]
fn the_outside_sees_the_pools_address_and_answers_come_back() {
    let mut world = World { random: 5, ..World::new() };
    for (packet, port) in [
        (Sent::syn(address(WEB), 40_000, REMOTE, 443), 20_005),
        (Sent::udp(address(WEB), 20_003, REMOTE, 53), 20_003),
        (Sent::ping(address(WEB), REMOTE, 9), 20_005),
    ] {
        let (verdict, frame) = world.send(WEB, packet);
        assert_eq!(verdict, out());
        let seen = Sent::read(&frame);
        assert_eq!(seen, Sent { source: NAT, source_port: port, ttl: 63, ..packet });
        assert_eq!(frame[..12], [GATEWAY_MAC.0, mac(WEB).0].concat(), "the kernel sets them");
        let (verdict, frame) = world.receive(Sent { ttl: 64, ..seen.answered(Flags(0x12)) });
        assert_eq!(verdict, Verdict::ToPort(WEB));
        assert_eq!(Sent::read(&frame), Sent { ttl: 63, ..packet.answered(Flags(0x12)) });
        assert_eq!(frame[..12], [mac(WEB).0, GATEWAY_MAC.0].concat());
    }
}

#[test]
fn ports_are_tried_in_the_order_that_is_written() {
    let tuple = Sent::syn(address(WEB), 40_000, REMOTE, 443).tuple();
    let ports = |nat: (u16, u16), random| -> Vec<u16> {
        let nat = Nat { address: NAT.into(), first_port: nat.0, last_port: nat.1 };
        let path = Path::of(&FlowKey { vpc: VPC, tuple, protocol: Protocol::Tcp }).through(&nat);
        snat::candidates(&path, Protocol::Tcp, random).map(|tuple| tuple.source_port).collect()
    };
    assert_eq!(ports((20_000, 20_003), 2)[..5], [20_002, 20_003, 20_000, 20_001, 20_002]);
    assert_eq!(ports((20_000, 20_003), 0x0004_0001)[..3], [20_001, 20_002, 20_003]);
    assert_eq!(ports((0, 65_535), 0xffff_ffff)[..4], [40_000, 65_535, 65_534, 65_533]);
    assert_eq!(ports((0, 65_535), 7).len(), 17);
    assert_eq!(ports((1, 1), 3), [1; 16]);
    assert!(ports((2, 1), 3).is_empty());
}

#[test]
fn ports_run_out_towards_one_remote_end_alone() {
    let mut world = World::new();
    for source_port in 0..8 {
        world.random = u32::from(source_port);
        assert_eq!(world.send(WEB, Sent::udp(address(WEB), source_port, REMOTE, 53)).0, out());
    }
    let ninth = Sent::udp(address(APP), 1, REMOTE, 53);
    let before = world.flows.clone();
    assert_eq!(world.send(APP, ninth).0, dropped(DropReason::NatPortsExhausted));
    assert_eq!(world.flows, before);
    assert_eq!(world.send(APP, Sent::udp(address(APP), 1, REMOTE, 54)).0, out());
    world.wait(30);
    assert_eq!(world.send(APP, ninth).0, out());
}
