//! `madang get`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use madang_api::Client;
use madang_model::{DEFAULT_NAMESPACE, Kind, ObjectRef, Resource};
use serde_json::{Value, json};

use crate::args::{Format, GetArgs};
use crate::context::Context;
use crate::error::Failure;
use crate::kinds::{Targets, written};
use crate::mirror::Mirror;
use crate::output::columns::{Around, Show, table};
use crate::output::yaml::to_yaml;
use crate::wait::interrupts;
use madang_model::Selector;

/// Lists resources, and goes on as they change if that was asked for.
pub(super) async fn run(context: &Context, args: &GetArgs) -> Result<(), Failure> {
    let targets = Targets::parse(&args.targets, context.project())?;
    let project = (!args.all_namespaces).then_some(context.project());
    let asked = Asked { scope: targets.scope(project), targets: &targets, all_projects: args.all_namespaces };
    let client = context.client().await?;
    if args.watch {
        return watch(context, args, asked, &client).await;
    }
    let all = list(&client, &kinds(&targets), asked.scope).await?;
    let chosen = choose(&all, &targets, asked.scope, args.selector.as_ref())?;
    if chosen.is_empty() && matches!(args.output, Format::Table | Format::Wide | Format::Name) {
        context.say(&nothing(asked));
        return Ok(());
    }
    context.print(&render(context, args.output, asked, &chosen, &all))
}

/// What was asked for.
#[derive(Clone, Copy)]
struct Asked<'a> {
    targets: &'a Targets,
    /// The project to look in; none: all.
    scope: Option<&'a str>,
    /// Whether the tables have a column for the project.
    all_projects: bool,
}

async fn list(client: &Client, kinds: &[Kind], project: Option<&str>) -> Result<Vec<Resource>, Failure> {
    let mut all = Vec::new();
    for kind in kinds {
        let list = client.list_in(*kind, project).await;
        all.extend(list.map_err(|error| Failure::api("list the resources", error))?.items);
    }
    Ok(all)
}

/// The kinds to ask for: an instance's row names the VPC of its subnet.
fn kinds(targets: &Targets) -> Vec<Kind> {
    let mut kinds = targets.kinds();
    if kinds.contains(&Kind::Instance) && !kinds.contains(&Kind::Subnet) {
        kinds.push(Kind::Subnet);
    }
    kinds
}

/// What was asked for, in this project (none: in all). A name that is not there is a mistake.
pub(super) fn choose<'a>(
    all: &'a [Resource],
    targets: &Targets,
    project: Option<&str>,
    selector: Option<&Selector>,
) -> Result<Vec<&'a Resource>, Failure> {
    if let Targets::Named(objects) = targets {
        let there: BTreeSet<ObjectRef> = all.iter().map(Resource::object_ref).collect();
        let missing: Vec<_> =
            objects.iter().filter(|object| !there.contains(object)).map(ToString::to_string).collect();
        if !missing.is_empty() {
            return Err(Failure::NotFound { what: missing.join(", ") });
        }
    }
    Ok(all.iter().filter(|resource| is_chosen(resource, targets, project, selector)).collect())
}

fn is_chosen(
    resource: &Resource,
    targets: &Targets,
    project: Option<&str>,
    selector: Option<&Selector>,
) -> bool {
    let own = resource.metadata().namespace.as_deref();
    let in_scope = project.is_none() || own.is_none() || own == project;
    in_scope
        && targets.includes(resource)
        && selector.is_none_or(|selector| selector.matches(&resource.metadata().labels))
}

fn nothing(asked: Asked<'_>) -> String {
    let place = match asked.scope.filter(|project| *project != DEFAULT_NAMESPACE) {
        Some(project) => format!(" in the project {project}"),
        None => String::new(),
    };
    match asked.targets.kinds().as_slice() {
        [kind] if kind.is_namespaced() => format!("There are no {}{place}.", kind.plural()),
        [kind] => format!("There are no {}.", kind.plural()),
        _ => format!("There is nothing{place}."),
    }
}

fn render(
    context: &Context,
    format: Format,
    asked: Asked<'_>,
    chosen: &[&Resource],
    all: &[Resource],
) -> String {
    match format {
        Format::Json => format!("{:#}\n", value(asked.targets, chosen)),
        Format::Yaml => to_yaml(&value(asked.targets, chosen)),
        Format::Name => chosen.iter().map(|resource| written(&resource.object_ref()) + "\n").collect(),
        Format::Table | Format::Wide => {
            let around = Around::new(Timestamp::now(), all);
            let kinds: BTreeSet<Kind> = chosen.iter().map(|resource| resource.kind()).collect();
            let columns = context.columns();
            let of_kind = |kind: &Kind| {
                let own: Vec<&Resource> = chosen.iter().copied().filter(|r| r.kind() == *kind).collect();
                table(&own, &around, asked.show(format)).render(context.data, columns)
            };
            kinds.iter().map(of_kind).collect::<Vec<_>>().join("\n")
        }
    }
}

/// One resource that was named is itself; everything else is a list.
fn value(targets: &Targets, chosen: &[&Resource]) -> Value {
    if let (Targets::Named(objects), [resource]) = (targets, chosen)
        && objects.len() == 1
    {
        return resource.to_json();
    }
    json!({
        "apiVersion": "v1",
        "kind": "List",
        "metadata": {},
        "items": chosen.iter().map(|resource| resource.to_json()).collect::<Vec<_>>(),
    })
}

/// Prints what there is, and then each resource as it changes.
async fn watch(context: &Context, args: &GetArgs, asked: Asked<'_>, client: &Client) -> Result<(), Failure> {
    let fail = |error| Failure::api("follow the resources", error);
    let mut interrupt = interrupts()?;
    let Asked { targets, scope, .. } = asked;
    let mut mirror = Mirror::start(client, &kinds(targets), scope).await.map_err(fail)?;
    let now: Vec<Resource> = mirror.resources().cloned().collect();
    let selector = args.selector.as_ref();
    let chosen = choose(&now, targets, scope, selector)?;
    let mut lines = Lines::new(context, args.output, asked.show(args.output));
    let mut shown: BTreeMap<ObjectRef, Resource> = BTreeMap::new();
    for resource in chosen {
        shown.insert(resource.object_ref(), resource.clone());
    }
    lines.print(&shown.values().collect::<Vec<_>>(), &now)?;
    loop {
        let changed = tokio::select! {
            changed = mirror.changed() => changed.map_err(fail)?,
            _ = interrupt.recv() => return Ok(()),
        };
        for object in changed {
            let resource = mirror.find(&object).filter(|r| is_chosen(r, targets, scope, selector)).cloned();
            match (resource, shown.get(&object)) {
                (Some(new), old) if old != Some(&new) => {
                    let all: Vec<Resource> = mirror.resources().cloned().collect();
                    lines.print(&[&new], &all)?;
                    shown.insert(object, new);
                }
                (None, Some(_)) => {
                    shown.remove(&object);
                    context.say(&format!("{object} is gone."));
                }
                _ => {}
            }
        }
    }
}

impl Asked<'_> {
    /// How the rows are shown.
    fn show(&self, format: Format) -> Show {
        Show {
            all: format == Format::Wide,
            prefixed: self.targets.kinds().len() > 1,
            projects: self.all_projects,
        }
    }
}

/// Rows as they come, in columns that only grow.
pub(super) struct Lines<'a> {
    context: &'a Context,
    format: Format,
    show: Show,
    widths: BTreeMap<Kind, Vec<usize>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(context: &'a Context, format: Format, show: Show) -> Self {
        Self { context, format, show, widths: BTreeMap::new() }
    }

    /// Prints these, which stand among all of them.
    pub(super) fn print(&mut self, resources: &[&Resource], all: &[Resource]) -> Result<(), Failure> {
        let format = self.format;
        if !matches!(format, Format::Table | Format::Wide) {
            let text = |resource: &&Resource| match format {
                Format::Json => format!("{}\n", resource.to_json()),
                Format::Yaml => format!("---\n{}", to_yaml(&resource.to_json())),
                _ => written(&resource.object_ref()) + "\n",
            };
            return self.context.print(&resources.iter().map(text).collect::<String>());
        }
        let around = Around::new(Timestamp::now(), all);
        let kinds: BTreeSet<Kind> = resources.iter().map(|resource| resource.kind()).collect();
        for kind in kinds {
            let own: Vec<&Resource> = resources.iter().copied().filter(|r| r.kind() == kind).collect();
            let table = table(&own, &around, self.show);
            let text = match self.widths.get_mut(&kind) {
                Some(widths) => table.continued(self.context.data, widths),
                None => {
                    self.widths.insert(kind, table.widths());
                    table.lines(self.context.data, &table.widths(), true)
                }
            };
            self.context.print(&text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn json_is_stable() {
        let shop = samples::shop();
        let vpcs = Targets::Kinds(vec![Kind::Vpc]);
        let chosen = choose(&shop, &vpcs, Some("default"), None).unwrap();
        insta::assert_snapshot!(format!("{:#}", value(&vpcs, &chosen)), @r#"
        {
          "apiVersion": "v1",
          "kind": "List",
          "metadata": {},
          "items": [
            {
              "apiVersion": "madang.dev/v1alpha1",
              "kind": "Vpc",
              "metadata": {
                "name": "shop",
                "namespace": "default",
                "annotations": {
                  "madang.dev/source-file": "/home/ana/shop.yaml",
                  "madang.dev/source-lines": "{\"\":6,\"metadata.name\":8,\"spec\":9}"
                },
                "uid": "00000000-0000-4000-8000-000000000001",
                "generation": 1,
                "creationTimestamp": "2026-01-10T09:30:00Z"
              },
              "spec": {
                "cidrs": [
                  "10.0.0.0/16"
                ],
                "mtu": 1500
              },
              "status": {
                "observedGeneration": 0,
                "conditions": [
                  {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Programmed",
                    "message": "",
                    "observedGeneration": 1,
                    "lastTransitionTime": "2026-01-10T11:55:00Z"
                  }
                ],
                "number": 1
              }
            }
          ]
        }
        "#);
        let named = Targets::Named(vec![ObjectRef::new(Kind::Vpc, "shop")]);
        assert_eq!(value(&named, &chosen), value(&vpcs, &chosen)["items"][0]);
        assert_eq!(value(&vpcs, &[])["items"], json!([]));
    }

    #[test]
    fn what_is_printed_as_yaml_can_be_applied_again() {
        for resource in samples::shop() {
            let text = to_yaml(&resource.to_json());
            let file = madang_model::SourceFile { name: "printed".to_owned(), text: text.clone() };
            let again =
                madang_model::parse(&[file]).unwrap_or_else(|wrong| panic!("{wrong:?}\n{text}")).remove(0);
            assert_eq!(again.resource.to_json()["spec"], resource.to_json()["spec"], "{text}");
            assert_eq!(again.resource.metadata().annotations, resource.metadata().annotations);
        }
    }

    #[test]
    fn a_name_that_is_not_there_is_a_failure_and_a_label_is_not() {
        let shop = samples::shop();
        let missing = Targets::Named(vec![ObjectRef::new(Kind::Vpc, "none")]);
        assert!(matches!(choose(&shop, &missing, Some("default"), None), Err(Failure::NotFound { .. })));
        let instances = Targets::Kinds(vec![Kind::Instance]);
        let of =
            |selector: &str| choose(&shop, &instances, None, Some(&selector.parse().unwrap())).unwrap().len();
        assert_eq!((of("app=web"), of("app"), of("!app"), of("app=none")), (1, 1, 1, 0));
        let in_project = |project| choose(&shop, &instances, Some(project), None).unwrap().len();
        assert_eq!((in_project("default"), in_project("lab")), (2, 0));
        let pools = Targets::Kinds(vec![Kind::AddressPool]);
        assert_eq!(choose(&shop, &pools, Some("lab"), None).unwrap().len(), 1, "pools are of the host");
    }
}
