use super::*;

fn from_web(packet: Sent) -> Verdict {
    World::new().send(WEB, packet).0
}

#[test]
fn only_the_ports_own_addresses_may_send() {
    let (mut world, syn) = (World::new(), Sent::syn(address(WEB), 40_000, address(APP), 80));
    let mut frame = syn.frame(mac(APP), GATEWAY_MAC);
    assert_eq!(world.port(WEB, &mut frame), dropped(DropReason::SpoofedMac));
    assert_eq!(world.port(APP, &mut frame), dropped(DropReason::SpoofedAddress));
    let mut frame = syn.frame(mac(WEB), mac(APP));
    assert_eq!(world.port(WEB, &mut frame), dropped(DropReason::WrongMac));
}

#[test]
fn no_one_sends_to_what_is_no_host() {
    let to = |text| from_web(Sent::udp(address(WEB), 1, v4(text), 1));
    for text in ["224.0.0.1", "239.255.255.255", "255.255.255.255", "10.0.1.255"] {
        assert_eq!(to(text), dropped(DropReason::Multicast), "{text}");
    }
    for text in ["0.1.2.3", "127.0.0.1", "10.0.1.4"] {
        assert_eq!(to(text), dropped(DropReason::Martian), "{text}");
    }
    assert_eq!(to("240.0.0.1"), out());
    let broadcast = Sent::udp(address(WEB), 1, Ipv4Addr::BROADCAST, 1);
    let mut frame = broadcast.frame(mac(WEB), Mac::BROADCAST);
    assert_eq!(World::new().port(WEB, &mut frame), dropped(DropReason::Multicast));
}

#[test]
fn a_subnet_of_two_has_no_broadcast() {
    let mut world = World::new();
    world.tables.ports.get_mut(&WEB).unwrap().subnet = prefix("10.0.1.4/31");
    let (verdict, _) = world.send(WEB, Sent::syn(address(WEB), 1, address(APP), 1));
    assert_eq!(verdict, Verdict::ToPort(APP));
}

#[test]
fn the_gateway_answers_ping_in_place() {
    let mut world = World::new();
    let ping = Sent { ttl: 1, ..Sent::ping(address(WEB), v4("10.0.1.1"), 77) };
    let (verdict, frame) = world.send(WEB, ping);
    assert_eq!(verdict, Verdict::Answered);
    assert_eq!(Sent::read(&frame), Sent { ttl: 64, ..ping.answered(Flags::SYN) });
    assert_eq!(frame[..12], [mac(WEB).0, GATEWAY_MAC.0].concat());
    assert!(world.flows.is_empty());
}

#[test]
fn the_gateway_does_nothing_else() {
    let gateway = v4("10.0.1.1");
    assert_eq!(from_web(Sent::syn(address(WEB), 1, gateway, 22)), dropped(DropReason::GatewayOnly));
    let reply = Sent { reply: true, ..Sent::ping(address(WEB), gateway, 1) };
    assert_eq!(from_web(reply), dropped(DropReason::GatewayOnly));
}

fn request(sender: &str, target: &str) -> arp::Repr {
    let (operation, sender_mac, target_mac) = (arp::Operation::Request, mac(WEB), Mac::default());
    arp::Repr { operation, sender_mac, sender: v4(sender), target_mac, target: v4(target) }
}

fn arp(repr: arp::Repr) -> (Verdict, Vec<u8>) {
    let mut frame = arp_frame(mac(WEB), Mac::BROADCAST, repr);
    (World::new().port(WEB, &mut frame), frame)
}

#[test]
fn arp_is_answered_for_who_is_there() {
    for (sender, target) in [("10.0.1.4", "10.0.1.1"), ("10.0.1.4", "10.0.1.5"), ("0.0.0.0", "10.0.1.5")] {
        let (verdict, frame) = arp(request(sender, target));
        assert_eq!(verdict, Verdict::Answered, "{target}");
        let answer = arp::Repr {
            operation: arp::Operation::Reply,
            sender_mac: GATEWAY_MAC,
            sender: v4(target),
            target_mac: mac(WEB),
            target: v4(sender),
        };
        assert_eq!(frame, arp_frame(GATEWAY_MAC, mac(WEB), answer));
    }
}

#[test]
fn arp_is_not_answered_otherwise() {
    use DropReason::*;
    let other = |change: fn(&mut arp::Repr)| {
        let mut repr = request("10.0.1.4", "10.0.1.1");
        change(&mut repr);
        repr
    };
    let cases = [
        (request("10.0.1.4", "10.0.1.9"), ArpUnanswered),
        (request("10.0.1.4", "10.0.2.4"), ArpUnanswered),
        (request("0.0.0.0", "10.0.1.4"), ArpUnanswered),
        (request("10.0.1.4", "10.0.1.4"), ArpNotRequest),
        (request("10.0.1.5", "10.0.1.1"), SpoofedAddress),
        (other(|arp| arp.operation = arp::Operation::Reply), ArpNotRequest),
        (other(|arp| arp.sender_mac = mac(APP)), SpoofedMac),
    ];
    for (repr, reason) in cases {
        assert_eq!(arp(repr).0, dropped(reason), "{repr:?}");
    }
    let mut frame = arp_frame(mac(APP), Mac::BROADCAST, request("10.0.1.4", "10.0.1.1"));
    assert_eq!(World::new().port(WEB, &mut frame), dropped(SpoofedMac));
}

#[test]
fn an_uplink_answers_arp_for_its_pool_addresses_alone() {
    let ask = |target: Ipv4Addr, to: Mac| {
        let asked =
            arp::Repr { sender_mac: mac(DB), sender: REMOTE, target, ..request("0.0.0.0", "0.0.0.0") };
        let before = arp_frame(mac(DB), to, asked);
        let mut frame = before.clone();
        let verdict = World::new().uplink(&mut frame);
        (verdict, (frame != before).then_some(frame))
    };
    let answer = arp::Repr {
        operation: arp::Operation::Reply,
        sender_mac: UPLINK_MAC,
        sender: PUBLIC,
        target_mac: mac(DB),
        target: REMOTE,
    };
    let answered = (Verdict::Answered, Some(arp_frame(UPLINK_MAC, mac(DB), answer)));
    assert_eq!(ask(PUBLIC, Mac::BROADCAST), answered);
    assert_eq!(ask(PUBLIC, UPLINK_MAC), answered);
    assert_eq!(ask(PUBLIC, mac(APP)), (Verdict::ToHost, None));
    assert_eq!(ask(v4("203.0.113.30"), Mac::BROADCAST), (Verdict::ToHost, None));
}

#[test]
fn what_is_not_for_a_pool_address_goes_to_the_host() {
    let mut world = World::new();
    let syn = Sent::syn(REMOTE, 40_000, PUBLIC, 80);
    let before = syn.frame(mac(DB), UPLINK_MAC);
    let with = |change: fn(&mut Vec<u8>)| {
        let mut frame = before.clone();
        change(&mut frame);
        frame
    };
    let frames = [
        with(|frame| frame.truncate(13)),
        with(|frame| frame.truncate(33)),
        with(|frame| frame[13] = 0xdd),
        with(|frame| frame[14] = 0x65),
        with(|frame| frame[0] = 0xff),
        with(|frame| frame[33] = 99),
    ];
    for mut frame in frames {
        let before = frame.clone();
        assert_eq!(world.uplink(&mut frame), Verdict::ToHost);
        assert_eq!(frame, before);
    }
    world.tables.outside.addresses.insert(PUBLIC.into(), UplinkId(32));
    assert_eq!(world.uplink(&mut before.clone()), Verdict::ToHost, "another uplink's address");
}

#[test]
fn sources_that_cannot_be_outside_are_martian() {
    for text in ["0.0.0.1", "127.0.0.1", "224.0.0.1", "255.255.255.255", "203.0.113.10", "203.0.113.20"] {
        let (verdict, _) = World::new().receive(Sent::syn(v4(text), 40_000, PUBLIC, 80));
        assert_eq!(verdict, dropped(DropReason::Martian), "{text}");
    }
    let (verdict, _) = World::new().receive(Sent::syn(v4("10.0.1.5"), 40_000, PUBLIC, 80));
    assert_eq!(verdict, dropped(DropReason::Martian), "an address of the VPC that is forwarded to");
}
