//! `madang events`.

use std::collections::BTreeSet;

use madang_api::Client;
use madang_model::{Kind, Object, ObjectReference, Resource};
use serde_json::json;

use super::get::Lines;
use crate::args::{EventType, EventsArgs, Format};
use crate::context::Context;
use crate::error::Failure;
use crate::kinds::Targets;
use crate::mirror::Mirror;
use crate::output::columns::Show;
use crate::output::events::{by_time, object_of};
use crate::output::yaml::to_yaml;
use crate::wait::interrupts;

/// Tells what happened, and goes on as more does if that was asked for.
pub(super) async fn run(context: &Context, args: &EventsArgs) -> Result<(), Failure> {
    let wanted = Wanted::new(context, args)?;
    let client = context.client().await?;
    let show = Show { all: args.output == Format::Wide, prefixed: false, projects: args.all_namespaces };
    let mut lines = Lines::new(context, args.output, show);
    if args.watch {
        return watch(&wanted, &mut lines, &client).await;
    }
    let list = client.list_in(Kind::Event, wanted.project.as_deref()).await;
    let all = list.map_err(|error| Failure::api("list the events", error))?.items;
    let chosen = wanted.of(&all);
    match args.output {
        Format::Json | Format::Yaml => {
            let items: Vec<_> = chosen.iter().map(|event| event.to_json()).collect();
            let list = json!({ "apiVersion": "v1", "kind": "List", "metadata": {}, "items": items });
            let json = args.output == Format::Json;
            context.print(&if json { format!("{list:#}\n") } else { to_yaml(&list) })
        }
        _ if chosen.is_empty() => {
            context.say("Nothing has happened within the last hour.");
            Ok(())
        }
        _ => lines.print(&chosen, &[]),
    }
}

async fn watch(wanted: &Wanted, lines: &mut Lines<'_>, client: &Client) -> Result<(), Failure> {
    let fail = |error| Failure::api("follow the events", error);
    let mut interrupt = interrupts()?;
    let project = wanted.project.as_deref();
    let mut mirror = Mirror::start(client, &[Kind::Event], project).await.map_err(fail)?;
    let now: Vec<Resource> = mirror.resources().cloned().collect();
    lines.print(&wanted.of(&now), &[])?;
    loop {
        let changed = tokio::select! {
            changed = mirror.changed() => changed.map_err(fail)?,
            _ = interrupt.recv() => return Ok(()),
        };
        // One that is gone was too old, which is no news.
        let news: Vec<Resource> = changed.iter().filter_map(|object| mirror.find(object).cloned()).collect();
        lines.print(&wanted.of(&news), &[])?;
    }
}

/// Which events were asked for.
struct Wanted {
    /// None: of any resource.
    targets: Option<Targets>,
    /// None: of all projects.
    project: Option<String>,
    /// None: of any type.
    types: BTreeSet<&'static str>,
}

impl Wanted {
    fn new(context: &Context, args: &EventsArgs) -> Result<Self, Failure> {
        let parse = |words: &[String]| Targets::parse(words, context.project());
        let targets =
            Some(args.targets.as_slice()).filter(|words| !words.is_empty()).map(parse).transpose()?;
        let own = (!args.all_namespaces).then_some(context.project());
        let project = match &targets {
            Some(targets @ Targets::Named(_)) => targets.scope(own),
            _ => own,
        };
        let types = args.types.iter().copied().map(EventType::name).collect();
        Ok(Self { project: project.map(str::to_owned), targets, types })
    }

    /// Those of these events, the latest last.
    fn of<'a>(&self, events: &'a [Resource]) -> Vec<&'a Resource> {
        by_time(events.iter().filter(|event| self.includes(event)))
    }

    fn includes(&self, resource: &Resource) -> bool {
        let Resource::Event(Object { spec, .. }) = resource else { return false };
        let of_type = self.types.is_empty() || self.types.contains(spec.r#type.as_str());
        of_type && self.targets.as_ref().is_none_or(|targets| is_about(targets, &spec.involved_object))
    }
}

fn is_about(targets: &Targets, about: &ObjectReference) -> bool {
    let Some(object) = object_of(about) else { return false };
    match targets {
        Targets::Kinds(kinds) => kinds.contains(&object.kind),
        Targets::Named(objects) => objects.contains(&object),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn of(targets: &str, types: &[EventType]) -> Vec<String> {
        let words: Vec<String> = targets.split_whitespace().map(str::to_owned).collect();
        let targets = (!words.is_empty()).then(|| Targets::parse(&words, "default").unwrap());
        let types = types.iter().copied().map(EventType::name).collect();
        let wanted = Wanted { targets, project: None, types };
        let events = samples::events();
        let reason = |event: &&Resource| match event {
            Resource::Event(event) => event.spec.reason.clone(),
            other => panic!("{other:?}"),
        };
        wanted.of(&events).iter().map(reason).collect()
    }

    #[test]
    fn what_was_asked_for_the_latest_last() {
        assert_eq!(of("", &[]), ["DaemonStarted", "Started", "Running", "BackOff"]);
        assert_eq!(of("instance/web-1", &[]), ["Started", "Running"]);
        assert_eq!(of("instances", &[]), ["Started", "Running", "BackOff"]);
        assert_eq!(of("instances", &[EventType::Warning]), ["BackOff"]);
        assert_eq!(of("node host-1", &[]), ["DaemonStarted"]);
        assert_eq!(of("instance/lab/web-1", &[]), Vec::<String>::new());
    }
}
