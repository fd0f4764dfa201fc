//! Who can open what to whom, as people read it.

use std::fmt;

use madang_addr::Prefix;
use madang_compile::Traffic;
use madang_model::PortRange;
use serde::{Deserialize, Serialize};

/// How many instances or prefixes are named, before the rest is a number.
pub(super) const NAMED: usize = 4;

/// Connections that one party can open to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Path {
    /// Who opens them.
    pub from: Party,
    /// To whom.
    pub to: Party,
    /// Which: destination ports, as the one who is reached sees them.
    pub traffic: Vec<Ports>,
    /// The public address and port that they are opened to, as `203.0.113.10:80`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Party {
    /// Instances.
    Instances {
        /// The first few names.
        names: Vec<String>,
        /// How many they are.
        count: usize,
        /// The security groups that all of them have.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        groups: Vec<String>,
    },
    /// What lies beyond the uplinks.
    Outside(Outside),
}

/// Addresses beyond the uplinks, never those of the VPC.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outside {
    /// These.
    pub cidrs: Vec<Prefix>,
    /// But not these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Prefix>,
}

/// A protocol, and which destination ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ports {
    /// The protocol.
    pub protocol: Protocol,
    /// The ports, and of ICMP the types; none where it is all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortRange>,
}

/// A protocol that instances can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP requests: its ports are their types.
    Icmp,
    /// Every other IP protocol.
    Other,
    /// Every IP protocol.
    All,
}

pub(super) fn ports(traffic: &Traffic) -> Vec<Ports> {
    if *traffic == Traffic::all() {
        return vec![Ports { protocol: Protocol::All, ports: Vec::new() }];
    }
    let with_ports = [(Protocol::Tcp, &traffic.tcp), (Protocol::Udp, &traffic.udp)];
    let with_ports = with_ports.into_iter().filter(|(_, set)| !set.is_empty()).map(|(protocol, set)| {
        let ports = if set.is_all() { Vec::new() } else { set.ranges().to_vec() };
        Ports { protocol, ports }
    });
    let icmp = (!traffic.icmp.is_empty()).then(|| Ports { protocol: Protocol::Icmp, ports: types(traffic) });
    let other = traffic.other.then_some(Ports { protocol: Protocol::Other, ports: Vec::new() });
    with_ports.chain(icmp).chain(other).collect()
}

/// The types of the ICMP requests, unless it is all of them.
fn types(traffic: &Traffic) -> Vec<PortRange> {
    let ranges = traffic.icmp.ranges().iter().filter(|_| !traffic.icmp.is_all());
    ranges.filter_map(|range| PortRange::new(range.first() >> 8, range.last() >> 8)).collect()
}

/// `web-1 -> db-1 tcp/5432`, `outside -> web-1 tcp/8080 via 203.0.113.10:80`, `db-1 -> outside all`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, .. } = self;
        if from == to {
            write!(f, "{from} -> each other ")?
        } else {
            write!(f, "{from} -> {to} ")?
        }
        f.write_str(&joined(&self.traffic))?;
        self.via.iter().try_for_each(|via| write!(f, " via {via}"))
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instances { names, count, groups } => {
                f.write_str(&listed(names, *count))?;
                if *count > names.len() && !groups.is_empty() {
                    write!(f, " of {}", groups.join(", "))?;
                }
                Ok(())
            }
            Self::Outside(outside) => write!(f, "{outside}"),
        }
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cidrs, except } = self;
        let but =
            if except.is_empty() { String::new() } else { format!(" but {}", listed(except, except.len())) };
        if *cidrs == [Prefix::ANY_V4] {
            write!(f, "outside{but}")
        } else {
            write!(f, "outside ({}{but})", listed(cidrs, cidrs.len()))
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Icmp => "icmp",
            Protocol::Other => "other",
            Protocol::All => "all",
        };
        if self.ports.is_empty() {
            return f.write_str(protocol);
        }
        let each: Vec<_> = self.ports.iter().map(|range| format!("{protocol}/{range}")).collect();
        f.write_str(&each.join(", "))
    }
}

/// The first few, and how many more there are.
fn listed<T: fmt::Display>(items: &[T], count: usize) -> String {
    let shown = joined(&items[..items.len().min(NAMED)]);
    match count.saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn joined<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
