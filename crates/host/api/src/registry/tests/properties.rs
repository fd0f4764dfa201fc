use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;

use proptest::prelude::*;

use super::*;

/// Items that are often right and often not: few names, few ranges, few addresses.
fn items() -> impl Strategy<Value = Vec<Value>> {
    let name = || prop::sample::select(vec!["a", "b"]);
    let item = prop_oneof![
        3 => name().prop_map(vpc),
        3 => (name(), name(), 1..4u8).prop_map(|(name, of, third)| subnet(name, of, third)),
        4 => (0..6u8, name()).prop_map(|(n, of)| instance(&format!("i-{n}"), of)),
        1 => (0..6u8, name(), 1..6u8).prop_map(|(n, of, last)| at_address(&format!("i-{n}"), of, &format!("10.0.1.{last}"))),
    ];
    prop::collection::vec(item, 0..8).prop_map(|mut items| {
        let mut seen = BTreeSet::new();
        items.retain(|item| seen.insert((item["kind"].to_string(), item["metadata"]["name"].to_string())));
        items
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applied_twice_is_applied_once(bundles in prop::collection::vec(items(), 1..6)) {
        let registry = registry();
        for items in bundles {
            let before = registry.all().unwrap();
            let Ok(first) = registry.apply(bundle(&items)) else {
                prop_assert_eq!(registry.all().unwrap(), before, "refused is not done at all");
                continue;
            };
            let after = registry.all().unwrap();
            let again = registry.apply(bundle(&items)).unwrap();
            prop_assert!(again.preview.is_empty());
            prop_assert_eq!(&again.items, &first.items);
            prop_assert_eq!(&registry.all().unwrap(), &after);
            prop_assert_eq!(first.preview.changes.is_empty(), before == after, "the preview says whether something changes");
            let (_, wrong) = madang_model::check(&after.items);
            prop_assert_eq!(wrong, vec![], "a whole that was right stays right");
        }
    }

    #[test]
    fn single_writes_in_any_order_give_no_address_twice(writes in prop::collection::vec(items(), 1..5)) {
        let registry = registry();
        for item in writes.into_iter().flatten() {
            let _ = registry.create(typed(item));
        }
        let all = registry.all().unwrap().items;
        let (model, _) = madang_model::check(&all);
        let held: Vec<_> = model.instances().values().map(|i| (model.subnets()[&i.spec.subnet].spec.vpc.clone(), i.status.address)).collect();
        prop_assert_eq!(held.iter().collect::<BTreeSet<_>>().len(), held.len());
    }
}

/// Registries that share a store and nothing else, as those of two processes would.
fn registries(n: usize) -> Vec<Registry> {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    (0..n).map(|_| Registry::new(Arc::clone(&store))).collect()
}

#[test]
fn concurrent_bundles_and_writes_share_no_address() {
    const EACH: usize = 8;
    let registries = registries(4);
    registries[0].apply(bundle(&shop()[..2])).unwrap();
    thread::scope(|scope| {
        for (n, registry) in registries.iter().enumerate() {
            scope.spawn(move || {
                for m in 0..EACH {
                    registry
                        .apply(bundle(&[instance(&format!("b-{n}-{m}"), "web"), vpc(&format!("v-{n}-{m}"))]))
                        .unwrap();
                }
            });
            scope.spawn(move || {
                for m in 0..EACH {
                    let created = registry.create(typed(instance(&format!("s-{n}-{m}"), "web"))).unwrap();
                    let mut status = created;
                    status.conditions_mut().push(ready());
                    registry.update_status(status).unwrap();
                }
            });
        }
    });
    let instances = registries[0].list(Kind::Instance).unwrap().items;
    let addresses: BTreeSet<_> = instances.iter().filter_map(address).collect();
    assert_eq!((instances.len(), addresses.len()), (2 * 4 * EACH, 2 * 4 * EACH));
    let vpcs = registries[0].list(Kind::Vpc).unwrap().items;
    let numbers: BTreeSet<_> =
        vpcs.iter().map(|vpc| vpc.to_json()["status"]["number"].as_u64().unwrap()).collect();
    assert_eq!((vpcs.len(), numbers.len()), (1 + 4 * EACH, 1 + 4 * EACH));
    assert_eq!(madang_model::check(&registries[0].all().unwrap().items).1, []);
}

#[test]
fn of_two_bundles_that_cannot_both_be_one_is() {
    for _ in 0..20 {
        let registries = registries(2);
        registries[0].apply(bundle(&[vpc("shop")])).unwrap();
        let done: Vec<_> = thread::scope(|scope| {
            let apply = |n: usize| {
                let registry = &registries[n];
                scope.spawn(move || registry.apply(bundle(&[subnet(&format!("s-{n}"), "shop", 1)])).is_ok())
            };
            [apply(0), apply(1)].map(|thread| thread.join().unwrap()).to_vec()
        });
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "overlapping subnets");
        assert_eq!(registries[0].list(Kind::Subnet).unwrap().items.len(), 1);
    }
}

/// A store where somebody else does something just before the next commit.
struct Meddled {
    inner: Arc<dyn Store>,
    meddle: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Store for Meddled {
    fn get(&self, key: &str) -> Result<Option<madang_store::Versioned>, StoreError> {
        self.inner.get(key)
    }

    fn range(
        &self,
        prefix: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<madang_store::Page, StoreError> {
        self.inner.range(prefix, limit, after)
    }

    fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        let meddle = self.meddle.lock().unwrap().take();
        meddle.into_iter().for_each(|meddle| meddle());
        self.inner.commit(txn)
    }

    fn events(&self, after: Revision, limit: usize) -> Result<Vec<madang_store::Event>, StoreError> {
        self.inner.events(after, limit)
    }

    fn changed(&self) -> tokio::sync::watch::Receiver<Revision> {
        self.inner.changed()
    }

    fn compact(&self, before: Revision) -> Result<(), StoreError> {
        self.inner.compact(before)
    }
}

/// What becomes of a write when somebody else does something between its reads and its commit.
fn meddled<T>(meddle: fn(&Registry), write: impl FnOnce(&Registry) -> T) -> (T, Registry) {
    let inner: Arc<dyn Store> = Arc::new(Memory::new());
    let other = Registry::new(Arc::clone(&inner));
    other.apply(bundle(&shop())).unwrap();
    let meddler = other.clone();
    let meddle = Mutex::new(Some(Box::new(move || meddle(&meddler)) as Box<dyn FnOnce() + Send>));
    let result = write(&Registry::new(Arc::new(Meddled { inner, meddle })));
    (result, other)
}

#[test]
fn what_somebody_did_meanwhile_counts() {
    let vpc_name = || object(Kind::Vpc, "shop");
    let gone = |registry: &Registry| drop(registry.delete(&object(Kind::Vpc, "shop")).unwrap());
    let (applied, _) = meddled(gone, |registry| registry.apply(bundle(&[subnet("db", "shop", 2)])));
    assert_eq!(reason(applied), Reason::Invalid, "its VPC is gone");
    let report = |registry: &Registry| {
        let mut status = registry.get(&object(Kind::Instance, "web-1")).unwrap();
        status.conditions_mut().push(ready());
        registry.update_status(status).unwrap();
    };
    let mut items = shop();
    items[2]["metadata"]["labels"] = json!({ "a": "b" });
    let (applied, other) = meddled(report, |registry| registry.apply(bundle(&items)).unwrap());
    assert_eq!(applied.items[2].conditions().len(), 1, "a status that came meanwhile is kept");
    assert_eq!(other.get(&object(Kind::Instance, "web-1")).unwrap(), applied.items[2]);
    let label = |registry: &Registry| {
        let mut labelled = registry.get(&object(Kind::Vpc, "shop")).unwrap();
        labelled.metadata_mut().labels.insert("a".into(), "b".into());
        registry.update(labelled).unwrap();
    };
    let (updated, _) = meddled(label, |registry| {
        let stale = registry.get(&vpc_name()).unwrap();
        registry.update(stale)
    });
    assert!(updated.is_ok(), "it changed nothing, so nothing was committed");
    let (updated, other) = meddled(label, |registry| {
        let mut stale = registry.get(&vpc_name()).unwrap();
        stale.metadata_mut().labels.insert("c".into(), "d".into());
        registry.update(stale)
    });
    assert_eq!(reason(updated), Reason::Conflict);
    assert_eq!(other.get(&vpc_name()).unwrap().metadata().labels.len(), 1);
    let take =
        |registry: &Registry| drop(registry.create(typed(at_address("x", "web", "10.0.1.6"))).unwrap());
    let (created, _) = meddled(take, |registry| registry.create(typed(instance("y", "web"))).unwrap());
    assert_eq!(address(&created).as_deref(), Some("10.0.1.7"), "not the address that was taken meanwhile");
}
