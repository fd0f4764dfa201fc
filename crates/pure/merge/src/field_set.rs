//! Sets of fields: what somebody owns, or what a change touches (KEP-555).
//!
//! A set is a tree of steps. A node is a member when its own path is in the set; what is below it can be in the set or
//! not, independently. Invariant: nodes are sorted by their step, and each is a member or has something below it.
//!
//! Copies share what they have in common: most writes leave most of what others own as it is.

use std::sync::Arc;

use crate::path::{Path, PathElement};

/// A set of paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// None if it is empty.
    nodes: Option<Arc<Vec<Node>>>,
}

/// A step, and what of the set lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) element: PathElement,
    /// Whether the path that ends here is in the set.
    pub(crate) member: bool,
    pub(crate) below: FieldSet,
}

impl Node {
    fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }
}

impl FieldSet {
    /// From nodes in any order; a step that is there twice is joined.
    pub(crate) fn from_nodes(nodes: impl IntoIterator<Item = Node>) -> Self {
        let mut nodes: Vec<Node> = nodes.into_iter().filter(|node| !node.is_empty()).collect();
        if !nodes.is_sorted_by(|a, b| a.element < b.element) {
            nodes.sort_by(|a, b| a.element.cmp(&b.element));
            nodes.dedup_by(|later, kept| {
                let joined = later.element == kept.element;
                if joined {
                    kept.member |= later.member;
                    kept.below.add(&later.below);
                }
                joined
            });
        }
        Self::from_sorted(nodes)
    }

    fn from_sorted(nodes: Vec<Node>) -> Self {
        Self { nodes: (!nodes.is_empty()).then(|| Arc::new(nodes)) }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_none()
    }

    /// How many paths are in it.
    pub fn len(&self) -> usize {
        self.nodes().iter().map(|node| usize::from(node.member) + node.below.len()).sum()
    }

    /// Whether the path is in it. Nothing is said of what is above or below.
    pub fn contains(&self, path: &Path) -> bool {
        let Some((last, above)) = path.0.split_last() else { return false };
        let set = above.iter().try_fold(self, |set, step| Some(&set.node(step)?.below));
        set.and_then(|set| set.node(last)).is_some_and(|node| node.member)
    }

    /// Puts a path into it. The empty path is nobody's.
    pub fn insert(&mut self, path: &Path) {
        let Some((last, above)) = path.0.split_last() else { return };
        let set = above.iter().fold(self, |set, step| &mut set.node_or_new(step).below);
        set.node_or_new(last).member = true;
    }

    /// Every path, each before what is below it.
    pub fn paths(&self) -> Vec<Path> {
        let mut paths = Vec::new();
        self.collect(&Path::default(), &mut paths);
        paths
    }

    /// Puts in what is in the other.
    pub fn add(&mut self, other: &Self) {
        if self.is_empty() {
            *self = other.clone();
            return;
        }
        for node in other.nodes() {
            let mine = self.node_or_new(&node.element);
            mine.member |= node.member;
            mine.below.add(&node.below);
        }
    }

    /// Takes out what is in the other: each path by itself, not what is below it.
    pub fn subtract(&mut self, other: &Self) {
        if !self.intersection(other).is_empty() {
            self.retain(|node| {
                if let Some(theirs) = other.node(&node.element) {
                    node.member &= !theirs.member;
                    node.below.subtract(&theirs.below);
                }
                true
            });
        }
    }

    /// What is in both.
    pub fn intersection(&self, other: &Self) -> Self {
        let both = self.nodes().iter().filter_map(|node| {
            let theirs = other.node(&node.element)?;
            Some(Node {
                element: node.element.clone(),
                member: node.member && theirs.member,
                below: node.below.intersection(&theirs.below),
            })
        });
        Self::from_sorted(both.filter(|node| !node.is_empty()).collect())
    }

    /// Keeps what the function leaves of each first step.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&mut Node) -> bool) {
        if let Some(nodes) = &mut self.nodes {
            let nodes = Arc::make_mut(nodes);
            nodes.retain_mut(|node| keep(node) && !node.is_empty());
            if nodes.is_empty() {
                self.nodes = None;
            }
        }
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        self.nodes.as_ref().map_or(&[], |nodes| nodes.as_slice())
    }

    /// What the set has at a step.
    pub(crate) fn node(&self, step: &PathElement) -> Option<&Node> {
        self.place(step).ok().map(|n| &self.nodes()[n])
    }

    fn node_or_new(&mut self, step: &PathElement) -> &mut Node {
        let place = self.place(step);
        let nodes = Arc::make_mut(self.nodes.get_or_insert_default());
        let n = place.unwrap_or_else(|n| {
            nodes.insert(n, Node { element: step.clone(), member: false, below: Self::default() });
            n
        });
        &mut nodes[n]
    }

    fn place(&self, step: &PathElement) -> Result<usize, usize> {
        self.nodes().binary_search_by(|node| node.element.cmp(step))
    }

    fn collect(&self, above: &Path, paths: &mut Vec<Path>) {
        for node in self.nodes() {
            let path = above.then(node.element.clone());
            if node.member {
                paths.push(path.clone());
            }
            node.below.collect(&path, paths);
        }
    }
}

impl FromIterator<Path> for FieldSet {
    fn from_iter<I: IntoIterator<Item = Path>>(paths: I) -> Self {
        let mut set = Self::default();
        paths.into_iter().for_each(|path| set.insert(&path));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(steps: &str) -> Path {
        Path(steps.split('.').map(PathElement::field).collect())
    }

    fn set(paths: &[&str]) -> FieldSet {
        paths.iter().map(|steps| path(steps)).collect()
    }

    #[test]
    fn a_path_is_in_the_set_by_itself() {
        let set = set(&["b.c", "b", "a.x.y"]);
        assert!(set.contains(&path("b")) && set.contains(&path("b.c")) && set.contains(&path("a.x.y")));
        assert!(!set.contains(&path("a")) && !set.contains(&path("a.x")) && !set.contains(&path("b.c.d")));
        assert!(!set.contains(&Path::default()));
        assert_eq!(set.len(), 3);
        assert_eq!(set.paths(), ["a.x.y", "b", "b.c"].map(path));
    }

    #[test]
    fn the_empty_path_is_nobodys() {
        let mut set = FieldSet::default();
        set.insert(&Path::default());
        assert!(set.is_empty());
    }

    #[test]
    fn sets_are_joined_and_taken_apart_path_by_path() {
        let (a, b) = (set(&["a", "a.b", "c.d"]), set(&["a", "c.d", "c.e"]));
        let mut both = a.clone();
        both.add(&b);
        assert_eq!(both, set(&["a", "a.b", "c.d", "c.e"]));
        assert_eq!(a.intersection(&b), set(&["a", "c.d"]));
        let mut rest = a.clone();
        rest.subtract(&b);
        // What is below a path that goes stays.
        assert_eq!(rest, set(&["a.b"]));
        rest.subtract(&a);
        assert_eq!(rest, FieldSet::default());
    }

    #[test]
    fn nodes_in_any_order_make_the_same_set() {
        let node = |name: &str, member, below| Node { element: PathElement::field(name), member, below };
        let made = FieldSet::from_nodes([
            node("c", false, FieldSet::default()),
            node("b", false, set(&["y"])),
            node("a", true, FieldSet::default()),
            node("b", true, set(&["x"])),
        ]);
        assert_eq!(made, set(&["a", "b", "b.x", "b.y"]));
    }
}
