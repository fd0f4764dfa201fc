//! Longest-prefix match over ordered maps.

use std::collections::BTreeMap;
use std::net::IpAddr;

use madang_addr::Prefix;

/// The longest prefix of the map that the address is in, and its value.
pub fn longest<V>(map: &BTreeMap<Prefix, V>, address: IpAddr) -> Option<(Prefix, &V)> {
    within(map, address, Prefix::host(address).length())
}

/// The longest prefix of the map that covers this one and is not the same.
pub fn parent<V>(map: &BTreeMap<Prefix, V>, prefix: Prefix) -> Option<(Prefix, &V)> {
    within(map, prefix.address(), prefix.length().checked_sub(1)?)
}

/// The longest prefix of the map that covers this one, itself too, and its value.
pub fn covering<V>(map: &BTreeMap<Prefix, V>, prefix: Prefix) -> Option<(Prefix, &V)> {
    within(map, prefix.address(), prefix.length())
}

fn within<V>(map: &BTreeMap<Prefix, V>, address: IpAddr, longest: u8) -> Option<(Prefix, &V)> {
    (0..=longest).rev().find_map(|length| {
        let prefix = Prefix::containing(address, length).ok()?;
        map.get(&prefix).map(|value| (prefix, value))
    })
}

/// Takes away every prefix whose value is that of the prefix around it (or, outermost, the value of what is in none).
pub fn simplify<V: PartialEq + Clone>(map: &mut BTreeMap<Prefix, V>, outermost: &V) {
    let mut around: Vec<(Prefix, V)> = Vec::new();
    // A prefix comes before all that is inside it, and all of that before what comes after it.
    map.retain(|prefix, value| {
        while around.last().is_some_and(|(outer, _)| !outer.covers(*prefix)) {
            around.pop();
        }
        let differs = around.last().map_or(outermost, |(_, outer)| outer) != value;
        if differs {
            around.push((*prefix, value.clone()));
        }
        differs
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, u8)]) -> BTreeMap<Prefix, u8> {
        entries.iter().map(|(prefix, value)| (prefix.parse().unwrap(), *value)).collect()
    }

    #[test]
    fn the_longest_wins() {
        let map = map(&[("0.0.0.0/0", 0), ("10.0.0.0/8", 8), ("10.1.0.0/16", 16), ("10.1.2.3/32", 32)]);
        for (address, value) in [("1.1.1.1", 0), ("10.2.0.1", 8), ("10.1.0.1", 16), ("10.1.2.3", 32)] {
            assert_eq!(longest(&map, address.parse().unwrap()).map(|(_, v)| *v), Some(value), "{address}");
        }
        assert_eq!(longest(&map, "::1".parse().unwrap()), None);
        assert_eq!(parent(&map, "10.1.0.0/16".parse().unwrap()).map(|(_, v)| *v), Some(8));
        assert_eq!(parent(&map, "0.0.0.0/0".parse().unwrap()), None);
    }

    #[test]
    fn what_says_nothing_new_goes() {
        let mut got = map(&[
            ("10.0.0.0/8", 1),
            ("10.1.0.0/16", 1),
            ("10.1.1.0/24", 2),
            ("10.1.1.7/32", 1),
            ("10.1.1.8/32", 2),
            ("10.2.0.0/16", 1),
            ("11.0.0.0/8", 0),
        ]);
        simplify(&mut got, &0);
        assert_eq!(got, map(&[("10.0.0.0/8", 1), ("10.1.1.0/24", 2), ("10.1.1.7/32", 1)]));
    }
}
