//! Which columns each kind has: the one place where tables are defined.

use std::collections::BTreeMap;

use jiff::Timestamp;
use madang_model::{
    AddressPoolSpec, AddressPoolStatus, EgressRule, Forward, ForwardProtocol, IngressRule, InstanceSpec,
    InstanceStatus, Metadata, NatGatewaySpec, NatGatewayStatus, NodeSpec, NodeStatus, Object, Peer,
    PlainStatus, PortRange, PublicAddressSpec, PublicAddressStatus, Resource, Route, RouteTableSpec,
    RouteTarget, RuleProtocol, SecurityGroupSpec, SubnetSpec, VpcSpec, VpcStatus,
};

use super::style::Role;
use super::table::{Cell, Table};
use super::text::{age, bytes};
use crate::readiness::{Readiness, readiness};

/// What a row says beside what its resource does.
#[derive(Clone, Debug)]
pub(crate) struct Around {
    /// Against which ages are told.
    pub(crate) now: Timestamp,
    /// The VPC of each subnet.
    pub(crate) vpcs: BTreeMap<String, String>,
}

impl Around {
    /// With the subnets among these resources.
    pub(crate) fn new(now: Timestamp, resources: &[Resource]) -> Self {
        let subnet = |resource: &Resource| match resource {
            Resource::Subnet(subnet) => Some((subnet.metadata.name.clone(), subnet.spec.vpc.clone())),
            _ => None,
        };
        Self { now, vpcs: resources.iter().filter_map(subnet).collect() }
    }
}

/// A column of one row.
struct Column {
    heading: &'static str,
    cell: Cell,
    wide: bool,
}

fn column(heading: &'static str, cell: impl Into<Cell>) -> Column {
    Column { heading, cell: cell.into(), wide: false }
}

/// Only with `-o wide`.
fn wide(heading: &'static str, cell: impl Into<Cell>) -> Column {
    Column { wide: true, ..column(heading, cell) }
}

/// A table of resources of one kind. `prefixed`: names as `kind/name`, for where several kinds stand together.
pub(crate) fn table(resources: &[&Resource], around: &Around, all: bool, prefixed: bool) -> Table {
    let rows = resources.iter().map(|resource| {
        let mut columns = columns(resource, around);
        columns.retain(|column| all || !column.wide);
        if prefixed {
            columns[0].cell = crate::kinds::written(&resource.object_ref()).into();
        }
        columns
    });
    let mut table = None;
    for row in rows {
        let table = table.get_or_insert_with(|| Table::new(row.iter().map(|column| column.heading)));
        table.row(row.into_iter().map(|column| column.cell));
    }
    table.unwrap_or_default()
}

/// Every column of a resource, in the order in which they are shown.
fn columns(resource: &Resource, around: &Around) -> Vec<Column> {
    let metadata = resource.metadata();
    let status = column("STATUS", status(resource));
    let age = column("AGE", age(metadata.creation_timestamp.as_deref(), around.now));
    let mut columns = vec![column("NAME", metadata.name.as_str())];
    columns.extend(match resource {
        Resource::Node(node) => self::node(node, status, age),
        Resource::AddressPool(pool) => address_pool(pool, status, age),
        Resource::Vpc(vpc) => self::vpc(vpc, status, age),
        Resource::SecurityGroup(group) => security_group(group, status, age),
        Resource::NatGateway(gateway) => nat_gateway(gateway, status, age),
        Resource::RouteTable(table) => route_table(table, status, age),
        Resource::Subnet(subnet) => self::subnet(subnet, status, age),
        Resource::Instance(instance) => self::instance(instance, around, status, age),
        Resource::PublicAddress(address) => public_address(address, status, age),
    });
    columns.push(wide("LABELS", labels(metadata)));
    columns
}

/// The state in one word.
fn status(resource: &Resource) -> Cell {
    match readiness(resource) {
        Readiness::Ready => Cell::new("Ready", Role::Good),
        Readiness::Deleting => Cell::new("Deleting", Role::Change),
        Readiness::Unseen => Cell::new("Pending", Role::Change),
        Readiness::NotReady { reason, .. } if reason.is_empty() => Cell::new("NotReady", Role::Bad),
        Readiness::NotReady { reason, .. } => Cell::new(reason, Role::Bad),
    }
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
    vec![
        column("VPC", around.vpcs.get(&spec.subnet).map_or("", String::as_str)),
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
        column("FORWARDS", list(address.spec.forwards.iter().map(forward))),
        ready,
        age,
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
    format!("{} from {}", traffic(rule.protocol, &rule.ports), peers(&rule.from))
}

fn egress(rule: &EgressRule) -> String {
    format!("{} to {}", traffic(rule.protocol, &rule.ports), peers(&rule.to))
}

/// `tcp/80,443`.
fn traffic(protocol: RuleProtocol, ports: &[PortRange]) -> String {
    let protocol = match protocol {
        RuleProtocol::All => "all",
        RuleProtocol::Tcp => "tcp",
        RuleProtocol::Udp => "udp",
        RuleProtocol::Icmp => "icmp",
    };
    if ports.is_empty() { protocol.to_owned() } else { format!("{protocol}/{}", list(ports)) }
}

fn peers(peers: &[Peer]) -> String {
    if peers.is_empty() { "nobody".to_owned() } else { list(peers) }
}

fn count(rules: usize) -> String {
    match rules {
        0 => "nothing".to_owned(),
        _ => super::text::count(rules, "rule"),
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

#[cfg(test)]
mod tests {
    use madang_model::Kind;

    use super::*;
    use crate::output::style::Style;
    use crate::samples;

    fn all(wide: bool) -> String {
        let shop = samples::shop();
        let around = Around::new(samples::now(), &shop);
        let table = |kind: &Kind| {
            let own: Vec<_> = shop.iter().filter(|resource| resource.kind() == *kind).collect();
            assert!(!own.is_empty(), "the sample has no {kind}");
            table(&own, &around, wide, false).render(Style::PLAIN, 80)
        };
        Kind::ALL.iter().map(table).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_kind() {
        insta::assert_snapshot!(all(false), @r"
        NAME     STATUS   CPUS   MEMORY   KERNEL   AGE
        host-1   Ready    2      8Gi      6.12.0   150m

        NAME       INTERFACE   NEXT HOP      ADDRESSES                      STATUS   AGE
        internet   eth0        203.0.113.1   203.0.113.10,203.0.113.64/28   Ready    150m

        NAME   CIDRS         STATUS   AGE
        shop   10.0.0.0/16   Ready    150m

        NAME   VPC    IN        OUT       STATUS   AGE
        web    shop   2 rules   nothing   Ready    150m

        NAME   VPC    POOL       ADDRESS        STATUS   AGE
        out    shop   internet   203.0.113.64   Ready    150m

        NAME      VPC    ROUTES                 STATUS   AGE
        private   shop   0.0.0.0/0 -> nat out   Ready    150m

        NAME   VPC    CIDR          ROUTES    STATUS   AGE
        web    shop   10.0.1.0/24   public    Ready    150m
        data   shop   10.0.2.0/24   private   Ready    150m

        NAME    VPC    SUBNET   ADDRESS    STATUS          RESTARTS   AGE
        web-1   shop   web      10.0.1.4   Ready           0          150m
        db-1    shop   data     10.0.2.4   ProcessExited   4          150m

        NAME    POOL       ADDRESS        FORWARDS               STATUS   AGE
        front   internet   203.0.113.10   tcp/80 -> web-1:8080   Ready    150m
        ");
    }

    #[test]
    fn every_kind_wide() {
        insta::assert_snapshot!(all(true), @r"
        NAME     STATUS   CPUS   MEMORY   KERNEL   AGE    ARCHITECTURE   INTERFACES   FEATURES        LABELS
        host-1   Ready    2      8Gi      6.12.0   150m   x86_64         eth0         tcx,cgroup-v2   -

        NAME       INTERFACE   NEXT HOP      ADDRESSES                      STATUS   AGE    INDEX   LABELS
        internet   eth0        203.0.113.1   203.0.113.10,203.0.113.64/28   Ready    150m   2       -

        NAME   CIDRS         STATUS   AGE    MTU    NUMBER   LABELS
        shop   10.0.0.0/16   Ready    150m   1500   1        -

        NAME   VPC    IN        OUT       STATUS   AGE    INGRESS                                          EGRESS    LABELS
        web    shop   2 rules   nothing   Ready    150m   tcp/80,8000-8100 from 0.0.0.0/0; icmp from web   nothing   -

        NAME   VPC    POOL       ADDRESS        STATUS   AGE    LABELS
        out    shop   internet   203.0.113.64   Ready    150m   -

        NAME      VPC    ROUTES                 STATUS   AGE    LABELS
        private   shop   0.0.0.0/0 -> nat out   Ready    150m   -

        NAME   VPC    CIDR          ROUTES    STATUS   AGE    LABELS
        web    shop   10.0.1.0/24   public    Ready    150m   -
        data   shop   10.0.2.0/24   private   Ready    150m   -

        NAME    VPC    SUBNET   ADDRESS    STATUS          RESTARTS   AGE    GROUPS   MAC                 INTERFACE    NODE     PID    EXITED   LABELS
        web-1   shop   web      10.0.1.4   Ready           0          150m   web      02:00:00:00:00:01   mdab12cd34   host-1   4242   -        app=web
        db-1    shop   data     10.0.2.4   ProcessExited   4          150m   -        02:00:00:00:00:01   mdab12cd34   host-1   -      127      -

        NAME    POOL       ADDRESS        FORWARDS               STATUS   AGE    LABELS
        front   internet   203.0.113.10   tcp/80 -> web-1:8080   Ready    150m   -
        ");
    }

    #[test]
    fn several_kinds_together_are_told_apart() {
        let shop = samples::shop();
        let vpcs: Vec<_> = shop.iter().filter(|resource| resource.kind() == Kind::Vpc).collect();
        let around = Around::new(samples::now(), &shop);
        insta::assert_snapshot!(table(&vpcs, &around, false, true).render(Style::PLAIN, 80), @r"
        NAME       CIDRS         STATUS   AGE
        vpc/shop   10.0.0.0/16   Ready    150m
        ");
    }
}
