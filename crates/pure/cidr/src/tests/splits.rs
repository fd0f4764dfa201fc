use super::{english, prefix, text, working};
use crate::{Answer, Classes, Count, Language, Plan, Request, Size, Split, Subnet};

/// The problem of the notes: 192.168.1.0/24 in 32 subnets.
#[test]
fn the_problem_of_the_notes() {
    let split = Split::by_count(prefix("192.168.1.0/24"), 32).unwrap();
    assert_eq!((split.length(), split.count()), (29, 32.into()));
    let subnets: Vec<Subnet> = split.subnets().map(Subnet::from).collect();
    assert!(subnets.iter().all(|subnet| subnet.usable == 6.into() && subnet.addresses == 8.into()));
    let ends = |n: usize| format!("{} ~ {}", subnets[n].prefix.address(), subnets[n].last);
    assert_eq!(ends(0), "192.168.1.0 ~ 192.168.1.7");
    assert_eq!(ends(1), "192.168.1.8 ~ 192.168.1.15");
    assert_eq!(ends(2), "192.168.1.16 ~ 192.168.1.23");
    assert_eq!(ends(31), "192.168.1.248 ~ 192.168.1.255");
    insta::assert_snapshot!(working(&split, Language::En), @"");
    insta::assert_snapshot!(working(&split, Language::Ko), @"");
    for size in [Size::Length(29), Size::Hosts(6.into())] {
        let same = Split::by_size(prefix("192.168.1.0/24"), size).unwrap();
        assert_eq!(english(&same), english(&split));
    }
}

#[test]
fn as_a_table() {
    let split = Split::by_count(prefix("10.0.0.0/22"), 3).unwrap();
    insta::assert_snapshot!(english(&split), @"");
    insta::assert_snapshot!(text(&split, Language::Ko), @"");
    let six = Split::by_size(prefix("2001:db8::/47"), Size::Length(48)).unwrap();
    insta::assert_snapshot!(english(&six), @"");
}

/// Nothing is made before it is asked for: this would take all memory and more.
#[test]
fn huge_splits_are_streams() {
    let split = Split::by_size(prefix("::/0"), Size::Length(128)).unwrap();
    assert_eq!(split.count(), Count::power(128));
    let lines: Vec<_> = split.lines(Language::En).take(6).collect();
    insta::assert_snapshot!(lines.join("\n"), @"");
    insta::assert_snapshot!(working(&split, Language::En), @"");
    let eight = Split::by_size(prefix("10.0.0.0/8"), Size::Length(32)).unwrap();
    assert_eq!(eight.count().to_string(), "16777216");
    assert_eq!(eight.subnets().nth(65_536), Some(prefix("10.1.0.0/32")));
    let sixes = Split::by_size(prefix("2001:db8::/32"), Size::Length(64)).unwrap();
    assert_eq!(sixes.count().to_string(), "4294967296");
    assert_eq!(sixes.subnets().nth(65_537), Some(prefix("2001:db8:1:1::/64")));
}

#[test]
fn the_smallest_sizes() {
    let lengths = |within: &str, hosts: u128| Size::Hosts(hosts.into()).length(prefix(within)).unwrap();
    assert_eq!(
        (lengths("10.0.0.0/24", 1), lengths("10.0.0.0/24", 2), lengths("10.0.0.0/24", 3)),
        (30, 30, 29)
    );
    assert_eq!(
        (lengths("10.0.0.0/24", 6), lengths("10.0.0.0/24", 7), lengths("10.0.0.0/24", 254)),
        (29, 28, 24)
    );
    assert_eq!((lengths("10.0.0.0/31", 2), lengths("10.0.0.0/32", 1)), (31, 32));
    assert_eq!((lengths("::/0", 1), lengths("::/0", 2), lengths("::/0", u128::MAX)), (127, 126, 0));
    assert_eq!(Split::by_count(prefix("10.0.0.0/31"), 2).unwrap().length(), 32);
    assert_eq!(Split::by_count(prefix("10.0.0.0/32"), 1).unwrap().count(), 1.into());
}

#[test]
fn serialized() {
    let split = Split::by_count(prefix("10.0.0.0/31"), 2).unwrap();
    insta::assert_snapshot!(serde_json::to_string(&split).unwrap(), @"");
}

fn plan(within: &str, requests: &str) -> crate::answer::Result<Plan> {
    Plan::new(prefix(within), &Request::parse(requests)?)
}

#[test]
fn several_sizes() {
    let plan = plan("192.168.1.0/24", "link=2,sales=50,ops=20").unwrap();
    insta::assert_snapshot!(english(&plan), @"");
    insta::assert_snapshot!(text(&plan, Language::Ko), @"");
    insta::assert_snapshot!(working(&plan, Language::En), @"");
    insta::assert_snapshot!(working(&plan, Language::Ko), @"");
}

#[test]
fn several_sizes_that_just_fit_and_that_do_not() {
    let full = plan("10.0.0.0/24", "a=126,b=62,c=62").unwrap();
    assert!(full.left.is_empty() && full.left_addresses == Count::ZERO);
    assert!(english(&full).ends_with("\nNothing is left over.\n"));
    let error = plan("10.0.0.0/24", "a=126,b=62,c=62,d=1").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the subnets take 260 addresses, and 10.0.0.0/24 has 256 addresses: 4 are missing"
    );
    let all = plan("::/0", &format!("a={},b={},c=1", u128::MAX, u128::MAX)).unwrap_err();
    assert!(all.to_string().ends_with("340282366920938463463374607431768211458 are missing"), "{all}");
    let end = plan("255.255.255.0/24", "a=254").unwrap();
    assert_eq!(end.subnets[0].subnet.prefix, prefix("255.255.255.0/24"));
}

#[test]
fn the_classes() {
    insta::assert_snapshot!(english(&Classes::table()), @"");
    insta::assert_snapshot!(text(&Classes::table(), Language::Ko), @"");
    insta::assert_snapshot!(working(&Classes::table(), Language::En), @"");
    insta::assert_snapshot!(working(&Classes::table(), Language::Ko), @"");
}
