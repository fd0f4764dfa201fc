//! All the resources by kind and name, and what is found about them.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::groups::DEFAULT_GROUP;
use crate::words::{did_you_mean, named, noun};
use crate::{
    AddressPoolSpec, AddressPoolStatus, DhcpServerSpec, Diagnostic, InstanceSpec, InstanceStatus, Kind,
    NatGatewaySpec, NatGatewayStatus, Object, PlainStatus, PublicAddressSpec, PublicAddressStatus, Resource,
    RouteTableSpec, SecurityGroupSpec, SubnetSpec, VpcSpec, VpcStatus, origin,
};

/// The resources by kind and name. Of several with one name only the first is here.
pub(super) struct World<'a> {
    resources: &'a [Resource],
    by_name: BTreeMap<(Kind, &'a str), usize>,
    /// How many hints have looked at all the names.
    hints: Cell<u32>,
}

/// What is wrong, by the resource's place in the list.
pub(super) struct Findings {
    pub(super) diagnostics: Vec<(usize, Diagnostic)>,
    /// Whether the resource has something wrong that keeps it out of the model.
    pub(super) is_wrong: Vec<bool>,
    /// Which other resources it cannot do without.
    pub(super) needs: Vec<Vec<usize>>,
}

/// Whether a resource can do without another that it names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// It cannot.
    Whole,
    /// A part of it does nothing instead.
    Part,
}

impl Findings {
    pub(super) fn new(resources: usize) -> Self {
        Self { diagnostics: Vec::new(), is_wrong: vec![false; resources], needs: vec![Vec::new(); resources] }
    }

    /// Notes something that keeps the resource out of the model.
    pub(super) fn wrong(&mut self, n: usize, path: impl Into<String>, diagnostic: Diagnostic) {
        self.is_wrong[n] = true;
        self.note(n, path, diagnostic);
    }

    /// Notes something that keeps out a part of the resource alone.
    pub(super) fn note(&mut self, n: usize, path: impl Into<String>, diagnostic: Diagnostic) {
        self.diagnostics.push((n, Diagnostic { path: path.into(), ..diagnostic }));
    }
}

macro_rules! each_kind {
    ($([$($one:ident)?] [$($all:ident)?] $kind:ident $spec:ty, $status:ty;)*) => {
        impl<'a> World<'a> {
            $(
                $(/// The resource of this name.
                pub(super) fn $one(&self, name: &str) -> Option<&'a Object<$spec, $status>> {
                    match self.resource(self.find(Kind::$kind, name)?) {
                        Resource::$kind(object) => Some(object),
                        _ => None,
                    }
                })?

                $(/// All of the kind, each with its place.
                pub(super) fn $all(&self) -> impl Iterator<Item = (usize, &'a Object<$spec, $status>)> {
                    self.places(Kind::$kind).filter_map(|n| match self.resource(n) {
                        Resource::$kind(object) => Some((n, object)),
                        _ => None,
                    })
                })?
            )*
        }
    };
}

each_kind! {
    [pool] [pools] AddressPool AddressPoolSpec, AddressPoolStatus;
    [] [dhcp_servers] DhcpServer DhcpServerSpec, PlainStatus;
    [vpc] [vpcs] Vpc VpcSpec, VpcStatus;
    [group] [groups] SecurityGroup SecurityGroupSpec, PlainStatus;
    [nat] [nats] NatGateway NatGatewaySpec, NatGatewayStatus;
    [table] [tables] RouteTable RouteTableSpec, PlainStatus;
    [subnet] [subnets] Subnet SubnetSpec, PlainStatus;
    [] [instances] Instance InstanceSpec, InstanceStatus;
    [] [public_addresses] PublicAddress PublicAddressSpec, PublicAddressStatus;
}

impl<'a> World<'a> {
    /// Of these resources, noting those that there are twice.
    pub(super) fn new(resources: &'a [Resource], findings: &mut Findings) -> Self {
        let mut by_name = BTreeMap::new();
        let mut world = Self { resources, by_name: BTreeMap::new(), hints: Cell::new(0) };
        for (n, resource) in resources.iter().enumerate().filter(|(_, r)| r.kind().is_of_the_network()) {
            let name = resource.metadata().name.as_str();
            let first = *by_name.entry((resource.kind(), name)).or_insert(n);
            if first != n {
                let message = format!("{} {name} is declared twice", noun(resource.kind()));
                let diagnostic = Diagnostic::new("duplicate", message)
                    .hint("leave out one of them, or give it another name");
                let diagnostic = match origin(world.resource(first), "") {
                    Some((file, line)) => diagnostic.cause(format!("the first one is at {file}:{line}")),
                    None => diagnostic,
                };
                findings.wrong(n, "metadata.name", diagnostic);
            }
        }
        world.by_name = by_name;
        world
    }

    pub(super) fn resource(&self, n: usize) -> &'a Resource {
        &self.resources[n]
    }

    pub(super) fn find(&self, kind: Kind, name: &str) -> Option<usize> {
        self.by_name.get(&(kind, name)).copied()
    }

    fn places(&self, kind: Kind) -> impl Iterator<Item = usize> {
        // In the order of the list, so that of two that clash the later one is said to.
        let mut places: Vec<usize> =
            self.by_name.range((kind, "")..).take_while(|((k, _), _)| *k == kind).map(|(_, n)| *n).collect();
        places.sort_unstable();
        places.into_iter()
    }

    /// Where a resource was written, to put behind its name: ` (shop.yaml:7)`.
    pub(super) fn place(&self, n: usize) -> String {
        origin(self.resource(n), "").map_or_else(String::new, |(file, line)| format!(" ({file}:{line})"))
    }

    /// As in a sentence: `subnet web (shop.yaml:7)`.
    pub(super) fn called(&self, n: usize) -> String {
        let resource = self.resource(n);
        format!("{} {}{}", noun(resource.kind()), resource.metadata().name, self.place(n))
    }

    /// Follows a name to the resource that it means, noting if there is none.
    pub(super) fn follow(
        &self,
        findings: &mut Findings,
        (from, path): (usize, &str),
        kind: Kind,
        name: &str,
        need: Need,
    ) -> Option<usize> {
        let to = self.find(kind, name);
        match (to, need) {
            (Some(to), Need::Whole) => findings.needs[from].push(to),
            (Some(_), Need::Part) => {}
            (None, _) => {
                let message = format!("there is no {} {}", noun(kind), named(name));
                let diagnostic = Diagnostic::new("referenceNotFound", message);
                let diagnostic = self.hint(diagnostic, name, noun(kind), kind, |_| true);
                match need {
                    Need::Whole => findings.wrong(from, path, diagnostic),
                    Need::Part => findings.note(from, path, diagnostic),
                }
            }
        }
        to
    }

    /// With the nearest name of those that will do, or with all of them. Not for thousands: each looks at all the names.
    pub(super) fn hint(
        &self,
        diagnostic: Diagnostic,
        meant: &str,
        what: &str,
        kind: Kind,
        will_do: impl Fn(&Resource) -> bool,
    ) -> Diagnostic {
        const MOST_HINTS: u32 = 100;
        if self.hints.replace(self.hints.get().saturating_add(1)) >= MOST_HINTS {
            return diagnostic;
        }
        let places = self.places(kind).map(|n| self.resource(n)).filter(|resource| will_do(resource));
        let mut names: Vec<&str> = places.map(|resource| resource.metadata().name.as_str()).collect();
        if kind == Kind::SecurityGroup && !names.contains(&DEFAULT_GROUP) {
            names.push(DEFAULT_GROUP);
        }
        diagnostic.hint(did_you_mean(meant, what, &names))
    }
}
