//! What differs between two states of an object, path by path.

use serde_json::Value;

use crate::field_set::{FieldSet, Node};
use crate::path::PathElement;
use crate::scalar::same;
use crate::schema::Type;
use crate::shape::{Part, Shape};

/// The paths that a change touches. Of a part that comes or goes, all that is in it comes or goes too.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) added: FieldSet,
    pub(crate) modified: FieldSet,
    pub(crate) removed: FieldSet,
}

/// What becomes of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Added,
    Modified,
    Removed,
}

/// What differs below a path, in nodes that are sorted.
#[derive(Default)]
struct Found {
    added: Vec<Node>,
    modified: Vec<Node>,
    removed: Vec<Node>,
}

impl Changes {
    /// Between a state, or nothing, and the next, both of the same type.
    pub(crate) fn between(of: &Type, before: Option<&Value>, after: Option<&Value>) -> Self {
        compare(of, before, after, 0).1
    }

    /// Whether nothing differs.
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// Of each kind.
    pub(crate) fn each(&mut self) -> [&mut FieldSet; 3] {
        [&mut self.added, &mut self.modified, &mut self.removed]
    }

    /// What is there after the change and was not so before.
    pub(crate) fn written(&self) -> FieldSet {
        let mut written = self.added.clone();
        written.add(&self.modified);
        written
    }
}

/// What becomes of the value itself, and of what is below it.
fn compare(
    of: &Type,
    before: Option<&Value>,
    after: Option<&Value>,
    depth: usize,
) -> (Option<Fate>, Changes) {
    if let (Some(before), Some(after)) = (before, after)
        && same(before, after)
    {
        return Default::default();
    }
    let (piece_before, old) = seen(of, before, depth);
    let (piece_after, new) = seen(of, after, depth);
    // Two values without parts are compared as they are, so that an empty list is not null.
    let whole = piece_before || piece_after || (old.is_empty() && new.is_empty());
    let fate = match (before, after) {
        (None, Some(_)) => Some(Fate::Added),
        (Some(_), None) => Some(Fate::Removed),
        (Some(_), Some(_)) if whole => Some(Fate::Modified),
        _ => None,
    };
    (fate, compare_parts(old, new, depth + 1))
}

/// Whether a value is one piece, and its parts.
fn seen<'v, 's>(of: &'s Type, value: Option<&'v Value>, depth: usize) -> (bool, Vec<Part<'v, 's>>) {
    let Some(value) = value else { return (false, Vec::new()) };
    let shape = Shape::of(of, value, depth);
    (shape.is_leaf(), shape.parts(value))
}

/// Both sorted by step.
fn compare_parts(old: Vec<Part<'_, '_>>, new: Vec<Part<'_, '_>>, depth: usize) -> Changes {
    let mut found = Found::default();
    let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
    loop {
        let (before, after) = match (old.peek(), new.peek()) {
            (Some(before), Some(after)) => match before.step.cmp(&after.step) {
                std::cmp::Ordering::Less => (old.next(), None),
                std::cmp::Ordering::Equal => (old.next(), new.next()),
                std::cmp::Ordering::Greater => (None, new.next()),
            },
            (Some(_), None) => (old.next(), None),
            (None, Some(_)) => (None, new.next()),
            (None, None) => break,
        };
        let (fate, below) = compare_part(before.as_ref(), after.as_ref(), depth);
        if let (Some(part), true) = (before.or(after), fate.is_some() || !below.is_empty()) {
            found.put(part.step.into_element(), fate, below);
        }
    }
    Changes {
        added: FieldSet::from_nodes(found.added),
        modified: FieldSet::from_nodes(found.modified),
        removed: FieldSet::from_nodes(found.removed),
    }
}

fn compare_part(
    before: Option<&Part<'_, '_>>,
    after: Option<&Part<'_, '_>>,
    depth: usize,
) -> (Option<Fate>, Changes) {
    let Some(of) = before.or(after).map(|part| part.of) else { return Default::default() };
    let twins = |part: Option<&Part<'_, '_>>| part.is_some_and(|part| !part.twins.is_empty());
    let (old, new) = (before.map(|part| part.value), after.map(|part| part.value));
    match (twins(before), twins(after)) {
        (false, false) => compare(of, old, new, depth),
        // Twins are one piece: what was or will be below a single one of them comes or goes.
        (true, false) if new.is_none() => (Some(Fate::Removed), Changes::default()),
        (true, false) => (Some(Fate::Added), compare(of, None, new, depth).1),
        (false, true) => (Some(Fate::Added), compare(of, old, None, depth).1),
        (true, true) => {
            let values = |part: Option<&Part<'_, '_>>| {
                part.map(|part| [part.value].into_iter().chain(part.twins.iter().copied()).cloned().collect())
            };
            let (old, new) = (values(before), values(after));
            let differ =
                !same(&Value::Array(old.unwrap_or_default()), &Value::Array(new.unwrap_or_default()));
            (differ.then_some(Fate::Modified), Changes::default())
        }
    }
}

impl Found {
    fn put(&mut self, element: PathElement, fate: Option<Fate>, below: Changes) {
        let kinds = [
            (&mut self.added, Fate::Added, below.added),
            (&mut self.modified, Fate::Modified, below.modified),
            (&mut self.removed, Fate::Removed, below.removed),
        ];
        for (nodes, kind, below) in kinds {
            let member = fate == Some(kind);
            if member || !below.is_empty() {
                nodes.push(Node { element: element.clone(), member, below });
            }
        }
    }
}
