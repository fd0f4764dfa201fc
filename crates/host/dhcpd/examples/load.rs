//! Many clients at once on a link, each of which wants an address: how many a server serves, and how fast.
//!
//! `load INTERFACE [--window N] [--seconds S] [--first ID]`, in the namespace of the interface, as root. Prints a line of JSON.
//! Each client has a MAC of its own, made of its number, and wants its answers as broadcasts.

#![expect(clippy::print_stdout, reason = "it is there to print")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use madang_addr::Mac;
use madang_dhcp::frame::{CLIENT_PORT, Datagram, Heard, SERVER_PORT};
use madang_kernel::Netlink;
use madang_kernel::packet::{Batch, PacketSocket, Wanted};
use madang_wire::dhcp::{HardwareAddress, Header, LARGEST_FOR_ALL, MessageType, Options, Packet, Repr, code};

/// When nobody has answered, it is lost.
const LOST_AFTER: Duration = Duration::from_secs(1);

struct Exchange {
    begun: Instant,
    requested: bool,
}

struct Load {
    socket: PacketSocket,
    window: usize,
    next: u32,
    under_way: HashMap<u32, Exchange>,
    order: VecDeque<(u32, Instant)>,
    frames: Vec<Vec<u8>>,
    latencies: Vec<Duration>,
    begun: u64,
    lost: u64,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let interface = arguments.next().unwrap();
    let rest: Vec<String> = arguments.collect();
    let option = |name: &str, default: u32| {
        let at = rest.iter().position(|word| word == name);
        at.map_or(default, |at| rest[at + 1].parse().unwrap())
    };
    let index = Netlink::open().unwrap().expect_link(&interface).unwrap().index;
    let socket = PacketSocket::open(index, Wanted { udp_to: &[CLIENT_PORT], arp: false }).unwrap();
    socket.set_receive_buffer(8 << 20).unwrap();
    let mut load = Load {
        socket,
        window: usize::try_from(option("--window", 64)).unwrap(),
        next: option("--first", 1),
        under_way: HashMap::new(),
        order: VecDeque::new(),
        frames: Vec::new(),
        latencies: Vec::new(),
        begun: 0,
        lost: 0,
    };
    let took = load.run(Duration::from_secs(option("--seconds", 3).into()));
    load.report(took);
}

impl Load {
    fn run(&mut self, time: Duration) -> Duration {
        let start = Instant::now();
        let mut batch = Batch::new();
        loop {
            let now = Instant::now();
            let over = now.duration_since(start) >= time;
            if over && self.under_way.is_empty() {
                return time;
            }
            while !over && self.under_way.len() < self.window {
                self.begin(now);
            }
            self.forget(now);
            self.flush();
            self.socket.receive(&mut batch).unwrap();
            for frame in batch.frames() {
                if let Ok(Heard::Datagram(datagram)) = Heard::read(frame.bytes, true)
                    && let Ok(packet) = Packet::new_checked(datagram.payload)
                {
                    self.hear(&packet, over);
                }
            }
        }
    }

    fn begin(&mut self, now: Instant) {
        let id = self.next;
        self.next += 1;
        self.begun += 1;
        self.under_way.insert(id, Exchange { begun: now, requested: false });
        self.order.push_back((id, now));
        self.frames.push(frame(id, None));
    }

    fn forget(&mut self, now: Instant) {
        while let Some((id, begun)) = self.order.front().copied()
            && now.duration_since(begun) > LOST_AFTER
        {
            self.order.pop_front();
            self.lost += u64::from(self.under_way.remove(&id).is_some());
        }
    }

    fn hear(&mut self, packet: &Packet<&[u8]>, over: bool) {
        let header = packet.header();
        let Some(exchange) = self.under_way.get_mut(&header.xid) else { return };
        let reply = Repr::parse(packet);
        match reply.options.message_type() {
            Some(MessageType::Offer) if !exchange.requested => {
                exchange.requested = true;
                let server = reply.options.address(code::SERVER_ID).unwrap();
                self.frames.push(frame(header.xid, Some((header.yiaddr, server))));
            }
            Some(MessageType::Ack) => {
                let took = exchange.begun.elapsed();
                self.under_way.remove(&header.xid);
                // What comes when the time is over belongs to it no more.
                self.latencies.extend((!over).then_some(took));
            }
            _ => {}
        }
    }

    fn flush(&mut self) {
        let frames = std::mem::take(&mut self.frames);
        let _ = self.socket.send(frames.iter().map(Vec::as_slice));
    }

    fn report(mut self, took: Duration) {
        self.latencies.sort_unstable();
        let at = |share: usize| {
            let index = (self.latencies.len() * share / 1_000).min(self.latencies.len().saturating_sub(1));
            self.latencies.get(index).map_or(0.0, Duration::as_secs_f64) * 1e3
        };
        println!(
            r#"{{"window":{},"begun":{},"completed":{},"lost":{},"rate":{:.0},"p50_ms":{:.3},"p99_ms":{:.3},"next":{}}}"#,
            self.window,
            self.begun,
            self.latencies.len(),
            self.lost,
            f64::from(u32::try_from(self.latencies.len()).unwrap()) / took.as_secs_f64(),
            at(500),
            at(990),
            self.next,
        );
    }
}

fn mac(id: u32) -> Mac {
    let [a, b, c, d] = id.to_be_bytes();
    Mac([2, 0xcc, a, b, c, d])
}

/// A DISCOVER, or the REQUEST of what was offered.
fn frame(id: u32, offer: Option<(Ipv4Addr, Ipv4Addr)>) -> Vec<u8> {
    let mut options = Options::new();
    let kind = if offer.is_some() { MessageType::Request } else { MessageType::Discover };
    options.set(code::MESSAGE_TYPE, [kind.number()]);
    options.set(code::PARAMETER_LIST, [1, 3, 6, 12, 15, 28, 121]);
    if let Some((address, server)) = offer {
        options.set_addresses(code::REQUESTED_ADDRESS, &[address]);
        options.set_addresses(code::SERVER_ID, &[server]);
    }
    let mut message = Vec::new();
    let mut header = Header::request(HardwareAddress::ethernet(mac(id)), id);
    // Some servers put who can be reached by MAC into the kernel's table of neighbours, which has room for a thousand.
    header.broadcast = true;
    Repr::new(header, options).emit(LARGEST_FOR_ALL, &mut message);
    let mut out = Vec::new();
    let datagram = Datagram {
        from: mac(id),
        to: Mac::BROADCAST,
        source: (Ipv4Addr::UNSPECIFIED, CLIENT_PORT),
        destination: (Ipv4Addr::BROADCAST, SERVER_PORT),
        payload: &message,
    };
    datagram.emit(&mut out);
    out
}
