//! `madang drops`.

use std::time::Duration;

use madang_api::{Client, Dropped, Drops};
use madang_model::ObjectRef;

use crate::args::{DropsArgs, ReportFormat};
use crate::context::Context;
use crate::error::Failure;
use crate::kinds;
use crate::output::drops::table;
use crate::output::yaml::to_yaml;
use crate::wait::interrupts;

/// How often the counters are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Shows what was dropped, and goes on as more is if that was asked for.
pub(super) async fn run(context: &Context, args: &DropsArgs) -> Result<(), Failure> {
    let instance =
        args.instance.as_deref().map(|word| kinds::instance(word, context.project())).transpose()?;
    let client = context.client().await?;
    if let Some(instance) = &instance {
        client.get(instance).await.map_err(|error| Failure::api("find it", error))?;
    }
    let drops = ask(&client, instance.as_ref()).await?;
    if args.watch {
        return watch(context, args.output, &client, instance.as_ref(), drops).await;
    }
    if drops.items.is_empty() && args.output == ReportFormat::Table {
        context.say("Nothing was dropped.");
        return Ok(());
    }
    super::report(context, args.output, &drops, || {
        table(&drops.items).render(context.data, context.columns())
    })
}

/// What was dropped of what this instance sent, or of all.
pub(super) async fn ask(client: &Client, instance: Option<&ObjectRef>) -> Result<Drops, Failure> {
    let drops = client.drops().await;
    let mut drops = drops.map_err(|error| Failure::api("ask what was dropped", error))?;
    drops.items.retain(|dropped| instance.is_none() || dropped.instance.as_ref() == instance);
    Ok(drops)
}

/// Prints what there is, and then each counter as it changes.
async fn watch(
    context: &Context,
    format: ReportFormat,
    client: &Client,
    instance: Option<&ObjectRef>,
    mut known: Drops,
) -> Result<(), Failure> {
    let mut interrupt = interrupts()?;
    let mut widths = table(&known.items).widths();
    match format {
        ReportFormat::Table => {
            context.print(&table(&known.items).lines(context.data, &widths, true))?;
        }
        _ => context.print(&documents(format, &known.items))?,
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = interrupt.recv() => return Ok(()),
        }
        let now = ask(client, instance).await?;
        let changed: Vec<Dropped> =
            now.items.iter().filter(|dropped| !known.items.contains(dropped)).cloned().collect();
        known = now;
        match format {
            _ if changed.is_empty() => {}
            ReportFormat::Table => {
                context.print(&table(&changed).continued(context.data, &mut widths))?;
            }
            _ => context.print(&documents(format, &changed))?,
        }
    }
}

/// One document for each, as a program reads them one after the other.
fn documents(format: ReportFormat, dropped: &[Dropped]) -> String {
    let document = |dropped: &Dropped| {
        let value = serde_json::to_value(dropped).expect("a counter has no keys but text");
        match format {
            ReportFormat::Json => format!("{value}\n"),
            _ => format!("---\n{}", to_yaml(&value)),
        }
    };
    dropped.iter().map(document).collect()
}
