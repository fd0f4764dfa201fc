use super::{english, text};
use crate::{Answer, Info, Interface, Language};

fn info(text: &str) -> Info {
    Info::of(Interface::parse(text).unwrap())
}

#[test]
fn of_a_private_address() {
    insta::assert_snapshot!(english(&info("172.16.5.4/20")), @r"
    Address       172.16.5.4/20
    Network       172.16.0.0/20
    First usable  172.16.0.1
    Last usable   172.16.15.254
    Broadcast     172.16.15.255
    Addresses     4096
    Usable hosts  4094
    Netmask       255.255.240.0
    Wildcard      0.0.15.255
    Host part     0.0.5.4
    Class         B: first bits 10, networks of /16
    Kind          private (172.16.0.0/12, RFC 1918), not reachable from the Internet

    Address       10101100.00010000.0000|0101.00000100
    AND netmask   11111111.11111111.1111|0000.00000000
    = network     10101100.00010000.0000|0000.00000000

    Integer       2886731012
    Hexadecimal   0xac100504
    Reverse name  4.5.16.172.in-addr.arpa
    Reverse zone  0.16.172.in-addr.arpa
                  … 15.16.172.in-addr.arpa (16 zones)
    ");
}

#[test]
fn in_korean() {
    insta::assert_snapshot!(text(&info("172.16.5.4/20"), Language::Ko), @r"
    주소                   172.16.5.4/20
    네트워크 주소          172.16.0.0/20
    첫 사용 가능 주소      172.16.0.1
    마지막 사용 가능 주소  172.16.15.254
    브로드캐스트 주소      172.16.15.255
    주소 수                4096
    사용 가능 호스트 수    4094
    넷마스크               255.255.240.0
    와일드카드 마스크      0.0.15.255
    호스트 부분            0.0.5.4
    클래스                 B: 첫 비트 10, 네트워크는 /16
    종류                   사설 주소 (172.16.0.0/12, RFC 1918), 인터넷에서 접근할 수 없다

    주소                   10101100.00010000.0000|0101.00000100
    AND 넷마스크           11111111.11111111.1111|0000.00000000
    = 네트워크 주소        10101100.00010000.0000|0000.00000000

    정수                   2886731012
    16진수                 0xac100504
    역방향 이름            4.5.16.172.in-addr.arpa
    역방향 존              0.16.172.in-addr.arpa
                           … 15.16.172.in-addr.arpa (존 16개)
    ");
}

#[test]
fn of_ipv6() {
    insta::assert_snapshot!(english(&info("2001:db8:0:5::17/62")), @r"
    Address       2001:db8:0:5::17/62
    Expanded      2001:0db8:0000:0005:0000:0000:0000:0017
    Network       2001:db8:0:4::/62
    First usable  2001:db8:0:4::1
    Last usable   2001:db8:0:7:ffff:ffff:ffff:ffff
    Last          2001:db8:0:7:ffff:ffff:ffff:ffff
    Addresses     73786976294838206464
    Usable hosts  73786976294838206463
    Netmask       ffff:ffff:ffff:fffc::
    Host part     ::1:0:0:0:17
    Kind          documentation (2001:db8::/32, RFC 3849), not reachable from the Internet

    Address       0010000000000001:0000110110111000:0000000000000000:00000000000001|01:
                  0000000000000000:0000000000000000:0000000000000000:0000000000010111
    AND netmask   1111111111111111:1111111111111111:1111111111111111:11111111111111|00:
                  0000000000000000:0000000000000000:0000000000000000:0000000000000000
    = network     0010000000000001:0000110110111000:0000000000000000:00000000000001|00:
                  0000000000000000:0000000000000000:0000000000000000:0000000000000000

    Integer       42540766411282592949137705320201584663
    Hexadecimal   0x20010db8000000050000000000000017
    Reverse name  7.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.5.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa
    Reverse zone  4.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa
                  … 7.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa (4 zones)
    ");
}

#[test]
fn masks_are_read_in_each_form() {
    let same = info("172.16.5.4/20");
    for form in
        ["172.16.5.4 255.255.240.0", "172.16.5.4/255.255.240.0", "172.16.5.4/0.0.15.255", " 172.16.5.4  /20 "]
    {
        assert_eq!(info(form), same, "{form}");
    }
    let length = |mask: &str| info(&format!("10.0.0.1/{mask}")).network.prefix.length();
    assert_eq!(length("0.0.0.0"), 0, "a netmask, not the wildcard of /32");
    assert_eq!(length("255.255.255.255"), 32, "a netmask, not the wildcard of /0");
    assert_eq!((length("128.0.0.0"), length("127.255.255.255"), length("0.0.0.1")), (1, 1, 31));
    assert_eq!(info("10.0.0.1").network.prefix.length(), 32);
}

#[test]
fn usable_addresses_at_the_ends() {
    let usable = |text: &str| {
        let network = info(text).network;
        let broadcast = network.broadcast.map_or("none".to_owned(), |address| address.to_string());
        format!(
            "{} - {}, {} of {}, {broadcast}",
            network.first_usable, network.last_usable, network.usable, network.addresses
        )
    };
    assert_eq!(usable("10.0.0.5/30"), "10.0.0.5 - 10.0.0.6, 2 of 4, 10.0.0.7");
    assert_eq!(usable("10.0.0.5/31"), "10.0.0.4 - 10.0.0.5, 2 of 2, none");
    assert_eq!(usable("10.0.0.5/32"), "10.0.0.5 - 10.0.0.5, 1 of 1, none");
    assert_eq!(usable("10.0.0.5/0"), "0.0.0.1 - 255.255.255.254, 4294967294 of 4294967296, 255.255.255.255");
    assert_eq!(usable("2001:db8::5/126"), "2001:db8::5 - 2001:db8::7, 3 of 4, none");
    assert_eq!(usable("2001:db8::5/127"), "2001:db8::4 - 2001:db8::5, 2 of 2, none");
    assert_eq!(usable("2001:db8::5/128"), "2001:db8::5 - 2001:db8::5, 1 of 1, none");
    let all = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let counts = "340282366920938463463374607431768211455 of 340282366920938463463374607431768211456";
    assert_eq!(usable("::/0"), format!("::1 - {all}, {counts}, none"));
}

#[test]
fn reverse_zones() {
    let zones = |text: &str| {
        let zones = info(text).reverse.zones;
        (zones.len(), zones.first().cloned().unwrap(), zones.last().cloned().unwrap())
    };
    let one = |zone: &str| (1, zone.to_owned(), zone.to_owned());
    assert_eq!(zones("192.168.1.7/24"), one("1.168.192.in-addr.arpa"));
    assert_eq!(zones("10.1.2.3/8"), one("10.in-addr.arpa"));
    assert_eq!(zones("10.1.2.3/0"), one("in-addr.arpa"));
    assert_eq!(zones("10.1.2.3/32"), one("3.2.1.10.in-addr.arpa"));
    assert_eq!(zones("192.0.2.66/26"), one("64/26.2.0.192.in-addr.arpa"));
    assert_eq!(zones("10.4.0.0/14"), (4, "4.10.in-addr.arpa".into(), "7.10.in-addr.arpa".into()));
    assert_eq!(zones("0.0.0.0/1"), (128, "0.in-addr.arpa".into(), "127.in-addr.arpa".into()));
    assert_eq!(zones("2001:db8::/32"), one("8.b.d.0.1.0.0.2.ip6.arpa"));
    assert_eq!(
        zones("2001:db8::/30"),
        (4, "8.b.d.0.1.0.0.2.ip6.arpa".into(), "b.b.d.0.1.0.0.2.ip6.arpa".into())
    );
    assert_eq!(zones("::/0"), one("ip6.arpa"));
    // RFC 3596 section 2.5.
    let pointer = "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa";
    assert_eq!(info("4321:0:1:2:3:4:567:89ab/64").reverse.pointer, pointer);
    assert_eq!(info("172.16.5.4/20").reverse.pointer, "4.5.16.172.in-addr.arpa");
}

/// The examples in the notes: first bits, private ranges.
#[test]
fn kinds_and_classes() {
    let kind = |text: &str| {
        let info = info(text);
        let class = info.class.map_or(String::new(), |class| format!("{class:?} {} ", class.leading_bits()));
        format!("{class}{:?} {}", info.special.kind, info.special.rfc)
    };
    assert_eq!(kind("10.255.255.255"), "A 0 Private RFC 1918");
    assert_eq!(kind("127.0.0.1"), "A 0 Loopback RFC 1122");
    assert_eq!(kind("172.31.255.255"), "B 10 Private RFC 1918");
    assert_eq!(kind("172.32.0.0"), "B 10 Public RFC 791");
    assert_eq!(kind("192.168.255.255"), "C 110 Private RFC 1918");
    assert_eq!(kind("192.0.2.1"), "C 110 Documentation RFC 5737");
    assert_eq!(kind("192.0.0.9"), "C 110 PortControl RFC 7723");
    assert_eq!(kind("224.0.0.1"), "D 1110 Multicast RFC 5771");
    assert_eq!(kind("240.0.0.1"), "E 1111 Reserved RFC 1112");
    assert_eq!(kind("255.255.255.255"), "E 1111 Broadcast RFC 8190");
    assert_eq!(kind("100.127.255.255"), "A 0 Shared RFC 6598");
    assert_eq!(kind("169.254.1.1"), "B 10 LinkLocal RFC 3927");
    assert_eq!(kind("198.19.0.1"), "C 110 Benchmarking RFC 2544");
    assert_eq!(kind("2002:c000:204::1"), "SixToFour RFC 3056");
    assert_eq!(kind("64:ff9b::1.2.3.4"), "Nat64 RFC 6052");
    assert_eq!(kind("fd00::1"), "UniqueLocal RFC 4193");
    assert_eq!(kind("2606:4700::1111"), "Public RFC 4291");
    assert_eq!(kind("4000::"), "Unallocated RFC 4291");
}

#[test]
fn a_network_that_reaches_beyond_its_address_s_kind_says_so() {
    let lines = english(&info("10.0.0.1/7"));
    assert!(lines.contains("the network 10.0.0.0/7 reaches beyond 10.0.0.0/8"), "{lines}");
    assert!(!english(&info("10.0.0.1/8")).contains("beyond"));
}

#[test]
fn serialized() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&info("2001:db8::1/127")).unwrap(), @r#"
    {
      "address": "2001:db8::1",
      "expanded": "2001:0db8:0000:0000:0000:0000:0000:0001",
      "prefix": "2001:db8::/127",
      "firstUsable": "2001:db8::",
      "lastUsable": "2001:db8::1",
      "broadcast": null,
      "last": "2001:db8::1",
      "addresses": 2,
      "usable": 2,
      "netmask": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe",
      "wildcard": "::1",
      "host": "::1",
      "class": null,
      "leadingBits": null,
      "special": {
        "block": "2001:db8::/32",
        "kind": "documentation",
        "reach": "local",
        "rfc": "RFC 3849"
      },
      "binary": {
        "address": "0010000000000001:0000110110111000:0000000000000000:0000000000000000:0000000000000000:0000000000000000:0000000000000000:000000000000000|1",
        "netmask": "1111111111111111:1111111111111111:1111111111111111:1111111111111111:1111111111111111:1111111111111111:1111111111111111:111111111111111|0",
        "network": "0010000000000001:0000110110111000:0000000000000000:0000000000000000:0000000000000000:0000000000000000:0000000000000000:000000000000000|0"
      },
      "integer": "42540766411282592856903984951653826561",
      "hex": "0x20010db8000000000000000000000001",
      "reverse": {
        "pointer": "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
        "style": "several",
        "zones": [
          "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
          "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        ]
      }
    }
    "#);
    let info = info("::/0");
    assert!(
        serde_json::to_string(&info)
            .unwrap()
            .contains(r#""addresses":"340282366920938463463374607431768211456""#)
    );
    let worked = serde_json::to_value(crate::Worked::new(&info, Language::En)).unwrap();
    assert_eq!(worked["steps"].as_array().unwrap().len(), info.steps().len());
    assert_eq!(worked["steps"][0]["step"], "networkBits");
}
