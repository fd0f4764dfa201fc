//! `madang describe`.

use jiff::Timestamp;

use crate::args::DescribeArgs;
use crate::context::Context;
use crate::error::Failure;
use crate::kinds::Targets;
use crate::mirror;
use crate::output::describe::render;

/// Says everything about the resources.
pub(super) async fn run(context: &Context, args: &DescribeArgs) -> Result<(), Failure> {
    let targets = Targets::parse(&args.targets)?;
    let client = context.client().await?;
    let all = mirror::all(&client).await.map_err(|error| Failure::api("list the resources", error))?;
    let chosen = super::get::choose(&all, &targets, args.selector.as_ref())?;
    if chosen.is_empty() {
        context.say("There is nothing.");
        return Ok(());
    }
    let here = std::env::current_dir().unwrap_or_default();
    let (now, columns) = (Timestamp::now(), context.columns());
    let texts = chosen.iter().map(|resource| render(resource, &all, now, &here, context.data, columns));
    context.print(&texts.collect::<Vec<_>>().join("\n"))
}
