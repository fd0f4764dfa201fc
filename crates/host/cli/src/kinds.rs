//! How the command line speaks of resources: `instances`, `i web-1 web-2`, `sg/web`, `vpcs,subnets`, `all`.

use std::str::FromStr;

use madang_model::{Kind, ObjectRef, Resource};

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
    /// From the words on the command line.
    pub(crate) fn parse(words: &[String]) -> Result<Self, Failure> {
        let [first, rest @ ..] = words else {
            return Err(Failure::usage("name a kind, as instances", "or `all`"));
        };
        if words.iter().any(|word| word.contains('/')) {
            return words.iter().map(|word| object(word)).collect::<Result<_, _>>().map(Self::Named);
        }
        let kinds = kinds(first)?;
        match (kinds.as_slice(), rest) {
            (_, []) => Ok(Self::Kinds(kinds)),
            ([kind], names) => {
                Ok(Self::Named(names.iter().map(|name| ObjectRef::new(*kind, name)).collect()))
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

    /// Whether the resource was asked for.
    pub(crate) fn includes(&self, resource: &Resource) -> bool {
        match self {
            Self::Kinds(kinds) => kinds.contains(&resource.kind()),
            Self::Named(objects) => objects.contains(&resource.object_ref()),
        }
    }
}

/// `instances`, `vpcs,subnets`, `all`.
fn kinds(word: &str) -> Result<Vec<Kind>, Failure> {
    if word == "all" {
        return Ok(Kind::ALL.to_vec());
    }
    let one = |name: &str| name.parse::<KindName>().map(|kind| kind.0).map_err(|why| Failure::usage(why, ""));
    word.split(',').filter(|name| !name.is_empty()).map(one).collect()
}

/// `kind/name`.
fn object(word: &str) -> Result<ObjectRef, Failure> {
    let (kind, name) = word.split_once('/').ok_or_else(|| {
        Failure::usage(format!("\"{word}\" stands beside a kind/name"), "write kind/name for each")
    })?;
    let kind: KindName = kind.parse().map_err(|why: String| Failure::usage(why, ""))?;
    if name.is_empty() {
        return Err(Failure::usage(format!("\"{word}\" has no name"), "write kind/name"));
    }
    Ok(ObjectRef::new(kind.0, name))
}

/// The instance that is meant by `web-1` or `instance/web-1`.
pub(crate) fn instance(word: &str) -> Result<ObjectRef, Failure> {
    let Some((_, _)) = word.split_once('/') else { return Ok(ObjectRef::new(Kind::Instance, word)) };
    let object = object(word)?;
    if object.kind != Kind::Instance {
        return Err(Failure::usage(format!("{object} is no instance"), "name an instance, as web-1"));
    }
    Ok(object)
}

/// Whether somebody declared it, and not the daemon itself, as nodes and the roles that are there from the start.
pub(crate) fn is_declared(resource: &Resource) -> bool {
    resource.kind() != Kind::Node && !resource.metadata().labels.contains_key(madang_access::BOOTSTRAPPING)
}

/// `instance/web-1`, as `-o name` prints it and every command takes it.
pub(crate) fn written(object: &ObjectRef) -> String {
    format!("{}/{}", object.kind.name().to_lowercase(), object.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Targets, String> {
        let words: Vec<_> = words.split(' ').map(str::to_owned).collect();
        Targets::parse(&words).map_err(|failure| failure.to_string())
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
        assert_eq!(parse("all"), Ok(Targets::Kinds(Kind::ALL.to_vec())));
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
        insta::assert_snapshot!(parse("instanes").unwrap_err(), @r#"There is no kind "instanes". Did you mean instances? The kinds are nodes, addresspools, vpcs, securitygroups, natgateways, routetables, subnets, instances, publicaddresses."#);
        insta::assert_snapshot!(parse("pods").unwrap_err(), @r#"There is no kind "pods". Did you mean addresspools? The kinds are nodes, addresspools, vpcs, securitygroups, natgateways, routetables, subnets, instances, publicaddresses."#);
        insta::assert_snapshot!(parse("vpcs,subnets web").unwrap_err(), @"names can follow one kind, and vpcs,subnets is several");
        insta::assert_snapshot!(parse("vpc/shop web").unwrap_err(), @r#""web" stands beside a kind/name"#);
        insta::assert_snapshot!(parse("vpc/").unwrap_err(), @r#""vpc/" has no name"#);
        insta::assert_snapshot!(instance("vpc/shop").unwrap_err(), @"Vpc/shop is no instance");
    }

    #[test]
    fn an_instance_by_either_form() {
        assert_eq!(instance("web-1").unwrap(), instance("i/web-1").unwrap());
    }
}
