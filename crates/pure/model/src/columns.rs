//! Which columns each kind has: the one place where tables are defined, those of the API and those of the command line.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::readiness::{Readiness, readiness};
use crate::{
    AddressPoolSpec, AddressPoolStatus, AssertedProtocol, AssertionSpec, BindingSpec, DhcpServerSpec,
    EgressRule, EventSpec, Expectation, Forward, ForwardProtocol, IcmpType, IngressRule, InstanceGroupSpec,
    InstanceGroupStatus, InstanceSpec, InstanceStatus, Metadata, NatGatewaySpec, NatGatewayStatus, NodeSpec,
    NodeStatus, Object, Peer, PlainStatus, PortRange, PrefixListSpec, PublicAddressSpec, PublicAddressStatus,
    Resource, Route, RouteTableSpec, RouteTarget, RuleProtocol, SecretSpec, SecurityGroupSpec, SubnetSpec,
    VpcSpec, VpcStatus, qualified,
};

/// What a row says beside what its resource does.
#[derive(Clone, Debug)]
pub struct Around {
    /// Against which ages are told.
    pub now: Timestamp,
    /// The VPC of each subnet, by the subnet's qualified name.
    pub vpcs: BTreeMap<String, String>,
}

impl Around {
    /// With the subnets among these resources.
    pub fn new<'a>(now: Timestamp, resources: impl IntoIterator<Item = &'a Resource>) -> Self {
        let subnet = |resource: &Resource| match resource {
            Resource::Subnet(subnet) => {
                Some((resource.object_ref().qualified_name(), subnet.spec.vpc.clone()))
            }
            _ => None,
        };
        Self { now, vpcs: resources.into_iter().filter_map(subnet).collect() }
    }
}

/// How a cell's news is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// No news.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Under way.
    Change,
    /// Something is wrong.
    Bad,
}

/// A column of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub heading: &'static str,
    /// What the row has in it; may be empty.
    pub text: String,
    /// How it is.
    pub tone: Tone,
    /// Whether it is shown only when more is asked for (`-o wide`).
    pub wide: bool,
}

fn column(heading: &'static str, text: impl Into<String>) -> Column {
    Column { heading, text: text.into(), tone: Tone::Plain, wide: false }
}

/// Only with `-o wide`.
fn wide(heading: &'static str, text: impl Into<String>) -> Column {
    Column { wide: true, ..column(heading, text) }
}

/// Every column of a resource, in the order in which they are shown: the same ones for each of its kind.
pub fn columns(resource: &Resource, around: &Around) -> Vec<Column> {
    let metadata = resource.metadata();
    let status = status(resource);
    let age = column("AGE", age(metadata.creation_timestamp.as_deref(), around.now));
    if let Resource::Event(event) = resource {
        return self::event(event, around);
    }
    let mut columns = vec![column("NAME", metadata.name.as_str())];
    columns.extend(match resource {
        Resource::Namespace(project) => {
            let phase = project.status.phase.clone().unwrap_or_else(|| "Active".to_owned());
            vec![Column { text: phase, ..status }, age]
        }
        Resource::Node(node) => self::node(node, status, age),
        Resource::AddressPool(pool) => address_pool(pool, status, age),
        Resource::Vpc(vpc) => self::vpc(vpc, status, age),
        Resource::SecurityGroup(group) => security_group(group, status, age),
        Resource::NatGateway(gateway) => nat_gateway(gateway, status, age),
        Resource::DhcpServer(server) => dhcp_server(server, status, age),
        Resource::PrefixList(list) => prefix_list(list, status, age),
        Resource::RouteTable(table) => route_table(table, status, age),
        Resource::Subnet(subnet) => self::subnet(subnet, status, age),
        Resource::Instance(instance) => self::instance(instance, around, status, age),
        Resource::InstanceGroup(group) => instance_group(group, status, age),
        Resource::PublicAddress(address) => public_address(address, status, age),
        Resource::Assertion(assertion) => self::assertion(assertion, status, age),
        Resource::Secret(secret) => self::secret(secret, age),
        Resource::Role(_) | Resource::ClusterRole(_) => vec![age],
        Resource::RoleBinding(binding) | Resource::ClusterRoleBinding(binding) => self::binding(binding, age),
        Resource::Event(_) => Vec::new(),
    });
    columns.push(wide("LABELS", labels(metadata)));
    columns
}

/// The state in one word.
fn status(resource: &Resource) -> Column {
    let (text, tone) = match readiness(resource) {
        Readiness::Ready => ("Ready".to_owned(), Tone::Good),
        Readiness::Deleting => ("Deleting".to_owned(), Tone::Change),
        Readiness::Unseen => ("Pending".to_owned(), Tone::Change),
        Readiness::NotReady { reason, .. } if reason.is_empty() => ("NotReady".to_owned(), Tone::Bad),
        Readiness::NotReady { reason, .. } => (reason, Tone::Bad),
    };
    Column { tone, ..column("STATUS", text) }
}

fn node(node: &Object<NodeSpec, NodeStatus>, ready: Column, age: Column) -> Vec<Column> {
    let interfaces = node.status.interfaces.iter().map(|interface| interface.name.as_str());
    vec![
        ready,
        column("CPUS", node.status.cpus.to_string()),
        column("MEMORY", bytes(node.status.memory)),
        column("KERNEL", node.status.kernel.as_str()),
        age,
        wide("ARCHITECTURE", node.status.architecture.as_str()),
        wide("INTERFACES", list(interfaces)),
        wide("FEATURES", list(node.status.features.iter().map(String::as_str))),
    ]
}

fn address_pool(
    pool: &Object<AddressPoolSpec, AddressPoolStatus>,
    ready: Column,
    age: Column,
) -> Vec<Column> {
    vec![
        column("INTERFACE", pool.spec.interface.as_str()),
        column("NEXT HOP", pool.spec.next_hop.to_string()),
        column("ADDRESSES", list(&pool.spec.addresses)),
        ready,
        age,
        wide("INDEX", optional(pool.status.interface_index)),
    ]
}

fn vpc(vpc: &Object<VpcSpec, VpcStatus>, ready: Column, age: Column) -> Vec<Column> {
    vec![
        column("CIDRS", list(&vpc.spec.cidrs)),
        ready,
        age,
        wide("MTU", vpc.spec.mtu.to_string()),
        wide("NUMBER", optional(vpc.status.number)),
    ]
}

fn dhcp_server(of: &Object<DhcpServerSpec, PlainStatus>, ready: Column, age: Column) -> Vec<Column> {
    vec![
        column("INTERFACE", of.spec.interface.as_str()),
        column("POOLS", list(&of.spec.pools)),
        ready,
        age,
        wide("RESERVED", count(of.spec.reservations.len())),
        wide("ROUTERS", list(&of.spec.routers)),
    ]
}

fn prefix_list(of: &Object<PrefixListSpec, PlainStatus>, ready: Column, age: Column) -> Vec<Column> {
    vec![
        column("CIDRS", list(&of.spec.cidrs)),
        ready,
        age,
        wide("DESCRIPTION", of.spec.description.clone().unwrap_or_default()),
    ]
}

fn security_group(group: &Object<SecurityGroupSpec, PlainStatus>, ready: Column, age: Column) -> Vec<Column> {
    let egress = group.spec.egress.as_ref();
    let anywhere = || "anywhere".to_owned();
    vec![
        column("VPC", group.spec.vpc.as_str()),
        column("IN", count(group.spec.ingress.len())),
        column("OUT", egress.map_or_else(anywhere, |rules| count(rules.len()))),
        ready,
        age,
        wide("INGRESS", rules(&group.spec.ingress, ingress)),
        wide("EGRESS", egress.map_or_else(anywhere, |all| rules(all, self::egress))),
    ]
}

fn nat_gateway(
    gateway: &Object<NatGatewaySpec, NatGatewayStatus>,
    ready: Column,
    age: Column,
) -> Vec<Column> {
    vec![
        column("VPC", gateway.spec.vpc.as_str()),
        column("POOL", gateway.spec.pool.as_str()),
        column("ADDRESS", optional(gateway.status.address)),
        ready,
        age,
    ]
}

fn route_table(table: &Object<RouteTableSpec, PlainStatus>, ready: Column, age: Column) -> Vec<Column> {
    vec![
        column("VPC", table.spec.vpc.as_str()),
        column("ROUTES", list(table.spec.routes.iter().map(route))),
        ready,
        age,
    ]
}

fn subnet(subnet: &Object<SubnetSpec, PlainStatus>, ready: Column, age: Column) -> Vec<Column> {
    let routes = match (&subnet.spec.route_table, subnet.spec.public) {
        (Some(table), _) => table.as_str(),
        (None, true) => "public",
        (None, false) => "local",
    };
    vec![
        column("VPC", subnet.spec.vpc.as_str()),
        column("CIDR", subnet.spec.cidr.to_string()),
        column("ROUTES", routes),
        ready,
        age,
    ]
}

fn instance(
    instance: &Object<InstanceSpec, InstanceStatus>,
    around: &Around,
    ready: Column,
    age: Column,
) -> Vec<Column> {
    let Object { spec, status, .. } = instance;
    let process = status.process.as_ref();
    let of_project = |name: &str| qualified(instance.metadata.namespace.as_deref(), name);
    vec![
        column("VPC", around.vpcs.get(&of_project(&spec.subnet)).map_or("", String::as_str)),
        column("SUBNET", spec.subnet.as_str()),
        column("ADDRESS", optional(status.address)),
        ready,
        column("RESTARTS", process.map_or(0, |process| process.restarts).to_string()),
        age,
        wide("GROUPS", list(&spec.security_groups)),
        wide("MAC", optional(status.mac)),
        wide("INTERFACE", status.interface.clone().unwrap_or_default()),
        wide("NODE", status.node.clone().unwrap_or_default()),
        wide("PID", optional(process.and_then(|process| process.pid))),
        wide("EXITED", optional(process.and_then(|process| process.last_exit_code))),
    ]
}

fn public_address(
    address: &Object<PublicAddressSpec, PublicAddressStatus>,
    ready: Column,
    age: Column,
) -> Vec<Column> {
    vec![
        column("POOL", address.spec.pool.as_str()),
        column("ADDRESS", optional(address.status.address)),
        column("INSTANCE", address.spec.instance.clone().unwrap_or_default()),
        column("FORWARDS", list(address.spec.forwards.iter().map(forward))),
        ready,
        age,
    ]
}

fn instance_group(
    group: &Object<InstanceGroupSpec, InstanceGroupStatus>,
    ready: Column,
    age: Column,
) -> Vec<Column> {
    vec![
        column("DESIRED", group.spec.replicas.to_string()),
        column("CURRENT", group.status.replicas.to_string()),
        column("READY", group.status.ready_replicas.to_string()),
        column("UPDATED", group.status.updated_replicas.to_string()),
        ready,
        age,
        wide("SUBNET", group.spec.template.spec.subnet.as_str()),
    ]
}

fn assertion(assertion: &Object<AssertionSpec, PlainStatus>, ready: Column, age: Column) -> Vec<Column> {
    let AssertionSpec { from, to, protocol, port, expect } = &assertion.spec;
    let protocol = match protocol {
        AssertedProtocol::Tcp => "tcp",
        AssertedProtocol::Udp => "udp",
        AssertedProtocol::Icmp => "icmp",
    };
    let expect = match expect {
        Expectation::Reachable => "reachable",
        Expectation::Unreachable => "unreachable",
    };
    vec![
        column("FROM", from.as_str()),
        column("TO", to.as_str()),
        column("TRAFFIC", port.map_or_else(|| protocol.to_owned(), |port| format!("{protocol}/{port}"))),
        column("EXPECT", expect),
        ready,
        age,
    ]
}

fn secret(secret: &Object<SecretSpec, PlainStatus>, age: Column) -> Vec<Column> {
    vec![column("TYPE", secret.spec.r#type.as_str()), column("DATA", secret.spec.data.len().to_string()), age]
}

fn binding(binding: &Object<BindingSpec, PlainStatus>, age: Column) -> Vec<Column> {
    let BindingSpec { subjects, role_ref } = &binding.spec;
    let of = |kind: &str| list(subjects.iter().filter(|s| s.kind == kind).map(|s| s.name.as_str()));
    vec![
        column("ROLE", format!("{}/{}", role_ref.kind, role_ref.name)),
        age,
        wide("USERS", of("User")),
        wide("GROUPS", of("Group")),
    ]
}

fn event(event: &Object<EventSpec, PlainStatus>, around: &Around) -> Vec<Column> {
    let EventSpec { involved_object: object, reason, message, r#type, count, .. } = &event.spec;
    let last = event.spec.last_seen().map(|time| time.to_string());
    let tone = if r#type == "Warning" { Tone::Bad } else { Tone::Plain };
    vec![
        column(
            "LAST SEEN",
            age(last.as_deref().or(event.metadata.creation_timestamp.as_deref()), around.now),
        ),
        Column { tone, ..column("TYPE", r#type.as_str()) },
        column("REASON", reason.as_str()),
        column("OBJECT", format!("{}/{}", object.kind.to_lowercase(), object.name)),
        column("MESSAGE", message.trim()),
        wide("COUNT", count.unwrap_or(1).to_string()),
        wide("SOURCE", event.spec.source.component.as_str()),
        wide("FIRST SEEN", age(event.spec.first_timestamp.as_deref(), around.now)),
        wide("NAME", event.metadata.name.as_str()),
    ]
}

/// `tcp/80 -> web-1:8080`.
fn forward(forward: &Forward) -> String {
    let protocol = match forward.protocol {
        ForwardProtocol::Tcp => "tcp",
        ForwardProtocol::Udp => "udp",
    };
    let target = forward.target_port.unwrap_or(forward.port);
    format!("{protocol}/{} -> {}:{target}", forward.port, forward.instance)
}

/// `0.0.0.0/0 -> nat out`.
fn route(route: &Route) -> String {
    let target = match route.target {
        RouteTarget::Local => "local",
        RouteTarget::Internet => "internet",
        RouteTarget::Nat => "nat",
        RouteTarget::Blackhole => "blackhole",
    };
    let gateway = route.nat_gateway.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    format!("{} -> {target}{gateway}", route.destination)
}

fn rules<T>(rules: &[T], written: impl Fn(&T) -> String) -> String {
    if rules.is_empty() {
        "nothing".to_owned()
    } else {
        rules.iter().map(written).collect::<Vec<_>>().join("; ")
    }
}

fn ingress(rule: &IngressRule) -> String {
    format!("{} from {}", traffic(rule.protocol, &rule.ports, &rule.icmp_types), peers(&rule.from))
}

fn egress(rule: &EgressRule) -> String {
    format!("{} to {}", traffic(rule.protocol, &rule.ports, &rule.icmp_types), peers(&rule.to))
}

/// `tcp/80,443`, `icmp/echoRequest`.
fn traffic(protocol: RuleProtocol, ports: &[PortRange], types: &[IcmpType]) -> String {
    let protocol = match protocol {
        RuleProtocol::All => "all",
        RuleProtocol::Tcp => "tcp",
        RuleProtocol::Udp => "udp",
        RuleProtocol::Icmp => "icmp",
    };
    match (ports, types) {
        ([], []) => protocol.to_owned(),
        ([], types) => format!("{protocol}/{}", list(types)),
        (ports, _) => format!("{protocol}/{}", list(ports)),
    }
}

fn peers(peers: &[Peer]) -> String {
    if peers.is_empty() { "nobody".to_owned() } else { list(peers) }
}

fn count(rules: usize) -> String {
    match rules {
        0 => "nothing".to_owned(),
        1 => "1 rule".to_owned(),
        n => format!("{n} rules"),
    }
}

fn labels(metadata: &Metadata) -> String {
    list(metadata.labels.iter().map(|(key, value)| format!("{key}={value}")))
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// How long ago, as kubectl says it: `12s`, `5m20s`, `3h`, `2d4h`, `400d`.
pub fn age(since: Option<&str>, now: Timestamp) -> String {
    let Some(since) = since.and_then(|text| text.parse::<Timestamp>().ok()) else { return "-".to_owned() };
    let seconds = now.as_second().saturating_sub(since.as_second()).max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: i64, unit: &str, rest: i64, small: &str| match rest {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{rest}{small}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        _ => format!("{days}d"),
    }
}

/// Bytes, as `15.6Gi`.
pub fn bytes(n: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];
    match UNITS.iter().find(|(_, unit)| n >= *unit) {
        Some((name, unit)) => {
            let tenths = n.saturating_mul(10) / unit;
            if tenths.is_multiple_of(10) {
                format!("{}{name}", tenths / 10)
            } else {
                format!("{}.{}{name}", tenths / 10, tenths % 10)
            }
        }
        None => n.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_as_kubectl_says_them() {
        let now: Timestamp = "2026-01-10T12:00:00Z".parse().unwrap();
        for (since, expected) in [
            ("2026-01-10T12:00:00Z", "0s"),
            ("2026-01-10T12:00:05Z", "0s"),
            ("2026-01-10T11:58:01Z", "119s"),
            ("2026-01-10T11:54:40Z", "5m20s"),
            ("2026-01-10T11:55:00Z", "5m"),
            ("2026-01-10T10:00:00Z", "120m"),
            ("2026-01-10T08:30:00Z", "3h30m"),
            ("2026-01-09T12:00:00Z", "24h"),
            ("2026-01-08T08:00:00Z", "2d4h"),
            ("2025-01-10T12:00:00Z", "365d"),
            ("yesterday", "-"),
        ] {
            assert_eq!(age(Some(since), now), expected, "{since}");
        }
        assert_eq!(age(None, now), "-");
    }

    #[test]
    fn amounts_are_short() {
        for (n, expected) in [(0, "0"), (1023, "1023"), (1 << 30, "1Gi"), (16_787_210_240, "15.6Gi")] {
            assert_eq!(bytes(n), expected);
        }
    }
}
