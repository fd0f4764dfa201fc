//! An instance's port: a veth of which one end is the host's and the other is `eth0` in the instance's namespace.

use std::net::IpAddr;
use std::path::Path;

use madang_addr::Mac;
use madang_datapath::GATEWAY_MAC;

use crate::error::Result;
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
}

impl Port<'_> {
    /// Makes the port between the host and the namespace that is bound to this file.
    ///
    /// The instance's end is complete and up; the host's end is down, so that nothing passes before the programs are
    /// attached and [`Self::set_up`] is called. If anything fails, nothing is left. The alias comes last: a port
    /// without one was left half made, by a crash.
    pub fn create(&self, host: &mut Netlink, namespace: &Path) -> Result<Link> {
        let veth = Veth {
            name: self.name,
            alias: "",
            mac: GATEWAY_MAC,
            peer_name: GUEST_LINK,
            peer_mac: self.mac,
            mtu: self.mtu,
        };
        let link = host.create_veth(&veth, netns::open(namespace)?)?;
        let configured = quiet_host_end(self.name)
            .and_then(|()| netns::enter(namespace, || self.configure_guest())?)
            .and_then(|()| host.set_alias(&link, self.alias));
        if let Err(error) = configured {
            host.delete_link(self.name)?;
            return Err(error);
        }
        Ok(Link { alias: Some(self.alias.to_owned()), ..link })
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
        netlink.add_address(&eth0, self.address, self.length)?;
        netlink.set_up(&eth0, true)?;
        netlink.add_default_route(&eth0, self.gateway)
    }
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
