//! Worlds for tests: from YAML, or random ones, and what their rules mean when they are read one by one.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "for tests, each of which uses a part"
)]

use std::net::IpAddr;

use madang_addr::Prefix;
use madang_compile::{ICMP, Network, TCP, UDP, compile};
use madang_model::{
    Document, Forward, ForwardProtocol, IcmpType, InstanceSpec, InstanceStatus, Model, Object, Peer,
    PortRange, PublicAddressSpec, PublicAddressStatus, Resource, RouteTarget, RuleProtocol, SourceFile,
    allocate, check, from_json, parse,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

/// The resources of the documents, with all that is allocated.
pub fn resources(yaml: &str) -> Vec<Resource> {
    let file = SourceFile { name: "world.yaml".to_owned(), text: yaml.to_owned() };
    let documents = parse(&[file]).unwrap_or_else(|problems| panic!("{problems:#?}"));
    allocated(documents.into_iter().map(|Document { resource, .. }| resource).collect())
}

/// With numbers, addresses and uids.
pub fn allocated(mut resources: Vec<Resource>) -> Vec<Resource> {
    for resource in &mut resources {
        let uid = format!("uid-{}", resource.metadata().name);
        resource.metadata_mut().uid.get_or_insert(uid);
    }
    assert_eq!(allocate(&[], &mut resources), []);
    resources
}

/// The model, if all of it is right.
pub fn model(resources: &[Resource]) -> Model {
    let (model, diagnostics) = check(resources);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    model
}

pub fn network(yaml: &str) -> Network {
    compile(&model(&resources(yaml)))
}

pub const SHOP: &str = include_str!("shop.yaml");

const PORTS: [u16; 12] = [1, 22, 79, 80, 81, 443, 5432, 8000, 8080, 8100, 65534, 65535];
const PEERS: [&str; 17] = [
    "prefixlist/some",
    "203.0.113.8/30",
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.0.1.0/24",
    "10.0.1.4/32",
    "10.0.2.0/24",
    "8.0.0.0/8",
    "8.8.8.0/24",
    "8.8.8.8/32",
    "198.51.100.0/25",
    "default",
    "g0",
    "g1",
    "g2",
    "g3",
];
/// Addresses outside, near the edges of the CIDRs above; the last one is in the VPCs, and nobody's.
pub const OUTSIDE: [&str; 7] =
    ["8.8.8.8", "8.8.8.9", "8.8.4.4", "198.51.100.7", "198.51.100.200", "1.1.1.1", "10.9.0.1"];

/// Every protocol, with every port that a rule's range could end at.
pub fn services() -> impl Iterator<Item = (u8, u16)> {
    let ports = || PORTS.into_iter().chain([2, 82, 8081, 8101]);
    ports().map(|port| (TCP, port)).chain(ports().map(|port| (UDP, port))).chain([(ICMP, 0)])
}

pub fn resource(kind: &str, name: &str, spec: &Value) -> Resource {
    let json = json!({ "apiVersion": madang_model::API_VERSION, "kind": kind, "metadata": { "name": name }, "spec": spec });
    from_json(json).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn rule(side: &'static str) -> impl Strategy<Value = Value> {
    let range =
        (select(&PORTS[..]), select(&PORTS[..])).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
    let ports = prop::collection::vec(range, 0..4);
    let protocol = select(&["all", "tcp", "tcp", "udp", "icmp"][..]);
    let peers = subsequence(&PEERS[..], 1..4);
    let types = subsequence(&["echoRequest", "timestampRequest"][..], 0..=2);
    (protocol, ports, types, peers).prop_map(move |(protocol, ports, types, peers)| {
        let ports = if matches!(protocol, "tcp" | "udp") { ports } else { Vec::new() };
        let types = if protocol == "icmp" { types } else { Vec::new() };
        json!({ "protocol": protocol, "ports": ports, "icmpTypes": types, side: peers })
    })
}

fn group(name: &'static str) -> impl Strategy<Value = Resource> {
    let egress = prop::option::of(prop::collection::vec(rule("to"), 0..4));
    (prop::collection::vec(rule("from"), 0..4), egress).prop_map(move |(ingress, egress)| {
        let mut spec = json!({ "vpc": "a", "ingress": ingress });
        if let Some(egress) = egress {
            spec["egress"] = json!(egress);
        }
        resource("SecurityGroup", name, &spec)
    })
}

fn subnet(name: &'static str, cidr: &'static str) -> impl Strategy<Value = Resource> {
    select(&["public", "private", "table"][..]).prop_map(move |how| {
        let mut spec = json!({ "vpc": "a", "cidr": cidr, "public": how == "public" });
        if how == "table" {
            spec["routeTable"] = json!("rt");
        }
        resource("Subnet", name, &spec)
    })
}

fn table() -> impl Strategy<Value = Resource> {
    let routes = vec![
        json!({ "destination": "0.0.0.0/0", "target": "nat", "natGateway": "nat" }),
        json!({ "destination": "8.8.8.0/24", "target": "nat", "natGateway": "nat" }),
        json!({ "destination": "8.8.8.8/32", "target": "internet" }),
        json!({ "destination": "198.51.100.0/24", "target": "blackhole" }),
        json!({ "destination": "10.0.2.0/25", "target": "blackhole" }),
        json!({ "destination": "10.0.2.5/32", "target": "local" }),
        json!({ "destination": "10.0.1.0/24", "target": "local" }),
    ];
    subsequence(routes, 0..=7)
        .prop_map(|routes| resource("RouteTable", "rt", &json!({ "vpc": "a", "routes": routes })))
}

fn instance(
    name: &'static str,
    subnets: &'static [&'static str],
    groups: &'static [&'static str],
) -> impl Strategy<Value = Resource> {
    let one = (select(subnets), subsequence(groups, 0..=groups.len().min(3)), 0..6);
    one.prop_map(move |(subnet, groups, which)| {
        let mut spec = json!({ "subnet": subnet, "securityGroups": groups });
        // The host says whose rules hold for it.
        let (runs, how) = match which {
            0 if !groups.is_empty() => ("host", json!({})),
            _ => ("process", json!({ "command": ["true"] })),
        };
        spec[runs] = how;
        resource("Instance", name, &spec)
    })
}

fn fixed() -> Vec<Resource> {
    let forwards = json!([
        { "port": 80, "instance": "i0", "targetPort": 8080 },
        { "port": 53, "instance": "i1", "protocol": "udp", "targetPort": 5432 },
        { "port": 443, "instance": "j0" },
    ]);
    vec![
        resource(
            "AddressPool",
            "pool",
            &json!({ "interface": "up0", "nextHop": "203.0.113.1", "addresses": ["203.0.113.8/29"] }),
        ),
        resource("PrefixList", "some", &json!({ "cidrs": ["8.8.8.8/32", "10.0.2.0/25", "1.0.0.0/8"] })),
        resource("Vpc", "a", &json!({ "cidrs": ["10.0.0.0/16"] })),
        resource("Vpc", "b", &json!({ "cidrs": ["10.0.0.0/16"] })),
        resource("Subnet", "b1", &json!({ "vpc": "b", "cidr": "10.0.1.0/24", "public": true })),
        resource("SecurityGroup", "h0", &json!({ "vpc": "b", "ingress": [{ "from": ["8.0.0.0/8", "h0"] }] })),
        resource("NatGateway", "nat", &json!({ "vpc": "a", "pool": "pool" })),
        resource("PublicAddress", "front", &json!({ "pool": "pool", "forwards": forwards })),
    ]
}

/// Random worlds: VPC `a` with everything, VPC `b` with the same ranges.
pub fn worlds() -> impl Strategy<Value = Vec<Resource>> {
    const GROUPS: &[&str] = &["default", "g0", "g1", "g2", "g3"];
    let groups = (group("g0"), group("g1"), group("g2"), group("g3"), prop::option::of(group("default")));
    let subnets = (subnet("a1", "10.0.1.0/24"), subnet("a2", "10.0.2.0/24"), table());
    let of_a = |name| instance(name, &["a1", "a2"], GROUPS);
    let of_b = |name| instance(name, &["b1"], &["h0"]);
    let instances = (of_a("i0"), of_a("i1"), of_a("i2"), of_a("i3"), of_b("j0"), of_b("j1"));
    // Of VPC a: with one of b too, more would go out alike than a line names.
    let own = prop::option::of(select(&["i0", "i2"][..]));
    (groups, subnets, instances, own).prop_map(
        |((g0, g1, g2, g3, default), (a1, a2, rt), (i0, i1, i2, i3, j0, j1), own)| {
            let mut world = fixed();
            let forwards = json!([{ "port": 22, "instance": "i1", "targetPort": 8100 }]);
            let spec = own.map(|name| json!({ "pool": "pool", "instance": name, "forwards": forwards }));
            world.extend(spec.map(|spec| resource("PublicAddress", "own", &spec)));
            world.extend([g0, g1, g2, g3, a1, a2, rt, i0, i1, i2, i3, j0, j1]);
            world.extend(default);
            allocated(world)
        },
    )
}

/// What the resources mean, read one by one.
pub struct Meaning<'a>(pub &'a [Resource]);

type Instance = Object<InstanceSpec, InstanceStatus>;
type Public = Object<PublicAddressSpec, PublicAddressStatus>;

impl<'a> Meaning<'a> {
    pub fn instances(&self) -> Vec<&'a Instance> {
        let instance = |r: &'a Resource| if let Resource::Instance(i) = r { Some(i) } else { None };
        self.0.iter().filter_map(instance).collect()
    }

    pub fn instance(&self, name: &str) -> Option<&'a Instance> {
        self.instances().into_iter().find(|i| i.metadata.name == name)
    }

    /// The public addresses.
    pub fn public_addresses(&self) -> Vec<IpAddr> {
        self.publics().into_iter().filter_map(|public| public.status.address).collect()
    }

    fn publics(&self) -> Vec<&'a Public> {
        let public = |r: &'a Resource| if let Resource::PublicAddress(p) = r { Some(p) } else { None };
        self.0.iter().filter_map(public).collect()
    }

    /// Whether an instance can open a connection to another one.
    pub fn connects(&self, from: &Instance, to: &Instance, (protocol, port): (u8, u16)) -> bool {
        let (source, target) = (from.status.address.unwrap(), to.status.address.unwrap());
        self.vpc(from) == self.vpc(to)
            && self.route(from, target) == Some(RouteTarget::Local)
            && self.permits(from, "egress", target, (protocol, port))
            && self.permits(to, "ingress", source, (protocol, port))
    }

    /// Whether an instance can open a connection to the outside.
    pub fn goes_out(&self, from: &Instance, to: IpAddr, service: (u8, u16)) -> bool {
        self.seen_as(from, to).is_some() && self.permits(from, "egress", to, service)
    }

    /// As which address an instance is seen there, if there is a way.
    fn seen_as(&self, from: &Instance, to: IpAddr) -> Option<IpAddr> {
        let nat = |r: &Resource| if let Resource::NatGateway(nat) = r { nat.status.address } else { None };
        let own = |public: &&Public| public.spec.instance.as_ref() == Some(&from.metadata.name);
        match self.route(from, to)? {
            RouteTarget::Nat => self.0.iter().find_map(nat),
            RouteTarget::Internet => self.publics().into_iter().find(own)?.status.address,
            _ => None,
        }
    }

    /// The forward of this port of a public address.
    pub fn forward(&self, public: IpAddr, (protocol, port): (u8, u16)) -> Option<&'a Forward> {
        let spec = &self.publics().into_iter().find(|p| p.status.address == Some(public))?.spec;
        let number = |p| if p == ForwardProtocol::Tcp { TCP } else { UDP };
        spec.forwards.iter().find(|f| f.port == port && number(f.protocol) == protocol)
    }

    /// Where what is sent to this port of a public address leads: to which port of whom.
    fn leads(&self, public: IpAddr, service: (u8, u16)) -> Option<(&'a Instance, u16)> {
        let port = service.1;
        let spec = &self.publics().into_iter().find(|p| p.status.address == Some(public))?.spec;
        match (self.forward(public, service), &spec.instance) {
            (Some(f), _) => Some((self.instance(&f.instance)?, f.target_port.unwrap_or(port))),
            (None, Some(own)) => Some((self.instance(own)?, port)),
            (None, None) => None,
        }
    }

    /// Who gets what comes from outside to this port of a public address, if it may come in, and at which port.
    pub fn comes_in(&self, from: IpAddr, public: IpAddr, service: (u8, u16)) -> Option<(&'a Instance, u16)> {
        let (to, port) = self.leads(public, service)?;
        self.permits(to, "ingress", from, (service.0, port)).then_some((to, port))
    }

    /// The same for what an instance sends there.
    pub fn comes_back(
        &self,
        from: &Instance,
        public: IpAddr,
        service: (u8, u16),
    ) -> Option<(&'a Instance, u16)> {
        let seen = self.seen_as(from, public).filter(|_| self.permits(from, "egress", public, service))?;
        self.comes_in(seen, public, service)
    }

    fn vpc(&self, instance: &Instance) -> &'a str {
        let subnet = |r: &'a Resource| match r {
            Resource::Subnet(s) if s.metadata.name == instance.spec.subnet => Some(s.spec.vpc.as_str()),
            _ => None,
        };
        self.0.iter().find_map(subnet).unwrap()
    }

    fn groups(&self, instance: &'a Instance) -> Vec<&'a str> {
        let named = &instance.spec.security_groups;
        if named.is_empty() { vec!["default"] } else { named.iter().map(String::as_str).collect() }
    }

    fn permits(&self, of: &Instance, direction: &str, peer: IpAddr, service: (u8, u16)) -> bool {
        let of = self.instance(&of.metadata.name).unwrap();
        self.groups(of)
            .into_iter()
            .any(|group| self.group_permits(self.vpc(of), group, direction, peer, service))
    }

    fn group_permits(
        &self,
        vpc: &str,
        name: &str,
        direction: &str,
        peer: IpAddr,
        service: (u8, u16),
    ) -> bool {
        let declared = self.0.iter().find_map(|r| match r {
            Resource::SecurityGroup(g) if g.metadata.name == name && g.spec.vpc == vpc => Some(&g.spec),
            _ => None,
        });
        let matches = |protocol, ports: &[PortRange], types: &[IcmpType], peers: &[Peer]| {
            speaks_of(protocol, ports, types, service) && peers.iter().any(|p| self.is(vpc, peer, p))
        };
        match (declared, direction) {
            (None, "ingress") => self.is(vpc, peer, &Peer::Group("default".to_owned())),
            (None, _) => true,
            (Some(group), "ingress") => {
                group.ingress.iter().any(|r| matches(r.protocol, &r.ports, &r.icmp_types, &r.from))
            }
            (Some(group), _) => group.egress.as_ref().is_none_or(|rules| {
                rules.iter().any(|r| matches(r.protocol, &r.ports, &r.icmp_types, &r.to))
            }),
        }
    }

    fn is(&self, vpc: &str, address: IpAddr, peer: &Peer) -> bool {
        match peer {
            Peer::Cidr(cidr) => cidr.contains(address),
            Peer::List(name) => self.0.iter().any(|r| match r {
                Resource::PrefixList(list) if list.metadata.name == *name => {
                    list.spec.cidrs.iter().any(|cidr| cidr.contains(address))
                }
                _ => false,
            }),
            Peer::Group(group) => self.instances().into_iter().any(|i| {
                i.status.address == Some(address)
                    && self.vpc(i) == vpc
                    && self.groups(i).contains(&group.as_str())
            }),
        }
    }

    fn route(&self, from: &Instance, to: IpAddr) -> Option<RouteTarget> {
        let subnet = self.0.iter().find_map(|r| match r {
            Resource::Subnet(s) if s.metadata.name == from.spec.subnet => Some(&s.spec),
            _ => None,
        })?;
        let own = self.0.iter().find_map(|r| match r {
            Resource::Vpc(v) if v.metadata.name == subnet.vpc => Some(&v.spec.cidrs),
            _ => None,
        })?;
        let mut routes: Vec<(Prefix, RouteTarget)> =
            own.iter().map(|cidr| (*cidr, RouteTarget::Local)).collect();
        if subnet.public {
            routes.push((Prefix::ANY_V4, RouteTarget::Internet));
        }
        for resource in self.0 {
            if let Resource::RouteTable(table) = resource
                && Some(&table.metadata.name) == subnet.route_table.as_ref()
            {
                routes.extend(table.spec.routes.iter().map(|route| (route.destination, route.target)));
            }
        }
        let matching = routes.into_iter().filter(|(prefix, _)| prefix.contains(to));
        matching.max_by_key(|(prefix, _)| prefix.length()).map(|(_, target)| target)
    }
}

fn speaks_of(
    rule: RuleProtocol,
    ports: &[PortRange],
    types: &[IcmpType],
    (protocol, port): (u8, u16),
) -> bool {
    let right = match rule {
        RuleProtocol::All => true,
        RuleProtocol::Tcp => protocol == TCP,
        RuleProtocol::Udp => protocol == UDP,
        // Where ICMP is spoken of, a ping is meant.
        RuleProtocol::Icmp => {
            protocol == ICMP && (types.is_empty() || types.contains(&IcmpType::EchoRequest))
        }
    };
    right && (ports.is_empty() || ports.iter().any(|range| (range.first()..=range.last()).contains(&port)))
}

/// 100 groups, each open to the group before it and to a CIDR, and 9,800 instances.
pub fn large() -> Vec<Resource> {
    let mut world = vec![
        resource("Vpc", "v", &json!({ "cidrs": ["10.0.0.0/8"] })),
        resource("Subnet", "s", &json!({ "vpc": "v", "cidr": "10.0.0.0/16" })),
    ];
    for n in 0..100 {
        let from = [format!("g{}", (n + 99) % 100), format!("11.{n}.0.0/16")];
        let ingress = json!([{ "protocol": "tcp", "ports": [80, 443, "8000-8100"], "from": from }]);
        world.push(resource("SecurityGroup", &format!("g{n}"), &json!({ "vpc": "v", "ingress": ingress })));
    }
    for n in 0..9_800 {
        let spec = json!({ "subnet": "s", "securityGroups": [format!("g{}", n % 100)], "process": { "command": ["true"] } });
        world.push(resource("Instance", &format!("i{n}"), &spec));
    }
    allocated(world)
}
