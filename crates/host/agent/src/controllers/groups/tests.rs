use madang_model::{Condition, ConditionStatus};
use serde_json::json;

use super::*;

fn group(replicas: u32) -> Group {
    let template = json!({ "spec": { "subnet": "web", "process": { "command": ["a"] } } });
    let group = json!({
        "kind": "InstanceGroup", "metadata": { "name": "web", "namespace": "lab", "uid": "g1" },
        "spec": { "replicas": replicas, "template": template },
    });
    match Resource::decode(group).unwrap() {
        Resource::InstanceGroup(group) => group,
        other => panic!("{other:?}"),
    }
}

fn members(group: &Group, states: &[(ConditionStatus, &str)]) -> Vec<Resource> {
    let mut draw = 0;
    let random = || {
        draw += 1;
        draw
    };
    let mut members = groups::new_instances(group, states.len(), random, |_| false);
    for (member, (status, reason)) in members.iter_mut().zip(states) {
        *member.conditions_mut() = vec![Condition {
            r#type: "Ready".into(),
            status: *status,
            reason: (*reason).into(),
            message: "it ended".into(),
            observed_generation: 0,
            last_transition_time: String::new(),
        }];
    }
    members
}

fn said(group: &Group, members: &[Resource], trouble: Option<&str>) -> Verdict {
    let members: Vec<_> = members.iter().collect();
    report(group, &members, &GroupStep::next(group, &members), trouble).verdict
}

use ConditionStatus::{False, True};

#[test]
fn a_group_says_how_its_instances_are() {
    let two = group(2);
    let ready = members(&two, &[(True, "Running"), (True, "Running")]);
    assert_eq!(said(&two, &ready, None), Verdict::ready("InstancesReady", "all 2 instances are ready"));
    assert_eq!(said(&group(0), &[], None), Verdict::ready("NoneWanted", "no instances are wanted"));
    assert_eq!(said(&two, &[], None), Verdict::not_ready("Scaling", "0 of 2 instances are ready"));
    let under_way = members(&two, &[(True, "Running"), (False, "Creating")]);
    assert_eq!(said(&two, &under_way, None), Verdict::not_ready("Scaling", "1 of 2 instances are ready"));
    let fails = members(&two, &[(True, "Running"), (False, "BackOff")]);
    let name = &fails[1].metadata().name;
    let message = format!("1 of 2 instances are ready; {name}: BackOff: it ended");
    assert_eq!(said(&two, &fails, None), Verdict::not_ready("InstancesNotReady", message));
    let fewer = said(&group(1), &ready, None);
    assert_eq!(fewer, Verdict::not_ready("Scaling", "2 instances are there, and 1 are wanted"));
}

#[test]
fn a_new_template_and_a_failure_are_said() {
    let (one, mut other) = (group(1), group(1));
    other.spec.template.spec.process.as_mut().unwrap().command = vec!["b".into()];
    let old = members(&one, &[(True, "Running")]);
    let message = "0 of 1 instances are of the new template";
    assert_eq!(said(&other, &old, None), Verdict::not_ready("RollingOut", message));
    let trouble = "an instance could not be made: there is no subnet \"web\"";
    let message = format!("1 of 1 instances are there: {trouble}");
    assert_eq!(said(&other, &old, Some(trouble)), Verdict::not_ready("CreateFailed", message));
}

#[test]
fn random_bits_differ() {
    let mut random = random().unwrap();
    let bits: std::collections::BTreeSet<_> = (0..1000).map(|_| random()).collect();
    assert_eq!(bits.len(), 1000);
}
