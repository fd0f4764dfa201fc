//! Ends the datapath.

use std::fs;
use std::io;
use std::path::Path;

use super::load::Pins;
use super::{Error, attach};
use crate::Layout;

/// Removes every filter and pin of the layout, whatever version made them.
pub(super) fn remove(layout: &Layout) -> Result<(), Error> {
    for pins in Pins::all(layout)? {
        attach::remove_filters(&pins)?;
    }
    remove_tree(&layout.pin_dir())
}

/// Links go when their pins go, and maps and programs after the last of what uses them.
pub(super) fn remove_tree(directory: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => {
            outcome.map_err(|source| Error::Pin { action: "remove", path: directory.to_owned(), source })
        }
    }
}
