//! Whether a resource is right by itself: what can be said without looking at any other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use madang_addr::Prefix;

use crate::addresses::{LONGEST_SUBNET, capacity, overlaps, special};
use crate::fields::Problem;
use crate::formats::ipv6;
use crate::words::quote;
use crate::{
    AddressPoolSpec, DEFAULT_NAMESPACE, Diagnostic, ForwardProtocol, InstanceSpec, Metadata, Peer, PoolEntry,
    PortRange, PublicAddressSpec, Resource, RouteTableSpec, RouteTarget, RuleProtocol, SecurityGroupSpec,
    SubnetSpec, VpcSpec, is_dns_label,
};

/// Everything that is wrong with a resource by itself.
pub(crate) fn problems(resource: &Resource) -> Vec<Problem> {
    let mut found = Found(Vec::new());
    metadata(&mut found, resource.metadata(), resource.kind().is_namespaced());
    match resource {
        Resource::Node(_) => {}
        Resource::AddressPool(object) => pool(&mut found, &object.spec),
        Resource::Vpc(object) => vpc(&mut found, &object.spec),
        Resource::SecurityGroup(object) => security_group(&mut found, &object.spec),
        Resource::NatGateway(object) => found.address("spec.address", object.spec.address),
        Resource::RouteTable(object) => route_table(&mut found, &object.spec),
        Resource::Subnet(object) => subnet(&mut found, &object.spec),
        Resource::Instance(object) => instance(&mut found, &object.spec),
        Resource::PublicAddress(object) => public_address(&mut found, &object.spec),
    }
    found.0
}

struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, path: impl AsRef<str>, diagnostic: Diagnostic) {
        self.0.push(Problem::new(path.as_ref(), diagnostic));
    }

    fn address(&mut self, path: &str, address: Option<IpAddr>) {
        if let Some(address) = address.filter(IpAddr::is_ipv6) {
            self.add(path, ipv6(address).into());
        }
    }

    /// Whether the prefix is of the family that is there.
    fn family(&mut self, path: &str, prefix: Prefix) -> bool {
        let v4 = prefix.address().is_ipv4();
        if !v4 {
            self.add(path, ipv6(prefix).into());
        }
        v4
    }

    /// A range of addresses that somebody is to have.
    fn range(&mut self, path: &str, range: Prefix) {
        if !self.family(path, range) {
            return;
        }
        if let Some(why) = special(range) {
            let diagnostic = Diagnostic::new("specialRange", format!("{range} cannot be used")).cause(why);
            self.add(path, diagnostic.hint("use a private range, as 10.0.0.0/16 or 192.168.0.0/16"));
        }
    }

    /// Ranges of one list that share addresses.
    fn apart(&mut self, path: &str, ranges: &[Prefix]) {
        for (n, first) in overlaps(ranges) {
            let (range, first) = (PoolEntry(ranges[n]), PoolEntry(ranges[first]));
            let (message, hint) = if first == range {
                (format!("{range} is written twice"), "leave out one of them".to_owned())
            } else {
                let inner = if first.0.covers(range.0) { range } else { first };
                (format!("{range} overlaps {first}"), format!("leave out {inner}"))
            };
            self.add(format!("{path}[{n}]"), Diagnostic::new("overlap", message).hint(hint));
        }
    }

    fn not_empty<T>(&mut self, path: &str, list: &[T], hint: &str) {
        if list.is_empty() {
            self.add(path, Diagnostic::new("emptyList", "the list is empty").hint(hint));
        }
    }

    /// Texts of one list that are the same.
    fn no_repeats(&mut self, path: &str, texts: &[String]) {
        let mut seen = BTreeSet::new();
        for (n, text) in texts.iter().enumerate() {
            if !seen.insert(text) {
                let message = format!("{} is written twice", quote(text));
                self.add(format!("{path}[{n}]"), Diagnostic::new("duplicate", message).hint("leave it out"));
            }
        }
    }
}

fn metadata(found: &mut Found, metadata: &Metadata, namespaced: bool) {
    if !is_dns_label(&metadata.name) {
        let diagnostic = Diagnostic::new("invalidName", format!("{} cannot be a name", quote(&metadata.name)))
            .cause("a name is a DNS label: 1 to 63 lower-case letters, digits and dashes, with no dash at either end");
        let diagnostic = match as_label(&metadata.name) {
            Some(label) => diagnostic.hint(format!("write {label}")),
            None => diagnostic.hint("write a name as web-1"),
        };
        found.add("metadata.name", diagnostic);
    }
    match metadata.namespace.as_deref() {
        Some(namespace) if !namespaced => {
            let message = format!("there is no namespace {} for this kind", quote(namespace));
            let cause = "it belongs to the host, not to a project";
            found.add(
                "metadata.namespace",
                Diagnostic::new("namespace", message).cause(cause).hint("leave it out"),
            );
        }
        Some(namespace) if namespace != DEFAULT_NAMESPACE => {
            let message = format!("there is no namespace {}", quote(namespace));
            let cause = "only the project default exists so far";
            found.add(
                "metadata.namespace",
                Diagnostic::new("namespace", message).cause(cause).hint("leave it out"),
            );
        }
        _ => {}
    }
    for (key, value) in &metadata.labels {
        let path = format!("metadata.labels.{key}");
        label_key(found, &path, "label", key);
        if !(value.is_empty() || is_label_part(value)) {
            let message = format!("{} cannot be a label's value", quote(value));
            found.add(path, Diagnostic::new("invalidLabel", message).cause(LABEL_PART));
        }
    }
    for key in metadata.annotations.keys() {
        label_key(found, &format!("metadata.annotations.{key}"), "annotation", key);
    }
}

const LABEL_PART: &str =
    "it is at most 63 letters, digits, dashes, dots and underscores, with a letter or a digit at both ends";

fn label_key(found: &mut Found, path: &str, what: &str, key: &str) {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let prefix_is_right =
        prefix.is_none_or(|prefix| prefix.len() <= 253 && prefix.split('.').all(is_dns_label));
    if !prefix_is_right || !is_label_part(name) {
        let message =
            format!("{} cannot be the name of a {what}", quote(key)).replace("a annotation", "an annotation");
        let hint = "write a name as app, or with a domain before it, as example.com/app";
        let mut problem =
            Problem::new(path, Diagnostic::new("invalidLabel", message).cause(LABEL_PART).hint(hint));
        problem.at_name = true;
        found.0.push(problem);
    }
}

fn is_label_part(text: &str) -> bool {
    let ends = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    let inside = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    text.len() <= 63 && text.bytes().all(inside) && ends(text.bytes().next()) && ends(text.bytes().last())
}

/// The DNS label nearest to a text.
fn as_label(text: &str) -> Option<String> {
    let dashed: String =
        text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let label: String = dashed.trim_matches('-').chars().take(63).collect();
    let label = label.trim_end_matches('-').to_owned();
    is_dns_label(&label).then_some(label)
}

fn vpc(found: &mut Found, spec: &VpcSpec) {
    found.not_empty("spec.cidrs", &spec.cidrs, "write a range, as [10.0.0.0/16]");
    for (n, cidr) in spec.cidrs.iter().enumerate() {
        let path = format!("spec.cidrs[{n}]");
        found.range(&path, *cidr);
        too_small(found, &path, *cidr, "VPC's range");
    }
    found.apart("spec.cidrs", &spec.cidrs);
    if !(576..=9000).contains(&spec.mtu) {
        let message = format!("{} is out of range", spec.mtu);
        found.add("spec.mtu", Diagnostic::new("outOfRange", message).hint("write a number of 576 to 9000"));
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

fn subnet(found: &mut Found, spec: &SubnetSpec) {
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

fn route_table(found: &mut Found, spec: &RouteTableSpec) {
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

fn security_group(found: &mut Found, spec: &SecurityGroupSpec) {
    for (n, rule) in spec.ingress.iter().enumerate() {
        security_rule(found, &format!("spec.ingress[{n}]"), rule.protocol, &rule.ports, "from", &rule.from);
    }
    for (n, rule) in spec.egress.iter().flatten().enumerate() {
        security_rule(found, &format!("spec.egress[{n}]"), rule.protocol, &rule.ports, "to", &rule.to);
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

fn pool(found: &mut Found, spec: &AddressPoolSpec) {
    interface(found, &spec.interface);
    found.address("spec.nextHop", Some(spec.next_hop));
    found.not_empty("spec.addresses", &spec.addresses, "write the addresses that are routed to this host");
    let ranges: Vec<Prefix> = spec.addresses.iter().map(|entry| entry.0).collect();
    for (n, range) in ranges.iter().enumerate() {
        let path = format!("spec.addresses[{n}]");
        found.range(&path, *range);
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

fn interface(found: &mut Found, name: &str) {
    let right = (1..=15).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b':')
        && name != "."
        && name != "..";
    if !right {
        let message = format!("{} cannot be an interface's name", quote(name));
        let cause = "Linux takes 1 to 15 characters, without spaces, slashes and colons";
        let hint = "write a name that `ip link` shows, as eth0";
        found.add("spec.interface", Diagnostic::new("invalidName", message).cause(cause).hint(hint));
    }
}

fn public_address(found: &mut Found, spec: &PublicAddressSpec) {
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

fn instance(found: &mut Found, spec: &InstanceSpec) {
    const LEAST_MEMORY: u64 = 1 << 20;
    const LEAST_CPU: u32 = 10;
    found.address("spec.address", spec.address);
    found.no_repeats("spec.securityGroups", &spec.security_groups);
    process(found, &spec.process);
    if let Some(memory) = spec.resources.memory.filter(|memory| memory.0 < LEAST_MEMORY) {
        let message = format!("{memory} is too little memory: {} bytes", memory.0);
        let hint = format!("write an amount of at least 1Mi; did you mean {}Mi?", memory.0.min(1024));
        found.add("spec.resources.memory", Diagnostic::new("outOfRange", message).hint(hint));
    }
    if let Some(cpu) = spec.resources.cpu.filter(|cpu| cpu.0 < LEAST_CPU) {
        let cause = "the kernel gives CPU time in parts of at least 1 ms in 100 ms";
        let diagnostic = Diagnostic::new("outOfRange", format!("{cpu} is too little CPU")).cause(cause);
        found.add("spec.resources.cpu", diagnostic.hint("write an amount of at least 10m"));
    }
}

fn process(found: &mut Found, process: &crate::ProcessSpec) {
    let example = "write a program and its arguments, as [python3, -m, http.server, \"8080\"]";
    found.not_empty("spec.process.command", &process.command, example);
    if process.command.first().is_some_and(String::is_empty) {
        let diagnostic = Diagnostic::new("invalidValue", "the program's name is empty").hint(example);
        found.add("spec.process.command[0]", diagnostic);
    }
    for (n, word) in process.command.iter().enumerate() {
        no_nul(found, &format!("spec.process.command[{n}]"), word);
    }
    for (name, value) in &process.env {
        let path = format!("spec.process.env.{name}");
        if name.is_empty() || name.contains('=') {
            let diagnostic =
                Diagnostic::new("invalidName", format!("{} cannot be a variable's name", quote(name)));
            found.add(&path, diagnostic.hint("write a name without =, as PORT"));
        }
        no_nul(found, &path, name);
        no_nul(found, &path, value);
    }
    if let Some(dir) = process.working_dir.as_deref() {
        no_nul(found, "spec.process.workingDir", dir);
        if !dir.starts_with('/') {
            let diagnostic = Diagnostic::new("invalidValue", format!("{} is no absolute path", quote(dir)));
            found.add("spec.process.workingDir", diagnostic.hint("write a path that begins with /, as /srv"));
        }
    }
}

fn no_nul(found: &mut Found, path: &str, text: &str) {
    if text.contains('\0') {
        let diagnostic =
            Diagnostic::new("invalidValue", format!("there is a NUL character in {}", quote(text)));
        found.add(
            path,
            diagnostic.cause("the kernel takes none in arguments, variables and paths").hint("leave it out"),
        );
    }
}
