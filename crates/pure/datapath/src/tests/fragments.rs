use madang_wire::checksum;

use super::*;

/// The parts of a packet: its first bytes behind the IPv4 header, and the others.
fn parts(whole: &[u8], first: usize) -> [Vec<u8>; 2] {
    let (head, payload) = (ethernet::HEADER + ipv4::HEADER, &whole[..whole.len() - 3]);
    let part = |range: std::ops::Range<usize>, flags_and_offset: u16| {
        let mut part = [&whole[..head], &payload[head..][range], &[0x5a; 3]].concat();
        let length = u16::try_from(part.len() - 3 - ethernet::HEADER).unwrap();
        part[16..18].copy_from_slice(&length.to_be_bytes());
        part[20..22].copy_from_slice(&flags_and_offset.to_be_bytes());
        mend(&mut part);
        part
    };
    let rest = u16::try_from(first / 8).unwrap();
    [part(0..first, 0x2000), part(first..payload.len() - head, rest)]
}

/// Makes the header's checksum right.
fn mend(frame: &mut [u8]) {
    let header = &mut frame[ethernet::HEADER..][..ipv4::HEADER];
    header[10..12].fill(0);
    let sum = checksum::of(&[&*header]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// A packet again, of its parts.
fn whole(parts: &[Vec<u8>]) -> Vec<u8> {
    let head = ethernet::HEADER + ipv4::HEADER;
    let payload = parts.iter().flat_map(|part| part[head..part.len() - 3].to_vec());
    let mut whole = [parts[0][..head].to_vec(), payload.collect(), vec![0x5a; 3]].concat();
    let length = u16::try_from(whole.len() - 3 - ethernet::HEADER).unwrap();
    whole[16..18].copy_from_slice(&length.to_be_bytes());
    whole[20..22].fill(0);
    mend(&mut whole);
    whole
}

#[test]
fn parts_are_translated_as_their_packet() {
    for packet in [Sent::udp(address(WEB), 4_000, REMOTE, 53), Sent::ping(address(WEB), REMOTE, 4_000)] {
        let mut parts = parts(&packet.frame(mac(WEB), GATEWAY_MAC), 8);
        let mut world = World::new();
        for part in &mut parts {
            assert_eq!(world.port(WEB, part), out());
        }
        let sent = Sent::read(&whole(&parts));
        assert_eq!((sent.protocol, sent.source, sent.ttl), (packet.protocol, NAT, 63));
        let flow = world.flows.iter().find(|(_, flow)| flow.way == Way::Original).unwrap().1;
        assert_eq!((world.flows.len(), flow.packets), (2, 2));
    }
}

#[test]
fn a_later_part_needs_the_first_one() {
    let packet = Sent::udp(address(WEB), 4_000, address(APP), 53);
    let [mut first, later] = parts(&packet.frame(mac(WEB), GATEWAY_MAC), 8);
    let mut world = World::new();
    assert_eq!(world.port(WEB, &mut later.clone()), dropped(DropReason::Fragment));
    assert_eq!(world.port(WEB, &mut first), Verdict::ToPort(APP));
    assert_eq!(world.port(WEB, &mut later.clone()), Verdict::ToPort(APP));
    let mut other = later.clone();
    other[18] ^= 1;
    assert_eq!(world.port(WEB, &mut other), dropped(DropReason::Fragment), "of another packet");
    world.now_ns += abi::FRAGMENT_NS;
    assert_eq!(world.port(WEB, &mut later.clone()), dropped(DropReason::Fragment), "too late");
}

#[test]
fn what_overlaps_or_cannot_be_is_dropped() {
    let packet = Sent::udp(address(WEB), 4_000, address(APP), 53);
    let [first, later] = parts(&packet.frame(mac(WEB), GATEWAY_MAC), 8);
    let mut world = World::new();
    let mut with = |frame: &[u8], bits: [u8; 2]| {
        let mut frame = frame.to_vec();
        frame[20..22].copy_from_slice(&bits);
        world.port(WEB, &mut frame)
    };
    assert_eq!(with(&first, [0x20, 0]), Verdict::ToPort(APP));
    assert_eq!(with(&later, [0x20, 1]), dropped(DropReason::BadFragment), "5 bytes, and more to come");
    assert_eq!(with(&later, [0x1f, 0xff]), dropped(DropReason::BadFragment), "beyond the largest packet");
    let mut nothing = later.clone();
    nothing[17] = 20;
    assert_eq!(with(&nothing, [0, 1]), dropped(DropReason::BadFragment), "no payload");

    // A longer first part, into which the later one reaches.
    let tcp = Sent::syn(address(WEB), 4_000, address(APP), 80);
    let [first, later] = parts(&tcp.frame(mac(WEB), GATEWAY_MAC), 24);
    assert_eq!(with(&first, [0x20, 0]), Verdict::ToPort(APP));
    assert_eq!(with(&later, [0, 1]), dropped(DropReason::BadFragment), "over the flags");
    assert_eq!(with(&later, [0, 3]), Verdict::ToPort(APP));
}

#[test]
fn rules_hold_for_all_parts_and_the_sender_is_told_once() {
    let packet = Sent::udp(address(WEB), 4_000, address(DB), 53);
    let [mut first, mut later] = parts(&packet.frame(mac(WEB), GATEWAY_MAC), 8);
    let World { tables, generations, mut flows, now_ns, random } = World::new();
    let mut run = |frame| from_port(&tables, &generations, &mut flows, WEB, frame, now_ns, random).verdict;
    assert_eq!(run(&mut first), Verdict::Refused(DropReason::IngressDenied));
    let before = later.clone();
    assert_eq!(run(&mut later), dropped(DropReason::IngressDenied));
    assert_eq!(later, before);
}

#[test]
fn the_gateway_answers_each_part() {
    let gateway = v4("10.0.1.1");
    let packet = Sent::ping(address(WEB), gateway, 7);
    let mut parts = parts(&packet.frame(mac(WEB), GATEWAY_MAC), 8);
    let mut world = World::new();
    for part in &mut parts {
        assert_eq!(world.port(WEB, part), Verdict::Answered);
    }
    let answer = Sent::read(&whole(&parts));
    assert_eq!((answer.reply, answer.source, answer.destination), (true, gateway, address(WEB)));
}
