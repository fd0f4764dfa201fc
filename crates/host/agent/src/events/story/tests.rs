use madang_model::ProcessStatus;
use serde_json::json;

use super::*;

fn decoded(value: serde_json::Value) -> Resource {
    Resource::decode(value).unwrap()
}

fn instance() -> Resource {
    decoded(json!({
        "kind": "Instance", "metadata": { "name": "a", "uid": "u1" },
        "spec": { "subnet": "web", "process": { "command": ["a"] } },
    }))
}

fn pool() -> Resource {
    let spec = json!({ "interface": "eth1", "nextHop": "203.0.113.1", "addresses": ["203.0.113.10"] });
    decoded(json!({ "kind": "AddressPool", "metadata": { "name": "p", "uid": "u2" }, "spec": spec }))
}

fn said(mut resource: Resource, status: ConditionStatus, reason: &str) -> Resource {
    let condition = Condition {
        r#type: "Ready".into(),
        status,
        reason: reason.into(),
        message: format!("because of {reason}"),
        observed_generation: 1,
        last_transition_time: String::new(),
    };
    *resource.conditions_mut() = vec![condition];
    resource
}

fn running(mut resource: Resource, restarts: u32, started: &str, exit: Option<i32>) -> Resource {
    if let Resource::Instance(instance) = &mut resource {
        instance.status.process = Some(ProcessStatus {
            pid: Some(7),
            started_at: Some(started.into()),
            restarts,
            last_exit_code: exit,
        });
    }
    resource
}

fn story(old: &Resource, new: &Resource) -> Vec<(Severity, String, String)> {
    between(old, new).into_iter().map(|told| (told.severity, told.reason, told.message)).collect()
}

fn told(severity: Severity, reason: &str, message: &str) -> (Severity, String, String) {
    (severity, reason.to_owned(), message.to_owned())
}

use ConditionStatus::{False, True};
use Severity::{Normal, Warning};

#[test]
fn a_condition_is_told_when_it_becomes_another_one() {
    let (new, creating) = (instance(), said(instance(), False, "Creating"));
    assert_eq!(story(&new, &creating), [told(Normal, "Creating", "because of Creating")], "nobody's fault");
    assert_eq!(story(&creating, &creating), []);
    let mut words = creating.clone();
    words.conditions_mut()[0].message = "other words".into();
    assert_eq!(story(&creating, &words), [], "other words alone are no news");
    let failed = said(instance(), False, "HostError");
    assert_eq!(story(&creating, &failed), [told(Warning, "HostError", "because of HostError")]);
    let ready = said(instance(), True, "Running");
    assert_eq!(story(&failed, &ready), [told(Normal, "Running", "because of Running")]);
}

#[test]
fn an_uplink_goes_and_comes() {
    let (ready, missing) = (said(pool(), True, "Programmed"), said(pool(), False, "InterfaceNotFound"));
    assert_eq!(story(&ready, &missing), [told(Warning, "UplinkMissing", "because of InterfaceNotFound")]);
    let back = "interface eth1 is there again, and carries packets";
    assert_eq!(story(&missing, &ready), [told(Normal, "UplinkBack", back)]);
    assert_eq!(story(&pool(), &ready), [told(Normal, "Programmed", "because of Programmed")]);
}

#[test]
fn a_process_starts_and_starts_again() {
    let first = running(instance(), 0, "t1", None);
    assert_eq!(story(&instance(), &first), [told(Normal, "Started", "its process was started")]);
    assert_eq!(story(&first, &first), []);
    let again = "its process was started again: it had ended with exit status";
    let failed = running(instance(), 1, "t2", Some(3));
    assert_eq!(story(&first, &failed), [told(Warning, "Restarted", &format!("{again} 3"))]);
    let killed = running(instance(), 4, "t3", Some(137));
    assert_eq!(story(&failed, &killed), [told(Warning, "Restarted", &format!("{again} 137, by signal 9"))]);
    let done = running(instance(), 5, "t4", Some(0));
    assert_eq!(story(&killed, &done), [told(Normal, "Restarted", &format!("{again} 0"))]);
    // By another shim, which counts anew.
    let anew = running(instance(), 0, "t5", None);
    assert_eq!(story(&done, &anew), [told(Normal, "Started", "its process was started")]);
}

fn with_address(mut resource: Resource, address: Option<&str>) -> Resource {
    if let Resource::Instance(instance) = &mut resource {
        instance.status.address = address.map(|address| address.parse().unwrap());
    }
    resource
}

#[test]
fn an_address_is_told_once() {
    let mut addresses = Addresses::default();
    let new = with_address(instance(), Some("10.0.1.4"));
    let news = addresses.news(&new).unwrap();
    assert_eq!(
        (news.reason.as_str(), news.message.as_str()),
        ("AddressAllocated", "it has the address 10.0.1.4")
    );
    assert_eq!(addresses.news(&new), None);
    addresses.forget(|_| false);
    let known = said(new, True, "Running");
    assert_eq!(addresses.news(&known), None, "an earlier daemon has told it");
}

#[test]
fn who_waited_for_an_address_is_told() {
    let mut addresses = Addresses::default();
    let waiting = said(with_address(instance(), None), False, "ReferenceNotFound");
    assert_eq!(addresses.news(&waiting), None);
    let given = with_address(waiting, Some("10.0.1.4"));
    assert!(addresses.news(&given).is_some());
    assert_eq!(addresses.news(&given), None);
}
