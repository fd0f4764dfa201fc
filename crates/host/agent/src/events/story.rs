//! What is worth telling of a resource: of two states, what happened in between.

use std::collections::BTreeSet;
use std::net::IpAddr;

use madang_model::{Condition, ConditionStatus, EventSpec, Resource};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// All goes as it should.
    Normal,
    /// Somebody should know.
    Warning,
}

impl Severity {
    /// As an event's `type` has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// In one word of camel case.
    pub(crate) reason: String,
    /// For people.
    pub(crate) message: String,
}

impl Told {
    pub(crate) fn new(severity: Severity, reason: &str, message: impl Into<String>) -> Self {
        Self { severity, reason: reason.to_owned(), message: message.into() }
    }

    /// What an event tells.
    pub(crate) fn of(event: &EventSpec) -> Option<Self> {
        let severity = match event.r#type.as_str() {
            "Normal" => Severity::Normal,
            "Warning" => Severity::Warning,
            _ => return None,
        };
        Some(Self::new(severity, &event.reason, event.message.clone()))
    }
}

/// Reasons for which a resource is not Ready that are nobody's fault: it is under way.
const UNDER_WAY: [&str; 5] = ["Creating", "Starting", "Scaling", "RollingOut", "Terminating"];

/// What is to be told of a resource whose status was one and is another.
pub(crate) fn between(old: &Resource, new: &Resource) -> Vec<Told> {
    process(old, new).into_iter().chain(readiness(old, new)).collect()
}

/// Whether its Ready condition has another status, or another reason.
fn readiness(old: &Resource, new: &Resource) -> Option<Told> {
    let (old, is) = (ready(old), ready(new)?);
    if old.is_some_and(|old| old.status == is.status && old.reason == is.reason) {
        return None;
    }
    let fault = is.status != ConditionStatus::True && !UNDER_WAY.contains(&is.reason.as_str());
    let severity = if fault { Severity::Warning } else { Severity::Normal };
    const MISSING: &str = "InterfaceNotFound";
    let (reason, message) = match (new, old) {
        (Resource::AddressPool(_), _) if is.reason == MISSING => ("UplinkMissing", is.message.clone()),
        (Resource::AddressPool(pool), Some(old))
            if old.reason == MISSING && is.status == ConditionStatus::True =>
        {
            let message = format!("interface {} is there again, and carries packets", pool.spec.interface);
            ("UplinkBack", message)
        }
        _ => (is.reason.as_str(), is.message.clone()),
    };
    Some(Told::new(severity, reason, message))
}

fn ready(resource: &Resource) -> Option<&Condition> {
    resource.conditions().iter().find(|condition| condition.r#type == "Ready")
}

/// Whether an instance's process was started, or started again. That it ended is told by the Ready condition.
fn process(old: &Resource, new: &Resource) -> Option<Told> {
    let (Resource::Instance(old), Resource::Instance(new)) = (old, new) else { return None };
    let is = new.status.process.as_ref()?;
    let was = old.status.process.as_ref();
    let restarts = was.map_or(0, |was| was.restarts);
    if is.restarts > restarts {
        let code = is.last_exit_code.unwrap_or_default();
        let severity = if code == 0 { Severity::Normal } else { Severity::Warning };
        let message = format!("its process was started again: it had ended with {}", exit(code));
        return Some(Told::new(severity, "Restarted", message));
    }
    let again = was.is_none_or(|was| was.started_at != is.started_at);
    let started = again && is.started_at.is_some() && (is.pid.is_some() || is.last_exit_code.is_some());
    started.then(|| Told::new(Severity::Normal, "Started", "its process was started"))
}

fn exit(code: i32) -> String {
    match code {
        129..=192 => format!("exit status {code}, by signal {}", code - 128),
        _ => format!("exit status {code}"),
    }
}

/// Who has been told to have which address.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    told: BTreeSet<String>,
    waiting: BTreeSet<String>,
}

impl Addresses {
    /// Tells that a resource got its address: of one that is new, or that was seen without.
    pub(crate) fn news(&mut self, resource: &Resource) -> Option<Told> {
        let (address, mac) = match resource {
            Resource::Instance(o) => (o.status.address, o.status.mac),
            Resource::NatGateway(o) => (o.status.address, None),
            Resource::PublicAddress(o) => (o.status.address, None),
            _ => return None,
        };
        let uid = resource.metadata().uid.clone()?;
        let Some(address) = address else {
            self.waiting.insert(uid);
            return None;
        };
        let is_new = resource.conditions().is_empty() || self.waiting.remove(&uid);
        let first = self.told.insert(uid);
        (first && is_new).then(|| allocated(address, mac.map(|mac| mac.to_string())))
    }

    /// Forgets resources that are gone.
    pub(crate) fn forget(&mut self, is_there: impl Fn(&str) -> bool) {
        self.told.retain(|uid| is_there(uid));
        self.waiting.retain(|uid| is_there(uid));
    }
}

fn allocated(address: IpAddr, mac: Option<String>) -> Told {
    let mac = mac.map(|mac| format!(", MAC {mac}")).unwrap_or_default();
    Told::new(Severity::Normal, "AddressAllocated", format!("it has the address {address}{mac}"))
}

#[cfg(test)]
mod tests;
