//! From a first and a last address to prefixes, and back.

use std::net::IpAddr;

use madang_addr::{Family, Prefix};
use serde::Serialize;

use crate::answer::{Answer, Lines, Result};
use crate::parse::{parse_address, parse_prefixes};
use crate::set::{addresses, fewest};
use crate::steps::{SHOWN, Step};
use crate::words::Sentence;
use crate::{Count, Error, Language, text};

/// Addresses without a gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Range {
    /// The first.
    pub first: IpAddr,
    /// The last.
    pub last: IpAddr,
    /// How many there are.
    pub addresses: Count,
    /// The fewest prefixes that are just these, lowest first: at most 254.
    pub prefixes: Vec<Prefix>,
}

impl Range {
    /// From one address to another, both included.
    ///
    /// # Errors
    /// If the last is before the first, or of another family.
    pub fn new(first: IpAddr, last: IpAddr) -> Result<Self> {
        if first.is_ipv4() != last.is_ipv4() {
            return Err(Error::Families { first, second: last });
        }
        if last < first {
            return Err(Error::Backwards { first, last });
        }
        let prefixes = blocks(first, last);
        Ok(Self { first, last, addresses: addresses(&prefixes), prefixes })
    }
}

/// The fewest prefixes from one address to another: the largest that begins at the first and does not go beyond the last,
/// and so on behind it.
pub(crate) fn blocks(first: IpAddr, last: IpAddr) -> Vec<Prefix> {
    let mut blocks = Vec::new();
    let mut next = (first <= last).then_some(first);
    while let Some(address) = next {
        let fits = |block: &Prefix| block.address() == address && block.last() <= last;
        let larger = |block: &Prefix| block.parent().filter(fits);
        let block = std::iter::successors(Some(Prefix::host(address)), larger).last();
        let block = block.unwrap_or(Prefix::host(address));
        blocks.push(block);
        next = after(block.last()).filter(|address| *address <= last);
    }
    blocks
}

fn after(address: IpAddr) -> Option<IpAddr> {
    Family::of(address).address(Family::bits(address).checked_add(1)?)
}

/// Ranges and their prefixes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ranges {
    /// The ranges, lowest first.
    pub ranges: Vec<Range>,
    #[serde(skip)]
    from_prefixes: bool,
}

impl Ranges {
    /// `10.0.0.5-10.0.0.20` is a range; anything else must be prefixes.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse(text: &str) -> Result<Self> {
        match text.split_once(['-', '~']) {
            Some((first, last)) => {
                let range = Range::new(parse_address(first)?, parse_address(last)?)?;
                Ok(Self { ranges: vec![range], from_prefixes: false })
            }
            None => Self::of(parse_prefixes(text)?),
        }
    }

    /// The ranges of prefixes: those that follow each other are one.
    ///
    /// # Errors
    /// If there are none.
    pub fn of(prefixes: Vec<Prefix>) -> Result<Self> {
        let mut ranges: Vec<Range> = Vec::new();
        for prefix in fewest(prefixes, |_| ()) {
            match ranges.last_mut().filter(|range| after(range.last) == Some(prefix.address())) {
                Some(range) => {
                    range.last = prefix.last();
                    range.addresses = range.addresses.plus(Count::power(prefix.host_bits()));
                    range.prefixes.push(prefix);
                }
                None => ranges.push(Range {
                    first: prefix.address(),
                    last: prefix.last(),
                    addresses: Count::power(prefix.host_bits()),
                    prefixes: vec![prefix],
                }),
            }
        }
        if ranges.is_empty() { Err(Error::Nothing) } else { Ok(Self { ranges, from_prefixes: true }) }
    }
}

impl Answer for Ranges {
    fn lines(&self, language: Language) -> Lines<'_> {
        let range = move |(n, range): (usize, &Range)| {
            let Range { first, last, addresses, prefixes } = range;
            let (first, last) = (*first, *last);
            let total = Sentence::Range { first, last, addresses: *addresses, prefixes: prefixes.len() };
            let gap = (n > 0).then(String::new);
            let lines = prefixes.iter().map(|prefix| format!("  {prefix}"));
            gap.into_iter()
                .chain(text::wrap(&language.sentence(&total), 2, 0))
                .chain(lines)
                .collect::<Vec<_>>()
        };
        Box::new(self.ranges.iter().enumerate().flat_map(range))
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut left_out = 0;
        for range in &self.ranges {
            for (n, prefix) in range.prefixes.iter().enumerate() {
                let step = if !self.from_prefixes {
                    let zeros = Family::bits(prefix.address()).trailing_zeros();
                    let zeros = zeros.min(prefix.family().width().into());
                    Step::Block { prefix: *prefix, zeros, last: range.last }
                } else if n > 0 {
                    Step::Follows { before: range.prefixes[n - 1].last(), prefix: *prefix }
                } else {
                    Step::Ends { first: prefix.address(), last: prefix.last(), prefix: *prefix }
                };
                if steps.len() < SHOWN { steps.push(step) } else { left_out += 1 }
            }
        }
        steps.extend((left_out > 0).then_some(Step::More { left_out }));
        steps
    }
}
