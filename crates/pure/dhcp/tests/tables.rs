//! RFC 2131 tables 3, 4 and 5, field by field: what servers and clients send in each message.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::Ipv4Addr;

use madang_addr::Mac;
use madang_dhcp::{
    Actions, Client, ClientAction, ClientDestination, ClientEvent, ClientSpec, Destination, Event, Instant,
    Now, Origin, Probing, Range, Server, ServerConfig, ServerSpec, SubnetSpec, Waits, Wall,
};
use madang_wire::arp;
use madang_wire::dhcp::{HardwareAddress, Header, MessageType, Op, Options, Packet, Repr, code};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);
const NONE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const MAC: Mac = Mac([2, 0, 0, 0, 0, 7]);
const ID: [u8; 4] = [255, 1, 2, 3];

/// Options that only clients send, and that no reply has (RFC 2131 table 3).
const OF_CLIENTS: [u8; 3] = [code::REQUESTED_ADDRESS, code::PARAMETER_LIST, code::MAXIMUM_SIZE];

fn server() -> Server {
    let mut spec = ServerSpec::new(SERVER);
    spec.waits = Waits { probe: None, ..Waits::default() };
    let mut subnet = SubnetSpec::new("10.0.0.0/24".parse().unwrap());
    subnet.link = Some(1);
    subnet.routers = vec![SERVER];
    subnet.pools = vec![Range { first: ADDRESS, last: [10, 0, 0, 99].into() }];
    subnet.boot.server = Some([10, 0, 0, 3].into());
    subnet.boot.file = "boot".to_owned();
    subnet.boot.server_name = "tftp".to_owned();
    spec.subnets.push(subnet);
    Server::new(ServerConfig::new(spec).unwrap(), Now { instant: Instant(0), wall: Wall(0) }, 1)
}

/// A message of a client that says more than it should.
fn asked(kind: MessageType, change: impl FnOnce(&mut Header, &mut Options)) -> Vec<u8> {
    let mut header = Header::request(HardwareAddress::ethernet(MAC), 0xabcd_ef01);
    (header.hops, header.secs) = (3, 77);
    let mut options = Options::new();
    options.set(code::MESSAGE_TYPE, [kind.number()]);
    options.set(code::CLIENT_ID, ID);
    options.set(code::PARAMETER_LIST, [50, 51, 53, 54, 55, 57, 61, 82, 0, 255, 1, 3]);
    options.set(code::MAXIMUM_SIZE, 1400u16.to_be_bytes());
    change(&mut header, &mut options);
    let mut bytes = Vec::new();
    Repr::new(header, options).emit(1400, &mut bytes);
    bytes
}

fn answered(server: &mut Server, bytes: &[u8], unicast: bool) -> Option<(Destination, Repr)> {
    let mut actions = Actions::new();
    let origin = Origin { link: 1, port: None, source: NONE, unicast };
    server.handle(Event::Message { bytes, origin }, Now::default(), 0, &mut actions);
    assert!(actions.replies.len() <= 1);
    let reply = actions.replies.first()?;
    Some((reply.to, Repr::parse(&Packet::new_checked(actions.message(reply)).unwrap())))
}

/// A server that gave the address, and has an exchange behind it.
fn bound() -> Server {
    let mut server = server();
    answered(&mut server, &asked(MessageType::Discover, |_, _| {}), false).unwrap();
    let request = asked(MessageType::Request, |_, options| {
        options.set_addresses(code::SERVER_ID, &[SERVER]).set_addresses(code::REQUESTED_ADDRESS, &[ADDRESS]);
    });
    answered(&mut server, &request, false).unwrap();
    server
}

/// What all replies have in common.
fn check_common(reply: &Repr) {
    let header = reply.header;
    assert_eq!((header.op, header.hops, header.secs, header.xid), (Op::Reply, 0, 0, 0xabcd_ef01));
    assert_eq!(header.hardware, HardwareAddress::ethernet(MAC));
    assert_eq!(reply.options.address(code::SERVER_ID), Some(SERVER));
    assert_eq!(reply.options.value(code::CLIENT_ID), Some(&ID[..]), "RFC 6842");
    for code in OF_CLIENTS {
        assert_eq!(reply.options.value(code), None, "option {code}");
    }
}

#[test]
fn table_3_offer() {
    for (giaddr, broadcast) in [(NONE, false), (NONE, true), (Ipv4Addr::new(10, 0, 0, 2), true)] {
        let discover = asked(MessageType::Discover, |header, _| {
            (header.giaddr, header.broadcast) = (giaddr, broadcast);
        });
        let (to, offer) = answered(&mut server(), &discover, false).unwrap();
        check_common(&offer);
        let header = offer.header;
        assert_eq!((header.ciaddr, header.yiaddr, header.siaddr), (NONE, ADDRESS, [10, 0, 0, 3].into()));
        assert_eq!((header.giaddr, header.broadcast), (giaddr, broadcast));
        assert_eq!((offer.server_name.as_slice(), offer.boot_file.as_slice()), (&b"tftp"[..], &b"boot"[..]));
        assert_eq!(offer.options.message_type(), Some(MessageType::Offer));
        assert_eq!(offer.options.seconds(code::LEASE_TIME), Some(3600));
        let expected = match (giaddr, broadcast) {
            (NONE, false) => {
                Destination::Frame { address: ADDRESS, hardware: HardwareAddress::ethernet(MAC) }
            }
            (NONE, true) => Destination::Broadcast,
            (relay, _) => Destination::Relay(relay),
        };
        assert_eq!(to, expected);
    }
}

#[test]
fn table_3_ack() {
    let renew = asked(MessageType::Request, |header, _| header.ciaddr = ADDRESS);
    let (to, ack) = answered(&mut bound(), &renew, true).unwrap();
    check_common(&ack);
    assert_eq!((ack.header.ciaddr, ack.header.yiaddr), (ADDRESS, ADDRESS));
    assert_eq!(ack.options.seconds(code::LEASE_TIME), Some(3600));
    assert_eq!(to, Destination::Client(ADDRESS));
}

#[test]
fn table_3_ack_to_inform() {
    let inform = asked(MessageType::Inform, |header, _| header.ciaddr = [10, 0, 0, 200].into());
    let (to, ack) = answered(&mut bound(), &inform, true).unwrap();
    check_common(&ack);
    assert_eq!((ack.header.ciaddr, ack.header.yiaddr), ([10, 0, 0, 200].into(), NONE));
    for code in [code::LEASE_TIME, code::RENEWAL_TIME, code::REBINDING_TIME] {
        assert_eq!(ack.options.seconds(code), None, "an INFORM has no lease");
    }
    assert_eq!(to, Destination::Client([10, 0, 0, 200].into()));
}

#[test]
fn table_3_nak() {
    for giaddr in [NONE, Ipv4Addr::new(10, 0, 0, 2)] {
        let wrong = asked(MessageType::Request, |header, options| {
            header.giaddr = giaddr;
            options.set_addresses(code::REQUESTED_ADDRESS, &[[192, 168, 0, 1].into()]);
            options.set(code::RELAY_INFORMATION, [1, 2, 3, 4]);
        });
        let (to, nak) = answered(&mut bound(), &wrong, false).unwrap();
        check_common(&nak);
        let header = nak.header;
        assert_eq!((header.ciaddr, header.yiaddr, header.siaddr), (NONE, NONE, NONE));
        assert_eq!((header.giaddr, header.broadcast), (giaddr, giaddr != NONE));
        assert!(nak.server_name.is_empty() && nak.boot_file.is_empty());
        let codes: Vec<u8> = nak.options.iter().map(|(code, _)| code).collect();
        let expected =
            [code::MESSAGE_TYPE, code::SERVER_ID, code::MESSAGE, code::CLIENT_ID, code::RELAY_INFORMATION];
        assert_eq!(codes, expected, "nothing but what it is and why");
        let expected = if giaddr == NONE { Destination::Broadcast } else { Destination::Relay(giaddr) };
        assert_eq!(to, expected);
    }
}

/// What a client sends in each state.
struct Sent {
    to: ClientDestination,
    source: Ipv4Addr,
    message: Repr,
}

fn sends(client: &mut Client, event: ClientEvent<'_>, at: u64) -> Vec<Sent> {
    let mut actions = Vec::new();
    client.handle(event, Instant(at), 5, &mut actions);
    let sent = actions.into_iter().filter_map(|action| match action {
        ClientAction::Send { to, source, message } => {
            Some(Sent { to, source, message: Repr::parse(&Packet::new_checked(message).unwrap()) })
        }
        _ => None,
    });
    sent.collect()
}

fn client(previous: Option<Ipv4Addr>, probing: Option<Probing>) -> Client {
    let mut spec = ClientSpec::new(MAC);
    spec.client_id = Some(ID.to_vec());
    (spec.previous, spec.probing, spec.lease_time) = (previous, probing, Some(600));
    spec.broadcast = true;
    Client::new(spec).unwrap()
}

/// A server's answer to what was sent.
fn answer(sent: &Sent, kind: MessageType) -> Vec<u8> {
    let mut header = sent.message.header.reply();
    header.yiaddr = ADDRESS;
    let mut options = Options::new();
    options.set(code::MESSAGE_TYPE, [kind.number()]).set_addresses(code::SERVER_ID, &[SERVER]);
    options.set_seconds(code::LEASE_TIME, 600).set(code::SUBNET_MASK, [255, 255, 255, 0]);
    let mut bytes = Vec::new();
    Repr::new(header, options).emit(548, &mut bytes);
    bytes
}

fn only(mut sent: Vec<Sent>) -> Sent {
    assert_eq!(sent.len(), 1);
    sent.pop().unwrap()
}

/// A client with the address, at time 0.
fn bound_client() -> Client {
    let mut client = client(None, None);
    let discover = only(sends(&mut client, ClientEvent::Start, 0));
    let request = only(sends(&mut client, ClientEvent::Message(&answer(&discover, MessageType::Offer)), 0));
    assert!(sends(&mut client, ClientEvent::Message(&answer(&request, MessageType::Ack)), 0).is_empty());
    assert_eq!(client.configuration().unwrap().address, ADDRESS);
    client
}

/// What table 4 says of a REQUEST, and table 5 of every message.
fn check(
    sent: &Sent,
    kind: MessageType,
    requested: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
    ciaddr: Ipv4Addr,
) {
    let Header { op, hardware, hops, xid, yiaddr, siaddr, giaddr, .. } = sent.message.header;
    assert_eq!((op, hardware, hops), (Op::Request, HardwareAddress::ethernet(MAC), 0));
    assert_ne!(xid, 0);
    assert_eq!((yiaddr, siaddr, giaddr), (NONE, NONE, NONE));
    assert_eq!((sent.message.header.ciaddr, sent.source), (ciaddr, ciaddr));
    let options = &sent.message.options;
    assert_eq!(options.message_type(), Some(kind));
    assert_eq!(options.address(code::REQUESTED_ADDRESS), requested);
    assert_eq!(options.address(code::SERVER_ID), server);
    assert_eq!(options.value(code::CLIENT_ID), Some(&ID[..]), "who used it once uses it always");
    let asks = matches!(kind, MessageType::Discover | MessageType::Request);
    for code in [code::LEASE_TIME, code::PARAMETER_LIST, code::MAXIMUM_SIZE] {
        assert_eq!(options.value(code).is_some(), asks, "option {code} of {kind}");
    }
    // Who has an address hears what is sent to it.
    let broadcast = asks && ciaddr == NONE;
    assert_eq!(sent.message.header.broadcast, broadcast);
}

#[test]
fn table_4_selecting() {
    let mut client = client(None, None);
    let discover = only(sends(&mut client, ClientEvent::Start, 0));
    check(&discover, MessageType::Discover, None, None, NONE);
    assert_eq!(discover.to, ClientDestination::Broadcast);
    let again = only(sends(&mut client, ClientEvent::Deadline, 6000));
    assert_eq!((again.message.header.xid, again.message.header.secs), (discover.message.header.xid, 6));
    let request = only(sends(&mut client, ClientEvent::Message(&answer(&again, MessageType::Offer)), 9000));
    check(&request, MessageType::Request, Some(ADDRESS), Some(SERVER), NONE);
    assert_eq!(request.to, ClientDestination::Broadcast);
    let header = request.message.header;
    assert_eq!(
        (header.xid, header.secs),
        (discover.message.header.xid, 6),
        "as the DISCOVER (section 4.4.1)"
    );
}

#[test]
fn table_4_init_reboot() {
    let request = only(sends(&mut client(Some(ADDRESS), None), ClientEvent::Start, 0));
    check(&request, MessageType::Request, Some(ADDRESS), None, NONE);
    assert_eq!(request.to, ClientDestination::Broadcast);
}

#[test]
fn table_4_renewing_and_rebinding() {
    let mut client = bound_client();
    let renew = only(sends(&mut client, ClientEvent::Deadline, 300_000));
    check(&renew, MessageType::Request, None, None, ADDRESS);
    assert_eq!(renew.to, ClientDestination::Server(SERVER));
    let rebind = only(sends(&mut client, ClientEvent::Deadline, 525_000));
    check(&rebind, MessageType::Request, None, None, ADDRESS);
    assert_eq!(rebind.to, ClientDestination::Broadcast);
}

#[test]
fn table_5_release() {
    let release = only(sends(&mut bound_client(), ClientEvent::Stop { release: true }, 1000));
    check(&release, MessageType::Release, None, Some(SERVER), ADDRESS);
    assert_eq!((release.to, release.message.header.secs), (ClientDestination::Server(SERVER), 0));
}

#[test]
fn table_5_decline() {
    let mut client = client(None, Some(Probing::STANDARD));
    let discover = only(sends(&mut client, ClientEvent::Start, 0));
    let request = only(sends(&mut client, ClientEvent::Message(&answer(&discover, MessageType::Offer)), 0));
    sends(&mut client, ClientEvent::Message(&answer(&request, MessageType::Ack)), 0);
    assert!(client.configuration().is_none(), "not before it is probed");
    let other = arp::Repr {
        operation: arp::Operation::Reply,
        sender_mac: Mac([2, 0, 0, 0, 0, 8]),
        sender: ADDRESS,
        target_mac: MAC,
        target: NONE,
    };
    let decline = only(sends(&mut client, ClientEvent::Arp(other), 500));
    check(&decline, MessageType::Decline, Some(ADDRESS), Some(SERVER), NONE);
    assert_eq!((decline.to, decline.message.header.secs), (ClientDestination::Broadcast, 0));
    assert_eq!(client.next_deadline(), Some(Instant(10_500)), "ten seconds at least (section 3.1.5)");
}
