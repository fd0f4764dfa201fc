//! What was typed behind `madang dhcp serve`, as what a server is told.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use madang_addr::Prefix;
use madang_dhcp::{Boot, LeaseTimes, Range, Reservation, ServerSpec, SubnetSpec};
use madang_wire::dhcp::{Options, code};

use crate::args::dhcp::DhcpServeArgs;
use crate::error::Failure;

/// The address that an interface has, and its subnet.
pub(super) type Own = (Ipv4Addr, Prefix);

/// What a server is told that serves these interfaces, each with what it has.
pub(super) fn spec(args: &DhcpServeArgs, own: &[Own]) -> Result<ServerSpec, Failure> {
    let first = own.first().expect("clap wants an interface").0;
    let mut spec = ServerSpec::new(first);
    spec.authoritative = !args.not_authoritative;
    spec.known_servers.clone_from(&args.known_servers);
    if args.no_probe {
        spec.waits.probe = None;
    }
    let on_links = (0..).zip(own).map(|(link, (address, prefix))| SubnetSpec {
        link: Some(link),
        server_id: Some(*address),
        ..SubnetSpec::new(*prefix)
    });
    let relayed = args.subnets.iter().map(|prefix| SubnetSpec::new(*prefix));
    spec.subnets = on_links.chain(relayed).collect();
    let prefixes: Vec<Prefix> = spec.subnets.iter().map(|subnet| subnet.prefix).collect();
    let lease = lease_times(args)?;
    for subnet in &mut spec.subnets {
        let near = |addresses: &[Ipv4Addr]| near(addresses, subnet.prefix, &prefixes);
        subnet.lease = lease;
        subnet.options = options(args, &near(&args.dns), &near(&args.ntp));
        subnet.routers = args.routers.iter().copied().filter(|it| is_in(subnet.prefix, *it)).collect();
        let file = args.boot_file.clone();
        subnet.boot = Boot { server: args.boot_server, file, server_name: String::new() };
    }
    for router in &args.routers {
        place(&mut spec, *router, "router")?;
    }
    for range in &args.pools {
        let range = Range { ..*range };
        place(&mut spec, range.first, "pool")?.pools.push(range);
    }
    for range in &args.excluded {
        place(&mut spec, range.first, "excluded range")?.excluded.push(*range);
    }
    for fixed in &args.reserved {
        let (client, name) = (fixed.client.clone(), fixed.name.clone());
        let reservation = Reservation { client, address: fixed.address, name, options: Options::new() };
        place(&mut spec, fixed.address, "reserved address")?.reservations.push(reservation);
    }
    let leases_nothing = |subnet: &SubnetSpec| subnet.pools.is_empty() && subnet.reservations.is_empty();
    if let Some(subnet) = spec.subnets.iter().find(|subnet| leases_nothing(subnet)) {
        let prefix = subnet.prefix;
        return Err(Failure::usage(
            format!("there is nothing to lease in {prefix}"),
            format!("say which addresses: --pool FIRST-LAST within {prefix}, or --reserve MAC=ADDRESS"),
        ));
    }
    Ok(spec)
}

/// The subnet that an address is in.
fn place<'a>(spec: &'a mut ServerSpec, address: Ipv4Addr, what: &str) -> Result<&'a mut SubnetSpec, Failure> {
    let prefixes: Vec<String> = spec.subnets.iter().map(|subnet| subnet.prefix.to_string()).collect();
    spec.subnets.iter_mut().find(|subnet| is_in(subnet.prefix, address)).ok_or_else(|| {
        Failure::usage(
            format!("the {what} at {address} is in no subnet of this server: it has {}", prefixes.join(", ")),
            "give it an address of one of them, or the interface another address; --subnet adds one behind a relay",
        )
    })
}

fn is_in(prefix: Prefix, address: Ipv4Addr) -> bool {
    prefix.contains(IpAddr::V4(address))
}

/// Those of a subnet; if it has none, those of nobody's.
fn near(addresses: &[Ipv4Addr], own: Prefix, all: &[Prefix]) -> Vec<Ipv4Addr> {
    let inside: Vec<Ipv4Addr> = addresses.iter().copied().filter(|address| is_in(own, *address)).collect();
    if !inside.is_empty() {
        return inside;
    }
    let nobodys = |address: &Ipv4Addr| !all.iter().any(|prefix| is_in(*prefix, *address));
    addresses.iter().copied().filter(nobodys).collect()
}

fn options(args: &DhcpServeArgs, dns: &[Ipv4Addr], ntp: &[Ipv4Addr]) -> Options {
    let mut options = Options::new();
    for (code, addresses) in [(code::DNS_SERVERS, dns), (code::NTP_SERVERS, ntp)] {
        if !addresses.is_empty() {
            options.set_addresses(code, addresses);
        }
    }
    if let Some(domain) = &args.domain {
        options.set(code::DOMAIN_NAME, domain.as_bytes());
    }
    for option in &args.options {
        options.set(option.code, option.value.as_slice());
    }
    options
}

fn lease_times(args: &DhcpServeArgs) -> Result<LeaseTimes, Failure> {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX - 1);
    let (default, max) = (seconds(args.lease), seconds(args.longest_lease.max(args.lease)));
    if default == 0 {
        return Err(Failure::usage(
            "a lease of less than a second is none",
            "give it at least some: --lease 2m",
        ));
    }
    Ok(LeaseTimes { min: default.min(60), default, max, ..LeaseTimes::default() })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use madang_dhcp::ServerConfig;

    use super::*;
    use crate::args::dhcp::DhcpCommand;
    use crate::args::{Cli, Command};

    fn typed(words: &str) -> Result<ServerSpec, Failure> {
        let words = ["madang", "dhcp", "serve", "-i", "eth1"].into_iter().chain(words.split_whitespace());
        let Command::Dhcp(args) = Cli::try_parse_from(words).unwrap().command else { panic!() };
        let DhcpCommand::Serve(args) = args.command else { panic!() };
        spec(&args, &[([10, 0, 0, 1].into(), "10.0.0.0/24".parse().unwrap())])
    }

    fn message(words: &str) -> String {
        typed(words).unwrap_err().to_string()
    }

    #[test]
    fn each_thing_is_in_the_subnet_that_it_is_of() {
        let spec = typed(
            "-p 10.0.0.50-10.0.0.90 --subnet 10.8.0.0/24 -p 10.8.0.9 --router 10.8.0.1 --dns 10.0.0.2 --dns 9.9.9.9 \
             --reserve 02:00:00:00:00:01=10.0.0.7=web --exclude 10.0.0.60 --lease 10m --option 26=u16:1400",
        )
        .unwrap();
        let [lan, relayed] = &spec.subnets[..] else { panic!("{spec:?}") };
        assert_eq!(
            (lan.link, lan.pools.len(), lan.excluded.len(), lan.reservations.len()),
            (Some(0), 1, 1, 1)
        );
        assert_eq!((relayed.link, relayed.pools.len(), relayed.routers.len()), (None, 1, 1));
        assert!(lan.routers.is_empty());
        assert_eq!(lan.options.addresses(code::DNS_SERVERS), [Ipv4Addr::new(10, 0, 0, 2)]);
        assert_eq!(relayed.options.addresses(code::DNS_SERVERS), [Ipv4Addr::new(9, 9, 9, 9)]);
        assert_eq!((lan.lease.min, lan.lease.default, lan.lease.max), (60, 600, 86_400));
        assert!(ServerConfig::new(spec).is_ok());
    }

    #[test]
    fn what_fits_nowhere_is_said() {
        assert_eq!(
            message("-p 10.0.1.5-10.0.1.9"),
            "the pool at 10.0.1.5 is in no subnet of this server: it has 10.0.0.0/24"
        );
        assert_eq!(
            message("-p 10.0.0.5 --router 10.9.0.1").split(" is").next(),
            Some("the router at 10.9.0.1")
        );
        assert_eq!(message(""), "there is nothing to lease in 10.0.0.0/24");
        assert_eq!(message("-p 10.0.0.5 --lease 0s"), "a lease of less than a second is none");
    }
}
