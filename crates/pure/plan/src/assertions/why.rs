//! Says what decides whether a connection can be opened: the rule, the route or the forward, and where it was written.

use std::net::IpAddr;

use madang_addr::Prefix;
use madang_compile::{Instance, Origin, Traffic};
use madang_datapath::{ClassId, Direction, Entry, Forward, ForwardKey, PortPrefix, Route, Rule};
use madang_model::{Diagnostic, Expectation, Kind, Resource, bare};

use super::BROKEN;
use super::ground::Ground;
use super::place::Place;
use super::seek::Strand;
use super::service::Service;
use crate::reach::outside::{class_of, is_whole, permitted};

/// What decides, and what to do about it.
struct Why {
    because: String,
    hint: String,
}

/// The assertion that this connection breaks.
pub(super) fn broken(
    ground: &Ground<'_>,
    (from, to): (&Place<'_>, &Place<'_>),
    strand: Strand<'_>,
    service: Service,
    expect: Expectation,
) -> Diagnostic {
    let (sender, receiver) = ends(strand);
    let of = |place: &Place<'_>, end: &str| {
        let said = place.said();
        if said == end { said } else { format!("{end} (of {said})") }
    };
    let (sender, receiver) = (of(from, &sender), of(to, &receiver));
    let (message, why) = match expect {
        Expectation::Reachable => (
            format!("{sender} must reach {receiver} by {service}, and does not"),
            ground.why_closed(strand, service),
        ),
        Expectation::Unreachable => {
            let one = ground.opened(strand, service);
            (format!("{sender} must not reach {receiver} by {one}, and does"), ground.why_open(strand, one))
        }
    };
    Diagnostic::new(BROKEN, message).cause(why.because).hint(why.hint)
}

fn ends(strand: Strand<'_>) -> (String, String) {
    let outside =
        |prefix: Prefix| if prefix == Prefix::ANY_V4 { "the internet".to_owned() } else { shown(prefix) };
    match strand {
        Strand::Within(from, to) => (from.name.clone(), to.name.clone()),
        Strand::In(from, to) => (outside(from), to.name.clone()),
        Strand::Out(from, to) => (from.name.clone(), outside(to)),
        Strand::Public(from, to) => (outside(from), to.to_string()),
        Strand::Back(from, to) => (from.name.clone(), to.to_string()),
        Strand::Round(from, _, to) => (from.name.clone(), to.name.clone()),
    }
}

fn shown(prefix: Prefix) -> String {
    if prefix.host_bits() == 0 { prefix.address().to_string() } else { prefix.to_string() }
}

/// Whose rules are asked, about whom.
struct Asked<'a> {
    instance: &'a Instance,
    direction: Direction,
    peer: Prefix,
    /// As a rule would name the peer.
    peer_rule: String,
    peer_name: String,
}

impl Ground<'_> {
    /// The service that can be opened, at one port.
    fn opened(&self, strand: Strand<'_>, service: Service) -> Service {
        let ingress = |to: &Instance, from| permitted(self.vpc(to.vpc), to.policy, Direction::Ingress, from);
        match strand {
            Strand::Within(from, to) => {
                let key =
                    |instance: &Instance| self.side.keys.get(instance.name.as_str()).map(|(_, key)| key);
                service.one_of(&self.side.allowed(key(from), key(to)))
            }
            Strand::Out(from, to) => {
                service.one_of(&permitted(self.vpc(from.vpc), from.policy, Direction::Egress, to))
            }
            Strand::In(from, to) => {
                let into = ingress(to, from);
                let open =
                    self.forwards_to(to).iter().map(|(key, to)| into.intersection(&self.carried(key, to)));
                open.filter(|open| service.is_in(open))
                    .map(|open| service.one_of(&open))
                    .next()
                    .unwrap_or(service)
            }
            Strand::Public(from, address) => {
                let mut open = self.forwards_at(address).iter();
                let open = open.find(|(key, forward)| self.comes_in(from, key, forward, service));
                open.map_or(service, |(key, _)| if is_whole(key) { service } else { service.at(key.port) })
            }
            Strand::Back(..) | Strand::Round(..) => service,
        }
    }

    fn why_open(&self, strand: Strand<'_>, service: Service) -> Why {
        let hint = "take that out or narrow it, or change the assertion if it is meant".to_owned();
        let because = match strand {
            Strand::Within(from, to) => {
                let lets_in = self.allowing(&to_instance(from, to), service);
                match self.deliberate(&from_instance(from, to), service) {
                    Some(lets_out) => format!("{lets_in} lets it in, and {lets_out} lets it out"),
                    None => format!("{lets_in} lets it in"),
                }
            }
            Strand::Out(from, to) => {
                let asked = Asked::out(from, to);
                let route = self.way_out(from, to).map(|(prefix, _)| self.route(from, prefix));
                let route = route.unwrap_or_default();
                format!("{} lets it out, and {route} leads there", self.allowing(&asked, service))
            }
            Strand::In(from, to) => {
                let mut forwards = self.forwards_to(to).iter();
                let forward = forwards.find(|(key, forward)| service.is_in(&self.carried(key, forward)));
                let forward = forward.map(|(key, _)| self.origins(Entry::Forward(*key))).unwrap_or_default();
                let lets_in = self.allowing(&Asked::inward(from, to), service);
                format!("{forward} leads to it, and {lets_in} lets it in")
            }
            Strand::Public(from, address) => {
                let mut forwards = self.forwards_at(address).iter();
                let open = forwards.find(|(key, forward)| self.comes_in(from, key, forward, service));
                let said = open.and_then(|(key, forward)| {
                    let to = self.holder(forward.vpc, forward.address)?;
                    let service = if is_whole(key) { service } else { service.at(forward.port) };
                    let lets_in = self.allowing(&Asked::inward(from, to), service);
                    let forward = self.origins(Entry::Forward(*key));
                    Some(format!("{forward} leads to {}, and {lets_in} lets it in", to.name))
                });
                said.unwrap_or_default()
            }
            Strand::Back(from, address) => self.back(from, address, None, service),
            Strand::Round(from, address, to) => self.back(from, address, Some(to), service),
        };
        Why { because, hint }
    }

    /// What leads out to a public address and back in.
    fn back(&self, from: &Instance, address: IpAddr, only: Option<&Instance>, service: Service) -> String {
        let to = Prefix::host(address);
        let route = self.way_out(from, to).map(|(prefix, _)| self.route(from, prefix)).unwrap_or_default();
        let mut forwards = self.forwards_at(address).iter();
        let open = forwards.find_map(|(key, forward)| {
            let holder = self.holder(forward.vpc, forward.address)?;
            let meant = only.is_none_or(|only| only.name == holder.name);
            let asked = if only.is_some() { service.seen_at(key, forward)? } else { service };
            (meant && self.comes_back(from, key, forward, asked)).then_some((key, forward, holder))
        });
        let Some((key, forward, holder)) = open else { return String::new() };
        let service = if is_whole(key) { service } else { service.at(forward.port) };
        let seen = self.seen_as(from, to).unwrap_or(address);
        let lets_in = self.allowing(&Asked::inward(Prefix::host(seen), holder), service);
        let forward = self.origins(Entry::Forward(*key));
        format!(
            "{route} leads out, where it is seen as {seen}; {forward} leads back to {}, and {lets_in} lets it in",
            holder.name
        )
    }

    fn why_closed(&self, strand: Strand<'_>, service: Service) -> Why {
        let mut whys = Vec::new();
        match strand {
            Strand::Within(from, to) if from.vpc != to.vpc => {
                let (of, other) = (&self.vpc(from.vpc).name, &self.vpc(to.vpc).name);
                whys.push(Why {
                    because: format!(
                        "{} is in VPC {of} and {} in VPC {other}, and nothing leads from the one to the other",
                        from.name, to.name
                    ),
                    hint: "put both into one VPC, or change the assertion".to_owned(),
                });
            }
            Strand::Within(from, to) => {
                whys.extend(self.denied(&from_instance(from, to), service));
                let way = self.way(from, to.address);
                if !matches!(way, Some((_, Route::Local))) {
                    whys.push(self.astray(from, way, Prefix::host(to.address)));
                }
                whys.extend(self.denied(&to_instance(from, to), service));
            }
            Strand::Out(from, to) => {
                whys.extend(self.denied(&Asked::out(from, to), service));
                let way = self.way_out(from, to);
                if self.seen_as(from, to).is_none() {
                    whys.push(self.astray(from, way, to));
                }
            }
            Strand::In(from, to) => whys.push(self.not_in(from, to, service)),
            Strand::Public(from, address) => whys.push(self.not_forwarded(from, address, service)),
            Strand::Back(from, address) => {
                let to = Prefix::host(address);
                whys.extend(self.denied(&Asked::out(from, to), service));
                match self.seen_as(from, to) {
                    Some(seen) => whys.push(self.not_forwarded(Prefix::host(seen), address, service)),
                    None => whys.push(self.astray(from, self.way_out(from, to), to)),
                }
            }
            // Asked about only where it must not be.
            Strand::Round(..) => {}
        }
        let hint = match whys.as_slice() {
            [] => "let both sides allow one port, or change the assertion".to_owned(),
            [first, ..] => first.hint.clone(),
        };
        let because: Vec<String> = whys.into_iter().map(|why| why.because).collect();
        let because = match because.as_slice() {
            [] => "what the one side lets out and what the other lets in have no port in common".to_owned(),
            because => because.join("; "),
        };
        Why { because, hint }
    }

    /// Why nobody from there comes in to an instance.
    fn not_in(&self, from: Prefix, to: &Instance, service: Service) -> Why {
        let mut forwards =
            self.forwards_to(to).iter().filter(|(key, forward)| service.is_in(&self.carried(key, forward)));
        let Some((key, forward)) = forwards.next() else {
            return Why {
                because: format!("no public address forwards a port to {service} of {}", to.name),
                hint: format!(
                    "add a forward to {} to a PublicAddress, or change the assertion",
                    bare(&to.name)
                ),
            };
        };
        let service = if is_whole(key) { service } else { service.at(forward.port) };
        let denied = self.denied(&Asked::inward(from, to), service);
        denied.unwrap_or_else(|| Why { because: String::new(), hint: String::new() })
    }

    /// Why nobody from there comes in by a public address.
    fn not_forwarded(&self, from: Prefix, address: IpAddr, service: Service) -> Why {
        let leads = |key: &ForwardKey, forward: &Forward| match is_whole(key) {
            true => service.is_in(&self.carried(key, forward)),
            false => key.protocol == service.number() && service.port.is_none_or(|port| port == key.port),
        };
        let mut forwards = self.forwards_at(address).iter().filter(|(key, forward)| leads(key, forward));
        let found = forwards.next().and_then(|(key, forward)| {
            let to = self.holder(forward.vpc, forward.address)?;
            let service = if is_whole(key) { service } else { service.at(forward.port) };
            self.denied(&Asked::inward(from, to), service)
        });
        found.unwrap_or_else(|| Why {
            because: format!("{service} of {address} is not forwarded to an instance that is in force"),
            hint: "add a forward to the public address, or change the assertion".to_owned(),
        })
    }

    /// That no rule allows it, if none does.
    fn denied(&self, asked: &Asked<'_>, service: Service) -> Option<Why> {
        let Asked { instance, direction, peer, peer_rule, peer_name } = asked;
        let vpc = self.vpc(instance.vpc);
        if service.is_in(&permitted(vpc, instance.policy, *direction, *peer)) {
            return None;
        }
        let (list, word, field) = match direction {
            Direction::Egress => ("egress", "to", "to"),
            Direction::Ingress => ("ingress", "from", "from"),
        };
        let groups: Vec<String> =
            instance.groups.iter().map(|name| self.group(instance, name, list)).collect();
        let hint = match instance.groups.first() {
            Some(name) if self.resource(&group_ref(name)).is_some() => format!(
                "add {{ {}, {field}: [{peer_rule}] }} to spec.{list} of {}, or change the assertion",
                service.rule(),
                group_ref(name)
            ),
            _ => "give the instance a security group that allows it, or change the assertion".to_owned(),
        };
        let because =
            format!("no {list} rule of {} allows {service} {word} {peer_name}", groups.join(" or "));
        Some(Why { because, hint })
    }

    /// A group, and where its rules of this direction were written.
    fn group(&self, instance: &Instance, name: &str, list: &str) -> String {
        let object = group_ref(name);
        let Some(resource) = self.resource(&object) else {
            return format!("the default group of VPC {}", self.vpc(instance.vpc).name);
        };
        let place = madang_model::origin(resource, &format!("spec.{list}"));
        let place = place.map_or_else(String::new, |(file, line)| format!(" ({file}:{line})"));
        format!("{object}{place}")
    }

    /// What leads elsewhere.
    fn astray(&self, from: &Instance, way: Option<(Prefix, Route)>, to: Prefix) -> Why {
        let to = shown(to);
        let Some((prefix, route)) = way else {
            return Why {
                because: format!("the route table of {} has no route to {to}", from.name),
                hint: "add one, as to a NAT gateway, or change the assertion".to_owned(),
            };
        };
        let said = self.route(from, prefix);
        let (what, hint) = match route {
            Route::Blackhole => ("is a blackhole for", "take it out, or change the assertion"),
            Route::Internet => (
                "leads to the internet gateway, and the instance has no public address of its own, for",
                "route to a NAT gateway, or change the assertion",
            ),
            Route::Local | Route::Nat(_) => ("leads elsewhere than to", "mend it, or change the assertion"),
        };
        Why { because: format!("{said} {what} {prefix}"), hint: hint.to_owned() }
    }

    fn route(&self, from: &Instance, prefix: Prefix) -> String {
        self.origins(Entry::Route(from.vpc, from.routes, prefix))
    }

    /// The fields that an entry of the tables was made of.
    fn origins(&self, entry: Entry) -> String {
        let origins = self.network.origins.get(&entry).map(Vec::as_slice).unwrap_or_default();
        origins.iter().map(|origin| self.said(origin)).collect::<Vec<_>>().join(" and ")
    }

    /// The rules that allow it.
    fn allowing(&self, asked: &Asked<'_>, service: Service) -> String {
        let rules = self.rules(asked, service);
        rules.iter().map(|origin| self.said(origin)).collect::<Vec<_>>().join(" and ")
    }

    /// The same, if somebody wrote them: who leaves egress out lets everything out.
    fn deliberate(&self, asked: &Asked<'_>, service: Service) -> Option<String> {
        let rules = self.rules(asked, service);
        let written = !rules.is_empty() && rules.iter().all(|origin| origin.path.starts_with("spec.egress["));
        written.then(|| self.allowing(asked, service))
    }

    fn rules(&self, asked: &Asked<'_>, service: Service) -> Vec<&Origin> {
        let vpc = self.vpc(asked.instance.vpc);
        let (policy, direction) = (asked.instance.policy, asked.direction);
        let class = class_of(vpc, asked.peer);
        let port = service.port.unwrap_or(0);
        let about = |class| {
            let first = Rule { policy, direction, class, protocol: None, ports: PortPrefix::ALL };
            let of_these =
                move |rule: &&Rule| (rule.policy, rule.direction, rule.class) == (policy, direction, class);
            vpc.rules.range(first..).take_while(of_these)
        };
        let fits = |rule: &&Rule| {
            let ports = service.port.is_none() || rule.ports.contains(port);
            rule.protocol.is_none_or(|protocol| protocol == service.number()) && ports
        };
        let rules = about(class).chain(about(ClassId(0))).filter(fits);
        let mut origins: Vec<&Origin> = rules
            .flat_map(|rule| self.network.origins.get(&Entry::Rule(asked.instance.vpc, *rule)))
            .flatten()
            .map(AsRef::as_ref)
            .filter(|origin| self.speaks_of(origin, service))
            .collect();
        origins.sort();
        origins.dedup();
        origins
    }

    /// Whether this rule of a group is one for the service: entries of the tables are unions of several.
    fn speaks_of(&self, origin: &Origin, service: Service) -> bool {
        let Some(Resource::SecurityGroup(group)) = self.resource(&origin.object) else { return true };
        let nth = |list: &str| origin.path.strip_prefix(list)?.strip_suffix(']')?.parse::<usize>().ok();
        let traffic = if let Some(n) = nth("spec.ingress[") {
            group.spec.ingress.get(n).map(|rule| Traffic::of(rule.protocol, &rule.ports, &rule.icmp_types))
        } else if let Some(n) = nth("spec.egress[") {
            let rule = group.spec.egress.as_ref().and_then(|rules| rules.get(n));
            rule.map(|rule| Traffic::of(rule.protocol, &rule.ports, &rule.icmp_types))
        } else {
            None
        };
        traffic.is_none_or(|traffic| service.is_in(&traffic))
    }
}

fn group_ref(name: &str) -> madang_model::ObjectRef {
    madang_model::ObjectRef::new(Kind::SecurityGroup, name)
}

fn from_instance<'a>(from: &'a Instance, to: &Instance) -> Asked<'a> {
    Asked::of(from, Direction::Egress, to)
}

fn to_instance<'a>(from: &Instance, to: &'a Instance) -> Asked<'a> {
    Asked::of(to, Direction::Ingress, from)
}

impl<'a> Asked<'a> {
    fn of(instance: &'a Instance, direction: Direction, peer: &Instance) -> Self {
        let group = peer.groups.first().map(|name| bare(name).to_owned());
        let peer_rule = group.unwrap_or_else(|| Prefix::host(peer.address).to_string());
        let (peer_name, peer) = (peer.name.clone(), Prefix::host(peer.address));
        Self { instance, direction, peer, peer_rule, peer_name }
    }

    fn out(from: &'a Instance, to: Prefix) -> Self {
        Self::outside(from, Direction::Egress, to)
    }

    fn inward(from: Prefix, to: &'a Instance) -> Self {
        Self::outside(to, Direction::Ingress, from)
    }

    fn outside(instance: &'a Instance, direction: Direction, peer: Prefix) -> Self {
        let any = peer == Prefix::ANY_V4;
        let peer_name = if any { "the internet".to_owned() } else { shown(peer) };
        Self { instance, direction, peer, peer_rule: peer.to_string(), peer_name }
    }
}
