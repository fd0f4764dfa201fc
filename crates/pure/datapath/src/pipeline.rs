//! The packet's way, from its two entrances. What is written here and in `stages/` is what `bpf/` does too, byte for
//! byte.
//!
//! # From a port
//!
//! The first check that fails gives the reason; a dropped frame is as it came, or what its sender is told (see
//! `stages/refuse.rs`).
//!
//! 1. `noPort`. **parse** (see `stages/parse.rs`).
//! 2. **guard**, ARP: `spoofedMac` (Ethernet source), `arpNotRequest` (operation is not 1), `spoofedMac` (sender's
//!    hardware address), `spoofedAddress` (sender is neither the port's address nor 0.0.0.0), `arpNotRequest` (sender
//!    and target are the same), then answered or `arpUnanswered`. IPv4: `spoofedMac`, `spoofedAddress`, `multicast`,
//!    `martian`, `wrongMac`, then, if it is to the gateway, answered or `gatewayOnly`. Before all that, what is a message of
//!    DHCP goes its own way (see `stages/dhcp.rs`).
//! 3. **conntrack**. A live entry is hit, unless it is TCP that is closing and the packet opens a connection: then all
//!    goes on as if the entry were absent, and its two entries are deleted just before the new ones are inserted.
//!    - Hit: an ICMP echo request on an entry of the reply way, or a reply on one of the original way: `noEchoRequest`.
//!      Then re-check if a generation differs (see `stages/conntrack.rs`).
//!    - An ICMP error is looked up as an answer to the packet that it is about: `icmpUnrelated` if its destination is not
//!      the source of that, if its source is not the destination of that (from a port), or without a live entry. With
//!      one, it goes on as a hit, to **deliver**; the flow's state, deadline and counters stay.
//!    - Miss: `notSyn` for TCP but SYN without ACK, FIN and RST; `noEchoRequest` for an echo reply.
//! 4. For a miss, `noEndpoint` (source). **dnat**: `noService`; a service needs no rule, and **route** asks for nothing but
//!    that it is there (`noInstance`). Else **egress policy**: `egressDenied`. **route**: `noRoute`, `blackhole`,
//!    `noInstance`, `noPublicAddress`, `natGone`. What goes out to an address of a pool comes in again, with the source that
//!    the NAT gives it: **dnat** (`noForward`) and **route** (`noInstance`, `martian`) as from an uplink. **ingress policy**,
//!    for local ones and these: `ingressDenied`.
//! 5. **deliver**, first half: `ttlExceeded`; `noUplink` and `tooLarge` to the outside (source as it leaves), `noInstance` (hits) to an
//!    instance (destination as it leaves).
//! 6. For a miss, `instanceQuota`, `vpcQuota`, **snat** and the entries: `natPortsExhausted`, `tupleInUse`, `flowTableFull`. For a hit, state,
//!    deadline and counters.
//! 7. **deliver**, second half: the bytes.
//!
//! # From an uplink
//!
//! 1. To the host, untouched: the uplink is not known; a frame shorter than its Ethernet header (14 bytes), ARP packet
//!    (42) or IPv4 header (34); another EtherType; ARP that is no request for IPv4 over Ethernet, or sent neither to the
//!    broadcast address nor to the uplink's MAC, or for what is no pool address of this uplink; IPv4 whose version
//!    is not 4, not sent to the uplink's MAC, or to what is no pool address of this uplink.
//! 2. ARP that remains is answered. **parse** of the IPv4 packet as above. **guard**: `martian` (source).
//! 3. **conntrack** as above, in VPC 0.
//! 4. For a miss, **dnat**: `noForward`. **route**: `noInstance`, `martian` (the route back would be local).
//!    **ingress policy**: `ingressDenied`.
//! 5. **deliver**, first half: `ttlExceeded`, `noInstance` (hits).
//! 6. For a miss, `instanceQuota`, `vpcQuota`, and the entries: `tupleInUse`, `flowTableFull`. For a hit as above.
//! 7. **deliver**, second half.

use std::net::IpAddr;

use madang_addr::Mac;
use madang_wire::ethernet::EtherType;
use madang_wire::{arp, ethernet, ipv4};

use crate::abi::{DropReason, Stage};
use crate::path::{Path, Shown};
use crate::stages::conntrack::{self, Lookup};
use crate::stages::deliver::{self, Exit, Leaving};
use crate::stages::guard::{self, Passed};
use crate::stages::parse::{self, Arrival, Frame, Packet, Payload, Quoted};
use crate::stages::route::{self, Destination};
use crate::stages::{dhcp, dnat, policy, refuse, snat};
use crate::trace::Trace;
use crate::view::View;
use crate::{
    Entry, FlowKey, FlowTable, Generations, Outcome, Port, PortId, Protocol, Tables, Uplink, UplinkId,
    Verdict, VpcId,
};

/// A packet from an instance: ingress of the host's side of its port.
///
/// The frame begins with the Ethernet header. Its length stays, and bytes after the IPv4 packet (or after the 42 bytes of
/// an ARP packet) stay as they are, unless it is refused. `now_ns` is monotonic; `random` chooses ports where one must be found.
pub fn from_port(
    tables: &Tables,
    generations: &Generations,
    flows: &mut FlowTable,
    port: PortId,
    frame: &mut Vec<u8>,
    now_ns: u64,
    random: u32,
) -> Outcome {
    let view = View { tables, generations, names: None };
    Run { view, flows, now_ns, random, mtu: 0, trace: &mut () }.port(port, frame)
}

/// A packet from outside: ingress of an uplink. The rest is as for [`from_port`].
pub fn from_uplink(
    tables: &Tables,
    generations: &Generations,
    flows: &mut FlowTable,
    uplink: UplinkId,
    frame: &mut Vec<u8>,
    now_ns: u64,
    random: u32,
) -> Outcome {
    let view = View { tables, generations, names: None };
    Run { view, flows, now_ns, random, mtu: 0, trace: &mut () }.uplink(uplink, frame)
}

/// One packet's way, and all that it may look at.
pub(crate) struct Run<'a, T> {
    pub(crate) view: View<'a>,
    pub(crate) flows: &'a mut FlowTable,
    pub(crate) now_ns: u64,
    pub(crate) random: u32,
    /// What would not have been too large.
    pub(crate) mtu: u16,
    pub(crate) trace: &'a mut T,
}

const ANSWERED: Verdict = Verdict::Answered;

impl<T: Trace> Run<'_, T> {
    pub(crate) fn port(&mut self, id: PortId, bytes: &mut Vec<u8>) -> Outcome {
        self.port_packet(id, bytes).unwrap_or_else(dropped)
    }

    pub(crate) fn uplink(&mut self, id: UplinkId, bytes: &mut Vec<u8>) -> Outcome {
        let Some(uplink) = self.view.uplink(id).filter(|uplink| concerns_us(self.view, id, uplink, bytes))
        else {
            self.trace.step(Stage::Parse, || {
                ("not for an address of a pool here: left to the host".to_owned(), Vec::new())
            });
            return Outcome { verdict: Verdict::ToHost, target: 0 };
        };
        self.uplink_packet(id, uplink, bytes).unwrap_or_else(dropped)
    }

    fn port_packet(&mut self, id: PortId, bytes: &mut Vec<u8>) -> Result<Outcome, DropReason> {
        let Some(port) = self.view.tables.ports.get(&id) else {
            return Err(self.trace.refuse(Stage::Parse, DropReason::NoPort, || {
                (format!("interface {} is no port of an instance", id.0), Vec::new())
            }));
        };
        let Frame { ethernet, payload } = self.parse(id.0, bytes)?;
        let answered = Outcome { verdict: ANSWERED, target: id.0 };
        match payload {
            Payload::Arp(arp) => {
                guard::arp_from_port(self.view, (id, port), &ethernet, &arp, self.trace)?;
                guard::answer_arp(bytes, &arp, crate::GATEWAY_MAC);
                Ok(answered)
            }
            Payload::Ipv4(packet) => {
                if let Some(from) = dhcp::message(port, &ethernet, &packet) {
                    return dhcp::pass(self.view, (id, port), from, &packet, bytes, self.trace);
                }
                let passed = guard::ipv4_from_port(id, port, &ethernet, &packet, self.trace)?;
                self.remember_first(&packet);
                match passed {
                    Passed::On => {
                        let hook = Hook::Port(port);
                        let forwarded = self.forward(&hook, &packet, bytes);
                        forwarded.or_else(|reason| self.refuse((&hook, id.0), &packet, bytes, reason))
                    }
                    Passed::GatewayEcho => {
                        guard::answer_echo(bytes, &packet);
                        Ok(answered)
                    }
                }
            }
        }
    }

    fn uplink_packet(
        &mut self,
        id: UplinkId,
        uplink: &Uplink,
        bytes: &mut Vec<u8>,
    ) -> Result<Outcome, DropReason> {
        match self.parse(id.0, bytes)?.payload {
            Payload::Arp(arp) => {
                self.trace.step(Stage::Guard, || {
                    let (target, mac) = (arp.target, uplink.mac);
                    (
                        format!("{target} is answered with {mac}"),
                        vec![Entry::Address(IpAddr::V4(target)), Entry::Uplink(id)],
                    )
                });
                guard::answer_arp(bytes, &arp, uplink.mac);
                Ok(Outcome { verdict: ANSWERED, target: id.0 })
            }
            Payload::Ipv4(packet) => {
                guard::ipv4_from_uplink(self.view, &packet, self.trace)?;
                self.remember_first(&packet);
                let forwarded = self.forward(&Hook::Uplink, &packet, bytes);
                forwarded.or_else(|reason| self.refuse((&Hook::Uplink, id.0), &packet, bytes, reason))
            }
        }
    }

    fn parse(&mut self, interface: u32, bytes: &[u8]) -> Result<Frame, DropReason> {
        let (now_ns, fragments) = (self.now_ns, &self.flows.fragments);
        parse::frame(bytes, &Arrival { interface, now_ns, fragments }, self.trace)
    }

    /// Remembers a first part, once its sender has been found to be who it says.
    fn remember_first(&mut self, packet: &Packet) {
        if let Some((key, first)) = packet.first {
            self.flows.fragments.remember(key, first, self.now_ns);
        }
    }

    /// What is the same from both hooks: a flow is known or decided, then the packet leaves.
    fn forward(&mut self, hook: &Hook<'_>, packet: &Packet, bytes: &mut [u8]) -> Result<Outcome, DropReason> {
        if let Some(about) = &packet.about {
            return self.relate(hook, packet, about, bytes);
        }
        let key = FlowKey { vpc: hook.vpc(), tuple: packet.tuple, protocol: packet.protocol };
        let sent_to = packet.tuple.destination;
        let (leaving, exit, translated) = match conntrack::lookup(self, &key, packet)? {
            Lookup::Hit(flow) => {
                let leaving =
                    hook.leaving(sent_to, flow.target, flow.translated.source, flow.translated.destination);
                let exit = self.exit(&leaving, packet)?;
                conntrack::advance(self, &key, &flow, packet);
                (leaving, exit, flow.translated)
            }
            Lookup::Miss { reopens } => {
                let path = decide(self, &key)?;
                let leaving = hook.leaving(sent_to, path.vpc, path.tuple.source, path.tuple.destination);
                let exit = self.exit(&leaving, packet)?;
                let opened = conntrack::open(self, key, reopens, packet, &path);
                snat::say(&packet.tuple, &opened, self.trace);
                (leaving, exit, opened?)
            }
        };
        deliver::say(exit, &leaving, &translated, packet, self.trace);
        deliver::rewrite(bytes, packet, &translated, exit, leaving.routed);
        Ok(exit.outcome())
    }

    fn exit(&mut self, leaving: &Leaving, packet: &Packet) -> Result<Exit, DropReason> {
        let exit = deliver::exit(self.view, leaving, packet, self.trace);
        if exit == Err(DropReason::TooLarge) {
            self.mtu = deliver::mtu(self.view, leaving).unwrap_or_default();
        }
        exit
    }

    /// Tells the sender of a dropped packet why, if it is to know: out of the interface where it came in.
    fn refuse(
        &mut self,
        (hook, interface): (&Hook<'_>, u32),
        packet: &Packet,
        bytes: &mut Vec<u8>,
        reason: DropReason,
    ) -> Result<Outcome, DropReason> {
        let told = packet.about.is_none() && !packet.later;
        let message = refuse::message(reason, hook.vpc()).filter(|_| told);
        let message = message.filter(|_| self.flows.may_tell(interface, self.now_ns));
        let Some(message) = message.filter(|_| refuse::can_quote(bytes)) else {
            return Err(reason);
        };
        let teller = match hook {
            Hook::Port(port) => port.gateway,
            Hook::Uplink => packet.tuple.destination,
        };
        refuse::refuse(bytes, teller, packet.tuple.source, message, self.mtu);
        Ok(Outcome { verdict: Verdict::Refused(reason), target: interface })
    }

    /// An ICMP error goes the way of an answer to the packet that it is about.
    fn relate(
        &mut self,
        hook: &Hook<'_>,
        packet: &Packet,
        about: &Quoted,
        bytes: &mut [u8],
    ) -> Result<Outcome, DropReason> {
        let answer = about.answer(packet);
        let key = FlowKey { vpc: hook.vpc(), tuple: answer.tuple, protocol: answer.protocol };
        // An instance is no router: what it complains about, it got itself.
        let is_end = packet.tuple.source == about.tuple.destination;
        let concerns =
            packet.tuple.destination == about.tuple.source && (is_end || key.vpc == VpcId::OUTSIDE);
        let flow = conntrack::related(self, &key, &answer, concerns)?;
        let source = if is_end { flow.translated.source } else { packet.tuple.source };
        let leaving =
            hook.leaving(packet.tuple.destination, flow.target, source, flow.translated.destination);
        let exit = self.exit(&leaving, packet)?;
        deliver::say(exit, &leaving, &flow.translated, packet, self.trace);
        deliver::rewrite_error(bytes, packet, about, &flow.translated, &leaving, exit);
        Ok(exit.outcome())
    }
}

/// Where a packet came in.
enum Hook<'a> {
    Port(&'a Port),
    Uplink,
}

impl Hook<'_> {
    fn vpc(&self) -> VpcId {
        match self {
            Self::Port(port) => port.vpc,
            Self::Uplink => VpcId::OUTSIDE,
        }
    }

    /// How a packet to `sent_to` leaves.
    fn leaving(&self, sent_to: IpAddr, target: VpcId, source: IpAddr, destination: IpAddr) -> Leaving {
        let far = |port: &Port| [sent_to, destination].iter().any(|end| !port.subnet.contains(*end));
        let routed = match self {
            Self::Port(port) => target == VpcId::OUTSIDE || far(port),
            Self::Uplink => true,
        };
        Leaving { target, source, destination, routed }
    }
}

/// Whether a flow may be opened, and what becomes of it.
pub(crate) fn decide<T: Trace>(run: &mut Run<'_, T>, key: &FlowKey) -> Result<Path, DropReason> {
    let (view, trace) = (run.view, &mut *run.trace);
    match key.vpc {
        VpcId::OUTSIDE => decide_inbound(view, key, trace),
        _ => decide_outbound(view, key, trace),
    }
}

/// What a flow that an instance opens needs: to a service nothing; else the sender's rules, a route, and the receiver's rules
/// if that is an instance. What goes out to a public address here comes back in.
fn decide_outbound(view: View<'_>, key: &FlowKey, trace: &mut impl Trace) -> Result<Path, DropReason> {
    let FlowKey { vpc, tuple, protocol } = key;
    let sender = policy::sender(view, *vpc, tuple.source, trace)?;
    if let Some(service) = dnat::service(view, *vpc, tuple, *protocol, trace)? {
        return route::service(view, service, sender, Path::of(key), trace);
    }
    policy::egress(view, *vpc, sender, tuple, *protocol, trace)?;
    match route::outbound(view, *vpc, sender, tuple.destination, trace)? {
        Destination::Instance(receiver) => {
            policy::ingress(view, *vpc, receiver, tuple, *protocol, trace)?;
            Ok(Path::of(key))
        }
        Destination::Nat(nat) if view.pool_address(tuple.destination).is_some() => {
            admit(view, *protocol, dnat::forward(view, *protocol, Path::of(key).through(nat), trace)?, trace)
        }
        Destination::Nat(nat) => Ok(Path::of(key).through(nat)),
    }
}

/// What a flow that someone outside opens needs: a forward, an instance there, and its rules.
fn decide_inbound(view: View<'_>, key: &FlowKey, trace: &mut impl Trace) -> Result<Path, DropReason> {
    let path = Path { shown: Shown::AsFree, ..Path::of(key) };
    admit(view, key.protocol, dnat::forward(view, key.protocol, path, trace)?, trace)
}

/// Whether an instance takes what comes from elsewhere than its own VPC. Its rules see the source, and the port, as it does.
fn admit(view: View<'_>, protocol: Protocol, path: Path, trace: &mut impl Trace) -> Result<Path, DropReason> {
    let receiver = route::inbound(view, &path, trace)?;
    policy::ingress(view, path.vpc, receiver, &path.tuple, protocol, trace)?;
    Ok(path)
}

/// Whether what an uplink brings is for an address of a pool at it.
fn concerns_us(view: View<'_>, id: UplinkId, uplink: &Uplink, bytes: &[u8]) -> bool {
    let ours = |address| view.pool_address(IpAddr::V4(address)) == Some(id);
    let Ok(frame) = ethernet::Packet::new_checked(bytes) else { return false };
    match frame.ether_type() {
        EtherType::IPV4 => ipv4::Packet::new_checked(frame.payload())
            .is_ok_and(|ip| ip.version() == 4 && frame.destination() == uplink.mac && ours(ip.destination())),
        EtherType::ARP => {
            let parsed = arp::Packet::new_checked(frame.payload()).and_then(|arp| arp::Repr::parse(&arp));
            let sent_here = [uplink.mac, Mac::BROADCAST].contains(&frame.destination());
            sent_here && parsed.is_ok_and(|arp| arp.operation == arp::Operation::Request && ours(arp.target))
        }
        _ => false,
    }
}

fn dropped(reason: DropReason) -> Outcome {
    Outcome { verdict: Verdict::Drop(reason), target: 0 }
}
