//! Asking a server that runs: `madang dhcp leases`, `usage`, `events`, `release`, `reserve`.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use madang_dhcp::ClientMatch;
use madang_dhcpd::serve::Entry;
use madang_dhcpd::serve::control::{Fullness, Lease, Line, Question, Reserved, ask};
use madang_model::columns::age;
use serde_json::json;

use super::{failed, sockets};
use crate::args::cidr::AnswerFormat;
use crate::args::dhcp::{
    DhcpEventsArgs, DhcpLeasesArgs, DhcpReleaseArgs, DhcpReserveArgs, DhcpUsageArgs, Which,
};
use crate::commands::report;
use crate::context::Context;
use crate::error::Failure;
use crate::output::style::Role;
use crate::output::table::{Cell, Table};

pub(super) fn leases(context: &Context, args: &DhcpLeasesArgs) -> Result<(), Failure> {
    let mut leases: Vec<Lease> = Vec::new();
    let wanted = |lease: &Lease| args.all || lease.state == "bound";
    question(context, &args.which, "list the leases", &Question::Leases, |line| {
        if let Line::Lease(lease) = line {
            leases.extend(Some(lease).filter(wanted));
        }
        Ok(())
    })?;
    if leases.is_empty() {
        context.say("No address is leased.");
    }
    report(context, args.output, &json!({ "leases": leases }), || table(context, &leases))
}

fn table(context: &Context, leases: &[Lease]) -> String {
    if leases.is_empty() {
        return String::new();
    }
    let now = Timestamp::now();
    let mut table = Table::new(["ADDRESS", "STATE", "MAC", "NAME", "ENDS", "CLIENT ID"]);
    for lease in leases {
        let state = match lease.state.as_str() {
            "bound" => Cell::new("bound", Role::Good),
            "declined" => Cell::new("declined", Role::Bad),
            other => other.into(),
        };
        table.row([
            lease.address.to_string().into(),
            state,
            lease.mac.clone().unwrap_or_default().into(),
            lease.name.clone().unwrap_or_default().into(),
            ends(lease, now).into(),
            lease.client_id.clone().unwrap_or_default().into(),
        ]);
    }
    table.render(context.data, context.columns())
}

/// In how much time, or how long ago.
fn ends(lease: &Lease, now: Timestamp) -> String {
    let Some(at) = lease.expires else {
        return if lease.state == "bound" { "never".to_owned() } else { String::new() };
    };
    let span = |from: Timestamp, to| age(Some(&from.to_string()), to);
    if at > now { format!("in {}", span(now, at)) } else { format!("{} ago", span(at, now)) }
}

pub(super) fn usage(context: &Context, args: &DhcpUsageArgs) -> Result<(), Failure> {
    let mut subnets: Vec<Fullness> = Vec::new();
    question(context, &args.which, "say how full the subnets are", &Question::Usage, |line| {
        if let Line::Subnet(subnet) = line {
            subnets.push(subnet);
        }
        Ok(())
    })?;
    report(context, args.output, &json!({ "subnets": subnets }), || {
        let mut table =
            Table::new(["SUBNET", "IN POOLS", "FREE", "BOUND", "OFFERED", "DECLINED", "RESERVED"]);
        for of in &subnets {
            let free = of.free.to_string();
            let free = if of.free == 0 && of.pooled > 0 { Cell::new(free, Role::Bad) } else { free.into() };
            let number = |number: u64| Cell::from(number.to_string());
            table.row([
                of.subnet.to_string().into(),
                number(of.pooled),
                free,
                number(of.bound),
                number(of.offered),
                number(of.declined),
                number(of.reserved),
            ]);
        }
        table.render(context.data, context.columns())
    })
}

pub(super) fn events(context: &Context, args: &DhcpEventsArgs) -> Result<(), Failure> {
    let wanted = |entry: &Entry| {
        args.of.as_deref().is_none_or(|whom| {
            let address = entry.address.map(|address| address.to_string());
            let fields =
                [address.as_deref(), entry.mac.as_deref(), entry.client_id.as_deref(), Some(&entry.event)];
            fields.into_iter().flatten().any(|field| field.eq_ignore_ascii_case(whom))
        })
    };
    let asked = Question::Events { follow: args.follow };
    let mut printed = None;
    let result = question(context, &args.which, "tell what happened", &asked, |line| {
        let Line::Event(entry) = line else { return Ok(()) };
        if !wanted(&entry) {
            return Ok(());
        }
        let text = match args.output {
            AnswerFormat::Table => words(&entry),
            AnswerFormat::Json => serde_json::to_string(&entry)? + "\n",
        };
        context.print(&text).map_err(|failure| {
            printed = Some(failure);
            io::Error::other("standard output does not take it")
        })
    });
    match printed {
        Some(failure) => Err(failure),
        None => result.map(drop),
    }
}

/// `2026-11-27T14:03:09Z ack 10.0.0.5 02:00:00:00:00:01: it takes an offer`
fn words(entry: &Entry) -> String {
    let who = entry.mac.as_ref().map(|mac| format!(" {mac}")).unwrap_or_default();
    let address = entry.address.map(|address| format!(" {address}")).unwrap_or_default();
    format!("{} {:8}{address}{who}: {}\n", entry.time, entry.event, entry.reason)
}

pub(super) fn release(context: &Context, args: &DhcpReleaseArgs) -> Result<(), Failure> {
    let asked = Question::Release { address: args.address };
    let done = question(context, &args.which, &format!("take {} back", args.address), &asked, |_| Ok(()))?;
    context.print(&format!("{done}\n"))
}

pub(super) fn reserve(context: &Context, args: &DhcpReserveArgs) -> Result<(), Failure> {
    let address = args.address;
    let client_id = match &args.client_id {
        Some(ClientMatch::ClientId(id)) => Some(id.clone()),
        _ => None,
    };
    let asked = if args.remove {
        Question::Unreserve { address }
    } else {
        Question::Reserve(Reserved { mac: args.mac, client_id, address, name: args.name.clone() })
    };
    let doing = if args.remove { "forget the reservation of" } else { "reserve" };
    let done = question(context, &args.which, &format!("{doing} {address}"), &asked, |_| Ok(()))?;
    context.print(&format!("{done}\n"))
}

fn question(
    context: &Context,
    which: &Which,
    doing: &str,
    asked: &Question,
    take: impl FnMut(Line) -> io::Result<()>,
) -> Result<String, Failure> {
    let path = socket(context, which)?;
    ask(&path, asked, take).map_err(|error| failed(doing, error))
}

/// The socket of the server that is meant.
fn socket(context: &Context, which: &Which) -> Result<PathBuf, Failure> {
    let directory = sockets(context);
    if let Some(interface) = &which.interface {
        return Ok(directory.join(format!("{interface}.sock")));
    }
    let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".sock").map(str::to_owned))
        // A server that has ended leaves its socket behind.
        .filter(|name| {
            std::os::unix::net::UnixStream::connect(directory.join(format!("{name}.sock"))).is_ok()
        })
        .collect();
    names.sort_unstable();
    match &names[..] {
        [] => Ok(directory.join("eth0.sock")),
        [one] => Ok(directory.join(format!("{one}.sock"))),
        several => Err(Failure::usage(
            format!("there are servers of several interfaces: {}", several.join(", ")),
            format!("say which: --interface {}", several[0]),
        )),
    }
}
