//! Whether a destination stands for another one: the forwarded ports of public addresses. Nothing from a port does yet.
//!
//! Only TCP and UDP are looked up; an echo request to a pool's address is `noForward`.

use crate::abi::{DropReason, Stage};
use crate::trace::Trace;
use crate::view::View;
use crate::words::service;
use crate::{Entry, Forward, ForwardKey, Protocol, Tuple};

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
            (
                format!("{} of {address} is not forwarded", service(protocol, port)),
                vec![Entry::Address(address)],
            )
        }));
    };
    trace.step(Stage::Dnat, || {
        let Forward { vpc, address: to, port: to_port } = forward;
        let service = service(protocol, port);
        (
            format!("{service} of {address} is forwarded to {to}:{to_port} in VPC {}", vpc.0),
            vec![Entry::Forward(key)],
        )
    });
    Ok(forward)
}
