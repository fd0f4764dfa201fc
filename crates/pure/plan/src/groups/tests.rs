use madang_model::{Condition, ConditionStatus, from_json};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn group(replicas: u32, command: &str) -> Group {
    let spec = json!({
        "replicas": replicas,
        "template": { "metadata": { "labels": { "app": "web" } }, "spec": { "subnet": "web", "process": { "command": [command] } } },
    });
    let group = json!({
        "apiVersion": madang_model::API_VERSION, "kind": "InstanceGroup",
        "metadata": { "name": "web", "namespace": "lab", "uid": "group-1", "generation": 1 }, "spec": spec,
    });
    match from_json(group).unwrap() {
        Resource::InstanceGroup(group) => group,
        other => panic!("{other:?}"),
    }
}

/// Instances that live as they are told.
struct Sim {
    instances: Vec<Resource>,
    /// Moments since the beginning: what tells the old from the young.
    now: u64,
}

impl Sim {
    fn new() -> Self {
        Self { instances: Vec::new(), now: 0 }
    }

    fn next(&self, group: &Group) -> GroupStep {
        GroupStep::next(group, &self.instances.iter().collect::<Vec<_>>())
    }

    fn step(&mut self, group: &Group) -> GroupStep {
        let step = self.next(group);
        self.now += 1;
        let mut draws = self.now * 1000;
        let random = || {
            draws += 1;
            draws
        };
        let names: Vec<_> = self.instances.iter().map(|i| i.metadata().name.clone()).collect();
        let made = new_instances(group, step.create, random, |name| names.iter().any(|taken| taken == name));
        assert_eq!(made.len(), step.create);
        self.instances.retain(|instance| !step.delete.contains(&instance.object_ref()));
        let now = self.now;
        self.instances.extend(made.into_iter().map(|mut instance| {
            let metadata = instance.metadata_mut();
            metadata.generation = 1;
            metadata.creation_timestamp = Some(format!("2026-01-01T00:{:02}:{:02}Z", now / 60, now % 60));
            instance
        }));
        step
    }

    fn set_ready(&mut self, nth: usize, ready: bool) {
        let status = if ready { ConditionStatus::True } else { ConditionStatus::False };
        let condition = Condition {
            r#type: "Ready".into(),
            status,
            reason: "Said".into(),
            message: String::new(),
            observed_generation: 1,
            last_transition_time: String::new(),
        };
        *self.instances[nth].conditions_mut() = vec![condition];
    }

    fn all_ready(&mut self) {
        (0..self.instances.len()).for_each(|nth| self.set_ready(nth, true));
    }

    fn ready(&self) -> usize {
        self.instances.iter().filter(|i| readiness(i) == Readiness::Ready).count()
    }
}

#[test]
fn a_new_group_gets_all_its_instances_at_once() {
    let (mut sim, group) = (Sim::new(), group(3, "a"));
    assert_eq!(sim.step(&group).create, 3);
    let first = &sim.instances[0];
    assert!(is_of(&group, first));
    let metadata = first.metadata();
    assert_eq!((metadata.namespace.as_deref(), metadata.labels["app"].as_str()), (Some("lab"), "web"));
    assert_eq!(metadata.labels[GROUP_LABEL], "web");
    assert_eq!(metadata.labels[TEMPLATE_LABEL], template_hash(&group.spec.template));
    let suffix = metadata.name.strip_prefix("web-").unwrap();
    assert!(suffix.len() == 5 && suffix.bytes().all(|b| ALPHABET.contains(&b)), "{suffix}");
    assert_eq!(from_json(first.to_json()).unwrap(), *first, "it is right by itself");
    let step = sim.next(&group);
    assert_eq!((step.create, step.delete.len(), step.is_done(&group)), (0, 0, false), "they are awaited");
    sim.all_ready();
    assert!(sim.next(&group).is_done(&group));
}

#[test]
fn who_is_not_ready_goes_first_then_the_youngest() {
    let mut sim = Sim::new();
    sim.step(&group(1, "a"));
    sim.step(&group(2, "a"));
    sim.step(&group(3, "a"));
    sim.all_ready();
    sim.set_ready(0, false);
    let names: Vec<_> = sim.instances.iter().map(Resource::object_ref).collect();
    assert_eq!(sim.next(&group(2, "a")).delete, [names[0].clone()]);
    assert_eq!(sim.next(&group(1, "a")).delete, [names[0].clone(), names[2].clone()]);
    assert_eq!(sim.next(&group(0, "a")).delete.len(), 3);
}

#[test]
fn what_somebody_deletes_comes_back() {
    let (mut sim, group) = (Sim::new(), group(2, "a"));
    sim.step(&group);
    sim.all_ready();
    sim.instances[0].metadata_mut().deletion_timestamp = Some("2026-01-01T00:00:00Z".into());
    let step = sim.next(&group);
    assert_eq!((step.create, step.replicas, step.ready), (1, 1, 1), "it counts for nothing any more");
}

#[test]
fn a_new_template_comes_one_by_one_and_each_is_awaited() {
    let mut sim = Sim::new();
    sim.step(&group(2, "a"));
    sim.all_ready();
    let group = group(2, "b");
    for round in 0..2 {
        let step = sim.step(&group);
        assert_eq!((step.create, step.delete.len()), (1, 0), "round {round}");
        let step = sim.step(&group);
        assert_eq!((step.create, step.delete.len()), (0, 0), "the new one is not Ready yet");
        sim.all_ready();
        let step = sim.step(&group);
        assert_eq!((step.create, step.delete.len()), (0, 1));
        assert_eq!(sim.ready(), 2);
    }
    assert!(sim.next(&group).is_done(&group));
}

#[test]
fn a_template_that_never_becomes_ready_stops_after_one_and_can_be_replaced() {
    let mut sim = Sim::new();
    sim.step(&group(1, "good"));
    sim.all_ready();
    sim.step(&group(1, "bad"));
    for _ in 0..3 {
        let step = sim.step(&group(1, "bad"));
        assert_eq!((step.create, step.delete.len(), step.ready), (0, 0, 1));
    }
    let bad = sim.instances[1].object_ref();
    let better = group(1, "better");
    assert_eq!(sim.step(&better).delete, [bad]);
    assert_eq!(sim.step(&better).create, 1);
    sim.all_ready();
    sim.step(&better);
    assert!(sim.next(&better).is_done(&better));
}

#[test]
fn no_instances_wanted_needs_no_surge() {
    let mut sim = Sim::new();
    sim.step(&group(2, "a"));
    let step = sim.next(&group(0, "b"));
    assert_eq!((step.create, step.delete.len()), (0, 2));
}

#[test]
fn names_are_labels_however_long_the_groups_is() {
    let mut group = group(1, "a");
    group.metadata.name = format!("{}-{}", "a".repeat(56), "b".repeat(6));
    let made = new_instances(&group, 1, || 7, |_| false);
    assert!(madang_model::is_dns_label(&made[0].metadata().name), "{}", made[0].metadata().name);
    let taken = made[0].metadata().name.clone();
    assert_eq!(new_instances(&group, 1, || 7, |name| name == taken), [], "no free name, no instance");
}

#[test]
fn the_hash_is_of_the_template_alone() {
    let hash = |group: &Group| template_hash(&group.spec.template);
    assert_eq!(hash(&group(1, "a")), hash(&group(9, "a")));
    assert_ne!(hash(&group(1, "a")), hash(&group(1, "b")));
}

#[derive(Clone, Debug)]
enum Happens {
    Replicas(u32),
    Template(u8),
    Ready(usize, bool),
    Deleted(usize),
    Steps(usize),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        (0..6_u32).prop_map(Happens::Replicas),
        (0..3_u8).prop_map(Happens::Template),
        (0..8_usize, any::<bool>()).prop_map(|(nth, ready)| Happens::Ready(nth, ready)),
        (0..8_usize).prop_map(Happens::Deleted),
        (1..4_usize).prop_map(Happens::Steps),
    ]
}

proptest! {
    /// Whatever happens in between: no step takes away what is needed, nor makes more than one too many, and once all
    /// becomes Ready the group is done.
    #[test]
    fn a_group_gets_there_and_never_loses_what_is_ready(story in prop::collection::vec(happens(), 0..40)) {
        let mut sim = Sim::new();
        let (mut replicas, mut template) = (1, 0_u8);
        for event in story {
            match event {
                Happens::Replicas(n) => replicas = n,
                Happens::Template(n) => template = n,
                Happens::Ready(nth, ready) if nth < sim.instances.len() => sim.set_ready(nth, ready),
                Happens::Deleted(nth) if nth < sim.instances.len() => drop(sim.instances.remove(nth)),
                Happens::Steps(n) => for _ in 0..n {
                    let wanted = replicas as usize;
                    let (before, ready) = (sim.instances.len(), sim.ready());
                    sim.step(&group(replicas, &template.to_string()));
                    prop_assert!(sim.ready() >= ready.min(wanted), "what was Ready and needed was deleted");
                    prop_assert!(sim.instances.len() <= before.max(wanted + 1), "more than one too many");
                    prop_assert!(sim.instances.len() >= before.min(wanted), "fewer than wanted");
                },
                Happens::Ready(..) | Happens::Deleted(_) => {}
            }
        }
        let group = group(replicas, &template.to_string());
        for _ in 0..40 {
            sim.step(&group);
            sim.all_ready();
        }
        let step = sim.next(&group);
        prop_assert!(step.is_done(&group) && step.create == 0 && step.delete.is_empty(), "{step:?}");
    }
}
