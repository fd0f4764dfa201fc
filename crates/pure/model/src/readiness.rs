//! Whether a resource is what was declared.

use crate::{ConditionStatus, Kind, Layout, Resource};

/// What the Ready condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is what was declared last.
    Ready,
    /// It is going away.
    Deleting,
    /// Nobody has looked at what was declared last.
    Unseen,
    /// It is not, and why.
    NotReady {
        /// In one word.
        reason: String,
        /// For people.
        message: String,
    },
}

/// What the Ready condition says of what was declared last. Kinds that nothing is made of are ready once they exist.
pub fn readiness(resource: &Resource) -> Readiness {
    let metadata = resource.metadata();
    if metadata.deletion_timestamp.is_some() {
        return Readiness::Deleting;
    }
    let kind = resource.kind();
    if kind.layout() == Layout::Flat || kind == Kind::Namespace {
        return Readiness::Ready;
    }
    match resource.conditions().iter().find(|condition| condition.r#type == "Ready") {
        Some(ready) if ready.observed_generation < metadata.generation => Readiness::Unseen,
        Some(ready) if ready.status == ConditionStatus::True => Readiness::Ready,
        Some(ready) => Readiness::NotReady { reason: ready.reason.clone(), message: ready.message.clone() },
        None => Readiness::Unseen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Condition, Kind};

    #[test]
    fn only_what_was_said_of_the_last_generation_counts() {
        let vpc = serde_json::json!({ "kind": "Vpc", "metadata": { "name": "shop", "generation": 1 }, "spec": { "cidrs": [] } });
        let mut vpc = Resource::decode(vpc).unwrap();
        assert_eq!(vpc.kind(), Kind::Vpc);
        assert_eq!(readiness(&vpc), Readiness::Unseen);
        vpc.conditions_mut().push(Condition {
            r#type: "Ready".to_owned(),
            status: ConditionStatus::True,
            reason: "Programmed".to_owned(),
            message: String::new(),
            observed_generation: 1,
            last_transition_time: "2026-01-10T12:00:00Z".to_owned(),
        });
        assert_eq!(readiness(&vpc), Readiness::Ready);
        vpc.metadata_mut().generation = 2;
        assert_eq!(readiness(&vpc), Readiness::Unseen);
        vpc.metadata_mut().deletion_timestamp = Some("2026-01-10T12:00:00Z".to_owned());
        assert_eq!(readiness(&vpc), Readiness::Deleting);
    }
}
