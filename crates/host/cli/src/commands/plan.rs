//! `madang plan`.

use madang_api::{Bundle, Client};
use madang_model::{allocate, check};
use madang_plan::{Preview, preview, refused};

use crate::args::{PlanArgs, ReportFormat};
use crate::bundle::Declared;
use crate::context::Context;
use crate::daemon;
use crate::error::Failure;
use crate::mirror;
use crate::output::plan;

/// The exit status of `--exit-code` if something would change.
const CHANGES: u8 = 3;

/// Why there is nothing to compare with.
enum Alone {
    NoDaemon,
    Forbidden,
}

/// Shows what the files would change.
pub(super) async fn run(context: &Context, args: &PlanArgs) -> Result<(), Failure> {
    let declared = Declared::read(&args.files.files, args.files.recursive, context.named_project.as_deref())?;
    let preview = match context.find_client().await {
        Ok(Some(client)) => with_daemon(&client, &declared, args.prune).await?,
        Ok(None) => alone(context, &declared, Alone::NoDaemon)?,
        Err(Failure::Forbidden { .. }) => alone(context, &declared, Alone::Forbidden)?,
        Err(failure) => return Err(failure),
    };
    super::report(context, args.output, &preview, || plan::render(&preview, context.data))?;
    let for_people = args.output == ReportFormat::Table;
    if for_people && !preview.changes.is_empty() {
        context.say(&format!("{}; nothing was done.", plan::summary(&preview, false)));
    }
    match preview.refused.is_empty() {
        // What is printed for programs has them.
        false if for_people => Err(declared.invalid(preview.refused)),
        false => Err(Failure::Exit(1)),
        true if args.exit_code && !preview.is_empty() => Err(Failure::Exit(CHANGES)),
        true => Ok(()),
    }
}

async fn with_daemon(client: &Client, declared: &Declared, prune: bool) -> Result<Preview, Failure> {
    let doing = "compare the resources";
    let prune_files = if prune {
        let existing = mirror::all(client).await.map_err(|error| Failure::api(doing, error))?;
        declared.prunable(&existing)?
    } else {
        Vec::new()
    };
    let bundle = Bundle { items: declared.items(), prune_files, plan: true, ..Bundle::default() };
    let result = client.apply_bundle(&bundle).await.map_err(|error| declared.refused(doing, error))?;
    Ok(result.preview)
}

/// Compares with nothing, and says what that leaves out.
fn alone(context: &Context, declared: &Declared, why: Alone) -> Result<Preview, Failure> {
    checked(declared)?;
    let layout = &context.layout;
    let (reason, otherwise) = match why {
        Alone::NoDaemon => {
            ("no daemon answers", format!("start its daemon: sudo {}", context.command("serve")))
        }
        Alone::Forbidden => ("only root may ask the daemon", "run it again with sudo".to_owned()),
    };
    context.say(&format!("Compared with nothing, since {reason} at {}.", layout.socket().display()));
    if daemon::has_state(layout) {
        let store = layout.state_dir();
        let store = store.display();
        context.say(&format!("There is a store at {store}, and what it holds was left out: {otherwise}"));
    }
    let mut preview = preview(&[], &declared.resources());
    preview.refused = refused(&preview.assertions, |_| true, true);
    Ok(preview)
}

/// Whether what is declared is right by itself.
pub(super) fn checked(declared: &Declared) -> Result<(), Failure> {
    let mut resources = declared.resources();
    let mut diagnostics = allocate(&[], &mut resources);
    for diagnostic in check(&resources).1 {
        let same = |said: &madang_model::Diagnostic| {
            (&said.object, &said.code, &said.path) == (&diagnostic.object, &diagnostic.code, &diagnostic.path)
        };
        if !diagnostics.iter().any(same) {
            diagnostics.push(diagnostic);
        }
    }
    if diagnostics.is_empty() { Ok(()) } else { Err(declared.invalid(diagnostics)) }
}
