//! The route tables of a VPC.

use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;

use madang_addr::Prefix;
use madang_datapath::{Entry, NatId, Route, RouteTableId, VpcId};
use madang_model::{Kind, Model, RouteTarget};

use crate::origin::{Origin, Origins};

/// Which table a subnet has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Table {
    Declared(String),
    /// Of subnets that name none: the VPC alone.
    Private,
    /// Of a public one that names none: the VPC, and the internet gateway. Each has its own, so that its default route
    /// has one origin, however many public subnets there are.
    Public(String),
}

pub(crate) struct Routing {
    /// The table of each subnet.
    pub(crate) of_subnet: BTreeMap<String, RouteTableId>,
    pub(crate) routes: BTreeMap<(RouteTableId, Prefix), Route>,
}

/// The route tables that the VPC's subnets have, numbered in order from 1, and what is in them; and the VPC's own ranges.
pub(crate) fn routing(
    model: &Model,
    (vpc, name): (VpcId, &str),
    nats: &BTreeMap<String, NatId>,
    origins: &mut Origins,
) -> Routing {
    let mut users: BTreeMap<Table, Vec<&str>> = BTreeMap::new();
    for (subnet, object) in model.subnets().iter().filter(|(_, subnet)| subnet.spec.vpc == name) {
        let table = match &object.spec.route_table {
            Some(table) => Table::Declared(table.clone()),
            None if object.spec.public => Table::Public(subnet.clone()),
            None => Table::Private,
        };
        users.entry(table).or_default().push(subnet);
    }
    let mut routing = Routing { of_subnet: BTreeMap::new(), routes: BTreeMap::new() };
    for (prefix, route, because) in local(model, name) {
        routing.routes.insert((RouteTableId::RANGES, prefix), route);
        origins.insert(Entry::Route(vpc, RouteTableId::RANGES, prefix), because);
    }
    for (id, (table, subnets)) in (1..).map(RouteTableId).zip(&users) {
        routing.of_subnet.extend(subnets.iter().map(|subnet| ((*subnet).to_owned(), id)));
        // The first for a prefix stands: nothing takes the place of the routes to the VPC itself.
        let routes = local(model, name).into_iter().chain(more(model, table, nats));
        for (prefix, route, because) in routes {
            if let btree_map::Entry::Vacant(free) = routing.routes.entry((id, prefix)) {
                free.insert(route);
                origins.insert(Entry::Route(vpc, id, prefix), because);
            }
        }
    }
    routing
}

type Because = Vec<Arc<Origin>>;

fn local(model: &Model, vpc: &str) -> Vec<(Prefix, Route, Because)> {
    let cidrs = model.vpcs().get(vpc).map(|vpc| vpc.spec.cidrs.as_slice()).unwrap_or_default();
    let at = |n| vec![Origin::new(Kind::Vpc, vpc, format!("spec.cidrs[{n}]"))];
    cidrs.iter().enumerate().map(|(n, cidr)| (*cidr, Route::Local, at(n))).collect()
}

fn more(model: &Model, table: &Table, nats: &BTreeMap<String, NatId>) -> Vec<(Prefix, Route, Because)> {
    match table {
        Table::Private => Vec::new(),
        Table::Public(subnet) => {
            vec![(Prefix::ANY_V4, Route::Internet, vec![Origin::new(Kind::Subnet, subnet, "spec.public")])]
        }
        Table::Declared(name) => {
            let routes =
                model.route_tables().get(name).map(|table| table.spec.routes.as_slice()).unwrap_or_default();
            let at = |n| vec![Origin::new(Kind::RouteTable, name, format!("spec.routes[{n}]"))];
            let target = |route: &madang_model::Route| match route.target {
                RouteTarget::Local => Route::Local,
                RouteTarget::Internet => Route::Internet,
                RouteTarget::Blackhole => Route::Blackhole,
                // A model has no route to a gateway that it has not; without one, nothing may pass.
                RouteTarget::Nat => {
                    let nat = route.nat_gateway.as_ref().and_then(|nat| nats.get(nat));
                    nat.map_or(Route::Blackhole, |nat| Route::Nat(*nat))
                }
            };
            routes.iter().enumerate().map(|(n, route)| (route.destination, target(route), at(n))).collect()
        }
    }
}
