//! Events: many, of little worth each, and nothing depends on them. So they are written by the batch, and read apart from
//! what is declared.

use std::collections::BTreeMap;

use madang_model::{Kind, Resource};
use madang_store::{StoreError, Txn};

use super::lifecycle::{newborn, too_busy};
use super::stored::{self, decode_item, encode, key, kind_of};
use super::{ATTEMPTS, List, Registry};
use crate::{ApiError, Reason};

impl Registry {
    /// All resources but events.
    pub fn declared(&self) -> Result<List, ApiError> {
        let page = self.store.range(stored::PREFIX, usize::MAX, None)?;
        let declared = page.items.iter().filter(|item| kind_of(&item.key) != Some(Kind::Event));
        let mut items = declared.map(decode_item).collect::<Result<Vec<_>, _>>()?;
        items.sort_by_cached_key(Resource::object_ref);
        Ok(List { items, revision: page.revision })
    }

    /// Stores events, each name once, in one transaction: a new one, or what one of the name says now. Those of a project
    /// that is gone or going are left out. How many were stored.
    pub fn record_events(&self, events: &[Resource]) -> Result<usize, ApiError> {
        for _ in 0..ATTEMPTS {
            let mut txn = Txn::new();
            let mut is_open: BTreeMap<String, bool> = BTreeMap::new();
            for event in events {
                let object = event.object_ref();
                if !is_open.contains_key(&object.namespace) {
                    let project = self.in_open_project(Txn::new(), &object);
                    is_open.insert(object.namespace.clone(), project.is_ok());
                    match project {
                        Ok(project) => txn.compares.extend(project.compares),
                        Err(error) if error.is(Reason::NotFound) || error.is(Reason::Forbidden) => {}
                        Err(error) => return Err(error),
                    }
                }
                if is_open[&object.namespace] {
                    txn = self.with_event(txn, event)?;
                }
            }
            let count = txn.puts.len();
            match self.store.commit(txn) {
                Ok(_) => return Ok(count),
                Err(StoreError::Conflict { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(too_busy())
    }

    /// Deletes these very events, in one transaction; none of them, if one was changed meanwhile.
    pub fn forget_events(&self, events: &[Resource]) -> Result<(), ApiError> {
        let txn = events.iter().fold(Txn::new(), |txn, event| {
            let key = key(&event.object_ref());
            as_read(txn, &key, event).delete(key)
        });
        self.store.commit(txn)?;
        Ok(())
    }

    fn with_event(&self, txn: Txn, event: &Resource) -> Result<Txn, ApiError> {
        let key = key(&event.object_ref());
        let Some(stored) = self.find(&event.object_ref())? else {
            return Ok(txn.absent(&key).put(key, encode(&newborn(event.clone())?)));
        };
        let mut new = stored.clone();
        new.take_spec(event);
        Ok(as_read(txn, &key, &stored).put(key, encode(&new)))
    }
}

/// If the event is still as it was read.
fn as_read(txn: Txn, key: &str, event: &Resource) -> Txn {
    let version = event.metadata().resource_version.as_deref();
    match version.and_then(|version| version.parse().ok()) {
        Some(revision) => txn.at(key, revision),
        None => txn,
    }
}
