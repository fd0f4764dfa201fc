//! Prefixes as a set of addresses: sorted, none inside another, no two that one could say.
//!
//! Prefixes are either inside each other or apart. Sorted by address and then by length, one that others are inside of comes
//! before them: a single pass with a stack is enough, whatever their number.

use madang_addr::{Family, Prefix};
use serde::Serialize;

use crate::answer::{Answer, Lines, Result};
use crate::steps::{SHOWN, Step};
use crate::text::Fields;
use crate::words::{Label, Sentence};
use crate::{Count, Error, Language, text};

/// What happens on the way to the fewest prefixes: each event leaves one prefix less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// All of it is in another one, or is that.
    Inside { inner: Prefix, outer: Prefix },
    /// Both halves are there.
    Joined { low: Prefix, high: Prefix, whole: Prefix },
}

/// The fewest prefixes that have the same addresses.
pub(crate) fn fewest(mut prefixes: Vec<Prefix>, mut tell: impl FnMut(Event)) -> Vec<Prefix> {
    prefixes.sort_unstable();
    let mut stack: Vec<Prefix> = Vec::new();
    for prefix in prefixes {
        if let Some(outer) = stack.last().copied().filter(|top| top.covers(prefix)) {
            tell(Event::Inside { inner: prefix, outer });
            continue;
        }
        let mut high = prefix;
        while let Some((low, whole)) = stack.last().and_then(|low| Some((*low, joined(*low, high)?))) {
            tell(Event::Joined { low, high, whole });
            stack.pop();
            high = whole;
        }
        stack.push(high);
    }
    stack
}

/// What two prefixes are the halves of.
fn joined(low: Prefix, high: Prefix) -> Option<Prefix> {
    let parent = low.parent()?;
    (low.length() == high.length() && low != high && parent.covers(high)).then_some(parent)
}

/// The addresses of prefixes that are apart.
pub(crate) fn addresses(prefixes: &[Prefix]) -> Count {
    prefixes.iter().map(|prefix| Count::power(prefix.host_bits())).sum()
}

/// The longest prefix that both are in; they must be of one family.
fn common(a: Prefix, b: Prefix) -> Option<Prefix> {
    let differ = Family::bits(a.address()) ^ Family::bits(b.last());
    let width = a.family().width();
    let same = u8::try_from(differ.leading_zeros()).ok()?.checked_sub(128 - width)?;
    Prefix::containing(a.address(), same.min(a.length()).min(b.length())).ok()
}

/// Prefixes joined: exactly, as the fewest that have the same addresses, and loosely, as the one that has them all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Merge {
    /// How many were given.
    pub given: usize,
    /// The fewest prefixes that have exactly the same addresses, lowest first.
    pub prefixes: Vec<Prefix>,
    /// How many addresses these are.
    pub addresses: Count,
    /// The smallest prefix that has all of them, and maybe others: one for each family.
    pub cover: Vec<Prefix>,
    /// How many of the cover's addresses are in none of the prefixes.
    pub cover_extra: Count,
    /// How many pairs of halves were joined.
    pub joined: usize,
    /// How many were inside of others, or given more than once.
    pub inside: usize,
    #[serde(skip)]
    work: Vec<Event>,
}

impl Merge {
    /// Joins them.
    ///
    /// # Errors
    /// If there are none.
    pub fn new(prefixes: Vec<Prefix>) -> Result<Self> {
        let given = prefixes.len();
        let (mut work, mut joined, mut inside) = (Vec::new(), 0, 0);
        let prefixes = fewest(prefixes, |event| {
            match event {
                Event::Inside { .. } => inside += 1,
                Event::Joined { .. } => joined += 1,
            }
            if work.len() < SHOWN {
                work.push(event);
            }
        });
        if prefixes.is_empty() {
            return Err(Error::Nothing);
        }
        let of = |family| prefixes.iter().filter(move |prefix| prefix.family() == family);
        let cover = [Family::V4, Family::V6]
            .into_iter()
            .filter_map(|family| common(*of(family).next()?, *of(family).next_back()?))
            .collect::<Vec<_>>();
        let own = addresses(&prefixes);
        let cover_extra = addresses(&cover).minus(own);
        Ok(Self { given, prefixes, addresses: own, cover, cover_extra, joined, inside, work })
    }
}

impl Answer for Merge {
    fn lines(&self, language: Language) -> Lines<'_> {
        let merged =
            Sentence::Merged { given: self.given, left: self.prefixes.len(), addresses: self.addresses };
        let mut fields = Fields::default();
        for cover in &self.cover {
            fields.add(language.label(Label::Cover), cover);
        }
        fields.add("", language.sentence(&Sentence::CoverExtra(self.cover_extra)));
        let head = text::wrap(&language.sentence(&merged), 0, 0).into_iter().chain([String::new()]);
        let prefixes = self.prefixes.iter().map(ToString::to_string);
        Box::new(head.chain(prefixes).chain([String::new()]).chain(fields.lines()))
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = vec![Step::Sort { given: self.given }];
        steps.extend(self.work.iter().map(|event| match *event {
            Event::Inside { inner, outer } => Step::Swallow { inner, outer },
            Event::Joined { low, high, whole } => Step::Join { low, high, whole },
        }));
        let left_out = (self.joined + self.inside).saturating_sub(self.work.len());
        if left_out > 0 {
            steps.push(Step::More { left_out });
        }
        for cover in &self.cover {
            let inside = |prefix: &&Prefix| cover.covers(**prefix);
            let ends = self.prefixes.iter().find(inside).zip(self.prefixes.iter().rfind(inside));
            let ends = ends.map(|(first, last)| (first.address(), last.last()));
            steps.extend(ends.map(|(first, last)| Step::Cover { first, last, cover: *cover }));
        }
        steps
    }
}
