//! What the sender of a dropped packet is told.

use super::*;

/// What comes back to an instance; none: nothing does.
fn told(world: &mut World, port: PortId, packet: Sent) -> Option<(Ipv4Addr, [u8; 2], Vec<u8>)> {
    let sent = packet.frame(mac(port), GATEWAY_MAC);
    let mut frame = sent.clone();
    let World { tables, generations, flows, now_ns, random } = world;
    let outcome = from_port(tables, generations, flows, port, &mut frame, *now_ns, *random);
    let Verdict::Refused(_) = outcome.verdict else {
        assert!(outcome.verdict.drop_reason().is_none() || frame == sent, "it is as it came");
        return None;
    };
    assert_eq!(outcome.target, port.0, "it goes back where it came from");
    assert_eq!(frame[..12], [mac(port).0, GATEWAY_MAC.0].concat());
    let (from, to, message, quoted) = read(&frame);
    assert_eq!((to, &quoted[..]), (packet.source, &sent[14..42]));
    Some((from, message, quoted))
}

fn read(frame: &[u8]) -> (Ipv4Addr, Ipv4Addr, [u8; 2], Vec<u8>) {
    assert_eq!(frame.len(), 14 + 20 + 8 + 28);
    let frame = ethernet::Packet::new_checked(frame).unwrap();
    let ip = ipv4::Packet::new_checked(frame.payload()).unwrap();
    let icmp = icmp::Packet::new_checked(ip.payload()).unwrap();
    assert!(ip.checksum_holds() && icmp.checksum_holds() && icmp.is_error());
    assert_eq!((ip.ttl(), ip.protocol(), ip.payload()[4..8].to_vec()), (64, 1, vec![0; 4]));
    (ip.source(), ip.destination(), icmp.type_and_code().to_be_bytes(), icmp.quoted().to_vec())
}

#[test]
fn each_reason_has_its_message() {
    let to = |text: &str| Sent::syn(address(WEB), 40_000, v4(text), 80);
    let from_db = |text: &str| Sent::udp(address(DB), 40_000, v4(text), 80);
    for (port, packet, message) in [
        (WEB, to("10.0.1.77"), Some([3, 1])),
        (WEB, to("192.0.2.1"), Some([3, 0])),
        (WEB, to("10.0.9.1"), None),
        (WEB, to("203.0.113.10"), Some([3, 1])),
        (WEB, Sent { ttl: 1, ..to("198.51.100.7") }, Some([11, 0])),
        (WEB, to("10.0.2.4"), Some([3, 13])),
        (DB, from_db("198.51.100.7"), Some([3, 0])),
        (DB, from_db("8.8.8.8"), Some([3, 0])),
        (DB, Sent::syn(address(DB), 40_000, v4("8.8.8.8"), 80), Some([3, 13])),
        (WEB, to("127.0.0.1"), None),
        (WEB, to("10.0.1.1"), None),
        (WEB, to("10.0.1.77").with(Flags(0x10)), None),
    ] {
        let mut world = World::new();
        let said = told(&mut world, port, packet);
        let gateway = if port == DB { v4("10.0.2.1") } else { v4("10.0.1.1") };
        assert_eq!(said.as_ref().map(|said| said.1), message, "{packet:?}");
        assert!(said.is_none_or(|said| said.0 == gateway), "{packet:?}");
    }
}

#[test]
fn who_is_outside_is_told_of_the_ttl_alone() {
    let mut world = World::new();
    let mut receive = |packet: Sent| {
        let mut frame = packet.frame(Mac([2, 9, 9, 9, 9, 9]), UPLINK_MAC);
        let World { tables, generations, flows, now_ns, random } = &mut world;
        (from_uplink(tables, generations, flows, UPLINK, &mut frame, *now_ns, *random).verdict, frame)
    };
    let dying = Sent { ttl: 1, ..Sent::syn(REMOTE, 50_000, PUBLIC, 80) };
    let (verdict, frame) = receive(dying);
    assert_eq!(verdict, Verdict::Refused(DropReason::TtlExceeded));
    assert_eq!(read(&frame).0, PUBLIC);
    assert_eq!((read(&frame).1, read(&frame).2), (REMOTE, [11, 0]));
    assert_eq!(frame[..6], [2, 9, 9, 9, 9, 9]);
    let (verdict, _) = receive(Sent::syn(REMOTE, 50_000, PUBLIC, 22));
    assert_eq!(verdict, dropped(DropReason::IngressDenied), "silently");
}

#[test]
fn what_an_uplink_does_not_carry_is_told_with_its_mtu() {
    let mut world = World::new();
    let packet = Sent::udp(address(WEB), 40_000, REMOTE, 53);
    world.outside().uplinks.get_mut(&UPLINK).unwrap().mtu = 33;
    assert_eq!(told(&mut world, WEB, packet), None, "33 bytes are not more than 33");
    world.outside().uplinks.get_mut(&UPLINK).unwrap().mtu = 32;
    let mut frame = packet.frame(mac(WEB), GATEWAY_MAC);
    let World { tables, generations, flows, now_ns, random } = &mut world;
    let outcome = from_port(tables, generations, flows, WEB, &mut frame, *now_ns, *random);
    assert_eq!(outcome.verdict, Verdict::Refused(DropReason::TooLarge), "of a known flow too");
    assert_eq!(frame[34..36], [3, 4]);
    assert_eq!(frame[38..42], [0, 0, 0, 32]);
    world.outside().uplinks.get_mut(&UPLINK).unwrap().mtu = 0;
    assert_eq!(world.send(WEB, packet).0, out(), "no bound is known");
    let syn = Sent::syn(address(WEB), 40_000, address(DB), 5432);
    world.outside().uplinks.get_mut(&UPLINK).unwrap().mtu = 32;
    assert_eq!(world.send(WEB, syn).0, Verdict::ToPort(DB), "it holds for what leaves there alone");
}

#[test]
fn only_so_many_are_told_in_a_second() {
    let mut world = World::new();
    let packet = Sent::udp(address(WEB), 40_000, v4("10.0.1.77"), 80);
    let count = |world: &mut World| (0..150).filter(|_| told(world, WEB, packet).is_some()).count();
    assert_eq!((count(&mut world), count(&mut world)), (100, 0));
    let neighbour = Sent::udp(address(APP), 40_000, v4("10.0.1.77"), 80);
    assert!(told(&mut world, APP, neighbour).is_some(), "its neighbour is told");
    world.wait(1);
    assert_eq!(count(&mut world), 100);
}
