//! Messages of DHCP, which come before there are addresses: between an instance and the worker that answers for the gateway.
//! A part of the stage guard. Only whole datagrams are meant.
//!
//! - From a client: UDP from port 68 to 67, of the port's Ethernet address, from its address or 0.0.0.0, to
//!   255.255.255.255 or the gateway. `noService` without a forward for the gateway's UDP port 67; `noInstance` if what that
//!   names is not there. The Ethernet destination becomes [`mark`] of the port.
//! - From the worker: UDP from port 67 to 68 at the services' port, with the mark of a port as its Ethernet source. `noPort`
//!   if that is no instance's; `spoofedAddress` if the source is not its gateway; `noInstance`. The Ethernet addresses become
//!   the gateway's and the instance's.

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::Mac;
use madang_wire::ethernet;

use super::parse::Packet;
use crate::abi::{DropReason, Stage};
use crate::trace::Trace;
use crate::view::View;
use crate::{Endpoint, Entry, ForwardKey, GATEWAY_MAC, Outcome, Port, PortId, Protocol, Verdict, VpcId};

/// The port of servers.
pub const SERVER_PORT: u16 = 67;
/// The port of clients.
pub const CLIENT_PORT: u16 = 68;

const MARK: [u8; 2] = [0x02, 0x64];

/// The Ethernet address that stands for a port where its messages of DHCP travel to the worker and back.
pub fn mark(port: PortId) -> Mac {
    let ([a, b], [c, d, e, f]) = (MARK, port.0.to_be_bytes());
    Mac([a, b, c, d, e, f])
}

/// The port that an Ethernet address stands for.
pub fn marked(mac: Mac) -> Option<PortId> {
    let [a, b, c, d, e, f] = mac.0;
    ([a, b] == MARK).then_some(PortId(u32::from_be_bytes([c, d, e, f])))
}

/// Whose message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// An instance's.
    Client,
    /// The worker's, to the instance at this port.
    Server(PortId),
}

/// Whose message of DHCP this is, if it is one.
pub(crate) fn message(port: &Port, ethernet: &ethernet::Repr, packet: &Packet) -> Option<From> {
    let ports = (packet.tuple.source_port, packet.tuple.destination_port);
    if packet.protocol != Protocol::Udp || packet.later || packet.first.is_some() {
        return None;
    }
    let (source, destination) = (packet.tuple.source, packet.tuple.destination);
    let own = ethernet.source == port.mac;
    let ours = || source.is_unspecified() || source == port.address;
    let to_server = || destination == IpAddr::V4(Ipv4Addr::BROADCAST) || destination == port.gateway;
    match ports {
        (CLIENT_PORT, SERVER_PORT) if own && ours() && to_server() => Some(From::Client),
        (SERVER_PORT, CLIENT_PORT) if !own && port.vpc == VpcId::SERVICES => {
            marked(ethernet.source).map(From::Server)
        }
        _ => None,
    }
}

/// Where the message goes, and with which Ethernet addresses it gets there.
pub(crate) fn pass(
    view: View<'_>,
    (id, port): (PortId, &Port),
    from: From,
    packet: &Packet,
    bytes: &mut [u8],
    trace: &mut impl Trace,
) -> Result<Outcome, DropReason> {
    match from {
        From::Client => {
            let key =
                ForwardKey { address: port.gateway, protocol: Protocol::Udp.number(), port: SERVER_PORT };
            let found = worker(view, port.vpc, key);
            trace.step(Stage::Guard, || {
                let said = match found {
                    Ok(_) => format!("a DHCP client's message: the server of {} answers it", port.subnet),
                    Err(_) => format!("a DHCP client's message, and no server answers in {}", port.subnet),
                };
                (said, vec![Entry::Port(id), Entry::Service(port.vpc, key)])
            });
            let endpoint = found?;
            set(bytes, None, mark(id));
            Ok(to(endpoint))
        }
        From::Server(client) => {
            let found = client_of(view, client, packet.tuple.source);
            trace.step(Stage::Guard, || {
                let said = match found {
                    Ok((port, _)) => format!("the DHCP server's answer to {}", port.address),
                    Err(reason) => reason.sentence().to_owned(),
                };
                (said, vec![Entry::Port(client)])
            });
            let (port, endpoint) = found?;
            set(bytes, Some(GATEWAY_MAC), port.mac);
            Ok(to(endpoint))
        }
    }
}

fn worker<'a>(view: View<'a>, vpc: VpcId, key: ForwardKey) -> Result<&'a Endpoint, DropReason> {
    let server = view.service(vpc, key).ok_or(DropReason::NoService)?;
    view.endpoint(VpcId::SERVICES, server.address).ok_or(DropReason::NoInstance)
}

fn client_of<'a>(view: View<'a>, id: PortId, source: IpAddr) -> Result<(&'a Port, &'a Endpoint), DropReason> {
    let port = view.tables.ports.get(&id).filter(|port| !port.vpc.is_border()).ok_or(DropReason::NoPort)?;
    if source != port.gateway {
        return Err(DropReason::SpoofedAddress);
    }
    view.endpoint(port.vpc, port.address).map(|endpoint| (port, endpoint)).ok_or(DropReason::NoInstance)
}

fn set(bytes: &mut [u8], source: Option<Mac>, destination: Mac) {
    if let Ok(mut frame) = ethernet::Packet::new_checked(bytes) {
        frame.set_destination(destination);
        source.into_iter().for_each(|source| frame.set_source(source));
    }
}

fn to(endpoint: &Endpoint) -> Outcome {
    Outcome { verdict: Verdict::ToPort(endpoint.port), target: endpoint.port.0 }
}
