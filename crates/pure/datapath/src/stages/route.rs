//! Where a destination is: the longest prefix of the sender's route table.

use std::net::IpAddr;

use madang_addr::Prefix;

use crate::abi::{DropReason, Stage};
use crate::path::{Path, Shown};
use crate::stages::dnat::seen;
use crate::trace::Trace;
use crate::view::View;
use crate::{Endpoint, Entry, Forward, Nat, Route, RouteTableId, VpcId};

/// Where an instance's packet goes.
pub(crate) enum Destination<'a> {
    /// To another instance.
    Instance(&'a Endpoint),
    /// Out, through a NAT: of a gateway, or of the sender's own public address.
    Nat(&'a Nat),
}

/// The way of what an instance sends: `noRoute`; `blackhole`; local, `noInstance` if no endpoint has the address; internet,
/// `noPublicAddress` if the sender has none; through a NAT, `natGone` if that is not there.
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
    let through = |id| view.nat(id).map(Destination::Nat).ok_or(DropReason::NatGone);
    let found = match route {
        Route::Local => {
            view.endpoint(vpc, destination).map(Destination::Instance).ok_or(DropReason::NoInstance)
        }
        Route::Nat(id) => through(id),
        Route::Internet => sender.nat.ok_or(DropReason::NoPublicAddress).and_then(through),
        Route::Blackhole => Err(DropReason::Blackhole),
    };
    trace.step(Stage::Route, || {
        let decided = match (route, &found) {
            (Route::Local, Ok(_)) => Some(Entry::Endpoint(vpc, destination)),
            (Route::Nat(id), Ok(_)) => Some(Entry::Nat(id)),
            (Route::Internet, Ok(_)) => sender.nat.map(Entry::Nat),
            _ => None,
        };
        let entries = [Some(Entry::Route(vpc, table, prefix)), decided].into_iter().flatten().collect();
        (describe(destination, prefix, route, &found), entries)
    });
    found
}

fn describe(to: IpAddr, prefix: Prefix, route: Route, found: &Result<Destination<'_>, DropReason>) -> String {
    let matched = format!("{to} matches {prefix}");
    match (route, found) {
        (Route::Local, Ok(_)) => format!("{matched}: local, an instance of this VPC"),
        (Route::Local, Err(_)) => format!("{matched}: local, but no instance has this address"),
        (Route::Nat(_), Ok(Destination::Nat(nat))) => {
            format!("{matched}: out through the NAT gateway at {}", nat.address)
        }
        (Route::Nat(id), _) => format!("{matched}: out through NAT gateway {}, which is not there", id.0),
        (Route::Internet, Ok(Destination::Nat(nat))) => {
            format!("{matched}: out with the sender's public address {}", nat.address)
        }
        (Route::Internet, Err(DropReason::NatGone)) => {
            format!("{matched}: out with the sender's public address, which is not there")
        }
        (Route::Internet, _) => {
            format!("{matched}: to the internet, for which the sender needs a public address")
        }
        (Route::Blackhole, _) => format!("{matched}: blackhole"),
    }
}

/// The way to a service, which sees the sender as somebody of its own: `noInstance` if it is not there.
pub(crate) fn service(
    view: View<'_>,
    forward: Forward,
    sender: &Endpoint,
    path: Path,
    trace: &mut impl Trace,
) -> Result<Path, DropReason> {
    let Forward { vpc, address, port } = forward;
    if view.endpoint(vpc, address).is_none() {
        return Err(trace.refuse(Stage::Route, DropReason::NoInstance, || {
            (format!("no service has {address}"), Vec::new())
        }));
    }
    trace.step(Stage::Route, || {
        (format!("{address} is where services are"), vec![Entry::Endpoint(vpc, address)])
    });
    Ok(path.to(vpc, (address, port)).seen_as(seen(sender.port), Shown::AsFree))
}

/// The way of what comes from elsewhere than the instance's own VPC: `noInstance` if no endpoint has the target; `martian` if
/// the source, as the instance sees it, is of one of the VPC's own ranges ([`RouteTableId::RANGES`]), since nobody elsewhere
/// must pass for someone of the VPC. No route back is asked for: answers go back by the flow.
pub(crate) fn inbound<'a>(
    view: View<'a>,
    path: &Path,
    trace: &mut impl Trace,
) -> Result<&'a Endpoint, DropReason> {
    let (vpc, address, source) = (path.vpc, path.tuple.destination, path.tuple.source);
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
