use super::*;

#[test]
fn each_route_leads_where_it_says() {
    let mut world = World::new();
    let mut to = |text| world.send(WEB, Sent::udp(address(WEB), 20_000, v4(text), 53)).0;
    assert_eq!(to("10.0.1.5"), Verdict::ToPort(APP));
    assert_eq!(to("10.0.1.77"), dropped(DropReason::NoInstance));
    assert_eq!(to("10.0.9.9"), dropped(DropReason::Blackhole));
    assert_eq!(to("198.51.100.7"), out());
    assert_eq!(to("192.0.2.1"), dropped(DropReason::NatGone));
    assert_eq!(to("203.0.113.20"), dropped(DropReason::NoForward));
    let mut from_db = |text| world.send(DB, Sent::udp(address(DB), 20_000, v4(text), 53)).0;
    assert_eq!(from_db("198.51.100.7"), dropped(DropReason::NoPublicAddress));
    assert_eq!(from_db("8.8.8.8"), dropped(DropReason::NoRoute));
}
