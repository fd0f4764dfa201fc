//! `madang dhcp serve`.

use madang_dhcp::ServerSpec;
use madang_dhcpd::serve::{Service, Setup};
use madang_dhcpd::{Link, Report};
use madang_kernel::Signals;
use rustix::process::Signal;

use super::spec::{self, Own};
use super::{failed, sockets};
use crate::args::dhcp::DhcpServeArgs;
use crate::context::Context;
use crate::error::Failure;
use crate::output::text::count;

/// Serves until it is told to end.
pub(super) fn run(context: &Context, args: &DhcpServeArgs) -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::NotRoot { doing: "a DHCP server" });
    }
    let signals = Signals::take(&[Signal::TERM, Signal::INT]);
    let signals = signals.map_err(|error| failed("serve DHCP", error.into()))?;
    let own = args.interfaces.iter().map(|name| own(name)).collect::<Result<Vec<_>, _>>()?;
    let spec = spec::spec(args, &own)?;
    let name = args.interfaces.first().expect("clap wants one");
    let setup = Setup {
        spec: spec.clone(),
        links: args.interfaces.clone(),
        directory: context.layout.state_dir().join("dhcp").join(name),
        control: sockets(context).join(format!("{name}.sock")),
    };
    let directory = setup.directory.clone();
    let service = Service::open(setup).map_err(|error| failed("serve DHCP", error))?;
    for line in damage(service.report()) {
        context.say(&line);
    }
    for reserved in service.misfits() {
        context.say(&format!(
            "The reservation of {} fits nowhere now, and does not count: madang dhcp reserve --remove",
            reserved.address
        ));
    }
    let restored = service.restored();
    if restored.elsewhere > 0 {
        let of = count(restored.elsewhere, "record");
        context.say(&format!("{of} of addresses that are in no subnet any more: they do not count"));
    }
    context.say(&format!(
        "Serving {}; {} known from before, in {}",
        served(&spec, &args.interfaces),
        count(restored.leases, "lease"),
        directory.display()
    ));
    context.say("See who comes: sudo madang dhcp events --follow. Ctrl-C ends it; leases stay.");
    service.run(signals).map_err(|error| failed("serve DHCP", error))
}

/// The address of an interface, which says what its subnet is.
fn own(name: &str) -> Result<Own, Failure> {
    let addresses = Link::addresses(name).map_err(|error| failed("serve DHCP", error))?;
    addresses.into_iter().next().ok_or_else(|| {
        Failure::usage(
            format!("the interface {name} has no IPv4 address: the server answers from one, and it says the subnet"),
            format!("give it one first: sudo ip address add 192.168.5.1/24 dev {name}"),
        )
    })
}

fn served(spec: &ServerSpec, links: &[String]) -> String {
    let subnets = spec.subnets.iter().map(|subnet| {
        let addresses: u64 =
            subnet.pools.iter().map(|pool| u64::from(u32::from(pool.last) - u32::from(pool.first)) + 1).sum();
        let link = subnet.link.and_then(|link| links.get(usize::try_from(link).ok()?));
        let place = link.map_or("behind relays".to_owned(), |link| format!("on {link}"));
        format!("{} {place} ({addresses} in pools, {} reserved)", subnet.prefix, subnet.reservations.len())
    });
    subnets.collect::<Vec<_>>().join(", ")
}

/// What of the leases' log is lost.
fn damage(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> =
        report.damage.iter().map(|damage| format!("The log of leases has damage: {damage}")).collect();
    if !lines.is_empty() {
        lines.push(format!(
            "{} were read; what was lost is asked for on the link before it is leased",
            count_records(report)
        ));
    }
    if let Some(damage) = &report.unfinished {
        lines.push(format!(
            "The last write to {} was under way when the power went, or is damaged: nobody was told of what it had",
            damage.file
        ));
    }
    lines
}

fn count_records(report: &Report) -> String {
    count(usize::try_from(report.records).unwrap_or(usize::MAX), "record")
}
