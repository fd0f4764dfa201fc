//! What is set on the host: addresses, routes, MTU, name servers. Everything that was set is known, so that it can go again.

use std::net::Ipv4Addr;

use madang_dhcp::{Configuration, LINK_LOCAL_LENGTH};
use madang_kernel::{LearntRoute, Netlink};
use serde::Serialize;

use super::dns::Dns;
use crate::Result;
use crate::error::Doing;

/// What is set, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which of several routes is preferred: that of the least.
    pub metric: u32,
    /// Where name servers go.
    pub dns: Dns,
}

/// What is set now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "they are those of `madang_dhcp::Configuration`")]
pub struct Set {
    pub address: Ipv4Addr,
    pub length: u8,
    pub server: Ipv4Addr,
    pub lease_seconds: Option<u32>,
    pub routes: Vec<String>,
    pub dns: Vec<Ipv4Addr>,
    pub domain: Option<String>,
    pub ntp: Vec<Ipv4Addr>,
    pub mtu: Option<u16>,
}

#[derive(Debug)]
pub(super) struct Settings {
    interface: String,
    options: Options,
    /// What a server gave, and the routes that were made of it.
    configured: Option<(Configuration, Vec<LearntRoute>)>,
    /// The MTU before ours.
    mtu_before: Option<u32>,
}

impl Settings {
    pub(super) fn new(interface: String, options: Options, mtu_before: Option<u32>) -> Self {
        Self { interface, options, configured: None, mtu_before }
    }

    pub(super) fn mtu_before(&self) -> Option<u32> {
        self.mtu_before
    }

    pub(super) fn set(&self) -> Option<Set> {
        let (configuration, routes) = self.configured.as_ref()?;
        let route = |route: &LearntRoute| match route.router {
            Some(router) => format!("{} through {router}", route.to),
            None => format!("{} on the link", route.to),
        };
        Some(Set {
            address: configuration.address,
            length: configuration.subnet.length(),
            server: configuration.server,
            lease_seconds: configuration.lease,
            routes: routes.iter().map(route).collect(),
            dns: configuration.dns.clone(),
            domain: configuration.domain.clone(),
            ntp: configuration.ntp.clone(),
            mtu: configuration.mtu,
        })
    }

    /// Sets what a server gives, in place of what it gave before. What could not be set, in words: the address could.
    pub(super) fn configure(&mut self, new: &Configuration) -> Result<Vec<String>> {
        let mut netlink = Netlink::open()?;
        let link = netlink.expect_link(&self.interface)?;
        let mut trouble = Vec::new();
        netlink.set_address(&link, new.address, new.subnet.length(), new.lease)?;
        let routes = routes(new, self.options.metric);
        let old = self.configured.as_ref().map(|(_, old)| old.clone()).unwrap_or_default();
        // Those on the link come first: others lead through them.
        let (near, far): (Vec<LearntRoute>, Vec<_>) =
            routes.iter().filter(|route| !old.contains(route)).partition(|route| route.router.is_none());
        for route in near.into_iter().chain(far) {
            // Our own one of an earlier start makes room; nobody else's does.
            netlink.forget_route(&link, &route)?;
            match netlink.learn_route(&link, &route) {
                Ok(true) => {}
                Ok(false) => trouble.push(format!(
                    "another route to {} has the metric {}, and stays: --metric gives ours another",
                    route.to, route.metric
                )),
                Err(error) => trouble.push(error.to_string()),
            }
        }
        if let Some((before, old)) = self.configured.take() {
            for route in old.iter().filter(|route| !routes.contains(route)) {
                netlink.forget_route(&link, route)?;
            }
            if (before.address, before.subnet) != (new.address, new.subnet) {
                netlink.remove_address(&link, before.address, before.subnet.length())?;
            }
        }
        if let Some(mtu) = new.mtu.filter(|mtu| u32::from(*mtu) != link.mtu) {
            match netlink.set_mtu(&link, mtu.into()) {
                Ok(()) => self.mtu_before = self.mtu_before.or(Some(link.mtu)),
                Err(error) => trouble.push(error.to_string()),
            }
        }
        self.options
            .dns
            .set(&self.interface, &new.dns, new.domain.as_deref())
            .doing("set the name servers")?;
        self.configured = Some((new.clone(), routes));
        Ok(trouble)
    }

    /// Takes away what was set of what a server gave.
    pub(super) fn clear(&mut self) -> Result<()> {
        let Some((before, routes)) = self.configured.take() else { return Ok(()) };
        self.options.dns.clear(&self.interface).doing("take the name servers away")?;
        let mut netlink = Netlink::open()?;
        let Some(link) = netlink.link(&self.interface)? else { return Ok(()) };
        for route in &routes {
            netlink.forget_route(&link, route)?;
        }
        netlink.remove_address(&link, before.address, before.subnet.length())?;
        if let Some(mtu) = self.mtu_before.take() {
            netlink.set_mtu(&link, mtu)?;
        }
        Ok(())
    }

    /// The interface is another one: nothing of what was set is there any more.
    pub(super) fn lose(&mut self) {
        (self.configured, self.mtu_before) = (None, None);
    }

    pub(super) fn use_link_local(&mut self, address: Ipv4Addr) -> Result<()> {
        let mut netlink = Netlink::open()?;
        let link = netlink.expect_link(&self.interface)?;
        Ok(netlink.set_address(&link, address, LINK_LOCAL_LENGTH, None)?)
    }

    pub(super) fn remove_link_local(&mut self, address: Ipv4Addr) -> Result<()> {
        let mut netlink = Netlink::open()?;
        let Some(link) = netlink.link(&self.interface)? else { return Ok(()) };
        Ok(netlink.remove_address(&link, address, LINK_LOCAL_LENGTH)?)
    }
}

/// The routes as this host has them. Of several to one destination the first is preferred.
fn routes(new: &Configuration, metric: u32) -> Vec<LearntRoute> {
    let mut routes: Vec<LearntRoute> = Vec::new();
    for route in &new.routes {
        let same = routes.iter().filter(|other| other.to == route.destination).count();
        routes.push(LearntRoute {
            to: route.destination,
            router: Some(route.router).filter(|router| !router.is_unspecified()),
            metric: metric.saturating_add(u32::try_from(same).unwrap_or(u32::MAX)),
            from: new.address,
        });
    }
    routes
}
