//! What holds for any question.

use std::net::IpAddr;

use madang_addr::{Family, Prefix};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{
    Allocation, Answer, Containment, Count, Info, Interface, Language, Merge, Overlaps, Plan, Ranges,
    Request, Size, Split, Subtraction, parse_prefixes,
};

/// Prefixes that are often near each other.
fn prefixes() -> impl Strategy<Value = Prefix> {
    let length = prop_oneof![8u8..=32, 24u8..=32];
    let four = (any::<u32>(), 0u32..16, length).prop_map(|(wild, near, length)| {
        let bits = if wild % 4 == 0 { wild } else { 0x0a00_0000 | (near << 4) | (wild % 16) };
        Prefix::containing(IpAddr::V4(bits.into()), length).unwrap()
    });
    let six = (0u128..512, 118u8..=128).prop_map(|(bits, length)| {
        Prefix::containing(IpAddr::V6((0x2001_0db8 << 96 | bits).into()), length).unwrap()
    });
    prop_oneof![3 => four, 1 => six]
}

fn merged(prefixes: Vec<Prefix>) -> Vec<Prefix> {
    Merge::new(prefixes).map(|merge| merge.prefixes).unwrap_or_default()
}

fn inside(prefixes: &[Prefix], address: IpAddr) -> bool {
    prefixes.iter().any(|prefix| prefix.contains(address))
}

proptest! {
    #[test]
    fn split_and_merge_give_back(prefix in prefixes(), bits in 0u8..8) {
        let length = (prefix.length() + bits).min(prefix.family().width());
        let split = Split::by_size(prefix, Size::Length(length)).unwrap();
        let subnets: Vec<_> = split.subnets().collect();
        prop_assert_eq!(split.count(), Count::from(subnets.len() as u128));
        prop_assert_eq!(merged(subnets), vec![prefix]);
    }

    #[test]
    fn subtract_and_merge_give_back(from in vec(prefixes(), 1..12), removed in vec(prefixes(), 0..12)) {
        let left = Subtraction::new(from.clone(), removed.clone()).unwrap().prefixes;
        let ends = from.iter().chain(&removed).flat_map(|prefix| [prefix.address(), prefix.last()]);
        for address in ends {
            prop_assert_eq!(inside(&left, address), inside(&from, address) && !inside(&removed, address));
        }
        // What is left and what was taken are all that there was.
        let taken = Subtraction::new(from.clone(), left.clone()).map(|taken| taken.prefixes).unwrap();
        prop_assert_eq!(merged([left, taken].concat()), merged(from));
    }

    #[test]
    fn merging_keeps_every_address_and_no_other(given in vec(prefixes(), 1..20)) {
        let merge = Merge::new(given.clone()).unwrap();
        prop_assert!(given.iter().all(|prefix| merge.prefixes.iter().any(|whole| whole.covers(*prefix))));
        for prefix in &merge.prefixes {
            prop_assert!(inside(&given, prefix.address()) && inside(&given, prefix.last()));
            prop_assert!(merge.cover.iter().any(|cover| cover.covers(*prefix)));
        }
        for cover in &merge.cover {
            for half in cover.halves().into_iter().flatten() {
                let within = merge.prefixes.iter().filter(|prefix| prefix.family() == cover.family());
                prop_assert!(!within.clone().all(|prefix| half.covers(*prefix)), "{half} is a smaller cover");
            }
        }
        prop_assert_eq!(merged(merge.prefixes.clone()), merge.prefixes);
        prop_assert_eq!(merge.given, merge.joined + merge.inside + merged(given).len());
    }

    #[test]
    fn pairs_are_those_that_overlap(given in vec(prefixes(), 1..20)) {
        let overlaps = Overlaps::new(&given).unwrap();
        let mut found: Vec<_> = overlaps.pairs().map(|pair| (pair.first, pair.second)).collect();
        let pairs = given.iter().enumerate().flat_map(|(n, a)| given[n + 1..].iter().map(move |b| (*a, *b)));
        let mut expected: Vec<_> = pairs.filter(|(a, b)| a.overlaps(*b)).collect();
        found.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn ranges_and_prefixes_are_the_same(a in any::<u32>(), size in 0u32..100_000) {
        let address = |bits: u32| IpAddr::V4(bits.into());
        let last = a.saturating_add(size);
        let ranges = Ranges::parse(&format!("{}-{}", address(a), address(last))).unwrap();
        let range = &ranges.ranges[0];
        prop_assert_eq!(range.addresses, Count::from(u128::from(last - a) + 1));
        prop_assert_eq!(merged(range.prefixes.clone()), range.prefixes.clone());
        prop_assert_eq!(&Ranges::of(range.prefixes.clone()).unwrap().ranges, &ranges.ranges);
    }

    #[test]
    fn an_allocation_overlaps_nothing(taken in vec(prefixes(), 0..20), lengths in vec(24u8..=32, 1..20)) {
        let pool: Prefix = "10.0.0.0/24".parse().unwrap();
        let mut taken = taken;
        for length in lengths {
            match Allocation::new(pool, taken.clone(), Size::Length(length)) {
                Ok(found) => {
                    let prefix = found.subnet.prefix;
                    prop_assert!(pool.covers(prefix) && found.hole.covers(prefix));
                    prop_assert!(taken.iter().all(|other| !other.overlaps(prefix)));
                    let free = Subtraction::new(vec![pool], [taken.clone(), vec![prefix]].concat()).unwrap();
                    prop_assert_eq!(found.free, free.prefixes);
                    taken.push(prefix);
                }
                Err(_) => {
                    let mut all = pool.subnets(length).unwrap();
                    prop_assert!(all.all(|subnet| taken.iter().any(|other| other.overlaps(subnet))));
                }
            }
        }
    }

    #[test]
    fn plans_have_room_for_each_and_lose_nothing(hosts in vec(1u32..300, 1..12)) {
        let pool: Prefix = "10.0.0.0/22".parse().unwrap();
        let requests: Vec<_> = hosts.iter().enumerate().map(|(n, hosts)| Request { name: n.to_string(), hosts: u128::from(*hosts).into() }).collect();
        let Ok(plan) = Plan::new(pool, &requests) else { return Ok(()) };
        let mut all: Vec<_> = plan.subnets.iter().map(|placed| placed.subnet.prefix).collect();
        prop_assert!(plan.subnets.iter().all(|placed| placed.subnet.usable >= placed.hosts));
        prop_assert!(!Overlaps::new(&all).unwrap().any());
        all.extend(&plan.left);
        prop_assert_eq!(merged(all), vec![pool]);
    }

    #[test]
    fn any_text_parses_or_errs(text in "\\PC*", also in "[0-9a-f.:/ %,=~-]{0,40}") {
        for text in [text, also] {
            for language in Language::ALL {
                match Interface::parse(&text) {
                    Ok(interface) => {
                        let info = Info::of(interface);
                        prop_assert!(info.lines(language).count() > 10 && !info.working(language).is_empty());
                    }
                    Err(error) => prop_assert!(!error.message(language).is_empty() && !error.hint(language).is_empty()),
                }
                let _ = (parse_prefixes(&text), Ranges::parse(&text), Request::parse(&text));
            }
        }
    }

    #[test]
    fn info_of_any_address(bits in any::<u128>(), length in 0u8..=128, four in any::<bool>()) {
        let address = if four { Family::V4.address(bits >> 96) } else { Family::V6.address(bits) }.unwrap();
        let network = Prefix::containing(address, if four { length / 4 } else { length }).unwrap();
        let info = Info::of(Interface { address, network });
        prop_assert!(network.contains(info.network.first_usable) && network.contains(info.network.last_usable));
        prop_assert_eq!(Family::bits(info.host) | Family::bits(network.address()), Family::bits(address));
        prop_assert!(Containment::new(network, Prefix::host(address)).unwrap().contains);
        prop_assert!(info.special.block.contains(address));
        prop_assert!(info.reverse.zones.iter().all(|zone| info.reverse.pointer.len() >= zone.len() || zone.contains('/')));
    }
}
