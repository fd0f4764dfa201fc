//! ICMP errors about packets of known flows, as RFC 5508 section 4 asks of a NAT.

use super::*;

/// An error about a packet, as whoever got that sees it: its bytes from the IPv4 header on, as many as these.
fn about(seen: &[u8], from: Ipv4Addr, to: Ipv4Addr, quoted: usize, macs: (Mac, Mac)) -> Vec<u8> {
    let quoted = &seen[ethernet::HEADER..][..quoted];
    let length = icmp::HEADER + quoted.len();
    let mut bytes = vec![0x5a; ethernet::HEADER + ipv4::HEADER + length + 3];
    let mut frame = ethernet::Packet::new_checked(&mut bytes).unwrap();
    ethernet::Repr { destination: macs.1, source: macs.0, ether_type: EtherType::IPV4 }.emit(&mut frame);
    let mut packet = ipv4::Packet::new_checked(frame.payload_mut()).unwrap();
    let payload_length = u16::try_from(length).unwrap();
    ipv4::Repr { source: from, destination: to, protocol: 1, ttl: 64, payload_length }.emit(&mut packet);
    let payload = packet.payload_mut();
    payload[..8].copy_from_slice(&[3, 4, 0, 0, 0, 0, 0x05, 0x14]);
    payload[8..].copy_from_slice(quoted);
    let sum = madang_wire::checksum::of(&[payload]);
    payload[2..4].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// The error that came out: from whom, to whom, and what it brings back. All checksums hold that are there.
fn read(bytes: &[u8]) -> (Ipv4Addr, Ipv4Addr, Vec<u8>) {
    let frame = ethernet::Packet::new_checked(bytes).unwrap();
    let packet = ipv4::Packet::new_checked(frame.payload()).unwrap();
    let icmp = icmp::Packet::new_checked(packet.payload()).unwrap();
    assert!(packet.checksum_holds() && icmp.checksum_holds() && bytes.ends_with(&[0x5a; 3]));
    assert!(ipv4::Packet::new_checked(icmp.quoted()).unwrap().checksum_holds());
    assert_eq!(packet.payload()[..2], [3, 4], "what kind of error it is stays");
    assert_eq!(packet.payload()[4..8], [0, 0, 0x05, 0x14], "and the MTU that it tells");
    (packet.source(), packet.destination(), icmp.quoted().to_vec())
}

/// What a frame is from its IPv4 header on.
fn ip(frame: &[u8], length: usize) -> Vec<u8> {
    frame[ethernet::HEADER..][..length].to_vec()
}

const ROUTER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const STRANGER: (Mac, Mac) = (Mac([2, 9, 9, 9, 9, 9]), UPLINK_MAC);

#[test]
fn what_was_translated_is_told_as_its_sender_knows_it() {
    let mut world = World { random: 5, ..World::new() };
    for (packet, length) in [
        (Sent::udp(address(WEB), 40_000, REMOTE, 53), 33),
        (Sent::udp(address(WEB), 40_000, REMOTE, 53), 28),
        (Sent::ping(address(WEB), REMOTE, 9), 33),
        (Sent::syn(address(WEB), 40_000, REMOTE, 443), 45),
        (Sent::syn(address(WEB), 40_001, REMOTE, 443), 28),
        (Sent::syn(address(WEB), 40_001, REMOTE, 443), 36),
    ] {
        let sent = packet.frame(mac(WEB), GATEWAY_MAC);
        let seen = world.send(WEB, packet).1;
        // TTL and its checksum are as the router saw them.
        let mut known = Sent { ttl: 63, ..packet }.frame(mac(WEB), GATEWAY_MAC);
        known[..14].copy_from_slice(&sent[..14]);
        for from in [REMOTE, ROUTER] {
            let mut error = about(&seen, from, NAT, length, STRANGER);
            assert_eq!(world.uplink(&mut error), Verdict::ToPort(WEB), "{packet:?}");
            assert_eq!(read(&error), (from, address(WEB), ip(&known, length)), "{packet:?}");
        }
    }
}

#[test]
fn an_instance_tells_who_was_forwarded_to_it_and_its_neighbours() {
    let mut world = World::new();
    let packet = Sent::syn(REMOTE, 50_000, PUBLIC, 80);
    let seen = world.receive(packet).1;
    let mut error = about(&seen, address(WEB), REMOTE, 45, (mac(WEB), GATEWAY_MAC));
    assert_eq!(world.port(WEB, &mut error), out());
    let known = Sent { ttl: 63, ..packet }.frame(mac(WEB), GATEWAY_MAC);
    assert_eq!(read(&error), (PUBLIC, REMOTE, ip(&known, 45)), "it comes from where it was sent to");
    let packet = Sent::udp(address(WEB), 40_000, address(APP), 99);
    let seen = world.send(WEB, packet).1;
    let mut error = about(&seen, address(APP), address(WEB), 28, (mac(APP), GATEWAY_MAC));
    let before = error.clone();
    assert_eq!(world.port(APP, &mut error), Verdict::ToPort(WEB));
    assert_eq!(error[14..], before[14..], "between neighbours nothing is translated");
}

#[test]
fn nobody_forges_an_error() {
    let mut world = World { random: 5, ..World::new() };
    let packet = Sent::syn(address(WEB), 40_000, REMOTE, 443);
    let seen = world.send(WEB, packet).1;
    let flows = world.flows.clone();
    let unrelated = dropped(DropReason::IcmpUnrelated);
    let mut other = seen.clone();
    other[37] ^= 1;
    assert_eq!(world.uplink(&mut about(&other, ROUTER, NAT, 28, STRANGER)), unrelated, "of no flow");
    assert_eq!(world.uplink(&mut about(&seen, ROUTER, PUBLIC, 28, STRANGER)), unrelated, "to somebody else");
    // The neighbour cannot say anything about what it did not get.
    let sent = packet.frame(mac(WEB), GATEWAY_MAC);
    let forged = about(&sent, address(APP), address(WEB), 28, (mac(APP), GATEWAY_MAC));
    assert_eq!(world.port(APP, &mut forged.clone()), unrelated);
    assert_eq!(world.flows, flows, "nor does any of it change the flow");
    world.wait(25 * 60 * 60);
    assert_eq!(
        world.uplink(&mut about(&seen, ROUTER, NAT, 28, STRANGER)),
        unrelated,
        "of a flow that is over"
    );
}

#[test]
fn what_cannot_be_about_a_flow_is_dropped() {
    let mut world = World { random: 5, ..World::new() };
    let seen = world.send(WEB, Sent::syn(address(WEB), 40_000, REMOTE, 443)).1;
    let mut verdict = |at: usize, byte: u8, length: usize| {
        let mut seen = seen.clone();
        seen[at] = byte;
        world.uplink(&mut about(&seen, ROUTER, NAT, length, STRANGER))
    };
    assert_eq!(verdict(20, 0x20, 28), Verdict::ToPort(WEB), "a first fragment");
    assert_eq!(verdict(21, 1, 28), dropped(DropReason::IcmpUnsupported), "a later one has no ports");
    assert_eq!(verdict(14, 0x46, 28), dropped(DropReason::IcmpUnsupported));
    assert_eq!(verdict(23, 0, 28), dropped(DropReason::IcmpUnsupported));
    assert_eq!(verdict(23, 47, 28), dropped(DropReason::IcmpUnrelated), "of no known flow");
    assert_eq!(verdict(23, 1, 28), dropped(DropReason::IcmpUnsupported), "an error about no echo");
    assert_eq!(verdict(23, 6, 27), dropped(DropReason::TransportHeader));
}

#[test]
fn a_revoked_flow_is_cut_by_an_error_too() {
    let mut world = World { random: 5, ..World::new() };
    let seen = world.send(WEB, Sent::udp(address(WEB), 40_000, REMOTE, 53)).1;
    world.vpc().rules.clear();
    let mut error = about(&seen, REMOTE, NAT, 28, STRANGER);
    assert_eq!(world.uplink(&mut error), dropped(DropReason::EgressDenied));
    assert!(world.flows.is_empty());
}
