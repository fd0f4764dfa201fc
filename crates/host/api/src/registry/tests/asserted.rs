//! Assertions beside writes: what would break one is refused.

use super::*;

fn group(name: &str, ingress: &Value) -> Value {
    value("SecurityGroup", name, &json!({ "vpc": "shop", "ingress": ingress }))
}

fn in_group(name: &str, group: &str) -> Value {
    let mut value = instance(name, "web");
    value["spec"]["securityGroups"] = json!([group]);
    value
}

fn assertion(name: &str, from: &str, to: &str, expect: &str) -> Value {
    value("Assertion", name, &json!({ "from": from, "to": to, "port": 5432, "expect": expect }))
}

fn rule(from: &[&str]) -> Value {
    json!([{ "protocol": "tcp", "ports": [5432], "from": from }])
}

/// Two groups, of which the one may reach the other's members, and the assertion that it can.
fn asserted() -> Vec<Value> {
    vec![
        vpc("shop"),
        subnet("web", "shop", 1),
        group("app", &json!([])),
        group("db", &rule(&["app"])),
        group("open", &rule(&["10.0.0.0/16"])),
        in_group("app-1", "app"),
        in_group("db-1", "db"),
        assertion("app-to-db", "app-1", "db-1", "reachable"),
        assertion("db-to-app", "sg/db", "sg/app", "unreachable"),
    ]
}

fn broken(result: Result<impl std::fmt::Debug, ApiError>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.reason, Reason::Invalid, "{error}");
    let of = |d: &madang_model::Diagnostic| {
        let object = d.object.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{object}: {}: {}", d.code, d.cause.clone().unwrap_or_default())
    };
    error.diagnostics.iter().map(of).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_single_write_that_breaks_one_is_refused() {
    let registry = registry();
    registry.apply(bundle(&asserted())).unwrap();
    let before = registry.revision();
    assert_eq!(
        broken(registry.update(typed(group("db", &rule(&["10.9.0.0/16"]))))),
        "Assertion/app-to-db: assertionBroken: no ingress rule of SecurityGroup/db allows tcp/5432 from app-1"
    );
    assert_eq!(
        broken(registry.update(typed(group("app", &rule(&["db"]))))),
        "Assertion/db-to-app: assertionBroken: SecurityGroup/app spec.ingress[0] lets it in"
    );
    // A newcomer whom nobody may reach, and who could be reached.
    let mut open = in_group("app-2", "app");
    open["spec"]["securityGroups"] = json!(["app", "open"]);
    assert!(broken(registry.create(typed(open))).starts_with("Assertion/db-to-app: assertionBroken"));
    // Without its group, the one end is not in force: cut off, and still there.
    assert!(
        broken(registry.delete(&object(Kind::SecurityGroup, "db")))
            .starts_with("Assertion/app-to-db: dependencyNotReady")
    );
    assert_eq!(registry.revision(), before, "nothing was changed");
    // What leaves it whole goes through, and so does what has nothing to do with it.
    registry.update(typed(group("db", &rule(&["app", "10.9.0.0/16"])))).unwrap();
    registry.create(typed(group("other", &rule(&["db"])))).unwrap();
    registry.delete(&object(Kind::SecurityGroup, "other")).unwrap();
}

#[test]
fn whoever_is_deleted_is_waited_for() {
    let registry = registry();
    registry.apply(bundle(&asserted())).unwrap();
    registry.delete(&object(Kind::Instance, "db-1")).unwrap();
    registry.finalize(&registry.get(&object(Kind::Instance, "db-1")).unwrap(), INSTANCE_FINALIZER).unwrap();
    let all = registry.all().unwrap().items;
    let standing = madang_plan::assertions(&all);
    assert_eq!(standing[0].standing, madang_plan::Standing::Waits, "{standing:?}");
    // So the group can go now, and the rest.
    registry.delete(&object(Kind::SecurityGroup, "db")).unwrap();
    registry.delete(&object(Kind::Assertion, "app-to-db")).unwrap();
    registry.delete(&object(Kind::Vpc, "shop")).unwrap();
}

#[test]
fn a_broken_one_is_not_created_and_one_about_nobody_waits() {
    let registry = registry();
    registry.apply(bundle(&asserted())).unwrap();
    let wrong = assertion("wrong", "db-1", "app-1", "reachable");
    assert!(broken(registry.create(typed(wrong.clone()))).starts_with("Assertion/wrong: assertionBroken"));
    registry.create(typed(assertion("early", "app-1", "db-2", "reachable"))).unwrap();
    // The second database, out of reach: it is put together bit by bit.
    registry.create(typed(in_group("db-2", "app"))).unwrap();
    // One that is broken already does not stand in the way; but it cannot be written again.
    registry.update(typed(group("app", &json!([])))).unwrap();
    let mut early = assertion("early", "app-1", "db-2", "reachable");
    early["spec"]["protocol"] = "udp".into();
    assert!(broken(registry.update(typed(early))).starts_with("Assertion/early: assertionBroken"));
    // In a bundle, nobody may be missing.
    let error = registry.apply(bundle(&[assertion("lost", "app-1", "nobody", "reachable")])).unwrap_err();
    assert_eq!(error.diagnostics[0].code, "referenceNotFound");
}

#[test]
fn a_bundle_that_breaks_one_does_nothing_and_its_plan_says_so() {
    let registry = registry();
    registry.apply(bundle(&asserted())).unwrap();
    let before = registry.revision();
    let items = [group("db", &rule(&["10.9.0.0/16"])), vpc("more")];
    assert!(broken(registry.apply(bundle(&items))).starts_with("Assertion/app-to-db: assertionBroken"));
    let plan = registry.apply(Bundle { plan: true, ..bundle(&items) }).unwrap().preview;
    assert_eq!(plan.changes.len(), 2, "{plan}");
    assert_eq!((plan.refused.len(), plan.refused[0].code.as_str()), (1, "assertionBroken"));
    assert_eq!(plan.assertions.len(), 2);
    assert_eq!(registry.revision(), before);
    // Together with the assertion it may go.
    let together = Bundle {
        delete: vec![object(Kind::SecurityGroup, "db"), object(Kind::Instance, "db-1")],
        ..bundle(&[])
    };
    registry.apply(together).unwrap();
}

#[test]
fn a_plan_says_what_cannot_be_changed_beside_what_would_be() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    let mut items = shop();
    items[2]["spec"]["process"]["command"] = json!(["sleep", "2"]);
    items[3]["metadata"]["labels"] = json!({ "app": "web" });
    assert_eq!(reason(registry.apply(bundle(&items))), Reason::Invalid);
    let plan = registry.apply(Bundle { plan: true, ..bundle(&items) }).unwrap().preview;
    assert_eq!(
        plan.changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "update Instance/web-1\n  spec.process.command: [sleep, 1] -> [sleep, 2]",
            "update Instance/web-2\n  metadata.labels: + { app: web }",
        ]
    );
    assert_eq!(plan.refused.len(), 1);
    assert!(plan.refused[0].hint.as_ref().unwrap().contains("delete instance web-1"), "{:?}", plan.refused);
    assert_eq!(registry.revision(), Revision(1));
}

#[test]
fn those_of_a_project_that_is_emptied_say_nothing() {
    let registry = registry();
    let in_lab = |mut value: Value| {
        value["metadata"]["namespace"] = "lab".into();
        value
    };
    registry.create(typed(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "lab", "finalizers": ["x/y"] } }))).unwrap();
    registry.apply(bundle(&asserted().into_iter().map(in_lab).collect::<Vec<_>>())).unwrap();
    let db = ObjectRef::new(Kind::SecurityGroup, "lab/db");
    assert!(broken(registry.delete(&db)).contains("Assertion/lab/app-to-db"));
    registry.delete(&object(Kind::Namespace, "lab")).unwrap();
    registry.delete(&db).unwrap();
}

#[test]
fn an_assertion_that_comes_at_the_same_time_is_seen() {
    let registry = registry();
    let mut items = asserted();
    items.truncate(7);
    registry.apply(bundle(&items)).unwrap();
    // Both are right alone, and not together: one of them is refused, whoever is first.
    for _ in 0..20 {
        let opened = group("app", &rule(&["db"]));
        let claim = assertion("db-to-app", "sg/db", "sg/app", "unreachable");
        let (a, b) = std::thread::scope(|scope| {
            let open = scope.spawn(|| registry.update(typed(opened)).is_ok());
            let assert = scope.spawn(|| registry.create(typed(claim)).is_ok());
            (open.join().unwrap(), assert.join().unwrap())
        });
        assert!(a != b, "opened: {a}, asserted: {b}");
        if b {
            registry.delete(&object(Kind::Assertion, "db-to-app")).unwrap();
        }
        registry.update(typed(group("app", &json!([])))).unwrap();
    }
}
