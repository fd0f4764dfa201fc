//! `madang store`.

mod check;
mod export;
mod restore;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;

use madang_api::Registry;
use madang_model::Kind;
use madang_store::{Item, Memory, Store, StoreError, Txn};

use crate::args::{StoreArgs, StoreCommand};
use crate::context::Context;
use crate::error::Failure;

/// Backs up, restores or checks the store.
pub(super) fn run(context: &Context, args: &StoreArgs) -> Result<(), Failure> {
    match &args.command {
        StoreCommand::Export(args) => export::run(context, args),
        StoreCommand::Restore(args) => restore::run(context, args),
        StoreCommand::Check(args) => check::run(context, args),
    }
}

/// There is a store in this directory.
fn is_there(directory: &Path) -> Result<(), Failure> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(not_root()),
        entries => {
            let doing = format!("read {}", directory.display());
            entries.and_then(Iterator::collect).map_err(|source| Failure::Host { doing, source })?
        }
    };
    let is_part =
        |name: &str| ["store.redb", "snapshot-", "journal-"].iter().any(|part| name.starts_with(part));
    if entries.iter().any(|entry| entry.file_name().to_str().is_some_and(is_part)) {
        return Ok(());
    }
    Err(Failure::NoStore { directory: directory.to_owned() })
}

/// The store did not do it.
fn failed(doing: &str, error: StoreError) -> Failure {
    match &error {
        StoreError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => not_root(),
        _ => Failure::Store { doing: doing.to_owned(), source: Box::new(error) },
    }
}

fn not_root() -> Failure {
    Failure::NotRoot { doing: "the state directory" }
}

/// What an object is.
enum Found {
    Resource(Kind),
    /// Something of the registry's own.
    Other,
    /// Nothing that this build knows.
    Unknown(String),
}

/// Looks at each object by itself, so that one that is wrong does not hide the next.
fn look(item: &Item) -> Found {
    let store = Memory::new();
    let put = store.commit(Txn::new().put(&*item.key, Arc::clone(&item.value)));
    let found = put.map_err(Into::into).and_then(|_| Registry::new(Arc::new(store)).all());
    match found {
        Ok(list) => match list.items.first() {
            Some(resource) => Found::Resource(resource.kind()),
            None if item.key.starts_with("/registry/") => {
                Found::Unknown(format!("what is stored at {} is of no kind that this build knows", item.key))
            }
            None => Found::Other,
        },
        Err(error) => Found::Unknown(error.message),
    }
}
