//! `madang schema`.

use crate::args::SchemaArgs;
use crate::context::Context;
use crate::error::Failure;

/// Prints the JSON Schema of a kind, or of all.
pub(super) fn run(context: &Context, args: &SchemaArgs) -> Result<(), Failure> {
    let schema = madang_model::schema(args.kind.map(|kind| kind.0));
    context.print(&format!("{schema:#}\n"))
}
