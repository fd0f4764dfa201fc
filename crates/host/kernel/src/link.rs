//! Network interfaces and their addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};

use madang_addr::{Mac, Prefix};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::io::Errno;

use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::netlink::{Mode, Netlink, Purpose};

/// The longest name of an interface, in bytes (`IFNAMSIZ` less the terminator).
const LONGEST_NAME: usize = 15;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its index: unique in its network namespace while it lives.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its free text, if it has one.
    pub alias: Option<String>,
    /// Its Ethernet address, if it is of that kind.
    pub mac: Option<Mac>,
    /// The longest packet, in bytes, without the Ethernet header.
    pub mtu: u32,
    /// Whether it was set up.
    pub up: bool,
    /// Whether there is a cable in it, as it were: packets can go.
    pub carrier: bool,
    /// What it is, as `veth`; none for hardware and loopback.
    pub kind: Option<String>,
}

/// An interface's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkAddress {
    /// The interface's index.
    pub index: u32,
    /// The address.
    pub address: IpAddr,
    /// How many of its bits are the network.
    pub length: u8,
}

/// Binds a socket to an interface: it hears and speaks only there.
///
/// # Errors
/// There is no such interface, or the socket is bound to another one by somebody who may.
pub fn bind_to(socket: impl AsFd, name: &str) -> std::io::Result<()> {
    let length = name.len().try_into().map_err(std::io::Error::other)?;
    // SAFETY: the kernel reads `length` bytes of a name that is that long.
    #[expect(unsafe_code, reason = "setsockopt(2) takes a pointer")]
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_BINDTODEVICE,
            name.as_ptr().cast(),
            length,
        )
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// A pair of virtual Ethernet interfaces: one here, one in another namespace. Both are made down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Veth<'a> {
    /// The name of the end that is here.
    pub name: &'a str,
    /// Its free text.
    pub alias: &'a str,
    /// Its Ethernet address.
    pub mac: Mac,
    /// The name of the other end.
    pub peer_name: &'a str,
    /// The other end's Ethernet address.
    pub peer_mac: Mac,
    /// The MTU of both.
    pub mtu: u32,
}

/// All interfaces, listed anew only when the kernel has told of a change.
#[derive(Debug)]
pub struct Links {
    changes: Changes,
    known: Option<BTreeMap<String, Link>>,
}

impl Links {
    /// Those of the network namespace of the calling thread.
    pub fn watch() -> Result<Self> {
        Ok(Self { changes: Changes::of_links()?, known: None })
    }

    /// They, by name.
    pub fn now(&mut self) -> Result<&BTreeMap<String, Link>> {
        // What changes from here on is told again.
        let known = self.known.take().filter(|_| !self.changes.any());
        let known = match known {
            Some(known) => known,
            None => Netlink::open()?.links()?.into_iter().map(|link| (link.name.clone(), link)).collect(),
        };
        Ok(self.known.insert(known))
    }
}

impl Netlink {
    /// Every interface, by index.
    pub fn links(&mut self) -> Result<Vec<Link>> {
        let purpose = Purpose { operation: "list", subject: "the network interfaces" };
        let answers =
            self.request(purpose, Mode::Dump, RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
        let mut links: Vec<Link> = answers.into_iter().filter_map(parse_link).collect();
        links.sort_by_key(|link| link.index);
        Ok(links)
    }

    /// The interface of this name, if there is one.
    pub fn link(&mut self, name: &str) -> Result<Option<Link>> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(checked(name)?.to_owned()));
        let purpose = Purpose { operation: "look up network interface", subject: name };
        match self.request(purpose, Mode::Act, RouteNetlinkMessage::GetLink(message)) {
            Ok(answers) => Ok(answers.into_iter().find_map(parse_link)),
            Err(error) if error.os_error() == Some(Errno::NODEV) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The interface of this name; that there is none is an error.
    pub fn expect_link(&mut self, name: &str) -> Result<Link> {
        self.link(name)?.ok_or_else(|| Error::NoLink { name: name.to_owned() })
    }

    /// Makes a pair, the other end directly in that namespace.
    ///
    /// Both ends get their Ethernet address as they are made, so that udev leaves it alone.
    pub fn create_veth(&mut self, veth: &Veth<'_>, namespace: impl AsFd) -> Result<Link> {
        let mut peer = LinkMessage::default();
        peer.attributes = vec![
            LinkAttribute::IfName(checked(veth.peer_name)?.to_owned()),
            LinkAttribute::Address(veth.peer_mac.0.to_vec()),
            LinkAttribute::Mtu(veth.mtu),
            LinkAttribute::NetNsFd(namespace.as_fd().as_raw_fd()),
        ];
        let mut message = LinkMessage::default();
        message.attributes = vec![
            LinkAttribute::IfName(checked(veth.name)?.to_owned()),
            LinkAttribute::Address(veth.mac.0.to_vec()),
            LinkAttribute::Mtu(veth.mtu),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
            ]),
        ];
        let purpose = Purpose { operation: "create network interface", subject: veth.name };
        self.request(purpose, Mode::Create, RouteNetlinkMessage::NewLink(message))?;
        // The kernel ignores an alias in the request that makes the link.
        let link = self.expect_link(veth.name)?;
        match self.set_alias(&link, veth.alias) {
            Ok(()) => {
                Ok(Link { alias: Some(veth.alias.to_owned()).filter(|alias| !alias.is_empty()), ..link })
            }
            Err(error) => {
                self.delete_link(veth.name)?;
                Err(error)
            }
        }
    }

    /// Sets an interface's free text; an empty one removes it.
    pub fn set_alias(&mut self, link: &Link, alias: &str) -> Result<()> {
        let mut message = of_index(link.index);
        message.attributes.push(LinkAttribute::IfAlias(alias.to_owned()));
        let purpose = Purpose { operation: "set the alias of network interface", subject: &link.name };
        self.request(purpose, Mode::Act, RouteNetlinkMessage::SetLink(message)).map(drop)
    }

    /// Sets an interface up or down.
    pub fn set_up(&mut self, link: &Link, up: bool) -> Result<()> {
        let mut message = of_index(link.index);
        message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        message.header.change_mask = LinkFlags::Up;
        let operation = if up { "set up network interface" } else { "set down network interface" };
        let purpose = Purpose { operation, subject: &link.name };
        self.request(purpose, Mode::Act, RouteNetlinkMessage::SetLink(message)).map(drop)
    }

    /// Gives an interface this Ethernet address.
    pub fn set_mac(&mut self, link: &Link, mac: Mac) -> Result<()> {
        let mut message = of_index(link.index);
        message.attributes.push(LinkAttribute::Address(mac.0.to_vec()));
        let purpose =
            Purpose { operation: "set the Ethernet address of network interface", subject: &link.name };
        self.request(purpose, Mode::Act, RouteNetlinkMessage::SetLink(message)).map(drop)
    }

    /// Deletes an interface, and the other end with it. Whether there was one.
    pub fn delete_link(&mut self, name: &str) -> Result<bool> {
        let Some(link) = self.link(name)? else { return Ok(false) };
        let purpose = Purpose { operation: "delete network interface", subject: name };
        match self.request(purpose, Mode::Act, RouteNetlinkMessage::DelLink(of_index(link.index))) {
            Ok(_) => Ok(true),
            // It went meanwhile, with its other end.
            Err(error) if error.os_error() == Some(Errno::NODEV) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Every interface's addresses.
    pub fn addresses(&mut self) -> Result<Vec<LinkAddress>> {
        let purpose = Purpose { operation: "list", subject: "the addresses of the network interfaces" };
        let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let mut found: Vec<_> =
            self.request(purpose, Mode::Dump, message)?.into_iter().filter_map(parse_address).collect();
        found.sort();
        Ok(found)
    }

    /// Gives an interface an address, with the route to its network.
    pub fn add_address(&mut self, link: &Link, address: IpAddr, length: u8) -> Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = family(address);
        message.header.prefix_len = length;
        message.header.index = link.index;
        message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
        if let (IpAddr::V4(_), Ok(network)) = (address, Prefix::containing(address, length))
            && let IpAddr::V4(broadcast) = network.last()
            && length < 31
        {
            message.attributes.push(AddressAttribute::Broadcast(broadcast));
        }
        let subject = format!("{address}/{length} to network interface {}", link.name);
        let purpose = Purpose { operation: "add address", subject: &subject };
        self.request(purpose, Mode::Create, RouteNetlinkMessage::NewAddress(message)).map(drop)
    }

    /// Every interface with its addresses, by name.
    pub fn interfaces(&mut self) -> Result<BTreeMap<String, (Link, Vec<LinkAddress>)>> {
        let addresses = self.addresses()?;
        let of = |index| addresses.iter().copied().filter(|address| address.index == index).collect();
        Ok(self
            .links()?
            .into_iter()
            .map(|link| (link.name.clone(), (link.clone(), of(link.index))))
            .collect())
    }
}

fn of_index(index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message
}

pub(crate) fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

/// A name that the kernel takes as one (`dev_valid_name`).
pub(crate) fn checked(name: &str) -> Result<&str> {
    let fits = (1..=LONGEST_NAME).contains(&name.len()) && name != "." && name != "..";
    let clean = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '/' | ':' | '"');
    if fits && name.chars().all(clean) { Ok(name) } else { Err(Error::BadLinkName { name: name.to_owned() }) }
}

fn parse_link(message: RouteNetlinkMessage) -> Option<Link> {
    let RouteNetlinkMessage::NewLink(LinkMessage { header, attributes, .. }) = message else { return None };
    let up = header.flags.contains(LinkFlags::Up);
    let carrier = header.flags.contains(LinkFlags::LowerUp);
    let mut link = Link {
        index: header.index,
        name: String::new(),
        alias: None,
        mac: None,
        mtu: 0,
        up,
        carrier,
        kind: None,
    };
    for attribute in attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
            LinkAttribute::Address(octets) => link.mac = octets.try_into().ok().map(Mac),
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::LinkInfo(infos) => link.kind = infos.iter().find_map(kind),
            _ => {}
        }
    }
    Some(link)
}

fn kind(info: &LinkInfo) -> Option<String> {
    let LinkInfo::Kind(kind) = info else { return None };
    Some(kind.to_string())
}

fn parse_address(message: RouteNetlinkMessage) -> Option<LinkAddress> {
    let RouteNetlinkMessage::NewAddress(AddressMessage { header, attributes, .. }) = message else {
        return None;
    };
    // On a point-to-point link `Address` is the peer's, and `Local` its own; IPv6 has only `Address`.
    let local =
        attributes.iter().find_map(|a| if let AddressAttribute::Local(ip) = a { Some(*ip) } else { None });
    let other =
        attributes.iter().find_map(|a| if let AddressAttribute::Address(ip) = a { Some(*ip) } else { None });
    Some(LinkAddress { index: header.index, address: local.or(other)?, length: header.prefix_len })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_kernel_takes() {
        for good in ["md01234567", "eth0.100", "a", "exactly15bytes0"] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in ["", "sixteen-bytes-00", "a b", "a/b", "a:b", "..", "a\"b", "a\n"] {
            assert!(checked(bad).is_err(), "{bad:?}");
        }
    }
}
