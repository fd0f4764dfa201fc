//! What a server says that a client is to use.

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::Prefix;
use madang_wire::dhcp::{Options, Repr, Route, code};

use super::check;

/// An address, and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The address.
    pub address: Ipv4Addr,
    /// The subnet that it is in.
    pub subnet: Prefix,
    /// The server of the lease.
    pub server: Ipv4Addr,
    /// How long the lease is, in seconds; none: for ever.
    pub lease: Option<u32>,
    /// The routes, the preferred one first. Through 0.0.0.0 the destination is on the link.
    pub routes: Vec<Route>,
    /// The servers of DNS.
    pub dns: Vec<Ipv4Addr>,
    /// The domain that names are looked up in.
    pub domain: Option<String>,
    /// The host's name, if the server knows one.
    pub host_name: Option<String>,
    /// The servers of NTP.
    pub ntp: Vec<Ipv4Addr>,
    /// The link's MTU, if it is one that IPv4 allows (68 or more).
    pub mtu: Option<u16>,
    /// All options, for who wants more.
    pub options: Options,
}

impl Configuration {
    /// What an ACK says, and what of it is left out, in words. The message has been checked.
    pub(super) fn of(ack: &Repr, server: Ipv4Addr, seconds: u32) -> (Self, Vec<String>) {
        let address = ack.header.yiaddr;
        let options = &ack.options;
        let subnet = check::subnet(address, options);
        let mut left_out = Vec::new();
        let name = |code| options.text(code).filter(|name| is_name(name)).map(str::to_owned);
        let mtu = options.value(code::INTERFACE_MTU).and_then(|value| value.try_into().ok());
        let configuration = Self {
            address,
            subnet,
            server,
            lease: (seconds != u32::MAX).then_some(seconds),
            routes: routes(address, subnet, options, &mut left_out),
            dns: hosts(options, code::DNS_SERVERS),
            domain: name(code::DOMAIN_NAME),
            host_name: name(code::HOST_NAME),
            ntp: hosts(options, code::NTP_SERVERS),
            mtu: mtu.map(u16::from_be_bytes).filter(|mtu| *mtu >= 68),
            options: options.clone(),
        };
        (configuration, left_out)
    }
}

/// The addresses of an option that hosts can have.
fn hosts(options: &Options, code: u8) -> Vec<Ipv4Addr> {
    options.addresses(code).into_iter().filter(|address| check::is_host(*address)).collect()
}

/// Whether a text is a name that goes into files and commands as it is.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !name.is_empty() && name.len() <= 253 && !name.starts_with('-') && name.bytes().all(plain)
}

/// The routes: the classless ones, which stand for all others if they are there (RFC 3442); else through the routers.
fn routes(address: Ipv4Addr, subnet: Prefix, options: &Options, left_out: &mut Vec<String>) -> Vec<Route> {
    let classless = options.value(code::CLASSLESS_ROUTES).and_then(|value| {
        let routes = Route::decode(value);
        if routes.is_none() {
            left_out.push("the classless routes are malformed: the routers are used".to_owned());
        }
        routes
    });
    let routes = classless.unwrap_or_else(|| {
        let through = |router| Route { destination: Prefix::ANY_V4, router };
        options.addresses(code::ROUTERS).into_iter().map(through).collect()
    });
    let on_link: Vec<Prefix> = routes
        .iter()
        .filter(|route| route.router.is_unspecified())
        .map(|route| route.destination)
        .chain([subnet])
        .collect();
    let mut reachable = |route: &Route| {
        let Route { destination, router } = *route;
        let near = router.is_unspecified() || on_link.iter().any(|net| net.contains(IpAddr::V4(router)));
        let good = near && router != address && (router.is_unspecified() || check::is_host(router));
        if !good {
            left_out.push(format!(
                "the route to {destination} through {router} is left out: the router is not on the link"
            ));
        }
        good
    };
    routes.into_iter().filter(|route| reachable(route)).collect()
}
