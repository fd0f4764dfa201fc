use madang_model::{Metadata, Object, RoleSpec, Subject};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::{AUTHENTICATED, MASTERS, UNAUTHENTICATED};

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn rule_of(verbs: &[&str], resources: &[&str]) -> PolicyRule {
    PolicyRule {
        verbs: texts(verbs),
        api_groups: texts(&["madang.dev"]),
        resources: texts(resources),
        ..PolicyRule::default()
    }
}

fn metadata(namespace: &str, name: &str) -> Metadata {
    let namespace = Some(namespace.to_owned()).filter(|namespace| !namespace.is_empty());
    Metadata { name: name.to_owned(), namespace, ..Metadata::default() }
}

/// A Role, or without a project a ClusterRole.
pub(crate) fn role(namespace: &str, name: &str, rules: &[PolicyRule]) -> Resource {
    let spec = RoleSpec { rules: rules.to_vec() };
    let (metadata, status) = (metadata(namespace, name), Default::default());
    let object = Object { metadata, spec, status };
    if namespace.is_empty() { Resource::ClusterRole(object) } else { Resource::Role(object) }
}

/// A RoleBinding, or without a project a ClusterRoleBinding. Subjects are `User:NAME` or `Group:NAME`.
pub(crate) fn binding(namespace: &str, name: &str, role: &str, subjects: &[&str]) -> Resource {
    let (kind, role) = role.split_once(':').unwrap();
    let role_ref = RoleRef { kind: kind.to_owned(), name: role.to_owned(), ..RoleRef::default() };
    let subject = |subject: &&str| {
        let (kind, name) = subject.split_once(':').unwrap();
        Subject { kind: kind.to_owned(), name: name.to_owned(), ..Subject::default() }
    };
    let spec = BindingSpec { subjects: subjects.iter().map(subject).collect(), role_ref };
    let object = Object { metadata: metadata(namespace, name), spec, status: Default::default() };
    if namespace.is_empty() { Resource::ClusterRoleBinding(object) } else { Resource::RoleBinding(object) }
}

fn get(namespace: &str) -> Attributes {
    Attributes::resource("get", "madang.dev", "vpcs").in_namespace(namespace).named("shop")
}

fn ana() -> User {
    User::new("ana", ["dev"])
}

#[test]
fn a_role_counts_in_its_project_and_a_cluster_role_where_it_is_bound() {
    let rules = [rule_of(&["get"], &["vpcs"])];
    let policy = Policy::new(&[
        role("a", "look", &rules),
        binding("a", "one", "Role:look", &["User:ana"]),
        role("", "look", &rules),
        binding("b", "two", "ClusterRole:look", &["Group:dev"]),
        binding("c", "three", "Role:look", &["User:ana"]),
        binding("", "four", "ClusterRole:look", &["User:ben"]),
        binding("", "five", "Role:look", &["User:ana"]),
    ]);
    let reason = |user: &User, namespace: &str| {
        let Decision { allowed, reason } = policy.allows(user, &get(namespace));
        (allowed, reason)
    };
    let yes = |reason: &str| (true, reason.to_owned());
    assert_eq!(reason(&ana(), "a"), yes(r#"allowed by RoleBinding "a/one" of Role "look" to User "ana""#));
    assert_eq!(
        reason(&ana(), "b"),
        yes(r#"allowed by RoleBinding "b/two" of ClusterRole "look" to Group "dev""#)
    );
    let dangling = r#"ClusterRoleBinding "five" of Role "look" gives nothing: there is no such role"#;
    let both =
        format!("{dangling}; RoleBinding \"c/three\" of Role \"look\" gives nothing: there is no such role");
    assert_eq!(reason(&ana(), "c"), (false, both), "the role of another project is another role");
    assert_eq!(reason(&ana(), ""), (false, dangling.to_owned()), "in all projects is more than in some");
    let ben = User::new("ben", [] as [&str; 0]);
    let everywhere = r#"allowed by ClusterRoleBinding "four" of ClusterRole "look" to User "ben""#;
    for namespace in ["", "a", "z"] {
        assert_eq!(reason(&ben, namespace), yes(everywhere));
    }
    assert_eq!(reason(&User::new("dev", ["ana"]), "a"), (false, String::new()), "a user is no group");
}

#[test]
fn everybody_is_in_the_groups_that_are_implied() {
    let policy = Policy::new(&[
        role("", "look", &[rule_of(&["get"], &["vpcs"])]),
        binding("a", "known", "ClusterRole:look", &[&format!("Group:{AUTHENTICATED}")]),
        binding("b", "unknown", "ClusterRole:look", &[&format!("Group:{UNAUTHENTICATED}")]),
    ]);
    let allowed = |user: &User, namespace| policy.allows(user, &get(namespace)).allowed;
    assert!(allowed(&ana(), "a") && !allowed(&ana(), "b"));
    assert!(!allowed(&User::anonymous(), "a") && allowed(&User::anonymous(), "b"));
}

#[test]
fn masters_may_do_everything_without_any_role() {
    let root = User::new("root", [MASTERS]);
    let policy = Policy::new([]);
    for asked in [get("a"), Attributes::path("post", "/shutdown"), Attributes::resource("x", "y", "z")] {
        assert!(policy.allows(&root, &asked).allowed);
        assert!(!policy.allows(&ana(), &asked).allowed);
    }
    assert_eq!(policy.rules_for(&root, "a"), everything());
}

#[test]
fn the_rules_of_a_user_are_those_of_the_project_and_of_all() {
    let (look, change) = (rule_of(&["get"], &["vpcs"]), rule_of(&["update"], &["vpcs"]));
    let policy = Policy::new(&[
        role("", "look", &[look.clone()]),
        role("a", "change", &[change.clone(), look.clone()]),
        binding("", "all", "ClusterRole:look", &["Group:dev"]),
        binding("a", "some", "Role:change", &["User:ana"]),
    ]);
    assert_eq!(policy.rules_for(&ana(), "a"), [change, look.clone()]);
    assert_eq!(policy.rules_for(&ana(), "b"), [look]);
    assert_eq!(policy.rules_for(&User::anonymous(), "a"), []);
}

#[test]
fn ten_thousand_bindings_of_others_cost_nothing() {
    let rules = [rule_of(&["get"], &["vpcs"])];
    let mut resources =
        vec![role("", "look", &rules), binding("p7", "mine", "ClusterRole:look", &["User:ana"])];
    for n in 0..10_000 {
        let (namespace, name) = (format!("p{}", n % 100), format!("b{n}"));
        resources.push(binding(&namespace, &name, "ClusterRole:look", &[&format!("User:u{n}"), "Group:g"]));
    }
    let policy = Policy::new(&resources);
    assert_eq!(policy.grants(&ana(), "p7").count(), 1);
    assert!(policy.allows(&ana(), &get("p7")).allowed);
    assert!(!policy.allows(&ana(), &get("p8")).allowed);
    assert_eq!(policy.grants(&User::new("x", ["g"]), "p7").count(), 100, "of this project alone");
}

/// The same question, answered the long way: every binding, every subject, every role, every rule.
fn naive(resources: &[Resource], user: &User, asked: &Attributes) -> bool {
    if user.groups.iter().any(|group| group == MASTERS) {
        return true;
    }
    let project = asked.target().map(|target| target.namespace.as_str()).filter(|name| !name.is_empty());
    let is = |subject: &Subject| match subject.kind.as_str() {
        "User" => subject.name == user.name,
        "Group" if subject.name == AUTHENTICATED => user.name != crate::ANONYMOUS,
        "Group" if subject.name == UNAUTHENTICATED => user.name == crate::ANONYMOUS,
        "Group" => user.groups.contains(&subject.name),
        _ => false,
    };
    let allows = |spec: &RoleSpec| spec.rules.iter().any(|rule| rule::allows(rule, asked));
    resources.iter().any(|resource| {
        let (binding, of) = match resource {
            Resource::ClusterRoleBinding(binding) => (binding, None),
            Resource::RoleBinding(binding) => (binding, binding.metadata.namespace.as_deref()),
            _ => return false,
        };
        let here = of.is_none() || of == project;
        let role = &binding.spec.role_ref;
        here && binding.spec.subjects.iter().any(is)
            && resources.iter().any(|resource| match resource {
                Resource::ClusterRole(o) => {
                    role.kind == "ClusterRole" && o.metadata.name == role.name && allows(&o.spec)
                }
                Resource::Role(o) => {
                    role.kind == "Role"
                        && o.metadata.name == role.name
                        && of.is_some()
                        && o.metadata.namespace.as_deref() == of
                        && allows(&o.spec)
                }
                _ => false,
            })
    })
}

fn some(words: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(select(words).prop_map(str::to_owned), 0..=most)
}

fn any_rules() -> impl Strategy<Value = Vec<PolicyRule>> {
    let words = (some(&["*", "get", "put"], 2), some(&["*", "", "g"], 2), some(&["*", "a", "a/x", "*/x"], 2));
    let rule = (words, some(&["n"], 1), some(&["*", "/p*", "/p"], 1));
    let rule = rule.prop_map(|((verbs, api_groups, resources), resource_names, non_resource_urls)| {
        PolicyRule { verbs, api_groups, resources, resource_names, non_resource_urls }
    });
    proptest::collection::vec(rule, 0..3)
}

fn any_resource() -> impl Strategy<Value = Resource> {
    let place = || select(vec!["", "p", "q"]);
    let name = || select(vec!["r", "s"]);
    let roles = (place(), name(), any_rules()).prop_map(|(place, name, rules)| role(place, name, &rules));
    let to = select(vec!["Role:r", "Role:s", "ClusterRole:r", "ClusterRole:s", "ClusterRole:t"]);
    let subjects =
        some(&["User:u", "User:v", "Group:g", "Group:h", "Group:system:authenticated", "Robot:u"], 2);
    let bindings = (place(), "[a-z]{6}", to, subjects).prop_map(|(place, name, to, subjects)| {
        let subjects: Vec<_> = subjects.iter().map(String::as_str).collect();
        binding(place, &name, to, &subjects)
    });
    prop_oneof![roles, bindings]
}

fn any_asked() -> impl Strategy<Value = Attributes> {
    let words = (select(vec!["get", "put", "new"]), select(vec!["", "g", "h"]), select(vec!["a", "b"]));
    let rest = (select(vec!["", "p", "q", "z"]), select(vec!["", "n"]), select(vec!["", "x"]));
    let resource = (words, rest).prop_map(|((verb, group, resource), (namespace, name, part))| {
        Attributes::resource(verb, group, resource).in_namespace(namespace).named(name).part(part)
    });
    prop_oneof![4 => resource, 1 => Just(Attributes::path("get", "/path"))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_index_answers_what_the_long_way_does(
        mut resources in proptest::collection::vec(any_resource(), 0..14),
        name in select(vec!["u", "v", "w", crate::ANONYMOUS]),
        groups in some(&["g", "h", MASTERS], 2),
        asked in any_asked(),
    ) {
        // Of one name there is one resource.
        let mut seen = std::collections::HashSet::new();
        resources.retain(|resource| seen.insert(resource.object_ref()));
        let user = User::new(name, groups.iter().filter(|_| name != crate::ANONYMOUS));
        let policy = Policy::new(&resources);
        prop_assert_eq!(policy.allows(&user, &asked).allowed, naive(&resources, &user, &asked));
        let namespace = asked.target().map_or("", |target| target.namespace.as_str());
        let by_rules = policy.rules_for(&user, namespace).iter().any(|rule| rule::allows(rule, &asked));
        prop_assert_eq!(by_rules, policy.allows(&user, &asked).allowed, "the rules of a user say the same");
    }
}
