//! What a DISCOVER, OFFER, REQUEST, ACK costs, and a lease: many clients come, one after another, and renew once.
//!
//! `cargo run --release -p madang-dhcp --example measure [clients] [bytes of their identifiers]`

#![expect(clippy::print_stdout, reason = "it is there to print")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant as Clock};

use madang_dhcp::{
    Actions, Event, Instant, Now, Origin, Range, Record, Server, ServerConfig, ServerSpec, SubnetSpec, Waits,
    Wall,
};
use madang_wire::dhcp::{HardwareAddress, Header, LARGEST_FOR_ALL, MessageType, Options, Packet, Repr, code};
use rustix::time::{ClockId, clock_gettime};

/// How many messages are handled before what they ask for is done.
const BATCH: u32 = 64;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse().unwrap());
    let clients = arguments.next().unwrap_or(1_000_000);
    let identifier = arguments.next().unwrap_or(0);
    println!("{clients} clients, each with a name of 11 bytes and an identifier of {identifier}");
    measure(clients, usize::try_from(identifier).unwrap());
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
fn message(client: u32, kind: MessageType, identifier: usize, address: Option<Ipv4Addr>) -> Vec<u8> {
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
    let mut out = Vec::new();
    Repr::new(header, options).emit(LARGEST_FOR_ALL, &mut out);
    out
}

fn measure(clients: u32, identifier: usize) {
    let before = resident();
    let mut server = Server::new(config(), now(0), 7);
    let (mut actions, mut addresses) = (Actions::new(), Vec::new());
    let (mut record, mut log, mut spent) = (Vec::new(), 0, Duration::ZERO);
    for first in (0..clients).step_by(usize::try_from(BATCH).unwrap()) {
        let batch = first..clients.min(first + BATCH);
        let discovers = batch.clone().map(|client| message(client, MessageType::Discover, identifier, None));
        spent += handle(&mut server, &mut actions, &discovers.collect::<Vec<_>>(), first, false);
        let offered = actions
            .replies
            .iter()
            .map(|reply| Packet::new_checked(actions.message(reply)).unwrap().header().yiaddr);
        let offered: Vec<Ipv4Addr> = offered.collect();
        let requests = batch
            .zip(&offered)
            .map(|(client, address)| message(client, MessageType::Request, identifier, Some(*address)));
        spent += handle(&mut server, &mut actions, &requests.collect::<Vec<_>>(), first, false);
        for commit in &actions.commits {
            record.clear();
            commit.record.encode(&mut record);
            log += record.len();
        }
        addresses.extend(offered);
    }
    actions = Actions::new();
    let own = u64::try_from(addresses.capacity() * size_of::<Ipv4Addr>()).unwrap();
    let taken = (resident() - before).saturating_sub(own) / u64::from(clients);
    let dora = spent / clients;
    println!("{} ns a DORA: {:.0} a second", dora.as_nanos(), 1.0 / dora.as_secs_f64());
    let all = usize::try_from(clients).unwrap();
    println!(
        "{taken} bytes a lease resident, {} of them in tables; {} in the log",
        server.memory() / all,
        log / all
    );
    renew(&mut server, &mut actions, &addresses, identifier);
    restore(server);
}

/// Handles messages, one after another, and says how much of the processor that took.
fn handle(
    server: &mut Server,
    actions: &mut Actions,
    messages: &[Vec<u8>],
    at: u32,
    unicast: bool,
) -> Duration {
    let origin = Origin { link: 1, port: Some(3), source: Ipv4Addr::UNSPECIFIED, unicast };
    actions.clear();
    let start = clock_gettime(ClockId::ThreadCPUTime);
    for bytes in messages {
        server.handle(Event::Message { bytes, origin }, now(u64::from(at / 100)), 0, actions);
    }
    let end = clock_gettime(ClockId::ThreadCPUTime);
    assert_eq!(actions.replies.len(), messages.len());
    Duration::try_from(end).unwrap() - Duration::try_from(start).unwrap()
}

/// All renew, in no order.
fn renew(server: &mut Server, actions: &mut Actions, addresses: &[Ipv4Addr], identifier: usize) {
    let clients = u32::try_from(addresses.len()).unwrap();
    let mut spent = Duration::ZERO;
    for first in (0..clients).step_by(usize::try_from(BATCH).unwrap()) {
        let messages = (first..clients.min(first + BATCH)).map(|turn| {
            let client = u32::try_from(u64::from(turn) * 7_368_787 % u64::from(clients)).unwrap();
            let address = addresses[usize::try_from(client).unwrap()];
            message(client, MessageType::Inform, identifier, Some(address))
        });
        spent += handle(server, actions, &messages.collect::<Vec<_>>(), clients, true);
    }
    println!("{} ns a renewal", (spent / clients).as_nanos());
}

fn restore(server: Server) {
    let records: Vec<Record> = server.records(now(20_000)).collect();
    drop(server);
    let start = Clock::now();
    let (_server, restored) = Server::restore(config(), records, now(0), 7);
    println!("{} leases restored in {} ms", restored.leases, start.elapsed().as_millis());
}

fn now(milliseconds: u64) -> Now {
    Now { instant: Instant(milliseconds), wall: Wall(1_800_000_000 + milliseconds / 1000) }
}

/// How much memory the process has.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
