use super::*;

/// What becomes of web's packet to app if these bytes of it are others, and if it is cut.
fn verdict(packet: Sent, changes: &[(usize, u8)], length: Option<usize>) -> Verdict {
    let mut world = World::new();
    let mut frame = packet.frame(mac(WEB), GATEWAY_MAC);
    changes.iter().for_each(|(at, byte)| frame[*at] = *byte);
    frame.truncate(length.unwrap_or(frame.len()));
    let before = frame.clone();
    let verdict = world.port(WEB, &mut frame);
    if verdict.drop_reason().is_some() {
        assert_eq!(frame, before);
        assert!(world.flows.is_empty());
    }
    verdict
}

/// A packet, other bytes in it, where it is cut, and why it is dropped.
type Case = (Sent, &'static [(usize, u8)], Option<usize>, DropReason);

#[test]
fn each_check_has_its_reason() {
    use DropReason::*;
    let syn = Sent::syn(address(WEB), 40_000, address(APP), 80);
    let udp = Sent::udp(address(WEB), 40_000, address(APP), 80);
    let ping = Sent::ping(address(WEB), address(APP), 5);
    let cases: [Case; 24] = [
        (syn, &[], Some(0), Truncated),
        (syn, &[], Some(13), Truncated),
        (syn, &[], Some(14), Truncated),
        (syn, &[], Some(33), Truncated),
        (syn, &[(12, 0x81), (13, 0)], None, EtherType),
        (syn, &[(12, 0x86), (13, 0xdd)], None, EtherType),
        (syn, &[(13, 6)], Some(41), Truncated),
        (syn, &[(13, 6)], None, ArpUnsupported),
        (syn, &[(14, 0x65)], None, IpHeader),
        (syn, &[(14, 0x44)], None, IpHeader),
        (syn, &[(14, 0x46), (17, 0)], None, IpOptions),
        (syn, &[(17, 19)], None, IpLength),
        (syn, &[], Some(14 + 44), IpLength),
        (syn, &[(20, 0x20)], None, BadFragment),
        (syn, &[(21, 3)], None, Fragment),
        (syn, &[(23, 0)], None, ProtocolUnsupported),
        (syn, &[(17, 39)], None, TransportHeader),
        (udp, &[(17, 27)], None, TransportHeader),
        (ping, &[(17, 27)], None, TransportHeader),
        (ping, &[(34, 5)], None, IcmpUnsupported),
        (ping, &[(35, 1)], None, IcmpUnsupported),
        (ping, &[(34, 0)], None, NoEchoRequest),
        (syn, &[(6, 6), (12, 9)], None, EtherType),
        (syn, &[(6, 6), (14, 0x46)], None, IpOptions),
    ];
    for (packet, changes, length, reason) in cases {
        assert_eq!(verdict(packet, changes, length), dropped(reason), "{changes:?} {length:?}");
    }
}

#[test]
fn what_does_not_matter_passes() {
    let syn = Sent::syn(address(WEB), 40_000, address(APP), 80);
    let udp = Sent::udp(address(WEB), 40_000, address(APP), 80);
    let passes = Verdict::ToPort(APP);
    assert_eq!(verdict(syn, &[], None), passes);
    assert_eq!(verdict(syn, &[], Some(14 + 45)), passes, "nothing after the packet");
    assert_eq!(verdict(syn, &[(20, 0xc0)], None), passes, "reserved and don't-fragment flags");
    assert_eq!(verdict(syn, &[(24, 1), (50, 1)], None), passes, "wrong checksums");
    assert_eq!(verdict(syn, &[(46, 0)], None), passes, "a data offset of 0");
    assert_eq!(verdict(udp, &[(38, 0), (39, 0)], None), passes, "a UDP length of 0");
    assert_eq!(verdict(udp, &[(17, 28)], None), passes, "a header alone");
}

#[test]
fn an_unknown_port_comes_first() {
    assert_eq!(World::new().port(PortId(99), &mut Vec::new()), dropped(DropReason::NoPort));
}
