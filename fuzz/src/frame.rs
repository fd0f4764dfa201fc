//! Frames: as their senders mean them, and what holds for what became of them.

use std::net::Ipv4Addr;

use madang_addr::Mac;
use madang_wire::ethernet::{self, EtherType};
use madang_wire::{arp, checksum, icmp, ipv4, tcp, udp};

/// An IPv4 packet with right checksums.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// Its protocol's number.
    pub protocol: u8,
    /// Where from.
    pub source: Ipv4Addr,
    /// Where to.
    pub destination: Ipv4Addr,
    /// The two ports; of an echo the identifier and the sequence number.
    pub ports: [u16; 2],
    /// TCP's flags; of ICMP its type.
    pub flags: u8,
    /// Time to live.
    pub ttl: u8,
    /// Identification.
    pub identification: u16,
    /// Flags and offset of a fragment.
    pub fragment: u16,
    /// What the packet carries.
    pub data: &'a [u8],
}

impl Sent<'_> {
    /// The frame.
    pub fn frame(&self, from: Mac, to: Mac) -> Vec<u8> {
        let transport = if self.fragment & 0x1fff == 0 { self.transport() } else { self.data.to_vec() };
        let mut bytes = vec![0; ethernet::HEADER];
        let repr = ethernet::Repr { destination: to, source: from, ether_type: EtherType::IPV4 };
        repr.emit(&mut ethernet::Packet::new_checked(&mut bytes).expect("it is long enough"));
        bytes.extend(self.header(transport.len()));
        bytes.extend(transport);
        bytes
    }

    fn header(&self, payload: usize) -> [u8; ipv4::HEADER] {
        let length = u16::try_from(ipv4::HEADER + payload).expect("data is short");
        let [[la, lb], [ia, ib], [fa, fb]] =
            [length, self.identification, self.fragment].map(u16::to_be_bytes);
        let mut header = [0; ipv4::HEADER];
        header[..10].copy_from_slice(&[0x45, 0, la, lb, ia, ib, fa, fb, self.ttl, self.protocol]);
        header[12..16].copy_from_slice(&self.source.octets());
        header[16..].copy_from_slice(&self.destination.octets());
        let sum = checksum::of(&[&header]);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        header
    }

    fn transport(&self) -> Vec<u8> {
        let Self { source, destination, ports: [source_port, destination_port], .. } = *self;
        let header = match self.protocol {
            tcp::PROTOCOL => tcp::HEADER,
            udp::PROTOCOL => udp::HEADER,
            icmp::PROTOCOL => icmp::HEADER,
            _ => 0,
        };
        let mut bytes = vec![0; header];
        bytes.extend(self.data);
        match self.protocol {
            tcp::PROTOCOL => {
                let flags = tcp::Flags(self.flags);
                let (sequence, acknowledgment, window) = (7, 8, 9);
                tcp::Repr { source_port, destination_port, sequence, acknowledgment, flags, window }.emit(
                    &mut tcp::Packet::new_checked(&mut bytes).expect("it is long enough"),
                    source,
                    destination,
                );
            }
            udp::PROTOCOL => udp::Repr { source_port, destination_port }.emit(
                &mut udp::Packet::new_checked(&mut bytes).expect("it is long enough"),
                source,
                destination,
            ),
            icmp::PROTOCOL => {
                bytes[0] = self.flags;
                bytes[4..6].copy_from_slice(&source_port.to_be_bytes());
                bytes[6..8].copy_from_slice(&destination_port.to_be_bytes());
                let sum = checksum::of(&[&bytes]);
                bytes[2..4].copy_from_slice(&sum.to_be_bytes());
            }
            _ => {}
        }
        bytes
    }
}

/// An ARP request as its sender means it.
pub fn arp_request(from: Mac, sender: Ipv4Addr, target: Ipv4Addr, operation: u16) -> Vec<u8> {
    let mut bytes = vec![0; ethernet::HEADER + arp::LENGTH];
    let mut frame = ethernet::Packet::new_checked(&mut bytes).expect("it is long enough");
    ethernet::Repr { destination: Mac([0xff; 6]), source: from, ether_type: EtherType::ARP }.emit(&mut frame);
    let operation = match operation {
        1 => arp::Operation::Request,
        2 => arp::Operation::Reply,
        other => arp::Operation::Other(other),
    };
    let repr = arp::Repr { operation, sender_mac: from, sender, target_mac: Mac::default(), target };
    repr.emit(&mut arp::Packet::new_checked(frame.payload_mut()).expect("it is long enough"));
    bytes
}

/// What the receiver of a frame answers: from it to where it came from, with these TCP flags.
pub fn answer(frame: &[u8], flags: u8, ttl: u8) -> Option<Vec<u8>> {
    let mut bytes = frame.to_vec();
    let mut ethernet = ethernet::Packet::new_checked(&mut bytes).ok()?;
    let (from, to) = (ethernet.source(), ethernet.destination());
    ethernet.set_source(to);
    ethernet.set_destination(from);
    let mut ip = ipv4::Packet::new_checked(ethernet.payload_mut()).ok()?;
    ip.swap_addresses();
    ip.set_ttl(ttl);
    let (protocol, later) = (ip.protocol(), ip.is_later_fragment());
    let transport = ip.payload_mut();
    match protocol {
        _ if later => {}
        icmp::PROTOCOL if transport.first() == Some(&13) => reply_to_timestamp(transport),
        icmp::PROTOCOL => icmp::Packet::new_checked(transport).ok()?.answer(),
        tcp::PROTOCOL | udp::PROTOCOL if transport.len() >= 8 => {
            let (source, rest) = transport.split_at_mut(2);
            source.swap_with_slice(&mut rest[..2]);
            if protocol == tcp::PROTOCOL && transport.len() >= tcp::HEADER {
                let word = |flags| u32::from(u16::from_be_bytes([transport[12], flags]));
                let sum = u16::from_be_bytes([transport[16], transport[17]]);
                let sum = checksum::adjust(sum, word(transport[13]), word(flags));
                transport[13] = flags;
                transport[16..18].copy_from_slice(&sum.to_be_bytes());
            }
        }
        _ => {}
    }
    Some(bytes)
}

/// Makes type 13 type 14.
fn reply_to_timestamp(message: &mut [u8]) {
    let Ok(mut icmp) = icmp::Packet::new_checked(&mut *message) else { return };
    let sum = checksum::adjust(icmp.checksum(), 0x0d00, 0x0e00);
    icmp.set_checksum(sum);
    message[0] = 14;
}

/// The ICMP error of this type and code that somebody makes of a frame that it got, with so many bytes of its packet.
pub fn complaint(
    frame: &[u8],
    [kind, code]: [u8; 2],
    from: Option<Ipv4Addr>,
    quoted: usize,
) -> Option<Vec<u8>> {
    let ethernet = ethernet::Packet::new_checked(frame).ok()?;
    let packet = ipv4::Packet::new_checked(ethernet.payload()).ok()?;
    let quoted = &ethernet.payload()[..ethernet.payload().len().min(quoted)];
    let sent = Sent {
        protocol: icmp::PROTOCOL,
        source: from.unwrap_or(packet.destination()),
        destination: packet.source(),
        ports: [0, 0],
        flags: kind,
        ttl: 64,
        identification: 0,
        fragment: 0,
        data: quoted,
    };
    let mut bytes = sent.frame(ethernet.destination(), ethernet.source());
    let (at, sum) = (ethernet::HEADER + ipv4::HEADER, ethernet::HEADER + ipv4::HEADER + 2);
    let old = u16::from_be_bytes([bytes[sum], bytes[sum + 1]]);
    let word = |code| u32::from(u16::from_be_bytes([kind, code]));
    let new = checksum::adjust(old, word(0), word(code));
    bytes[at + 1] = code;
    bytes[sum..sum + 2].copy_from_slice(&new.to_be_bytes());
    Some(bytes)
}

/// Whether a frame's checksums are right: of the IPv4 header; of what it carries, which can be told of whole packets alone.
pub fn sums(frame: &[u8]) -> (bool, bool) {
    let Ok(ethernet) = ethernet::Packet::new_checked(frame) else { return (false, false) };
    let Ok(ip) = ipv4::Packet::new_checked(ethernet.payload()) else { return (false, false) };
    let (source, destination, payload) = (ip.source(), ip.destination(), ip.payload());
    let whole = !ip.is_fragment() && ip.lengths_fit();
    let transport = match ip.protocol() {
        tcp::PROTOCOL => {
            tcp::Packet::new_checked(payload).is_ok_and(|p| p.checksum_holds(source, destination))
        }
        udp::PROTOCOL => {
            udp::Packet::new_checked(payload).is_ok_and(|p| p.checksum_holds(source, destination))
        }
        icmp::PROTOCOL => icmp::Packet::new_checked(payload).is_ok_and(|p| p.checksum_holds()),
        _ => true,
    };
    (ip.checksum_holds(), whole && transport)
}

/// Reads all that the views of `wire` show of these bytes, as every format.
pub fn look(bytes: &[u8]) {
    if let Ok(packet) = ethernet::Packet::new_checked(bytes) {
        let _ = (ethernet::Repr::parse(&packet), packet.ether_type().to_string(), packet.payload().len());
    }
    if let Ok(packet) = arp::Packet::new_checked(bytes)
        && let Ok(repr) = arp::Repr::parse(&packet)
    {
        let mut again = arp::Packet::new_checked([0; arp::LENGTH]).expect("it is long enough");
        repr.emit(&mut again);
        assert_eq!(arp::Repr::parse(&again), Ok(repr));
    }
    if let Ok(packet) = ipv4::Packet::new_checked(bytes) {
        let shown = (packet.payload().len(), packet.checksum_holds(), packet.fragment_offset());
        let fits = packet.lengths_fit().then(|| packet.total_length() - packet.header_length());
        assert!(fits.is_none_or(|length| length == shown.0), "{packet:?}");
        if let Ok(repr) = ipv4::Repr::parse(&packet) {
            let mut again = ipv4::Packet::new_checked(vec![0; bytes.len()]).expect("it is long enough");
            repr.emit(&mut again);
            assert_eq!(ipv4::Repr::parse(&again), Ok(repr));
        }
    }
    let (from, to) = (Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST);
    if let Ok(packet) = tcp::Packet::new_checked(bytes) {
        let _ = (tcp::Repr::parse(&packet), packet.header_length(), packet.checksum_holds(from, to));
    }
    if let Ok(packet) = udp::Packet::new_checked(bytes) {
        let _ = (udp::Repr::parse(&packet), packet.length(), packet.checksum_holds(from, to));
    }
    if let Ok(packet) = icmp::Packet::new_checked(bytes) {
        let _ = (icmp::Repr::parse(&packet), packet.query(), packet.is_error(), packet.quoted().len());
        let _ = packet.checksum_holds();
    }
}
