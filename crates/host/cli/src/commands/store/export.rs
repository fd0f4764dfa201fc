//! `madang store export`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use madang_store::{Embedded, ExportError, Revision, Store, StoreError, export, peek};

use super::{failed, is_there};
use crate::args::StoreExportArgs;
use crate::context::Context;
use crate::error::Failure;
use crate::output::style::Role;
use crate::output::text::count;

const DOING: &str = "export the store";

/// Writes every resource to a file or to standard output.
pub(super) fn run(context: &Context, args: &StoreExportArgs) -> Result<(), Failure> {
    let directory = context.layout.state_dir();
    is_there(&directory)?;
    let store = open(&directory)?;
    if args.file.as_os_str() == "-" {
        let mut out = BufWriter::new(io::stdout().lock());
        return export(&*store, &mut out).map(drop).map_err(|error| match error {
            ExportError::Io(source) => Failure::Output { source },
            other => Failure::Export { doing: DOING.to_owned(), source: Box::new(other) },
        });
    }
    let (revision, objects) = to_file(&*store, &args.file)?;
    let objects = usize::try_from(objects).unwrap_or(usize::MAX);
    let done = format!(
        "Exported {} as of revision {revision} to {}, which only its owner can read.",
        count(objects, "object"),
        args.file.display()
    );
    context.say(&context.words.paint(Role::Good, &done));
    Ok(())
}

/// The store as it is now. It is not touched if what stands beside the index makes up for it, whoever uses it.
fn open(directory: &Path) -> Result<Box<dyn Store>, Failure> {
    match peek(directory) {
        Ok(store) => Ok(Box::new(store)),
        Err(StoreError::Corrupt { .. }) => {
            let store = Embedded::open(directory).map_err(|error| failed(DOING, error))?;
            Ok(Box::new(store))
        }
        Err(other) => Err(failed(DOING, other)),
    }
}

/// Writes an export that is there whole or not at all, for its owner alone.
fn to_file(store: &dyn Store, path: &Path) -> Result<(Revision, u64), Failure> {
    let unfinished = unfinished(path);
    let written = write(store, &unfinished).and_then(|done| {
        std::fs::rename(&unfinished, path)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(done)
    });
    written.map_err(|error| {
        let _ = std::fs::remove_file(&unfinished);
        Failure::Export { doing: format!("export the store to {}", path.display()), source: Box::new(error) }
    })
}

fn write(store: &dyn Store, path: &Path) -> Result<(Revision, u64), ExportError> {
    // A file of this name is one that an interrupted export left, or one that somebody else made to read what comes.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut out = BufWriter::new(file);
    let done = export(store, &mut out)?;
    out.flush()?;
    out.get_ref().sync_all()?;
    Ok(done)
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished");
    path.with_file_name(name)
}
