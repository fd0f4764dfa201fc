//! The controllers over a store in memory, with a test in place of the host: it says which instances are ready, and lets
//! go of those that are being deleted.

use std::collections::BTreeSet;

use madang_api::{INSTANCE_FINALIZER, Propagation};
use madang_kernel::Layout;
use madang_model::{Condition, ConditionStatus, ObjectRef};
use madang_store::{Memory, Revision};
use serde_json::{Value, json};

use super::*;

struct Lab {
    registry: Registry,
    events: EventRecorder,
    controllers: Controllers,
    layout: Layout,
    world: Arc<World>,
}

impl Lab {
    fn new() -> Self {
        let registry = Registry::new(Arc::new(Memory::new()));
        registry.ensure_default_project().unwrap();
        let events = EventRecorder::start(registry.clone(), "host-1".into()).unwrap();
        let controllers = Controllers::new(registry.clone(), events.clone());
        let layout = Layout::new(Some(std::path::Path::new("/nowhere")));
        Self { registry, events, controllers, layout, world: Arc::default() }
    }

    fn apply(&self, items: &[Value]) {
        self.registry.apply(Bundle { items: items.to_vec(), ..Bundle::default() }).unwrap();
    }

    fn turn(&mut self) -> Outcome {
        self.world = World::read(&self.registry, &self.layout, &self.world).unwrap();
        self.controllers.turn(&self.world)
    }

    /// Turns, until nothing changes any more.
    fn settle(&mut self) -> Outcome {
        for _ in 0..100 {
            let before = self.registry.revision();
            let outcome = self.turn();
            self.let_go();
            if self.registry.revision() == before {
                return outcome;
            }
        }
        panic!("it goes on for ever: {:?}", self.names());
    }

    /// As the host does, when nothing of an instance is left on it.
    fn let_go(&self) {
        for resource in self.registry.declared().unwrap().items {
            if resource.metadata().deletion_timestamp.is_some() {
                self.registry.finalize(&resource, INSTANCE_FINALIZER).unwrap();
            }
        }
    }

    fn all_ready(&self) {
        for mut instance in self.registry.list(Kind::Instance).unwrap().items {
            *instance.conditions_mut() = vec![Condition {
                r#type: "Ready".into(),
                status: ConditionStatus::True,
                reason: "Running".into(),
                message: String::new(),
                observed_generation: instance.metadata().generation,
                last_transition_time: "2026-01-01T00:00:00Z".into(),
            }];
            self.registry.update_status(instance).unwrap();
        }
    }

    fn names(&self) -> Vec<String> {
        let all = self.registry.declared().unwrap().items;
        all.iter().filter(|r| r.metadata().name != "default").map(|r| r.object_ref().to_string()).collect()
    }

    fn instances(&self) -> Vec<Resource> {
        self.registry.list(Kind::Instance).unwrap().items
    }

    /// Reasons of what was told of a resource, sorted.
    fn told(&self, kind: &str) -> Vec<String> {
        self.events.flush();
        let about = |resource: Resource| match resource {
            Resource::Event(event) if event.spec.involved_object.kind == kind => Some(event.spec.reason),
            _ => None,
        };
        let told: BTreeSet<_> =
            self.registry.list(Kind::Event).unwrap().items.into_iter().filter_map(about).collect();
        told.into_iter().collect()
    }
}

fn value(kind: &str, name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": madang_model::API_VERSION, "kind": kind, "metadata": { "name": name }, "spec": spec })
}

fn network() -> Vec<Value> {
    vec![
        value("Vpc", "shop", &json!({ "cidrs": ["10.0.0.0/16"] })),
        value("Subnet", "web", &json!({ "vpc": "shop", "cidr": "10.0.1.0/29" })),
    ]
}

fn group(replicas: u32, subnet: &str, command: &str) -> Value {
    let template = json!({ "spec": { "subnet": subnet, "process": { "command": [command] } } });
    value("InstanceGroup", "web", &json!({ "replicas": replicas, "template": template }))
}

fn inside(project: &str, items: Vec<Value>) -> Vec<Value> {
    let put = |mut value: Value| {
        value["metadata"]["namespace"] = project.into();
        value
    };
    let project = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": project } });
    std::iter::once(project).chain(items.into_iter().map(put)).collect()
}

fn web() -> ObjectRef {
    ObjectRef::new(Kind::InstanceGroup, "web")
}

#[test]
fn a_group_is_filled_rolled_and_emptied() {
    let mut lab = Lab::new();
    lab.apply(&[network(), vec![group(2, "web", "a")]].concat());
    lab.settle();
    assert_eq!(lab.instances().len(), 2);
    lab.all_ready();
    let outcome = lab.settle();
    let report = outcome.groups.values().next().unwrap();
    assert_eq!((report.replicas, report.ready, report.updated), (2, 2, 2));
    assert_eq!(report.selector, "madang.dev/instance-group=web");

    let before: BTreeSet<_> = lab.instances().iter().map(Resource::object_ref).collect();
    lab.apply(&[group(2, "web", "b")]);
    for _ in 0..6 {
        lab.settle();
        assert!((2..=3).contains(&lab.instances().len()), "{:?}", lab.names());
        lab.all_ready();
    }
    let after: BTreeSet<_> = lab.instances().iter().map(Resource::object_ref).collect();
    assert!(after.len() == 2 && after.is_disjoint(&before), "{after:?}");

    lab.registry.delete(&web()).unwrap();
    lab.settle();
    assert_eq!(lab.names(), ["Vpc/shop", "Subnet/web"]);
    assert_eq!(lab.told("InstanceGroup"), ["ScaledDown", "ScaledUp"]);
}

#[test]
fn what_cannot_be_made_is_said_and_not_tried_all_the_time() {
    let mut lab = Lab::new();
    lab.apply(&[network(), vec![group(2, "none", "a")]].concat());
    let said = |outcome: &Outcome| format!("{:?}", outcome.groups.values().next().unwrap().verdict);
    let first = lab.settle();
    assert!(
        said(&first).contains("CreateFailed") && said(&first).contains("there is no subnet"),
        "{first:?}"
    );
    let before = lab.registry.revision();
    (0..20).for_each(|_| drop(lab.turn()));
    lab.events.flush();
    let counted = |resource: &Resource| match resource {
        Resource::Event(event) => event.spec.count.unwrap(),
        other => panic!("{other:?}"),
    };
    let tried: u32 = lab.registry.list(Kind::Event).unwrap().items.iter().map(counted).sum();
    assert!(tried <= 2, "{tried} times within a moment, {before} to {}", lab.registry.revision());
    // Whoever mends what is wrong does not wait.
    lab.apply(&[value("Subnet", "none", &json!({ "vpc": "shop", "cidr": "10.0.2.0/24" }))]);
    lab.settle();
    assert_eq!(lab.instances().len(), 2);
}

#[test]
fn a_subnet_that_is_too_small_holds_what_it_can() {
    let mut lab = Lab::new();
    lab.apply(&[network(), vec![group(5, "web", "a")]].concat());
    let outcome = lab.settle();
    // Of eight addresses, five are reserved.
    assert_eq!(lab.instances().len(), 3);
    let verdict = format!("{:?}", outcome.groups.values().next().unwrap().verdict);
    assert!(verdict.contains("3 of 5 instances are there"), "{verdict}");
}

#[test]
fn in_the_foreground_a_group_goes_last() {
    let mut lab = Lab::new();
    lab.apply(&[network(), vec![group(2, "web", "a")]].concat());
    lab.settle();
    let options = DeleteOptions { propagation: Propagation::Foreground, ..DeleteOptions::default() };
    lab.registry.delete_if(&web(), options).unwrap();
    lab.turn();
    let going = lab.instances();
    assert!(going.iter().all(|instance| instance.metadata().deletion_timestamp.is_some()), "{going:?}");
    (0..3).for_each(|_| drop(lab.turn()));
    assert!(lab.registry.find(&web()).unwrap().is_some(), "its instances are still on the host");
    lab.settle();
    assert_eq!(lab.names(), ["Vpc/shop", "Subnet/web"]);
}

#[test]
fn orphans_stay() {
    let mut lab = Lab::new();
    lab.apply(&[network(), vec![group(2, "web", "a")]].concat());
    lab.settle();
    let options = DeleteOptions { propagation: Propagation::Orphan, ..DeleteOptions::default() };
    lab.registry.delete_if(&web(), options).unwrap();
    lab.settle();
    assert!(lab.registry.find(&web()).unwrap().is_none());
    let left = lab.instances();
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|instance| instance.metadata().owner_references.is_empty()), "{left:?}");
}

#[test]
fn a_project_goes_with_all_that_is_in_it() {
    let mut lab = Lab::new();
    let shop = || [network(), vec![group(2, "web", "a")]].concat();
    lab.apply(&[shop(), inside("lab", shop())].concat());
    lab.settle();
    assert_eq!(lab.instances().len(), 4);
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": { "name": "a.1", "namespace": "lab" },
        "involvedObject": { "kind": "Vpc", "namespace": "lab", "name": "shop" },
    });
    lab.registry.create(madang_model::from_json(event).unwrap()).unwrap();
    let project = ObjectRef::new(Kind::Namespace, "lab");
    lab.registry.delete(&project).unwrap();
    lab.turn();
    let waiting = lab.turn();
    assert_eq!(waiting.troubles, BTreeSet::new());
    let going = lab.registry.get(&project).unwrap();
    assert_eq!(going.conditions()[0].reason, "Terminating");
    assert!(going.conditions()[0].message.contains("2 left"), "{:?}", going.conditions());
    lab.settle();
    assert!(lab.registry.find(&project).unwrap().is_none());
    let of_lab = |r: &Resource| r.metadata().namespace.as_deref() == Some("lab");
    assert!(!lab.registry.all().unwrap().items.iter().any(of_lab), "{:?}", lab.names());
    assert_eq!(lab.instances().len(), 2, "the other project has kept its own");
    assert_eq!(lab.told("Namespace"), ["Emptied"]);
}

#[test]
fn a_project_is_emptied_when_its_deletion_is_confirmed() {
    let mut lab = Lab::new();
    let delete_and = |lab: &mut Lab| {
        lab.apply(&inside("lab", [network(), vec![group(2, "web", "a")]].concat()));
        lab.settle();
        let going = vec![ObjectRef::new(Kind::Namespace, "lab")];
        let bundle = Bundle { delete: going, confirm: Some(60), ..Bundle::default() };
        lab.registry.apply(bundle).unwrap();
        let before = lab.names();
        lab.settle();
        assert_eq!(lab.names(), before, "nothing is lost as long as it may be rolled back");
    };
    delete_and(&mut lab);
    lab.registry.roll_back("somebody said so").unwrap();
    lab.settle();
    let project = lab.registry.get(&ObjectRef::new(Kind::Namespace, "lab")).unwrap();
    assert_eq!(project.metadata().deletion_timestamp, None);
    assert_eq!(lab.instances().len(), 2);
    delete_and(&mut lab);
    lab.registry.confirm().unwrap();
    lab.settle();
    assert_eq!(lab.names(), Vec::<String>::new());
}

#[test]
fn another_daemon_goes_on_where_one_died() {
    let mut lab = Lab::new();
    lab.apply(&inside("lab", [network(), vec![group(2, "web", "a")]].concat()));
    lab.settle();
    let project = ObjectRef::new(Kind::Namespace, "lab");
    lab.registry.delete(&project).unwrap();
    lab.turn();
    let mut next = Lab {
        controllers: Controllers::new(lab.registry.clone(), lab.events.clone()),
        world: Arc::default(),
        ..lab
    };
    next.settle();
    assert_eq!(next.names(), Vec::<String>::new());
}

#[test]
fn nothing_to_do_is_nothing_written() {
    let mut lab = Lab::new();
    lab.apply(&[network(), vec![group(2, "web", "a")], inside("lab", network())].concat());
    lab.settle();
    lab.all_ready();
    lab.settle();
    lab.events.flush();
    let before = lab.registry.revision();
    assert_ne!(before, Revision(0));
    (0..5).for_each(|_| drop(lab.turn()));
    assert_eq!(lab.registry.revision(), before);
}
