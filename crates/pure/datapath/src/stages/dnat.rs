//! Whether a destination stands for another one: the forwarded ports of public addresses, and, for what an instance sends,
//! the services of its VPC.
//!
//! What is sent to a public address leads where its port is forwarded to, or else where the whole address leads; if nowhere, it
//! is `noForward`. An echo has no port. What an instance sends to 169.254.169.252/30
//! and is no service is `noService`. No rule is asked about a service, and its route is that of the services; it sees the
//! instance as [`crate::abi::SEEN_NETWORK`] and the index of its port, which tells instances of all VPCs apart.

use std::net::{IpAddr, Ipv4Addr};

use crate::abi::{DropReason, SEEN_NETWORK, SERVICES_MASK, SERVICES_NETWORK, Stage};
use crate::path::Path;
use crate::trace::Trace;
use crate::view::View;
use crate::words::service as name;
use crate::{Entry, Forward, ForwardKey, PortId, Protocol, Tuple, VpcId};

/// Where what is sent to a public address leads: by its port, or whatever it is.
pub(crate) fn forward(
    view: View<'_>,
    protocol: Protocol,
    path: Path,
    trace: &mut impl Trace,
) -> Result<Path, DropReason> {
    let (address, port) = (path.tuple.destination, path.tuple.destination_port);
    let key = ForwardKey { address, protocol: protocol.number(), port };
    let by_port = view.forward(key).filter(|_| protocol != Protocol::Icmp).map(|to| (key, to));
    let whole = || {
        let key = ForwardKey::whole(address);
        view.forward(key).map(|to| (key, Forward { port, ..to }))
    };
    let Some((key, forward)) = by_port.or_else(whole) else {
        return Err(trace.refuse(Stage::Dnat, DropReason::NoForward, || {
            (format!("{} of {address} is not forwarded", name(protocol, port)), vec![Entry::Address(address)])
        }));
    };
    trace.step(Stage::Dnat, || {
        let Forward { vpc, address: to, port: to_port } = forward;
        let said = if key == ForwardKey::whole(address) {
            format!("{address} stands for {to} in VPC {}", vpc.0)
        } else {
            format!("{} of {address} is forwarded to {to}:{to_port} in VPC {}", name(protocol, port), vpc.0)
        };
        (said, vec![Entry::Forward(key)])
    });
    Ok(path.to(forward.vpc, (forward.address, forward.port)))
}

/// The service that an instance asks, if it does.
pub(crate) fn service(
    view: View<'_>,
    vpc: VpcId,
    tuple: &Tuple,
    protocol: Protocol,
    trace: &mut impl Trace,
) -> Result<Option<Forward>, DropReason> {
    let (address, port) = (tuple.destination, tuple.destination_port);
    let key = ForwardKey { address, protocol: protocol.number(), port };
    let found = view.service(vpc, key).filter(|_| protocol != Protocol::Icmp);
    if found.is_some() {
        trace.step(Stage::Dnat, || {
            let said =
                format!("{} of {address} is a service of every VPC: no rule is needed", name(protocol, port));
            (said, vec![Entry::Service(vpc, key)])
        });
    } else if is_for_services(address) {
        return Err(trace.refuse(Stage::Dnat, DropReason::NoService, || {
            (format!("{} of {address} is no service", name(protocol, port)), Vec::new())
        }));
    }
    Ok(found)
}

/// As what a service sees who has this port.
pub(crate) fn seen(port: PortId) -> IpAddr {
    Ipv4Addr::from(SEEN_NETWORK | (port.0 & !SEEN_NETWORK)).into()
}

/// Whether it is one of the link-local addresses at which services are asked.
pub(crate) fn is_for_services(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if u32::from(v4) & SERVICES_MASK == SERVICES_NETWORK)
}
