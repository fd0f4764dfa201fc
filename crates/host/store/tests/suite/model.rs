//! Any history, beside the simplest thing that could be right: every state that ever was.

use std::collections::BTreeMap;

use madang_store::{Event, Revision, Store, StoreError, Txn};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::Make;

#[derive(Clone, Debug)]
enum Step {
    Commit { compares: Vec<(u8, Option<u64>)>, puts: Vec<(u8, u8)>, deletes: Vec<u8> },
    Compact(u64),
}

/// A key's value and the revision that wrote it.
type State = BTreeMap<String, (Vec<u8>, u64)>;

#[derive(Default)]
struct Model {
    /// The state after each revision; the first is empty.
    states: Vec<State>,
    compacted: u64,
}

impl Model {
    fn revision(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    fn present(&self) -> &State {
        self.states.last().unwrap()
    }

    fn commit(
        &mut self,
        compares: &[(u8, Option<u64>)],
        puts: &[(u8, u8)],
        deletes: &[u8],
    ) -> Result<u64, String> {
        for (key, expected) in compares {
            if self.present().get(&name(*key)).map(|(_, revision)| *revision) != *expected {
                return Err(name(*key));
            }
        }
        let (mut next, revision) = (self.present().clone(), self.revision() + 1);
        puts.iter().for_each(|(key, value)| drop(next.insert(name(*key), (vec![*value], revision))));
        deletes.iter().for_each(|key| drop(next.remove(&name(*key))));
        if next != *self.present() {
            self.states.push(next);
        }
        Ok(self.revision())
    }

    /// What changed from each state to the next.
    fn events(&self, after: u64) -> Vec<Event> {
        let mut events = Vec::new();
        for revision in after + 1..=self.revision() {
            let index = usize::try_from(revision).unwrap();
            let (was, is) = (&self.states[index - 1], &self.states[index]);
            let keys: std::collections::BTreeSet<_> = was.keys().chain(is.keys()).collect();
            for key in keys.into_iter().filter(|key| was.get(*key) != is.get(*key)) {
                let value = |state: &State| state.get(key).map(|(value, _)| value.as_slice().into());
                events.push(Event {
                    revision: Revision(revision),
                    key: key.clone(),
                    new: value(is),
                    previous: value(was),
                });
            }
        }
        events
    }
}

fn name(key: u8) -> String {
    format!("/k/{key}")
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..5u8;
    let compares = prop::collection::vec((key.clone(), prop::option::of(1..20u64)), 0..2);
    let puts = prop::collection::btree_map(key.clone(), any::<u8>(), 0..3);
    let commit =
        (compares, puts, prop::collection::btree_set(key, 0..2)).prop_map(|(compares, puts, deletes)| {
            let deletes = deletes.into_iter().filter(|key| !puts.contains_key(key)).collect();
            Step::Commit { compares, puts: puts.into_iter().collect(), deletes }
        });
    prop::collection::vec(prop_oneof![9 => commit, 1 => (0..30u64).prop_map(Step::Compact)], 1..40)
}

fn txn(compares: &[(u8, Option<u64>)], puts: &[(u8, u8)], deletes: &[u8]) -> Txn {
    let txn = compares.iter().fold(Txn::new(), |txn, (key, expected)| match expected {
        Some(revision) => txn.at(name(*key), Revision(*revision)),
        None => txn.absent(name(*key)),
    });
    let txn = puts.iter().fold(txn, |txn, (key, value)| txn.put(name(*key), vec![*value]));
    deletes.iter().fold(txn, |txn, key| txn.delete(name(*key)))
}

fn agrees(store: &dyn Store, model: &Model) -> Result<(), TestCaseError> {
    let page = store.range("/k/", usize::MAX, None).unwrap();
    let found: State =
        page.items.into_iter().map(|item| (item.key, (item.value.to_vec(), item.revision.0))).collect();
    prop_assert_eq!(&found, model.present());
    prop_assert_eq!(page.revision.0, model.revision());
    for after in 0..=model.revision() {
        match store.events(Revision(after), usize::MAX) {
            Ok(events) => {
                prop_assert!(after >= model.compacted);
                prop_assert_eq!(events, model.events(after));
            }
            Err(StoreError::Compacted { oldest, .. }) => {
                prop_assert!(after < model.compacted);
                prop_assert_eq!(oldest.0, model.compacted);
            }
            Err(other) => panic!("{other}"),
        }
    }
    Ok(())
}

pub(super) fn any_history_is_the_models(make: Make<'_>) {
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    let run = |steps: Vec<Step>| {
        let store = make(super::MANY);
        let mut model = Model { states: vec![State::new()], compacted: 0 };
        for step in steps {
            match step {
                Step::Commit { compares, puts, deletes } => {
                    let expected = model.commit(&compares, &puts, &deletes);
                    let done = match store.commit(txn(&compares, &puts, &deletes)) {
                        Ok(revision) => Ok(revision.0),
                        Err(StoreError::Conflict { key }) => Err(key),
                        Err(other) => panic!("{other}"),
                    };
                    prop_assert_eq!(done, expected);
                }
                Step::Compact(before) => {
                    store.compact(Revision(before)).unwrap();
                    let before = before.min(model.revision() + 1);
                    model.compacted = model.compacted.max(before.saturating_sub(1));
                }
            }
        }
        agrees(&*store, &model)
    };
    TestRunner::new(config).run(&steps(), run).unwrap();
}
