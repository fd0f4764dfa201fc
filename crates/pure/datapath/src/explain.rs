//! Why a packet goes where it goes: a probe is made a real packet, and the stages are run while somebody listens.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use madang_addr::Mac;
use madang_wire::ethernet::{self, EtherType};
use madang_wire::{icmp, ipv4, tcp, udp};
use serde::{Deserialize, Serialize};

use crate::abi::GATEWAY_TTL;
use crate::pipeline::Run;
use crate::trace::Step;
use crate::view::View;
use crate::words::ends;
use crate::{FlowTable, GATEWAY_MAC, Generations, Outcome, PortId, Protocol, Tables, Tuple, UplinkId, VpcId};

/// Someone outside has this Ethernet address in a probe.
const OUTSIDE_MAC: Mac = Mac([0x02, 0, 0, 0, 0, 0x01]);

/// A packet that is asked about: a TCP SYN, a UDP datagram or an ICMP echo request without payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Where it comes in.
    pub from: Entrance,
    /// Its source. From a port anything but the port's own address is spoofed.
    pub source: IpAddr,
    /// Its destination.
    pub destination: IpAddr,
    /// Its protocol.
    pub protocol: Protocol,
    /// The port that it comes from; the identifier of an echo.
    pub source_port: u16,
    /// The port that it goes to. An echo has none.
    pub port: u16,
}

/// Where a packet comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Entrance {
    /// From an instance.
    Port(PortId),
    /// From outside.
    Uplink(UplinkId),
}

/// What the kernel has now: with it a probe meets the flows that are there.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// Its flows.
    pub flows: &'a FlowTable,
    /// The generations of its tables.
    pub generations: &'a Generations,
    /// Its clock.
    pub now_ns: u64,
}

/// What people call those whose rules are asked, by VPC and address: `security group web`. The tables have numbers only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(pub BTreeMap<(VpcId, IpAddr), String>);

/// Why a packet goes where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The packet, as `TCP 10.0.1.4:40000 -> 10.0.2.4:5432`.
    pub packet: String,
    /// What becomes of it.
    pub outcome: Outcome,
    /// What each stage that it came to decided, in order. If it is dropped the last one says why.
    pub trace: Vec<Step>,
}

/// Runs the pipeline for a packet that is only thought of. Nothing is changed.
///
/// Without `live` the packet meets no flows, and all tables are as new. Without `names` the numbers of the tables are said.
pub fn explain(tables: &Tables, live: Option<Live<'_>>, names: Option<&Names>, probe: &Probe) -> Explained {
    let fresh = Generations(
        tables.vpcs.keys().chain([&VpcId::OUTSIDE]).map(|vpc| (*vpc, 1)).collect::<BTreeMap<_, _>>(),
    );
    let (generations, now_ns) = live.map_or((&fresh, 0), |live| (live.generations, live.now_ns));
    let ends_of_probe = [probe.source, probe.destination];
    let mut flows = live.map_or_else(FlowTable::default, |live| live.flows.involving(ends_of_probe));
    let (mut trace, mut frame) = (Vec::new(), probe.frame(tables));
    let view = View { tables, generations, names };
    let mut run = Run { view, flows: &mut flows, now_ns, random: 0, mtu: 0, trace: &mut trace };
    let outcome = match probe.from {
        Entrance::Port(port) => run.port(port, &mut frame),
        Entrance::Uplink(uplink) => run.uplink(uplink, &mut frame),
    };
    Explained { packet: probe.to_string(), outcome, trace }
}

impl Probe {
    /// The packet itself, as its sender would send it: from the port's Ethernet address to the gateway's, or to the
    /// uplink's.
    pub fn frame(&self, tables: &Tables) -> Vec<u8> {
        let (source, destination) = match self.from {
            Entrance::Port(port) => (tables.ports.get(&port).map(|port| port.mac), Some(GATEWAY_MAC)),
            Entrance::Uplink(uplink) => {
                (Some(OUTSIDE_MAC), tables.outside.uplinks.get(&uplink).map(|uplink| uplink.mac))
            }
        };
        let (ether_type, packet) = match (self.source, self.destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) => (EtherType::IPV4, self.ipv4(from, to)),
            _ => (EtherType::IPV6, Vec::new()),
        };
        let mut bytes = vec![0; ethernet::HEADER];
        bytes.extend(packet);
        if let Ok(mut frame) = ethernet::Packet::new_checked(&mut bytes) {
            let (source, destination) = (source.unwrap_or_default(), destination.unwrap_or_default());
            ethernet::Repr { source, destination, ether_type }.emit(&mut frame);
        }
        bytes
    }

    fn ipv4(&self, source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
        let transport = self.transport(source, destination);
        let payload_length = transport.len().try_into().unwrap_or(u16::MAX);
        let protocol = self.protocol.number();
        let mut bytes = vec![0; ipv4::HEADER];
        bytes.extend(transport);
        if let Ok(mut packet) = ipv4::Packet::new_checked(&mut bytes) {
            ipv4::Repr { source, destination, protocol, ttl: GATEWAY_TTL, payload_length }.emit(&mut packet);
        }
        bytes
    }

    fn transport(&self, source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
        let (source_port, destination_port) = (self.source_port, self.port);
        let mut bytes = vec![0; if self.protocol == Protocol::Tcp { tcp::HEADER } else { udp::HEADER }];
        match self.protocol {
            Protocol::Tcp => {
                let (flags, window) = (tcp::Flags::SYN, 64_240);
                let repr = tcp::Repr {
                    source_port,
                    destination_port,
                    sequence: 1,
                    acknowledgment: 0,
                    flags,
                    window,
                };
                let _ = tcp::Packet::new_checked(&mut bytes)
                    .map(|mut tcp| repr.emit(&mut tcp, source, destination));
            }
            Protocol::Udp => {
                let repr = udp::Repr { source_port, destination_port };
                let _ = udp::Packet::new_checked(&mut bytes)
                    .map(|mut udp| repr.emit(&mut udp, source, destination));
            }
            Protocol::Other(_) => {}
            Protocol::Icmp => {
                let repr = icmp::Repr { echo: icmp::Echo::Request, identifier: source_port, sequence: 1 };
                let _ = icmp::Packet::new_checked(&mut bytes).map(|mut icmp| repr.emit(&mut icmp));
            }
        }
        bytes
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, destination, source_port, port, protocol, .. } = *self;
        f.write_str(&ends(&Tuple { source, destination, source_port, destination_port: port }, protocol))
    }
}
