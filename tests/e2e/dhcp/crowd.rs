//! Many clients on one link, which go on whatever happens to their server.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use madang_addr::Mac;
use madang_dhcp::frame::{CLIENT_PORT, Datagram, Heard, SERVER_PORT};
use madang_kernel::packet::{Batch, PacketSocket, Wanted};
use madang_kernel::{Netlink, netns};
use madang_wire::dhcp::{HardwareAddress, Header, LARGEST_FOR_ALL, MessageType, Options, Packet, Repr, code};

use super::lan::Lan;

/// How many are under way at once.
const WINDOW: usize = 32;
/// When one asks again.
const AGAIN: Duration = Duration::from_millis(150);

/// An address that a server has acknowledged, and to whom.
pub(crate) type Acknowledged = (Ipv4Addr, Mac);

/// Clients that come one after another, each with a MAC of its own.
pub(crate) struct Crowd {
    socket: PacketSocket,
    next: u32,
    under_way: HashMap<u32, Client>,
}

struct Client {
    /// What it was offered, and by whom.
    offer: Option<(Ipv4Addr, Ipv4Addr)>,
    asked: Instant,
}

impl Crowd {
    /// In a host's namespace, at its `eth0`.
    pub(crate) fn new(host: &str) -> Self {
        let socket = netns::enter(&Lan::netns_file(host), || {
            let index = Netlink::open()?.expect_link("eth0")?.index;
            PacketSocket::open(index, Wanted { udp_to: &[CLIENT_PORT], arp: false })
        });
        let socket = socket.expect("a namespace").expect("a socket");
        Self { socket, next: 1, under_way: HashMap::new() }
    }

    /// Goes on until it is told to stop; each address that is acknowledged is told.
    pub(crate) fn run(&mut self, stop: &AtomicBool, mut acknowledged: impl FnMut(Acknowledged)) {
        let mut batch = Batch::new();
        while !stop.load(Ordering::Relaxed) {
            self.ask();
            self.socket.receive(&mut batch).expect("the link is there");
            let mut nothing = true;
            for frame in batch.frames() {
                nothing = false;
                if let Ok(Heard::Datagram(datagram)) = Heard::read(frame.bytes, frame.checksum_pending)
                    && let Ok(packet) = Packet::new_checked(datagram.payload)
                {
                    self.hear(&Repr::parse(&packet), &mut acknowledged);
                }
            }
            if nothing {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    }

    fn hear(&mut self, reply: &Repr, acknowledged: &mut impl FnMut(Acknowledged)) {
        let id = reply.header.xid;
        let Some(client) = self.under_way.get_mut(&id) else { return };
        match (reply.options.message_type(), reply.options.address(code::SERVER_ID)) {
            (Some(MessageType::Offer), Some(server)) if client.offer.is_none() => {
                client.offer = Some((reply.header.yiaddr, server));
                let message = message(id, client.offer);
                client.asked = Instant::now();
                self.send(id, &message);
            }
            (Some(MessageType::Ack), _) => {
                acknowledged((reply.header.yiaddr, mac(id)));
                self.under_way.remove(&id);
            }
            // Another server has no offer of it any more: from the beginning.
            (Some(MessageType::Nak), _) => client.offer = None,
            _ => {}
        }
    }

    fn ask(&mut self) {
        while self.under_way.len() < WINDOW {
            let long_ago = Instant::now().checked_sub(AGAIN).expect("the host runs for longer");
            self.under_way.insert(self.next, Client { offer: None, asked: long_ago });
            self.next += 1;
        }
        let now = Instant::now();
        let due: Vec<u32> = self
            .under_way
            .iter()
            .filter(|(_, client)| now.duration_since(client.asked) >= AGAIN)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            let client = self.under_way.get_mut(&id).expect("it is under way");
            client.asked = now;
            let message = message(id, client.offer);
            self.send(id, &message);
        }
    }

    fn send(&self, id: u32, message: &[u8]) {
        let mut frame = Vec::new();
        let datagram = Datagram {
            from: mac(id),
            to: Mac::BROADCAST,
            source: (Ipv4Addr::UNSPECIFIED, CLIENT_PORT),
            destination: (Ipv4Addr::BROADCAST, SERVER_PORT),
            payload: message,
        };
        datagram.emit(&mut frame);
        // What does not go is asked again.
        let _ = self.socket.send([frame.as_slice()]);
    }
}

fn mac(id: u32) -> Mac {
    let [a, b, c, d] = id.to_be_bytes();
    Mac([2, 0xcc, a, b, c, d])
}

/// A DISCOVER, or the REQUEST of what was offered. Answers come as broadcasts.
fn message(id: u32, offer: Option<(Ipv4Addr, Ipv4Addr)>) -> Vec<u8> {
    let mut header = Header::request(HardwareAddress::ethernet(mac(id)), id);
    header.broadcast = true;
    let mut options = Options::new();
    let kind = if offer.is_some() { MessageType::Request } else { MessageType::Discover };
    options.set(code::MESSAGE_TYPE, [kind.number()]);
    if let Some((address, server)) = offer {
        options.set_addresses(code::REQUESTED_ADDRESS, &[address]);
        options.set_addresses(code::SERVER_ID, &[server]);
    }
    let mut out = Vec::new();
    Repr::new(header, options).emit(LARGEST_FOR_ALL, &mut out);
    out
}
