//! Routes of the host's own table, and of an instance's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use madang_addr::Prefix;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use rustix::io::Errno;

use crate::error::Result;
use crate::link::{Link, family};
use crate::netlink::{Mode, Netlink, Purpose};

/// A route of the main table to some addresses, not to all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub to: Prefix,
    /// By which gateway; none, if they are on the link.
    pub gateway: Option<IpAddr>,
    /// The interface's index; none, if there are several or none.
    pub interface: Option<u32>,
}

impl Netlink {
    /// Adds a route through a gateway that the interface reaches.
    pub fn add_route(&mut self, link: &Link, to: Prefix, gateway: IpAddr) -> Result<()> {
        self.add(route(link, to, gateway), link, to, gateway)
    }

    /// The same, where no address of the interface tells that the gateway is on the link. What this host sends by it comes
    /// from that address.
    pub fn add_route_from(&mut self, link: &Link, to: Prefix, gateway: IpAddr, from: IpAddr) -> Result<()> {
        let mut message = route(link, to, gateway);
        message.header.flags = RouteFlags::Onlink;
        message.attributes.push(RouteAttribute::PrefSource(RouteAddress::from(from)));
        self.add(message, link, to, gateway)
    }

    /// Adds the default route of the gateway's family.
    pub fn add_default_route(&mut self, link: &Link, gateway: IpAddr) -> Result<()> {
        let any: IpAddr = match gateway {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        self.add_route(link, Prefix::containing(any, 0).expect("a length of 0 fits every family"), gateway)
    }

    fn add(&mut self, message: RouteMessage, link: &Link, to: Prefix, gateway: IpAddr) -> Result<()> {
        let subject = format!("{to} by {gateway} on network interface {}", link.name);
        let purpose = Purpose { operation: "add route", subject: &subject };
        self.request(purpose, Mode::Create, RouteNetlinkMessage::NewRoute(message)).map(drop)
    }

    /// The IPv4 routes of the main table: all, or those by an interface.
    pub fn routes(by: Option<&Link>) -> Result<Vec<Route>> {
        // The kernel chooses only for who says so; others get all there are, which may be a million.
        let mut netlink = Self::open_choosing()?;
        let mut message = RouteMessage::default();
        message.header.address_family = family(Ipv4Addr::UNSPECIFIED.into());
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.attributes.extend(by.map(|link| RouteAttribute::Oif(link.index)));
        let purpose = Purpose { operation: "list", subject: "the routes" };
        match netlink.request(purpose, Mode::Dump, RouteNetlinkMessage::GetRoute(message)) {
            Ok(answers) => Ok(answers.into_iter().filter_map(parse).collect()),
            // Until its first route is made there is no main table.
            Err(error) if error.os_error() == Some(Errno::NOENT) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

fn route(link: &Link, to: Prefix, gateway: IpAddr) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(to.address());
    message.header.destination_prefix_length = to.length();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message.attributes =
        vec![RouteAttribute::Oif(link.index), RouteAttribute::Gateway(RouteAddress::from(gateway))];
    if to.length() > 0 {
        message.attributes.push(RouteAttribute::Destination(RouteAddress::from(to.address())));
    }
    message
}

fn parse(message: RouteNetlinkMessage) -> Option<Route> {
    let RouteNetlinkMessage::NewRoute(RouteMessage { header, attributes, .. }) = message else { return None };
    if header.table != RouteHeader::RT_TABLE_MAIN {
        return None;
    }
    let mut route = (None, None, None);
    for attribute in attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(to)) => route.0 = Some(to),
            RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => route.1 = Some(gateway.into()),
            RouteAttribute::Oif(index) => route.2 = Some(index),
            _ => {}
        }
    }
    let to = Prefix::containing(route.0?.into(), header.destination_prefix_length).ok()?;
    Some(Route { to, gateway: route.1, interface: route.2 })
}
