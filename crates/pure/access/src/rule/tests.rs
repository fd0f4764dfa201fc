use proptest::prelude::*;

use super::*;

fn list(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> PolicyRule {
    PolicyRule {
        verbs: list(verbs),
        api_groups: list(groups),
        resources: list(resources),
        resource_names: list(names),
        non_resource_urls: Vec::new(),
    }
}

fn paths(verbs: &[&str], urls: &[&str]) -> PolicyRule {
    PolicyRule { verbs: list(verbs), non_resource_urls: list(urls), ..PolicyRule::default() }
}

fn get(resource: &str) -> Attributes {
    let (resource, part) = resource.split_once('/').unwrap_or((resource, ""));
    Attributes::resource("get", "g", resource).part(part)
}

#[test]
fn a_rule_names_resources_and_their_parts_apart() {
    let allowed =
        |resources: &[&str], asked: &str| allows(&rule(&["get"], &["g"], resources, &[]), &get(asked));
    assert!(allowed(&["instances"], "instances"));
    assert!(!allowed(&["instances"], "instances/log"), "a part is not the resource");
    assert!(!allowed(&["instances/log"], "instances"), "nor the other way round");
    assert!(allowed(&["instances/log"], "instances/log"));
    assert!(allowed(&["*"], "instances"));
    assert!(allowed(&["*"], "instances/log"), "a star alone stands for parts too");
    assert!(allowed(&["*/log"], "instances/log"));
    assert!(!allowed(&["*/log"], "instances"));
    assert!(!allowed(&["instances/*"], "instances/log"), "there is no star behind a slash");
    assert!(!allowed(&["*/"], "instances"));
}

#[test]
fn verbs_groups_and_names_must_all_fit() {
    let named = rule(&["get", "create"], &["g", ""], &["vpcs"], &["shop"]);
    assert!(allows(&named, &get("vpcs").named("shop")));
    assert!(!allows(&named, &get("vpcs").named("other")));
    assert!(!allows(&named, &get("vpcs")), "all of them are more than one of them");
    assert!(!allows(&named, &Attributes::resource("create", "g", "vpcs")), "a new one has no name yet");
    assert!(!allows(&named, &Attributes::resource("list", "g", "vpcs").named("shop")));
    assert!(!allows(&named, &Attributes::resource("get", "other", "vpcs").named("shop")));
    assert!(allows(&named, &Attributes::resource("get", "", "vpcs").named("shop")));
    assert!(allows(&rule(&["*"], &["*"], &["*"], &[]), &Attributes::resource("any", "any", "any")));
}

#[test]
fn paths_and_resources_are_apart() {
    let everything = rule(&["*"], &["*"], &["*"], &[]);
    assert!(!allows(&everything, &Attributes::path("get", "/healthz")));
    let all_paths = paths(&["*"], &["*"]);
    assert!(allows(&all_paths, &Attributes::path("get", "/healthz")));
    assert!(!allows(&all_paths, &get("vpcs")));
    let allowed = |url: &str, path: &str| allows(&paths(&["get"], &[url]), &Attributes::path("get", path));
    assert!(allowed("/apis/*", "/apis/madang.dev"));
    assert!(!allowed("/apis/*", "/apis"));
    assert!(!allowed("/apis", "/apis/madang.dev"));
    assert!(allowed("/health*", "/healthz"));
    assert!(!allowed("/*/x", "/a/x"), "a star stands at the end");
}

#[test]
fn what_is_given_must_be_had() {
    let had = |owned: &[PolicyRule], wanted: PolicyRule| covers(owned, &wanted).is_ok();
    let vpcs = rule(&["get", "list"], &["g"], &["vpcs"], &[]);
    assert!(
        had(std::slice::from_ref(&vpcs), rule(&["list"], &["g"], &["vpcs"], &["shop"])),
        "less by a name"
    );
    assert!(!had(&[rule(&["list"], &["g"], &["vpcs"], &["shop"])], vpcs.clone()));
    let pieces = [rule(&["get"], &["g"], &["vpcs"], &[]), rule(&["list"], &["*"], &["*"], &[])];
    assert!(had(&pieces, vpcs), "several rules together");
    assert!(!had(&[rule(&["get", "list"], &["g"], &["vpcs"], &[])], rule(&["*"], &["g"], &["vpcs"], &[])));
    assert!(had(&[rule(&["get"], &["g"], &["*/log"], &[])], rule(&["get"], &["g"], &["instances/log"], &[])));
    assert!(!had(
        &[rule(&["get"], &["g"], &["instances"], &[])],
        rule(&["get"], &["g"], &["instances/log"], &[])
    ));
    assert!(had(&[paths(&["get"], &["/a/*"])], paths(&["get"], &["/a/b", "/a/c*"])));
    assert!(!had(&[paths(&["get"], &["/a/*"])], paths(&["get"], &["*"])));
    assert!(!had(&[rule(&["*"], &["*"], &["*"], &[])], paths(&["get"], &["/a"])));
    assert!(!had(&[], rule(&["get"], &["g"], &["vpcs"], &[])));
    assert!(had(&[], rule(&[], &["g"], &["vpcs"], &[])), "what allows nothing needs nothing");
    let missing = covers(&pieces, &rule(&["get", "delete"], &["g"], &["vpcs"], &["a", "b"])).unwrap_err();
    assert_eq!(missing, ["a", "b"].map(|name| rule(&["delete"], &["g"], &["vpcs"], &[name])));
}

fn any_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(proptest::sample::select(words).prop_map(str::to_owned), 0..3)
}

fn any_rule() -> impl Strategy<Value = PolicyRule> {
    let resources = any_of(&["*", "a", "b", "a/x", "b/x", "*/x", "a/y"]);
    let parts = (any_of(&["*", "get", "list"]), any_of(&["*", "", "g"]), resources, any_of(&["n", "m"]));
    let rule = (parts, any_of(&["*", "/a", "/a/*", "/a/b", "/b"]));
    rule.prop_map(|((verbs, api_groups, resources, resource_names), non_resource_urls)| PolicyRule {
        verbs,
        api_groups,
        resources,
        resource_names,
        non_resource_urls,
    })
}

fn any_request() -> impl Strategy<Value = Attributes> {
    use proptest::sample::select;
    let words = (select(vec!["get", "list", "put"]), select(vec!["", "g", "h"]), select(vec!["a", "b", "c"]));
    let resource = (words, select(vec!["", "x", "y"]), select(vec!["", "n", "m", "o"]));
    let resource = resource.prop_map(|((verb, group, resource), part, name)| {
        Attributes::resource(verb, group, resource).part(part).named(name)
    });
    let path = (select(vec!["get", "put"]), select(vec!["/a", "/a/b", "/a/b/c", "/b", "/c"]));
    prop_oneof![3 => resource, 1 => path.prop_map(|(verb, path)| Attributes::path(verb, path))]
}

proptest! {
    /// The point of it: who gives only what is covered gives nothing that it could not do itself.
    #[test]
    fn what_is_covered_allows_nothing_new(
        owned in proptest::collection::vec(any_rule(), 0..4), wanted in any_rule(), asked in any_request(),
    ) {
        if covers(&owned, &wanted).is_ok() && allows(&wanted, &asked) {
            prop_assert!(owned.iter().any(|rule| allows(rule, &asked)), "{asked}");
        }
    }

    #[test]
    fn every_rule_covers_itself(rule in any_rule()) {
        prop_assert_eq!(covers(std::slice::from_ref(&rule), &rule), Ok(()));
    }

    #[test]
    fn what_is_missing_is_enough(owned in proptest::collection::vec(any_rule(), 0..3), wanted in any_rule()) {
        if let Err(missing) = covers(&owned, &wanted) {
            let together: Vec<_> = owned.into_iter().chain(missing).collect();
            prop_assert_eq!(covers(&together, &wanted), Ok(()));
        }
    }
}
