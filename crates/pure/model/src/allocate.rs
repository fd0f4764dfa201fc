//! Numbers and addresses for what has none yet: the lowest that are free, so that the same resources get the same ones.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use madang_addr::{Mac, Prefix};

use crate::addresses::{FIRST_USABLE, LONGEST_SUBNET, capacity, size};
use crate::words::count;
use crate::{Diagnostic, ObjectRef, Resource};

/// Fills in what the incoming resources lack: VPC numbers, the addresses of instances, NAT gateways and public addresses,
/// and MACs. Keeps what is there, in the incoming resource or in its older self among the existing ones. An address that
/// somebody asks for in the spec is theirs before any other is given. Says which resources got nothing, and why; what
/// [`check`](crate::check) says is not said again.
pub fn allocate(existing: &[Resource], incoming: &mut [Resource]) -> Vec<Diagnostic> {
    keep(existing, incoming);
    let replaced: HashSet<ObjectRef> = incoming.iter().map(Resource::object_ref).collect();
    let others: Vec<&Resource> =
        existing.iter().filter(|other| !replaced.contains(&other.object_ref())).collect();
    let mut ranges = Ranges::new(others.iter().copied().chain(incoming.iter()));
    numbers(&others, incoming);
    macs(&others, incoming);
    asked_for(incoming);
    for resource in others.iter().copied().chain(incoming.iter()) {
        if let Some((range, address)) = ranges.of(resource).zip(address(resource)) {
            range.taken.insert(address);
        }
    }
    let mut diagnostics = Vec::new();
    for resource in incoming {
        if address(resource).is_some() {
            continue;
        }
        let Some(range) = ranges.of(resource) else { continue };
        match range.next() {
            Some(free) => set_address(resource, free),
            None => diagnostics.push(range.exhausted().at(resource.object_ref(), "spec.address")),
        }
    }
    diagnostics
}

/// Gives the incoming resources what their older selves have.
fn keep(existing: &[Resource], incoming: &mut [Resource]) {
    let older: HashMap<ObjectRef, &Resource> =
        existing.iter().map(|older| (older.object_ref(), older)).collect();
    for resource in incoming {
        let Some(older) = older.get(&resource.object_ref()) else { continue };
        let uids = resource.metadata().uid.as_ref().zip(older.metadata().uid.as_ref());
        if uids.is_some_and(|(new, old)| new != old) {
            continue;
        }
        match (resource, older) {
            (Resource::Vpc(new), Resource::Vpc(old)) => {
                new.status.number = new.status.number.or(old.status.number)
            }
            (Resource::Instance(new), Resource::Instance(old)) => {
                new.status.address = new.status.address.or(old.status.address);
                new.status.mac = new.status.mac.or(old.status.mac);
            }
            (Resource::NatGateway(new), Resource::NatGateway(old)) => {
                new.status.address = new.status.address.or(old.status.address);
            }
            (Resource::PublicAddress(new), Resource::PublicAddress(old)) => {
                new.status.address = new.status.address.or(old.status.address);
            }
            _ => {}
        }
    }
}

fn numbers(others: &[&Resource], incoming: &mut [Resource]) {
    let number =
        |resource: &Resource| if let Resource::Vpc(vpc) = resource { vpc.status.number } else { None };
    let taken: HashSet<u32> = others.iter().copied().chain(incoming.iter()).filter_map(number).collect();
    let mut free = (1..).filter(|n| !taken.contains(n));
    for resource in incoming {
        if let Resource::Vpc(vpc) = resource {
            vpc.status.number = vpc.status.number.or_else(|| free.next());
        }
    }
}

fn macs(others: &[&Resource], incoming: &mut [Resource]) {
    let mac = |resource: &Resource| {
        if let Resource::Instance(instance) = resource { instance.status.mac } else { None }
    };
    let mut taken: HashSet<Mac> = others.iter().copied().chain(incoming.iter()).filter_map(mac).collect();
    for resource in incoming {
        let object = resource.object_ref();
        let Resource::Instance(instance) = resource else { continue };
        if instance.status.mac.is_some() {
            continue;
        }
        let by_name = || format!("{}/{}/{}", object.kind, object.namespace, object.name);
        let seed = instance.metadata.uid.clone().unwrap_or_else(by_name);
        // Two seeds in 2^40 share a MAC; the later one is made of the seed and a number then.
        let first = Mac::from_seed(&seed);
        let mut others = (1_u32..).map(|n| Mac::from_seed(&format!("{seed}#{n}")));
        let free = if taken.contains(&first) { others.find(|mac| !taken.contains(mac)) } else { Some(first) };
        instance.status.mac = free;
        taken.extend(free);
    }
}

/// Gives whoever asks for a particular address that one. Whether they may have it is for `check` to say.
fn asked_for(incoming: &mut [Resource]) {
    for resource in incoming {
        match resource {
            Resource::Instance(o) => o.status.address = o.status.address.or(o.spec.address),
            Resource::NatGateway(o) => o.status.address = o.status.address.or(o.spec.address),
            Resource::PublicAddress(o) => o.status.address = o.status.address.or(o.spec.address),
            _ => {}
        }
    }
}

fn address(resource: &Resource) -> Option<IpAddr> {
    match resource {
        Resource::Instance(o) => o.status.address,
        Resource::NatGateway(o) => o.status.address,
        Resource::PublicAddress(o) => o.status.address,
        _ => None,
    }
}

fn set_address(resource: &mut Resource, address: IpAddr) {
    match resource {
        Resource::Instance(o) => o.status.address = Some(address),
        Resource::NatGateway(o) => o.status.address = Some(address),
        Resource::PublicAddress(o) => o.status.address = Some(address),
        _ => {}
    }
}

/// What addresses are given from: the subnets and the pools, by name.
struct Ranges {
    subnets: BTreeMap<String, Range>,
    pools: BTreeMap<String, Range>,
}

impl Ranges {
    fn new<'a>(resources: impl Iterator<Item = &'a Resource>) -> Self {
        let mut ranges = Self { subnets: BTreeMap::new(), pools: BTreeMap::new() };
        for resource in resources {
            let name = resource.metadata().name.clone();
            match resource {
                Resource::Subnet(subnet) => {
                    ranges.subnets.insert(name.clone(), Range::subnet(&name, subnet.spec.cidr));
                }
                Resource::AddressPool(pool) => {
                    let prefixes = pool.spec.addresses.iter().map(|entry| entry.0).collect();
                    ranges.pools.insert(name.clone(), Range::pool(&name, prefixes));
                }
                _ => {}
            }
        }
        ranges
    }

    /// Where a resource's address comes from.
    fn of(&mut self, resource: &Resource) -> Option<&mut Range> {
        match resource {
            Resource::Instance(o) => self.subnets.get_mut(&o.spec.subnet),
            Resource::NatGateway(o) => self.pools.get_mut(&o.spec.pool),
            Resource::PublicAddress(o) => self.pools.get_mut(&o.spec.pool),
            _ => None,
        }
    }
}

/// Addresses to give, from the lowest. What is before the cursor is given.
struct Range {
    what: String,
    holds: String,
    way_out: &'static str,
    /// Prefixes, each with the numbers of the first address to give and the one after the last.
    parts: Vec<(Prefix, u128, u128)>,
    taken: HashSet<IpAddr>,
    part: usize,
    cursor: u128,
}

impl Range {
    fn subnet(name: &str, cidr: Prefix) -> Self {
        let instances = count(capacity(cidr), "instance", "instances");
        let right = cidr.address().is_ipv4() && cidr.length() <= LONGEST_SUBNET;
        let end = u128::from(size(cidr)) - 1;
        let parts = if right { vec![(cidr, FIRST_USABLE, end)] } else { Vec::new() };
        Self {
            what: format!("subnet {name} ({cidr})"),
            holds: format!("it holds {instances}: five of its {} addresses are reserved", size(cidr)),
            way_out: "use a larger subnet or another one, or delete instances of this one",
            ..Self::of(parts)
        }
    }

    fn pool(name: &str, mut prefixes: Vec<Prefix>) -> Self {
        prefixes.retain(|prefix| prefix.address().is_ipv4());
        prefixes.sort_unstable();
        let addresses = count(prefixes.iter().map(|prefix| size(*prefix)).sum(), "address", "addresses");
        Self {
            what: format!("address pool {name}"),
            holds: format!("it holds {addresses}"),
            way_out: "add addresses to it, or delete a NAT gateway or a public address that uses it",
            ..Self::of(prefixes.into_iter().map(|prefix| (prefix, 0, u128::from(size(prefix)))).collect())
        }
    }

    fn of(parts: Vec<(Prefix, u128, u128)>) -> Self {
        let cursor = parts.first().map_or(0, |(_, first, _)| *first);
        let (what, holds, taken) = (String::new(), String::new(), HashSet::new());
        Self { what, holds, way_out: "", parts, taken, part: 0, cursor }
    }

    /// The lowest address that is free, which is not free then.
    fn next(&mut self) -> Option<IpAddr> {
        loop {
            let (prefix, _, end) = *self.parts.get(self.part)?;
            while self.cursor < end {
                let address = prefix.nth(self.cursor)?;
                self.cursor += 1;
                if self.taken.insert(address) {
                    return Some(address);
                }
            }
            self.part += 1;
            self.cursor = self.parts.get(self.part).map_or(0, |(_, first, _)| *first);
        }
    }

    fn exhausted(&self) -> Diagnostic {
        Diagnostic::new("exhausted", format!("{} has no free address", self.what))
            .cause(self.holds.clone())
            .hint(self.way_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, from_json};

    fn resource(kind: Kind, name: &str, spec: serde_json::Value) -> Resource {
        let value = serde_json::json!({ "apiVersion": crate::API_VERSION, "kind": kind, "metadata": { "name": name }, "spec": spec });
        from_json(value).unwrap()
    }

    fn vpc(name: &str) -> Resource {
        resource(Kind::Vpc, name, serde_json::json!({ "cidrs": ["10.0.0.0/8"] }))
    }

    fn subnet(name: &str, cidr: &str) -> Resource {
        resource(Kind::Subnet, name, serde_json::json!({ "vpc": "shop", "cidr": cidr }))
    }

    fn instance(name: &str, address: Option<&str>) -> Resource {
        let mut spec = serde_json::json!({ "subnet": "web", "process": { "command": ["a"] } });
        if let Some(address) = address {
            spec["address"] = address.into();
        }
        resource(Kind::Instance, name, spec)
    }

    fn number(resource: &Resource) -> u32 {
        if let Resource::Vpc(vpc) = resource { vpc.status.number.unwrap() } else { panic!("{resource:?}") }
    }

    fn given(resources: &[Resource]) -> Vec<String> {
        resources.iter().filter_map(address).map(|address| address.to_string()).collect()
    }

    #[test]
    fn numbers_are_the_lowest_that_are_free() {
        let mut first = [vpc("a"), vpc("b"), vpc("c")];
        assert_eq!(allocate(&[], &mut first), []);
        assert_eq!(first.iter().map(number).collect::<Vec<_>>(), [1, 2, 3]);
        let [a, _, c] = first;
        let mut later = [vpc("d"), vpc("c"), vpc("e")];
        allocate(&[a, c], &mut later);
        assert_eq!(later.iter().map(number).collect::<Vec<_>>(), [2, 3, 4], "c keeps its number");
    }

    #[test]
    fn who_asks_for_an_address_gets_it_before_others_get_any() {
        let mut all = [
            instance("a", None),
            instance("b", Some("10.0.1.4")),
            instance("c", None),
            subnet("web", "10.0.1.0/24"),
        ];
        assert_eq!(allocate(&[], &mut all), []);
        assert_eq!(given(&all), ["10.0.1.5", "10.0.1.4", "10.0.1.6"]);
        let again = all.clone();
        allocate(&again, &mut all);
        assert_eq!(all, again, "a second time changes nothing");
    }

    #[test]
    fn what_exists_keeps_its_address_and_what_is_gone_frees_it() {
        let mut old =
            [subnet("web", "10.0.1.0/29"), instance("a", None), instance("b", None), instance("c", None)];
        allocate(&[], &mut old);
        let [subnet, a, _, c] = old;
        let mut new = [instance("c", None), instance("d", None), instance("e", None)];
        let diagnostics = allocate(&[subnet, a, c], &mut new);
        assert_eq!(given(&new), ["10.0.1.6", "10.0.1.5"]);
        assert_eq!(diagnostics.len(), 1);
        assert_eq!(diagnostics[0].object, Some(new[2].object_ref()));
        assert_eq!(
            diagnostics[0].cause.as_deref(),
            Some("it holds 3 instances: five of its 8 addresses are reserved")
        );
    }

    #[test]
    fn another_resource_of_the_same_name_starts_anew() {
        let mut old = [subnet("web", "10.0.1.0/24"), instance("x", Some("10.0.1.9"))];
        old[1].metadata_mut().uid = Some("1".to_owned());
        allocate(&[], &mut old);
        let mut new = [instance("x", None)];
        new[0].metadata_mut().uid = Some("2".to_owned());
        allocate(&old, &mut new);
        assert_eq!(given(&new), ["10.0.1.4"]);
    }

    #[test]
    fn pools_give_from_the_lowest_of_all_their_parts() {
        let pool = serde_json::json!({ "interface": "eth0", "nextHop": "203.0.113.1", "addresses": ["203.0.113.16/31", "203.0.113.10"] });
        let nat = serde_json::json!({ "vpc": "shop", "pool": "outside" });
        let public = serde_json::json!({ "pool": "outside" });
        let mut all = [
            resource(Kind::PublicAddress, "a", public.clone()),
            resource(Kind::NatGateway, "b", nat),
            resource(Kind::PublicAddress, "c", public.clone()),
            resource(Kind::PublicAddress, "d", public),
            resource(Kind::AddressPool, "outside", pool),
        ];
        let diagnostics = allocate(&[], &mut all);
        assert_eq!(given(&all), ["203.0.113.10", "203.0.113.16", "203.0.113.17"]);
        assert_eq!(diagnostics[0].message, "address pool outside has no free address");
        assert_eq!(diagnostics[0].cause.as_deref(), Some("it holds 3 addresses"));
    }

    #[test]
    fn macs_are_made_of_the_uid_or_of_the_name() {
        let mac = |resource: &Resource| {
            if let Resource::Instance(instance) = resource { instance.status.mac } else { None }
        };
        let mut all = [instance("a", None), instance("b", None), instance("c", None)];
        all[0].metadata_mut().uid = Some("7".to_owned());
        all[2].metadata_mut().uid = Some("7".to_owned());
        allocate(&[], &mut all);
        assert_eq!(mac(&all[0]), Some(Mac::from_seed("7")));
        assert_eq!(mac(&all[1]), Some(Mac::from_seed("Instance/default/b")));
        assert_eq!(mac(&all[2]), Some(Mac::from_seed("7#1")), "no two share one");
    }

    #[test]
    fn what_has_no_range_gets_nothing_and_it_is_for_check_to_say() {
        let mut lost =
            [instance("a", None), resource(Kind::PublicAddress, "b", serde_json::json!({ "pool": "x" }))];
        assert_eq!(allocate(&[], &mut lost), []);
        assert_eq!(given(&lost), Vec::<String>::new());
    }
}
