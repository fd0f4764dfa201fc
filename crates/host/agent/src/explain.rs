//! Why a packet goes where it goes: the reference pipeline over the tables that the kernel has now, and the resources
//! and lines that its decisions come from.

use std::collections::BTreeSet;
use std::net::IpAddr;

use madang_api::{ApiError, Because, ExplainQuery, Explanation, Reason, StageLine};
use madang_compile::Instance;
use madang_datapath::{
    DropReason, Entrance, Entry, Explained, ForwardKey, Names, PortId, Probe, Protocol, Stage, Step, Tables,
    Verdict, VpcId,
};
use madang_model::{DEFAULT_NAMESPACE, Kind, ObjectRef, bare, origin, qualified};

use crate::daemon::Agent;
use crate::probe::live;
use crate::reconcile::Picture;
use crate::runtime::chain;

/// The source port of a packet that is only thought of: the first of those that Linux gives away by itself.
const SOURCE_PORT: u16 = 32768;

/// Answers a question about a packet.
pub(crate) fn explain(agent: &Agent, query: &ExplainQuery) -> Result<Explanation, ApiError> {
    let picture = agent.picture();
    let tables = agent.kernel.observe().map_err(|error| ApiError::internal(chain(&error)))?;
    let project = if query.namespace.is_empty() { DEFAULT_NAMESPACE } else { &query.namespace };
    let asked = Question { picture: &picture, tables: &tables, project };
    let (probe, from) = asked.probe(query)?;
    let explained = madang_datapath::explain(&tables, None, Some(&asked.names()), &probe);
    let mut explanation = asked.explanation(&explained);
    if query.live {
        let Some(from) = from else {
            let message =
                "a real probe can be sent from an instance only: ask without --live, or from an instance";
            return Err(ApiError::bad_request(message));
        };
        explanation.live = Some(live(agent, from, &probe, explained.outcome.verdict)?);
    }
    Ok(explanation)
}

struct Question<'a> {
    picture: &'a Picture,
    tables: &'a Tables,
    /// The project of the names in the question.
    project: &'a str,
}

impl<'a> Question<'a> {
    /// The packet that is asked about, and the instance that sends it, if one does.
    fn probe(&self, query: &ExplainQuery) -> Result<(Probe, Option<&'a Instance>), ApiError> {
        let protocol = protocol(&query.protocol)?;
        let port = match (protocol, query.port) {
            (Protocol::Icmp, None) => 0,
            (Protocol::Icmp, Some(_)) => {
                return Err(ApiError::bad_request("icmp has no ports: leave --port out"));
            }
            (_, Some(port)) => port,
            (_, None) => {
                let message = format!("{} needs a destination port: add --port", query.protocol);
                return Err(ApiError::bad_request(message));
            }
        };
        let probe = |from, source, (destination, port)| {
            let (protocol, source_port) = (protocol, SOURCE_PORT);
            Probe { from, source, destination, protocol, source_port, port }
        };
        if let Some(instance) = self.instance(&query.from) {
            let entrance = Entrance::Port(self.port(instance)?);
            let destination = self.destination_inside(instance, &query.to)?;
            return Ok((probe(entrance, instance.address, (destination, port)), Some(instance)));
        }
        let source = match query.from.as_str() {
            "outside" => None,
            other => Some(other.parse::<IpAddr>().map_err(|_| self.nobody(other))?),
        };
        let (destination, port) = self.destination_outside(&query.to, protocol, port)?;
        let uplink = self.tables.outside.addresses.get(&destination);
        let uplink = *uplink.ok_or_else(|| self.not_reached(destination))?;
        let next_hop = self.tables.outside.uplinks.get(&uplink).map(|uplink| uplink.next_hop);
        let source = source.or(next_hop).ok_or_else(|| ApiError::internal("the address has no uplink"))?;
        Ok((probe(Entrance::Uplink(uplink), source, (destination, port)), None))
    }

    /// The security groups by which each instance is known.
    fn names(&self) -> Names {
        let named = self.picture.world.network.instances.values().map(|instance| {
            let groups: Vec<_> = instance.groups.iter().map(String::as_str).collect();
            let word = if groups.len() == 1 { "security group" } else { "security groups" };
            ((instance.vpc, instance.address), format!("{word} {}", groups.join(" and ")))
        });
        Names(named.collect())
    }

    fn instance(&self, name: &str) -> Option<&'a Instance> {
        let (project, name) = name.split_once('/').unwrap_or((self.project, name));
        let name = qualified(Some(project), name);
        self.picture.world.network.instances.values().find(|instance| instance.name == name)
    }

    fn port(&self, instance: &Instance) -> Result<PortId, ApiError> {
        let found =
            self.tables.ports.iter().find(|(_, p)| p.vpc == instance.vpc && p.address == instance.address);
        found.map(|(id, _)| *id).ok_or_else(|| {
            let message =
                format!("instance {} has no port on this host yet: wait until it is Ready", instance.name);
            ApiError::new(Reason::ServiceUnavailable, message)
        })
    }

    /// Where a packet of an instance goes to: to another one of its VPC, or to any address.
    fn destination_inside(&self, from: &Instance, to: &str) -> Result<IpAddr, ApiError> {
        if let Ok(address) = to.parse() {
            return Ok(address);
        }
        let target = self.instance(to).ok_or_else(|| self.nobody(to))?;
        if target.vpc != from.vpc {
            let message = format!(
                "{} is in VPC {}, and {} in VPC {}: VPCs never meet, and an address of one means somebody else in the \
                 other. To see what {} finds at it, ask for {}",
                from.name,
                self.vpc(from.vpc),
                target.name,
                self.vpc(target.vpc),
                from.name,
                target.address
            );
            return Err(ApiError::bad_request(message));
        }
        Ok(target.address)
    }

    /// Where a packet from outside goes to: to a public address, or to that which leads to an instance.
    fn destination_outside(
        &self,
        to: &str,
        protocol: Protocol,
        port: u16,
    ) -> Result<(IpAddr, u16), ApiError> {
        if let Ok(address) = to.parse() {
            return Ok((address, port));
        }
        let target = self.instance(to).ok_or_else(|| self.nobody(to))?;
        let leads = self
            .tables
            .outside
            .forwards
            .iter()
            .filter(|(_, forward)| forward.vpc == target.vpc && forward.address == target.address);
        let found = leads.rev().find_map(|(key, forward)| {
            let whole = *key == ForwardKey::whole(key.address);
            let by_port = key.protocol == protocol.number() && (key.port == port || forward.port == port);
            (whole || by_port).then_some((key.address, if whole { port } else { key.port }))
        });
        found.ok_or_else(|| {
            let message = format!(
                "no PublicAddress forwards {protocol:?} port {port} to {to}: from outside, it is not reached by any address"
            );
            ApiError::new(Reason::NotFound, message.to_lowercase().replacen("publicaddress", "PublicAddress", 1))
        })
    }

    /// Why an address is at no uplink of this host.
    fn not_reached(&self, address: IpAddr) -> ApiError {
        let network = &self.picture.world.network;
        let Some(interface) = network.addresses.get(&address) else {
            let message = format!(
                "{address} is no address that a PublicAddress or NatGateway holds: from outside, only those are reached"
            );
            return ApiError::new(Reason::NotFound, message);
        };
        if self.picture.desired.tables.outside.addresses.contains_key(&address) {
            let message = format!("{address} is not set up on this host yet: try again in a moment");
            return ApiError::new(Reason::ServiceUnavailable, message);
        }
        let pools = network.uplinks.get(interface).map(|uplink| uplink.pools.join(", ")).unwrap_or_default();
        let message = format!(
            "{address} cannot be reached from outside: this host has no interface {interface}, which AddressPool {pools} names \
             (see ip link; it is taken up as soon as it is there)"
        );
        ApiError::new(Reason::ServiceUnavailable, message)
    }

    fn nobody(&self, name: &str) -> ApiError {
        let all = self.picture.world.network.instances.values().map(|instance| instance.name.as_str());
        let of_project = |name: &&str| qualified(Some(self.project), bare(name)) == **name;
        let known: Vec<_> = all.filter(of_project).map(bare).collect();
        let place = match self.project {
            DEFAULT_NAMESPACE => String::new(),
            project => format!(" in the project {project}"),
        };
        let message = match known.as_slice() {
            [] => format!("there is no instance \"{name}\"{place}, nor any other, and it is no address"),
            known => {
                format!("\"{name}\" is neither an instance{place} ({}) nor an address", known.join(", "))
            }
        };
        ApiError::new(Reason::NotFound, message)
    }

    fn vpc(&self, id: VpcId) -> &'a str {
        self.picture.world.network.vpcs.get(&id).map_or("?", |vpc| vpc.name.as_str())
    }

    fn explanation(&self, explained: &Explained) -> Explanation {
        let verdict = explained.outcome.verdict;
        let stage = |step: &Step| StageLine {
            stage: step.stage.name().to_owned(),
            decision: step.decision.clone(),
            because: self.because(step, verdict.drop_reason()).into_iter().collect(),
        };
        Explanation {
            packet: explained.packet.clone(),
            allowed: verdict.drop_reason().is_none(),
            verdict: self.verdict(verdict),
            reason: verdict.drop_reason().map(|reason| reason.name().to_owned()),
            hint: verdict.drop_reason().map(|reason| reason.hint().to_owned()),
            stages: explained.trace.iter().map(stage).collect(),
            live: None,
        }
    }

    fn is_of_services(&self, port: PortId) -> bool {
        self.tables.ports.get(&port).is_some_and(|port| port.vpc == VpcId::SERVICES)
    }

    fn verdict(&self, verdict: Verdict) -> String {
        let instance = |port: PortId| {
            let port = self.tables.ports.get(&port)?;
            let instances = self.picture.world.network.instances.values();
            instances.into_iter().find(|i| i.vpc == port.vpc && i.address == port.address)
        };
        match verdict {
            Verdict::Drop(reason) => format!("dropped: {}", reason.sentence()),
            Verdict::Refused(reason) => format!("refused: {}", reason.sentence()),
            Verdict::ToPort(port) if self.is_of_services(port) => {
                "delivered to a service of the VPC".to_owned()
            }
            Verdict::ToPort(port) => instance(port).map_or_else(
                || "delivered to an instance that is going away".to_owned(),
                |i| format!("delivered to instance {} ({})", i.name, i.address),
            ),
            Verdict::ToUplink(_, next_hop) => format!("sent outside, to {next_hop}"),
            Verdict::Answered => "answered by the gateway".to_owned(),
            Verdict::ToHost => "left to the host: not for any address of Madang's".to_owned(),
        }
    }

    /// The resources that made a stage decide so: where a rule allowed it, that rule and not who it was about; where none
    /// did, the groups that could have had one.
    fn because(&self, step: &Step, dropped: Option<DropReason>) -> BTreeSet<Because> {
        let rules = step.entries.iter().filter(|entry| matches!(entry, Entry::Rule(..))).collect::<Vec<_>>();
        let denied = match (step.stage, dropped) {
            (Stage::EgressPolicy, Some(DropReason::EgressDenied)) => Some("spec.egress"),
            (Stage::IngressPolicy, Some(DropReason::IngressDenied)) => Some("spec.ingress"),
            _ => None,
        };
        if let Some(path) = denied {
            return step.entries.iter().flat_map(|entry| self.groups(entry, path)).collect();
        }
        let entries = if rules.is_empty() { step.entries.iter().collect() } else { rules };
        let origins = |entry| self.picture.desired.origins.get(entry).map(Vec::as_slice).unwrap_or_default();
        entries
            .into_iter()
            .flat_map(origins)
            .map(|origin| self.written(&origin.object, &origin.path))
            .collect()
    }

    /// The security groups of who has this address.
    fn groups(&self, entry: &Entry, path: &str) -> Vec<Because> {
        let Entry::Endpoint(vpc, address) = entry else { return Vec::new() };
        let instances = self.picture.world.network.instances.values();
        let found = instances.into_iter().find(|i| i.vpc == *vpc && i.address == *address);
        let groups = found.iter().flat_map(|instance| &instance.groups);
        groups.map(|name| self.written(&ObjectRef::new(Kind::SecurityGroup, name), path)).collect()
    }

    fn written(&self, object: &ObjectRef, path: &str) -> Because {
        let written = self.picture.world.find(object).and_then(|resource| origin(resource, path));
        let (file, line) = written.map_or((None, None), |(file, line)| (Some(file), Some(line)));
        // A VPC's default group is nobody's text.
        let path = if object.kind == Kind::SecurityGroup && line.is_none() {
            String::new()
        } else {
            path.to_owned()
        };
        Because { object: object.clone(), path, file, line }
    }
}

fn protocol(name: &str) -> Result<Protocol, ApiError> {
    match name {
        "tcp" => Ok(Protocol::Tcp),
        "udp" => Ok(Protocol::Udp),
        "icmp" => Ok(Protocol::Icmp),
        other => Err(ApiError::bad_request(format!("\"{other}\" is no protocol: tcp, udp or icmp"))),
    }
}
