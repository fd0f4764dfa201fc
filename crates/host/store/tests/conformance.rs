//! Both engines do what the contract says.
#![expect(clippy::unwrap_used, reason = "a test")]

mod suite;

use std::sync::{Arc, Mutex};

use madang_store::{Embedded, Memory, Options, Store};

#[test]
fn memory() {
    suite::all(&|kept_events| Arc::new(Memory::with_kept_events(kept_events)));
}

#[test]
fn embedded() {
    let directories = Mutex::new(Vec::new());
    let make = |kept_events| -> Arc<dyn Store> {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { kept_events, ..Options::default() };
        let store = Embedded::open_with(directory.path(), options).unwrap();
        directories.lock().unwrap().push(directory);
        Arc::new(store)
    };
    suite::all(&make);
}
