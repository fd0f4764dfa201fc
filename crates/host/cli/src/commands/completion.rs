//! `madang completion`.

use clap::CommandFactory;

use crate::args::{Cli, CompletionArgs};
use crate::context::Context;
use crate::error::Failure;

/// Prints a shell's completion script.
pub(super) fn run(context: &Context, args: &CompletionArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "madang", &mut script);
    context.print(&String::from_utf8_lossy(&script))
}
