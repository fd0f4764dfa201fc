//! A small world and its packets. The stages are tested through the pipeline, a file each.

mod conntrack;
mod deliver;
mod dnat;
mod explain;
mod flow;
mod fragments;
mod guard;
mod hairpin;
mod numbers;
mod parse;
mod policy;
mod properties;
mod protocols;
mod quota;
mod refuse;
mod related;
mod route;
mod services;
mod snat;

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::{Mac, Prefix};
use madang_wire::ethernet::{self, EtherType};
use madang_wire::tcp::Flags;
use madang_wire::{arp, icmp, ipv4, tcp, udp};

use crate::abi::SECOND_NS;
use crate::*;

const VPC: VpcId = VpcId(1);
const TWIN: VpcId = VpcId(2);
/// 10.0.1.4, policy 1: sends anything anywhere, takes TCP 8080 from all, anything from its own group.
const WEB: PortId = PortId(11);
/// 10.0.1.5: as web.
const APP: PortId = PortId(12);
/// 10.0.2.4, policy 2: takes TCP 5432 from the group of web; sends only to it; its default route is the internet.
const DB: PortId = PortId(13);
/// 10.0.1.4 of the twin VPC, where nothing is allowed.
const OTHER: PortId = PortId(21);
const UPLINK: UplinkId = UplinkId(31);
const UPLINK_MAC: Mac = Mac([2, 0, 0, 0, 0, 31]);
const NAT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
const PUBLIC: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 20);
const REMOTE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn mac(port: PortId) -> Mac {
    Mac([2, 0, 0, 0, 1, u8::try_from(port.0).unwrap()])
}

fn address(port: PortId) -> Ipv4Addr {
    match port {
        APP => v4("10.0.1.5"),
        DB => v4("10.0.2.4"),
        _ => v4("10.0.1.4"),
    }
}

fn rule(policy: u32, direction: Direction, class: u32, protocol: Option<u8>, port: Option<u16>) -> Rule {
    let ports = port.map_or(PortPrefix::ALL, |port| PortPrefix::new(port, 16).unwrap());
    Rule { policy: PolicyId(policy), direction, class: ClassId(class), protocol, ports }
}

/// Tables, flows and a clock, and what goes through them.
#[derive(Clone, Debug)]
struct World {
    tables: Tables,
    generations: Generations,
    flows: FlowTable,
    now_ns: u64,
    random: u32,
}

impl World {
    fn new() -> Self {
        let mut tables = Tables::default();
        for (vpc, port, policy, routes) in
            [(VPC, WEB, 1, 1), (VPC, APP, 1, 1), (VPC, DB, 2, 2), (TWIN, OTHER, 1, 1)]
        {
            let subnet = Prefix::containing(address(port).into(), 24).unwrap();
            let (address, mac, gateway) = (address(port).into(), mac(port), subnet.nth(1).unwrap());
            tables.ports.insert(port, Port { vpc, address, mac, subnet, gateway });
            let (policy, routes) = (PolicyId(policy), RouteTableId(routes));
            let endpoint = Endpoint { port, mac, policy, routes, nat: None, of_host: false };
            tables.vpcs.entry(vpc).or_default().endpoints.insert(address, endpoint);
        }
        let vpc = tables.vpcs.get_mut(&VPC).unwrap();
        let classes = [("0.0.0.0/0", 1), ("10.0.1.4/32", 2), ("10.0.1.5/32", 2), ("10.0.2.4/32", 3)];
        vpc.classes = classes.into_iter().map(|(text, class)| (prefix(text), ClassId(class))).collect();
        let routes = [
            (0, "10.0.0.0/16", Route::Local),
            (1, "10.0.0.0/16", Route::Local),
            (1, "10.0.9.0/24", Route::Blackhole),
            (1, "0.0.0.0/0", Route::Nat(NatId(1))),
            (1, "192.0.2.0/24", Route::Nat(NatId(9))),
            (2, "10.0.0.0/16", Route::Local),
            (2, "198.51.0.0/16", Route::Internet),
        ];
        vpc.routes = routes
            .into_iter()
            .map(|(table, text, route)| ((RouteTableId(table), prefix(text)), route))
            .collect();
        vpc.rules = [
            rule(1, Direction::Egress, 1, None, None),
            rule(1, Direction::Egress, 2, None, None),
            rule(1, Direction::Egress, 3, None, None),
            rule(1, Direction::Ingress, 1, Some(6), Some(8080)),
            rule(1, Direction::Ingress, 2, None, None),
            rule(2, Direction::Ingress, 2, Some(6), Some(5432)),
            rule(2, Direction::Egress, 2, None, None),
            rule(2, Direction::Egress, 1, Some(17), None),
        ]
        .into();
        let outside = &mut tables.outside;
        outside
            .uplinks
            .insert(UPLINK, Uplink { mac: UPLINK_MAC, next_hop: v4("203.0.113.1").into(), mtu: 1500 });
        outside.addresses = [NAT, PUBLIC].map(|address| (IpAddr::from(address), UPLINK)).into();
        outside.nats.insert(NatId(1), Nat { address: NAT.into(), first_port: 20_000, last_port: 20_007 });
        for (port, to) in [(80, 8080), (81, 8080), (22, 22)] {
            let key = ForwardKey { address: PUBLIC.into(), protocol: 6, port };
            outside.forwards.insert(key, Forward { vpc: VPC, address: address(WEB).into(), port: to });
        }
        let generations = Generations([VpcId::OUTSIDE, VPC, TWIN].map(|vpc| (vpc, 1)).into());
        Self { tables, generations, flows: FlowTable::new(1000), now_ns: SECOND_NS, random: 0 }
    }

    fn port(&mut self, port: PortId, frame: &mut Vec<u8>) -> Verdict {
        let Self { tables, generations, flows, now_ns, random } = self;
        plain(frame, |frame| from_port(tables, generations, flows, port, frame, *now_ns, *random).verdict)
    }

    fn uplink(&mut self, frame: &mut Vec<u8>) -> Verdict {
        let Self { tables, generations, flows, now_ns, random } = self;
        plain(frame, |frame| from_uplink(tables, generations, flows, UPLINK, frame, *now_ns, *random).verdict)
    }

    /// Sends from an instance; the frame as it leaves.
    fn send(&mut self, port: PortId, packet: Sent) -> (Verdict, Vec<u8>) {
        let mut frame = packet.frame(mac(port), GATEWAY_MAC);
        (self.port(port, &mut frame), frame)
    }

    /// Sends from outside; the frame as it leaves.
    fn receive(&mut self, packet: Sent) -> (Verdict, Vec<u8>) {
        let mut frame = packet.frame(Mac([2, 9, 9, 9, 9, 9]), UPLINK_MAC);
        (self.uplink(&mut frame), frame)
    }

    /// The two entries of the flow that a packet from this VPC belongs to.
    fn pair(&self, vpc: VpcId, packet: &Sent) -> Option<(Flow, Flow)> {
        let key = FlowKey { vpc, tuple: packet.tuple(), protocol: packet.protocol };
        let flow = *self.flows.live(&key, self.now_ns)?;
        Some((flow, *self.flows.live(&flow.peer_key(key.protocol), self.now_ns)?))
    }

    fn vpc(&mut self) -> &mut VpcTables {
        self.generations.raise(VPC);
        self.tables.vpcs.get_mut(&VPC).unwrap()
    }

    fn outside(&mut self) -> &mut Outside {
        self.generations.raise(VpcId::OUTSIDE);
        &mut self.tables.outside
    }

    fn wait(&mut self, seconds: u64) {
        self.now_ns += seconds * SECOND_NS;
    }
}

/// A packet, as its sender means it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    protocol: Protocol,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    /// For an echo the identifier, whichever way it goes.
    source_port: u16,
    port: u16,
    flags: Flags,
    reply: bool,
    ttl: u8,
}

impl Sent {
    fn tcp(source: Ipv4Addr, source_port: u16, destination: Ipv4Addr, port: u16, flags: Flags) -> Self {
        Self { protocol: Protocol::Tcp, source, destination, source_port, port, flags, reply: false, ttl: 64 }
    }

    fn syn(source: Ipv4Addr, source_port: u16, destination: Ipv4Addr, port: u16) -> Self {
        Self::tcp(source, source_port, destination, port, Flags::SYN)
    }

    fn udp(source: Ipv4Addr, source_port: u16, destination: Ipv4Addr, port: u16) -> Self {
        Self { protocol: Protocol::Udp, ..Self::syn(source, source_port, destination, port) }
    }

    fn ping(source: Ipv4Addr, destination: Ipv4Addr, identifier: u16) -> Self {
        Self { protocol: Protocol::Icmp, ..Self::syn(source, identifier, destination, 0) }
    }

    /// Of a protocol without ports.
    fn other(number: u8, source: Ipv4Addr, destination: Ipv4Addr) -> Self {
        Self { protocol: Protocol::Other(number), ..Self::syn(source, 0, destination, 0) }
    }

    fn with(self, flags: Flags) -> Self {
        Self { flags, ..self }
    }

    /// What the receiver of this would answer, with these flags if it is TCP.
    fn answered(self, flags: Flags) -> Self {
        let Self { source, destination, source_port, port, protocol, reply, .. } = self;
        let flags = if protocol == Protocol::Tcp { flags } else { self.flags };
        let ports = if protocol == Protocol::Icmp { (source_port, port) } else { (port, source_port) };
        let (source_port, port) = ports;
        Self {
            source: destination,
            destination: source,
            source_port,
            port,
            flags,
            reply: !reply && protocol == Protocol::Icmp,
            ..self
        }
    }

    fn tuple(&self) -> Tuple {
        let (source_port, destination_port) = match (self.protocol, self.reply) {
            (Protocol::Icmp, false) => (self.source_port, abi::ECHO_REQUEST),
            (Protocol::Icmp, true) => (abi::ECHO_REQUEST, self.source_port),
            _ => (self.source_port, self.port),
        };
        Tuple {
            source: self.source.into(),
            destination: self.destination.into(),
            source_port,
            destination_port,
        }
    }

    fn frame(&self, from: Mac, to: Mac) -> Vec<u8> {
        let Self { source, destination, source_port, port, ttl, .. } = *self;
        let length = match self.protocol {
            Protocol::Tcp => 25,
            _ => 13,
        };
        let mut bytes = vec![0x5a; ethernet::HEADER + ipv4::HEADER + length + 3];
        let mut frame = ethernet::Packet::new_checked(&mut bytes).unwrap();
        ethernet::Repr { destination: to, source: from, ether_type: EtherType::IPV4 }.emit(&mut frame);
        let mut packet = ipv4::Packet::new_checked(frame.payload_mut()).unwrap();
        let payload_length = u16::try_from(length).unwrap();
        ipv4::Repr { source, destination, protocol: self.protocol.number(), ttl, payload_length }
            .emit(&mut packet);
        let payload = packet.payload_mut();
        match self.protocol {
            Protocol::Tcp => tcp::Repr {
                source_port,
                destination_port: port,
                sequence: 7,
                acknowledgment: 8,
                flags: self.flags,
                window: 9,
            }
            .emit(&mut tcp::Packet::new_checked(payload).unwrap(), source, destination),
            Protocol::Udp => udp::Repr { source_port, destination_port: port }.emit(
                &mut udp::Packet::new_checked(payload).unwrap(),
                source,
                destination,
            ),
            Protocol::Icmp => {
                let echo = if self.reply { icmp::Echo::Reply } else { icmp::Echo::Request };
                icmp::Repr { echo, identifier: source_port, sequence: 3 }
                    .emit(&mut icmp::Packet::new_checked(payload).unwrap());
            }
            Protocol::Other(_) => {}
        }
        bytes
    }

    /// Reads a frame back. It must be right: checksums hold, what follows the packet is untouched.
    fn read(bytes: &[u8]) -> Self {
        let frame = ethernet::Packet::new_checked(bytes).unwrap();
        let packet = ipv4::Packet::new_checked(frame.payload()).unwrap();
        assert!(packet.checksum_holds() && bytes.ends_with(&[0x5a; 3]));
        let (source, destination, ttl) = (packet.source(), packet.destination(), packet.ttl());
        let protocol = Protocol::from_number(packet.protocol()).unwrap();
        let payload = packet.payload();
        let read = Self { protocol, ttl, ..Self::ping(source, destination, 0) };
        match protocol {
            Protocol::Tcp => {
                let tcp = tcp::Packet::new_checked(packet.payload()).unwrap();
                assert!(tcp.checksum_holds(source, destination), "{tcp:?}");
                Self {
                    source_port: tcp.source_port(),
                    port: tcp.destination_port(),
                    flags: tcp.flags(),
                    ..read
                }
            }
            Protocol::Udp => {
                let udp = udp::Packet::new_checked(packet.payload()).unwrap();
                assert!(udp.checksum_holds(source, destination), "{udp:?}");
                Self { source_port: udp.source_port(), port: udp.destination_port(), ..read }
            }
            Protocol::Icmp => {
                let icmp = icmp::Packet::new_checked(packet.payload()).unwrap();
                assert!(icmp.checksum_holds());
                let reply = icmp.echo() == Some(icmp::Echo::Reply);
                Self { source_port: icmp.identifier(), reply, ..read }
            }
            Protocol::Other(_) => {
                assert_eq!(payload, [0x5a; 13]);
                read
            }
        }
    }
}

/// What is refused is dropped too, and its frame as it was; what its sender is told is a matter of `refuse.rs`.
fn plain(frame: &mut Vec<u8>, run: impl FnOnce(&mut Vec<u8>) -> Verdict) -> Verdict {
    let before = frame.clone();
    match run(frame) {
        Verdict::Refused(reason) => {
            *frame = before;
            Verdict::Drop(reason)
        }
        verdict => verdict,
    }
}

fn dropped(reason: DropReason) -> Verdict {
    Verdict::Drop(reason)
}

fn out() -> Verdict {
    Verdict::ToUplink(UPLINK, v4("203.0.113.1").into())
}

fn arp_frame(from: Mac, to: Mac, repr: arp::Repr) -> Vec<u8> {
    let mut bytes = vec![0x5a; ethernet::HEADER + arp::LENGTH + 3];
    let mut frame = ethernet::Packet::new_checked(&mut bytes).unwrap();
    ethernet::Repr { destination: to, source: from, ether_type: EtherType::ARP }.emit(&mut frame);
    repr.emit(&mut arp::Packet::new_checked(frame.payload_mut()).unwrap());
    bytes
}
