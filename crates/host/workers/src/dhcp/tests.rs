use madang_dhcp::{Client, ClientAction, ClientDestination, ClientEvent, ClientSpec, ClientState};

use madang_wire::dhcp::{HardwareAddress, Header, MessageType, Repr};

use super::*;

const AT: Now = Now { instant: Instant(1_000_000), wall: Wall(1_800_000_000) };
const MACS: [Mac; 2] = [Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2])];
const PORTS: [PortId; 2] = [PortId(7), PortId(0x0012_3456)];

fn leases() -> Leases {
    let client = |n: usize| LeaseClient {
        port: PORTS[n],
        mac: MACS[n],
        address: Ipv4Addr::new(10, 0, 1, 4),
        name: format!("web-{n}"),
    };
    let subnet = |n: usize| LeaseSubnet {
        vpc: u32::try_from(n).unwrap() + 1,
        range: "10.0.1.0/24".parse().unwrap(),
        gateway: Ipv4Addr::new(10, 0, 1, 1),
        name_servers: vec![Ipv4Addr::new(10, 0, 1, 2)],
        ntp_servers: Vec::new(),
        domain: format!("vpc{n}.internal"),
        mtu: 1400,
        lease: 3600,
        clients: vec![client(n)],
    };
    Leases { subnets: vec![subnet(0), subnet(1)] }
}

struct Net {
    servers: Servers,
    rates: Rates,
}

impl Net {
    fn new(leases: Leases) -> Self {
        let mut servers = Servers::default();
        servers.take(leases, AT);
        Self { servers, rates: Rates::new(MOST) }
    }

    /// What comes back to the instance at a port that sends this message; as the datapath leads both.
    fn send(
        &mut self,
        port: PortId,
        from: Mac,
        to: Ipv4Addr,
        source: Ipv4Addr,
        payload: &[u8],
    ) -> Vec<Vec<u8>> {
        let (mut frame, mut out) = (Vec::new(), Vec::new());
        let (source, destination) = ((source, CLIENT_PORT), (to, SERVER_PORT));
        Datagram { from, to: mark(port), source, destination, payload }.emit(&mut frame);
        self.servers.hear(&frame, false, &self.rates, AT, &mut out);
        let payload = |frame: Vec<u8>| {
            let Ok(Heard::Datagram(datagram)) = Heard::read(&frame, false) else { panic!("no datagram") };
            assert_eq!(
                (datagram.from, datagram.source),
                (mark(port), (Ipv4Addr::new(10, 0, 1, 1), SERVER_PORT))
            );
            assert_eq!(datagram.destination.1, CLIENT_PORT);
            datagram.payload.to_vec()
        };
        out.into_iter().map(payload).collect()
    }
}

/// A client at a port that has got what it can.
fn converse(net: &mut Net, n: usize) -> Client {
    let spec = ClientSpec { probing: None, delayed: false, ..ClientSpec::new(MACS[n]) };
    let mut client = Client::new(spec).unwrap();
    let mut actions = Vec::new();
    client.handle(ClientEvent::Start, AT.instant, 7, &mut actions);
    while let Some(action) = actions.pop() {
        let ClientAction::Send { to, source, message } = action else { continue };
        let to = match to {
            ClientDestination::Broadcast => Ipv4Addr::BROADCAST,
            ClientDestination::Server(server) => server,
        };
        for answer in net.send(PORTS[n], MACS[n], to, source, &message) {
            client.handle(ClientEvent::Message(&answer), AT.instant, 7, &mut actions);
        }
        if actions.is_empty() && client.state() != ClientState::Bound {
            client.handle(ClientEvent::Deadline, client.next_deadline().unwrap(), 7, &mut actions);
        }
    }
    client
}

fn discover(mac: Mac) -> Vec<u8> {
    let mut message = Vec::new();
    let header = Header::request(HardwareAddress::ethernet(mac), 9);
    let mut options = Options::new();
    options.set(code::MESSAGE_TYPE, [MessageType::Discover.number()]);
    Repr::new(header, options).emit(548, &mut message);
    message
}

#[test]
fn each_gets_what_the_store_gave_it() {
    let mut net = Net::new(leases());
    for n in 0..2 {
        let client = converse(&mut net, n);
        assert_eq!(client.state(), ClientState::Bound);
        let told = client.configuration().unwrap();
        assert_eq!(told.address, Ipv4Addr::new(10, 0, 1, 4));
        assert_eq!(told.domain.as_deref(), Some(&*format!("vpc{n}.internal")));
        assert_eq!(told.mtu, Some(1400));
    }
}

#[test]
fn nobody_speaks_for_another() {
    let mut net = Net::new(leases());
    let discover = discover(MACS[1]);
    let nobody = Ipv4Addr::UNSPECIFIED;
    assert_eq!(net.send(PORTS[0], MACS[0], Ipv4Addr::BROADCAST, nobody, &discover).len(), 0, "of another");
    assert_eq!(net.send(PORTS[1], MACS[1], Ipv4Addr::BROADCAST, nobody, &discover).len(), 1);
    assert_eq!(net.send(PortId(99), MACS[1], Ipv4Addr::BROADCAST, nobody, &discover).len(), 0, "of no port");
    let none = Leases::default();
    net.servers.take(none, AT);
    assert_eq!(net.send(PORTS[1], MACS[1], Ipv4Addr::BROADCAST, nobody, &discover).len(), 0, "switched off");
}

#[test]
fn a_flood_is_not_answered() {
    let mut net = Net::new(leases());
    let discover = discover(MACS[0]);
    let mut answered = 0;
    for _ in 0..1000 {
        answered += net.send(PORTS[0], MACS[0], Ipv4Addr::BROADCAST, Ipv4Addr::UNSPECIFIED, &discover).len();
    }
    assert!((20..200).contains(&answered), "{answered}");
}

/// Two instances of one subnet: the second calls itself what the first does, and takes nothing away by that.
#[test]
fn a_name_for_oneself_is_no_claim() {
    let mut leases = leases();
    leases.subnets.pop();
    let other = Ipv4Addr::new(10, 0, 1, 5);
    let second = LeaseClient { port: PORTS[1], mac: MACS[1], address: other, name: "web-1".to_owned() };
    leases.subnets[0].clients.push(second);
    let mut net = Net::new(leases);
    let message = |n: usize, kind: MessageType, address: Ipv4Addr| {
        let mut options = Options::new();
        options.set(code::MESSAGE_TYPE, [kind.number()]);
        options.set(code::CLIENT_ID, [1, 2, 3]);
        options.set_addresses(code::REQUESTED_ADDRESS, &[address]);
        let mut bytes = Vec::new();
        let header = Header::request(HardwareAddress::ethernet(MACS[n]), 9);
        Repr::new(header, options).emit(548, &mut bytes);
        bytes
    };
    let mut says = |n: usize, kind, address| {
        let bytes = message(n, kind, address);
        let answers = net.send(PORTS[n], MACS[n], Ipv4Addr::BROADCAST, Ipv4Addr::UNSPECIFIED, &bytes);
        answers.first().and_then(|answer| Packet::new_checked(answer.as_slice()).unwrap().message_type())
    };
    let own = Ipv4Addr::new(10, 0, 1, 4);
    assert_eq!(says(0, MessageType::Request, own), Some(MessageType::Ack));
    assert_eq!(says(1, MessageType::Request, own), Some(MessageType::Nak), "the first one's");
    assert_eq!(says(1, MessageType::Request, other), Some(MessageType::Ack));
    assert_eq!(says(1, MessageType::Decline, own), None);
    assert_eq!(says(0, MessageType::Request, own), Some(MessageType::Ack), "nothing was taken from it");
}
