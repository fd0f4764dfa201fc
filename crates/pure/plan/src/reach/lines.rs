//! Gathers what pairs of parties gain and lose into few lines.

use std::collections::{BTreeMap, BTreeSet};

use madang_addr::Prefix;
use madang_compile::Traffic;

use super::Reachability;
use super::path::{NAMED, Outside, Party, Path, Ports, ports};

/// Instances that are alike.
#[derive(Clone, Debug, Default)]
pub(super) struct Alike {
    pub(super) names: BTreeSet<String>,
    /// The security groups of each.
    pub(super) groups: BTreeSet<String>,
}

/// One end of a line: sets of alike instances, by their place in a list, or addresses outside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Instances(BTreeSet<usize>),
    Outside(Outside),
}

impl End {
    pub(super) fn alike(place: usize) -> Self {
        Self::Instances(BTreeSet::from([place]))
    }

    /// As few ends as say the same.
    fn join(ends: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut instances = BTreeSet::new();
        let mut outside: BTreeMap<Vec<Prefix>, BTreeSet<Prefix>> = BTreeMap::new();
        for end in ends {
            match end {
                Self::Instances(places) => instances.extend(places),
                Self::Outside(Outside { cidrs, except }) => outside.entry(except).or_default().extend(cidrs),
            }
        }
        let outside = outside
            .into_iter()
            .map(|(except, cidrs)| Self::Outside(Outside { cidrs: cidrs.into_iter().collect(), except }));
        let instances = (!instances.is_empty()).then_some(Self::Instances(instances));
        instances.into_iter().chain(outside).collect()
    }

    fn party(&self, alike: &[Alike]) -> Party {
        let places = match self {
            Self::Outside(outside) => return Party::Outside(outside.clone()),
            Self::Instances(places) => places,
        };
        let sets = || places.iter().map(|place| &alike[*place]);
        let names: BTreeSet<&String> = sets().flat_map(|set| &set.names).collect();
        let common = sets().map(|set| set.groups.clone()).reduce(|a, b| &a & &b).unwrap_or_default();
        Party::Instances {
            count: names.len(),
            names: names.into_iter().take(NAMED).cloned().collect(),
            groups: common.into_iter().collect(),
        }
    }
}

/// What pairs of ends gain and lose.
#[derive(Default)]
pub(super) struct Changed {
    pub(super) opens: Lines,
    pub(super) cuts: Lines,
}

impl Changed {
    pub(super) fn reachability(self, alike: &[Alike]) -> Reachability {
        Reachability { opens: self.opens.paths(alike), cuts: self.cuts.paths(alike) }
    }
}

type Line = (End, Vec<Ports>, Option<String>);

/// Lines by all but whom they lead to.
#[derive(Default)]
pub(super) struct Lines(BTreeMap<Line, Vec<End>>);

impl Lines {
    pub(super) fn add(&mut self, from: End, to: End, via: Option<&str>, traffic: &Traffic) {
        let ports = ports(traffic);
        if !ports.is_empty() {
            self.0.entry((from, ports, via.map(str::to_owned))).or_default().push(to);
        }
    }

    /// Whoever can open the same to the same shares a line.
    fn paths(self, alike: &[Alike]) -> Vec<Path> {
        let mut sources: BTreeMap<Line, Vec<End>> = BTreeMap::new();
        for ((from, ports, via), targets) in self.0 {
            for to in End::join(targets) {
                sources.entry((to, ports.clone(), via.clone())).or_default().push(from.clone());
            }
        }
        let mut paths: Vec<_> = sources
            .into_iter()
            .flat_map(|((to, ports, via), sources)| {
                let to = to.party(alike);
                let path = move |from: End| Path {
                    from: from.party(alike),
                    to: to.clone(),
                    traffic: ports.clone(),
                    via: via.clone(),
                };
                End::join(sources).into_iter().map(path)
            })
            .collect();
        paths.sort();
        paths
    }
}
