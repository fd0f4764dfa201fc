//! What is opened: a protocol and a port.

use std::fmt;

use madang_compile::{ICMP, TCP, Traffic, UDP};
use madang_datapath::abi::ECHO_REQUEST;
use madang_datapath::{Forward, ForwardKey};
use madang_model::{AssertedProtocol, AssertionSpec};

use crate::reach::outside::is_whole;

/// A protocol, and a destination port if one is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Service {
    protocol: AssertedProtocol,
    pub(super) port: Option<u16>,
}

impl Service {
    pub(super) fn of(spec: &AssertionSpec) -> Self {
        Self { protocol: spec.protocol, port: spec.port }
    }

    /// The same at another port.
    pub(super) fn at(self, port: u16) -> Self {
        Self { port: Some(port), ..self }
    }

    /// The service of a public address by which this one of an instance is reached, if this forward leads to it.
    pub(super) fn seen_at(self, key: &ForwardKey, forward: &Forward) -> Option<Self> {
        let led = is_whole(key) || self.port.is_none_or(|port| port == forward.port);
        let port = self.port.map(|port| if is_whole(key) { port } else { key.port });
        led.then_some(Self { port, ..self })
    }

    /// The IP protocol's number.
    pub(super) fn number(self) -> u8 {
        match self.protocol {
            AssertedProtocol::Tcp => TCP,
            AssertedProtocol::Udp => UDP,
            AssertedProtocol::Icmp => ICMP,
        }
    }

    /// Whether it may be opened; at any port, if none is said.
    pub(super) fn is_in(self, traffic: &Traffic) -> bool {
        match (self.ports(traffic), self.port) {
            (None, _) => traffic.icmp.contains(ECHO_REQUEST),
            (Some(ports), None) => !ports.is_empty(),
            (Some(ports), Some(port)) => ports.contains(port),
        }
    }

    /// The same at one port of those that may be opened.
    pub(super) fn one_of(self, traffic: &Traffic) -> Self {
        let first = self.ports(traffic).and_then(|ports| ports.ranges().first());
        // Port 0 is nobody's: the next says more.
        let first = first.map(|range| if range.last() > 0 { range.first().max(1) } else { 0 });
        Self { port: self.port.or(first), ..self }
    }

    /// As a rule of a security group says it, but for the peer.
    pub(super) fn rule(self) -> String {
        match self.port {
            Some(port) => format!("protocol: {}, ports: [{port}]", self.name()),
            None => format!("protocol: {}", self.name()),
        }
    }

    fn ports(self, traffic: &Traffic) -> Option<&madang_compile::PortSet> {
        match self.protocol {
            AssertedProtocol::Tcp => Some(&traffic.tcp),
            AssertedProtocol::Udp => Some(&traffic.udp),
            AssertedProtocol::Icmp => None,
        }
    }

    fn name(self) -> &'static str {
        match self.protocol {
            AssertedProtocol::Tcp => "tcp",
            AssertedProtocol::Udp => "udp",
            AssertedProtocol::Icmp => "icmp",
        }
    }
}

/// `tcp/5432`, `icmp`; without a port, `tcp`.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}/{port}", self.name()),
            None => f.write_str(self.name()),
        }
    }
}
