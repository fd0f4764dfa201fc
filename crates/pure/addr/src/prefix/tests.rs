use super::*;

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

#[test]
fn refuses_host_bits_and_names_the_network() {
    let error = "10.0.1.5/24".parse::<Prefix>().unwrap_err();
    assert_eq!(error.to_string(), "10.0.1.5/24 has host bits set: the network is 10.0.1.0/24");
    assert!("10.0.0.0".parse::<Prefix>().is_err());
    assert!("10.0.0.0/33".parse::<Prefix>().is_err());
    assert!("10.0.0.0/+8".parse::<Prefix>().is_err());
    assert!("10.0.0.0/".parse::<Prefix>().is_err());
}

#[test]
fn first_last_and_nth() {
    let net = prefix("192.168.1.8/29");
    assert_eq!(net.last().to_string(), "192.168.1.15");
    assert_eq!(net.nth(7), Some(net.last()));
    assert_eq!(net.nth(8), None);
    assert_eq!(prefix("0.0.0.0/0").last().to_string(), "255.255.255.255");
    assert_eq!(prefix("::/0").nth(5).unwrap().to_string(), "::5");
    assert_eq!(prefix("10.1.2.3/32").nth(0).unwrap().to_string(), "10.1.2.3");
}

#[test]
fn covers_and_overlaps() {
    let (big, small) = (prefix("10.0.0.0/8"), prefix("10.2.0.0/16"));
    assert!(big.covers(small) && !small.covers(big) && big.overlaps(small) && small.overlaps(big));
    assert!(!prefix("10.0.0.0/16").overlaps(prefix("10.1.0.0/16")));
    assert!(!Prefix::ANY_V4.contains("::1".parse().unwrap()));
}

#[test]
fn family_and_neighbours() {
    let net = prefix("10.0.0.0/24");
    assert_eq!(net.parent(), Some(prefix("10.0.0.0/23")));
    assert_eq!(net.halves(), Some([prefix("10.0.0.0/25"), prefix("10.0.0.128/25")]));
    assert_eq!(net.next(), Some(prefix("10.0.1.0/24")));
    assert_eq!(net.previous(), Some(prefix("9.255.255.0/24")));
    for (whole, last) in
        [("0.0.0.0/0", "255.255.255.255/32"), ("::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128")]
    {
        let (whole, last) = (prefix(whole), prefix(last));
        assert_eq!((whole.parent(), whole.next(), whole.previous()), (None, None, None));
        assert_eq!((last.halves(), last.next()), (None, None));
        let [low, high] = whole.halves().unwrap();
        assert_eq!((low.next(), high.previous(), high.parent()), (Some(high), Some(low), Some(whole)));
    }
}

#[test]
fn subnets_come_one_by_one() {
    let four: Vec<_> = prefix("10.0.0.0/24").subnets(26).unwrap().map(|net| net.to_string()).collect();
    assert_eq!(four, ["10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/26", "10.0.0.192/26"]);
    assert_eq!(prefix("10.0.0.0/24").subnets(24).unwrap().count(), 1);
    assert_eq!(prefix("::/0").subnets(128).unwrap().nth(2), Some(prefix("::2/128")));
    assert_eq!(prefix("255.255.255.252/30").subnets(32).unwrap().count(), 4);
    assert!(prefix("10.0.0.0/24").subnets(23).is_none() && prefix("10.0.0.0/24").subnets(33).is_none());
}

#[test]
fn constants_are_checked_as_others_are() {
    for (address, length) in [
        ("10.0.0.0", 8),
        ("10.0.0.1", 8),
        ("10.0.0.1", 32),
        ("10.0.0.0", 33),
        ("0.0.0.0", 0),
        ("0.0.0.1", 0),
        ("::", 0),
        ("::1", 128),
        ("::1", 127),
    ] {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(
            Prefix::constant(address, length),
            Prefix::new(address, length).ok(),
            "{address}/{length}"
        );
    }
}
