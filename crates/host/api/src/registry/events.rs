//! Events: many, of little worth each, and nothing depends on them. So they are written by the batch, and read apart from
//! what is declared.

use std::collections::BTreeMap;

use madang_model::{Kind, Resource};
use madang_store::{StoreError, Txn};

use super::lifecycle::{newborn, too_busy};
use super::stored::{self, encode, key};
use super::{ATTEMPTS, List, Registry};
use crate::{ApiError, Reason};

impl Registry {
    /// All resources but events.
    pub fn declared(&self) -> Result<List, ApiError> {
        let (kinds, revision) = self.cache.all()?;
        let declared = kinds.iter().filter(|(kind, _)| **kind != Kind::Event);
        let items = declared.flat_map(|(_, objects)| objects.values()).map(|entry| entry.resource.clone());
        Ok(List { items: items.collect(), revision })
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
        let mut txn = Txn::new();
        for event in events {
            let key = key(&event.object_ref());
            txn = txn.at(&key, stored::revision(event)?).delete(key);
        }
        self.store.commit(txn)?;
        Ok(())
    }

    fn with_event(&self, txn: Txn, event: &Resource) -> Result<Txn, ApiError> {
        let key = key(&event.object_ref());
        let Some(stored) = self.find(&event.object_ref())? else {
            return Ok(txn.absent(&key).put(key, encode(&newborn(event.clone())?)?));
        };
        let mut new = stored.clone();
        new.take_spec(event);
        Ok(txn.at(&key, stored::revision(&stored)?).put(key, encode(&new)?))
    }
}
