//! An instance's port: a veth of which one end is the datapath's, and the other is `eth0` in the instance's namespace; or,
//! where the instance is the host itself, one of the host's own interfaces.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use madang_addr::{Mac, Prefix};
use madang_datapath::GATEWAY_MAC;

use crate::error::{Error, Result};
use crate::link::{Link, Veth};
use crate::netlink::Netlink;
use crate::{netns, sysctl};

/// The name of the instance's end.
pub const GUEST_LINK: &str = "eth0";

/// What a port is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port<'a> {
    /// The name of the host's end: `Layout::port_name`.
    pub name: &'a str,
    /// The instance's name, kept as the host's end's alias.
    pub alias: &'a str,
    /// The instance's Ethernet address.
    pub mac: Mac,
    /// The instance's address.
    pub address: IpAddr,
    /// How many of its bits are the subnet.
    pub length: u8,
    /// The subnet's gateway.
    pub gateway: IpAddr,
    /// The longest packet, in bytes.
    pub mtu: u32,
    /// Whose the other end is.
    pub end: End<'a>,
}

/// Whose the end of a port is that is not the datapath's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End<'a> {
    /// An instance's, which has no other way.
    Instance,
    /// The same, without address and routes: it gets them otherwise.
    Unmanaged,
    /// The host's.
    Host {
        /// Its name.
        name: &'a str,
        /// What is reached by it, and nothing else.
        reaches: &'a BTreeSet<Prefix>,
    },
}

impl Port<'_> {
    /// Makes the port between the host and the namespace that is bound to this file.
    ///
    /// The instance's end is complete and up; the host's end is down, so that nothing passes before the programs are
    /// attached and [`Self::set_up`] is called. If anything fails, nothing is left. The alias comes last: a port
    /// without one was left half made, by a crash.
    pub fn create(&self, host: &mut Netlink, namespace: &Path) -> Result<Link> {
        let peer_name = match self.end {
            End::Instance | End::Unmanaged => GUEST_LINK,
            End::Host { name, reaches } => {
                // A way that the host has is never taken from it.
                free_ways(host, reaches)?;
                name
            }
        };
        let veth = Veth {
            name: self.name,
            alias: "",
            mac: GATEWAY_MAC,
            peer_name,
            peer_mac: self.mac,
            mtu: self.mtu,
        };
        let link = host.create_veth(&veth, netns::open(namespace)?)?;
        let configured = quiet_host_end(self.name)
            .and_then(|()| match self.end {
                End::Instance | End::Unmanaged => netns::enter(namespace, || self.configure_guest())?,
                End::Host { name, reaches } => self.configure_host(host, name, reaches),
            })
            .and_then(|()| host.set_alias(&link, self.alias));
        if let Err(error) = configured {
            host.delete_link(self.name)?;
            return Err(error);
        }
        Ok(Link { alias: Some(self.alias.to_owned()), ..link })
    }

    /// Sets up the host's end: one address, and ways to the VPC by its gateway. What comes in by it goes to nobody else.
    fn configure_host(&self, host: &mut Netlink, name: &str, reaches: &BTreeSet<Prefix>) -> Result<()> {
        for (family, setting, value) in [
            ("ipv6", "disable_ipv6", "1"),
            ("ipv4", "forwarding", "0"),
            ("ipv4", "accept_redirects", "0"),
            // 2: it asks for the gateway as the address of this interface, whatever it has to send.
            ("ipv4", "arp_announce", "2"),
            // 1: it answers for the address of this interface, and for no other one of the host's.
            ("ipv4", "arp_ignore", "1"),
        ] {
            sysctl::write(&["net", family, "conf", name, setting], value)?;
        }
        let link = host.expect_link(name)?;
        host.set_alias(&link, self.alias)?;
        host.add_address(&link, self.address, Prefix::host(self.address).length())?;
        host.set_up(&link, true)?;
        reaches.iter().try_for_each(|to| host.add_route_from(&link, *to, self.gateway, self.address))
    }

    /// Lets a port that was made carry packets.
    pub fn set_up(host: &mut Netlink, link: &Link) -> Result<()> {
        if link.mac != Some(GATEWAY_MAC) {
            host.set_mac(link, GATEWAY_MAC)?;
        }
        host.set_up(link, true)
    }

    /// Whether the host's end of a port carries packets as it should.
    pub fn is_up(link: &Link) -> bool {
        link.up && link.mac == Some(GATEWAY_MAC)
    }

    /// Sets up the instance's end; called inside the instance's namespace.
    fn configure_guest(&self) -> Result<()> {
        for devices in ["all", "default"] {
            sysctl::write(&["net", "ipv6", "conf", devices, "disable_ipv6"], "1")?;
        }
        let mut netlink = Netlink::open()?;
        let lo = netlink.expect_link("lo")?;
        netlink.set_up(&lo, true)?;
        let eth0 = netlink.expect_link(GUEST_LINK)?;
        if self.end == End::Unmanaged {
            return netlink.set_up(&eth0, true);
        }
        netlink.add_address(&eth0, self.address, self.length)?;
        netlink.set_up(&eth0, true)?;
        netlink.add_default_route(&eth0, self.gateway)
    }
}

/// What the host reaches by its end of a port: nothing, if the end is down, or is not this address's.
pub fn reached(
    netlink: &mut Netlink,
    name: &str,
    address: IpAddr,
    gateway: IpAddr,
) -> Result<BTreeSet<Prefix>> {
    let Some(link) = netlink.link(name)?.filter(|link| link.up) else { return Ok(BTreeSet::new()) };
    let own = |found: &crate::link::LinkAddress| found.index == link.index && found.address == address;
    if !netlink.addresses()?.iter().any(own) {
        return Ok(BTreeSet::new());
    }
    let routes = Netlink::routes(Some(&link))?;
    Ok(routes.iter().filter(|route| route.gateway == Some(gateway)).map(|route| route.to).collect())
}

/// Refuses what would take addresses from a way that the host has.
fn free_ways(host: &mut Netlink, reaches: &BTreeSet<Prefix>) -> Result<()> {
    for route in Netlink::routes(None)? {
        let overlaps = |wanted: &&Prefix| wanted.covers(route.to) || route.to.covers(**wanted);
        if let Some(wanted) = reaches.iter().find(overlaps) {
            let links = host.links()?;
            let by = links.iter().find(|link| Some(link.index) == route.interface);
            let by = by.map_or_else(|| "several interfaces".to_owned(), |link| link.name.clone());
            return Err(Error::RouteTaken { to: route.to, by, wanted: *wanted });
        }
    }
    Ok(())
}

/// Keeps the host's own stack out of what happens at a port: the programs alone speak there.
fn quiet_host_end(name: &str) -> Result<()> {
    for (family, setting, value) in [
        ("ipv6", "disable_ipv6", "1"),
        ("ipv6", "accept_ra", "0"),
        // 8: the host answers ARP for no address of its own.
        ("ipv4", "arp_ignore", "8"),
        ("ipv4", "forwarding", "0"),
        ("ipv4", "accept_redirects", "0"),
    ] {
        sysctl::write(&["net", family, "conf", name, setting], value)?;
    }
    Ok(())
}
