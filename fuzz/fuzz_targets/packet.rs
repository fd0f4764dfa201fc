//! Frames through the reference pipeline, several in one world, so that flows are there. Each run is a world and steps.

#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use madang_datapath::{
    Entrance, GATEWAY_MAC, Live, Names, Outcome, PortId, Probe, Protocol, Verdict, explain, from_port,
    from_uplink,
};
use madang_fuzz::frame::{self, Sent};
use madang_fuzz::input::Input;
use madang_fuzz::world::{ADDRESSES, OUTSIDE_MAC, PORTS, UPLINK, UPLINK_MAC, World};

/// Where a frame comes in: an instance's port, or the uplink.
type From = Option<PortId>;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let mut world = World::new(&mut input);
    let mut last = None;
    for _ in 0..64 {
        if input.is_empty() {
            break;
        }
        step(&mut world, &mut input, &mut last);
        assert_flows(&world);
    }
});

/// Does the next thing. `last` is the last frame that was delivered, and to whom.
fn step(world: &mut World, input: &mut Input<'_>, last: &mut Option<(From, Vec<u8>)>) {
    let (from, frame) = match (input.u8() % 10, &last) {
        (0..=2, _) => packet(world, input),
        (3 | 4, Some((from, got))) => {
            let (flags, ttl) = (input.u8(), input.one_of(&[64, 64, 1]));
            (*from, frame::answer(got, flags, ttl).unwrap_or_default())
        }
        (5, Some((from, got))) => {
            let kind = input.one_of(&[[3, 1], [3, 3], [3, 4], [11, 0], [12, 0], [5, 1], [4, 0]]);
            let router = input.one_of(&[None, None, Some(ADDRESSES[3]), Some(ADDRESSES[1])]);
            let quoted = input.one_of(&[28, 200, 40, 27]);
            (*from, frame::complaint(got, kind, router, quoted).unwrap_or_default())
        }
        (6, _) => return explained(world, input),
        (7, _) => {
            world.now_ns = world.now_ns.saturating_add(u64::from(input.u16()) * 50_000_000);
            if input.u8() % 2 == 0 {
                world.flows.collect(world.now_ns);
            }
            return;
        }
        (8, _) => return world.change(input.u8()),
        _ => (input.one_of(&[Some(PORTS[0]), Some(PORTS[2]), None]), input.piece().to_vec()),
    };
    let frame = changed(frame, input);
    frame::look(&frame);
    frame.get(14..).into_iter().for_each(frame::look);
    frame.get(34..).into_iter().for_each(frame::look);
    let (to, sent) = pass(world, from, frame);
    if let Some(to) = to {
        *last = Some((to, sent));
    }
}

/// A packet of an instance or of somebody outside, or an ARP request.
fn packet(world: &World, input: &mut Input<'_>) -> (From, Vec<u8>) {
    let from = input.one_of(&[
        Some(PORTS[0]),
        Some(PORTS[1]),
        Some(PORTS[2]),
        Some(PORTS[3]),
        Some(PORTS[4]),
        None,
        None,
        None,
    ]);
    let (own, mac, to) = match from {
        Some(port) => {
            let port = world.port(port);
            let IpAddr::V4(own) = port.address else { return (from, Vec::new()) };
            (own, port.mac, GATEWAY_MAC)
        }
        None => (ADDRESSES[3], OUTSIDE_MAC, UPLINK_MAC),
    };
    let source = if input.u8() % 8 == 7 { input.one_of(&ADDRESSES) } else { own };
    let destination = input.one_of(&ADDRESSES);
    let protocol = input.one_of(&[6, 17, 1, 6, 17, 1, 47, 0]);
    if protocol == 0 {
        return (from, frame::arp_request(mac, source, destination, input.one_of(&[1, 1, 1, 2, 7])));
    }
    let mut port = || {
        let known = [80, 8080, 5432, 22, 53, 0, 20_000, 20_003];
        if input.u8() % 4 == 3 { input.u16() } else { input.one_of(&known) }
    };
    let ports = [port(), port()];
    let flags = match protocol {
        1 => input.one_of(&[8, 0, 13, 14, 3, 8]),
        _ => input.one_of(&[0x02, 0x12, 0x10, 0x11, 0x04, 0x01, 0x14, 0x02]),
    };
    let ttl = input.one_of(&[64, 64, 64, 2, 1, 0]);
    let fragment = input.one_of(&[0x4000, 0x4000, 0x4000, 0, 0x2000, 0x2001, 0x0001, 0x0003]);
    let identification = u16::from(input.u8() % 4);
    let length = usize::from(input.u8());
    let data = input.take(length);
    let sent = Sent { protocol, source, destination, ports, flags, ttl, identification, fragment, data };
    (from, sent.frame(mac, to))
}

/// A frame that came to some harm on the way, mostly none.
fn changed(mut frame: Vec<u8>, input: &mut Input<'_>) -> Vec<u8> {
    for _ in 0..input.u8() % 8 / 5 {
        let (at, to) = (usize::from(input.u8()), input.u8());
        if let Some(byte) = frame.get_mut(at) {
            *byte = to;
        }
    }
    match input.u8() % 8 {
        6 => frame.truncate(input.u8().into()),
        7 => frame.extend([0x5a; 5]),
        _ => {}
    }
    frame
}

/// Sends a frame, and holds what holds for each. To whom it went, and as what.
fn pass(world: &mut World, from: From, before: Vec<u8>) -> (Option<From>, Vec<u8>) {
    let mut frame = before.clone();
    world.random = world.random.wrapping_mul(0x9e37_79b1).wrapping_add(1);
    let World { tables, generations, flows, now_ns, random, .. } = world;
    let outcome = match from {
        Some(port) => from_port(tables, generations, flows, port, &mut frame, *now_ns, *random),
        None => from_uplink(tables, generations, flows, UPLINK, &mut frame, *now_ns, *random),
    };
    assert!(world.flows.len() <= world.capacity, "there are more flows than there is room for");
    let to = match outcome.verdict {
        Verdict::Drop(_) | Verdict::ToHost => {
            assert_eq!(frame, before, "a frame that is dropped or left to the host is as it came");
            return (None, frame);
        }
        Verdict::Refused(_) => {
            assert_eq!(frame.len(), 14 + 56);
            assert_eq!(frame::sums(&frame), (true, true), "what a sender is told is right");
            return (None, frame);
        }
        Verdict::Answered => None,
        Verdict::ToPort(port) => Some(Some(port)),
        Verdict::ToUplink(..) => Some(None),
    };
    assert_delivered(&before, &frame);
    (to, frame)
}

/// Lengths stay, and so does what follows the packet. What was right about checksums is right.
fn assert_delivered(before: &[u8], after: &[u8]) {
    assert_eq!(after.len(), before.len());
    if before[12..14] == [8, 6] {
        return;
    }
    let length = usize::from(u16::from_be_bytes([before[16], before[17]]));
    assert_eq!(after[16..18], before[16..18], "a packet's length stays");
    assert_eq!(after[14 + length..], before[14 + length..], "what follows the packet stays");
    let ((was_header, was_whole), (header, whole)) = (frame::sums(before), frame::sums(after));
    assert!(header || !was_header, "the header's checksum was right");
    // Sums of nothing but zeros have two forms, of which the arithmetic of RFC 1624 knows one.
    let zeros = after[34..14 + length].iter().all(|byte| *byte == 0);
    assert!(whole || !was_whole || zeros, "the checksum of what the packet carries was right");
}

/// Live entries come in pairs that name each other and say the same.
fn assert_flows(world: &World) {
    for (key, flow) in world.flows.iter().filter(|(_, flow)| flow.is_live(world.now_ns)) {
        let peer = world.flows.live(&flow.peer_key(key.protocol), world.now_ns);
        let peer = peer.expect("a live entry has a live peer");
        assert_eq!(peer.peer_key(key.protocol), *key);
        assert_ne!(flow.way, peer.way);
        assert_eq!((flow.state, flow.deadline_ns), (peer.state, peer.deadline_ns));
    }
}

/// What is explained is what happens: to the same frame, with the same flows.
fn explained(world: &World, input: &mut Input<'_>) {
    let from = input.one_of(&[
        Entrance::Port(PORTS[0]),
        Entrance::Port(PORTS[1]),
        Entrance::Port(PORTS[2]),
        Entrance::Port(PortId(99)),
        Entrance::Uplink(UPLINK),
    ]);
    let own = match from {
        Entrance::Port(port) => world.tables.ports.get(&port).map(|port| port.address),
        Entrance::Uplink(_) => Some(ADDRESSES[3].into()),
    };
    let mut address = || match input.u8() % 8 {
        7 => IpAddr::V6(u128::from(input.u8()).into()),
        _ => IpAddr::V4(input.one_of(&ADDRESSES)),
    };
    let (source, destination) = (address(), address());
    let source = own.filter(|_| input.u8() % 8 < 7).unwrap_or(source);
    let protocol = input.one_of(&[Protocol::Tcp, Protocol::Udp, Protocol::Icmp, Protocol::Other(47)]);
    let source_port = input.one_of(&[40_000, 80, 0, 20_000]);
    let port = if input.u8() % 4 == 3 { input.u16() } else { input.one_of(&[80, 8080, 5432, 22, 53, 0]) };
    let probe = Probe { from, source, destination, protocol, source_port, port };
    let live = Live { flows: &world.flows, generations: &world.generations, now_ns: world.now_ns };
    let said = explain(&world.tables, Some(live), None, &probe);
    assert!(!said.packet.is_empty() && !said.trace.is_empty());
    let named = explain(&world.tables, Some(live), Some(&Names::default()), &probe);
    assert_eq!(named.outcome, said.outcome, "names change nothing");
    let mut copy = world.clone();
    let mut frame = probe.frame(&world.tables);
    let World { tables, generations, flows, now_ns, .. } = &mut copy;
    let happens: Outcome = match from {
        Entrance::Port(port) => from_port(tables, generations, flows, port, &mut frame, *now_ns, 0),
        Entrance::Uplink(uplink) => from_uplink(tables, generations, flows, uplink, &mut frame, *now_ns, 0),
    };
    // Who is told too often is told nothing: that is of the moment, and nobody asks for it.
    let (said, happens) = (said.outcome.verdict, happens.verdict);
    match (said.drop_reason(), happens.drop_reason()) {
        (Some(said), Some(happens)) => assert_eq!(said, happens, "what is explained happens"),
        _ => assert_eq!(said, happens, "what is explained happens"),
    }
}
