//! Changes that have to be confirmed.

use std::time::{Duration, Instant};

use super::*;
use crate::{Ended, Ending};

fn confirmed(items: &[Value]) -> Bundle {
    Bundle { confirm: Some(600), ..bundle(items) }
}

fn spec_of(resource: &Resource) -> Value {
    resource.to_json()["spec"].clone()
}

/// All of it, as people want it.
fn wanted(registry: &Registry) -> Vec<(ObjectRef, Value, Option<String>)> {
    let all = registry.all().unwrap().items;
    all.iter().map(|r| (r.object_ref(), spec_of(r), r.metadata().uid.clone())).collect()
}

fn rolled_back(registry: &Registry) -> Ended {
    registry.roll_back("a test asks for it").unwrap()
}

fn finalize_all(registry: &Registry) {
    for resource in registry.list(Kind::Instance).unwrap().items {
        if resource.metadata().deletion_timestamp.is_some() {
            registry.finalize(&resource, INSTANCE_FINALIZER).unwrap();
        }
    }
}

fn group(ports: &[u16]) -> Value {
    value(
        "SecurityGroup",
        "web",
        &json!({ "vpc": "shop", "ingress": [{ "protocol": "tcp", "ports": ports, "from": ["0.0.0.0/0"] }] }),
    )
}

/// A change of everything: one comes, one changes, one goes, one is renamed.
fn change(registry: &Registry) {
    let mut items = shop();
    items.push(group(&[80]));
    items.push(value("Vpc", "old", &json!({ "cidrs": ["10.9.0.0/16"] })));
    registry.apply(bundle(&items)).unwrap();
    let mut front = instance("front-1", "web");
    front["metadata"]["annotations"] = json!({ madang_model::RENAMED_FROM: "web-1" });
    let mut wider = vpc("shop");
    wider["spec"]["cidrs"] = json!(["10.0.0.0/16", "10.1.0.0/16"]);
    let items = [wider, group(&[80, 443]), front, value("Vpc", "new", &json!({ "cidrs": ["10.8.0.0/16"] }))];
    let delete = vec![object(Kind::Vpc, "old")];
    registry.apply(Bundle { delete, ..confirmed(&items) }).unwrap();
}

#[test]
fn a_change_that_is_confirmed_stays() {
    let registry = registry();
    change(&registry);
    let waiting = registry.confirmation().unwrap().waiting.unwrap();
    assert_eq!((waiting.seconds, waiting.changes.len()), (600, 5), "{waiting:?}");
    assert!((590..=600).contains(&waiting.remaining_seconds));
    let before = wanted(&registry);
    assert_eq!(registry.confirm().unwrap().how, Ending::Confirmed);
    assert_eq!(wanted(&registry), before);
    let state = registry.confirmation().unwrap();
    assert_eq!((state.waiting, state.last.unwrap().how), (None, Ending::Confirmed));
    let error = registry.confirm().unwrap_err();
    assert!(error.is(Reason::NotFound) && error.message.contains("is confirmed"), "{error}");
    assert_eq!(reason(registry.roll_back("late")), Reason::NotFound);
}

#[test]
fn a_change_that_is_rolled_back_was_never_made() {
    let registry = registry();
    let mut items = shop();
    items.push(group(&[80]));
    items.push(value("Vpc", "old", &json!({ "cidrs": ["10.9.0.0/16"] })));
    registry.apply(bundle(&items)).unwrap();
    let (before, number) = (wanted(&registry), number(&registry, "old"));
    change(&registry);
    let ended = rolled_back(&registry);
    assert_eq!((ended.how, ended.kept.len()), (Ending::RolledBack, 0), "{ended:?}");
    let named = |objects: &[ObjectRef]| objects.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(named(&ended.restored), ["Vpc/old", "Vpc/shop", "SecurityGroup/web", "Instance/web-1"]);
    assert_eq!(named(&ended.deleted), ["Vpc/new"]);
    let after = wanted(&registry);
    let but_uid = |all: &[(ObjectRef, Value, Option<String>)]| {
        all.iter().map(|(object, spec, _)| (object.clone(), spec.clone())).collect::<Vec<_>>()
    };
    assert_eq!(but_uid(&after), but_uid(&before));
    for ((object, _, old), (_, _, new)) in before.iter().zip(&after) {
        // What was deleted is another one now; all else is the same.
        assert_eq!(old == new, object.name != "old", "{object}");
    }
    assert_eq!(self::number(&registry, "old"), number, "it has its number again");
    let group = registry.get(&object(Kind::SecurityGroup, "web")).unwrap();
    let said = &group.conditions()[0];
    assert_eq!((said.r#type.as_str(), said.status), (ROLLED_BACK, ConditionStatus::True));
    assert!(said.message.contains("a test asks for it"), "{}", said.message);
    // The next change of it is another matter.
    registry.apply(bundle(&[self::group(&[81])])).unwrap();
    assert!(registry.get(&object(Kind::SecurityGroup, "web")).unwrap().conditions().is_empty());
}

fn number(registry: &Registry, vpc: &str) -> Option<u32> {
    match registry.get(&object(Kind::Vpc, vpc)).unwrap() {
        Resource::Vpc(vpc) => vpc.status.number,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_somebody_else_has_changed_is_left_alone() {
    let registry = registry();
    change(&registry);
    registry.update(typed(group(&[22]))).unwrap();
    registry.delete(&object(Kind::Vpc, "new")).unwrap();
    registry.create(typed(value("Vpc", "old", &json!({ "cidrs": ["10.7.0.0/16"] })))).unwrap();
    // A status is no change.
    let mut front = registry.get(&object(Kind::Instance, "front-1")).unwrap();
    front.conditions_mut().push(ready());
    registry.update_status(front).unwrap();
    let ended = rolled_back(&registry);
    let kept: Vec<_> = ended.kept.iter().map(|kept| format!("{}: {}", kept.object, kept.why)).collect();
    assert_eq!(
        kept,
        [
            "SecurityGroup/web: somebody has changed it meanwhile",
            "Vpc/old: it was deleted, and somebody has created another one of its name meanwhile",
        ]
    );
    assert_eq!(
        spec_of(&registry.get(&object(Kind::SecurityGroup, "web")).unwrap())["ingress"][0]["ports"],
        json!(["22"])
    );
    let web = registry.get(&object(Kind::Instance, "web-1")).unwrap();
    assert!(web.conditions().iter().any(|c| c.r#type == "Ready"), "with its present status");
}

#[test]
fn what_others_have_put_on_the_change_is_named() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    registry.apply(confirmed(&[subnet("more", "shop", 2)])).unwrap();
    registry.create(typed(instance("late", "more"))).unwrap();
    let ended = rolled_back(&registry);
    assert_eq!((ended.deleted, ended.kept.len()), (vec![object(Kind::Subnet, "more")], 1));
    assert_eq!(
        format!("{}: {}", ended.kept[0].object, ended.kept[0].why),
        "Instance/late: it is not right without the change: there is no subnet more"
    );
}

#[test]
fn an_instance_that_was_deleted_comes_back_when_it_is_gone() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    let before = registry.get(&object(Kind::Instance, "web-2")).unwrap();
    let delete = vec![object(Kind::Instance, "web-1"), object(Kind::Instance, "web-2")];
    registry.apply(Bundle { delete, ..confirmed(&[]) }).unwrap();
    // One is gone by now, the other not yet.
    let first = registry.get(&object(Kind::Instance, "web-1")).unwrap();
    registry.finalize(&first, INSTANCE_FINALIZER).unwrap();
    let ended = rolled_back(&registry);
    assert_eq!(
        (ended.restored, ended.returning),
        (vec![object(Kind::Instance, "web-1")], vec![object(Kind::Instance, "web-2")])
    );
    let back = registry.get(&object(Kind::Instance, "web-1")).unwrap();
    assert_eq!(address(&back).as_deref(), Some("10.0.1.4"));
    assert_ne!(back.metadata().uid, first.metadata().uid);
    registry.keep_confirmation().unwrap();
    assert!(registry.get(&before.object_ref()).unwrap().metadata().deletion_timestamp.is_some());
    assert_eq!(registry.confirmation().unwrap().returning.len(), 1);
    // Somebody takes its address meanwhile.
    finalize_all(&registry);
    registry.create(typed(at_address("thief", "web", "10.0.1.5"))).unwrap();
    registry.keep_confirmation().unwrap();
    let back = registry.get(&before.object_ref()).unwrap();
    assert_eq!((address(&back).as_deref(), spec_of(&back)), (Some("10.0.1.6"), spec_of(&before)));
    assert!(registry.confirmation().unwrap().returning.is_empty());
}

#[test]
fn while_one_waits_no_other_bundle_is_applied() {
    let registry = registry();
    registry.apply(confirmed(&[vpc("shop")])).unwrap();
    for another in [
        bundle(&[vpc("more")]),
        confirmed(&[vpc("more")]),
        Bundle { delete: vec![object(Kind::Vpc, "shop")], ..bundle(&[]) },
    ] {
        let error = registry.apply(another).unwrap_err();
        assert_eq!(error.reason, Reason::Conflict);
        assert!(
            error.message.contains("madang confirm") && error.message.contains("madang rollback"),
            "{error}"
        );
    }
    registry.apply(Bundle { dry_run: true, ..bundle(&[vpc("more")]) }).unwrap();
    registry.create(typed(vpc("single"))).unwrap();
    registry.confirm().unwrap();
    registry.apply(bundle(&[vpc("more")])).unwrap();
}

#[test]
fn what_changes_nothing_and_what_is_only_looked_at_waits_for_nobody() {
    let registry = registry();
    registry.apply(bundle(&shop())).unwrap();
    registry.apply(confirmed(&shop())).unwrap();
    registry.apply(Bundle { dry_run: true, ..confirmed(&[vpc("more")]) }).unwrap();
    assert_eq!(registry.confirmation().unwrap(), crate::Confirmation::default());
    for seconds in [0, crate::LONGEST_CONFIRMATION + 1] {
        let wrong = Bundle { confirm: Some(seconds), ..bundle(&[vpc("more")]) };
        assert_eq!(reason(registry.apply(wrong)), Reason::BadRequest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_confirms_is_rolled_back_in_time_and_by_whoever_comes_next() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let registry = Registry::new(Arc::clone(&store));
    registry.apply(bundle(&[vpc("shop")])).unwrap();
    let mut wider = vpc("shop");
    wider["spec"]["mtu"] = 1400.into();
    registry.apply(Bundle { confirm: Some(1), ..bundle(&[wider]) }).unwrap();
    let start = Instant::now();
    drop(registry);
    // As a daemon that is started again.
    let registry = Registry::new(store);
    let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let keeper = registry.clone();
    let keeper =
        tokio::spawn(async move { keeper.keep_confirmations(|ended| drop(said.send(ended.clone()))).await });
    let ended = tokio::time::timeout(Duration::from_secs(20), heard.recv()).await.unwrap().unwrap();
    assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
    assert_eq!(ended.because, "nobody confirmed it within 1 s");
    assert_eq!(spec_of(&registry.get(&object(Kind::Vpc, "shop")).unwrap())["mtu"], 1500);
    assert_eq!(registry.confirmation().unwrap().last, Some(ended));
    let error = registry.confirm().unwrap_err();
    assert!(error.message.contains("was rolled back"), "{error}");
    keeper.abort();
}
