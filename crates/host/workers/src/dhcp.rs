//! DHCP inside VPCs: raw frames in the services' namespace, to which the datapath leads what the instances' clients send. An
//! instance has one address, which the store has given it: that is told to it, and nothing else is leased.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use madang_addr::{Mac, Prefix};
use madang_datapath::dhcp::{mark, marked};
use madang_datapath::{GATEWAY_MAC, PortId};
use madang_dhcp::frame::{CLIENT_PORT, Datagram, Heard, SERVER_PORT};
use madang_dhcp::{
    Actions, ClientMatch, Destination, Event, Instant, LeaseTimes, Limits, Now, Origin, Reservation, Server,
    ServerConfig, ServerSpec, SubnetSpec, Waits, Wall,
};
use madang_kernel::boot;
use madang_kernel::packet::{Batch, PacketSocket};
use madang_wire::dhcp::{Options, Packet, Route, code};
use serde::{Deserialize, Serialize};

use crate::channel::Daemon;
use crate::limits::{Limits as Rates, Most};
use crate::serve::{self, briefings, unless_ended};
use crate::{Error, Result};

/// The link of every subnet: there is one.
const LINK: u32 = 0;
/// Messages of one instance in a second.
const MOST: Most = Most { rate: 20, questions: (0, 0), streams: (0, 0) };
/// How long an instance that declines its address is without one, in seconds: nobody else can have it.
const QUARANTINE: u32 = 10;
/// What instances are told about addresses that are nobody's, and are answered by the gateway all the same: the services'.
const SERVICES: &str = "169.254.169.252/30";

/// What the subnets of this host tell their instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leases {
    /// The subnets: those that have a server.
    pub subnets: Vec<LeaseSubnet>,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseSubnet {
    /// Its VPC's number; ranges of several may overlap.
    pub vpc: u32,
    /// Its range.
    pub range: Prefix,
    /// Its gateway, which is the server too.
    pub gateway: Ipv4Addr,
    /// Whom to ask for names.
    pub name_servers: Vec<Ipv4Addr>,
    /// Whom to ask for the time.
    pub ntp_servers: Vec<Ipv4Addr>,
    /// What names end in.
    pub domain: String,
    /// The largest IP packet.
    pub mtu: u16,
    /// How long a lease is, in seconds.
    pub lease: u32,
    /// Its instances on this host.
    pub clients: Vec<LeaseClient>,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseClient {
    /// Its port.
    pub port: PortId,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its name.
    pub name: String,
}

/// Opens what the worker listens with; called in the services' namespace.
pub(crate) fn listen() -> Result<OwnedFd> {
    let failed = |source| Error::Namespace { source };
    let mut netlink = madang_kernel::Netlink::open().map_err(failed)?;
    let link = netlink.expect_link(madang_kernel::port::GUEST_LINK).map_err(failed)?;
    let wanted = madang_kernel::packet::Wanted { udp_to: &[SERVER_PORT], arp: false };
    PacketSocket::open(link.index, wanted).map(Into::into).map_err(failed)
}

/// Serves until it is asked to end.
pub(crate) fn run(daemon: Daemon, sockets: Vec<OwnedFd>) -> Result<()> {
    let [socket] =
        <[OwnedFd; 1]>::try_from(sockets).map_err(|_| Error::Channel("one socket was expected"))?;
    serve::run(async |end| {
        let ready =
            socket.try_clone().and_then(madang_compute::watch).map_err(Error::step("take a socket"))?;
        let socket = PacketSocket::from(socket);
        let servers = std::rc::Rc::new(std::cell::RefCell::new(Servers::default()));
        let first = briefings(daemon, {
            let servers = std::rc::Rc::clone(&servers);
            move |leases| servers.borrow_mut().take(leases, now())
        });
        let Some(first) = unless_ended(end, first).await else { return Ok(()) };
        first?;
        let rates = Rates::new(MOST);
        let (mut batch, mut out) = (Batch::new(), Vec::new());
        while let Some(came) = unless_ended(end, ready.readable()).await {
            let mut came = came.map_err(Error::step("wait for messages"))?;
            if socket.receive(&mut batch).is_err() {
                // The link is down: the daemon makes it anew, and another worker with it.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            if !batch.is_full() {
                came.clear_ready();
            }
            out.clear();
            for frame in batch.frames() {
                servers.borrow_mut().hear(frame.bytes, frame.checksum_pending, &rates, now(), &mut out);
            }
            // What does not go is asked for again.
            let _ = socket.send(out.iter().map(Vec::as_slice));
        }
        Ok(())
    })
}

fn now() -> Now {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let instant = u64::try_from(boot::uptime().as_millis()).unwrap_or(u64::MAX);
    Now { instant: Instant(instant), wall: Wall(wall.as_secs()) }
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u64::from_ne_bytes(bytes)
}

/// A server for each instance, by its port: so no client can pass for another, whatever it calls itself.
#[derive(Default)]
struct Servers {
    servers: HashMap<PortId, (LeaseSubnet, Server)>,
    actions: Actions,
}

impl Servers {
    fn take(&mut self, leases: Leases, now: Now) {
        let mut before = std::mem::take(&mut self.servers);
        for subnet in leases.subnets {
            for client in &subnet.clients {
                let own = LeaseSubnet { clients: vec![client.clone()], ..subnet.clone() };
                let known = before.remove(&client.port).filter(|(told, _)| *told == own);
                let server = match known {
                    Some((_, server)) => server,
                    None => match ServerConfig::new(spec(&own)) {
                        // Nothing is remembered that the store does not know better.
                        Ok(config) => Server::new(config, now, random()),
                        Err(error) => {
                            crate::say(&format!("no DHCP for {}: {error}", client.address));
                            continue;
                        }
                    },
                };
                self.servers.insert(client.port, (own, server));
            }
        }
    }

    /// Answers what a frame brings, with frames behind those that are there.
    fn hear(&mut self, frame: &[u8], pending: bool, rates: &Rates, now: Now, out: &mut Vec<Vec<u8>>) {
        // Who sends too much costs no more than this.
        let Some(to) = frame.first_chunk().and_then(|to| marked(Mac(*to))) else { return };
        let Some((subnet, server)) = self.servers.get_mut(&to).filter(|_| rates.may_ask(to.0)) else {
            return;
        };
        let Ok(Heard::Datagram(datagram)) = Heard::read(frame, pending) else { return };
        let Ok(message) = Packet::new_checked(datagram.payload) else { return };
        // An instance speaks for itself alone, and nobody is between it and here.
        let header = message.header();
        let is_own = |client: &LeaseClient| header.hardware.mac() == Some(client.mac);
        if !subnet.clients.iter().any(is_own) || !header.giaddr.is_unspecified() {
            return;
        }
        let unicast = !datagram.destination.0.is_broadcast();
        let origin = Origin { link: LINK, port: None, source: datagram.source.0, unicast };
        let event = Event::Message { bytes: datagram.payload, origin };
        self.actions.clear();
        server.handle(event, now, random(), &mut self.actions);
        for reply in &self.actions.replies {
            let address = match reply.to {
                Destination::Client(address) | Destination::Frame { address, .. } => address,
                Destination::Broadcast => Ipv4Addr::BROADCAST,
                Destination::Relay(_) => continue,
            };
            let mut frame = Vec::new();
            Datagram {
                from: mark(to),
                to: GATEWAY_MAC,
                source: (subnet.gateway, SERVER_PORT),
                destination: (address, CLIENT_PORT),
                payload: self.actions.message(reply),
            }
            .emit(&mut frame);
            out.push(frame);
        }
    }
}

/// A server that knows its clients: whoever else asks gets nothing, since there is no pool.
fn spec(subnet: &LeaseSubnet) -> ServerSpec {
    let LeaseSubnet { range, gateway, lease, .. } = subnet;
    let mut options = Options::new();
    options.set_addresses(code::DNS_SERVERS, &subnet.name_servers);
    options.set_addresses(code::NTP_SERVERS, &subnet.ntp_servers);
    options.set(code::DOMAIN_NAME, subnet.domain.as_bytes());
    options.set(code::INTERFACE_MTU, subnet.mtu.to_be_bytes());
    let everything = [Some(Prefix::ANY_V4), SERVICES.parse().ok()].into_iter().flatten();
    let routes: Vec<_> = everything.map(|destination| Route { destination, router: *gateway }).collect();
    options.set_routes(&routes);
    if let IpAddr::V4(last) = range.last() {
        options.set_addresses(code::BROADCAST_ADDRESS, &[last]);
    }
    let reservation = |client: &LeaseClient| Reservation {
        client: ClientMatch::Mac(client.mac),
        address: client.address,
        name: Some(client.name.clone()),
        options: Options::new(),
    };
    ServerSpec {
        subnets: vec![SubnetSpec {
            link: Some(LINK),
            routers: vec![*gateway],
            reservations: subnet.clients.iter().map(reservation).collect(),
            // A client may want it shorter, not longer: what it is told may change.
            lease: LeaseTimes {
                min: (*lease).min(60),
                default: *lease,
                max: *lease,
                ..LeaseTimes::default()
            },
            options,
            ..SubnetSpec::new(*range)
        }],
        // The datapath lets nobody else have the address.
        waits: Waits { probe: None, quarantine: QUARANTINE, ..Waits::default() },
        limits: Limits::default(),
        ..ServerSpec::new(*gateway)
    }
}

#[cfg(test)]
mod tests;
