//! From resources to a model: what is in it, what is left out, and what it costs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::{Duration, Instant};

use serde_json::json;

use madang_model::{
    Document, IngressRule, Kind, Model, Resource, RouteTarget, RuleProtocol, SourceFile, allocate, check,
    from_json, locate, origin, parse, prune_unknown,
};

const EVERYTHING: &str = "
AddressPool outside { interface: eth0, nextHop: 203.0.113.1, addresses: [203.0.113.10, 203.0.113.11] }
Vpc shop { cidrs: [10.0.0.0/16] }
SecurityGroup web { vpc: shop, ingress: [{ protocol: tcp, ports: [80], from: [0.0.0.0/0, db] }, { from: [db] }] }
SecurityGroup db { vpc: shop, ingress: [{ from: [web, default] }] }
NatGateway out { vpc: shop, pool: outside }
RouteTable private { vpc: shop, routes: [{ destination: 0.0.0.0/0, target: nat, natGateway: out }] }
Subnet web { vpc: shop, cidr: 10.0.1.0/24, public: true }
Subnet db { vpc: shop, cidr: 10.0.2.0/24, routeTable: private }
Instance web-1 { subnet: web, securityGroups: [web], process: { command: [a] } }
Instance db-1 { subnet: db, securityGroups: [db], process: { command: [a] } }
PublicAddress web { pool: outside, forwards: [{ port: 80, instance: web-1 }, { port: 81, instance: db-1 }] }";

fn documents(text: &str) -> Vec<Document> {
    let line = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (kind, name, spec) = (words.next()?, words.next()?, words.next()?);
        Some(format!(
            "--- {{apiVersion: madang.dev/v1alpha1, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}"
        ))
    };
    let text = text.lines().filter_map(line).collect::<Vec<_>>().join("\n");
    parse(&[SourceFile { name: "a.yaml".to_owned(), text }]).unwrap()
}

fn resources(text: &str) -> Vec<Resource> {
    let mut resources: Vec<Resource> =
        documents(text).into_iter().map(|document| document.resource).collect();
    assert_eq!(allocate(&[], &mut resources), []);
    resources
}

fn without(kind: Kind, name: &str) -> (Model, Vec<String>) {
    let mut resources = resources(EVERYTHING);
    resources.retain(|resource| resource.kind() != kind || resource.metadata().name != name);
    let (model, diagnostics) = check(&resources);
    (model, diagnostics.iter().map(|d| format!("{} {}", d.object.as_ref().unwrap(), d.path)).collect())
}

#[test]
fn everything_that_is_right_is_in_the_model() {
    let resources = resources(EVERYTHING);
    let (model, diagnostics) = check(&resources);
    assert_eq!(diagnostics, []);
    let count = model.address_pools().len()
        + model.vpcs().len()
        + model.security_groups().len()
        + model.nat_gateways().len()
        + model.route_tables().len()
        + model.subnets().len()
        + model.instances().len()
        + model.public_addresses().len();
    assert_eq!(count, resources.len());
    let mut backwards = resources;
    backwards.reverse();
    assert_eq!(check(&backwards).0, model, "the order does not matter");
}

#[test]
fn what_is_not_allocated_yet_is_not_wrong_and_not_in_the_model() {
    let resources: Vec<Resource> =
        documents(EVERYTHING).into_iter().map(|document| document.resource).collect();
    let (model, diagnostics) = check(&resources);
    assert_eq!(diagnostics, []);
    assert!(model.vpcs().is_empty() && model.subnets().is_empty() && model.instances().is_empty());
    assert_eq!(model.address_pools().len(), 1);
}

#[test]
fn a_vpc_that_is_gone_takes_all_of_its_own_with_it() {
    let (model, diagnostics) = without(Kind::Vpc, "shop");
    assert!(model.subnets().is_empty() && model.instances().is_empty() && model.security_groups().is_empty());
    assert!(model.route_tables().is_empty() && model.nat_gateways().is_empty());
    let expected = [
        "SecurityGroup/web",
        "SecurityGroup/db",
        "NatGateway/out",
        "RouteTable/private",
        "Subnet/web",
        "Subnet/db",
    ];
    assert_eq!(
        diagnostics,
        expected.map(|object| format!("{object} spec.vpc")),
        "instances are not wrong themselves"
    );
}

#[test]
fn a_group_that_is_gone_has_no_members_and_keeps_its_place() {
    let (model, diagnostics) = without(Kind::SecurityGroup, "db");
    let ingress = &model.security_groups()["web"].spec.ingress;
    assert_eq!((ingress[0].from.len(), ingress[1].from.len()), (2, 1), "paths count as written");
    assert!(!model.instances().contains_key("db-1"));
    assert_eq!(model.public_addresses()["web"].spec.forwards.len(), 2);
    assert_eq!(
        diagnostics,
        [
            "SecurityGroup/web spec.ingress[0].from[1]",
            "SecurityGroup/web spec.ingress[1].from[0]",
            "Instance/db-1 spec.securityGroups[0]"
        ]
    );
}

#[test]
fn a_route_to_a_nat_gateway_that_is_gone_is_a_blackhole() {
    let (model, diagnostics) = without(Kind::NatGateway, "out");
    let route = &model.route_tables()["private"].spec.routes[0];
    assert_eq!((route.target, &route.nat_gateway), (RouteTarget::Blackhole, &None));
    assert_eq!(diagnostics, ["RouteTable/private spec.routes[0].natGateway"]);
}

#[test]
fn a_subnet_whose_route_table_is_gone_reaches_its_vpc_alone() {
    let (model, diagnostics) = without(Kind::RouteTable, "private");
    let subnet = &model.subnets()["db"].spec;
    assert!(subnet.route_table.is_none() && !subnet.public);
    assert!(model.instances().contains_key("db-1"));
    assert_eq!(diagnostics, ["Subnet/db spec.routeTable"]);
}

#[test]
fn an_instance_that_is_being_deleted_is_out_and_keeps_its_address() {
    let mut all = resources(EVERYTHING);
    let web = all.iter_mut().find(|resource| resource.metadata().name == "web-1").unwrap();
    web.metadata_mut().deletion_timestamp = Some("2024-01-01T00:00:00Z".to_owned());
    let mut new = documents("Instance web-2 { subnet: web, address: 10.0.1.4, process: { command: [a] } }");
    all.push(new.remove(0).resource);
    let (model, diagnostics) = check(&all);
    assert!(!model.instances().contains_key("web-1"));
    assert_eq!(model.public_addresses()["web"].spec.forwards.len(), 2, "paths count as written");
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].message, "10.0.1.4 is already the address of instance web-1");
}

#[test]
fn a_default_group_that_is_declared_is_that_of_its_vpc_alone() {
    let text = format!(
        "{EVERYTHING}\nSecurityGroup default {{ vpc: nowhere }}\nVpc nowhere {{ cidrs: [10.0.0.0/30] }}"
    );
    let text = text
        .replace("cidrs: [10.0.0.0/30]", "cidrs: [10.0.0.0/24]")
        .replace("[db], process", "[default], process");
    let mut all = resources(&text);
    all.retain(|resource| resource.metadata().name != "nowhere");
    let (model, diagnostics) = check(&all);
    assert_eq!(diagnostics.len(), 1, "{diagnostics:?}");
    assert!(!model.security_groups().contains_key("default"));
    assert!(model.instances().contains_key("db-1"), "it is in the implicit group of its own VPC");
}

#[test]
fn a_default_group_that_is_declared_and_wrong_is_not_replaced() {
    let text = "
Vpc shop { cidrs: [10.0.0.0/16] }
Subnet a { vpc: shop, cidr: 10.0.1.0/24 }
SecurityGroup default { vpc: shop, egress: [] }
Instance i { subnet: a, process: { command: [a] } }";
    let mut all = resources(text);
    assert!(check(&all).0.instances().contains_key("i"));
    if let Resource::SecurityGroup(group) = &mut all[2] {
        group.spec.ingress = vec![IngressRule {
            protocol: RuleProtocol::All,
            ports: Vec::new(),
            icmp_types: Vec::new(),
            from: Vec::new(),
        }];
    }
    let (model, diagnostics) = check(&all);
    assert_eq!(diagnostics.len(), 1, "{diagnostics:?}");
    assert!(model.instances().is_empty(), "the implicit group would let it out to anywhere");
}

#[test]
fn no_two_vpcs_have_one_number() {
    let mut all = resources("Vpc a { cidrs: [10.0.0.0/16] }\nVpc b { cidrs: [10.0.0.0/16] }");
    let number = |resource: &mut Resource, number| {
        if let Resource::Vpc(vpc) = resource {
            vpc.status.number = Some(number);
        }
    };
    number(&mut all[1], 1);
    let (model, diagnostics) = check(&all);
    assert_eq!(model.vpcs().keys().collect::<Vec<_>>(), ["a"], "b would be the same network as a");
    assert_eq!(diagnostics.len(), 1);
    number(&mut all[0], 0);
    assert_eq!(check(&all).0.vpcs().keys().collect::<Vec<_>>(), ["b"], "0 is the outside");
}

#[test]
fn spans_are_lines_by_annotation_and_exact_by_document() {
    let mut all = documents("Vpc shop { cidrs: [10.0.0.0/16] }\nSubnet web { vpc: shp, cidr: 10.0.1.0/24 }");
    all.iter_mut().for_each(|document| document.annotate("/srv/a.yaml"));
    let resources: Vec<Resource> = all.iter().map(|document| document.resource.clone()).collect();
    let (_, mut diagnostics) = check(&resources);
    let span = diagnostics[0].span.clone().unwrap();
    assert_eq!((span.file.as_str(), span.line, span.column, span.length), ("/srv/a.yaml", 2, 1, 0));
    assert_eq!(origin(&resources[1], "spec.vpc"), Some(("/srv/a.yaml".to_owned(), 2)));
    locate(&mut diagnostics, &all);
    let span = diagnostics[0].span.clone().unwrap();
    assert_eq!((span.file.as_str(), span.line, span.length), ("a.yaml", 2, 3));
}

#[test]
fn json_of_a_resource_reads_as_the_same_resource() {
    for resource in resources(EVERYTHING) {
        assert_eq!(from_json(resource.to_json()).as_ref(), Ok(&resource));
    }
}

#[test]
fn json_that_is_wrong_is_said_without_places() {
    let value = serde_json::json!({ "apiVersion": "madang.dev/v1alpha1", "kind": "Subnet", "metadata": { "name": "web" }, "spec": { "vpc": "shop", "cidrr": 1 }, "status": { "x": 1 } });
    let diagnostics = from_json(value).unwrap_err();
    let said: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "Subnet/web: spec.cidrr: unknown field \"cidrr\" (did you mean \"cidr\"?)",
            "Subnet/web: status.x: unknown field \"x\" (the fields here are observedGeneration and conditions)",
        ]
    );
    assert!(from_json(serde_json::Value::Null).is_err());
}

/// Takes less than a second in a debug build; the limit is for slow machines.
#[test]
fn ten_thousand_instances_cost_little() {
    let mut text = EVERYTHING.replace("10.0.1.0/24", "10.0.64.0/18");
    for n in 0..10_000 {
        text += &format!(
            "\nInstance i-{n} {{ subnet: web, securityGroups: [web], process: {{ command: [a] }} }}"
        );
    }
    let start = Instant::now();
    let mut documents = documents(&text);
    let parsed = start.elapsed();
    documents.iter_mut().for_each(|document| document.annotate("/srv/a.yaml"));
    let mut resources: Vec<Resource> = documents.iter().map(|document| document.resource.clone()).collect();
    let start = Instant::now();
    assert_eq!(allocate(&[], &mut resources), []);
    let allocated = start.elapsed();
    let start = Instant::now();
    let (model, diagnostics) = check(&resources);
    let checked = start.elapsed();
    println!("parsed in {parsed:?}, allocated in {allocated:?}, checked in {checked:?}");
    assert_eq!(diagnostics, []);
    assert_eq!(model.instances().len(), 10_002);
    assert!(parsed + allocated + checked < Duration::from_secs(20));
}

/// As many that are wrong: hints that look at every name must not be given ten thousand times.
#[test]
fn ten_thousand_mistakes_cost_little() {
    let mut text = "Vpc shop { cidrs: [10.0.0.0/8] }".to_owned();
    for n in 0..10_000 {
        text += &format!(
            "\nSubnet s-{n} {{ vpc: shop, cidr: 10.{}.{}.0/24, routeTable: r-{n} }}",
            n / 200 % 20,
            n % 200
        );
        text += &format!("\nInstance i-{n} {{ subnet: t-{n}, process: {{ command: [a] }} }}");
    }
    let resources = resources(&text);
    let start = Instant::now();
    let (_, diagnostics) = check(&resources);
    println!("checked in {:?}", start.elapsed());
    assert_eq!(diagnostics.len(), 10_000 + 10_000 + 6_000);
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn nothing_that_is_sent_takes_long_to_refuse() {
    let role = |verbs: usize, resources: usize| {
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "r" },
            "rules": [{ "verbs": vec!["get"; verbs], "apiGroups": vec!["a"; 10], "resources": vec!["b"; resources] }] })
    };
    assert!(from_json(role(10, 100)).is_ok());
    let refused = from_json(role(2000, 2000)).unwrap_err();
    assert!(refused[0].to_string().contains("stands for 40000000 permissions"), "{refused:?}");
    let mut unknown =
        json!({ "apiVersion": "madang.dev/v1alpha1", "kind": "Vpc", "metadata": { "name": "a" } });
    unknown["spec"] =
        (0..300_000).map(|n| (format!("f{n}"), 0.into())).collect::<serde_json::Map<_, _>>().into();
    assert!(prune_unknown(&mut unknown).len() <= 100);
    assert_eq!(unknown["spec"], json!({}));
    let labels: serde_json::Map<_, _> = (0..300_000).map(|n| (format!("-{n}"), "x".into())).collect();
    let labelled = json!({ "apiVersion": "madang.dev/v1alpha1", "kind": "Vpc", "spec": { "cidrs": ["10.0.0.0/16"] },
        "metadata": { "name": "a", "labels": labels } });
    assert!(from_json(labelled).unwrap_err().len() <= 100);
}
