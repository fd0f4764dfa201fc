use super::{english, prefix, prefixes, text, working};
use crate::{
    Allocation, Containment, Direction, Language, Merge, Neighbour, Overlaps, Ranges, Relation, Size,
    Subtraction,
};

#[test]
fn merged() {
    let merge = Merge::new(prefixes("10.0.1.0/24, 10.0.0.0/25 10.0.0.128/25 10.0.0.7 10.0.3.0/24")).unwrap();
    insta::assert_snapshot!(english(&merge), @r"
    5 prefixes in, 2 out, 768 addresses in all:

    10.0.0.0/23
    10.0.3.0/24

    Smallest cover  10.0.0.0/22
                    with 256 addresses besides
    ");
    insta::assert_snapshot!(text(&merge, Language::Ko), @r"
    프리픽스 5개를 2개로 합친다. 주소는 모두 768개이다.

    10.0.0.0/23
    10.0.3.0/24

    모두 포함하는 최소 프리픽스  10.0.0.0/22
                                 다른 주소 256개가 함께 들어 있다
    ");
    insta::assert_snapshot!(working(&merge, Language::En), @r"
    1. Sort 5 prefixes by address, the shorter first: neighbours stand together
    2. 10.0.0.7/32 is inside of 10.0.0.0/25
    3. 10.0.0.0/25 + 10.0.0.128/25 = 10.0.0.0/24: they differ in bit 25 alone
    4. 10.0.0.0/24 + 10.0.1.0/24 = 10.0.0.0/23: they differ in bit 24 alone
    5. 10.0.0.0 and 10.0.3.255 have the first 22 bits in common: 10.0.0.0/22 covers all
    ");
    insta::assert_snapshot!(working(&merge, Language::Ko), @r"
    1. 프리픽스 5개를 주소 순으로, 주소가 같으면 짧은 것부터 정렬한다. 이웃이 나란히 놓인다
    2. 10.0.0.7/32: 10.0.0.0/25 안에 있다
    3. 10.0.0.0/25 + 10.0.0.128/25 = 10.0.0.0/24: 25번째 비트만 다르다
    4. 10.0.0.0/24 + 10.0.1.0/24 = 10.0.0.0/23: 24번째 비트만 다르다
    5. 10.0.0.0, 10.0.3.255: 앞 22비트가 같다. 모두 포함하는 최소 프리픽스는 10.0.0.0/22이다
    ");
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
    insta::assert_snapshot!(english(&left), @r"
    191 addresses in 8 prefixes left, 65 gone:

    10.0.0.0/26
    10.0.0.128/26
    10.0.0.192/27
    10.0.0.224/28
    10.0.0.240/29
    10.0.0.248/30
    10.0.0.252/31
    10.0.0.254/32
    ");
    insta::assert_snapshot!(text(&left, Language::Ko), @r"
    프리픽스 8개, 주소 191개가 남고 주소 65개가 빠졌다.

    10.0.0.0/26
    10.0.0.128/26
    10.0.0.192/27
    10.0.0.224/28
    10.0.0.240/29
    10.0.0.248/30
    10.0.0.252/31
    10.0.0.254/32
    ");
    insta::assert_snapshot!(working(&left, Language::En), @r"
     1. 10.0.0.0/24 = 10.0.0.0/25 + 10.0.0.128/25
     2. 10.0.0.0/25 = 10.0.0.0/26 + 10.0.0.64/26; 10.0.0.0/26 stays
     3. 10.0.0.64/26 goes
     4. 10.0.0.128/25 = 10.0.0.128/26 + 10.0.0.192/26; 10.0.0.128/26 stays
     5. 10.0.0.192/26 = 10.0.0.192/27 + 10.0.0.224/27; 10.0.0.192/27 stays
     6. 10.0.0.224/27 = 10.0.0.224/28 + 10.0.0.240/28; 10.0.0.224/28 stays
     7. 10.0.0.240/28 = 10.0.0.240/29 + 10.0.0.248/29; 10.0.0.240/29 stays
     8. 10.0.0.248/29 = 10.0.0.248/30 + 10.0.0.252/30; 10.0.0.248/30 stays
     9. 10.0.0.252/30 = 10.0.0.252/31 + 10.0.0.254/31; 10.0.0.252/31 stays
    10. 10.0.0.254/31 = 10.0.0.254/32 + 10.0.0.255/32; 10.0.0.254/32 stays
    11. 10.0.0.255/32 goes
    12. Left over: 10.0.0.0/26, 10.0.0.128/26, 10.0.0.192/27, 10.0.0.224/28, 10.0.0.240/29,
        10.0.0.248/30, 10.0.0.252/31, 10.0.0.254/32 (191 addresses)
    ");
    insta::assert_snapshot!(working(&left, Language::Ko), @r"
     1. 10.0.0.0/24 = 10.0.0.0/25 + 10.0.0.128/25
     2. 10.0.0.0/25 = 10.0.0.0/26 + 10.0.0.64/26. 남는 것: 10.0.0.0/26
     3. 10.0.0.64/26: 뺀다
     4. 10.0.0.128/25 = 10.0.0.128/26 + 10.0.0.192/26. 남는 것: 10.0.0.128/26
     5. 10.0.0.192/26 = 10.0.0.192/27 + 10.0.0.224/27. 남는 것: 10.0.0.192/27
     6. 10.0.0.224/27 = 10.0.0.224/28 + 10.0.0.240/28. 남는 것: 10.0.0.224/28
     7. 10.0.0.240/28 = 10.0.0.240/29 + 10.0.0.248/29. 남는 것: 10.0.0.240/29
     8. 10.0.0.248/29 = 10.0.0.248/30 + 10.0.0.252/30. 남는 것: 10.0.0.248/30
     9. 10.0.0.252/30 = 10.0.0.252/31 + 10.0.0.254/31. 남는 것: 10.0.0.252/31
    10. 10.0.0.254/31 = 10.0.0.254/32 + 10.0.0.255/32. 남는 것: 10.0.0.254/32
    11. 10.0.0.255/32: 뺀다
    12. 남는 것: 10.0.0.0/26, 10.0.0.128/26, 10.0.0.192/27, 10.0.0.224/28, 10.0.0.240/29, 10.0.0.248/30,
        10.0.0.252/31, 10.0.0.254/32 (주소 191개)
    ");
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
    insta::assert_snapshot!(working(&yes, Language::En), @r"
    1. Lengths: /32 >= /20, so it may be inside
    2. Network: what the address AND the netmask have in common
            10101100.00010000.0000|0101.00000100  172.16.5.4
       AND  11111111.11111111.1111|0000.00000000  255.255.240.0
         =  10101100.00010000.0000|0000.00000000  172.16.0.0
    3. 172.16.0.0 = 172.16.0.0: it is inside
    ");
    insta::assert_snapshot!(working(&yes, Language::Ko), @r"
    1. 길이: /32 >= /20이므로 안에 있을 수 있다
    2. 네트워크 주소: 주소와 넷마스크를 AND 연산한다
            10101100.00010000.0000|0101.00000100  172.16.5.4
       AND  11111111.11111111.1111|0000.00000000  255.255.240.0
         =  10101100.00010000.0000|0000.00000000  172.16.0.0
    3. 172.16.0.0 = 172.16.0.0이므로 안에 있다
    ");
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
    insta::assert_snapshot!(english(&overlaps), @r"
    10.1.0.0/16     is inside of    10.0.0.0/8
    10.0.0.0/8      is around       10.1.0.0/16
    10.1.0.0/16     is the same as  10.1.0.0/16
    10.0.0.0/8      is around       10.1.2.0/24
    10.1.0.0/16     is around       10.1.2.0/24
    10.1.2.0/24     is inside of    10.1.0.0/16
    ");
    insta::assert_snapshot!(text(&overlaps, Language::Ko), @r"
    10.1.0.0/16     ⊂  (안에 있다)  10.0.0.0/8
    10.0.0.0/8      ⊃  (포함한다)   10.1.0.0/16
    10.1.0.0/16     =  (같다)       10.1.0.0/16
    10.0.0.0/8      ⊃  (포함한다)   10.1.2.0/24
    10.1.0.0/16     ⊃  (포함한다)   10.1.2.0/24
    10.1.2.0/24     ⊂  (안에 있다)  10.1.0.0/16
    ");
    insta::assert_snapshot!(working(&overlaps, Language::En), @r"
    1. Sort 5 prefixes by address, the shorter first: neighbours stand together
    2. 10.1.0.0/16 has the first 8 bits of 10.0.0.0/8
    3. 10.1.0.0/16 has the first 8 bits of 10.0.0.0/8
    4. 10.1.0.0/16 has the first 16 bits of 10.1.0.0/16
    5. 10.1.2.0/24 has the first 8 bits of 10.0.0.0/8
    6. 10.1.2.0/24 has the first 16 bits of 10.1.0.0/16
    7. 10.1.2.0/24 has the first 16 bits of 10.1.0.0/16
    ");
    insta::assert_snapshot!(serde_json::to_string(&overlaps).unwrap(), @r#"{"given":5,"overlap":true,"pairs":[{"first":"10.1.0.0/16","second":"10.0.0.0/8","relation":"inside"},{"first":"10.0.0.0/8","second":"10.1.0.0/16","relation":"around"},{"first":"10.1.0.0/16","second":"10.1.0.0/16","relation":"same"},{"first":"10.0.0.0/8","second":"10.1.2.0/24","relation":"around"},{"first":"10.1.0.0/16","second":"10.1.2.0/24","relation":"around"},{"first":"10.1.2.0/24","second":"10.1.0.0/16","relation":"inside"}]}"#);
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
    insta::assert_snapshot!(english(&range), @r"
    10.0.0.5 - 10.0.0.20: 16 addresses in 5 prefixes
      10.0.0.5/32
      10.0.0.6/31
      10.0.0.8/29
      10.0.0.16/30
      10.0.0.20/32
    ");
    insta::assert_snapshot!(text(&range, Language::Ko), @r"
    10.0.0.5 ~ 10.0.0.20: 주소 16개, 프리픽스 5개
      10.0.0.5/32
      10.0.0.6/31
      10.0.0.8/29
      10.0.0.16/30
      10.0.0.20/32
    ");
    insta::assert_snapshot!(working(&range, Language::En), @r"
    1. 10.0.0.5 ends with 0 zero bits, so 2^0 addresses at most; 2^0 end by 10.0.0.20: 10.0.0.5/32
    2. 10.0.0.6 ends with 1 zero bit, so 2^1 addresses at most; 2^1 end by 10.0.0.20: 10.0.0.6/31
    3. 10.0.0.8 ends with 3 zero bits, so 2^3 addresses at most; 2^3 end by 10.0.0.20: 10.0.0.8/29
    4. 10.0.0.16 ends with 4 zero bits, so 2^4 addresses at most; 2^2 end by 10.0.0.20: 10.0.0.16/30
    5. 10.0.0.20 ends with 2 zero bits, so 2^2 addresses at most; 2^0 end by 10.0.0.20: 10.0.0.20/32
    ");
    insta::assert_snapshot!(working(&range, Language::Ko), @r"
    1. 10.0.0.5: 끝에 0비트가 0개이므로 최대 2^0개, 10.0.0.20까지 2^0개가 들어간다: 10.0.0.5/32
    2. 10.0.0.6: 끝에 0비트가 1개이므로 최대 2^1개, 10.0.0.20까지 2^1개가 들어간다: 10.0.0.6/31
    3. 10.0.0.8: 끝에 0비트가 3개이므로 최대 2^3개, 10.0.0.20까지 2^3개가 들어간다: 10.0.0.8/29
    4. 10.0.0.16: 끝에 0비트가 4개이므로 최대 2^4개, 10.0.0.20까지 2^2개가 들어간다: 10.0.0.16/30
    5. 10.0.0.20: 끝에 0비트가 2개이므로 최대 2^2개, 10.0.0.20까지 2^0개가 들어간다: 10.0.0.20/32
    ");
    let back = Ranges::of(range.ranges[0].prefixes.clone()).unwrap();
    assert_eq!(back.ranges, range.ranges);
    insta::assert_snapshot!(working(&back, Language::En), @r"
    1. 10.0.0.5/32 is 10.0.0.5 - 10.0.0.5
    2. 10.0.0.6/31 begins behind 10.0.0.5 and goes to 10.0.0.7
    3. 10.0.0.8/29 begins behind 10.0.0.7 and goes to 10.0.0.15
    4. 10.0.0.16/30 begins behind 10.0.0.15 and goes to 10.0.0.19
    5. 10.0.0.20/32 begins behind 10.0.0.19 and goes to 10.0.0.20
    ");
    let two = Ranges::parse("10.0.0.0/24 10.0.1.0/24 10.0.4.0/24").unwrap();
    insta::assert_snapshot!(english(&two), @r"
    10.0.0.0 - 10.0.1.255: 512 addresses in 1 prefix
      10.0.0.0/23

    10.0.4.0 - 10.0.4.255: 256 addresses in 1 prefix
      10.0.4.0/24
    ");
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
    insta::assert_snapshot!(english(&found), @r"
    Allocated      10.0.0.224/27
    First usable   10.0.0.225
    Last usable    10.0.0.254
    Broadcast      10.0.0.255
    Usable hosts   30

    Left free      576 addresses in 2 holes
    Largest hole   10.0.2.0/23
    Room for more  18 of /27
    Fragmentation  11 %
    ");
    insta::assert_snapshot!(text(&found, Language::Ko), @r"
    할당한 서브넷          10.0.0.224/27
    첫 사용 가능 주소      10.0.0.225
    마지막 사용 가능 주소  10.0.0.254
    브로드캐스트 주소      10.0.0.255
    사용 가능 호스트 수    30

    남은 공간              빈 공간 2곳에 주소 576개
    가장 큰 빈 공간        10.0.2.0/23
    더 할당할 수 있는 수   /27 18개
    단편화                 11 %
    ");
    insta::assert_snapshot!(working(&found, Language::En), @r"
    1. Bits for 20 hosts: 2^h - 2 >= 20, so h = 5
    2. Prefix length: 32 - 5 = /27
    3. Free in 10.0.0.0/22:
       10.0.0.128/26  2^6 = 64
       10.0.0.224/27  2^5 = 32
       10.0.2.0/23    2^9 = 512
    4. The smallest hole with room for a /27, and of equals the lowest: 10.0.0.224/27
    5. All of it is taken
    ");
    insta::assert_snapshot!(working(&found, Language::Ko), @r"
    1. 호스트 20개에 필요한 비트 수: 2^h - 2 >= 20이므로 h = 5
    2. 프리픽스 길이: 32 - 5 = /27
    3. 10.0.0.0/22의 빈 공간:
       10.0.0.128/26  2^6 = 64
       10.0.0.224/27  2^5 = 32
       10.0.2.0/23    2^9 = 512
    4. /27 서브넷이 들어가는 가장 작은 빈 공간, 같으면 주소가 가장 낮은 곳: 10.0.0.224/27
    5. 빈 공간 전체를 할당한다
    ");
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
    insta::assert_snapshot!(english(&next), @r"
    Network       192.168.2.0/24
    First usable  192.168.2.1
    Last usable   192.168.2.254
    Broadcast     192.168.2.255
    Addresses     256
    Usable hosts  254
    ");
    insta::assert_snapshot!(working(&next, Language::En), @r"
    1. Addresses: 2^(32-24) = 256 addresses
    2. Next: 192.168.1.0 + 2^8 = 192.168.2.0
    ");
    let previous = Neighbour::new(prefix("192.168.1.0/24"), Direction::Previous).unwrap();
    assert_eq!(previous.subnet.prefix, prefix("192.168.0.0/24"));
    insta::assert_snapshot!(working(&previous, Language::Ko), @r"
    1. 주소 수: 2^(32-24) = 256개
    2. 이전: 192.168.1.0 - 2^8 = 192.168.0.0
    ");
}
