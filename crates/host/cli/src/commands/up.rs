//! `madang up`.

use std::time::Instant;

use madang_api::{Bundle, Client};
use madang_model::Kind;

use crate::args::UpArgs;
use crate::bundle::Declared;
use crate::context::Context;
use crate::daemon;
use crate::error::Failure;
use crate::mirror;
use crate::output::plan;
use crate::output::style::Role;
use crate::output::text::{count, span};
use crate::wait::{Goal, Waited, left, wait};

/// Brings up what the files declare, and waits until it is ready.
pub(super) async fn run(context: &Context, args: &UpArgs) -> Result<(), Failure> {
    let start = Instant::now();
    let running = context.find_client().await?;
    if running.is_none() && !rustix::process::geteuid().is_root() {
        return Err(Failure::NotRoot { doing: "starting the daemon" });
    }
    let declared = Declared::read(&args.files.files, args.files.recursive, context.named_project.as_deref())?;
    let started = running.is_none();
    let client = match running {
        Some(client) => client,
        None => {
            // What is declared may refer to what a store already has.
            if !daemon::has_state(&context.layout) {
                super::plan::checked(&declared)?;
            }
            daemon::start(context).await?
        }
    };
    let confirm = args.confirm.map(super::confirm::seconds);
    let bundle = Bundle { items: declared.items(), confirm, ..Bundle::default() };
    let result = match client.apply_bundle(&bundle).await {
        Ok(result) => result,
        Err(error) => {
            if started && let Err(failure) = end_if_empty(context, &client).await {
                context.report(&failure);
            }
            return Err(declared.refused("apply the resources", error));
        }
    };
    context.say(&format!("Applied: {}.", plan::summary(&result.preview, true)));
    if args.confirm.is_some() {
        super::confirm::remind(context, &client, &result.preview).await?;
    }
    if args.detach {
        context.say(&format!("See how far it is: {}", context.command("get all")));
        return Ok(());
    }
    let objects: Vec<_> = declared.objects().into_iter().filter(|object| object.kind != Kind::Node).collect();
    let waited = wait(context, &client, &objects, Goal::READY, args.timeout).await?;
    let took = start.elapsed().as_secs_f64();
    conclude(context, args, waited, &format!("{} in {took:.1} s", count(objects.len(), "resource")))
}

/// Says how it ended, and what can be done now.
fn conclude(context: &Context, args: &UpArgs, waited: Waited, what: &str) -> Result<(), Failure> {
    match waited {
        Waited::Done => {
            context.say(&context.words.paint(Role::Good, &format!("Ready: {what}.")));
            context.say(&format!("Take it down: {}", context.command(&format!("down {}", typed(args)))));
            Ok(())
        }
        Waited::Interrupted => Err(Failure::Interrupted { goes_on: goes_on(context, args) }),
        Waited::TimedOut(board) => {
            let some =
                board.left().next().map(|(object, _)| crate::kinds::written(object)).unwrap_or_default();
            Err(Failure::TimedOut {
                what: format!(
                    "not everything is ready after {}; the daemon goes on with it:\n{}",
                    span(args.timeout),
                    left(&board).trim_end()
                ),
                hint: format!("look closer: {}", context.command(&format!("describe {some}"))),
            })
        }
    }
}

fn typed(args: &UpArgs) -> String {
    args.files.typed()
}

fn goes_on(context: &Context, args: &UpArgs) -> String {
    format!(
        "\nThe daemon goes on with it.\n  see how far it is: {}\n  take it down:      {}",
        context.command("get all"),
        context.command(&format!("down {}", typed(args)))
    )
}

/// Ends a daemon that was started for nothing.
async fn end_if_empty(context: &Context, client: &Client) -> Result<(), Failure> {
    let all = mirror::all(client).await.map_err(|error| Failure::api("list the resources", error))?;
    if all.iter().all(mirror::is_the_daemons) {
        daemon::end(context, client).await?;
    }
    Ok(())
}
