//! DHCP from a link: frames, messages to a server and to a client, and the records of a log.

#![no_main]

use libfuzzer_sys::fuzz_target;
use madang_addr::Mac;
use madang_dhcp::frame::Heard;
use madang_dhcp::{
    Actions, ClientEvent, ClientSpec, Event, Host, Instant, Now, Origin, Range, Record, Server, ServerConfig,
    ServerSpec, SubnetSpec, Wall,
};
use madang_fuzz::input::Input;
use madang_wire::dhcp::Packet;

const OWN: [u8; 4] = [10, 0, 0, 1];

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    match input.u8() % 4 {
        0 => {
            for pending in [false, true] {
                let _ = Heard::read(bytes, pending);
            }
        }
        1 => {
            if let Ok(record) = Record::decode(input.rest()) {
                let mut again = Vec::new();
                record.encode(&mut again);
                assert_eq!(Record::decode(&again), Ok(record), "what was read is written so");
            }
        }
        2 => serve(&mut input),
        _ => use_address(&mut input),
    }
});

fn now(milliseconds: u64) -> Now {
    Now { instant: Instant(milliseconds), wall: Wall(1_700_000_000 + milliseconds / 1_000) }
}

/// Messages to a server, some time after one another.
fn serve(input: &mut Input<'_>) {
    let mut spec = ServerSpec::new(OWN.into());
    let mut subnet = SubnetSpec::new("10.0.0.0/24".parse().expect("it is one"));
    subnet.link = Some(0);
    subnet.pools.push(Range { first: [10, 0, 0, 8].into(), last: [10, 0, 0, 11].into() });
    spec.subnets.push(subnet);
    let mut server = Server::new(ServerConfig::new(spec).expect("it is right"), now(0), 7);
    let (mut actions, mut at) = (Actions::new(), 0);
    while !input.0.is_empty() {
        at += u64::from(input.u8()) * 100;
        let random = input.u32().into();
        let origin = Origin { link: 0, port: None, source: [0; 4].into(), unicast: input.u8() % 2 == 0 };
        let event = Event::Message { bytes: input.piece(), origin };
        server.handle(event, now(at), random, &mut actions);
        for reply in &actions.replies {
            let packet = Packet::new_checked(actions.message(reply)).expect("a reply is a message");
            assert!(
                packet.header().yiaddr.octets()[..3] == OWN[..3] || packet.header().yiaddr.is_unspecified()
            );
        }
        actions.clear();
    }
}

/// Messages to a client.
fn use_address(input: &mut Input<'_>) {
    let mut host = Host::new(ClientSpec::new(Mac([2, 0, 0, 0, 0, 1]))).expect("it is right");
    let (mut actions, mut at) = (Vec::new(), 0);
    host.handle(ClientEvent::Start, Instant(0), 7, &mut actions);
    while !input.0.is_empty() {
        at += u64::from(input.u8()) * 100;
        let random = input.u32().into();
        if host.next_deadline().is_some_and(|next| next.0 <= at) {
            host.handle(ClientEvent::Deadline, Instant(at), random, &mut actions);
        }
        host.handle(ClientEvent::Message(input.piece()), Instant(at), random, &mut actions);
        actions.clear();
    }
}
