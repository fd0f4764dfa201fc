//! Reading from one moment's state of the file.

use std::ops::Bound;
use std::path::Path;

use redb::{ReadOnlyTable, ReadTransaction};

use super::tables::{EVENTS, EventRow, META, META_COMPACTED, META_REVISION, OBJECTS, failure};
use crate::{Event, Item, Page, Revision, StoreError, Versioned};

pub(super) fn get(txn: &ReadTransaction, path: &Path, key: &str) -> Result<Option<Versioned>, StoreError> {
    let fail = |error: redb::Error| failure(path, "read", error);
    let objects = txn.open_table(OBJECTS).map_err(|e| fail(e.into()))?;
    let found = objects.get(key).map_err(|e| fail(e.into()))?;
    Ok(found.map(|found| {
        let (revision, value) = found.value();
        Versioned { value: value.into(), revision: Revision(revision) }
    }))
}

pub(super) fn range(
    txn: &ReadTransaction,
    path: &Path,
    prefix: &str,
    limit: usize,
    after: Option<&str>,
) -> Result<Page, StoreError> {
    let fail = |error: redb::Error| failure(path, "read", error);
    let objects = txn.open_table(OBJECTS).map_err(|e| fail(e.into()))?;
    let from = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    };
    let mut page = Page { items: Vec::new(), revision: revision(txn, path)?, more: false };
    for row in objects.range::<&str>((from, Bound::Unbounded)).map_err(|e| fail(e.into()))? {
        let (key, found) = row.map_err(|e| fail(e.into()))?;
        if !key.value().starts_with(prefix) {
            break;
        }
        if page.items.len() == limit {
            page.more = true;
            break;
        }
        let (revision, value) = found.value();
        page.items.push(Item {
            key: key.value().to_owned(),
            value: value.into(),
            revision: Revision(revision),
        });
    }
    Ok(page)
}

pub(super) fn events(
    txn: &ReadTransaction,
    path: &Path,
    after: Revision,
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    let fail = |error: redb::Error| failure(path, "read", error);
    let oldest = counter(txn, path, META_COMPACTED)?;
    if after < oldest {
        return Err(StoreError::Compacted { after, oldest });
    }
    let events: ReadOnlyTable<(u64, u32), EventRow<'_>> =
        txn.open_table(EVENTS).map_err(|e| fail(e.into()))?;
    let mut found: Vec<Event> = Vec::new();
    for row in events.range((after.next().0, 0)..).map_err(|e| fail(e.into()))? {
        let (at, row) = row.map_err(|e| fail(e.into()))?;
        let revision = Revision(at.value().0);
        if found.len() >= limit.max(1) && found.last().is_some_and(|last| last.revision != revision) {
            break;
        }
        let (key, new, previous) = row.value();
        found.push(Event {
            revision,
            key: key.to_owned(),
            new: new.map(Into::into),
            previous: previous.map(Into::into),
        });
    }
    Ok(found)
}

pub(super) fn revision(txn: &ReadTransaction, path: &Path) -> Result<Revision, StoreError> {
    counter(txn, path, META_REVISION)
}

pub(super) fn counter(txn: &ReadTransaction, path: &Path, name: &str) -> Result<Revision, StoreError> {
    let fail = |error: redb::Error| failure(path, "read", error);
    let meta = txn.open_table(META).map_err(|e| fail(e.into()))?;
    let found = meta.get(name).map_err(|e| fail(e.into()))?.map(|found| Revision(found.value()));
    found.ok_or_else(|| StoreError::Corrupt { path: path.to_owned(), detail: format!("it has no {name}") })
}
