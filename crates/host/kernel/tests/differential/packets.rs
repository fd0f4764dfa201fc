//! Random packets: valid ones, answers to what came out, nearly valid ones, and garbage.

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::Mac;
use madang_datapath::{GATEWAY_MAC, PortId, Tables, UplinkId, VpcId, dhcp};

use crate::support::Random;
use crate::world::{PORTS, ip, pool, remotes, services};

/// A packet on its way in.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) ifindex: u32,
    pub(crate) uplink: bool,
    pub(crate) frame: Vec<u8>,
}

/// What came out, to be answered.
#[derive(Clone, Debug)]
pub(crate) struct Departure {
    pub(crate) target: u32,
    pub(crate) frame: Vec<u8>,
}

pub(crate) struct Packets<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) interfaces: &'a [u32],
    /// What came out lately, newest last.
    pub(crate) out: &'a [Departure],
    /// What went in lately, newest last.
    pub(crate) sent: &'a [Arrival],
}

impl Packets<'_> {
    pub(crate) fn next(&self, random: &mut Random) -> Arrival {
        let mut arrival = match random.below(100) {
            0..=34 => self.answer(random),
            35..=44 => self.complain(random),
            45..=47 => self.again(random),
            48..=50 => self.same_from_another(random),
            51..=56 => self.continued(random),
            57..=59 => self.claim(random),
            60..=61 => self.to_itself(random),
            62..=64 => self.dhcp(random),
            65..=79 => self.sent_by_instance(random),
            80..=91 => self.sent_by_outside(random),
            92..=95 => self.arp(random),
            _ => self.garbage(random),
        };
        if random.once_in(12) {
            self.spoil(random, &mut arrival);
        }
        arrival
    }

    fn sent_by_instance(&self, random: &mut Random) -> Arrival {
        let ports: Vec<_> = self.tables.ports.iter().collect();
        if ports.is_empty() {
            return self.garbage(random);
        }
        let (id, port) = *random.pick(&ports);
        let neighbours =
            self.tables.vpcs.get(&port.vpc).map(|own| own.endpoints.keys().copied().collect::<Vec<_>>());
        let destination = match random.below(20) {
            0 => port.gateway,
            1 => *random.pick(&[ip(255, 255, 255, 255), ip(224, 0, 0, 1), ip(127, 0, 0, 1), ip(0, 1, 2, 3)]),
            2 => *random.pick(&[port.subnet.last(), port.subnet.address(), port.address, ip(10, 0, 0, 200)]),
            3 | 13 | 14 => *random.pick(&pool()),
            10..=12 => *random.pick(&services()),
            4..=9 => *random.pick(&remotes()),
            _ => match neighbours {
                Some(known) if !known.is_empty() => *random.pick(&known),
                _ => ip(10, 0, 0, 4),
            },
        };
        let mut transport = self.transport(random);
        if pool().contains(&destination) && random.once_in(2) {
            transport.source_port = transport.destination_port;
        }
        let frame = build(random, GATEWAY_MAC, port.mac, port.address, destination, transport);
        Arrival { ifindex: id.0, uplink: false, frame }
    }

    /// A message of DHCP, of a client or of the services, nearly right at times.
    fn dhcp(&self, random: &mut Random) -> Arrival {
        let ports: Vec<_> = self.tables.ports.iter().collect();
        if ports.is_empty() {
            return self.garbage(random);
        }
        let (id, port) = *random.pick(&ports);
        let services = self.tables.ports.iter().find(|(_, port)| port.vpc == VpcId::SERVICES);
        let mut transport = self.transport(random);
        transport.protocol = 17;
        let nobody = ip(0, 0, 0, 0);
        let everybody = ip(255, 255, 255, 255);
        if let Some((own, server)) = services.filter(|_| random.once_in(2)) {
            (transport.source_port, transport.destination_port) = (67, 68);
            let from = if random.once_in(6) { nobody } else { port.gateway };
            let to = *random.pick(&[everybody, port.address]);
            let mac = match random.below(8) {
                0 => server.mac,
                1 => dhcp::mark(*own),
                2 => dhcp::mark(PortId(9999)),
                _ => dhcp::mark(*id),
            };
            let frame = build(random, GATEWAY_MAC, mac, from, to, transport);
            return Arrival { ifindex: if random.once_in(8) { id.0 } else { own.0 }, uplink: false, frame };
        }
        (transport.source_port, transport.destination_port) = (68, *random.pick(&[67, 67, 67, 67, 53]));
        let from = *random.pick(&[nobody, nobody, port.address, port.address, port.gateway]);
        let to = *random.pick(&[everybody, everybody, port.gateway, port.subnet.last()]);
        let mac = if random.once_in(8) { GATEWAY_MAC } else { port.mac };
        let to_mac = *random.pick(&[GATEWAY_MAC, Mac::BROADCAST]);
        let frame = build(random, to_mac, mac, from, to, transport);
        Arrival { ifindex: id.0, uplink: false, frame }
    }

    /// From an instance to a public address of its own, from and to the same port.
    fn to_itself(&self, random: &mut Random) -> Arrival {
        let forwards = self.tables.outside.forwards.iter().filter(|(key, _)| key.protocol == 0);
        let owners: Vec<_> = forwards
            .flat_map(|(key, to)| self.tables.ports.iter().map(move |port| (key, to, port)))
            .filter(|(_, to, (_, port))| (port.vpc, port.address) == (to.vpc, to.address))
            .collect();
        if owners.is_empty() {
            return self.sent_by_instance(random);
        }
        let (key, _, (id, port)) = *random.pick(&owners);
        let mut transport = self.transport(random);
        transport.destination_port = *random.pick(&[40000, 40001, 1024]);
        transport.source_port = transport.destination_port;
        let frame = build(random, GATEWAY_MAC, port.mac, port.address, key.address, transport);
        Arrival { ifindex: id.0, uplink: false, frame }
    }

    fn sent_by_outside(&self, random: &mut Random) -> Arrival {
        let uplinks: Vec<_> = self.tables.outside.uplinks.iter().collect();
        let (id, uplink) = *random.pick(&uplinks);
        let source = match random.below(20) {
            0 => *random.pick(&[ip(127, 0, 0, 1), ip(0, 0, 0, 0), ip(230, 1, 1, 1), ip(255, 255, 255, 255)]),
            1 => *random.pick(&pool()),
            _ => *random.pick(&remotes()),
        };
        let keys: Vec<_> = self.tables.outside.forwards.keys().collect();
        let mut destination = if random.once_in(15) { ip(198, 51, 100, 99) } else { *random.pick(&pool()) };
        let mut transport = self.transport(random);
        if !keys.is_empty() && !random.once_in(6) {
            let key = *random.pick(&keys);
            destination = key.address;
            if key.protocol != 0 {
                transport.protocol = key.protocol;
                transport.destination_port = key.port;
            }
        }
        let frame = build(random, uplink.mac, Mac([2, 9, 9, 9, 9, 9]), source, destination, transport);
        Arrival { ifindex: id.0, uplink: true, frame }
    }

    /// Something back to where a packet that came out seems to come from.
    fn answer(&self, random: &mut Random) -> Arrival {
        let Some(out) = self.recent(random, self.out) else { return self.sent_by_instance(random) };
        let mut frame = out.frame.clone();
        let Some(tuple) = ends(&frame) else { return self.sent_by_instance(random) };
        swap(&mut frame, 26, 30, 4);
        let protocol = frame[23];
        match protocol {
            1 => {
                frame[34] = match frame[34] {
                    13 if !random.once_in(10) => 14,
                    _ if random.once_in(20) => 8,
                    _ => 0,
                }
            }
            6 | 17 => swap(&mut frame, 34, 36, 2),
            _ => {}
        }
        if protocol == 6 {
            frame[47] = flags(random);
        }
        frame[22] = ttl(random);
        let (ifindex, uplink) = self.place(out.target, &mut frame, tuple.1);
        mend(&mut frame);
        Arrival { ifindex, uplink, frame }
    }

    /// An ICMP error about a packet that came out, from who got it or from a router on its way.
    fn complain(&self, random: &mut Random) -> Arrival {
        let Some(out) = self.recent(random, self.out) else { return self.sent_by_instance(random) };
        let Some((source, destination)) = ends(&out.frame) else { return self.sent_by_instance(random) };
        let mut frame = out.frame[..14].to_vec();
        let (ifindex, uplink) = self.place(out.target, &mut frame, destination);
        let from =
            if random.once_in(if uplink { 2 } else { 10 }) { *random.pick(&remotes()) } else { destination };
        let to = if random.once_in(15) { *random.pick(&pool()) } else { source };
        let length =
            usize::from(u16::from_be_bytes([out.frame[16], out.frame[17]])).min(out.frame.len() - 14);
        let quoted = match random.below(4) {
            0 => length,
            1 => usize::try_from(random.between(20, 50)).unwrap(),
            _ => 28,
        };
        let quoted = &out.frame[14..14 + quoted.min(length)];
        frame.extend([0x45, 0, 0, 0, 0, 0, 0, 0, ttl(random), 1, 0, 0]);
        frame.extend(octets(from).into_iter().chain(octets(to)));
        let kind = *random.pick(&[3, 3, 3, 11, 11, 12, 4, 5]);
        frame.extend([kind, random.below(16).to_le_bytes()[0], 0, 0, 0, 0, 0x05, 0xdc]);
        frame.extend(quoted);
        let total = u16::try_from(frame.len() - 14).unwrap();
        frame[16..18].copy_from_slice(&total.to_be_bytes());
        mend(&mut frame);
        Arrival { ifindex, uplink, frame: pad(random, frame) }
    }

    /// A packet of a flow that had one already.
    fn again(&self, random: &mut Random) -> Arrival {
        let Some(mut arrival) = self.recent(random, self.sent).cloned() else {
            return self.sent_by_instance(random);
        };
        if ends(&arrival.frame).is_some() {
            if arrival.frame[23] == 6 {
                arrival.frame[47] = flags(random);
            }
            if random.once_in(8) {
                // From the same port to elsewhere: what clashes behind a NAT gateway or at a forward's target.
                let port = if arrival.frame[23] == 1 { 38 } else { *random.pick(&[34usize, 36]) };
                arrival.frame[port..port + 2].copy_from_slice(&random.pick(PORTS).to_be_bytes());
            }
            mend(&mut arrival.frame);
        }
        arrival
    }

    /// What an instance sent, from another one: what wants the same port behind a NAT gateway.
    fn same_from_another(&self, random: &mut Random) -> Arrival {
        let ports: Vec<_> = self.tables.ports.iter().collect();
        let Some(mut arrival) = self.recent(random, self.sent).filter(|arrival| !arrival.uplink).cloned()
        else {
            return self.sent_by_instance(random);
        };
        if ends(&arrival.frame).is_none() || ports.is_empty() {
            return arrival;
        }
        let (id, port) = *random.pick(&ports);
        arrival.ifindex = id.0;
        arrival.frame[6..12].copy_from_slice(&port.mac.0);
        arrival.frame[26..30].copy_from_slice(&octets(port.address));
        mend(&mut arrival.frame);
        arrival
    }

    /// Another part of a packet whose first part went in, or nearly.
    fn continued(&self, random: &mut Random) -> Arrival {
        let is_part = |arrival: &&Arrival| ends(&arrival.frame).is_some() && arrival.frame[20] & 0x20 != 0;
        let parts: Vec<_> = self.sent.iter().rev().take(60).filter(is_part).collect();
        if parts.is_empty() {
            return self.sent_by_instance(random);
        }
        let mut arrival = (*random.pick(&parts)).clone();
        let frame = &mut arrival.frame;
        let more = random.once_in(2);
        let payload = if more { 8 * random.below(4) } else { random.below(30) };
        let offset = if random.once_in(20) { random.between(8_180, 8_191) } else { random.below(9) };
        frame.truncate(34);
        frame.extend((0..payload).map(|_| random.next().to_le_bytes()[0]));
        let total = u16::try_from(frame.len() - 14).unwrap();
        frame[16..18].copy_from_slice(&total.to_be_bytes());
        let bits = u16::try_from(offset).unwrap() | if more { 0x2000 } else { 0 };
        frame[20..22].copy_from_slice(&bits.to_be_bytes());
        if random.once_in(12) {
            frame[19] ^= 1;
        }
        mend(frame);
        let frame = pad(random, std::mem::take(frame));
        Arrival { frame, ..arrival }
    }

    /// What came out for an instance, sent by whoever of its VPC has the same address as the sender outside.
    fn claim(&self, random: &mut Random) -> Arrival {
        let found = self.out.iter().rev().find_map(|out| {
            let (source, _) = ends(&out.frame)?;
            let vpc = self.tables.ports.get(&PortId(out.target))?.vpc;
            let (id, port) =
                self.tables.ports.iter().find(|(_, port)| (port.vpc, port.address) == (vpc, source))?;
            (source == ip(10, 0, 1, 77)).then_some((out, id, port))
        });
        let Some((out, id, port)) = found else { return self.sent_by_instance(random) };
        let mut frame = out.frame.clone();
        frame[..6].copy_from_slice(&GATEWAY_MAC.0);
        frame[6..12].copy_from_slice(&port.mac.0);
        mend(&mut frame);
        Arrival { ifindex: id.0, uplink: false, frame }
    }

    fn recent<'b, T>(&self, random: &mut Random, all: &'b [T]) -> Option<&'b T> {
        let some = all.len().min(if random.once_in(3) { 200 } else { 12 });
        (some > 0).then(|| random.pick(&all[all.len() - some..]))
    }

    fn place(&self, target: u32, frame: &mut [u8], _to: IpAddr) -> (u32, bool) {
        let (source, destination, uplink) = match self.tables.ports.get(&PortId(target)) {
            Some(port) => (port.mac, GATEWAY_MAC, false),
            None => {
                let mac = self
                    .tables
                    .outside
                    .uplinks
                    .get(&UplinkId(target))
                    .map_or(Mac([0; 6]), |uplink| uplink.mac);
                (Mac([2, 9, 9, 9, 9, 9]), mac, true)
            }
        };
        frame[..6].copy_from_slice(&destination.0);
        frame[6..12].copy_from_slice(&source.0);
        let known = self.interfaces.contains(&target);
        (if known { target } else { self.interfaces[0] }, uplink)
    }

    fn arp(&self, random: &mut Random) -> Arrival {
        let ports: Vec<_> = self.tables.ports.iter().collect();
        let mut frame = vec![0xff; 6];
        let operation = if random.once_in(6) { 2 } else { 1 };
        let mut header = vec![0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, operation];
        if random.once_in(20) {
            header[3 + usize::try_from(random.below(5)).unwrap()] ^= 1;
        }
        if ports.is_empty() || random.once_in(3) {
            let uplinks: Vec<_> = self.tables.outside.uplinks.iter().collect();
            let (id, uplink) = *random.pick(&uplinks);
            if random.once_in(2) {
                frame.copy_from_slice(&uplink.mac.0);
            }
            let mac = [2, 9, 9, 9, 9, 9];
            let target = *random.pick(&pool());
            frame.extend(mac.into_iter().chain(header).chain(mac).chain([198, 51, 100, 254]));
            frame.extend([0; 6].into_iter().chain(octets(target)));
            return Arrival { ifindex: id.0, uplink: true, frame: pad(random, frame) };
        }
        let (id, port) = *random.pick(&ports);
        let known =
            self.tables.vpcs.get(&port.vpc).map(|own| own.endpoints.keys().copied().collect::<Vec<_>>());
        let target = match random.below(5) {
            0 | 1 => port.gateway,
            2 => *random.pick(&[port.address, ip(0, 0, 0, 0), ip(10, 0, 0, 200), port.subnet.last()]),
            _ => known.filter(|known| !known.is_empty()).map_or(port.gateway, |known| *random.pick(&known)),
        };
        let sender = match random.below(8) {
            0 => ip(0, 0, 0, 0),
            1 => ip(10, 0, 0, 201),
            _ => port.address,
        };
        let hardware = if random.once_in(12) { [2, 1, 1, 1, 1, 1] } else { port.mac.0 };
        frame.extend(port.mac.0.into_iter().chain(header).chain(hardware).chain(octets(sender)));
        frame.extend([0; 6].into_iter().chain(octets(target)));
        Arrival { ifindex: id.0, uplink: false, frame: pad(random, frame) }
    }

    fn garbage(&self, random: &mut Random) -> Arrival {
        let length = random.between(14, 120);
        let mut frame: Vec<u8> = (0..length).map(|_| random.next().to_le_bytes()[0]).collect();
        if random.once_in(2) {
            let ether_type = *random.pick(&[0x0800u16, 0x0806, 0x86dd, 0x8100]);
            frame[12..14].copy_from_slice(&ether_type.to_be_bytes());
        }
        if frame.len() > 40 && random.once_in(2) {
            frame[14] = 0x45;
        }
        let ifindex = *random.pick(self.interfaces);
        Arrival { ifindex, uplink: random.once_in(2), frame }
    }

    /// Changes a few bytes or the length.
    fn spoil(&self, random: &mut Random, arrival: &mut Arrival) {
        let frame = &mut arrival.frame;
        match random.below(6) {
            0 => frame.truncate(usize::try_from(random.between(14, frame.len().max(14) as u64)).unwrap()),
            1 => frame.extend((0..random.below(30)).map(|byte| byte.to_le_bytes()[0])),
            2 => arrival.ifindex = *random.pick(self.interfaces),
            3 => arrival.uplink = !arrival.uplink,
            _ => {
                for _ in 0..random.between(1, 3) {
                    // The headers, mostly.
                    let at = random.below(frame.len().min(54) as u64);
                    frame[usize::try_from(at).unwrap()] ^= 1 << random.below(8);
                }
            }
        }
    }

    fn transport(&self, random: &mut Random) -> Transport {
        let source_port = match random.below(4) {
            0 => u16::try_from(random.below(65536)).unwrap(),
            // An identifier that looks like an echo request's port.
            1 if random.once_in(6) => 0x0800,
            _ => *random.pick(PORTS),
        };
        Transport {
            protocol: *random.pick(&[1, 1, 6, 6, 6, 6, 6, 17, 17, 17, 17, 50]),
            source_port,
            destination_port: *random.pick(PORTS),
            flags: if random.once_in(8) { flags(random) } else { 0x02 },
        }
    }
}

struct Transport {
    protocol: u8,
    source_port: u16,
    destination_port: u16,
    flags: u8,
}

fn flags(random: &mut Random) -> u8 {
    *random.pick(&[
        0x02, 0x02, 0x12, 0x12, 0x10, 0x10, 0x10, 0x18, 0x11, 0x11, 0x04, 0x14, 0x00, 0x03, 0xc2, 0x29,
    ])
}

fn ttl(random: &mut Random) -> u8 {
    *random.pick(&[64, 64, 64, 64, 64, 64, 255, 2, 1, 0])
}

fn octets(address: IpAddr) -> [u8; 4] {
    let IpAddr::V4(v4) = address else { panic!("IPv4 only") };
    v4.octets()
}

fn build(
    random: &mut Random,
    to_mac: Mac,
    from_mac: Mac,
    from: IpAddr,
    to: IpAddr,
    transport: Transport,
) -> Vec<u8> {
    let Transport { protocol, source_port, destination_port, flags } = transport;
    let mut frame: Vec<u8> = to_mac.0.into_iter().chain(from_mac.0).chain([0x08, 0x00]).collect();
    frame.extend([0x45, 0, 0, 0]);
    let id = random.next().to_le_bytes();
    frame.extend([id[0], id[1], 0x40, 0, ttl(random), protocol, 0, 0]);
    frame.extend(octets(from).into_iter().chain(octets(to)));
    match protocol {
        6 => {
            frame.extend(source_port.to_be_bytes().into_iter().chain(destination_port.to_be_bytes()));
            frame.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        }
        17 => {
            frame.extend(source_port.to_be_bytes().into_iter().chain(destination_port.to_be_bytes()));
            frame.extend([0, 0, 0, 0]);
        }
        1 => {
            frame.extend([*random.pick(&[8, 8, 8, 8, 8, 8, 0, 13, 13, 13, 14, 17]), 0, 0, 0]);
            frame.extend(source_port.to_be_bytes().into_iter().chain([0, 1]));
        }
        _ => {}
    }
    let more = random.below(24);
    frame.extend((0..more).map(|_| random.next().to_le_bytes()[0]));
    if random.once_in(60) {
        // Options.
        frame[14] = 0x46;
    }
    if random.once_in(6) {
        // The first part of a packet.
        if !random.once_in(10) {
            frame.truncate(34 + (frame.len() - 34) / 8 * 8);
        }
        frame[20] = 0x20;
    }
    let length = u16::try_from(frame.len() - 14).unwrap();
    frame[16..18].copy_from_slice(&length.to_be_bytes());
    mend(&mut frame);
    if protocol == 17 && random.once_in(4) {
        // No checksum.
        frame[40..42].fill(0);
    }
    pad(random, frame)
}

fn pad(random: &mut Random, mut frame: Vec<u8>) -> Vec<u8> {
    if random.once_in(4) {
        frame.resize(frame.len().max(60), 0);
    }
    frame
}

/// Source and destination of a frame that is IPv4 with a whole transport header, or what could be one.
fn ends(frame: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let whole = frame.len() >= if frame.get(23) == Some(&6) { 54 } else { 42 };
    if !whole || frame[12..15] != [0x08, 0x00, 0x45] {
        return None;
    }
    let at = |at: usize| IpAddr::from(Ipv4Addr::new(frame[at], frame[at + 1], frame[at + 2], frame[at + 3]));
    Some((at(26), at(30)))
}

fn swap(frame: &mut [u8], one: usize, other: usize, length: usize) {
    for i in 0..length {
        frame.swap(one + i, other + i);
    }
}

/// Makes the checksums right, if the lengths are.
fn mend(frame: &mut [u8]) {
    let total = usize::from(u16::from_be_bytes([frame[16], frame[17]]));
    if total < 20 || 14 + total > frame.len() {
        return;
    }
    frame[24..26].fill(0);
    let sum = checksum(&[&frame[14..34]]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    if u16::from_be_bytes([frame[20], frame[21]]) & 0x1fff != 0 {
        return;
    }
    let (protocol, transport) = (frame[23], 34..14 + total);
    let at = match protocol {
        6 if total >= 40 => 50,
        17 if total >= 28 => 40,
        1 if total >= 28 => 36,
        _ => return,
    };
    frame[at..at + 2].fill(0);
    let length = u16::try_from(transport.len()).unwrap().to_be_bytes();
    let pseudo = [&frame[26..34], &[0, protocol], &length].concat();
    let sum = match protocol {
        1 => checksum(&[&frame[transport]]),
        _ => checksum(&[&pseudo, &frame[transport]]),
    };
    let sum = if protocol == 17 && sum == 0 { 0xffff } else { sum };
    frame[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u64::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}
