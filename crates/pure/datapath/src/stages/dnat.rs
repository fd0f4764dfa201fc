//! Whether a destination stands for another one: the forwarded ports of public addresses, and, for what an instance sends,
//! the services of its VPC.
//!
//! Echoes are not looked up; an echo request to a pool's address is `noForward`. What an instance sends to 169.254.169.252/30
//! and is no service is `noService`. No rule is asked about a service, and its route is that of the services; it sees the
//! instance as [`crate::abi::SEEN_NETWORK`] and the index of its port, which tells instances of all VPCs apart.

use std::net::{IpAddr, Ipv4Addr};

use crate::abi::{DropReason, SEEN_NETWORK, SERVICES_MASK, SERVICES_NETWORK, Stage};
use crate::trace::Trace;
use crate::view::View;
use crate::words::service as name;
use crate::{Entry, Forward, ForwardKey, PortId, Protocol, Tuple, VpcId};

/// Where the public port leads.
pub(crate) fn forward(
    view: View<'_>,
    tuple: &Tuple,
    protocol: Protocol,
    trace: &mut impl Trace,
) -> Result<Forward, DropReason> {
    let (address, port) = (tuple.destination, tuple.destination_port);
    let key = ForwardKey { address, protocol: protocol.number(), port };
    let Some(forward) = view.forward(key).filter(|_| protocol != Protocol::Icmp) else {
        return Err(trace.refuse(Stage::Dnat, DropReason::NoForward, || {
            (format!("{} of {address} is not forwarded", name(protocol, port)), vec![Entry::Address(address)])
        }));
    };
    trace.step(Stage::Dnat, || {
        let Forward { vpc, address: to, port: to_port } = forward;
        let service = name(protocol, port);
        (
            format!("{service} of {address} is forwarded to {to}:{to_port} in VPC {}", vpc.0),
            vec![Entry::Forward(key)],
        )
    });
    Ok(forward)
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
