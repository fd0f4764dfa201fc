//! Where a destination is: the longest prefix of the sender's route table.

use std::net::IpAddr;

use madang_addr::Prefix;

use crate::abi::{DropReason, Stage};
use crate::stages::dnat::seen;
use crate::trace::Trace;
use crate::view::View;
use crate::{Endpoint, Entry, Forward, Nat, NatId, Route, RouteTableId, VpcId};

/// Where an instance's packet goes.
pub(crate) enum Destination<'a> {
    /// To another instance.
    Instance(&'a Endpoint),
    /// Outside, through a NAT gateway.
    Nat(&'a Nat),
    /// To a service, which sees the sender as this address.
    Service(Forward, IpAddr),
}

/// The way of what an instance sends: `noRoute`; `blackhole`; local, `noInstance` if no endpoint has the address; internet,
/// `noPublicAddress`; NAT, `natGone` if there is no such gateway, then `hairpin` if the destination is an address of any
/// pool (its answer would come from an uplink with a source that is martian there).
pub(crate) fn outbound<'a>(
    view: View<'a>,
    vpc: VpcId,
    sender: &Endpoint,
    destination: IpAddr,
    trace: &mut impl Trace,
) -> Result<Destination<'a>, DropReason> {
    let table = sender.routes;
    let Some((prefix, route)) = view.route(vpc, table, destination) else {
        return Err(trace.refuse(Stage::Route, DropReason::NoRoute, || {
            (format!("no route of route table {} has {destination}", table.0), Vec::new())
        }));
    };
    let found = match route {
        Route::Local => {
            view.endpoint(vpc, destination).map(Destination::Instance).ok_or(DropReason::NoInstance)
        }
        Route::Nat(id) => through(view, id, destination),
        Route::Internet => Err(DropReason::NoPublicAddress),
        Route::Blackhole => Err(DropReason::Blackhole),
    };
    trace.step(Stage::Route, || {
        let decided = match (route, &found) {
            (Route::Local, Ok(_)) => Some(Entry::Endpoint(vpc, destination)),
            (Route::Nat(id), Ok(_)) => Some(Entry::Nat(id)),
            (_, Err(DropReason::Hairpin)) => Some(Entry::Address(destination)),
            _ => None,
        };
        let entries = [Some(Entry::Route(vpc, table, prefix)), decided].into_iter().flatten().collect();
        (describe(destination, prefix, route, &found), entries)
    });
    found
}

fn through(view: View<'_>, id: NatId, destination: IpAddr) -> Result<Destination<'_>, DropReason> {
    let nat = view.nat(id).ok_or(DropReason::NatGone)?;
    if view.pool_address(destination).is_some() {
        return Err(DropReason::Hairpin);
    }
    Ok(Destination::Nat(nat))
}

fn describe(to: IpAddr, prefix: Prefix, route: Route, found: &Result<Destination<'_>, DropReason>) -> String {
    let matched = format!("{to} matches {prefix}");
    match (route, found) {
        (Route::Local, Ok(_)) => format!("{matched}: local, an instance of this VPC"),
        (Route::Local, Err(_)) => format!("{matched}: local, but no instance has this address"),
        (Route::Nat(_), Ok(Destination::Nat(nat))) => {
            format!("{matched}: out through the NAT gateway at {}", nat.address)
        }
        (Route::Nat(_), Err(DropReason::Hairpin)) => {
            format!("{matched}: out, but it is an address of a pool here")
        }
        (Route::Nat(id), _) => format!("{matched}: out through NAT gateway {}, which is not there", id.0),
        (Route::Internet, _) => {
            format!("{matched}: to the internet, for which the sender needs a public address")
        }
        (Route::Blackhole, _) => format!("{matched}: blackhole"),
    }
}

/// The way to a service: `noInstance` if it is not there.
pub(crate) fn service<'a>(
    view: View<'a>,
    forward: Forward,
    sender: &Endpoint,
    trace: &mut impl Trace,
) -> Result<Destination<'a>, DropReason> {
    let Forward { vpc, address, .. } = forward;
    if view.endpoint(vpc, address).is_none() {
        return Err(trace.refuse(Stage::Route, DropReason::NoInstance, || {
            (format!("no service has {address}"), Vec::new())
        }));
    }
    trace.step(Stage::Route, || {
        (format!("{address} is where services are"), vec![Entry::Endpoint(vpc, address)])
    });
    Ok(Destination::Service(forward, seen(sender.port)))
}

/// The way of what is forwarded from outside: `noInstance` if no endpoint has the target; `martian` if the source is of one
/// of the VPC's own ranges ([`RouteTableId::RANGES`]), since someone outside must not pass for someone of the VPC. No route
/// back is asked for: answers go back by the flow.
pub(crate) fn inbound<'a>(
    view: View<'a>,
    forward: Forward,
    source: IpAddr,
    trace: &mut impl Trace,
) -> Result<&'a Endpoint, DropReason> {
    let Forward { vpc, address, .. } = forward;
    let Some(receiver) = view.endpoint(vpc, address) else {
        return Err(trace.refuse(Stage::Route, DropReason::NoInstance, || {
            (format!("no instance of VPC {} has {address}", vpc.0), Vec::new())
        }));
    };
    let table = RouteTableId::RANGES;
    if let Some((prefix, _)) = view.route(vpc, table, source) {
        return Err(trace.refuse(Stage::Route, DropReason::Martian, || {
            let said =
                format!("{source} is an address of VPC {} itself ({prefix}), and comes from outside", vpc.0);
            (said, vec![Entry::Route(vpc, table, prefix)])
        }));
    }
    trace.step(Stage::Route, || {
        (format!("{address} is an instance of VPC {}", vpc.0), vec![Entry::Endpoint(vpc, address)])
    });
    Ok(receiver)
}
