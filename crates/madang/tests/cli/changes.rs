//! Plans, folders, renames, assertions, and changes that have to be confirmed, as they are typed and printed.

use madang_model::{Kind, ObjectRef};
use serde_json::Value;

use crate::world::{SHOP, World, stderr, stdout};

const CLAIM: &str = "
---
apiVersion: madang.dev/v1alpha1
kind: SecurityGroup
metadata: { name: db }
spec:
  vpc: shop
  ingress:
    - { protocol: tcp, ports: [5432], from: [default] }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: db-1 }
spec: { subnet: web, securityGroups: [db], process: { command: [sleep, infinity] } }
---
apiVersion: madang.dev/v1alpha1
kind: Assertion
metadata: { name: web-to-db }
spec:
  from: web-1
  to: db-1
  port: 5432
  expect: reachable
";

#[test]
fn a_plan_shows_what_an_assertion_says_and_ends_with_1_if_it_is_broken() {
    let world = World::empty();
    let whole = format!("{SHOP}{CLAIM}");
    world.file("shop.yaml", &whole);
    let plan = world.madang(&["plan", "-f", "shop.yaml"]);
    assert_eq!(plan.status.code(), Some(0), "{}", stderr(&plan));
    assert!(
        stdout(&plan).ends_with("\nAssertions\n  holds  web-to-db web-1 -> db-1 tcp/5432 reachable\n"),
        "{}",
        stdout(&plan)
    );
    world.file("shop.yaml", &whole.replace("ports: [5432]", "ports: [5433]"));
    let plan = world.madang(&["plan", "-f", "shop.yaml"]);
    assert_eq!(plan.status.code(), Some(1));
    let why = "no ingress rule of SecurityGroup/db (";
    assert!(
        stdout(&plan).contains("  broken web-to-db web-1 -> db-1 tcp/5432 reachable\n         no ingress"),
        "{}",
        stdout(&plan)
    );
    assert!(stdout(&plan).contains(why) && stdout(&plan).contains("shop.yaml:22)"), "{}", stdout(&plan));
    let words = stderr(&plan);
    assert!(
        unwrapped(&words)
            .contains("Assertion/web-to-db: spec.expect: web-1 must reach db-1 by tcp/5432, and does"),
        "{words}"
    );
    assert!(
        words.contains("expect: reachable") && words.ends_with("1 mistake; nothing was changed.\n"),
        "{words}"
    );
    // For programs it is part of the plan.
    let json = world.madang(&["plan", "-f", "shop.yaml", "-o", "json"]);
    assert_eq!((json.status.code(), stderr(&json).lines().count()), (Some(1), 1), "{}", stderr(&json));
    let json: Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(json["assertions"][0]["standing"], "broken");
    assert_eq!(json["refused"][0]["code"], "assertionBroken");
    assert_eq!(json["changes"][0]["action"], "create");
}

#[test]
fn an_apply_that_breaks_one_is_drawn_and_does_nothing() {
    let world = World::new();
    let whole = format!("{SHOP}{CLAIM}");
    world.file("shop.yaml", &whole);
    assert!(world.madang(&["apply", "-f", "shop.yaml"]).status.success());
    let revision = world.registry.revision();
    world.file("shop.yaml", &whole.replace("from: [default]", "from: [10.9.0.0/16]"));
    let plan = world.madang(&["plan", "-f", "shop.yaml"]);
    assert!(
        stdout(&plan).starts_with(
            "~ SecurityGroup/db spec.ingress[0].from: [default] -> [10.9.0.0/16]\n\nReachability\n  cuts  web-1 -> db-1 tcp/5432\n\nAssertions\n  broken web-to-db"
        ),
        "{}",
        stdout(&plan)
    );
    let apply = world.madang(&["apply", "-f", "shop.yaml"]);
    assert_eq!(apply.status.code(), Some(1));
    assert!(
        unwrapped(&stderr(&apply)).contains("and does") && stdout(&apply).is_empty(),
        "{}",
        stderr(&apply)
    );
    assert_eq!(world.registry.revision(), revision);
}

#[test]
fn a_plan_shows_what_cannot_be_changed_and_the_way_round() {
    let world = World::with_shop();
    world.file("shop.yaml", &SHOP.replace("[sleep, infinity]", "[sleep, \"1\"]"));
    let plan = world.madang(&["plan", "-f", "shop.yaml"]);
    assert_eq!(plan.status.code(), Some(1));
    assert_eq!(stdout(&plan), "~ Instance/web-1 spec.process.command: [sleep, infinity] -> [sleep, 1]\n");
    assert!(stderr(&plan).contains("delete instance web-1 and create it again"), "{}", stderr(&plan));
}

#[test]
fn a_folder_is_applied_and_pruned_as_one() {
    let world = World::new();
    let documents: Vec<&str> = SHOP.split("---\n").collect();
    std::fs::create_dir_all(world.dir.path().join("cloud/apps")).unwrap();
    world.file("cloud/net.yaml", &format!("{}---\n{}", documents[0], documents[1]));
    world.file("cloud/apps/web.yml", documents[2]);
    world.file("cloud/apps/more.json", r#"{"apiVersion":"madang.dev/v1alpha1","kind":"Vpc","metadata":{"name":"more"},"spec":{"cidrs":["10.5.0.0/16"]}}"#);
    let flat = world.madang(&["plan", "-f", "cloud"]);
    assert_eq!(stderr(&flat), "2 to create; nothing was done.\n");
    let all = world.madang(&["apply", "-f", "cloud", "-R"]);
    assert_eq!(
        (stdout(&all).as_str(), stderr(&all).as_str()),
        ("+ Vpc/more\n+ Vpc/shop\n+ Subnet/web\n+ Instance/web-1\n", "4 created.\n")
    );
    std::fs::remove_file(world.dir.path().join("cloud/apps/more.json")).unwrap();
    let kept = world.madang(&["apply", "-f", "cloud", "-R"]);
    assert_eq!(stdout(&kept), "nothing changes\n");
    // Who does not look into the folder does not miss what is gone from it.
    let flat = world.madang(&["plan", "-f", "cloud", "--prune"]);
    assert_eq!(stdout(&flat), "nothing changes\n");
    let pruned = world.madang(&["apply", "-f", "cloud", "--recursive", "--prune"]);
    assert_eq!((stdout(&pruned).as_str(), stderr(&pruned).as_str()), ("- Vpc/more\n", "1 deleted.\n"));
    // What moves from one file to another stays.
    std::fs::rename(world.dir.path().join("cloud/apps/web.yml"), world.dir.path().join("cloud/web.yaml"))
        .unwrap();
    let moved = world.madang(&["apply", "-f", "cloud", "-R", "--prune"]);
    assert_eq!(stdout(&moved), "nothing changes\n");
}

#[test]
fn a_rename_is_shown_and_done() {
    let world = World::with_shop();
    let renamed = SHOP.replace(
        "metadata: { name: web-1, labels",
        "metadata: { name: front-1, annotations: { madang.dev/renamed-from: web-1 }, labels",
    );
    world.file("shop.yaml", &renamed);
    let plan = world.madang(&["plan", "-f", "shop.yaml"]);
    assert!(
        stdout(&plan).starts_with("> Instance/front-1 renamed from web-1\n    it keeps its address 10.0.1.4, and its process goes on"),
        "{}",
        stdout(&plan)
    );
    assert_eq!(stderr(&plan), "1 to rename; nothing was done.\n");
    let uid = world.instance().metadata().uid.clone();
    let applied = world.madang(&["apply", "-f", "shop.yaml"]);
    assert_eq!(stderr(&applied), "1 renamed.\n");
    let front = world.registry.get(&ObjectRef::new(Kind::Instance, "front-1")).unwrap();
    assert_eq!(front.metadata().uid, uid);
    assert_eq!(stdout(&world.madang(&["apply", "-f", "shop.yaml"])), "nothing changes\n");
    world.file(
        "shop.yaml",
        &renamed.replace("renamed-from: web-1", "renamed-from: web-7").replace("front-1", "x-1"),
    );
    let wrong = world.madang(&["plan", "-f", "shop.yaml"]);
    assert!(
        unwrapped(&stderr(&wrong)).contains("there is no Instance/web-7 that could become Instance/x-1"),
        "{}",
        stderr(&wrong)
    );
}

#[test]
fn a_change_that_has_to_be_confirmed() {
    let world = World::with_shop();
    let none = world.madang(&["confirm"]);
    assert_eq!((none.status.code(), stdout(&none).as_str()), (Some(1), ""));
    assert!(stderr(&none).contains("no change waits to be confirmed"), "{}", stderr(&none));
    assert_eq!(stdout(&world.madang(&["confirm", "--status"])), "No change waits to be confirmed.\n");
    world.file("shop.yaml", &SHOP.replace("cidrs: [10.0.0.0/16]", "cidrs: [10.0.0.0/16], mtu: 1400"));
    let applied = world.madang(&["apply", "-f", "shop.yaml", "--confirm", "10m"]);
    let words = stderr(&applied);
    assert!(
        words.starts_with("1 changed.\nIt is taken back in 600 s, unless it is confirmed.\n")
            || words.contains("in 599 s"),
        "{words}"
    );
    assert!(words.contains(" confirm\n") && words.contains(" rollback\n"), "{words}");
    let status = stdout(&world.madang(&["confirm", "--status"]));
    assert!(
        status.contains(" is taken back in ") && status.contains("~ Vpc/shop spec.mtu: 1500 -> 1400\n"),
        "{status}"
    );
    let another = world.madang(&["apply", "-f", "shop.yaml"]);
    assert_eq!(another.status.code(), Some(1));
    assert!(stderr(&another).contains("waits to be confirmed"), "{}", stderr(&another));
    let back = world.madang(&["rollback"]);
    assert!(stdout(&back).contains("somebody asked for it.\n  restored   Vpc/shop\n"), "{}", stdout(&back));
    assert_eq!(stdout(&world.madang(&["plan", "-f", "shop.yaml"])), "~ Vpc/shop spec.mtu: 1500 -> 1400\n");
    // Again, and this time it is kept.
    assert!(world.madang(&["apply", "-f", "shop.yaml", "--confirm", "10m"]).status.success());
    let kept = world.madang(&["confirm", "-o", "json"]);
    let kept: Value = serde_json::from_str(&stdout(&kept)).unwrap();
    assert_eq!(kept["how"], "confirmed");
    let same = world.madang(&["apply", "-f", "shop.yaml", "--confirm", "10m"]);
    assert_eq!(stderr(&same), "Nothing has changed, so there is nothing to confirm.\n");
    for time in ["0s", "25h", "soon"] {
        let wrong = world.madang(&["apply", "-f", "shop.yaml", "--confirm", time]);
        assert_eq!(wrong.status.code(), Some(2), "{time}");
    }
}

/// The words of an error, without the lines that it was wrapped into.
fn unwrapped(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c == '│')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
