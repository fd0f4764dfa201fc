use super::{english, prefix, prefixes, text, working};
use crate::{
    Allocation, Containment, Direction, Language, Merge, Neighbour, Overlaps, Ranges, Relation, Size,
    Subtraction,
};

#[test]
fn merged() {
    let merge = Merge::new(prefixes("10.0.1.0/24, 10.0.0.0/25 10.0.0.128/25 10.0.0.7 10.0.3.0/24")).unwrap();
    insta::assert_snapshot!(english(&merge), @"");
    insta::assert_snapshot!(text(&merge, Language::Ko), @"");
    insta::assert_snapshot!(working(&merge, Language::En), @"");
    insta::assert_snapshot!(working(&merge, Language::Ko), @"");
    let both = Merge::new(prefixes("10.0.0.0/9 10.128.0.0/9 2001:db8::/33 2001:db8:8000::/33")).unwrap();
    assert_eq!(both.prefixes, prefixes("10.0.0.0/8 2001:db8::/32"));
    assert_eq!(both.cover, both.prefixes);
    let all = Merge::new(prefixes("0.0.0.0/1 128.0.0.0/1 ::/1 8000::/1")).unwrap();
    assert_eq!(all.prefixes, prefixes("0.0.0.0/0 ::/0"));
    assert_eq!(all.addresses.to_string(), "340282366920938463463374607436063178752");
}

/// Each prefix but the last of each pair is joined or inside: a pass over the sorted ones and no more, whatever their number.
#[test]
fn many_are_merged_in_one_pass() {
    let many: Vec<_> = prefix("10.0.0.0/8").subnets(25).unwrap().take(100_000).collect();
    let merge = Merge::new(many.iter().rev().copied().collect()).unwrap();
    assert_eq!(merge.joined + merge.inside + merge.prefixes.len(), 100_000);
    assert_eq!(merge.prefixes.len(), 100_000u32.count_ones() as usize);
    let even: Vec<_> = prefix("0.0.0.0/0").subnets(18).unwrap().step_by(2).chain(many).collect();
    let merge = Merge::new(even).unwrap();
    assert_eq!(merge.joined + merge.inside + merge.prefixes.len(), merge.given);
    let half: Vec<_> = prefix("10.0.0.0/8").subnets(25).unwrap().step_by(2).collect();
    let left = Subtraction::new(prefixes("10.0.0.0/8"), half.clone()).unwrap();
    assert_eq!(left.prefixes.len(), half.len());
    assert!(!Overlaps::new(&half).unwrap().any());
}

#[test]
fn subtracted() {
    let left = Subtraction::new(prefixes("10.0.0.0/24"), prefixes("10.0.0.64/26,10.0.0.255")).unwrap();
    insta::assert_snapshot!(english(&left), @"");
    insta::assert_snapshot!(text(&left, Language::Ko), @"");
    insta::assert_snapshot!(working(&left, Language::En), @"");
    insta::assert_snapshot!(working(&left, Language::Ko), @"");
    let none = Subtraction::new(prefixes("10.0.0.0/24"), prefixes("10.0.0.0/8")).unwrap();
    assert_eq!(english(&none), "Nothing is left: all 256 addresses are gone.\n");
    let same = Subtraction::new(prefixes("10.0.0.0/24"), prefixes("::/0, 11.0.0.0/8")).unwrap();
    assert_eq!(same.prefixes, prefixes("10.0.0.0/24"));
    let six = Subtraction::new(prefixes("::/0"), prefixes("::")).unwrap();
    assert_eq!(six.prefixes.len(), 128);
}

#[test]
fn contained() {
    let ask = |outer: &str, inner: &str| Containment::new(prefix(outer), prefix(inner)).unwrap();
    let yes = ask("172.16.0.0/20", "172.16.5.4");
    assert!(yes.contains);
    assert_eq!(english(&yes), "Yes: 172.16.5.4/32 is inside of 172.16.0.0/20.\n");
    insta::assert_snapshot!(working(&yes, Language::En), @"");
    insta::assert_snapshot!(working(&yes, Language::Ko), @"");
    let no = ask("172.16.0.0/20", "172.16.16.0/24");
    assert_eq!((no.contains, no.relation), (false, Relation::Apart));
    let around = ask("172.16.0.0/20", "172.16.0.0/12");
    assert_eq!((around.contains, around.relation), (false, Relation::Around));
    assert_eq!(
        text(&around, Language::Ko),
        "아니다: 172.16.0.0/12 쪽이 더 커서 172.16.0.0/20 전체를 포함한다.\n"
    );
    assert_eq!(ask("::/0", "::/0").relation, Relation::Same);
}

#[test]
fn overlapping() {
    let overlaps =
        Overlaps::new(&prefixes("10.1.0.0/16 10.0.0.0/8 10.1.2.0/24 192.168.0.0/16 10.1.0.0/16")).unwrap();
    insta::assert_snapshot!(english(&overlaps), @"");
    insta::assert_snapshot!(text(&overlaps, Language::Ko), @"");
    insta::assert_snapshot!(working(&overlaps, Language::En), @"");
    insta::assert_snapshot!(serde_json::to_string(&overlaps).unwrap(), @"");
    let none = Overlaps::new(&prefixes("10.0.0.0/24 10.0.1.0/24 ::/0")).unwrap();
    assert_eq!(english(&none), "No two of 3 prefixes overlap.\n");
}

/// Each pair costs the same, so that the first of five billion is there at once.
#[test]
fn pairs_are_made_one_by_one() {
    let same = vec![prefix("10.0.0.0/24"); 100_000];
    let overlaps = Overlaps::new(&same).unwrap();
    assert_eq!(overlaps.pairs().take(1000).filter(|pair| pair.relation == Relation::Same).count(), 1000);
}

#[test]
fn ranges() {
    let range = Ranges::parse("10.0.0.5-10.0.0.20").unwrap();
    insta::assert_snapshot!(english(&range), @"");
    insta::assert_snapshot!(text(&range, Language::Ko), @"");
    insta::assert_snapshot!(working(&range, Language::En), @"");
    insta::assert_snapshot!(working(&range, Language::Ko), @"");
    let back = Ranges::of(range.ranges[0].prefixes.clone()).unwrap();
    assert_eq!(back.ranges, range.ranges);
    insta::assert_snapshot!(working(&back, Language::En), @"");
    let two = Ranges::parse("10.0.0.0/24 10.0.1.0/24 10.0.4.0/24").unwrap();
    insta::assert_snapshot!(english(&two), @"");
    let all = Ranges::parse("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").unwrap();
    assert_eq!(all.ranges[0].prefixes, prefixes("::/0"));
    assert_eq!(Ranges::parse("0.0.0.0 - 255.255.255.255").unwrap().ranges[0].prefixes, prefixes("0.0.0.0/0"));
    let longest = Ranges::parse("::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe").unwrap();
    assert_eq!(longest.ranges[0].prefixes.len(), 254);
}

#[test]
fn allocated() {
    let taken = prefixes("10.0.0.0/25, 10.0.0.192/27, 10.0.1.0/24");
    let found = Allocation::new(prefix("10.0.0.0/22"), taken.clone(), Size::Hosts(20.into())).unwrap();
    insta::assert_snapshot!(english(&found), @"");
    insta::assert_snapshot!(text(&found, Language::Ko), @"");
    insta::assert_snapshot!(working(&found, Language::En), @"");
    insta::assert_snapshot!(working(&found, Language::Ko), @"");
    let large = Allocation::new(prefix("10.0.0.0/22"), taken, Size::Length(23)).unwrap();
    assert_eq!(large.subnet.prefix, prefix("10.0.2.0/23"));
    let last = Allocation::new(prefix("10.0.0.0/31"), prefixes("10.0.0.0"), Size::Length(32)).unwrap();
    assert_eq!((last.subnet.prefix, last.largest_free, last.fragmentation), (prefix("10.0.0.1"), None, 0));
    let six = Allocation::new(prefix("::/0"), prefixes("::/1"), Size::Length(64)).unwrap();
    assert_eq!(six.more_of_this_length.to_string(), "9223372036854775807");
}

#[test]
fn neighbours() {
    let next = Neighbour::new(prefix("192.168.1.0/24"), Direction::Next).unwrap();
    insta::assert_snapshot!(english(&next), @"");
    insta::assert_snapshot!(working(&next, Language::En), @"");
    let previous = Neighbour::new(prefix("192.168.1.0/24"), Direction::Previous).unwrap();
    assert_eq!(previous.subnet.prefix, prefix("192.168.0.0/24"));
    insta::assert_snapshot!(working(&previous, Language::Ko), @"");
}
