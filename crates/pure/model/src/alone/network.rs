//! VPCs, subnets, route tables, security groups.

use std::collections::BTreeMap;

use madang_addr::Prefix;

use super::Found;
use crate::addresses::{LONGEST_SUBNET, capacity};
use crate::{
    AssertedEnd, AssertedProtocol, AssertionSpec, Diagnostic, IcmpType, Peer, PortRange, PrefixListSpec,
    RouteTableSpec, RouteTarget, RuleProtocol, SecurityGroupSpec, SubnetSpec, VpcSpec,
};

/// How many CIDRs a prefix list has at most.
const LONGEST_LIST: usize = 1000;

pub(super) fn vpc(found: &mut Found, spec: &VpcSpec) {
    found.not_empty("spec.cidrs", &spec.cidrs, "write a range, as [10.0.0.0/16]");
    for (n, cidr) in spec.cidrs.iter().enumerate() {
        let path = format!("spec.cidrs[{n}]");
        found.range(&path, *cidr, "use a private range, as 10.0.0.0/16 or 192.168.0.0/16");
        too_small(found, &path, *cidr, "VPC's range");
    }
    found.apart("spec.cidrs", &spec.cidrs);
    if !(576..=9000).contains(&spec.mtu) {
        let message = format!("{} is out of range", spec.mtu);
        found.add("spec.mtu", Diagnostic::new("outOfRange", message).hint("write a number of 576 to 9000"));
    }
}

pub(super) fn assertion(found: &mut Found, spec: &AssertionSpec) {
    if let (AssertedProtocol::Icmp, Some(port)) = (spec.protocol, spec.port) {
        let diagnostic = Diagnostic::new("invalidValue", format!("icmp has no port {port}"));
        found.add("spec.port", diagnostic.hint("leave it out, or write protocol: tcp"));
    }
    for (path, end) in [("spec.from", &spec.from), ("spec.to", &spec.to)] {
        match end.parse::<AssertedEnd>() {
            Ok(AssertedEnd::Addresses(prefix)) => drop(found.family(path, prefix)),
            Ok(_) => {}
            Err(message) => {
                let diagnostic = Diagnostic::new("invalidValue", message).hint(
                    "write the name of an instance, of a security group or of a public address, an address, a CIDR, or internet",
                );
                found.add(path, diagnostic);
            }
        }
    }
}

fn too_small(found: &mut Found, path: &str, cidr: Prefix, what: &str) {
    if cidr.address().is_ipv4() && cidr.length() > LONGEST_SUBNET {
        let cause = "five addresses of each subnet are reserved, and some must be left";
        let hint = format!("write a length of at most {LONGEST_SUBNET}, which holds 3 instances");
        let message = format!("{cidr} is too small for a {what}: it holds {} instances", capacity(cidr));
        found.add(path, Diagnostic::new("tooSmall", message).cause(cause).hint(hint));
    }
}

pub(super) fn subnet(found: &mut Found, spec: &SubnetSpec) {
    super::dhcp::settings(found, &spec.dhcp);
    found.family("spec.cidr", spec.cidr);
    too_small(found, "spec.cidr", spec.cidr, "subnet");
    if let (true, Some(table)) = (spec.public, &spec.route_table) {
        let message = format!("a public subnet cannot have a route table, and {table} is named");
        let cause =
            "public: true means a route table of its own, with a default route to the internet gateway";
        let hint = "leave out one of them, or give the route table a route to 0.0.0.0/0 with target internet";
        found
            .add("spec.routeTable", Diagnostic::new("publicWithRouteTable", message).cause(cause).hint(hint));
    }
}

pub(super) fn route_table(found: &mut Found, spec: &RouteTableSpec) {
    let mut seen: BTreeMap<Prefix, usize> = BTreeMap::new();
    for (n, route) in spec.routes.iter().enumerate() {
        let path = format!("spec.routes[{n}]");
        found.family(&format!("{path}.destination"), route.destination);
        if let Some(first) = seen.get(&route.destination) {
            let message = format!("there is a route to {} already", route.destination);
            let cause =
                format!("spec.routes[{first}] has the same destination, and only one of them can hold");
            let diagnostic =
                Diagnostic::new("duplicateRoute", message).cause(cause).hint("leave out one of them");
            found.add(format!("{path}.destination"), diagnostic);
        }
        seen.entry(route.destination).or_insert(n);
        match (route.target, &route.nat_gateway) {
            (RouteTarget::Nat, None) => {
                let message = "a route with target nat must say which NAT gateway";
                let diagnostic =
                    Diagnostic::new("missingField", message).hint("add natGateway: and its name");
                found.add(format!("{path}.natGateway"), diagnostic);
            }
            (RouteTarget::Nat, Some(_)) | (_, None) => {}
            (_, Some(name)) => {
                let message = format!("the NAT gateway {name} is named, and the target is not nat");
                let hint = "write target: nat, or leave out natGateway";
                found.add(format!("{path}.natGateway"), Diagnostic::new("unusedField", message).hint(hint));
            }
        }
    }
}

pub(super) fn security_group(found: &mut Found, spec: &SecurityGroupSpec) {
    for (n, rule) in spec.ingress.iter().enumerate() {
        let path = format!("spec.ingress[{n}]");
        security_rule(found, &path, rule.protocol, &rule.ports, "from", &rule.from);
        icmp_types(found, &path, rule.protocol, &rule.icmp_types);
    }
    for (n, rule) in spec.egress.iter().flatten().enumerate() {
        let path = format!("spec.egress[{n}]");
        security_rule(found, &path, rule.protocol, &rule.ports, "to", &rule.to);
        icmp_types(found, &path, rule.protocol, &rule.icmp_types);
    }
}

fn icmp_types(found: &mut Found, path: &str, protocol: RuleProtocol, types: &[IcmpType]) {
    if protocol != RuleProtocol::Icmp && !types.is_empty() {
        let diagnostic =
            Diagnostic::new("typesWithoutProtocol", "there are ICMP types, and the rule is not for icmp")
                .cause("only icmp has types")
                .hint("add protocol: icmp, or leave out the types");
        found.add(format!("{path}.icmpTypes"), diagnostic);
    }
}

pub(super) fn prefix_list(found: &mut Found, spec: &PrefixListSpec) {
    for (n, cidr) in spec.cidrs.iter().enumerate() {
        found.family(&format!("spec.cidrs[{n}]"), *cidr);
    }
    if spec.cidrs.len() > LONGEST_LIST {
        let message = format!("{} CIDRs are more than the {LONGEST_LIST} of a list", spec.cidrs.len());
        let hint = "merge those that touch, or make several lists";
        found.add("spec.cidrs", Diagnostic::new("tooMany", message).hint(hint));
    }
}

fn security_rule(
    found: &mut Found,
    path: &str,
    protocol: RuleProtocol,
    ports: &[PortRange],
    side: &str,
    peers: &[Peer],
) {
    let without_ports = match protocol {
        RuleProtocol::All => Some("all"),
        RuleProtocol::Icmp => Some("icmp"),
        RuleProtocol::Tcp | RuleProtocol::Udp => None,
    };
    if let Some(protocol) = without_ports.filter(|_| !ports.is_empty()) {
        let message = format!("there are ports, and the rule is for protocol {protocol}");
        let diagnostic = Diagnostic::new("portsWithoutProtocol", message)
            .cause("only tcp and udp have ports")
            .hint("add protocol: tcp or protocol: udp, or leave out the ports");
        found.add(format!("{path}.ports"), diagnostic);
    }
    let at = format!("{path}.{side}");
    found.not_empty(&at, peers, "write [0.0.0.0/0] for anybody, or leave out the rule for nobody");
    for (n, peer) in peers.iter().enumerate() {
        if let Peer::Cidr(prefix) = peer {
            found.family(&format!("{at}[{n}]"), *prefix);
        }
    }
}
