use super::*;

fn probe(from: PortId, destination: Ipv4Addr, port: u16) -> Probe {
    let (source, protocol) = (address(from).into(), Protocol::Tcp);
    let from = Entrance::Port(from);
    Probe { from, source, destination: destination.into(), protocol, source_port: 40_000, port }
}

fn stages(explained: &Explained) -> Vec<&str> {
    explained.trace.iter().map(|step| step.stage.name()).collect()
}

#[test]
fn every_stage_says_what_decided_it() {
    let explained = explain(&World::new().tables, None, None, &probe(WEB, address(DB), 5432));
    assert_eq!(explained.packet, "TCP 10.0.1.4:40000 -> 10.0.2.4:5432");
    assert_eq!(explained.outcome, Outcome { verdict: Verdict::ToPort(DB), target: 13 });
    let names =
        ["parse", "guard", "conntrack", "egress policy", "route", "ingress policy", "snat", "deliver"];
    assert_eq!(stages(&explained), names);
    let entries = |at: usize| explained.trace[at].entries.clone();
    let (web, db) = (IpAddr::from(address(WEB)), IpAddr::from(address(DB)));
    let class = |text| Entry::Class(VPC, prefix(text));
    let egress = Entry::Rule(VPC, rule(1, Direction::Egress, 3, None, None));
    let ingress = Entry::Rule(VPC, rule(2, Direction::Ingress, 2, Some(6), Some(5432)));
    let route = Entry::Route(VPC, RouteTableId(1), prefix("10.0.0.0/16"));
    assert_eq!(entries(3), [Entry::Endpoint(VPC, web), class("10.0.2.4/32"), egress]);
    assert_eq!(entries(4), [route, Entry::Endpoint(VPC, db)]);
    assert_eq!(entries(5), [Entry::Endpoint(VPC, db), class("10.0.1.4/32"), ingress]);
}

#[test]
fn a_denial_names_what_was_looked_for() {
    let explained = explain(&World::new().tables, None, None, &probe(WEB, address(DB), 22));
    assert_eq!(explained.outcome.verdict, Verdict::Refused(DropReason::IngressDenied));
    let last = explained.trace.last().unwrap();
    let said = "no ingress rule of 10.0.2.4 (policy 2) allows TCP port 22 with 10.0.1.4 (class 2 as part of 10.0.1.4/32)";
    assert_eq!((last.stage, last.decision.as_str()), (Stage::IngressPolicy, said));
    assert_eq!(last.entries.len(), 2);
}

#[test]
fn who_is_known_by_a_name_is_called_by_it() {
    let tables = World::new().tables;
    let name = |port, text: &str| ((VPC, IpAddr::from(address(port))), text.to_owned());
    let names = Names([name(WEB, "security group web"), name(DB, "security group db")].into());
    let said = |to, port: u16| {
        let explained = explain(&tables, None, Some(&names), &probe(WEB, to, port));
        let policy = |step: &&Step| matches!(step.stage, Stage::EgressPolicy | Stage::IngressPolicy);
        explained.trace.iter().filter(policy).map(|step| step.decision.clone()).collect::<Vec<_>>()
    };
    let web = "10.0.1.4 (security group web)";
    assert_eq!(
        said(address(DB), 22),
        [
            format!("an egress rule of {web} allows TCP port 22 with 10.0.2.4 (security group db)"),
            format!("no ingress rule of 10.0.2.4 (security group db) allows TCP port 22 with {web}"),
        ]
    );
    let out = format!("an egress rule of {web} allows TCP port 443 with {REMOTE} (as part of 0.0.0.0/0)");
    assert_eq!(said(REMOTE, 443), [out]);
}

#[test]
fn the_way_out_and_in_is_told_with_its_addresses() {
    let tables = World::new().tables;
    let out = explain(&tables, None, None, &probe(WEB, REMOTE, 443));
    let said: Vec<_> = out.trace.iter().skip(4).map(|step| step.decision.as_str()).collect();
    assert_eq!(
        said,
        [
            "198.51.100.7 matches 0.0.0.0/0: out through the NAT gateway at 203.0.113.10",
            "the source 10.0.1.4:40000 is seen as 203.0.113.10:20000",
            "out of uplink 31 to next hop 203.0.113.1 as TCP 203.0.113.10:20000 -> 198.51.100.7:443, TTL 63",
        ]
    );
    let from = Probe { from: Entrance::Uplink(UPLINK), source: REMOTE.into(), ..probe(WEB, PUBLIC, 80) };
    let inward = explain(&tables, None, None, &from);
    assert_eq!(inward.outcome.verdict, Verdict::ToPort(WEB));
    assert_eq!(stages(&inward)[2..5], ["conntrack", "dnat", "route"]);
    assert_eq!(
        explain(&tables, None, None, &Probe { from: Entrance::Uplink(UplinkId(9)), ..from }).outcome.verdict,
        Verdict::ToHost
    );
}

#[test]
fn live_flows_are_met_and_not_changed() {
    let mut world = World::new();
    world.send(WEB, Sent::syn(address(WEB), 40_000, address(DB), 5432));
    world.vpc().rules.clear();
    let before = world.flows.clone();
    let live = Live { flows: &world.flows, generations: &world.generations, now_ns: world.now_ns };
    let explained = explain(&world.tables, Some(live), None, &probe(WEB, address(DB), 5432));
    assert_eq!(explained.outcome.verdict, Verdict::Refused(DropReason::EgressDenied));
    assert_eq!(stages(&explained)[2..], ["conntrack", "egress policy", "conntrack"]);
    assert_eq!(world.flows, before);
}

#[test]
fn what_cannot_be_carried_is_said_too() {
    let tables = World::new().tables;
    let v6 = Probe { destination: "2001:db8::1".parse().unwrap(), ..probe(WEB, REMOTE, 1) };
    assert_eq!(explain(&tables, None, None, &v6).outcome.verdict, dropped(DropReason::EtherType));
    let nowhere = probe(PortId(99), REMOTE, 1);
    assert_eq!(explain(&tables, None, None, &nowhere).outcome.verdict, dropped(DropReason::NoPort));
}

#[test]
fn thousands_of_endpoints_are_no_trouble() {
    let mut world = World::new();
    let vpc = world.vpc();
    for n in 0..20_000u32 {
        let address = IpAddr::from(Ipv4Addr::from(0x0a01_0000 + n));
        let (port, policy, routes) = (PortId(n), PolicyId(n), RouteTableId(n));
        let endpoint = Endpoint { port, mac: Mac::default(), policy, routes, nat: None, of_host: false };
        vpc.endpoints.insert(address, endpoint);
        vpc.classes.insert(Prefix::host(address), ClassId(n));
        vpc.routes.insert((RouteTableId(n), Prefix::ANY_V4), Route::Local);
        vpc.rules.insert(rule(n, Direction::Ingress, n, Some(6), Some(80)));
    }
    for port in 0..10_000 {
        assert_eq!(
            explain(&world.tables, None, None, &probe(WEB, address(APP), port)).outcome.verdict,
            Verdict::ToPort(APP)
        );
    }
}
