//! Sets of ports.

use std::fmt;

use madang_datapath::PortPrefix;
use madang_model::PortRange;

/// Ports, as ranges in order with a gap between each two: the same ports, the same value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortSet(Vec<PortRange>);

impl PortSet {
    /// Every port.
    pub fn all() -> Self {
        Self(vec![PortRange::ALL])
    }

    /// One port.
    pub fn one(port: u16) -> Self {
        Self(PortRange::new(port, port).into_iter().collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is every port.
    pub fn is_all(&self) -> bool {
        self.0 == [PortRange::ALL]
    }

    /// The ranges, in order.
    pub fn ranges(&self) -> &[PortRange] {
        &self.0
    }

    /// Whether the port is in it.
    pub fn contains(&self, port: u16) -> bool {
        self.0.iter().any(|range| (range.first()..=range.last()).contains(&port))
    }

    /// The ports of either.
    pub fn union(&self, other: &Self) -> Self {
        self.0.iter().chain(&other.0).copied().collect()
    }

    /// The ports of both.
    pub fn intersection(&self, other: &Self) -> Self {
        let common =
            |a: &PortRange, b: &PortRange| PortRange::new(a.first().max(b.first()), a.last().min(b.last()));
        self.0.iter().flat_map(|a| other.0.iter().filter_map(move |b| common(a, b))).collect()
    }

    /// The ports of this one that are not in the other.
    pub fn difference(&self, other: &Self) -> Self {
        self.intersection(&other.complement())
    }

    /// The fewest prefixes that together are these ports.
    pub fn cover(&self) -> Vec<PortPrefix> {
        self.0.iter().flat_map(|range| PortPrefix::cover(range.first(), range.last())).collect()
    }

    fn complement(&self) -> Self {
        let mut gaps = Vec::new();
        let mut next = Some(0);
        for range in &self.0 {
            let gap =
                next.zip(range.first().checked_sub(1)).and_then(|(first, last)| PortRange::new(first, last));
            gaps.extend(gap);
            next = range.last().checked_add(1);
        }
        gaps.extend(next.and_then(|first| PortRange::new(first, u16::MAX)));
        Self(gaps)
    }
}

impl From<PortPrefix> for PortSet {
    fn from(prefix: PortPrefix) -> Self {
        let free = u16::MAX.checked_shr(u32::from(prefix.length())).unwrap_or(0);
        Self(PortRange::new(prefix.base(), prefix.base() | free).into_iter().collect())
    }
}

impl FromIterator<PortRange> for PortSet {
    fn from_iter<I: IntoIterator<Item = PortRange>>(ranges: I) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().collect();
        ranges.sort_unstable();
        let mut merged: Vec<PortRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            let touching = merged.last_mut().filter(|last| range.first() <= last.last().saturating_add(1));
            match touching {
                Some(last) => {
                    let end = last.last().max(range.last());
                    *last = PortRange::new(last.first(), end).expect("the end only grows");
                }
                None => merged.push(range),
            }
        }
        Self(merged)
    }
}

/// As `80, 8000-8100`.
impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, range) in self.0.iter().enumerate() {
            write!(f, "{}{range}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(text: &str) -> PortSet {
        text.split_whitespace().map(|range| range.parse::<PortRange>().unwrap()).collect()
    }

    #[test]
    fn ranges_that_touch_become_one() {
        assert_eq!(set("80-90 85-100 101 200"), set("80-101 200"));
        assert_eq!(set("0-1000 1001-65535"), PortSet::all());
        assert_eq!(set("65535 0-65535"), PortSet::all());
    }

    #[test]
    fn complements_reach_the_ends() {
        assert_eq!(PortSet::all().difference(&set("80")), set("0-79 81-65535"));
        assert_eq!(PortSet::all().difference(&set("0 65535")), set("1-65534"));
        assert_eq!(set("0-65535").difference(&PortSet::all()), PortSet::default());
        assert_eq!(PortSet::all().difference(&PortSet::default()), PortSet::all());
    }

    fn sets() -> impl Strategy<Value = PortSet> {
        // Small numbers, and both ends: where ranges meet.
        let port = prop_oneof![0..40u16, 65500..=u16::MAX];
        let ranges = prop::collection::vec((port.clone(), port), 0..6);
        ranges.prop_map(|r| r.into_iter().filter_map(|(a, b)| PortRange::new(a.min(b), a.max(b))).collect())
    }

    proptest! {
        #[test]
        fn algebra_is_that_of_sets(a in sets(), b in sets()) {
            let (union, both, rest) = (a.union(&b), a.intersection(&b), a.difference(&b));
            let cover = union.cover();
            for port in (0..50).chain(65490..=u16::MAX) {
                let (in_a, in_b) = (a.contains(port), b.contains(port));
                prop_assert_eq!(union.contains(port), in_a || in_b);
                prop_assert_eq!(both.contains(port), in_a && in_b);
                prop_assert_eq!(rest.contains(port), in_a && !in_b);
                prop_assert_eq!(cover.iter().filter(|p| p.contains(port)).count(), usize::from(in_a || in_b));
            }
            let back = cover.into_iter().map(PortSet::from).fold(PortSet::default(), |a, b| a.union(&b));
            prop_assert_eq!(back, union);
        }
    }
}
