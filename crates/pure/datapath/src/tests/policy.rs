use super::*;

#[test]
fn what_no_rule_allows_is_denied() {
    let mut world = World::new();
    let (web, app, db) = (address(WEB), address(APP), address(DB));
    assert_eq!(world.send(WEB, Sent::syn(web, 1, db, 5432)).0, Verdict::ToPort(DB));
    assert_eq!(world.send(WEB, Sent::syn(web, 1, db, 5433)).0, dropped(DropReason::IngressDenied));
    assert_eq!(world.send(WEB, Sent::udp(web, 1, db, 5432)).0, dropped(DropReason::IngressDenied));
    assert_eq!(world.send(WEB, Sent::ping(web, db, 1)).0, dropped(DropReason::IngressDenied));
    assert_eq!(world.send(WEB, Sent::ping(web, app, 1)).0, Verdict::ToPort(APP));
    assert_eq!(world.send(DB, Sent::syn(db, 1, REMOTE, 443)).0, dropped(DropReason::EgressDenied));
}

#[test]
fn the_twin_has_its_own_rules_and_neighbours() {
    let mut world = World::new();
    let syn = Sent::syn(address(OTHER), 1, address(APP), 80);
    assert_eq!(world.send(OTHER, syn).0, dropped(DropReason::EgressDenied));
    let twin = world.tables.vpcs.get_mut(&TWIN).unwrap();
    twin.rules.insert(rule(1, Direction::Egress, 0, None, None));
    twin.routes.insert((RouteTableId(1), prefix("10.0.0.0/16")), Route::Local);
    assert_eq!(world.send(OTHER, syn).0, dropped(DropReason::NoInstance));
}

#[test]
fn a_sender_that_is_not_in_the_tables_sends_nothing() {
    let mut world = World::new();
    world.vpc().endpoints.remove(&address(WEB).into());
    let (verdict, _) = world.send(WEB, Sent::syn(address(WEB), 1, address(APP), 80));
    assert_eq!(verdict, dropped(DropReason::NoEndpoint));
}

#[test]
fn an_echo_is_looked_up_by_type_and_code() {
    let mut world = World::new();
    world.vpc().rules.insert(rule(2, Direction::Ingress, 2, Some(1), Some(0x0000)));
    let ping = Sent::ping(address(WEB), address(DB), 1);
    assert_eq!(world.send(WEB, ping).0, dropped(DropReason::IngressDenied));
    world.vpc().rules.insert(rule(2, Direction::Ingress, 2, Some(1), Some(0x0800)));
    assert_eq!(world.send(WEB, ping).0, Verdict::ToPort(DB));
}

#[test]
fn a_rule_about_every_peer_counts_whatever_the_peers_class_is() {
    let mut world = World::new();
    let ping = Sent::ping(address(WEB), address(DB), 1);
    assert_eq!(world.send(WEB, ping).0, dropped(DropReason::IngressDenied));
    world.vpc().rules.insert(rule(2, Direction::Ingress, 0, Some(1), None));
    assert_eq!(world.send(WEB, ping).0, Verdict::ToPort(DB));
    let syn = Sent::syn(address(WEB), 40_000, address(DB), 22);
    assert_eq!(world.send(WEB, syn).0, dropped(DropReason::IngressDenied));
    world.vpc().rules.insert(rule(2, Direction::Ingress, 0, None, Some(22)));
    assert_eq!(world.send(WEB, syn).0, Verdict::ToPort(DB));
}

#[test]
fn rules_tell_what_is_asked_by_icmp() {
    let mut world = World::new();
    world.vpc().rules.insert(rule(2, Direction::Ingress, 2, Some(1), Some(0x0d00)));
    let ping = Sent::ping(address(WEB), address(DB), 7);
    assert_eq!(world.send(WEB, ping).0, dropped(DropReason::IngressDenied));
    let mut send = |port, kind: u8, sent: Sent| {
        let mut frame = sent.frame(mac(port), GATEWAY_MAC);
        frame[34] = kind;
        world.port(port, &mut frame)
    };
    assert_eq!(send(WEB, 13, ping), Verdict::ToPort(DB));
    assert_eq!(send(DB, 14, ping.answered(Flags::default())), Verdict::ToPort(WEB));
    assert_eq!(send(WEB, 14, ping), dropped(DropReason::NoEchoRequest), "of nobody's request");
    assert_eq!(send(WEB, 13, Sent::ping(address(WEB), v4("10.0.1.1"), 7)), dropped(DropReason::GatewayOnly));
}
