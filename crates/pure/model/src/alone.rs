//! Whether a resource is right by itself: what can be said without looking at any other.

mod dhcp;
mod instance;
mod metadata;
mod network;
mod outside;
mod rights;
mod secret;

use std::collections::BTreeSet;
use std::net::IpAddr;

use madang_addr::Prefix;

use crate::addresses::{overlaps, special};
use crate::fields::{MOST_PROBLEMS, Problem};
use crate::formats::ipv6;
use crate::words::quote;
use crate::{Diagnostic, PoolEntry, Resource};

/// Everything that is wrong with a resource by itself.
pub(crate) fn problems(resource: &Resource) -> Vec<Problem> {
    let mut found = Found(Vec::new());
    metadata::metadata(&mut found, resource.metadata(), resource.kind());
    match resource {
        Resource::Namespace(_) | Resource::Node(_) | Resource::Event(_) => {}
        Resource::AddressPool(object) => outside::pool(&mut found, &object.spec),
        Resource::DhcpServer(object) => dhcp::server(&mut found, &object.spec),
        Resource::Vpc(object) => network::vpc(&mut found, &object.spec),
        Resource::SecurityGroup(object) => network::security_group(&mut found, &object.spec),
        Resource::NatGateway(object) => outside::nat_gateway(&mut found, &object.spec),
        Resource::PrefixList(object) => network::prefix_list(&mut found, &object.spec),
        Resource::RouteTable(object) => network::route_table(&mut found, &object.spec),
        Resource::Subnet(object) => network::subnet(&mut found, &object.spec),
        Resource::Instance(object) => instance::instance(&mut found, &object.spec),
        Resource::InstanceGroup(object) => instance::group(&mut found, &object.spec),
        Resource::PublicAddress(object) => outside::public_address(&mut found, &object.spec),
        Resource::Assertion(object) => network::assertion(&mut found, &object.spec),
        Resource::Secret(object) => secret::secret(&mut found, &object.spec),
        Resource::Role(object) => rights::role(&mut found, &object.spec, true),
        Resource::ClusterRole(object) => rights::role(&mut found, &object.spec, false),
        Resource::RoleBinding(object) => rights::binding(&mut found, &object.spec, true),
        Resource::ClusterRoleBinding(object) => rights::binding(&mut found, &object.spec, false),
    }
    found.0
}

struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, path: impl AsRef<str>, diagnostic: Diagnostic) {
        self.push(Problem::new(path.as_ref(), diagnostic));
    }

    fn push(&mut self, problem: Problem) {
        if self.0.len() < MOST_PROBLEMS {
            self.0.push(problem);
        }
    }

    fn address(&mut self, path: &str, address: Option<IpAddr>) {
        if let Some(address) = address.filter(IpAddr::is_ipv6) {
            self.add(path, ipv6(address).into());
        }
    }

    /// Whether the prefix is of the family that is there.
    fn family(&mut self, path: &str, prefix: Prefix) -> bool {
        let v4 = prefix.address().is_ipv4();
        if !v4 {
            self.add(path, ipv6(prefix).into());
        }
        v4
    }

    /// A range of addresses that somebody is to have.
    fn range(&mut self, path: &str, range: Prefix, hint: &str) {
        if !self.family(path, range) {
            return;
        }
        if let Some(why) = special(range) {
            let diagnostic = Diagnostic::new("specialRange", format!("{range} cannot be used")).cause(why);
            self.add(path, diagnostic.hint(hint));
        }
    }

    /// Ranges of one list that share addresses.
    fn apart(&mut self, path: &str, ranges: &[Prefix]) {
        for (n, first) in overlaps(ranges) {
            let (range, first) = (PoolEntry(ranges[n]), PoolEntry(ranges[first]));
            let (message, hint) = if first == range {
                (format!("{range} is written twice"), "leave out one of them".to_owned())
            } else {
                let inner = if first.0.covers(range.0) { range } else { first };
                (format!("{range} overlaps {first}"), format!("leave out {inner}"))
            };
            self.add(format!("{path}[{n}]"), Diagnostic::new("overlap", message).hint(hint));
        }
    }

    fn not_empty<T>(&mut self, path: &str, list: &[T], hint: &str) {
        if list.is_empty() {
            self.add(path, Diagnostic::new("emptyList", "the list is empty").hint(hint));
        }
    }

    /// Texts of one list that are the same.
    fn no_repeats(&mut self, path: &str, texts: &[String]) {
        let mut seen = BTreeSet::new();
        for (n, text) in texts.iter().enumerate() {
            if !seen.insert(text) {
                let message = format!("{} is written twice", quote(text));
                self.add(format!("{path}[{n}]"), Diagnostic::new("duplicate", message).hint("leave it out"));
            }
        }
    }
}
