//! What can be typed to see a change before it is made, to make it, and to take it back.

use std::time::Duration;

use clap::Args;

use super::{Files, ReportFormat, confirmation};

/// Create and change what files declare
///
/// All of them are checked and committed in one transaction, or nothing is. Does not wait until it is ready. What would
/// break an assertion is refused. A resource with the annotation madang.dev/renamed-from takes over the one that had that
/// name: its addresses and its process.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang apply -f shop.yaml             create and change\n  sudo madang apply -f cloud -R --prune      all files of a folder; delete what\n                                             they no longer have\n  sudo madang apply -f shop.yaml --dry-run   only say what would be done\n  sudo madang apply -f shop.yaml --confirm 60s\n                                             take it back if unconfirmed\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Delete what an earlier apply of the same file or folder made and it no longer has
    #[arg(long)]
    pub(crate) prune: bool,
    /// Roll the change back unless `madang confirm` comes within TIME, as 60s or 5m
    #[arg(long, value_name = "TIME", value_parser = confirmation, conflicts_with = "dry_run")]
    pub(crate) confirm: Option<Duration>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How to print the changes
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// Show what files would change, what would become reachable, and whether the assertions would hold
///
/// With a daemon, the files are compared with what is there. Without one they are compared with nothing, and it says so.
/// Nothing is changed either way. Exit status 1 if the change would be refused: for an assertion that it breaks, or a field
/// that cannot be changed.
#[derive(Args, Debug)]
#[command(
    visible_alias = "diff",
    after_help = "Examples:\n  madang plan -f shop.yaml                what would change\n  madang plan -f cloud -R --prune         of all files below a folder\n  madang plan -f shop.yaml --exit-code    exit status 3 if something would\n  madang plan -f shop.yaml -o json        for programs\n\nNeeds root: only to compare with what a daemon holds."
)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Also delete what an earlier apply of the same file or folder made and it no longer has
    #[arg(long)]
    pub(crate) prune: bool,
    /// End with exit status 3 if something would change
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// How to print the changes
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// Keep a change that was applied with --confirm
///
/// Without this, it is rolled back when its time is over: by the daemon itself, also if it was started again meanwhile, and
/// also if the change has cut off whoever made it.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang confirm             keep the change\n  sudo madang confirm --status    what waits, and how the last one ended\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct ConfirmArgs {
    /// Only say what waits to be confirmed, and how the last change ended
    #[arg(long)]
    pub(crate) status: bool,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// Take back a change that was applied with --confirm
///
/// At once, instead of when its time is over. What somebody else has changed meanwhile is left as it is, and named. An
/// instance that the change deleted is made anew: with its address, if that is still free.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang rollback            take the change back\n  sudo madang rollback -o json    for programs\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct RollbackArgs {
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}
