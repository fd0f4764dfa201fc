//! What a DISCOVER, OFFER, REQUEST, ACK costs, and a lease: a million clients come, one after another, and renew once.
//!
//! `cargo run --release -p madang-dhcp --example measure`

#![expect(clippy::print_stdout, reason = "it is there to print")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::net::Ipv4Addr;
use std::time::Instant as Clock;

use madang_dhcp::{
    Actions, Event, Instant, Now, Origin, Range, Record, Server, ServerConfig, ServerSpec, SubnetSpec, Waits,
    Wall,
};
use madang_wire::dhcp::{HardwareAddress, Header, LARGEST_FOR_ALL, MessageType, Options, Repr, code};

const CLIENTS: u32 = 1_000_000;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn main() {
    for (what, identifier) in
        [("a hardware address", 0), ("a hardware address and an identifier of 19 bytes", 19)]
    {
        println!("{CLIENTS} clients, each with {what} and a name of 11 bytes");
        measure(identifier);
    }
}

fn config() -> ServerConfig {
    let mut spec = ServerSpec::new(SERVER);
    spec.waits = Waits { probe: None, ..Waits::default() };
    let mut subnet = SubnetSpec::new("10.0.0.0/8".parse().unwrap());
    subnet.link = Some(1);
    subnet.routers = vec![SERVER];
    subnet.pools = vec![Range { first: [10, 1, 0, 0].into(), last: [10, 99, 0, 0].into() }];
    subnet.options.set_addresses(code::DNS_SERVERS, &[SERVER]).set(code::DOMAIN_NAME, *b"example.internal");
    spec.subnets.push(subnet);
    ServerConfig::new(spec).unwrap()
}

/// A client's message.
fn message(client: u32, kind: MessageType, identifier: usize, address: Option<Ipv4Addr>, out: &mut Vec<u8>) {
    let [a, b, c, d] = client.to_be_bytes();
    let hardware = HardwareAddress::new(1, &[2, 0, a, b, c, d]).unwrap();
    let mut options = Options::new();
    options.set(code::MESSAGE_TYPE, [kind.number()]);
    options.set(code::PARAMETER_LIST, [1, 121, 3, 6, 12, 15, 28, 42]);
    options.set(code::HOST_NAME, format!("host{client:07}"));
    if identifier > 0 {
        let mut id = vec![255; identifier];
        id[1..5].copy_from_slice(&client.to_be_bytes());
        options.set(code::CLIENT_ID, id);
    }
    let mut header = Header::request(hardware, client);
    match (kind, address) {
        (MessageType::Request, Some(address)) => {
            options.set_addresses(code::REQUESTED_ADDRESS, &[address]);
            options.set_addresses(code::SERVER_ID, &[SERVER]);
        }
        (_, Some(address)) => {
            options.set(code::MESSAGE_TYPE, [MessageType::Request.number()]);
            header.ciaddr = address;
        }
        _ => {}
    }
    out.clear();
    Repr::new(header, options).emit(LARGEST_FOR_ALL, out);
}

fn measure(identifier: usize) {
    let before = resident();
    let mut server = Server::new(config(), now(0), 7);
    let origin = Origin { link: 1, port: Some(3), source: Ipv4Addr::UNSPECIFIED, unicast: false };
    let (mut actions, mut bytes, mut addresses) = (Actions::new(), Vec::new(), Vec::new());
    let (mut spent, mut handled) = (0u128, 0u64);
    let mut handle = |server: &mut Server, actions: &mut Actions, bytes: &[u8], origin: Origin, at: u64| {
        actions.clear();
        let start = Clock::now();
        server.handle(Event::Message { bytes, origin }, now(at), at, actions);
        spent += start.elapsed().as_nanos();
        handled += 1;
        if handled.is_multiple_of(u64::from(CLIENTS)) {
            println!("  {:>6} ns a message", spent / u128::from(handled));
        }
    };
    let mut log = 0;
    let mut record = Vec::new();
    for client in 0..CLIENTS {
        let at = u64::from(client / 100);
        message(client, MessageType::Discover, identifier, None, &mut bytes);
        handle(&mut server, &mut actions, &bytes, origin, at);
        let reply = actions.replies.first().unwrap();
        let offered = Repr::parse(&madang_wire::dhcp::Packet::new_checked(actions.message(reply)).unwrap());
        let address = offered.header.yiaddr;
        message(client, MessageType::Request, identifier, Some(address), &mut bytes);
        handle(&mut server, &mut actions, &bytes, origin, at);
        record.clear();
        actions.commits.first().unwrap().record.encode(&mut record);
        log += record.len();
        addresses.push(address);
    }
    let taken = resident() - before;
    println!(
        "  {} ns a DORA: {} a second",
        spent / u128::from(CLIENTS),
        u128::from(CLIENTS) * 1_000_000_000 / spent
    );
    println!(
        "  {} bytes a lease resident, of them {} in tables; {} in the log",
        (taken - 4 * u64::from(CLIENTS)) / u64::from(CLIENTS),
        server.memory() / CLIENTS as usize,
        log / CLIENTS as usize
    );
    let mut spent = 0u128;
    for client in 0..CLIENTS {
        // All over the table, as clients come.
        let client = (client.wrapping_mul(7_368_787)) % CLIENTS;
        let address = addresses[client as usize];
        message(client, MessageType::Inform, identifier, Some(address), &mut bytes);
        actions.clear();
        let start = Clock::now();
        server.handle(
            Event::Message { bytes: &bytes, origin: Origin { unicast: true, ..origin } },
            now(20_000),
            0,
            &mut actions,
        );
        spent += start.elapsed().as_nanos();
        assert_eq!(actions.commits.len(), 1);
    }
    println!("  {} ns a renewal", spent / u128::from(CLIENTS));
    let records: Vec<Record> = server.records(now(20_000)).collect();
    drop(server);
    let start = Clock::now();
    let (server, restored) = Server::restore(config(), records, now(0), 7);
    println!("  {} leases restored in {} ms\n", restored.leases, start.elapsed().as_millis());
    drop(server);
}

fn now(milliseconds: u64) -> Now {
    Now { instant: Instant(milliseconds), wall: Wall(1_800_000_000 + milliseconds / 1000) }
}

/// How much memory the process has.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
