//! `madang store restore`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use madang_store::{Export, Restored, restore, restore_last_good};

use super::{Found, failed, is_there, look};
use crate::args::StoreRestoreArgs;
use crate::context::Context;
use crate::error::Failure;
use crate::output::style::Role;
use crate::output::text::count;

const DOING: &str = "restore the store";

/// Puts an export, or what is known of a damaged store, in the place of the store.
pub(super) fn run(context: &Context, args: &StoreRestoreArgs) -> Result<(), Failure> {
    let directory = context.layout.state_dir();
    let restored = match &args.file {
        Some(file) => {
            let export = read(file)?;
            let mut unknown = export.objects.iter().filter_map(|item| match look(item) {
                Found::Unknown(why) => Some(why),
                Found::Resource(_) | Found::Other => None,
            });
            if let Some(why) = unknown.next() {
                return Err(Failure::Unknown {
                    what: file.display().to_string(),
                    why,
                    more: unknown.count(),
                });
            }
            restore(&directory, &export, args.replace).map_err(|error| failed(DOING, error))?
        }
        None => {
            is_there(&directory)?;
            match restore_last_good(&directory).map_err(|error| failed(DOING, error))? {
                Some(restored) => restored,
                None => {
                    context.say("The store is whole: nothing was done.");
                    return Ok(());
                }
            }
        }
    };
    context.say(&told(context, &restored));
    Ok(())
}

fn told(context: &Context, restored: &Restored) -> String {
    let objects = usize::try_from(restored.objects).unwrap_or(usize::MAX);
    let done = format!("Restored {} as of revision {}.", count(objects, "object"), restored.of);
    let mut text = context.words.paint(Role::Good, &done);
    text += &format!(" The store goes on from revision {}.", restored.revision);
    if !restored.kept.is_empty() {
        text += "\nWhat was there before is kept, until you remove it:";
        text.extend(restored.kept.iter().map(|path| format!("\n  {}", path.display())));
    }
    text
}

fn read(path: &Path) -> Result<Export, Failure> {
    let failed =
        |error| Failure::Export { doing: format!("read {}", path.display()), source: Box::new(error) };
    let read = |from: &mut dyn BufRead| Export::read(from).map_err(failed);
    if path.as_os_str() == "-" {
        return read(&mut io::stdin().lock());
    }
    let file = File::open(path).map_err(|source| Failure::Read { path: path.to_owned(), source })?;
    read(&mut BufReader::new(file))
}
