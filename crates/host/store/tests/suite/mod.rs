//! What every engine must do. An engine's tests call [`all`] with a way to make an empty store.

mod model;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use madang_store::{Event, Revision, Store, StoreError, Txn};
use tokio::time::timeout;

/// Makes an empty store that keeps this many events.
pub(crate) type Make<'a> = &'a dyn Fn(u64) -> Arc<dyn Store>;

const MANY: u64 = 1_000_000;

/// Everything, but for what only makes sense where something survives a restart.
pub(crate) fn all(make: Make<'_>) {
    an_empty_store_is_empty(make);
    a_put_can_be_got_and_a_delete_cannot(make);
    compares_hold_or_nothing_is_done(make);
    a_transaction_has_one_revision(make);
    what_changes_nothing_has_no_revision(make);
    one_key_changes_once(make);
    a_range_comes_in_pages(make);
    events_come_in_whole_revisions(make);
    what_is_compacted_is_said_to_be(make);
    old_events_are_forgotten(make);
    a_change_is_told_after_it_can_be_read(make);
    concurrent_writers_lose_nothing(make);
    model::any_history_is_the_models(make);
}

fn put(store: &dyn Store, key: &str, value: &str) -> Revision {
    store.commit(Txn::new().put(key, value.as_bytes())).unwrap()
}

fn keys(store: &dyn Store, prefix: &str) -> Vec<String> {
    store.range(prefix, usize::MAX, None).unwrap().items.into_iter().map(|item| item.key).collect()
}

fn an_empty_store_is_empty(make: Make<'_>) {
    let store = make(MANY);
    assert_eq!(store.get("a").unwrap(), None);
    let page = store.range("", 10, None).unwrap();
    assert_eq!((page.items.len(), page.revision, page.more), (0, Revision(0), false));
    assert_eq!(store.events(Revision(0), 10).unwrap(), []);
    assert_eq!(*store.changed().borrow(), Revision(0));
}

fn a_put_can_be_got_and_a_delete_cannot(make: Make<'_>) {
    let store = make(MANY);
    assert_eq!(put(&*store, "a", "1"), Revision(1));
    assert_eq!(put(&*store, "a", "2"), Revision(2));
    let found = store.get("a").unwrap().unwrap();
    assert_eq!((&found.value[..], found.revision), (&b"2"[..], Revision(2)));
    assert_eq!(store.commit(Txn::new().delete("a")).unwrap(), Revision(3));
    assert_eq!(store.get("a").unwrap(), None);
    assert_eq!(put(&*store, "a", ""), Revision(4), "an empty value is a value");
    assert_eq!(&*store.get("a").unwrap().unwrap().value, b"");
}

fn compares_hold_or_nothing_is_done(make: Make<'_>) {
    let store = make(MANY);
    store.commit(Txn::new().absent("a").put("a", b"1".as_slice())).unwrap();
    let refused = |txn: Txn| match store.commit(txn) {
        Err(StoreError::Conflict { key }) => key,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(Txn::new().absent("a").put("b", b"1".as_slice())), "a");
    assert_eq!(refused(Txn::new().at("a", Revision(7)).put("b", b"1".as_slice())), "a");
    assert_eq!(refused(Txn::new().at("b", Revision(1)).put("b", b"1".as_slice())), "b");
    assert_eq!(refused(Txn::new().absent("b").at("a", Revision(2)).delete("a")), "a");
    assert_eq!(keys(&*store, ""), ["a"]);
    assert_eq!(*store.changed().borrow(), Revision(1));
    let done =
        store.commit(Txn::new().at("a", Revision(1)).absent("b").put("b", b"1".as_slice()).delete("a"));
    assert_eq!(done.unwrap(), Revision(2));
    assert_eq!(keys(&*store, ""), ["b"]);
    let unchanged = store.commit(Txn::new().absent("b"));
    assert!(matches!(unchanged, Err(StoreError::Conflict { .. })), "compares count without changes too");
}

fn a_transaction_has_one_revision(make: Make<'_>) {
    let store = make(MANY);
    put(&*store, "b", "old");
    let txn = Txn::new().put("c", b"3".as_slice()).delete("b").put("a", b"1".as_slice());
    assert_eq!(store.commit(txn).unwrap(), Revision(2));
    let event = |key: &str, new: Option<&[u8]>, previous: Option<&[u8]>| Event {
        revision: Revision(2),
        key: key.to_owned(),
        new: new.map(Into::into),
        previous: previous.map(Into::into),
    };
    let expected =
        [event("a", Some(b"1"), None), event("b", None, Some(b"old")), event("c", Some(b"3"), None)];
    assert_eq!(store.events(Revision(1), 100).unwrap(), expected);
}

fn what_changes_nothing_has_no_revision(make: Make<'_>) {
    let store = make(MANY);
    put(&*store, "a", "1");
    assert_eq!(store.commit(Txn::new()).unwrap(), Revision(1));
    assert_eq!(store.commit(Txn::new().delete("b")).unwrap(), Revision(1));
    assert_eq!(store.events(Revision(1), 100).unwrap(), []);
    assert_eq!(put(&*store, "a", "1"), Revision(2), "a put of the same value is a change, as in etcd");
}

fn one_key_changes_once(make: Make<'_>) {
    let store = make(MANY);
    for txn in [
        Txn::new().put("a", b"1".as_slice()).put("a", b"2".as_slice()),
        Txn::new().put("a", b"1".as_slice()).delete("a"),
        Txn::new().delete("a").delete("a"),
    ] {
        assert!(matches!(store.commit(txn), Err(StoreError::ChangedTwice { key }) if key == "a"));
    }
    assert_eq!(keys(&*store, ""), [""; 0]);
}

fn a_range_comes_in_pages(make: Make<'_>) {
    let store = make(MANY);
    for key in ["/a", "/b/1", "/b/2", "/b/3", "/b0", "/c"] {
        put(&*store, key, key);
    }
    assert_eq!(keys(&*store, "/b/"), ["/b/1", "/b/2", "/b/3"]);
    assert_eq!(keys(&*store, "/d"), [""; 0]);
    assert_eq!(keys(&*store, "").len(), 6);
    let page = store.range("/b/", 2, None).unwrap();
    assert_eq!((page.items.len(), page.more, page.revision), (2, true, Revision(6)));
    assert_eq!(page.items[1].revision, Revision(3));
    let page = store.range("/b/", 2, Some("/b/2")).unwrap();
    assert_eq!((page.items.len(), page.items[0].key.as_str(), page.more), (1, "/b/3", false));
    let all = store.range("/b/", 3, None).unwrap();
    assert_eq!((all.items.len(), all.more), (3, false));
    assert_eq!(store.range("/b/", 9, Some("/a")).unwrap().items.len(), 3, "after may lie before the prefix");
    assert_eq!(store.range("/b/", 9, Some("/c")).unwrap().items.len(), 0, "and behind it");
}

fn events_come_in_whole_revisions(make: Make<'_>) {
    let store = make(MANY);
    store.commit((0..5).fold(Txn::new(), |txn, n| txn.put(format!("k{n}"), b"1".as_slice()))).unwrap();
    put(&*store, "k0", "2");
    let first = store.events(Revision(0), 2).unwrap();
    assert_eq!(first.len(), 5, "a revision is never cut");
    let then = store.events(first[4].revision, 2).unwrap();
    assert_eq!((then.len(), then[0].previous.as_deref()), (1, Some(&b"1"[..])));
    assert_eq!(store.events(Revision(0), 0).unwrap().len(), 5, "there is always progress");
    assert_eq!(store.events(Revision(2), 10).unwrap(), []);
    assert_eq!(store.events(Revision(99), 10).unwrap(), []);
}

fn what_is_compacted_is_said_to_be(make: Make<'_>) {
    let store = make(MANY);
    for n in 1..=5 {
        put(&*store, "a", &n.to_string());
    }
    store.compact(Revision(3)).unwrap();
    for after in 0..2 {
        let gone = store.events(Revision(after), 10);
        assert!(matches!(gone, Err(StoreError::Compacted { oldest: Revision(2), .. })), "{gone:?}");
    }
    let left: Vec<_> = store.events(Revision(2), 10).unwrap().into_iter().map(|e| e.revision.0).collect();
    assert_eq!(left, [3, 4, 5]);
    store.compact(Revision(1)).unwrap();
    assert_eq!(store.events(Revision(2), 10).unwrap().len(), 3, "what is gone stays gone, no more");
    store.compact(Revision(1000)).unwrap();
    assert_eq!(store.events(Revision(5), 10).unwrap(), [], "the future cannot be compacted");
    assert!(store.events(Revision(4), 10).is_err());
    assert_eq!(put(&*store, "a", "6"), Revision(6));
    assert_eq!(store.events(Revision(5), 10).unwrap().len(), 1);
    assert_eq!(&*store.get("a").unwrap().unwrap().value, b"6");
}

fn old_events_are_forgotten(make: Make<'_>) {
    let store = make(10);
    for n in 0..25 {
        put(&*store, "a", &n.to_string());
    }
    assert!(matches!(
        store.events(Revision(14), 99),
        Err(StoreError::Compacted { oldest: Revision(15), .. })
    ));
    assert_eq!(store.events(Revision(15), 99).unwrap().len(), 10);
    // A revision of which some events are too old is forgotten as a whole.
    store.commit((0..8).fold(Txn::new(), |txn, n| txn.put(format!("k{n}"), b"1".as_slice()))).unwrap();
    store.commit((0..8).fold(Txn::new(), |txn, n| txn.put(format!("k{n}"), b"2".as_slice()))).unwrap();
    assert!(store.events(Revision(25), 99).is_err());
    assert_eq!(store.events(Revision(26), 99).unwrap().len(), 8);
    store.commit((0..30).fold(Txn::new(), |txn, n| txn.put(format!("k{n}"), b"3".as_slice()))).unwrap();
    assert_eq!(store.events(Revision(28), 99).unwrap(), [], "even the present one, if it is too large");
    assert!(store.events(Revision(27), 99).is_err());
}

fn a_change_is_told_after_it_can_be_read(make: Make<'_>) {
    let store = make(MANY);
    let mut changed = store.changed();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..100 {
                put(&*store, "a", &n.to_string());
            }
        });
        let mut seen = Revision(0);
        while seen < Revision(100) {
            let waited =
                runtime.block_on(async { timeout(Duration::from_secs(60), changed.changed()).await });
            waited.unwrap().unwrap();
            let told = *changed.borrow_and_update();
            assert!(told > seen, "never backwards");
            let events = store.events(seen, usize::MAX).unwrap();
            assert!(events.len() as u64 >= told.0 - seen.0, "all that was told of can be read");
            assert!(store.range("", 1, None).unwrap().revision >= told);
            seen = told;
        }
    });
}

fn concurrent_writers_lose_nothing(make: Make<'_>) {
    const THREADS: u64 = 8;
    const EACH: u64 = 25;
    let store = make(MANY);
    put(&*store, "counter", "0");
    let increment = || loop {
        let found = store.get("counter").unwrap().unwrap();
        let n: u64 = std::str::from_utf8(&found.value).unwrap().parse().unwrap();
        let txn = Txn::new().at("counter", found.revision).put("counter", (n + 1).to_string().into_bytes());
        match store.commit(txn) {
            Ok(revision) => break revision,
            Err(StoreError::Conflict { key }) => assert_eq!(key, "counter"),
            Err(other) => panic!("{other}"),
        }
    };
    let revisions: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| (0..EACH).map(|_| increment()).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let counter = store.get("counter").unwrap().unwrap();
    assert_eq!(&*counter.value, (THREADS * EACH).to_string().as_bytes());
    assert_eq!(
        revisions.iter().collect::<BTreeSet<_>>().len() as u64,
        THREADS * EACH,
        "no revision is used twice"
    );
    assert_eq!(counter.revision, Revision(1 + THREADS * EACH), "what conflicted has no revision");
    let events = store.events(Revision(1), usize::MAX).unwrap();
    assert!(
        events.windows(2).all(|pair| pair[0].new == pair[1].previous),
        "each event follows from the one before"
    );
}
