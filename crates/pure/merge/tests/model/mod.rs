//! The model.

use std::collections::{BTreeMap, BTreeSet};

use madang_merge::Operation;
use serde_json::{Value, json};

/// Who owns something, and how it came to.
pub(crate) type Owner = (String, Operation);

/// The steps to something, with the keys of an item as one step.
pub(crate) type Steps = Vec<String>;

/// An object as a flat map.
#[derive(Debug, Default)]
pub(crate) struct Model {
    exists: bool,
    pub(crate) nodes: BTreeMap<Steps, Node>,
}

/// What lies at a path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) value: Held,
    owners: BTreeSet<Owner>,
}

/// What is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Held {
    /// Fields or items that the schema declares: there for what is in it.
    #[default]
    Parts,
    /// An item with keys.
    Item,
    /// A value, as JSON.
    Value(String),
}

/// What tells an item apart, as one step.
pub(crate) fn key(item: &Value) -> String {
    match item.get("port") {
        Some(port) => format!("{port}/{}", item.get("protocol").unwrap_or(&json!("TCP"))),
        None => item.to_string(),
    }
}

/// The object as paths and what is there.
pub(crate) fn flatten(object: &Value) -> BTreeMap<Steps, Held> {
    let mut flat = BTreeMap::new();
    let mut put = |steps: &[&str], held: Held| {
        flat.insert(steps.iter().map(|step| (*step).to_owned()).collect(), held);
    };
    let Some(spec) = object.get("spec") else { return flat };
    put(&["spec"], Held::Parts);
    let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for (field, value) in fields(spec) {
        let at = ["spec", field.as_str()];
        match field.as_str() {
            "labels" => {
                put(&at, Held::Parts);
                fields(&value).iter().for_each(|(name, value)| {
                    put(&[at[0], at[1], name], Held::Value(value.to_string()));
                });
            }
            "zones" => {
                put(&at, Held::Parts);
                items(&value).iter().for_each(|item| {
                    put(&[at[0], at[1], &item.to_string()], Held::Value(item.to_string()));
                });
            }
            "ports" => {
                put(&at, Held::Parts);
                for item in items(&value) {
                    let key = key(&item);
                    put(&[at[0], at[1], &key], Held::Item);
                    fields(&item).iter().for_each(|(name, value)| {
                        put(&[at[0], at[1], &key, name], Held::Value(value.to_string()));
                    });
                }
            }
            _ => put(&at, Held::Value(value.to_string())),
        }
    }
    flat
}

impl Model {
    /// Every path that somebody owns, with its owner.
    pub(crate) fn owned(&self) -> BTreeSet<(Steps, Owner)> {
        let each = self.nodes.iter();
        each.flat_map(|(steps, node)| node.owners.iter().map(|owner| (steps.clone(), owner.clone())))
            .collect()
    }

    /// Of an object that exists, nobody is said to own anything.
    fn is_untold(&self) -> bool {
        self.exists && self.owned().is_empty()
    }

    /// Whoever owns what an apply would change; nothing has happened if there is somebody.
    pub(crate) fn apply(&mut self, me: &Owner, config: &Value, force: bool) -> BTreeSet<(Owner, Steps)> {
        let before = ("before-first-apply".to_owned(), Operation::Update);
        let untold = self.is_untold();
        let mut next: BTreeMap<Steps, Node> = self.nodes.clone();
        if untold {
            next.values_mut().for_each(|node| node.owners = [before.clone()].into());
        }
        let wanted = flatten(config);
        let differs = |steps: &Steps, held: &Held| next.get(steps).is_some_and(|node| node.value != *held);
        let lost = wanted.iter().filter(|(steps, held)| differs(steps, held)).flat_map(|(steps, _)| {
            let others = next[steps].owners.iter().filter(|owner| *owner != me);
            others.map(|owner| (owner.clone(), steps.clone()))
        });
        let lost: BTreeSet<_> = lost.collect();
        if !lost.is_empty() && !force {
            return lost;
        }
        let mine: BTreeSet<Steps> = next
            .iter()
            .filter(|(_, node)| node.owners.contains(me))
            .map(|(steps, _)| steps.clone())
            .collect();
        for node in next.values_mut() {
            node.owners.remove(me);
        }
        for (steps, held) in wanted {
            let node = next.entry(steps).or_insert_with(|| Node { value: held.clone(), ..Node::default() });
            if held == Held::Parts {
                continue;
            }
            if node.value != held {
                *node = Node { value: held, ..Node::default() };
            }
            node.owners.insert(me.clone());
        }
        let gone = abandoned(&next, &mine);
        next.retain(|steps, _| !gone.iter().any(|gone| steps.starts_with(gone)));
        self.nodes = next;
        self.exists = true;
        BTreeSet::new()
    }

    /// Somebody writes the whole object.
    pub(crate) fn update(&mut self, me: &Owner, new: &Value) {
        let untold = self.is_untold();
        let old = std::mem::take(&mut self.nodes);
        for (steps, value) in flatten(new) {
            let owners = match old.get(&steps) {
                _ if untold => BTreeSet::new(),
                Some(node) if node.value == value => node.owners.clone(),
                _ => [me.clone()].into(),
            };
            self.nodes.insert(steps, Node { value, owners });
        }
        self.exists = true;
    }
}

/// What I owned, or was there for what I owned in it, and is nobody's now.
fn abandoned(nodes: &BTreeMap<Steps, Node>, mine: &BTreeSet<Steps>) -> Vec<Steps> {
    let is_abandoned = |steps: &Steps, node: &Node| match node.value {
        // Whoever owns something in it holds it.
        Held::Parts => {
            let below = |other: &Steps| other.starts_with(steps);
            mine.iter().any(below)
                && nodes.iter().filter(|(other, _)| below(other)).all(|(_, node)| node.owners.is_empty())
        }
        Held::Item | Held::Value(_) => mine.contains(steps) && node.owners.is_empty(),
    };
    nodes.iter().filter(|(steps, node)| is_abandoned(steps, node)).map(|(steps, _)| steps.clone()).collect()
}
