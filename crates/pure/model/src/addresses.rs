//! Which addresses of a range may be used for what.

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::Prefix;

/// The longest prefix that a subnet can have: eight addresses, three of which instances can use.
pub(crate) const LONGEST_SUBNET: u8 = 29;
/// The number of the first address that an instance can have.
pub(crate) const FIRST_USABLE: u128 = 4;

/// What an address of a subnet is reserved for.
pub(crate) fn reserved(subnet: Prefix, address: IpAddr) -> Option<&'static str> {
    let names = [
        "the network's address",
        "the gateway's address",
        "the DNS server's address",
        "reserved for later use",
    ];
    let at = |n: usize| u128::try_from(n).ok().and_then(|n| subnet.nth(n));
    if address == subnet.last() {
        return Some("the broadcast address");
    }
    names.into_iter().enumerate().find(|(n, _)| at(*n) == Some(address)).map(|(_, name)| name)
}

/// The first and the last address that an instance can have.
pub(crate) fn usable(subnet: Prefix) -> Option<(IpAddr, IpAddr)> {
    let last = size(subnet).checked_sub(2)?;
    Some((subnet.nth(FIRST_USABLE)?, subnet.nth(u128::from(last))?))
}

/// How many instances a subnet holds.
pub(crate) fn capacity(subnet: Prefix) -> u64 {
    size(subnet).saturating_sub(5)
}

/// How many addresses an IPv4 prefix has.
pub(crate) fn size(prefix: Prefix) -> u64 {
    1_u64.checked_shl(u32::from(prefix.host_bits())).unwrap_or(u64::MAX)
}

/// Why no VPC and no pool can have a range, if it has addresses that mean something else everywhere.
pub(crate) fn special(range: Prefix) -> Option<String> {
    let special = [
        ("0.0.0.0/8", "are those of \"this network\""),
        ("127.0.0.0/8", "are a host's own"),
        ("169.254.0.0/16", "are link-local"),
        ("224.0.0.0/3", "are multicast or reserved"),
    ];
    special.into_iter().find_map(|(prefix, what)| {
        let prefix: Prefix = prefix.parse().expect("a constant that a test parses");
        range.overlaps(prefix).then(|| format!("the addresses of {prefix} {what} (RFC 6890)"))
    })
}

/// The ranges that share addresses with one before them in the list, each with one such, by place; in their order.
pub(crate) fn overlaps(ranges: &[Prefix]) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    // A range comes right after those that cover it.
    order.sort_by_key(|n| (ranges[*n], *n));
    let mut covering: Vec<usize> = Vec::new();
    let mut found = Vec::new();
    for n in order {
        while covering.last().is_some_and(|outer| !ranges[*outer].covers(ranges[n])) {
            covering.pop();
        }
        if let Some(outer) = covering.last() {
            found.push((n.max(*outer), n.min(*outer)));
        }
        covering.push(n);
    }
    found.sort_unstable();
    found.dedup_by_key(|(later, _)| *later);
    found
}

/// The lowest range of this length that is in one of some and shares no address with others, which are taken.
pub(crate) fn free_range(within: &[Prefix], length: u8, taken: &[Prefix]) -> Option<Prefix> {
    const MOST_TRIES: u32 = 4096;
    let mut tries = 0..MOST_TRIES;
    within.iter().filter(|range| range.length() <= length).find_map(|range| {
        let mut next = range.address();
        while range.contains(next) {
            tries.next()?;
            let candidate = Prefix::containing(next, length).ok()?;
            let Some(in_the_way) = taken.iter().find(|taken| taken.overlaps(candidate)) else {
                return Some(candidate);
            };
            let widest = if in_the_way.covers(candidate) { *in_the_way } else { candidate };
            next = after(widest.last())?;
        }
        None
    })
}

fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => u32::from(v4).checked_add(1).map(|n| Ipv4Addr::from(n).into()),
        IpAddr::V6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(texts: &[&str]) -> Vec<Prefix> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn overlaps_name_the_later_and_one_before_it() {
        let found = |texts: &[&str]| overlaps(&prefixes(texts));
        assert_eq!(found(&["10.0.0.0/24", "10.0.1.0/24"]), []);
        assert_eq!(found(&["10.0.0.0/16", "10.1.0.0/16", "10.0.1.0/24"]), [(2, 0)]);
        assert_eq!(found(&["10.0.1.0/24", "10.0.2.0/24", "10.0.0.0/16"]), [(2, 0)]);
        assert_eq!(
            found(&["10.0.0.0/16", "10.0.1.0/24", "10.0.1.0/25", "10.0.1.0/25"]),
            [(1, 0), (2, 1), (3, 2)]
        );
        assert_eq!(
            found(&["0.0.0.0/0", "10.0.0.0/16", "10.0.0.0/16", "11.0.0.0/8"]),
            [(1, 0), (2, 1), (3, 0)]
        );
    }

    #[test]
    fn the_free_range_is_the_lowest() {
        let free = |within: &[&str], length, taken: &[&str]| {
            free_range(&prefixes(within), length, &prefixes(taken)).map(|prefix| prefix.to_string())
        };
        let vpc = ["10.0.0.0/16"];
        assert_eq!(free(&vpc, 24, &["10.0.0.0/24", "10.0.1.0/25"]).as_deref(), Some("10.0.2.0/24"));
        assert_eq!(free(&vpc, 24, &["10.0.0.0/17"]).as_deref(), Some("10.0.128.0/24"));
        assert_eq!(free(&vpc, 24, &vpc), None);
        assert_eq!(free(&vpc, 8, &[]), None);
        assert_eq!(free(&["255.255.255.0/24"], 25, &["255.255.255.0/24"]), None);
    }

    #[test]
    fn the_smallest_subnet() {
        let subnet: Prefix = "10.0.0.8/29".parse().unwrap();
        assert_eq!(capacity(subnet), 3);
        let usable = usable(subnet).unwrap();
        assert_eq!(
            (usable.0.to_string(), usable.1.to_string()),
            ("10.0.0.12".to_owned(), "10.0.0.14".to_owned())
        );
        let reserved =
            (0..8).filter(|n| reserved(subnet, subnet.nth(*n).unwrap()).is_some()).collect::<Vec<_>>();
        assert_eq!(reserved, [0, 1, 2, 3, 7]);
    }

    #[test]
    fn special_ranges() {
        assert!(special("0.0.0.0/0".parse().unwrap()).is_some());
        assert!(special("127.1.0.0/16".parse().unwrap()).is_some());
        assert!(special("10.0.0.0/8".parse().unwrap()).is_none());
        assert!(special("172.16.0.0/12".parse().unwrap()).is_none());
    }
}
