//! Which of many prefixes share addresses.

use madang_addr::Prefix;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::Language;
use crate::answer::{Answer, Lines, Result};
use crate::contains::Relation;
use crate::error::Error;
use crate::steps::{SHOWN, Step};
use crate::text::Columns;
use crate::words::Sentence;

/// Two prefixes that share addresses, in the order in which they were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overlap {
    /// That which was given first.
    pub first: Prefix,
    /// The other.
    pub second: Prefix,
    /// How the first lies to the second.
    pub relation: Relation,
}

/// Prefixes, to be asked which of them share addresses.
///
/// Serialized as `given`, `overlap` (whether any do) and `pairs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlaps {
    /// Sorted, each with its place in the order in which they were given.
    sorted: Vec<(Prefix, usize)>,
}

impl Overlaps {
    /// Of these.
    ///
    /// # Errors
    /// If there are none.
    pub fn new(prefixes: &[Prefix]) -> Result<Self> {
        let mut sorted: Vec<_> = prefixes.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        if sorted.is_empty() { Err(Error::Nothing) } else { Ok(Self { sorted }) }
    }

    /// Whether any two share an address.
    pub fn any(&self) -> bool {
        self.pairs().next().is_some()
    }

    /// The pairs that do, sorted by the one that is inside. There can be as many as there are pairs at all; none is made
    /// before it is asked for, and each costs the same.
    pub fn pairs(&self) -> Pairs<'_> {
        Pairs { sorted: &self.sorted, around: Vec::new(), current: 0, at: 0 }
    }
}

/// What [`Overlaps::pairs`] gives.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    sorted: &'a [(Prefix, usize)],
    /// Those that the current one is in: each is in those before it.
    around: Vec<(Prefix, usize)>,
    current: usize,
    at: usize,
}

impl Iterator for Pairs<'_> {
    type Item = Overlap;

    fn next(&mut self) -> Option<Overlap> {
        loop {
            let current = *self.sorted.get(self.current)?;
            if self.at == 0 {
                while self.around.last().is_some_and(|(outer, _)| !outer.covers(current.0)) {
                    self.around.pop();
                }
            }
            if let Some(outer) = self.around.get(self.at) {
                self.at += 1;
                let (first, second) =
                    if outer.1 < current.1 { (outer.0, current.0) } else { (current.0, outer.0) };
                return Some(Overlap { first, second, relation: Relation::of(first, second) });
            }
            self.around.push(current);
            (self.current, self.at) = (self.current + 1, 0);
        }
    }
}

impl Serialize for Overlaps {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        struct Each<'a>(&'a Overlaps);
        impl Serialize for Each<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.pairs())
            }
        }
        let mut fields = serializer.serialize_struct("Overlaps", 3)?;
        fields.serialize_field("given", &self.sorted.len())?;
        fields.serialize_field("overlap", &self.any())?;
        fields.serialize_field("pairs", &Each(self))?;
        fields.end()
    }
}

impl Answer for Overlaps {
    fn lines(&self, language: Language) -> Lines<'_> {
        if !self.any() {
            return Box::new(std::iter::once(
                language.sentence(&Sentence::Apart { given: self.sorted.len() }),
            ));
        }
        let cells = move |overlap: Overlap| {
            let relation = language.relation(overlap.relation);
            vec![overlap.first.to_string(), relation.to_owned(), overlap.second.to_string()]
        };
        // The widest of each column: with any two, all relations may come.
        let widest = self.sorted.iter().map(|(prefix, _)| prefix.to_string()).max_by_key(String::len);
        let widest = widest.unwrap_or_default();
        let relations = [Relation::Same, Relation::Inside, Relation::Around];
        let rows = relations.map(|of| vec![widest.clone(), language.relation(of).to_owned(), widest.clone()]);
        let columns = Columns::fitting(&rows, 0);
        Box::new(self.pairs().map(move |overlap| columns.row(&cells(overlap))))
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = vec![Step::Sort { given: self.sorted.len() }];
        let mut pairs = self.pairs();
        steps.extend(pairs.by_ref().take(SHOWN).map(|Overlap { first, second, .. }| {
            let (outer, inner) = if first.covers(second) { (first, second) } else { (second, first) };
            Step::Nested { outer, inner }
        }));
        if pairs.next().is_some() {
            steps.push(Step::AndSoOn);
        }
        if steps.len() == 1 {
            steps.push(Step::NoneNested);
        }
        steps
    }
}
