//! Older versions of the index, and how each becomes the next.
//!
//! All steps are made in one transaction, after the file was copied as it was: a build that knows the older version can
//! go on with the copy.

use redb::{Database, WriteTransaction};

use super::apply::Tables;
use super::files::{Files, INDEX, UNFINISHED};
use super::index;
use super::tables::{META, META_CHAIN, META_SCHEMA, SCHEMA, failure};
use super::{Options, rotation};
use crate::StoreError;

/// How the version `from` becomes the one after it.
struct Step {
    from: u64,
    run: fn(&WriteTransaction) -> Result<(), redb::Error>,
}

/// One for each version that ever was but the present one.
const STEPS: [Step; 1] = [Step { from: 1, run: begin_a_history }];

/// The index as one of the present version; with a copy of the file as it was beside it.
pub(super) fn migrate(
    files: &dyn Files,
    options: &Options,
    database: Database,
    from: u64,
) -> Result<Database, StoreError> {
    drop(database);
    let copy = keep_copy(files, from)?;
    if from < JOURNALED {
        // What a newer build left, before somebody went back to the older one: no part of this index.
        rotation::set_all_aside(files, "replaced")?;
    }
    let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
    let file = files.open(INDEX).and_then(|file| file.ok_or_else(missing));
    let file = file.map_err(|error| files.failed("open", INDEX, error))?;
    let (database, _) = index::open(files, file, options)?;
    let fail = |error: redb::Error| failure(&files.path(INDEX), "write", error);
    let txn = database.begin_write().map_err(|e| fail(e.into()))?;
    for step in STEPS.iter().filter(|step| step.from >= from) {
        (step.run)(&txn).map_err(fail)?;
    }
    Tables::open(&txn).and_then(|mut tables| tables.set(META_SCHEMA, SCHEMA)).map_err(fail)?;
    txn.commit().map_err(|e| fail(e.into()))?;
    tracing::info!(
        from, to = SCHEMA, copy = %files.path(&copy).display(),
        "the store was brought to this build's version; a copy of how it was is kept"
    );
    Ok(database)
}

/// The first version with a journal.
pub(super) const JOURNALED: u64 = 2;

/// From version 2 on, the index knows its place in the journal.
fn begin_a_history(txn: &WriteTransaction) -> Result<(), redb::Error> {
    txn.open_table(META)?.insert(META_CHAIN, u64::from(rotation::new_chain()))?;
    Ok(())
}

/// Copies the file, under a name that says what it is.
fn keep_copy(files: &dyn Files, schema: u64) -> Result<String, StoreError> {
    let name = files.aside(INDEX, &format!("schema-{schema}"))?;
    let unfinished = name.clone() + UNFINISHED;
    let copied = (|| {
        let Some(from) = files.open(INDEX)? else { return Ok(()) };
        let to = files.create(&unfinished)?;
        let (length, mut at) = (from.len()?, 0);
        let mut chunk = vec![0; 1 << 20];
        while at < length {
            let size = usize::try_from(length - at).unwrap_or(usize::MAX).min(chunk.len());
            from.read(at, &mut chunk[..size])?;
            to.write(at, &chunk[..size])?;
            at += size as u64;
        }
        to.sync_data()
    })();
    copied.map_err(|error| files.failed("copy", INDEX, error))?;
    files.finish(&unfinished, &name)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_step_from_every_version() {
        assert_eq!(STEPS.iter().map(|step| step.from).collect::<Vec<_>>(), (1..SCHEMA).collect::<Vec<_>>());
    }
}
