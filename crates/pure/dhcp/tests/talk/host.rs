//! Conversations with a host: a client, and a link-local address beside it.

use std::net::Ipv4Addr;

use madang_addr::Mac;
use madang_dhcp::{
    ClientAction, ClientDestination, ClientEvent, ClientSpec, Configuration, Host, HostAction, Instant,
    Probing,
};
use madang_wire::arp;
use madang_wire::dhcp::{Op, Packet};

use super::{Line, message, parsed};

pub(crate) struct Talk {
    mac: Mac,
    host: Host,
    now: u64,
    xid: u32,
    /// Each event has another random number, the same in every run.
    random: u64,
}

impl Talk {
    pub(crate) fn new(setting: &str) -> Self {
        let line = Line::new(setting);
        let mac = parsed(line.words[1]);
        let mut spec = ClientSpec::new(mac);
        spec.probing = match line.values.get("probing") {
            Some(&"quick") => Some(Probing::QUICK),
            Some(&"standard") => Some(Probing::STANDARD),
            _ => None,
        };
        spec.previous = line.value("previous");
        spec.host_name = line.value("name");
        spec.lease_time = line.value("lease");
        spec.delayed = line.has("delayed");
        spec.broadcast = line.has("broadcast");
        spec.client_id = line.values.get("id").map(|id| super::hex(id));
        spec.wanted = line.list("list");
        Self { mac, host: Host::new(spec).unwrap(), now: 0, xid: 0, random: 0 }
    }

    pub(crate) fn happen(&mut self, text: &str) -> Vec<String> {
        let line = Line::new(text);
        match line.words[0] {
            "start" => self.handle(ClientEvent::Start),
            "stop" => self.handle(ClientEvent::Stop { release: line.has("release") }),
            "at" => self.wait_until(parsed::<u64>(line.words[1]) * 1000),
            "server" => {
                let mac = line.value("for").unwrap_or(self.mac);
                let xid = if line.has("stale") { self.xid ^ 1 } else { self.xid };
                let bytes = message::read(&line, Op::Reply, mac, xid);
                self.handle(ClientEvent::Message(&bytes))
            }
            "arp" => {
                let address: Ipv4Addr = match line.words[3] {
                    "link-local" => self.host.link_local().unwrap(),
                    address => parsed(address),
                };
                let sender = if line.words[2] == "has" { address } else { Ipv4Addr::UNSPECIFIED };
                self.handle(ClientEvent::Arp(arp::Repr {
                    operation: arp::Operation::Request,
                    sender_mac: parsed(line.words[1]),
                    sender,
                    target_mac: Mac::default(),
                    target: address,
                }))
            }
            other => panic!("nothing happens with {other}"),
        }
    }

    /// Time goes on, and what is due happens on the way.
    fn wait_until(&mut self, end: u64) -> Vec<String> {
        let mut out = Vec::new();
        while let Some(at) = self.host.next_deadline().filter(|at| at.0 <= end) {
            self.now = self.now.max(at.0);
            let shown = self.now;
            let lines = self.handle(ClientEvent::Deadline);
            out.extend(
                lines.into_iter().map(|line| format!("at {}.{:03}: {line}", shown / 1000, shown % 1000)),
            );
        }
        self.now = end;
        out
    }

    fn handle(&mut self, event: ClientEvent<'_>) -> Vec<String> {
        let before = self.host.client().state();
        let mut actions = Vec::new();
        self.random += 1;
        self.host.handle(event, Instant(self.now), self.random, &mut actions);
        let mut out = Vec::new();
        for action in actions {
            out.push(self.shown(action));
        }
        let after = self.host.client().state();
        if before != after {
            out.push(format!("{before:?} -> {after:?}"));
        }
        out
    }

    fn shown(&mut self, action: HostAction) -> String {
        match action {
            HostAction::Client(ClientAction::Send { to, source, message }) => {
                self.xid = Packet::new_checked(&message).unwrap().header().xid;
                let to = match to {
                    ClientDestination::Broadcast => "everybody".to_owned(),
                    ClientDestination::Server(server) => server.to_string(),
                };
                format!("{source} -> {to}: {}", message::shown(&message))
            }
            HostAction::Client(ClientAction::Arp(arp)) | HostAction::Arp(arp) => {
                format!("arp from {} for {}", arp.sender, arp.target)
            }
            HostAction::Client(ClientAction::Configure(configuration)) => configured(&configuration),
            HostAction::Client(ClientAction::Remove(address)) => format!("remove {address}"),
            HostAction::Client(ClientAction::Explain(words)) | HostAction::Explain(words) => {
                format!("\"{words}\"")
            }
            HostAction::UseLinkLocal(address) => format!("configure {address}/16"),
            HostAction::RemoveLinkLocal(address) => format!("remove {address}"),
        }
    }
}

fn configured(it: &Configuration) -> String {
    let routes: Vec<String> =
        it.routes.iter().map(|route| format!("{} via {}", route.destination, route.router)).collect();
    let mut out = format!("configure {}/{} of {}", it.address, it.subnet.length(), it.server);
    out += &it.lease.map_or(" for ever".to_owned(), |seconds| format!(" for {seconds} s"));
    for (name, value) in [
        ("routes", routes.join(", ")),
        ("dns", it.dns.iter().map(Ipv4Addr::to_string).collect::<Vec<_>>().join(", ")),
        ("domain", it.domain.clone().unwrap_or_default()),
        ("name", it.host_name.clone().unwrap_or_default()),
        ("mtu", it.mtu.map_or(String::new(), |mtu| mtu.to_string())),
    ] {
        if !value.is_empty() {
            out += &format!(", {name} {value}");
        }
    }
    out
}
