//! One rule of a role: what it allows, and whether other rules cover it.

use madang_model::PolicyRule;

use crate::{Attributes, ResourceTarget, Target};

/// Stands for all.
const ALL: &str = "*";

/// Whether a rule allows this.
pub(crate) fn allows(rule: &PolicyRule, asked: &Attributes) -> bool {
    has_or_all(&rule.verbs, &asked.verb)
        && match &asked.target {
            Target::Path(path) => rule.non_resource_urls.iter().any(|url| url_covers(url, path)),
            Target::Resource(target) => allows_resource(rule, target),
        }
}

fn allows_resource(rule: &PolicyRule, target: &ResourceTarget) -> bool {
    has_or_all(&rule.api_groups, &target.group)
        && rule.resources.iter().any(|resource| {
            let (named, part) = resource.split_once('/').unwrap_or((resource, ""));
            resource == ALL
                || (named == target.resource && part == target.subresource)
                || (named == ALL && !part.is_empty() && part == target.subresource)
        })
        && (rule.resource_names.is_empty() || rule.resource_names.contains(&target.name))
}

/// Whether everything that one rule allows is allowed by these others, and what of it is not.
///
/// It compares rules, not what they would allow: a rule for all resources is covered by a rule for all resources only, and
/// not by one that lists every resource there is today.
pub fn covers(owned: &[PolicyRule], wanted: &PolicyRule) -> Result<(), Vec<PolicyRule>> {
    let missing: Vec<_> =
        single(wanted).filter(|wanted| !owned.iter().any(|owned| covers_single(owned, wanted))).collect();
    if missing.is_empty() { Ok(()) } else { Err(missing) }
}

/// A rule taken apart: one verb, on one resource or path, by one name at most.
fn single(rule: &PolicyRule) -> impl Iterator<Item = PolicyRule> {
    let verbs = rule.verbs.iter();
    verbs.flat_map(move |verb| {
        let of_verb = PolicyRule { verbs: vec![verb.clone()], ..PolicyRule::default() };
        let paths = rule.non_resource_urls.iter().map({
            let of_verb = of_verb.clone();
            move |url| PolicyRule { non_resource_urls: vec![url.clone()], ..of_verb.clone() }
        });
        let pairs = rule
            .api_groups
            .iter()
            .flat_map(|group| rule.resources.iter().map(move |resource| (group.clone(), resource.clone())));
        let resources = pairs.flat_map(move |(group, resource)| {
            let of_resource =
                PolicyRule { api_groups: vec![group], resources: vec![resource], ..of_verb.clone() };
            let names: Vec<Option<&String>> = if rule.resource_names.is_empty() {
                vec![None]
            } else {
                rule.resource_names.iter().map(Some).collect()
            };
            names.into_iter().map(move |name| PolicyRule {
                resource_names: name.into_iter().cloned().collect(),
                ..of_resource.clone()
            })
        });
        paths.chain(resources)
    })
}

/// Whether a rule covers another that was taken apart.
fn covers_single(owned: &PolicyRule, wanted: &PolicyRule) -> bool {
    let all = |wanted: &[String], has: &dyn Fn(&str) -> bool| wanted.iter().all(|wanted| has(wanted));
    let resource = |wanted: &str| {
        let part = wanted.split_once('/').map(|(_, part)| format!("{ALL}/{part}"));
        has_or_all(&owned.resources, wanted) || part.is_some_and(|part| owned.resources.contains(&part))
    };
    let names = owned.resource_names.is_empty()
        || (!wanted.resource_names.is_empty()
            && all(&wanted.resource_names, &|name| owned.resource_names.iter().any(|owned| owned == name)));
    all(&wanted.verbs, &|verb| has_or_all(&owned.verbs, verb))
        && all(&wanted.api_groups, &|group| has_or_all(&owned.api_groups, group))
        && all(&wanted.resources, &resource)
        && all(&wanted.non_resource_urls, &|url| {
            owned.non_resource_urls.iter().any(|owned| url_covers(owned, url))
        })
        && (wanted.resources.is_empty() || names)
}

fn has_or_all(list: &[String], wanted: &str) -> bool {
    list.iter().any(|entry| entry == ALL || entry == wanted)
}

/// Whether a rule's path stands for this one, which may end in a star itself.
fn url_covers(url: &str, path: &str) -> bool {
    url == path || url.ends_with(ALL) && path.starts_with(url.trim_end_matches(ALL))
}

#[cfg(test)]
mod tests;
