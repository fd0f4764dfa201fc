//! An interface's addresses and routes as a client of DHCP sets them: for a time, in place of the ones before, and away again.

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::Prefix;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressScope, CacheInfo};
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use rustix::io::Errno;

use crate::error::Result;
use crate::link::{Link, family};
use crate::netlink::{Mode, Netlink, Purpose};

/// A route that somebody was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearntRoute {
    /// Where it leads.
    pub to: Prefix,
    /// Through whom; none: the destination is on the link.
    pub router: Option<Ipv4Addr>,
    /// Which of several is preferred: that of the least.
    pub metric: u32,
    /// The address that this host has for what it sends there.
    pub from: Ipv4Addr,
}

impl Netlink {
    /// Gives an interface an address for so many seconds, or for ever; one that it has gets the new time.
    ///
    /// # Errors
    /// The kernel does not want to.
    pub fn set_address(
        &mut self,
        link: &Link,
        address: Ipv4Addr,
        length: u8,
        seconds: Option<u32>,
    ) -> Result<()> {
        let mut message = address_message(link, address, length);
        let seconds = seconds.unwrap_or(u32::MAX);
        let mut lifetime = CacheInfo::default();
        (lifetime.ifa_preferred, lifetime.ifa_valid) = (seconds, seconds);
        message.attributes.push(AddressAttribute::CacheInfo(lifetime));
        let subject = format!("{address}/{length} to network interface {}", link.name);
        let purpose = Purpose { operation: "give the address", subject: &subject };
        self.request(purpose, Mode::Replace, RouteNetlinkMessage::NewAddress(message)).map(drop)
    }

    /// Takes an address away, and with it the routes that begin at it. It may be gone already.
    ///
    /// # Errors
    /// The kernel does not want to.
    pub fn remove_address(&mut self, link: &Link, address: Ipv4Addr, length: u8) -> Result<()> {
        let message = address_message(link, address, length);
        let subject = format!("{address}/{length} from network interface {}", link.name);
        let purpose = Purpose { operation: "take the address", subject: &subject };
        gone(self.request(purpose, Mode::Act, RouteNetlinkMessage::DelAddress(message)))
    }

    /// Adds a route. Whether it did: one of somebody else's of the same destination and metric stays.
    ///
    /// # Errors
    /// The kernel does not want to: the router is not on the link.
    pub fn learn_route(&mut self, link: &Link, route: &LearntRoute) -> Result<bool> {
        let subject = route.subject(link);
        let purpose = Purpose { operation: "add the route", subject: &subject };
        match self.request(purpose, Mode::Create, RouteNetlinkMessage::NewRoute(route.message(link))) {
            Err(error) if error.os_error() == Some(Errno::EXIST) => Ok(false),
            result => result.map(|_| true),
        }
    }

    /// Removes a route that was learnt. It may be gone already.
    ///
    /// # Errors
    /// The kernel does not want to.
    pub fn forget_route(&mut self, link: &Link, route: &LearntRoute) -> Result<()> {
        let subject = route.subject(link);
        let purpose = Purpose { operation: "remove the route", subject: &subject };
        gone(self.request(purpose, Mode::Act, RouteNetlinkMessage::DelRoute(route.message(link))))
    }

    /// Sets the longest packet of an interface.
    ///
    /// # Errors
    /// The interface does not take it.
    pub fn set_mtu(&mut self, link: &Link, mtu: u32) -> Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        message.attributes.push(LinkAttribute::Mtu(mtu));
        let purpose = Purpose { operation: "set the MTU of network interface", subject: &link.name };
        self.request(purpose, Mode::Act, RouteNetlinkMessage::SetLink(message)).map(drop)
    }
}

/// What is to go away may have gone before.
fn gone<T>(result: Result<T>) -> Result<()> {
    match result {
        Err(error) if matches!(error.os_error(), Some(Errno::ADDRNOTAVAIL | Errno::SRCH | Errno::NODEV)) => {
            Ok(())
        }
        result => result.map(drop),
    }
}

fn address_message(link: &Link, address: Ipv4Addr, length: u8) -> AddressMessage {
    let ip = IpAddr::V4(address);
    let mut message = AddressMessage::default();
    message.header.family = family(ip);
    message.header.prefix_len = length;
    message.header.index = link.index;
    if address.is_link_local() {
        message.header.scope = AddressScope::Link;
    }
    message.attributes = vec![AddressAttribute::Local(ip), AddressAttribute::Address(ip)];
    if let Ok(network) = Prefix::containing(ip, length)
        && let IpAddr::V4(broadcast) = network.last()
        && length < 31
    {
        message.attributes.push(AddressAttribute::Broadcast(broadcast));
    }
    message
}

impl LearntRoute {
    fn subject(&self, link: &Link) -> String {
        let through = self.router.map(|router| format!(" through {router}")).unwrap_or_default();
        format!("to {}{through} on network interface {}", self.to, link.name)
    }

    fn message(&self, link: &Link) -> RouteMessage {
        let mut message = RouteMessage::default();
        message.header.address_family = family(self.to.address());
        message.header.destination_prefix_length = self.to.length();
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Dhcp;
        message.header.scope = if self.router.is_some() { RouteScope::Universe } else { RouteScope::Link };
        message.header.kind = RouteType::Unicast;
        message.attributes = vec![
            RouteAttribute::Oif(link.index),
            RouteAttribute::Priority(self.metric),
            RouteAttribute::PrefSource(RouteAddress::Inet(self.from)),
        ];
        message.attributes.extend(self.router.map(|it| RouteAttribute::Gateway(RouteAddress::Inet(it))));
        if self.to.length() > 0 {
            message.attributes.push(RouteAttribute::Destination(RouteAddress::from(self.to.address())));
        }
        message
    }
}
