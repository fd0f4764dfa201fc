//! How the command line speaks of resources: `instances`, `i web-1 web-2`, `sg/web`, `vpcs,subnets`, `all`.

use std::str::FromStr;

use madang_model::{ApiGroup, Kind, ObjectRef, Resource};

use crate::error::Failure;

/// A kind, by any of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KindName(pub(crate) Kind);

impl FromStr for KindName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_lowercase();
        Kind::ALL.iter().copied().find(|kind| names(*kind).any(|name| name == lower)).map(Self).ok_or_else(
            || {
                let ask = nearest(&lower).map(|name| format!(" Did you mean {name}?")).unwrap_or_default();
                let all: Vec<_> = Kind::ALL.iter().map(|kind| kind.plural()).collect();
                format!("There is no kind \"{text}\".{ask} The kinds are {}.", all.join(", "))
            },
        )
    }
}

/// Every name of a kind, in lower case.
fn names(kind: Kind) -> impl Iterator<Item = String> {
    let own = [kind.name().to_lowercase(), kind.plural().to_owned()];
    own.into_iter().chain(kind.short_names().iter().map(|&name| name.to_owned()))
}

/// The plural of the kind whose name is nearest, if one is near.
fn nearest(text: &str) -> Option<&'static str> {
    let distance =
        |kind: &Kind| names(*kind).map(|name| strsim::levenshtein(&name, text)).min().unwrap_or(usize::MAX);
    Kind::ALL
        .iter()
        .map(|kind| (distance(kind), kind.plural()))
        .min()
        .filter(|(d, _)| *d <= 2)
        .map(|(_, name)| name)
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Targets {
    /// All resources of these kinds.
    Kinds(Vec<Kind>),
    /// These, each of which must be there.
    Named(Vec<ObjectRef>),
}

impl Targets {
    /// From the words on the command line; names without a project are of this one.
    pub(crate) fn parse(words: &[String], project: &str) -> Result<Self, Failure> {
        let [first, rest @ ..] = words else {
            return Err(Failure::usage("name a kind, as instances", "or `all`"));
        };
        if words.iter().any(|word| word.contains('/')) {
            return words.iter().map(|word| object(word, project)).collect::<Result<_, _>>().map(Self::Named);
        }
        let kinds = kinds(first)?;
        match (kinds.as_slice(), rest) {
            (_, []) => Ok(Self::Kinds(kinds)),
            ([kind], names) => {
                let named = |name: &String| ObjectRef::in_namespace(*kind, Some(project), name);
                Ok(Self::Named(names.iter().map(named).collect()))
            }
            _ => Err(Failure::usage(
                format!("names can follow one kind, and {first} is several"),
                "write kind/name for each, as vpc/shop subnet/web",
            )),
        }
    }

    /// The kinds to list.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        match self {
            Self::Kinds(kinds) => kinds.clone(),
            Self::Named(objects) => {
                let among = |kind: &Kind| objects.iter().any(|object| object.kind == *kind);
                Kind::ALL.iter().copied().filter(among).collect()
            }
        }
    }

    /// Where to look for them: in this project (none: in all), unless they are named.
    pub(crate) fn scope<'a>(&'a self, project: Option<&'a str>) -> Option<&'a str> {
        match self {
            Self::Kinds(_) => project,
            Self::Named(objects) => one_project(objects),
        }
    }

    /// Whether the resource was asked for.
    pub(crate) fn includes(&self, resource: &Resource) -> bool {
        match self {
            Self::Kinds(kinds) => kinds.contains(&resource.kind()),
            Self::Named(objects) => objects.contains(&resource.object_ref()),
        }
    }
}

/// `instances`, `vpcs,subnets`, `all`: what makes up the network, and what runs in it.
fn kinds(word: &str) -> Result<Vec<Kind>, Failure> {
    if word == "all" {
        return Ok(Kind::ALL.iter().copied().filter(|kind| kind.group() == ApiGroup::Madang).collect());
    }
    let one = |name: &str| name.parse::<KindName>().map(|kind| kind.0).map_err(|why| Failure::usage(why, ""));
    word.split(',').filter(|name| !name.is_empty()).map(one).collect()
}

/// `kind/name`, or `kind/project/name`.
fn object(word: &str, project: &str) -> Result<ObjectRef, Failure> {
    let (kind, name) = word.split_once('/').ok_or_else(|| {
        Failure::usage(format!("\"{word}\" stands beside a kind/name"), "write kind/name for each")
    })?;
    let kind: KindName = kind.parse().map_err(|why: String| Failure::usage(why, ""))?;
    let (project, name) = name.split_once('/').unwrap_or((project, name));
    if name.is_empty() {
        return Err(Failure::usage(format!("\"{word}\" has no name"), "write kind/name"));
    }
    Ok(ObjectRef::in_namespace(kind.0, Some(project), name))
}

/// The instance of the project that is meant by `web-1` or `instance/web-1`.
pub(crate) fn instance(word: &str, project: &str) -> Result<ObjectRef, Failure> {
    if !word.contains('/') {
        return Ok(ObjectRef::in_namespace(Kind::Instance, Some(project), word));
    }
    let object = object(word, project)?;
    if object.kind != Kind::Instance {
        return Err(Failure::usage(format!("{object} is no instance"), "name an instance, as web-1"));
    }
    Ok(object)
}

/// `instance/web-1`, or `instance/lab/web-1` of a project, as `-o name` prints it and every command takes it.
pub(crate) fn written(object: &ObjectRef) -> String {
    format!("{}/{}", object.kind.name().to_lowercase(), object.qualified_name())
}

/// The one project of these, if there is one; what is of the host belongs to all.
pub(crate) fn one_project<'a>(objects: impl IntoIterator<Item = &'a ObjectRef>) -> Option<&'a str> {
    let mut projects = objects.into_iter().map(|object| object.namespace.as_str()).filter(|p| !p.is_empty());
    let first = projects.next()?;
    projects.all(|project| project == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Targets, String> {
        let words: Vec<_> = words.split(' ').map(str::to_owned).collect();
        Targets::parse(&words, "default").map_err(|failure| failure.to_string())
    }

    #[test]
    fn every_name_of_every_kind_is_understood() {
        for kind in Kind::ALL {
            for name in names(*kind).chain([kind.name().to_owned(), kind.name().to_uppercase()]) {
                assert_eq!(name.parse::<KindName>(), Ok(KindName(*kind)), "{name}");
            }
        }
    }

    #[test]
    fn no_two_kinds_share_a_name() {
        let mut all: Vec<_> = Kind::ALL
            .iter()
            .flat_map(|kind| names(*kind).collect::<std::collections::BTreeSet<_>>())
            .collect();
        all.sort();
        let before = all.len();
        all.dedup();
        assert_eq!(all.len(), before);
        assert!(!all.contains(&"all".to_owned()));
    }

    #[test]
    fn one_kind_several_all() {
        assert_eq!(parse("instances"), Ok(Targets::Kinds(vec![Kind::Instance])));
        assert_eq!(parse("vpc,sg"), Ok(Targets::Kinds(vec![Kind::Vpc, Kind::SecurityGroup])));
        let Ok(Targets::Kinds(all)) = parse("all") else { panic!("all are kinds") };
        assert!(all.contains(&Kind::Instance) && all.contains(&Kind::InstanceGroup), "{all:?}");
        assert!(!all.contains(&Kind::Event) && !all.contains(&Kind::Secret), "{all:?}");
    }

    #[test]
    fn by_name() {
        let web = ObjectRef::new(Kind::Instance, "web-1");
        let db = ObjectRef::new(Kind::Instance, "db-1");
        assert_eq!(parse("i web-1 db-1"), Ok(Targets::Named(vec![web.clone(), db])));
        assert_eq!(
            parse("instance/web-1 sg/web"),
            Ok(Targets::Named(vec![web, ObjectRef::new(Kind::SecurityGroup, "web")]))
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        insta::assert_snapshot!(parse("instanes").unwrap_err(), @r#"There is no kind "instanes". Did you mean instances? The kinds are namespaces, nodes, addresspools, dhcpservers, vpcs, prefixlists, securitygroups, natgateways, routetables, subnets, instances, instancegroups, publicaddresses, assertions, secrets, roles, rolebindings, clusterroles, clusterrolebindings, events."#);
        insta::assert_snapshot!(parse("pods").unwrap_err(), @r#"There is no kind "pods". Did you mean addresspools? The kinds are namespaces, nodes, addresspools, dhcpservers, vpcs, prefixlists, securitygroups, natgateways, routetables, subnets, instances, instancegroups, publicaddresses, assertions, secrets, roles, rolebindings, clusterroles, clusterrolebindings, events."#);
        insta::assert_snapshot!(parse("vpcs,subnets web").unwrap_err(), @"names can follow one kind, and vpcs,subnets is several");
        insta::assert_snapshot!(parse("vpc/shop web").unwrap_err(), @r#""web" stands beside a kind/name"#);
        insta::assert_snapshot!(parse("vpc/").unwrap_err(), @r#""vpc/" has no name"#);
        insta::assert_snapshot!(instance("vpc/shop", "default").unwrap_err(), @"Vpc/shop is no instance");
    }

    #[test]
    fn an_instance_by_either_form() {
        let meant = |word: &str| instance(word, "lab").unwrap();
        assert_eq!(meant("web-1"), meant("i/web-1"));
        assert_eq!(meant("web-1").namespace, "lab");
        assert_eq!(meant("i/other/web-1").namespace, "other");
    }

    #[test]
    fn what_is_written_is_understood() {
        let vpc = |project: &str| ObjectRef::in_namespace(Kind::Vpc, Some(project), "shop");
        let node = ObjectRef::new(Kind::Node, "host-1");
        for (object, text) in
            [(vpc("default"), "vpc/shop"), (vpc("lab"), "vpc/lab/shop"), (node.clone(), "node/host-1")]
        {
            assert_eq!(written(&object), text);
            assert_eq!(parse(text), Ok(Targets::Named(vec![object])));
        }
        assert_eq!(one_project(&[vpc("lab"), node.clone(), vpc("lab")]), Some("lab"));
        assert_eq!(one_project(&[vpc("lab"), vpc("default")]), None);
        assert_eq!(one_project(&[node]), None);
    }
}
