//! The first parts of packets that come in parts: they alone have the ports. An LRU map in the kernel, an ordered one here.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use madang_wire::icmp::Echo;

use super::Protocol;
use crate::abi::FRAGMENT_NS;

/// What the parts of one packet have in common (RFC 791), and where they come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FragmentKey {
    pub(crate) interface: u32,
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) identification: u16,
    pub(crate) protocol: Protocol,
}

/// What the first part says of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FirstFragment {
    pub(crate) ports: (u16, u16),
    /// None unless it is an ICMP echo.
    pub(crate) echo: Option<Echo>,
    /// Where it ends, in bytes behind the header.
    pub(crate) end: usize,
}

/// What is remembered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fragments(BTreeMap<FragmentKey, (u64, FirstFragment)>);

impl Fragments {
    /// Remembers a first part, in place of another one of this key.
    pub(crate) fn remember(&mut self, key: FragmentKey, first: FirstFragment, now_ns: u64) {
        self.0.insert(key, (now_ns + FRAGMENT_NS, first));
    }

    /// The first part, unless that was too long ago.
    pub(crate) fn first(&self, key: &FragmentKey, now_ns: u64) -> Option<FirstFragment> {
        self.0.get(key).filter(|(deadline, _)| now_ns < *deadline).map(|(_, first)| *first)
    }
}
