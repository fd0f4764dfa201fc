//! What to do on a host, in order.

use std::collections::BTreeSet;
use std::fmt;

use madang_compile::{End, PortSpec, Uplink, WorkloadSpec};

use crate::action::Action;
use crate::observed::{HostObserved, ObservedPort, WorkloadState};

/// What a host must have: as compiled for what was observed on it.
pub type HostDesired = madang_compile::Desired;

/// What to do on a host, in order. It leaves no choice to who carries it out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The steps.
    pub actions: Vec<Action>,
    /// How many ports, interfaces and workloads are right as they are.
    pub kept: usize,
    /// What differs and is left so.
    pub not_done: Vec<NotDone>,
}

/// Something that differs from what is wanted and is left so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDone {
    /// What, for people.
    pub what: String,
    /// Why, and the way out.
    pub why: String,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }
}

impl fmt::Display for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// One line a step, then what is left undone.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.actions.iter().try_for_each(|action| writeln!(f, "{action}"))?;
        self.not_done.iter().try_for_each(|not| writeln!(f, "not done: {not}"))
    }
}

/// Compares what a host must have with what is on it.
///
/// The order is safe at each step, so that it may end anywhere: a port carries packets only when its program is attached
/// and its tables are written; a workload starts only when its port is up; what goes, goes in the reverse order.
pub fn plan(desired: &HostDesired, observed: &HostObserved) -> Plan {
    let mut planner = Planner { desired, observed, steps: Steps::default(), kept: 0, not_done: Vec::new() };
    planner.removals();
    let replaced = planner.ports();
    planner.uplinks();
    planner.workloads(&replaced);
    planner.tables();
    Plan { actions: planner.steps.in_order(), kept: planner.kept, not_done: planner.not_done }
}

/// The steps, by when they are due.
#[derive(Default)]
struct Steps {
    stop: Vec<Action>,
    clear: Vec<Action>,
    create: Vec<Action>,
    attach: Vec<Action>,
    write: Vec<Action>,
    up: Vec<Action>,
    start: Vec<Action>,
    detach: Vec<Action>,
    delete: Vec<Action>,
}

impl Steps {
    fn in_order(self) -> Vec<Action> {
        let Self { stop, clear, create, attach, write, up, start, detach, delete } = self;
        [stop, clear, create, attach, write, up, start, detach, delete].concat()
    }
}

struct Planner<'a> {
    desired: &'a HostDesired,
    observed: &'a HostObserved,
    steps: Steps,
    kept: usize,
    not_done: Vec<NotDone>,
}

impl Planner<'_> {
    /// Whatever no instance wants any more.
    fn removals(&mut self) {
        let wanted: BTreeSet<&str> = self.desired.ports.iter().map(|port| port.uid.as_str()).collect();
        let stale = |uid: &&String| !wanted.contains(uid.as_str());
        let why = || "no such instance is wanted any more".to_owned();
        let run: BTreeSet<&str> =
            self.desired.workloads.iter().map(|workload| workload.uid.as_str()).collect();
        for (uid, workload) in self.observed.workloads.iter().filter(|(uid, _)| !run.contains(uid.as_str())) {
            let name = workload.name.clone();
            self.steps.stop.push(Action::StopWorkload { uid: uid.clone(), name, why: why() });
        }
        for (uid, port) in self.observed.ports.iter().filter(|(uid, _)| stale(uid)) {
            self.steps.delete.push(delete_port(uid, port, why()));
        }
        for uid in self.observed.namespaces.iter().filter(stale) {
            self.steps.delete.push(Action::DeleteNamespace { uid: uid.clone() });
        }
    }

    /// Gives the instances whose ports are new.
    fn ports(&mut self) -> BTreeSet<String> {
        let mut new = BTreeSet::new();
        for spec in &self.desired.ports {
            let (uid, name) = (spec.uid.clone(), spec.name.clone());
            let namespace = self.observed.namespaces.contains(&uid);
            if !namespace {
                self.steps.create.push(match spec.end {
                    End::Instance | End::Unmanaged => {
                        Action::CreateNamespace { uid: uid.clone(), name: name.clone() }
                    }
                    End::Host(_) => Action::BindHost { uid: uid.clone(), name: name.clone() },
                });
            }
            match self.observed.ports.get(&uid) {
                Some(port) if mismatch(spec, port, namespace).is_none() => self.keep_port(spec, port),
                found => {
                    if let Some(port) = found {
                        let why = mismatch(spec, port, namespace).unwrap_or_default();
                        self.steps.clear.push(delete_port(&uid, port, why));
                    }
                    self.steps.create.push(Action::CreatePort(spec.clone()));
                    self.steps.attach.push(Action::AttachPort { uid: uid.clone(), name: name.clone() });
                    self.steps.up.push(Action::SetPortUp { uid: uid.clone(), name });
                    new.insert(uid);
                }
            }
        }
        new
    }

    fn keep_port(&mut self, spec: &PortSpec, port: &ObservedPort) {
        let (uid, name) = (spec.uid.clone(), spec.name.clone());
        if port.attached && port.up {
            self.kept += 1;
        }
        if port.name != name {
            self.steps.attach.push(Action::NamePort { uid: uid.clone(), name: name.clone() });
        }
        if !port.attached {
            self.steps.attach.push(Action::AttachPort { uid: uid.clone(), name: name.clone() });
        }
        if !port.up {
            self.steps.up.push(Action::SetPortUp { uid, name });
        }
    }

    fn uplinks(&mut self) {
        for Uplink { interface, pools, .. } in &self.desired.uplinks {
            match self.observed.uplinks.get(interface) {
                Some(uplink) if uplink.attached => self.kept += 1,
                Some(_) => self.steps.attach.push(Action::AttachUplink { interface: interface.clone() }),
                None => self.not_done.push(NotDone {
                    what: format!("interface {interface} of address pool {}", pools.join(", ")),
                    why: "this host has no interface of that name: nothing reaches the outside through it; create it, \
                          or correct the pool's spec.interface"
                        .to_owned(),
                }),
            }
        }
        let wanted: BTreeSet<_> = self.desired.uplinks.iter().map(|uplink| &uplink.interface).collect();
        for (interface, uplink) in &self.observed.uplinks {
            if uplink.attached && !wanted.contains(interface) {
                self.steps.detach.push(Action::DetachUplink { interface: interface.clone() });
            }
        }
    }

    fn workloads(&mut self, new_ports: &BTreeSet<String>) {
        for spec in &self.desired.workloads {
            let WorkloadSpec { uid, name, spec_hash, hosts, .. } = spec;
            let (uid, name) = (uid.clone(), name.clone());
            let found = self.observed.workloads.get(&uid);
            // Who has ended for good needs no port.
            let ended = found.is_some_and(|w| w.state == WorkloadState::Ended);
            let anew = new_ports.contains(&uid) && !ended;
            if anew && found.is_some() {
                let why = "its port is made anew".to_owned();
                self.steps.stop.push(Action::StopWorkload { uid: uid.clone(), name: name.clone(), why });
            }
            let alive = found.filter(|w| w.state != WorkloadState::Lost && !anew);
            let Some(workload) = alive else {
                self.steps.start.push(Action::StartWorkload { uid, name });
                continue;
            };
            if workload.spec_hash == *spec_hash {
                self.kept += 1;
            } else {
                self.not_done.push(NotDone {
                    what: format!("process of instance {name}"),
                    why: "it was started by another spec, and a process is not changed while it runs: delete the \
                          instance and create it again"
                        .to_owned(),
                });
            }
            let runs = workload.state == WorkloadState::Alive;
            if runs && workload.hosts_hash.is_some_and(|hash| hash != hosts.hash) {
                self.steps.start.push(Action::WriteHosts { uid, name });
            }
        }
    }

    fn tables(&mut self) {
        let new_port = self.steps.create.iter().any(|step| matches!(step, Action::CreatePort(_)));
        if new_port || self.observed.tables.as_ref() != Some(&self.desired.tables) {
            self.steps.write.push(Action::WriteTables);
        }
    }
}

fn delete_port(uid: &str, port: &ObservedPort, why: String) -> Action {
    Action::DeletePort { uid: uid.to_owned(), name: port.name.clone(), port: port.port, why }
}

/// What cannot be mended in a port.
fn mismatch(spec: &PortSpec, port: &ObservedPort, namespace: bool) -> Option<String> {
    if !namespace {
        Some("its network namespace is gone".to_owned())
    } else if !port.complete {
        Some("it was left half made".to_owned())
    } else if port.mac != spec.mac {
        Some(format!("its MAC is {}, and must be {}", port.mac, spec.mac))
    } else if matches!(&spec.end, End::Host(reaches) if *reaches != port.reaches) {
        Some("the host's end of it is not as it must be".to_owned())
    } else if port.mtu != spec.mtu {
        Some(format!("its MTU is {}, and must be {}", port.mtu, spec.mtu))
    } else {
        None
    }
}
