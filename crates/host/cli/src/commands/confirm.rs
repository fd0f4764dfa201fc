//! `madang confirm` and `madang rollback`: a change that is taken back unless somebody confirms it.

use std::time::Duration;

use madang_api::Client;
use madang_model::Kind;
use madang_plan::{ChangeAction, Preview};

use crate::args::{ConfirmArgs, RollbackArgs};
use crate::context::Context;
use crate::error::Failure;
use crate::output::confirm;
use crate::output::style::Role;

/// Keeps the change that waits, or says what waits.
pub(super) async fn run(context: &Context, args: &ConfirmArgs) -> Result<(), Failure> {
    let client = context.client().await?;
    if args.status {
        let state = client.confirmation().await;
        let state = state.map_err(|error| Failure::api("ask what waits to be confirmed", error))?;
        return super::report(context, args.output, &state, || confirm::state(&state, context.data));
    }
    let ended = client.confirm().await.map_err(|error| Failure::api("confirm the change", error))?;
    super::report(context, args.output, &ended, || confirm::ended(&ended, context.data))
}

/// Takes back the change that waits.
pub(super) async fn roll_back(context: &Context, args: &RollbackArgs) -> Result<(), Failure> {
    let client = context.client().await?;
    let ended = client.roll_back().await.map_err(|error| Failure::api("take the change back", error))?;
    super::report(context, args.output, &ended, || confirm::ended(&ended, context.data))
}

/// As the API counts it: a part of a second is one.
pub(super) fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

/// Says until when a change that was just made has to be confirmed, and what cannot be taken back.
pub(super) async fn remind(context: &Context, client: &Client, preview: &Preview) -> Result<(), Failure> {
    if preview.changes.is_empty() {
        context.say("Nothing has changed, so there is nothing to confirm.");
        return Ok(());
    }
    let state = client.confirmation().await;
    let state = state.map_err(|error| Failure::api("ask what waits to be confirmed", error))?;
    let Some(waiting) = state.waiting else { return Ok(()) };
    let text = format!("It is taken back in {} s, unless it is confirmed.", waiting.remaining_seconds);
    context.say(&context.words.paint(Role::Change, &text));
    let deleted = |change: &&madang_plan::Change| {
        change.action == ChangeAction::Delete && change.object.kind == Kind::Instance
    };
    for change in preview.changes.iter().filter(deleted) {
        context.say(&format!(
            "  {} would come back with its address, if that is still free, and as another process.",
            change.object
        ));
    }
    context.say(&format!("  keep it:      {}", context.command("confirm")));
    context.say(&format!("  take it back: {}", context.command("rollback")));
    Ok(())
}
