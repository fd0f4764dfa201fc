//! Prefixes without others: A - B, C.

use madang_addr::Prefix;
use serde::Serialize;

use crate::answer::{Answer, Lines, Result};
use crate::set::{addresses, fewest};
use crate::steps::{SHOWN, Step};
use crate::words::Sentence;
use crate::{Count, Error, Language, text};

/// What is left of prefixes without others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subtraction {
    /// The fewest prefixes that are left, lowest first.
    pub prefixes: Vec<Prefix>,
    /// How many addresses these are.
    pub addresses: Count,
    /// How many addresses are gone.
    pub removed_addresses: Count,
    #[serde(skip)]
    work: Vec<Step>,
    #[serde(skip)]
    left_out: usize,
}

impl Subtraction {
    /// Takes the addresses of `removed` out of `from`. What of them is not there changes nothing.
    ///
    /// # Errors
    /// If there is nothing to take from.
    pub fn new(from: Vec<Prefix>, removed: Vec<Prefix>) -> Result<Self> {
        let (from, removed) = (fewest(from, |_| ()), fewest(removed, |_| ()));
        if from.is_empty() {
            return Err(Error::Nothing);
        }
        let (mut prefixes, mut work, mut left_out) = (Vec::new(), Vec::new(), 0);
        let mut tell = |step| if work.len() < SHOWN { work.push(step) } else { left_out += 1 };
        for prefix in &from {
            carve(*prefix, overlapping(*prefix, &removed), &mut prefixes, &mut tell);
        }
        let left = addresses(&prefixes);
        let removed_addresses = addresses(&from).minus(left);
        Ok(Self { prefixes, addresses: left, removed_addresses, work, left_out })
    }
}

/// Those of sorted prefixes, apart from each other, that share addresses with one.
fn overlapping(prefix: Prefix, sorted: &[Prefix]) -> &[Prefix] {
    let begin = sorted.partition_point(|other| other.last() < prefix.address());
    let end = sorted.partition_point(|other| other.address() <= prefix.last());
    &sorted[begin..end.max(begin)]
}

/// Keeps what is left of a prefix: it is halved until each part is untouched or gone. No deeper than an address has bits.
fn carve(prefix: Prefix, removed: &[Prefix], kept: &mut Vec<Prefix>, tell: &mut impl FnMut(Step)) {
    let Some(first) = removed.first() else {
        kept.push(prefix);
        return;
    };
    if first.covers(prefix) {
        tell(Step::Gone { prefix, by: *first });
        return;
    }
    // A single address is covered by whatever shares an address with it.
    let Some([low, high]) = prefix.halves() else { return };
    let (in_low, in_high) = removed.split_at(removed.partition_point(|other| other.last() < high.address()));
    let untouched = [(low, in_low), (high, in_high)].into_iter().filter(|(_, removed)| removed.is_empty());
    let untouched = untouched.map(|(half, _)| half).collect();
    tell(Step::Halve { whole: prefix, low, high, kept: untouched });
    carve(low, in_low, kept, tell);
    carve(high, in_high, kept, tell);
}

impl Answer for Subtraction {
    fn lines(&self, language: Language) -> Lines<'_> {
        let (left, taken) = (self.addresses, self.removed_addresses);
        let sentence = Sentence::Subtracted { prefixes: self.prefixes.len(), left, taken };
        let head = text::wrap(&language.sentence(&sentence), 0, 0);
        let gap = (!self.prefixes.is_empty()).then(String::new);
        Box::new(head.into_iter().chain(gap).chain(self.prefixes.iter().map(ToString::to_string)))
    }

    fn steps(&self) -> Vec<Step> {
        let more = (self.left_out > 0).then_some(Step::More { left_out: self.left_out });
        let left = Step::Left { prefixes: self.prefixes.clone(), addresses: self.addresses };
        self.work.iter().cloned().chain(more).chain([left]).collect()
    }
}
