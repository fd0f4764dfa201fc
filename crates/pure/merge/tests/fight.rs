//! Three managers fight over an object: what comes of it is what a simple model says.
//!
//! The model knows nothing of trees, sets of paths and comparisons: an object is a flat map from paths to values, and each
//! path has a set of owners.

mod common;
mod model;

use std::collections::BTreeSet;

use common::{schema, write};
use madang_merge::{ApplyError, ManagedFields, Operation, Path, PathElement, apply, update};
use model::{Model, Owner, flatten};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// What one manager does.
#[derive(Clone, Debug)]
enum Step {
    Apply {
        manager: usize,
        spec: Map<String, Value>,
        force: bool,
    },
    /// Fields of the live object that are in `kept` stay as they are.
    Update {
        manager: usize,
        spec: Map<String, Value>,
        kept: BTreeSet<&'static str>,
    },
}

const MANAGERS: [&str; 3] = ["x", "y", "z"];
const FIELDS: [&str; 5] = ["mtu", "command", "labels", "zones", "ports"];

fn port() -> impl Strategy<Value = Value> {
    (0..3_u8, of(prop::sample::select(&["TCP", "UDP"][..])), of(0..2_u8), of(0..2_u8)).prop_map(
        |(port, protocol, name, weight)| {
            let mut item = json!({ "port": port });
            let fields = [
                ("protocol", protocol.map(Value::from)),
                ("name", name.map(|name| json!(format!("n{name}")))),
                ("weight", weight.map(Value::from)),
            ];
            for (field, value) in fields {
                if let Some(value) = value {
                    item[field] = value;
                }
            }
            item
        },
    )
}

/// Items that their keys tell apart.
fn ports() -> impl Strategy<Value = Value> {
    vec(port(), 1..4).prop_map(|ports| {
        let mut seen = BTreeSet::new();
        ports.into_iter().filter(|port| seen.insert(model::key(port))).collect()
    })
}

/// A spec without empty containers: those have stories of their own.
fn spec() -> impl Strategy<Value = Map<String, Value>> {
    let name = prop::sample::select(&["a", "b", "c"][..]);
    let labels = btree_map(name.clone(), 0..2_u8, 1..3).prop_map(|labels| json!(labels));
    let zones = btree_set(name.clone(), 1..4).prop_shuffle_items();
    let command = vec(name, 0..2).prop_map(|command| json!(command));
    (of((0..3_u8).prop_map(Value::from)), of(command), of(labels), of(zones), of(ports())).prop_map(
        |(mtu, command, labels, zones, ports)| {
            let fields = FIELDS.iter().zip([mtu, command, labels, zones, ports]);
            fields.filter_map(|(field, value)| Some(((*field).to_owned(), value?))).collect()
        },
    )
}

/// The items in any order.
trait Shuffled: Strategy<Value = BTreeSet<&'static str>> + Sized + 'static {
    fn prop_shuffle_items(self) -> BoxedStrategy<Value> {
        self.prop_map(|items| items.into_iter().collect::<Vec<_>>())
            .prop_shuffle()
            .prop_map(|items| json!(items))
            .boxed()
    }
}

impl<S: Strategy<Value = BTreeSet<&'static str>> + 'static> Shuffled for S {}

fn step() -> impl Strategy<Value = Step> {
    let kept = prop::sample::subsequence(&FIELDS[..], 0..=FIELDS.len());
    prop_oneof![
        3 => (0..3_usize, spec(), any::<bool>())
            .prop_map(|(manager, spec, force)| Step::Apply { manager, spec, force }),
        2 => (0..3_usize, spec(), kept)
            .prop_map(|(manager, spec, kept)| Step::Update { manager, spec, kept: kept.into_iter().collect() }),
    ]
}

fn object(spec: Map<String, Value>) -> Value {
    if spec.is_empty() { json!({}) } else { json!({ "spec": spec }) }
}

/// The path as the model has it.
fn plain(path: &Path) -> Vec<String> {
    let step = |step: &PathElement| match step {
        PathElement::Field(name) => name.clone(),
        PathElement::Key(keys) => {
            let values: Vec<_> = keys.iter().map(|(_, value)| value.to_value().to_string()).collect();
            values.join("/")
        }
        PathElement::Item(value) => value.to_value().to_string(),
        PathElement::Index(_) => panic!("nobody owns a place in a list"),
    };
    path.0.iter().map(step).collect()
}

fn owner(manager: &str, operation: Operation) -> Owner {
    (manager.to_owned(), operation)
}

/// Whether the object and its owners are those of the model.
fn check(model: &Model, live: Option<&Value>, managed: &ManagedFields) -> Result<(), TestCaseError> {
    let live = live.map(flatten).unwrap_or_default();
    let values: Vec<_> = model.nodes.iter().map(|(path, node)| (path.clone(), node.value.clone())).collect();
    prop_assert_eq!(live.into_iter().collect::<Vec<_>>(), values);
    let mut owned = BTreeSet::new();
    for entry in managed.entries() {
        for path in entry.fields.paths() {
            owned.insert((plain(&path), owner(&entry.manager, entry.operation)));
        }
    }
    prop_assert_eq!(owned, model.owned());
    Ok(())
}

/// Items that the configuration names are in its order.
fn check_order(live: &Value, config: &Value) -> Result<(), TestCaseError> {
    let items = |object: &Value, field: &str| match object.pointer(field) {
        Some(Value::Array(items)) => items.iter().map(model::key).collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    for field in ["/spec/ports", "/spec/zones"] {
        let wanted = items(config, field);
        let got: Vec<_> = items(live, field).into_iter().filter(|item| wanted.contains(item)).collect();
        prop_assert_eq!(got, wanted);
    }
    Ok(())
}

fn fight(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let schema = schema();
    let (mut model, mut live, mut managed) = (Model::default(), None, ManagedFields::default());
    for (second, step) in steps.into_iter().enumerate() {
        let now = format!("2025-01-01T00:00:{second:02}Z");
        match step {
            Step::Apply { manager, spec, force } => {
                let (name, config) = (MANAGERS[manager], object(spec));
                let expected = model.apply(&owner(name, Operation::Apply), &config, force);
                match apply(&schema, live.as_ref(), &managed, &config, &write(name, &now), force) {
                    Ok((object, owners)) => {
                        prop_assert!(expected.is_empty(), "no conflict, but {:?}", expected);
                        check_order(&object, &config)?;
                        (live, managed) = (Some(object), owners);
                    }
                    Err(ApplyError::Conflicts(conflicts)) => {
                        let each = conflicts.each().iter();
                        let conflicts: BTreeSet<_> = each
                            .map(|each| (owner(&each.manager, each.operation), plain(&each.path)))
                            .collect();
                        prop_assert_eq!(conflicts, expected);
                    }
                    Err(error) => return Err(TestCaseError::fail(error.to_string())),
                }
            }
            Step::Update { manager, mut spec, kept } => {
                let name = MANAGERS[manager];
                for field in kept {
                    match live.as_ref().and_then(|live: &Value| live.get("spec")?.get(field)) {
                        Some(value) => drop(spec.insert(field.to_owned(), value.clone())),
                        None => drop(spec.shift_remove(field)),
                    }
                }
                let new = object(spec);
                model.update(&owner(name, Operation::Update), &new);
                managed = update(&schema, live.as_ref(), &managed, &new, &write(name, &now));
                live = Some(new);
            }
        }
        check(&model, live.as_ref(), &managed)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn object_owners_and_conflicts_are_those_of_the_model(steps in vec(step(), 1..12)) {
        fight(steps)?;
    }
}
