use super::*;

pub(crate) fn workload() -> Workload {
    Workload {
        unmanaged: false,
        uid: "u-1".into(),
        name: "web-1".into(),
        netns: "/run/netns/none".into(),
        process: serde_json::from_value(serde_json::json!({ "command": ["sleep", "1"] })).unwrap(),
        resources: Resources::default(),
        address: "10.0.1.4".parse().unwrap(),
        hosts: vec![("10.0.1.5".parse().unwrap(), "web-2".into())],
        nameservers: vec!["10.0.1.2".parse().unwrap()],
        domain: "shop.internal".to_owned(),
    }
}

#[test]
fn names_can_change_under_a_living_process_and_nothing_else_can() {
    let one = workload();
    let renamed_neighbour = Workload { hosts: vec![], nameservers: vec![], ..one.clone() };
    assert_eq!(one.spec_hash(), renamed_neighbour.spec_hash());
    assert_eq!(one.spec_hash(), Workload { name: "web-9".into(), ..one.clone() }.spec_hash());
    let mut other = one.clone();
    other.process.command.push("2".into());
    assert_ne!(one.spec_hash(), other.spec_hash());
    assert_ne!(one.spec_hash(), Workload { address: "10.0.1.6".parse().unwrap(), ..one.clone() }.spec_hash());
    assert_eq!(one.spec_hash(), "fb0c99c30c90e75f", "a new version must not restart what an old one started");
}

#[test]
fn the_environment_is_the_usual_one_and_the_spec_wins() {
    let mut one = workload();
    one.process.env.insert("HOME".into(), "/opt/app".into());
    one.process.env.insert("MODE".into(), "fast".into());
    let environment = one.environment();
    let value = |name: &str| {
        environment.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(value("HOME"), ["/opt/app"]);
    assert_eq!(value("HOSTNAME"), ["web-1"]);
    assert_eq!(value("MODE"), ["fast"]);
    assert!(value("PATH")[0].contains("/usr/bin"));
}

#[test]
fn files_of_names() {
    let one = workload();
    assert!(one.hosts_file().ends_with("\n10.0.1.4 web-1\n10.0.1.5 web-2\n"), "{}", one.hosts_file());
    assert_eq!(one.resolv_conf(), "search shop.internal\nnameserver 10.0.1.2\n");
}

#[test]
fn who_it_runs_as() {
    let mut one = workload();
    assert_eq!(one.user_and_group(), (65534, 65534));
    one.process.run_as_user = Some(1000);
    assert_eq!(one.user_and_group(), (1000, 1000));
    one.process.run_as_group = Some(5);
    assert_eq!(one.user_and_group(), (1000, 5));
}
