//! What `plan` prints, for small changes of a small world.

#[path = "../../compile/tests/common/mod.rs"]
mod common;

use common::{SHOP, resources};
use madang_model::{Kind, ObjectRef, Resource};
use madang_plan::{Preview, order_for_create, order_for_delete, preview};

/// What a change of the shop's text means.
fn change(replace: &[(&str, &str)]) -> String {
    let after = replace.iter().fold(SHOP.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    preview(&resources(SHOP), &resources(&after)).to_string()
}

/// The document of this name, as it stands in the shop.
fn document(name: &str) -> &'static str {
    SHOP.split("---\n")
        .find(|document| document.contains(&format!("{{ name: {name}")))
        .expect("it is in the shop")
}

#[test]
fn everything_from_nothing() {
    let all = preview(&[], &resources(SHOP)).to_string();
    assert_eq!(
        all,
        "create AddressPool/internet
create Vpc/shop
create Vpc/twin
create SecurityGroup/db
create SecurityGroup/web
create NatGateway/out
create RouteTable/private
create Subnet/data
create Subnet/twin-web
create Subnet/web
create Instance/db-1
create Instance/twin-1
create Instance/twin-2
create Instance/web-1
create PublicAddress/front
opens db-1 -> web-1 tcp/8080
opens twin-1, twin-2 -> each other all
opens web-1 -> db-1 tcp/5432
opens db-1 -> outside but 198.51.100.0/24 all
opens outside -> web-1 tcp/8080 via 203.0.113.10:80
"
    );
}

#[test]
fn nothing_from_the_same() {
    let before = resources(SHOP);
    assert!(preview(&before, &before).is_empty());
    // What the store, the agent and the reader of files write is no change.
    let mut after = before.clone();
    for resource in &mut after {
        let metadata = resource.metadata_mut();
        metadata.resource_version = Some("9".to_owned());
        metadata.generation = 7;
        metadata.annotations.insert(madang_model::SOURCE_FILE.to_owned(), "shop.yaml".to_owned());
        metadata.finalizers.push("madang.dev/agent".to_owned());
    }
    assert_eq!(preview(&before, &after), Preview::default());
}

#[test]
fn rules() {
    assert_eq!(
        change(&[("ports: [8080]", "ports: [8080, 9000-9100]")]),
        "update SecurityGroup/web
  spec.ingress[0].ports: [8080] -> [8080, 9000-9100]
opens db-1 -> web-1 tcp/9000-9100
"
    );
    assert_eq!(
        change(&[(
            "from: [web] }",
            "from: [web] }\n    - { protocol: udp, ports: [53], from: [10.0.0.0/16] }"
        )]),
        "update SecurityGroup/db
  spec.ingress[1]: + { protocol: udp, ports: [53], from: [10.0.0.0/16] }
opens web-1 -> db-1 udp/53
"
    );
    assert_eq!(
        change(&[("from: [0.0.0.0/0]", "from: [192.0.2.0/24, 10.0.2.0/24]")]),
        "update SecurityGroup/web
  spec.ingress[0].from: [0.0.0.0/0] -> [192.0.2.0/24, 10.0.2.0/24]
cuts outside but 192.0.2.0/24 -> web-1 tcp/8080 via 203.0.113.10:80
"
    );
    assert_eq!(
        change(&[(
            "from: [web] }",
            "from: [web] }\n  egress: [{ protocol: udp, ports: [53], to: [9.9.9.9/32] }]"
        )]),
        "update SecurityGroup/db
  spec.egress: + [{ protocol: udp, ports: [53], to: [9.9.9.9/32] }]
cuts db-1 -> web-1 tcp/8080
cuts db-1 -> outside but 9.9.9.9/32, 198.51.100.0/24 all
cuts db-1 -> outside (9.9.9.9/32) tcp, udp/0-52, udp/54-65535, icmp, other
"
    );
}

#[test]
fn routes_and_forwards() {
    assert_eq!(
        change(&[("    - { destination: 198.51.100.0/24, target: blackhole }\n", "")]),
        "update RouteTable/private
  spec.routes[1]: - { destination: 198.51.100.0/24, target: blackhole }
opens db-1 -> outside (198.51.100.0/24) all
"
    );
    assert_eq!(
        change(&[(
            "{ destination: 198.51.100.0/24, target: blackhole }",
            "{ destination: 10.0.1.0/24, target: blackhole }"
        )]),
        "update RouteTable/private
  spec.routes[1].destination: 198.51.100.0/24 -> 10.0.1.0/24
opens db-1 -> outside (198.51.100.0/24) all
cuts db-1 -> web-1 tcp/8080
"
    );
    assert_eq!(
        change(&[(
            "port: 80, instance: web-1, targetPort: 8080",
            "port: 81, instance: web-1, targetPort: 8080"
        )]),
        "update PublicAddress/front
  spec.forwards[0].port: 80 -> 81
opens outside -> web-1 tcp/8080 via 203.0.113.10:81
cuts outside -> web-1 tcp/8080 via 203.0.113.10:80
"
    );
}

#[test]
fn instances_come_and_go() {
    let instance = document("web-1");
    let second = instance.replace("name: web-1", "name: web-2").replace("10.0.1.10", "10.0.1.11");
    assert_eq!(
        change(&[(instance, &format!("{instance}---\n{second}"))]),
        "create Instance/web-2
opens db-1, web-1 -> web-2 tcp/8080
opens web-2 -> db-1 tcp/5432
opens web-2 -> web-1 tcp/8080
"
    );
    let before = resources(SHOP);
    let after: Vec<Resource> = before.iter().filter(|r| r.metadata().name != "db-1").cloned().collect();
    let text = "delete Instance/db-1
cuts db-1 -> web-1 tcp/8080
cuts web-1 -> db-1 tcp/5432
cuts db-1 -> outside but 198.51.100.0/24 all
";
    assert_eq!(preview(&before, &after).to_string(), text);
    // So it is from the moment that its deletion is asked for.
    let mut going = before.clone();
    let db = going.iter_mut().find(|r| r.metadata().name == "db-1").expect("it is in the shop");
    db.metadata_mut().deletion_timestamp = Some("2026-01-01T00:00:00Z".to_owned());
    assert_eq!(preview(&before, &going).to_string(), text);
    assert!(preview(&going, &after).is_empty());
}

#[test]
fn a_resource_with_another_name_and_the_same_uid_is_the_same() {
    let before = resources(SHOP);
    let rename = |names: &[(&str, &str)]| {
        let mut after = before.clone();
        for resource in &mut after {
            let name = &mut resource.metadata_mut().name;
            if let Some((_, new)) = names.iter().find(|(old, _)| old == name) {
                (*new).clone_into(name);
            }
        }
        after
    };
    let mut after = rename(&[("web-1", "front-1")]);
    for resource in &mut after {
        if let Resource::PublicAddress(public) = resource {
            public.spec.forwards[0].instance = "front-1".to_owned();
        }
    }
    let changed = preview(&before, &after);
    assert_eq!(
        changed.to_string(),
        "rename Instance/web-1 to Instance/front-1
update PublicAddress/front
  spec.forwards[0].instance: web-1 -> front-1
"
    );
    assert!(
        changed.reachability.is_empty()
            && changed.changes[0].notes[0].contains("keeps its address 10.0.1.10")
    );
    // Two that change places, and one whose name goes to a new one.
    let swapped = preview(&before, &rename(&[("twin-1", "twin-2"), ("twin-2", "twin-1")]));
    assert_eq!(
        swapped.changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["rename Instance/twin-2 to Instance/twin-1", "rename Instance/twin-1 to Instance/twin-2"]
    );
    let mut replaced = rename(&[("twin-1", "twin-0")]);
    let mut new = before.iter().find(|r| r.metadata().name == "twin-1").cloned().expect("it is in the shop");
    new.metadata_mut().uid = Some("another".to_owned());
    replaced.push(new);
    assert_eq!(
        preview(&before, &replaced).changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["rename Instance/twin-1 to Instance/twin-0", "create Instance/twin-1"]
    );
}

#[test]
fn what_a_secret_holds_is_told_apart_and_not_shown() {
    let secret = |password: &str| {
        let document = serde_json::json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "key" },
            "type": "Opaque", "data": { "password": password, "same": "c2FtZQ==" },
        });
        vec![madang_model::from_json(document).expect("it is right")]
    };
    let (before, after) = (secret("b25l"), secret("dHdv"));
    assert_eq!(
        preview(&before, &after).to_string(),
        "update Secret/key\n  data.password: (secret) -> (secret)\n"
    );
    assert!(preview(&before, &before).is_empty());
    let role = |verb: &str| {
        let document = serde_json::json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "reader" },
            "rules": [{ "apiGroups": [""], "resources": ["secrets"], "verbs": [verb] }],
        });
        vec![madang_model::from_json(document).expect("it is right")]
    };
    assert_eq!(
        preview(&role("get"), &role("list")).to_string(),
        "update Role/reader\n  rules[0].verbs: [get] -> [list]\n"
    );
}

#[test]
fn many_alike_are_one_line() {
    let instance = document("twin-2");
    let many: String =
        (3..40).map(|n| format!("---\n{}", instance.replace("twin-2", &format!("twin-{n}")))).collect();
    let text = change(&[(instance, &format!("{}\n{many}", instance.trim_end()))]);
    let opens: Vec<_> = text.lines().filter(|line| line.starts_with("opens")).collect();
    assert_eq!(
        opens,
        [
            "opens twin-1, twin-2 -> twin-10, twin-11, twin-12, twin-13 and 33 more of default all",
            "opens twin-10, twin-11, twin-12, twin-13 and 33 more of default -> twin-1, twin-10, twin-11, twin-12 and 35 more of default all",
        ]
    );
}

#[test]
fn what_is_not_valid_does_nothing() {
    let before = resources(SHOP);
    let mut after = before.clone();
    for resource in &mut after {
        if let Resource::Instance(instance) = resource
            && instance.metadata.name == "web-1"
        {
            instance.spec.subnet = "nowhere".to_owned();
        }
    }
    let preview = preview(&before, &after);
    assert!(preview.reachability.opens.is_empty(), "{preview}");
    assert!(preview.to_string().contains("cuts web-1 -> db-1 tcp/5432"), "{preview}");
}

#[test]
fn new_ones_get_the_addresses_that_they_would_get() {
    let unallocated = |text: &str| {
        let mut resources = resources(text);
        for resource in &mut resources {
            if let Resource::Instance(instance) = resource {
                instance.status = madang_model::InstanceStatus::default();
            }
        }
        resources
    };
    let (before, mut after) = (resources(SHOP), unallocated(SHOP));
    assert!(preview(&before, &after).is_empty());
    after.retain(|r| !matches!(r, Resource::Instance(i) if i.metadata.name == "twin-1"));
    assert_eq!(
        preview(&before, &after).to_string(),
        "delete Instance/twin-1\ncuts twin-1 -> twin-2 all\ncuts twin-2 -> twin-1 all\n"
    );
}

#[test]
fn json_goes_both_ways() {
    let preview = preview(&[], &resources(SHOP));
    let json = serde_json::to_value(&preview).expect("it is JSON");
    assert_eq!(serde_json::from_value::<Preview>(json.clone()).expect("the same shape"), preview);
    let path = json["reachability"]["opens"].as_array().and_then(|paths| paths.last()).expect("there is one");
    assert_eq!(
        path,
        &serde_json::json!({
            "from": { "outside": { "cidrs": ["0.0.0.0/0"] } },
            "to": { "instances": { "names": ["web-1"], "count": 1, "groups": ["web"] } },
            "traffic": [{ "protocol": "tcp", "ports": ["8080"] }],
            "via": "203.0.113.10:80",
        })
    );
}

#[test]
fn dependants_go_first() {
    let resources = resources(SHOP);
    let create = order_for_create(&resources);
    let place =
        |kind, name: &str| create.iter().position(|o| *o == ObjectRef::new(kind, name)).expect("it is there");
    assert!(place(Kind::Vpc, "shop") < place(Kind::Subnet, "web"));
    assert!(place(Kind::NatGateway, "out") < place(Kind::RouteTable, "private"));
    assert!(place(Kind::RouteTable, "private") < place(Kind::Subnet, "data"));
    assert!(place(Kind::Instance, "web-1") < place(Kind::PublicAddress, "front"));
    let mut delete: Vec<_> = order_for_delete(&resources).into_iter().map(|object| object.kind).collect();
    delete.reverse();
    assert_eq!(delete, create.iter().map(|object| object.kind).collect::<Vec<_>>());
}
