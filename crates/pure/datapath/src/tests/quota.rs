//! How many flows somebody may have.

use super::*;

fn world(instance: u32, instance_half_open: u32, vpc: u32, vpc_half_open: u32) -> World {
    let quotas = Quotas { instance, instance_half_open, vpc, vpc_half_open };
    let world = World::new();
    World { flows: FlowTable::new(10_000).with_quotas(quotas), ..world }
}

fn udp(port: PortId, source_port: u16) -> Sent {
    Sent::udp(address(port), source_port, address(if port == WEB { APP } else { WEB }), 53)
}

#[test]
fn an_instance_has_its_share_and_open_flows_go_on() {
    let mut world = world(3, 9, 100, 100);
    for source_port in 1..=3 {
        assert_eq!(world.send(WEB, udp(WEB, source_port)).0, Verdict::ToPort(APP));
    }
    assert_eq!(world.send(WEB, udp(WEB, 4)).0, dropped(DropReason::InstanceQuota));
    assert_eq!(world.send(WEB, udp(WEB, 2)).0, Verdict::ToPort(APP), "an open one");
    assert_eq!(world.send(APP, udp(WEB, 2).answered(Flags::default())).0, Verdict::ToPort(WEB));
    assert_eq!(world.send(APP, udp(APP, 4)).0, Verdict::ToPort(WEB), "another instance");
    assert_eq!(world.send(OTHER, Sent::ping(address(OTHER), v4("10.0.1.1"), 1)).0, Verdict::Answered);
    world.wait(31);
    assert_eq!(world.send(WEB, udp(WEB, 4)).0, dropped(DropReason::InstanceQuota), "not yet collected");
    let now = world.now_ns;
    assert_eq!(
        world.flows.collect(now),
        2 * 3,
        "of the flow that both ends used nothing yet, nor of the newest one's"
    );
    assert_eq!(world.send(WEB, udp(WEB, 4)).0, Verdict::ToPort(APP));
}

#[test]
fn half_open_connections_have_a_share_of_their_own() {
    let mut world = world(100, 2, 100, 100);
    let syn = |source_port| Sent::syn(address(WEB), source_port, address(APP), 80);
    assert_eq!(world.send(WEB, syn(1)).0, Verdict::ToPort(APP));
    assert_eq!(world.send(WEB, syn(2)).0, Verdict::ToPort(APP));
    assert_eq!(world.send(WEB, syn(3)).0, dropped(DropReason::InstanceQuota));
    assert_eq!(world.send(WEB, udp(WEB, 3)).0, Verdict::ToPort(APP), "a datagram is not half of anything");
    // One is established, one refused: both make room.
    world.send(APP, syn(1).answered(Flags::SYN.with(Flags::ACK)));
    world.send(WEB, syn(1).with(Flags::ACK));
    assert_eq!(world.send(WEB, syn(3)).0, Verdict::ToPort(APP));
    assert_eq!(world.send(WEB, syn(4)).0, dropped(DropReason::InstanceQuota));
    world.send(APP, syn(2).answered(Flags::RST.with(Flags::ACK)));
    assert_eq!(world.send(WEB, syn(4)).0, Verdict::ToPort(APP));
    let now = world.now_ns;
    world.flows.collect(now);
    assert_eq!(world.send(WEB, syn(5)).0, dropped(DropReason::InstanceQuota), "counted anew, the same");
}

#[test]
fn what_comes_from_outside_has_a_share_of_its_own() {
    let mut world = world(3, 3, 4, 4);
    let from = |n: u16| Sent::syn(REMOTE, n, PUBLIC, 80);
    for n in 1..=3 {
        assert_eq!(world.receive(from(n)).0, Verdict::ToPort(WEB));
    }
    assert_eq!(world.receive(from(4)).0, dropped(DropReason::InstanceQuota));
    for n in 1..=3 {
        assert_eq!(world.send(WEB, udp(WEB, n)).0, Verdict::ToPort(APP), "who is flooded still opens flows");
    }
    assert_eq!(world.send(WEB, udp(WEB, 4)).0, dropped(DropReason::InstanceQuota));
    assert_eq!(world.send(APP, udp(APP, 1)).0, Verdict::ToPort(WEB));
    assert_eq!(world.send(APP, udp(APP, 2)).0, dropped(DropReason::VpcQuota));
}
