//! `madang describe`.

use jiff::Timestamp;
use madang_model::Kind;

use crate::args::DescribeArgs;
use crate::context::Context;
use crate::error::Failure;
use crate::kinds::Targets;
use crate::mirror;
use crate::output::describe::render;

/// Says everything about the resources.
pub(super) async fn run(context: &Context, args: &DescribeArgs) -> Result<(), Failure> {
    let targets = Targets::parse(&args.targets, context.project())?;
    let client = context.client().await?;
    let fail = |error| Failure::api("list the resources", error);
    let mut all = mirror::all(&client).await.map_err(fail)?;
    all.extend(client.list(Kind::Event).await.map_err(fail)?.items);
    let scope = targets.scope(Some(context.project()));
    let chosen = super::get::choose(&all, &targets, scope, args.selector.as_ref())?;
    if chosen.is_empty() {
        context.say("There is nothing.");
        return Ok(());
    }
    let here = std::env::current_dir().unwrap_or_default();
    // Counters are only of instances, and what is declared is worth telling without them.
    let asks = chosen.iter().any(|resource| resource.kind() == Kind::Instance);
    let drops = if asks { client.drops().await.unwrap_or_default().items } else { Vec::new() };
    let (now, columns) = (Timestamp::now(), context.columns());
    let texts =
        chosen.iter().map(|resource| render(resource, &all, &drops, now, &here, context.data, columns));
    context.print(&texts.collect::<Vec<_>>().join("\n"))
}
