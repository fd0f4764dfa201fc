//! Groups of instances: filled, kept full, rolled, and taken down.

use serde_json::Value;

use crate::cloud::{Cloud, can_run, within};

const GROUP: &str = "
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: lab }
spec: { cidrs: [10.0.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: one }
spec: { vpc: lab, cidr: 10.0.1.0/24 }
---
apiVersion: madang.dev/v1alpha1
kind: InstanceGroup
metadata: { name: web }
spec:
  replicas: 2
  template:
    metadata: { labels: { app: web } }
    spec:
      subnet: one
      process: { command: [sleep, infinity], env: { RELEASE: '1' } }
";

fn apply(cloud: &Cloud, text: &str) {
    cloud.ok(&["apply", "-f", &cloud.file("cloud.yaml", text)]);
}

/// The instances that are to stay.
fn instances(cloud: &Cloud) -> Vec<Value> {
    let list = cloud.json(&["get", "instances", "-l", "madang.dev/instance-group=web"]);
    let items = list["items"].as_array().expect("a list").clone();
    items.into_iter().filter(|item| item["metadata"]["deletionTimestamp"].is_null()).collect()
}

fn names(cloud: &Cloud) -> Vec<String> {
    instances(cloud).iter().map(|i| i["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

fn ready(instances: &[Value]) -> usize {
    let is_ready = |instance: &&Value| instance["status"]["conditions"][0]["status"] == "True";
    instances.iter().filter(is_ready).count()
}

fn group(cloud: &Cloud) -> Value {
    cloud.json(&["get", "instancegroup", "web"])
}

#[test]
fn a_group_is_kept_full() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(GROUP);
    let status = group(&cloud)["status"].clone();
    assert_eq!(
        (&status["replicas"], &status["readyReplicas"], &status["updatedReplicas"]),
        (&2.into(), &2.into(), &2.into()),
        "{status}"
    );
    assert_eq!(status["selector"], "madang.dev/instance-group=web");
    let first = names(&cloud);
    let ping = cloud.exec(&first[0], &["ping", "-c", "1", "-W", "2", &first[1]]);
    assert_eq!(ping.code, 0, "they are instances like others: {ping:?}");

    cloud.ok(&["delete", "instance", &first[0]]);
    let back = || {
        let now = names(&cloud);
        now.len() == 2 && !now.contains(&first[0]) && now.contains(&first[1])
    };
    assert!(within(30, back), "{:?}", names(&cloud));
    apply(&cloud, &GROUP.replace("replicas: 2", "replicas: 3"));
    assert!(within(30, || ready(&instances(&cloud)) == 3), "{}", cloud.evidence());
    apply(&cloud, &GROUP.replace("replicas: 2", "replicas: 0"));
    assert!(within(30, || instances(&cloud).is_empty()), "{}", cloud.evidence());

    let told = || cloud.ok(&["events", "instancegroup/web"]);
    assert!(within(10, || told().contains("ScaledUp") && told().contains("ScaledDown")), "{}", told());
    cloud.ok(&["delete", "instancegroup", "web", "--wait"]);
}

#[test]
fn a_new_template_replaces_one_by_one_and_enough_are_always_ready() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(GROUP);
    let before = names(&cloud);
    apply(&cloud, &GROUP.replace("RELEASE: '1'", "RELEASE: '2'"));
    let done = || {
        let now = instances(&cloud);
        assert!(ready(&now) >= 2, "fewer than are wanted: {now:#?}");
        assert!(now.len() <= 3, "more than one too many: {now:#?}");
        let of_release = |i: &&Value| i["spec"]["process"]["env"]["RELEASE"] == "2";
        now.len() == 2 && now.iter().filter(of_release).count() == 2 && ready(&now) == 2
    };
    assert!(within(60, done), "{}", cloud.evidence());
    assert!(names(&cloud).iter().all(|name| !before.contains(name)));
    assert!(within(20, || group(&cloud)["status"]["conditions"][0]["reason"] == "InstancesReady"));
}

#[test]
fn a_template_that_cannot_be_keeps_what_there_is() {
    if !can_run() {
        return;
    }
    let cloud = Cloud::new();
    cloud.up(GROUP);
    let before = names(&cloud);
    apply(&cloud, &GROUP.replace("subnet: one", "subnet: none"));
    let condition = || group(&cloud)["status"]["conditions"][0].clone();
    assert!(within(20, || condition()["reason"] == "CreateFailed"), "{}", condition());
    let message = condition()["message"].as_str().expect("a message").to_owned();
    assert!(message.contains("there is no subnet none"), "{message}");
    assert_eq!(names(&cloud), before);
    assert_eq!(ready(&instances(&cloud)), 2);
    let described = cloud.ok(&["describe", "instancegroup", "web"]);
    assert!(described.contains("CreateFailed"), "{described}");
}
