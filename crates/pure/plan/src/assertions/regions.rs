//! Addresses outside, cut where somebody speaks of a part of them.

use std::collections::BTreeMap;

use madang_addr::Prefix;

/// Of these addresses, the parts of which the same can be said: each the prefix that is the longest one for it, of those
/// that somebody speaks of (`spoken`). What lies in a hole is left out, and so is a prefix of which nothing is left
/// beside the narrower ones in it.
pub(super) fn regions(
    spoken: impl IntoIterator<Item = Prefix>,
    holes: &[Prefix],
    within: Prefix,
) -> Vec<Prefix> {
    let in_hole = |prefix: Prefix| holes.iter().any(|hole| hole.covers(prefix));
    if in_hole(within) {
        return Vec::new();
    }
    // How many addresses of each are its own; none are a hole's.
    let mut own: BTreeMap<Prefix, u64> = BTreeMap::from([(within, size(within))]);
    let inside = spoken.into_iter().filter(|prefix| within.covers(*prefix) && !in_hole(*prefix));
    own.extend(inside.map(|prefix| (prefix, size(prefix))));
    own.extend(holes.iter().filter(|hole| within.covers(**hole)).map(|hole| (*hole, size(*hole))));
    let prefixes: Vec<Prefix> = own.keys().copied().collect();
    let mut around: Vec<Prefix> = Vec::new();
    for prefix in prefixes {
        while around.last().is_some_and(|outer| !outer.covers(prefix)) {
            around.pop();
        }
        if let Some(left) = around.last().and_then(|outer| own.get_mut(outer)) {
            *left = left.saturating_sub(size(prefix));
        }
        around.push(prefix);
    }
    own.retain(|prefix, left| *left > 0 && !holes.contains(prefix));
    own.into_keys().collect()
}

/// How many addresses an IPv4 prefix has.
fn size(prefix: Prefix) -> u64 {
    1_u64.checked_shl(u32::from(prefix.host_bits())).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(spoken: &[&str], holes: &[&str], within: &str) -> Vec<String> {
        let prefixes =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Prefix>>();
        let regions = regions(prefixes(spoken), &prefixes(holes), within.parse().unwrap());
        regions.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn where_somebody_speaks_of_a_part() {
        assert_eq!(cut(&[], &["10.0.0.0/16"], "0.0.0.0/0"), ["0.0.0.0/0"]);
        assert_eq!(
            cut(&["9.0.0.0/8", "9.1.0.0/16"], &[], "0.0.0.0/0"),
            ["0.0.0.0/0", "9.0.0.0/8", "9.1.0.0/16"]
        );
        assert_eq!(cut(&["9.0.0.0/8"], &[], "9.1.0.0/16"), ["9.1.0.0/16"]);
        assert_eq!(cut(&["0.0.0.0/1", "128.0.0.0/1"], &[], "0.0.0.0/0"), ["0.0.0.0/1", "128.0.0.0/1"]);
    }

    #[test]
    fn what_lies_in_a_hole_is_left_out() {
        assert_eq!(cut(&["10.0.1.0/24"], &["10.0.0.0/16"], "10.0.0.0/16"), Vec::<String>::new());
        assert_eq!(cut(&["10.0.1.0/24"], &["10.0.0.0/16"], "10.0.1.4/32"), Vec::<String>::new());
        assert_eq!(cut(&["10.0.1.0/24"], &["10.0.0.0/16"], "10.0.0.0/15"), ["10.0.0.0/15"]);
        assert_eq!(cut(&[], &["10.0.0.0/16", "10.1.0.0/16"], "10.0.0.0/15"), Vec::<String>::new());
    }
}
