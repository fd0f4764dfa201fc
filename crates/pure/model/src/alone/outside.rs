//! Address pools and public addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use madang_addr::Prefix;

use super::Found;
use crate::words::quote;
use crate::{AddressPoolSpec, Diagnostic, ForwardProtocol, NatGatewaySpec, PublicAddressSpec};

pub(super) fn pool(found: &mut Found, spec: &AddressPoolSpec) {
    interface(found, &spec.interface);
    next_hop(found, spec.next_hop);
    found.not_empty("spec.addresses", &spec.addresses, "write the addresses that are routed to this host");
    let ranges: Vec<Prefix> = spec.addresses.iter().map(|entry| entry.0).collect();
    for (n, range) in ranges.iter().enumerate() {
        let path = format!("spec.addresses[{n}]");
        found.range(&path, *range, "write addresses that are routed to this host, as 203.0.113.10");
        if range.contains(spec.next_hop) {
            let message = format!("{} has the next hop's address, {}", spec.addresses[n], spec.next_hop);
            let cause = "that is the router's own, and cannot be given to anybody else";
            found.add(
                path,
                Diagnostic::new("nextHopInPool", message).cause(cause).hint("leave it out of the pool"),
            );
        }
    }
    found.apart("spec.addresses", &ranges);
}

/// A router on the link: link-local ones are usual too.
fn next_hop(found: &mut Found, next_hop: IpAddr) {
    found.address("spec.nextHop", Some(next_hop));
    let IpAddr::V4(v4) = next_hop else { return };
    // "This network", loopback, and all from multicast on.
    let first = v4.octets()[0];
    if matches!(first, 0 | 127 | 224..) {
        let diagnostic =
            Diagnostic::new("specialAddress", format!("{next_hop} cannot be a router's address"));
        let hint =
            "write the address of the router on the interface's link: `ip route show default` shows it";
        found.add("spec.nextHop", diagnostic.hint(hint));
    }
}

pub(super) fn interface(found: &mut Found, name: &str) {
    let right = (1..=15).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b':')
        && name != "."
        && name != "..";
    if !right {
        let message = format!("{} cannot be an interface's name", quote(name));
        let cause = "Linux takes 1 to 15 characters, without spaces, slashes and colons";
        let hint = "write a name that `ip link` shows, as eth0";
        found.add("spec.interface", Diagnostic::new("invalidName", message).cause(cause).hint(hint));
    } else if name == "lo" {
        let diagnostic = Diagnostic::new("loopback", "lo is the host's own loopback interface")
            .cause("it leads nowhere, and what is attached to it would see the host's own traffic")
            .hint("write another interface, as eth0");
        found.add("spec.interface", diagnostic);
    }
}

pub(super) fn nat_gateway(found: &mut Found, spec: &NatGatewaySpec) {
    found.address("spec.address", spec.address);
    if spec.ports.is_some_and(|ports| ports.first() == 0) {
        let diagnostic =
            Diagnostic::new("outOfRange", "port 0 is nobody's").hint("begin with 1 at the least");
        found.add("spec.ports", diagnostic);
    }
}

pub(super) fn public_address(found: &mut Found, spec: &PublicAddressSpec) {
    found.address("spec.address", spec.address);
    let mut seen: BTreeMap<(ForwardProtocol, u16), usize> = BTreeMap::new();
    for (n, forward) in spec.forwards.iter().enumerate() {
        let path = format!("spec.forwards[{n}]");
        for (name, port) in [("port", Some(forward.port)), ("targetPort", forward.target_port)] {
            if port == Some(0) {
                let diagnostic =
                    Diagnostic::new("outOfRange", "0 is out of range").hint("write a port of 1 to 65535");
                found.add(format!("{path}.{name}"), diagnostic);
            }
        }
        if let Some(first) = seen.get(&(forward.protocol, forward.port)) {
            let protocol = match forward.protocol {
                ForwardProtocol::Tcp => "tcp",
                ForwardProtocol::Udp => "udp",
            };
            let message = format!("{protocol} port {} of this address is forwarded already", forward.port);
            let cause =
                format!("spec.forwards[{first}] leads it to instance {}", spec.forwards[*first].instance);
            let diagnostic = Diagnostic::new("duplicatePort", message).cause(cause);
            found.add(
                format!("{path}.port"),
                diagnostic.hint("choose another port, or another public address"),
            );
        }
        seen.entry((forward.protocol, forward.port)).or_insert(n);
    }
}
