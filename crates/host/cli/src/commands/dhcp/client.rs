//! `madang dhcp client`.

use std::path::Path;

use madang_addr::Mac;
use madang_dhcp::{ClientMatch, ClientSpec, Probing};
use madang_dhcpd::client::{Dns, Options, Outcome, Set, Setup, Step, run as work};
use madang_kernel::Signals;
use rustix::process::Signal;

use super::failed;
use crate::args::cidr::AnswerFormat;
use crate::args::dhcp::{DhcpClientArgs, DnsChoice};
use crate::context::Context;
use crate::error::Failure;

/// Works until it is told to end.
pub(super) fn run(context: &Context, args: &DhcpClientArgs) -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::NotRoot { doing: "a DHCP client" });
    }
    let doing = format!("get an address for {}", args.interface);
    let signals = Signals::take(&[Signal::TERM, Signal::INT, Signal::HUP]);
    let signals = signals.map_err(|error| failed(&doing, error.into()))?;
    let setup = Setup {
        interface: args.interface.clone(),
        spec: spec(args),
        options: Options { metric: args.metric, dns: dns(&args.dns) },
        link_local: !args.no_link_local,
        directory: context.layout.state_dir().join("dhcp-client"),
        release: args.release,
        once: args.once.then_some(args.timeout),
    };
    let mut printed = Ok(());
    let mut tell = |step: &Step| {
        let text = match args.output {
            AnswerFormat::Table => words(step),
            AnswerFormat::Json => serde_json::to_string(step).expect("a step has no keys but text") + "\n",
        };
        // That nobody reads it is no reason to lose the address.
        if printed.is_ok() {
            printed = context.print(&text);
        }
    };
    match work(setup, &signals, &mut tell).map_err(|error| failed(&doing, error))? {
        Outcome::Done => Ok(()),
        Outcome::NoAddress => Err(Failure::TimedOut {
            what: format!("no server has given {} an address in time", args.interface),
            hint: "see whether one is on the link; wait longer: --timeout 5m".to_owned(),
        }),
    }
}

fn spec(args: &DhcpClientArgs) -> ClientSpec {
    // The MAC is the interface's, which is looked up later.
    let mut spec = ClientSpec::new(Mac::default());
    spec.host_name = match args.hostname.as_deref() {
        Some("-") => None,
        Some(name) => Some(name.to_owned()),
        None => own_name(),
    };
    if let Some(ClientMatch::ClientId(id)) = &args.client_id {
        spec.client_id = Some(id.clone());
    }
    spec.probing = match (args.no_probe, args.quick_probe) {
        (true, _) => None,
        (_, true) => Some(Probing::QUICK),
        _ => Some(Probing::STANDARD),
    };
    spec
}

/// The host's name, without its domain.
fn own_name() -> Option<String> {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_str().ok()?.split('.').next()?.to_owned();
    Some(name).filter(|name| !name.is_empty() && name != "(none)" && name != "localhost")
}

fn dns(choice: &DnsChoice) -> Dns {
    match choice {
        DnsChoice::Auto => Dns::Auto,
        DnsChoice::Nowhere => Dns::Nowhere,
        DnsChoice::File(file) => Dns::File(absolute(file)),
    }
}

fn absolute(file: &Path) -> std::path::PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

/// `2026-11-27T14:03:09Z eth0 bound: uses 10.0.0.5`, and what came with it.
fn words(step: &Step) -> String {
    let time = step.time.strftime("%H:%M:%S");
    let mut text = format!("{time} {} {:10} {}\n", step.interface, step.state, step.why);
    if let Some(set) = &step.set {
        for line in settings(set) {
            text.push_str(&format!("           {line}\n"));
        }
    }
    text
}

fn settings(set: &Set) -> Vec<String> {
    let list =
        |list: &[std::net::Ipv4Addr]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let lease = set.lease_seconds.map_or("for ever".to_owned(), |seconds| format!("for {seconds} s"));
    let mut lines = vec![format!("address {}/{} {lease}, from {}", set.address, set.length, set.server)];
    lines.extend(set.routes.iter().map(|route| format!("route   {route}")));
    lines.extend((!set.dns.is_empty()).then(|| format!("dns     {}", list(&set.dns))));
    lines.extend(set.domain.iter().map(|domain| format!("domain  {domain}")));
    lines.extend((!set.ntp.is_empty()).then(|| format!("ntp     {}", list(&set.ntp))));
    lines.extend(set.mtu.map(|mtu| format!("mtu     {mtu}")));
    lines
}
