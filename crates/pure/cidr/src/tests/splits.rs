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
    insta::assert_snapshot!(working(&split, Language::En), @r"
    1. Before: 192.168.1.0/24, 192.168.1.0 - 192.168.1.255, 256 addresses
    2. Bits for 32 subnets: 2^n >= 32, so n = 5
    3. New prefix length: /24 + 5 = /29
    4. Addresses: 2^(32-29) = 8 addresses
    5. Hosts: 2^(32-29) - 2 = 6 hosts, without the network's and the broadcast address
    6. After: 32 subnets
       #   Subnet            First usable   Last usable    Broadcast
       1   192.168.1.0/29    192.168.1.1    192.168.1.6    192.168.1.7
       2   192.168.1.8/29    192.168.1.9    192.168.1.14   192.168.1.15
       3   192.168.1.16/29   192.168.1.17   192.168.1.22   192.168.1.23
       4   192.168.1.24/29   192.168.1.25   192.168.1.30   192.168.1.31
       …
       32  192.168.1.248/29  192.168.1.249  192.168.1.254  192.168.1.255
    ");
    insta::assert_snapshot!(working(&split, Language::Ko), @r"
    1. 분할 전: 192.168.1.0/24, 192.168.1.0 ~ 192.168.1.255, 주소 256개
    2. 서브넷 32개에 필요한 비트 수: 2^n >= 32이므로 n = 5
    3. 새로운 프리픽스 길이: /24 + 5 = /29
    4. 주소 수: 2^(32-29) = 8개
    5. 호스트 수: 2^(32-29) - 2 = 6개 (네트워크 주소와 브로드캐스트 주소를 뺀다)
    6. 분할 후: 서브넷 32개
       번호  서브넷            첫 사용 가능 주소  마지막 사용 가능 주소  브로드캐스트 주소
       1     192.168.1.0/29    192.168.1.1        192.168.1.6            192.168.1.7
       2     192.168.1.8/29    192.168.1.9        192.168.1.14           192.168.1.15
       3     192.168.1.16/29   192.168.1.17       192.168.1.22           192.168.1.23
       4     192.168.1.24/29   192.168.1.25       192.168.1.30           192.168.1.31
       …
       32    192.168.1.248/29  192.168.1.249      192.168.1.254          192.168.1.255
    ");
    for size in [Size::Length(29), Size::Hosts(6.into())] {
        let same = Split::by_size(prefix("192.168.1.0/24"), size).unwrap();
        assert_eq!(english(&same), english(&split));
    }
}

#[test]
fn as_a_table() {
    let split = Split::by_count(prefix("10.0.0.0/22"), 3).unwrap();
    insta::assert_snapshot!(english(&split), @r"
    10.0.0.0/22 in 4 subnets of /24, with 256 addresses and 254 usable hosts each
    3 were asked for; spare: 1.

    #  Subnet       First usable  Last usable  Broadcast
    1  10.0.0.0/24  10.0.0.1      10.0.0.254   10.0.0.255
    2  10.0.1.0/24  10.0.1.1      10.0.1.254   10.0.1.255
    3  10.0.2.0/24  10.0.2.1      10.0.2.254   10.0.2.255
    4  10.0.3.0/24  10.0.3.1      10.0.3.254   10.0.3.255
    ");
    insta::assert_snapshot!(text(&split, Language::Ko), @r"
    10.0.0.0/22: /24 서브넷 4개로 나눈다. 서브넷 하나에 주소 256개, 사용 가능 호스트 254개이다.
    3개가 필요하므로 1개가 남는다.

    번호  서브넷       첫 사용 가능 주소  마지막 사용 가능 주소  브로드캐스트 주소
    1     10.0.0.0/24  10.0.0.1           10.0.0.254             10.0.0.255
    2     10.0.1.0/24  10.0.1.1           10.0.1.254             10.0.1.255
    3     10.0.2.0/24  10.0.2.1           10.0.2.254             10.0.2.255
    4     10.0.3.0/24  10.0.3.1           10.0.3.254             10.0.3.255
    ");
    let six = Split::by_size(prefix("2001:db8::/47"), Size::Length(48)).unwrap();
    insta::assert_snapshot!(english(&six), @r"
    2001:db8::/47 in 2 subnets of /48, with 1208925819614629174706176 addresses and
    1208925819614629174706175 usable hosts each

    #  Subnet           First usable   Last usable
    1  2001:db8::/48    2001:db8::1    2001:db8:0:ffff:ffff:ffff:ffff:ffff
    2  2001:db8:1::/48  2001:db8:1::1  2001:db8:1:ffff:ffff:ffff:ffff:ffff
    ");
}

/// Nothing is made before it is asked for: this would take all memory and more.
#[test]
fn huge_splits_are_streams() {
    let split = Split::by_size(prefix("::/0"), Size::Length(128)).unwrap();
    assert_eq!(split.count(), Count::power(128));
    let lines: Vec<_> = split.lines(Language::En).take(6).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    ::/0 in 340282366920938463463374607431768211456 subnets of /128, with 1 address and 1 usable host
    each

    #                                        Subnet
    1                                        ::/128
    2                                        ::1/128
    ");
    insta::assert_snapshot!(working(&split, Language::En), @r"
    1. Before: ::/0, :: - ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,
       340282366920938463463374607431768211456 addresses
    2. Subnets: 2^(128-0) = 340282366920938463463374607431768211456 subnets
    3. Addresses: 2^(128-128) = 1 address
    4. Hosts: 1, since /128 is a single address
    5. After: 340282366920938463463374607431768211456 subnets
       #                                        Subnet
       1                                        ::/128
       2                                        ::1/128
       3                                        ::2/128
       4                                        ::3/128
       …
       340282366920938463463374607431768211456  ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128
    ");
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
    insta::assert_snapshot!(serde_json::to_string(&split).unwrap(), @r#"{"prefix":"10.0.0.0/31","length":32,"count":2,"spare":0,"subnets":[{"prefix":"10.0.0.0/32","firstUsable":"10.0.0.0","lastUsable":"10.0.0.0","broadcast":null,"last":"10.0.0.0","addresses":1,"usable":1},{"prefix":"10.0.0.1/32","firstUsable":"10.0.0.1","lastUsable":"10.0.0.1","broadcast":null,"last":"10.0.0.1","addresses":1,"usable":1}]}"#);
}

fn plan(within: &str, requests: &str) -> crate::answer::Result<Plan> {
    Plan::new(prefix(within), &Request::parse(requests)?)
}

#[test]
fn several_sizes() {
    let plan = plan("192.168.1.0/24", "link=2,sales=50,ops=20").unwrap();
    insta::assert_snapshot!(english(&plan), @r"
    Name   Hosts  Room  Subnet           First usable  Last usable   Broadcast
    sales  50     62    192.168.1.0/26   192.168.1.1   192.168.1.62  192.168.1.63
    ops    20     30    192.168.1.64/27  192.168.1.65  192.168.1.94  192.168.1.95
    link   2      2     192.168.1.96/30  192.168.1.97  192.168.1.98  192.168.1.99

    Left over: 192.168.1.100/30, 192.168.1.104/29, 192.168.1.112/28, 192.168.1.128/25 (156 addresses)
    ");
    insta::assert_snapshot!(text(&plan, Language::Ko), @r"
    이름   호스트  수용  서브넷           첫 사용 가능 주소  마지막 사용 가능 주소  브로드캐스트 주소
    sales  50      62    192.168.1.0/26   192.168.1.1        192.168.1.62           192.168.1.63
    ops    20      30    192.168.1.64/27  192.168.1.65       192.168.1.94           192.168.1.95
    link   2       2     192.168.1.96/30  192.168.1.97       192.168.1.98           192.168.1.99

    남는 것: 192.168.1.100/30, 192.168.1.104/29, 192.168.1.112/28, 192.168.1.128/25 (주소 156개)
    ");
    insta::assert_snapshot!(working(&plan, Language::En), @r"
    1. Before: 192.168.1.0/24, 192.168.1.0 - 192.168.1.255, 256 addresses
    2. The largest first, so that each is aligned: sales (50), ops (20), link (2)
    3. sales: 2^h - 2 >= 50, so h = 6; 32 - 6 = /26: 192.168.1.0/26, 192.168.1.0 - 192.168.1.63
    4. ops: 2^h - 2 >= 20, so h = 5; 32 - 5 = /27: 192.168.1.64/27, 192.168.1.64 - 192.168.1.95
    5. link: 2^h - 2 >= 2, so h = 2; 32 - 2 = /30: 192.168.1.96/30, 192.168.1.96 - 192.168.1.99
    6. Left over: 192.168.1.100/30, 192.168.1.104/29, 192.168.1.112/28, 192.168.1.128/25 (156
       addresses)
    ");
    insta::assert_snapshot!(working(&plan, Language::Ko), @r"
    1. 분할 전: 192.168.1.0/24, 192.168.1.0 ~ 192.168.1.255, 주소 256개
    2. 경계가 맞도록 큰 서브넷부터 놓는다: sales(50), ops(20), link(2)
    3. sales: 2^h - 2 >= 50이므로 h = 6, 32 - 6 = /26: 192.168.1.0/26, 192.168.1.0 ~ 192.168.1.63
    4. ops: 2^h - 2 >= 20이므로 h = 5, 32 - 5 = /27: 192.168.1.64/27, 192.168.1.64 ~ 192.168.1.95
    5. link: 2^h - 2 >= 2이므로 h = 2, 32 - 2 = /30: 192.168.1.96/30, 192.168.1.96 ~ 192.168.1.99
    6. 남는 것: 192.168.1.100/30, 192.168.1.104/29, 192.168.1.112/28, 192.168.1.128/25 (주소 156개)
    ");
}

#[test]
fn several_sizes_that_just_fit_and_that_do_not() {
    let full = plan("10.0.0.0/24", "a=126,b=62,c=62").unwrap();
    assert!(full.left.is_empty() && full.left_addresses == Count::ZERO);
    assert!(english(&full).ends_with("\nNothing is left over.\n"));
    let error = plan("10.0.0.0/24", "a=126,b=62,c=62,d=1").unwrap_err();
    assert_eq!(error.to_string(), "the subnets take 260 addresses, and 10.0.0.0/24 has 256: 4 are missing");
    let all = plan("::/0", &format!("a={},b={},c=1", u128::MAX, u128::MAX)).unwrap_err();
    assert!(all.to_string().ends_with("340282366920938463463374607431768211458 are missing"), "{all}");
    let end = plan("255.255.255.0/24", "a=254").unwrap();
    assert_eq!(end.subnets[0].subnet.prefix, prefix("255.255.255.0/24"));
}

#[test]
fn the_classes() {
    insta::assert_snapshot!(english(&Classes::table()), @r"
    Class  First bits  First      Last             Netmask        Networks  Hosts each  Use
    A      0           0.0.0.0    127.255.255.255  255.0.0.0      128       16777214    large networks
    B      10          128.0.0.0  191.255.255.255  255.255.0.0    16384     65534       medium networks
    C      110         192.0.0.0  223.255.255.255  255.255.255.0  2097152   254         small networks
    D      1110        224.0.0.0  239.255.255.255  -              -         -           multicast
    E      1111        240.0.0.0  255.255.255.255  -              -         -           reserved

    From A to C more bits are the network and fewer are the host: there are more networks, and each has
    fewer addresses. Since 1993 prefixes say how long the network is (CIDR, RFC 4632).
    ");
    insta::assert_snapshot!(text(&Classes::table(), Language::Ko), @r"
    클래스  첫 비트  첫 주소    마지막 주소      넷마스크       네트워크 수  호스트 수  용도
    A       0        0.0.0.0    127.255.255.255  255.0.0.0      128          16777214   대규모 네트워크
    B       10       128.0.0.0  191.255.255.255  255.255.0.0    16384        65534      중규모 네트워크
    C       110      192.0.0.0  223.255.255.255  255.255.255.0  2097152      254        소규모 네트워크
    D       1110     224.0.0.0  239.255.255.255  -              -            -          멀티캐스트
    E       1111     240.0.0.0  255.255.255.255  -              -            -          예약

    A에서 C로 갈수록 네트워크 비트가 늘고 호스트 비트가 준다. 그래서 네트워크 수는 많아지고 네트워크
    하나의 주소 수는 적어진다. 1993년부터는 프리픽스로 네트워크의 길이를 나타낸다(CIDR, RFC 4632).
    ");
    insta::assert_snapshot!(working(&Classes::table(), Language::En), @r"
    1. Class A begins with 0: 0.0.0.0 - 127.255.255.255; 2^(8-1) = 128 networks, 2^(32-8) - 2 =
       16777214 hosts each
    2. Class B begins with 10: 128.0.0.0 - 191.255.255.255; 2^(16-2) = 16384 networks, 2^(32-16) - 2 =
       65534 hosts each
    3. Class C begins with 110: 192.0.0.0 - 223.255.255.255; 2^(24-3) = 2097152 networks, 2^(32-24) - 2
       = 254 hosts each
    4. Class D begins with 1110: 224.0.0.0 - 239.255.255.255; multicast
    5. Class E begins with 1111: 240.0.0.0 - 255.255.255.255; reserved
    ");
    insta::assert_snapshot!(working(&Classes::table(), Language::Ko), @r"
    1. 클래스 A는 첫 비트가 0이다: 0.0.0.0 ~ 127.255.255.255, 네트워크 2^(8-1) = 128개, 호스트 2^(32-8)
       - 2 = 16777214개
    2. 클래스 B는 첫 비트가 10이다: 128.0.0.0 ~ 191.255.255.255, 네트워크 2^(16-2) = 16384개, 호스트
       2^(32-16) - 2 = 65534개
    3. 클래스 C는 첫 비트가 110이다: 192.0.0.0 ~ 223.255.255.255, 네트워크 2^(24-3) = 2097152개, 호스트
       2^(32-24) - 2 = 254개
    4. 클래스 D는 첫 비트가 1110이다: 224.0.0.0 ~ 239.255.255.255, 멀티캐스트
    5. 클래스 E는 첫 비트가 1111이다: 240.0.0.0 ~ 255.255.255.255, 예약
    ");
}
