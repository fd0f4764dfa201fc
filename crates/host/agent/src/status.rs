//! What is true of each resource, said as conditions.

use std::collections::BTreeMap;

use madang_model::{Condition, ConditionStatus, Diagnostic, ObjectRef, ProcessStatus, Resource};
use madang_plan::{Asserted, Standing};

use crate::controllers::GroupReport;

/// The one condition that every resource has.
const READY: &str = "Ready";

/// What is to be said of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    ready: ConditionStatus,
    reason: String,
    message: String,
}

impl Verdict {
    pub(crate) fn ready(reason: &str, message: impl Into<String>) -> Self {
        Self { ready: ConditionStatus::True, reason: reason.to_owned(), message: message.into() }
    }

    pub(crate) fn not_ready(reason: &str, message: impl Into<String>) -> Self {
        Self { ready: ConditionStatus::False, reason: reason.to_owned(), message: message.into() }
    }

    /// Whether an assertion holds.
    pub(crate) fn asserted(asserted: &Asserted) -> Self {
        let said = |diagnostic: &Diagnostic| Self::of(&[diagnostic]);
        match (asserted.standing, &asserted.diagnostic) {
            (Standing::Holds, _) => Self::ready("Holds", format!("{}: it is so", asserted.claim)),
            (Standing::Broken, Some(diagnostic)) => Self { reason: "Broken".to_owned(), ..said(diagnostic) },
            (Standing::Waits, Some(diagnostic)) => said(diagnostic),
            (standing, None) => Self::not_ready("Unknown", standing.to_string()),
        }
    }

    /// What is wrong with the resource beside the others.
    fn of(diagnostics: &[&Diagnostic]) -> Self {
        let mut reason = diagnostics[0].code.clone();
        if let Some(first) = reason.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let message = diagnostics.iter().map(|d| explained(d)).collect::<Vec<_>>().join("; ");
        Self::not_ready(&reason, message)
    }
}

/// A diagnostic in one line, without the resource's own name.
fn explained(diagnostic: &Diagnostic) -> String {
    let mut text = diagnostic.message.clone();
    for more in [&diagnostic.cause, &diagnostic.hint].into_iter().flatten() {
        text.push_str(": ");
        text.push_str(more);
    }
    text
}

/// What is wrong, for each resource that something is wrong with.
pub(crate) fn wrong(diagnostics: &[Diagnostic]) -> BTreeMap<ObjectRef, Verdict> {
    let mut of: BTreeMap<ObjectRef, Vec<&Diagnostic>> = BTreeMap::new();
    for diagnostic in diagnostics {
        if let Some(object) = &diagnostic.object {
            of.entry(object.clone()).or_default().push(diagnostic);
        }
    }
    of.into_iter().map(|(object, list)| (object, Verdict::of(&list))).collect()
}

/// What the host knows of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InstanceFacts {
    pub(crate) node: String,
    pub(crate) interface: String,
    pub(crate) process: Option<ProcessStatus>,
}

/// What is to be said of a resource beside its conditions.
#[derive(Debug, Default)]
pub(crate) enum More {
    /// Nothing.
    #[default]
    Nothing,
    /// Of an instance.
    Instance(InstanceFacts),
    /// Of a group of instances.
    Group(GroupReport),
}

/// The resource with its status brought up to date, or none if there is nothing new to say.
pub(crate) fn updated(resource: &Resource, verdict: &Verdict, more: More, now: &str) -> Option<Resource> {
    let mut new = resource.clone();
    let generation = resource.metadata().generation;
    set_condition(new.conditions_mut(), verdict, generation, now);
    new.set_observed_generation(generation);
    match (&mut new, more) {
        (Resource::Instance(instance), More::Instance(facts)) => {
            instance.status.node = Some(facts.node);
            instance.status.interface = Some(facts.interface);
            instance.status.process = facts.process;
        }
        (Resource::InstanceGroup(group), More::Group(report)) => {
            group.status.replicas = report.replicas;
            group.status.ready_replicas = report.ready;
            group.status.updated_replicas = report.updated;
            group.status.selector = Some(report.selector);
        }
        _ => {}
    }
    (new != *resource).then_some(new)
}

/// Replaces the condition; the time of the last transition stays while the status does.
fn set_condition(conditions: &mut Vec<Condition>, verdict: &Verdict, generation: u64, now: &str) {
    let old = conditions.iter().find(|c| c.r#type == READY);
    let same = old.filter(|c| c.status == verdict.ready);
    let since = same.map_or_else(|| now.to_owned(), |c| c.last_transition_time.clone());
    let condition = Condition {
        r#type: READY.to_owned(),
        status: verdict.ready,
        reason: verdict.reason.clone(),
        message: verdict.message.clone(),
        observed_generation: generation,
        last_transition_time: since,
    };
    match conditions.iter_mut().find(|c| c.r#type == READY) {
        Some(old) => *old = condition,
        None => conditions.push(condition),
    }
}

#[cfg(test)]
mod tests {
    use madang_model::{Kind, Metadata, Object, PlainStatus, Resource, SubnetSpec};

    use super::*;

    fn subnet() -> Resource {
        Resource::Subnet(Object {
            metadata: Metadata { name: "web".into(), generation: 3, ..Metadata::default() },
            spec: SubnetSpec {
                dhcp: madang_model::DhcpSettings::default(),
                vpc: "shop".into(),
                cidr: "10.0.1.0/24".parse().unwrap(),
                public: false,
                route_table: None,
            },
            status: PlainStatus::default(),
        })
    }

    #[test]
    fn a_status_is_written_once() {
        let ready = Verdict::ready("Programmed", "");
        let first = updated(&subnet(), &ready, More::Nothing, "2026-01-01T00:00:00Z").unwrap();
        assert_eq!(first.conditions()[0].observed_generation, 3);
        assert_eq!(
            updated(&first, &ready, More::Nothing, "2026-01-02T00:00:00Z"),
            None,
            "nothing new, nothing written"
        );
    }

    #[test]
    fn the_time_moves_only_with_the_status() {
        let first = updated(&subnet(), &Verdict::not_ready("A", ""), More::Nothing, "t1").unwrap();
        let second = updated(&first, &Verdict::not_ready("B", ""), More::Nothing, "t2").unwrap();
        assert_eq!(second.conditions()[0].last_transition_time, "t1");
        let third = updated(&second, &Verdict::ready("C", ""), More::Nothing, "t3").unwrap();
        assert_eq!(third.conditions()[0].last_transition_time, "t3");
        assert_eq!(third.conditions().len(), 1);
    }

    #[test]
    fn what_is_wrong_becomes_the_reason() {
        let object = ObjectRef::new(Kind::Subnet, "web");
        let diagnostics = [Diagnostic::new("referenceNotFound", "there is no Vpc \"shop\"")
            .hint("create it")
            .at(object.clone(), "spec.vpc")];
        let verdict = wrong(&diagnostics)[&object].clone();
        assert_eq!(verdict, Verdict::not_ready("ReferenceNotFound", "there is no Vpc \"shop\": create it"));
    }
}
