//! VPCs, subnets and route tables.

use std::collections::{BTreeMap, BTreeSet};

use madang_addr::Prefix;

use super::world::{Findings, Need, World};
use crate::addresses::{free_range, overlaps};
use crate::{
    Diagnostic, Kind, Object, PlainStatus, Resource, Route, RouteTableSpec, RouteTarget, SubnetSpec, VpcSpec,
};

type Subnet = Object<SubnetSpec, PlainStatus>;

pub(super) fn vpcs_and_subnets(world: &World<'_>, findings: &mut Findings) {
    numbers(world, findings);
    let mut by_vpc: BTreeMap<&str, Vec<(usize, &Subnet)>> = BTreeMap::new();
    for (n, subnet) in world.subnets() {
        table_of(world, findings, n, subnet);
        let vpc = world.follow(findings, (n, "spec.vpc"), Kind::Vpc, &subnet.spec.vpc, Need::Whole);
        if vpc.is_some() && subnet.spec.cidr.address().is_ipv4() {
            by_vpc.entry(&subnet.spec.vpc).or_default().push((n, subnet));
        }
    }
    for (vpc, subnets) in by_vpc {
        let Some(vpc) = world.vpc(vpc) else { continue };
        apart(world, findings, &vpc.metadata.name, &vpc.spec, &subnets);
    }
}

/// The number is what keeps VPCs apart, and 0 is the outside's. Nobody writes it, so this is never seen while all is well.
fn numbers(world: &World<'_>, findings: &mut Findings) {
    let mut first: BTreeMap<u32, usize> = BTreeMap::new();
    for (n, vpc) in world.vpcs() {
        let Some(number) = vpc.status.number else { continue };
        let other = *first.entry(number).or_insert(n);
        if number == 0 || other != n {
            let whose = if number == 0 { "the outside".to_owned() } else { world.called(other) };
            let message = format!("the number {number} is that of {whose}");
            let hint = "delete the VPC and create it again: it gets another number";
            findings.wrong(n, "status.number", Diagnostic::new("duplicateNumber", message).hint(hint));
        }
    }
}

/// The route table of a subnet.
fn table_of(world: &World<'_>, findings: &mut Findings, n: usize, subnet: &Subnet) {
    let Some(name) = &subnet.spec.route_table else { return };
    world.follow(findings, (n, "spec.routeTable"), Kind::RouteTable, name, Need::Part);
    let Some(table) = world.table(name).filter(|table| table.spec.vpc != subnet.spec.vpc) else { return };
    let message =
        format!("route table {name} is of VPC {}, and the subnet of VPC {}", table.spec.vpc, subnet.spec.vpc);
    let fits =
        |other: &Resource| matches!(other, Resource::RouteTable(table) if table.spec.vpc == subnet.spec.vpc);
    let what = format!("route table of VPC {}", subnet.spec.vpc);
    let diagnostic = Diagnostic::new("otherVpc", message);
    let diagnostic = world.hint(diagnostic, name, &what, Kind::RouteTable, fits);
    findings.note(n, "spec.routeTable", diagnostic);
}

/// The subnets of one VPC: each inside it, no two sharing an address.
fn apart(
    world: &World<'_>,
    findings: &mut Findings,
    vpc: &str,
    spec: &VpcSpec,
    subnets: &[(usize, &Subnet)],
) {
    let is_inside = |cidr: Prefix| spec.cidrs.iter().any(|range| range.covers(cidr));
    let (inside, outside): (Vec<_>, Vec<_>) =
        subnets.iter().map(|(n, subnet)| (*n, subnet.spec.cidr)).partition(|(_, cidr)| is_inside(*cidr));
    let cidrs: Vec<Prefix> = inside.iter().map(|(_, cidr)| *cidr).collect();
    let clashes = overlaps(&cidrs);
    let mut free = Free::new(spec, &cidrs, &clashes);
    for (n, cidr) in outside {
        let ranges: Vec<String> = spec.cidrs.iter().map(Prefix::to_string).collect();
        let message = format!("{cidr} is outside VPC {vpc}, which has {}", ranges.join(", "));
        let hint = match free.offer(cidr.length()) {
            Some(free) => {
                format!("choose a range inside the VPC, as {free}, or add one to spec.cidrs of the VPC")
            }
            None => "choose a range inside the VPC, or add one to spec.cidrs of the VPC".to_owned(),
        };
        findings.wrong(n, "spec.cidr", Diagnostic::new("outsideVpc", message).hint(hint));
    }
    for (later, first) in clashes {
        let ((n, cidr), (other, other_cidr)) = (inside[later], inside[first]);
        let message = format!("{cidr} overlaps {other_cidr}, which is {}", world.called(other));
        let cause = format!("both are in VPC {vpc}, where an address can be in one subnet alone");
        let hint = match free.offer(cidr.length()) {
            Some(free) => format!("choose a range that is free, as {free}"),
            None => "choose a range that is free, or add one to spec.cidrs of the VPC".to_owned(),
        };
        findings.wrong(n, "spec.cidr", Diagnostic::new("overlap", message).cause(cause).hint(hint));
    }
}

/// Ranges of a VPC that can be offered to subnets that are wrong, each once, and not many.
struct Free<'a> {
    within: &'a [Prefix],
    taken: Vec<Prefix>,
    offers: u32,
}

impl<'a> Free<'a> {
    fn new(vpc: &'a VpcSpec, subnets: &[Prefix], clashes: &[(usize, usize)]) -> Self {
        const MOST_OFFERS: u32 = 10;
        let later: BTreeSet<usize> = clashes.iter().map(|(later, _)| *later).collect();
        let right = subnets.iter().enumerate().filter(|(n, _)| !later.contains(n)).map(|(_, cidr)| *cidr);
        Self { within: &vpc.cidrs, taken: right.collect(), offers: MOST_OFFERS }
    }

    fn offer(&mut self, length: u8) -> Option<Prefix> {
        self.offers = self.offers.checked_sub(1)?;
        let free = free_range(self.within, length, &self.taken)?;
        self.taken.push(free);
        Some(free)
    }
}

pub(super) fn route_tables(world: &World<'_>, findings: &mut Findings) {
    for (n, table) in world.tables() {
        let vpc = world.follow(findings, (n, "spec.vpc"), Kind::Vpc, &table.spec.vpc, Need::Whole);
        let vpc = vpc.and_then(|_| world.vpc(&table.spec.vpc));
        for (at, route) in table.spec.routes.iter().enumerate() {
            let path = format!("spec.routes[{at}]");
            if let Some(vpc) = vpc {
                destination(findings, n, &path, route, &table.spec.vpc, &vpc.spec);
            }
            if route.target == RouteTarget::Nat {
                nat(world, findings, n, &path, route, &table.spec);
            }
        }
    }
}

/// Inside the VPC's own ranges a route is local or a blackhole, and local leads nowhere else.
fn destination(findings: &mut Findings, n: usize, path: &str, route: &Route, name: &str, vpc: &VpcSpec) {
    let destination = route.destination;
    let within = vpc.cidrs.iter().find(|range| range.covers(destination));
    let diagnostic = match (route.target, within) {
        (RouteTarget::Local, Some(_)) | (RouteTarget::Internet | RouteTarget::Nat | RouteTarget::Blackhole, None) => return,
        (RouteTarget::Blackhole, Some(range)) if *range != destination => return,
        (RouteTarget::Local, None) => {
            Diagnostic::new("outsideVpc", format!("{destination} is outside VPC {name}, and the target is local"))
                .cause("only the VPC's own instances are local, and none has such an address")
                .hint("leave out the route, or choose another target")
        }
        (_, Some(range)) => {
            Diagnostic::new("insideVpc", format!("{destination} is inside VPC {name}, which has {range}"))
                .cause("what is inside the VPC goes to its instances: such a route can only be local, or a blackhole for a part of the range")
                .hint("leave out the route, or choose a destination outside the VPC")
        }
    };
    findings.wrong(n, format!("{path}.destination"), diagnostic);
}

/// The NAT gateway of a route.
fn nat(
    world: &World<'_>,
    findings: &mut Findings,
    n: usize,
    path: &str,
    route: &Route,
    table: &RouteTableSpec,
) {
    let Some(name) = &route.nat_gateway else { return };
    let path = format!("{path}.natGateway");
    world.follow(findings, (n, &path), Kind::NatGateway, name, Need::Part);
    let Some(gateway) = world.nat(name).filter(|gateway| gateway.spec.vpc != table.vpc) else { return };
    let message = format!(
        "NAT gateway {name} is of VPC {}, and the route table of VPC {}",
        gateway.spec.vpc, table.vpc
    );
    let fits =
        |other: &Resource| matches!(other, Resource::NatGateway(gateway) if gateway.spec.vpc == table.vpc);
    let what = format!("NAT gateway of VPC {}", table.vpc);
    let diagnostic = world.hint(Diagnostic::new("otherVpc", message), name, &what, Kind::NatGateway, fits);
    findings.note(n, path, diagnostic);
}
