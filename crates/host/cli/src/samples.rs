//! A small shop, for tests: a resource of every kind, some ready and one not.

use jiff::Timestamp;
use madang_model::{
    Condition, ConditionStatus, Kind, NodeInterface, Object, ProcessStatus, Resource, SourceFile,
};

use serde_json::json;

const YAML: &str = r#"apiVersion: madang.dev/v1alpha1
kind: AddressPool
metadata: { name: internet }
spec: { interface: eth0, nextHop: 203.0.113.1, addresses: [203.0.113.10, 203.0.113.64/28] }
---
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: shop }
spec: { cidrs: [10.0.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: SecurityGroup
metadata: { name: web }
spec:
  vpc: shop
  ingress:
    - { protocol: tcp, ports: [80, "8000-8100"], from: [0.0.0.0/0] }
    - { protocol: icmp, from: [web] }
  egress: []
---
apiVersion: madang.dev/v1alpha1
kind: NatGateway
metadata: { name: out }
spec: { vpc: shop, pool: internet }
---
apiVersion: madang.dev/v1alpha1
kind: RouteTable
metadata: { name: private }
spec: { vpc: shop, routes: [{ destination: 0.0.0.0/0, target: nat, natGateway: out }] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: web }
spec: { vpc: shop, cidr: 10.0.1.0/24, public: true }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: data }
spec: { vpc: shop, cidr: 10.0.2.0/24, routeTable: private }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: web-1, labels: { app: web } }
spec:
  subnet: web
  securityGroups: [web]
  process: { command: [python3, -m, http.server, "8080"] }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: db-1 }
spec: { subnet: data, process: { command: [/usr/bin/db] } }
---
apiVersion: madang.dev/v1alpha1
kind: PublicAddress
metadata: { name: front }
spec: { pool: internet, forwards: [{ port: 80, instance: web-1, targetPort: 8080 }] }
---
apiVersion: madang.dev/v1alpha1
kind: PrefixList
metadata: { name: office }
spec: { cidrs: [192.0.2.0/24, 198.51.100.7/32] }
"#;

/// The moment at which the tests take place.
pub(crate) fn now() -> Timestamp {
    "2026-01-10T12:00:00Z".parse().expect("a timestamp")
}

/// A Ready condition of the first generation, five minutes old.
pub(crate) fn condition(status: ConditionStatus, reason: &str, message: &str) -> Condition {
    Condition {
        r#type: "Ready".to_owned(),
        status,
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: 1,
        last_transition_time: "2026-01-10T11:55:00Z".to_owned(),
    }
}

fn declared() -> Vec<Resource> {
    let file = SourceFile { name: "shop.yaml".to_owned(), text: YAML.to_owned() };
    let documents = madang_model::parse(&[file]).expect("the sample is right");
    let annotated = documents.into_iter().map(|mut document| {
        document.annotate("/home/ana/shop.yaml");
        document.resource
    });
    annotated.collect()
}

/// The shop as a daemon would have it, with a node.
pub(crate) fn shop() -> Vec<Resource> {
    let mut shop = declared();
    shop.push(node());
    for (i, resource) in shop.iter_mut().enumerate() {
        let metadata = resource.metadata_mut();
        metadata.uid = Some(format!("00000000-0000-4000-8000-00000000000{i:x}"));
        metadata.generation = 1;
        metadata.creation_timestamp = Some("2026-01-10T09:30:00Z".to_owned());
        resource.conditions_mut().push(condition(ConditionStatus::True, "Programmed", ""));
        allocate(resource);
    }
    let db = shop.iter_mut().find(|resource| resource.metadata().name == "db-1").expect("db-1");
    *db.conditions_mut() = vec![condition(
        ConditionStatus::False,
        "ProcessExited",
        "the process ended with exit status 127: /usr/bin/db was not found; it is started again in 8 s",
    )];
    shop
}

/// What happened in it, in no order.
pub(crate) fn events() -> Vec<Resource> {
    let instance = |name: &str, uid: &str| json!({ "kind": "Instance", "namespace": "default", "name": name, "uid": format!("00000000-0000-4000-8000-00000000000{uid}") });
    let event = |about: &serde_json::Value,
                 severity: &str,
                 reason: &str,
                 message: &str,
                 at: &str,
                 count: u32| {
        let name = format!("{}.{reason}", about["name"].as_str().unwrap_or_default()).to_lowercase();
        let event = json!({
            "kind": "Event", "metadata": { "name": name, "namespace": "default" }, "involvedObject": about,
            "type": severity, "reason": reason, "message": message, "count": count,
            "lastTimestamp": format!("2026-01-10T{at}Z"),
        });
        Resource::decode(event).expect("an event")
    };
    let (web, db) = (instance("web-1", "7"), instance("db-1", "8"));
    let node = json!({ "kind": "Node", "name": "host-1" });
    vec![
        event(&db, "Warning", "BackOff", "the process ended with exit status 127", "11:59:48", 5),
        event(&web, "Normal", "Running", "its process runs and its port carries packets", "11:55:00", 1),
        event(&web, "Normal", "Started", "its process was started", "11:54:58", 1),
        event(&node, "Normal", "DaemonStarted", "madang looks after this host", "09:30:00", 1),
    ]
}

fn allocate(resource: &mut Resource) {
    match resource {
        Resource::Vpc(vpc) => vpc.status.number = Some(1),
        Resource::AddressPool(pool) => pool.status.interface_index = Some(2),
        Resource::NatGateway(gateway) => gateway.status.address = "203.0.113.64".parse().ok(),
        Resource::PublicAddress(address) => address.status.address = "203.0.113.10".parse().ok(),
        Resource::Instance(instance) => {
            let db = instance.metadata.name == "db-1";
            let status = &mut instance.status;
            status.address = if db { "10.0.2.4" } else { "10.0.1.4" }.parse().ok();
            status.mac = "02:00:00:00:00:01".parse().ok();
            status.node = Some("host-1".to_owned());
            status.interface = Some("mdab12cd34".to_owned());
            status.process = Some(ProcessStatus {
                pid: (!db).then_some(4242),
                started_at: Some("2026-01-10T09:30:01Z".to_owned()),
                restarts: if db { 4 } else { 0 },
                last_exit_code: db.then_some(127),
            });
        }
        _ => {}
    }
}

fn node() -> Resource {
    let mut node = Object::default();
    node.metadata.name = "host-1".to_owned();
    node.status = madang_model::NodeStatus {
        cpus: 2,
        memory: 8 << 30,
        kernel: "6.12.0".to_owned(),
        architecture: "x86_64".to_owned(),
        interfaces: vec![NodeInterface { name: "eth0".to_owned(), up: true, ..NodeInterface::default() }],
        features: vec!["tcx".to_owned(), "cgroup-v2".to_owned()],
        ..madang_model::NodeStatus::default()
    };
    let node = Resource::Node(node);
    assert_eq!(node.kind(), Kind::Node);
    node
}
