//! The next free prefix of a pool.

use madang_addr::Prefix;
use serde::Serialize;

use crate::answer::{Answer, Lines, Result};
use crate::set::addresses;
use crate::steps::{SHOWN, Step};
use crate::subnet::Subnet;
use crate::subtract::Subtraction;
use crate::text::Fields;
use crate::words::{Label, Sentence};
use crate::{Count, Error, Language, Size};

/// A prefix that was free, and what is free after it is taken.
///
/// It is the lowest of the smallest hole that it fits into, so that large holes stay for what is large.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Allocation {
    /// Where it was looked for.
    pub pool: Prefix,
    /// The prefix.
    #[serde(flatten)]
    pub subnet: Subnet,
    /// The hole that it is the beginning of.
    pub hole: Prefix,
    /// The holes that are left, lowest first.
    pub free: Vec<Prefix>,
    /// How many addresses these are.
    pub free_addresses: Count,
    /// The largest of them.
    pub largest_free: Option<Prefix>,
    /// How many more of the same length fit.
    pub more_of_this_length: Count,
    /// How many percent of the free addresses are outside of the largest hole: 0 if they are one hole.
    pub fragmentation: u128,
    #[serde(skip)]
    before: Vec<Prefix>,
    #[serde(skip)]
    size: Size,
}

impl Allocation {
    /// Finds room in a pool of which a part is taken. What is taken outside of the pool does not matter.
    ///
    /// # Errors
    /// If there is no hole that is large enough; it says which is the largest.
    pub fn new(pool: Prefix, taken: Vec<Prefix>, size: Size) -> Result<Self> {
        let length = size.length(pool)?;
        let before = Subtraction::new(vec![pool], taken)?.prefixes;
        let fitting = before.iter().filter(|hole| hole.length() <= length);
        // Of equals the last is the maximum, and the lowest is wanted.
        let hole = fitting.rev().max_by_key(|hole| hole.length()).copied();
        let found = hole.and_then(|hole| Some((hole, Prefix::containing(hole.address(), length).ok()?)));
        let (hole, prefix) = found.ok_or_else(|| Error::Full {
            pool,
            length,
            free: addresses(&before),
            largest: largest(&before),
        })?;
        let mut free = Vec::with_capacity(before.len() + usize::from(length - hole.length()));
        for other in &before {
            if *other == hole {
                free.extend(Subtraction::new(vec![hole], vec![prefix])?.prefixes);
            } else {
                free.push(*other);
            }
        }
        let free_addresses = addresses(&free);
        let largest_free = largest(&free);
        let part = largest_free.map_or(Count::ZERO, |hole| Count::power(hole.host_bits()));
        let fragmentation = free_addresses.minus(part).percent_of(free_addresses);
        let more = free.iter().filter_map(|hole| length.checked_sub(hole.length()));
        let more_of_this_length = more.map(Count::power).sum();
        let subnet = prefix.into();
        Ok(Self {
            pool,
            subnet,
            hole,
            free,
            free_addresses,
            largest_free,
            more_of_this_length,
            fragmentation,
            before,
            size,
        })
    }
}

/// The largest, and of equals the lowest.
fn largest(holes: &[Prefix]) -> Option<Prefix> {
    holes.iter().min_by_key(|hole| hole.length()).copied()
}

impl Answer for Allocation {
    fn lines(&self, language: Language) -> Lines<'_> {
        let label = |label| language.label(label);
        let mut fields = Fields::default();
        fields.add(label(Label::Allocated), self.subnet.prefix);
        fields.add(label(Label::FirstUsable), self.subnet.first_usable);
        fields.add(label(Label::LastUsable), self.subnet.last_usable);
        if let Some(broadcast) = self.subnet.broadcast {
            fields.add(label(Label::Broadcast), broadcast);
        }
        fields.add(label(Label::Hosts), self.subnet.usable);
        fields.gap();
        let free = Sentence::Free { addresses: self.free_addresses, holes: self.free.len() };
        fields.add(label(Label::Free), language.sentence(&free));
        if let Some(largest) = self.largest_free {
            fields.add(label(Label::LargestFree), largest);
        }
        let more = Sentence::MoreOf { count: self.more_of_this_length, length: self.subnet.prefix.length() };
        fields.add(label(Label::MoreOfThis), language.sentence(&more));
        fields.add(label(Label::Fragmentation), format!("{} %", self.fragmentation));
        Box::new(fields.lines().into_iter())
    }

    fn steps(&self) -> Vec<Step> {
        let length = self.subnet.prefix.length();
        let mut steps = self.size.steps(self.pool, length);
        let holes: Vec<_> = self.before.iter().copied().take(SHOWN).collect();
        let left_out = self.before.len() - holes.len();
        steps.push(Step::Holes { pool: self.pool, holes, left_out });
        steps.push(Step::BestFit { length, hole: self.hole });
        steps.push(Step::Take { hole: self.hole, subnet: self.subnet });
        steps
    }
}
