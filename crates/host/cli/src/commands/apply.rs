//! `madang apply`.

use madang_api::Bundle;

use crate::args::{ApplyArgs, ReportFormat};
use crate::bundle::Declared;
use crate::context::Context;
use crate::error::Failure;
use crate::mirror;
use crate::output::plan;

/// Creates and changes what the files declare, in one transaction.
pub(super) async fn run(context: &Context, args: &ApplyArgs) -> Result<(), Failure> {
    let declared = Declared::read(&args.files.files, args.files.recursive, context.named_project.as_deref())?;
    let client = context.client().await?;
    let doing = "apply the resources";
    let prune_files = if args.prune {
        let existing = mirror::all(&client).await.map_err(|error| Failure::api(doing, error))?;
        declared.prunable(&existing)?
    } else {
        Vec::new()
    };
    let bundle = Bundle {
        items: declared.items(),
        prune_files,
        dry_run: args.dry_run,
        confirm: args.confirm.map(super::confirm::seconds),
        ..Bundle::default()
    };
    let result = client.apply_bundle(&bundle).await.map_err(|error| declared.refused(doing, error))?;
    super::report(context, args.output, &result.preview, || plan::render(&result.preview, context.data))?;
    if args.output == ReportFormat::Table && !result.preview.changes.is_empty() {
        let summary = plan::summary(&result.preview, !args.dry_run);
        context.say(&if args.dry_run {
            format!("{summary}; nothing was done.")
        } else {
            format!("{summary}.")
        });
    }
    if args.confirm.is_some() {
        super::confirm::remind(context, &client, &result.preview).await?;
    }
    Ok(())
}
