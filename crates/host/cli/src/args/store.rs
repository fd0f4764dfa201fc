//! What can be typed behind `madang store`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ReportFormat;

/// Back up, restore and check what is declared
///
/// The store holds all resources, with their revisions. Its files are in the state directory, for root alone.
#[derive(Args, Debug)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Examples:\n  sudo madang store check                    is everything whole\n  sudo madang store export shop.jsonl        back it up; the daemon may run\n  sudo madang store restore shop.jsonl       into an empty store\n\nNeeds root: yes, to read and write the state directory."
)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

/// What to do with the store.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    Export(StoreExportArgs),
    Restore(StoreRestoreArgs),
    Check(StoreCheckArgs),
}

/// Write every resource to a file, as of one moment
///
/// A line of JSON for each, between a first and a last line that say whether the file is whole. Secrets are in it: it is
/// readable by its owner alone. The daemon may go on running, and what it has acknowledged is in the export.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang store export shop.jsonl\n  sudo madang store export - | gzip > shop.jsonl.gz\n\nNeeds root: yes, to read the state directory."
)]
pub(crate) struct StoreExportArgs {
    /// The file, which is replaced if it is there; - for standard output
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Put an export in the place of the store
///
/// The daemon must not run. An export that is damaged or cut off is refused, and so is a store that is not empty unless
/// --replace is given: what is there is then kept beside it. Revisions go on far ahead of all that ever were, so that
/// nobody takes one for another; who watches has to list again.
#[derive(Args, Debug)]
#[command(
    group = clap::ArgGroup::new("from").required(true).args(["file", "last_good"]),
    after_help = "Examples:\n  sudo madang store restore shop.jsonl              into an empty store\n  sudo madang store restore shop.jsonl --replace    in the place of one\n  zcat shop.jsonl.gz | sudo madang store restore -\n  sudo madang store restore --last-good             go on with a damaged one\n\nNeeds root: yes, to write the state directory."
)]
pub(crate) struct StoreRestoreArgs {
    /// An export; - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Also if there is a store that is not empty: keep that beside it
    #[arg(long, conflicts_with = "last_good")]
    pub(crate) replace: bool,
    /// Go on with as much as is known for certain of a store that is too damaged to be opened
    #[arg(long)]
    pub(crate) last_good: bool,
}

/// Check every file of the store and every resource in it
///
/// Changes nothing. While the daemon runs, the index is its own, and everything else is checked. Exit status 1 if
/// something is wrong.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang store check\n  sudo madang store check -o json    for programs\n\nNeeds root: yes, to read the state directory."
)]
pub(crate) struct StoreCheckArgs {
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}
