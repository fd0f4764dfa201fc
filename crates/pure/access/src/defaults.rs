//! The roles and bindings that are there from the start.
//!
//! They are resources like others: they can be looked at, bound, and added to. Names are Kubernetes'.

use std::collections::BTreeMap;

use madang_model::{
    ApiGroup, BindingSpec, Kind, Metadata, Object, PlainStatus, PolicyRule, Resource, RoleRef, RoleSpec,
    Subject,
};

use crate::{AUTHENTICATED, MASTERS, UNAUTHENTICATED, covers};

/// Label of what is there from the start.
pub const BOOTSTRAPPING: &str = "madang.dev/bootstrapping";
/// Its value.
pub const RBAC_DEFAULTS: &str = "rbac-defaults";
/// Annotation: `false`, if a newer build must not add to it.
pub const AUTO_UPDATE: &str = "madang.dev/autoupdate";

const LOOK: [&str; 3] = ["get", "list", "watch"];
const CHANGE: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];

/// What everybody who is known may look at: which kinds there are, and what they look like.
const DISCOVERY: [&str; 11] = [
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
    "/version/",
];
/// What everybody may look at.
const PUBLIC: [&str; 5] = ["/healthz", "/livez", "/readyz", "/version", "/version/"];

/// The roles and bindings that are there from the start.
pub fn defaults() -> Vec<Resource> {
    vec![
        role("cluster-admin", vec![rule(&["*"], "*", ["*"]), paths(&["*"], &["*"])]),
        role("admin", [edit(), vec![rights()]].concat()),
        role("edit", edit()),
        role("view", view()),
        role("system:discovery", vec![paths(&["get"], &DISCOVERY)]),
        role("system:public-info-viewer", vec![paths(&["get"], &PUBLIC)]),
        role(
            "system:basic-user",
            vec![
                rule(
                    &["create"],
                    "authorization.k8s.io",
                    ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
                ),
                rule(&["create"], "authentication.k8s.io", ["selfsubjectreviews"]),
            ],
        ),
        binding("cluster-admin", &[MASTERS]),
        binding("system:discovery", &[AUTHENTICATED]),
        binding("system:public-info-viewer", &[AUTHENTICATED, UNAUTHENTICATED]),
        binding("system:basic-user", &[AUTHENTICATED]),
    ]
}

/// The stored resource with what it lacks of the default one, if it lacks something and may be added to.
pub fn completed(stored: &Resource, default: &Resource) -> Option<Resource> {
    if stored.metadata().annotations.get(AUTO_UPDATE).is_some_and(|value| value == "false") {
        return None;
    }
    let mut new = stored.clone();
    match (&mut new, default) {
        (Resource::ClusterRole(new), Resource::ClusterRole(default)) => {
            let missing: Vec<_> =
                default.spec.rules.iter().filter(|rule| covers(&new.spec.rules, rule).is_err()).collect();
            new.spec.rules.extend(missing.into_iter().cloned());
        }
        (Resource::ClusterRoleBinding(new), Resource::ClusterRoleBinding(default))
            if new.spec.role_ref.name == default.spec.role_ref.name =>
        {
            let same = |a: &Subject, b: &Subject| (&a.kind, &a.name) == (&b.kind, &b.name);
            let has = |subject: &Subject| new.spec.subjects.iter().any(|other| same(subject, other));
            let missing: Vec<_> =
                default.spec.subjects.iter().filter(|subject| !has(subject)).cloned().collect();
            new.spec.subjects.extend(missing);
        }
        _ => return None,
    }
    (!new.same_spec(stored)).then_some(new)
}

/// Everything of a project but secrets and rights.
fn view() -> Vec<PolicyRule> {
    let parts = networked().map(|plural| format!("{plural}/status"));
    let madang: Vec<String> = networked()
        .map(str::to_owned)
        .chain(parts)
        .chain(
            [
                "instances/log",
                "instancegroups/scale",
                "nodes",
                "nodes/status",
                "addresspools",
                "addresspools/status",
            ]
            .map(str::to_owned),
        )
        .collect();
    vec![rule(&LOOK, ApiGroup::Madang.name(), madang), rule(&LOOK, "", ["namespaces", "events"])]
}

/// Everything of a project but rights.
fn edit() -> Vec<PolicyRule> {
    let madang = networked().chain(["instances/exec", "instancegroups/scale"]);
    let mut rules = view();
    rules.extend([
        rule(&CHANGE, ApiGroup::Madang.name(), madang),
        rule(&LOOK, "", ["secrets"]),
        rule(&CHANGE, "", ["secrets"]),
        rule(&LOOK, ApiGroup::Madang.name(), ["instances/exec"]),
    ]);
    rules
}

/// Who may do what in a project.
fn rights() -> PolicyRule {
    let verbs: Vec<_> = LOOK.into_iter().chain(CHANGE).collect();
    rule(&verbs, ApiGroup::Rbac.name(), ["roles", "rolebindings"])
}

/// Madang's own kinds that belong to a project.
fn networked() -> impl Iterator<Item = &'static str> {
    let of_project = |kind: &&Kind| kind.group() == ApiGroup::Madang && kind.is_namespaced();
    Kind::ALL.iter().filter(of_project).map(|kind| kind.plural())
}

fn rule<S: Into<String>>(verbs: &[&str], group: &str, resources: impl IntoIterator<Item = S>) -> PolicyRule {
    PolicyRule {
        verbs: texts(verbs),
        api_groups: texts(&[group]),
        resources: resources.into_iter().map(Into::into).collect(),
        ..PolicyRule::default()
    }
}

fn paths(verbs: &[&str], urls: &[&str]) -> PolicyRule {
    PolicyRule { verbs: texts(verbs), non_resource_urls: texts(urls), ..PolicyRule::default() }
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn metadata(name: &str) -> Metadata {
    let labels = BTreeMap::from([(BOOTSTRAPPING.to_owned(), RBAC_DEFAULTS.to_owned())]);
    Metadata { name: name.to_owned(), labels, ..Metadata::default() }
}

fn role(name: &str, rules: Vec<PolicyRule>) -> Resource {
    Resource::ClusterRole(Object {
        metadata: metadata(name),
        spec: RoleSpec { rules },
        status: PlainStatus::default(),
    })
}

/// A binding that is called as its role is.
fn binding(role: &str, groups: &[&str]) -> Resource {
    let api_group = ApiGroup::Rbac.name();
    let subject = |group: &&str| Subject {
        kind: "Group".to_owned(),
        api_group: api_group.to_owned(),
        name: (*group).to_owned(),
        namespace: None,
    };
    let role_ref =
        RoleRef { api_group: api_group.to_owned(), kind: "ClusterRole".to_owned(), name: role.to_owned() };
    let spec = BindingSpec { subjects: groups.iter().map(subject).collect(), role_ref };
    Resource::ClusterRoleBinding(Object { metadata: metadata(role), spec, status: PlainStatus::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::binding as bound;
    use crate::{Attributes, Policy, User};

    /// Three people with a role each in the project p.
    fn allowed(user: &str, verb: &str, group: &str, resource: &str) -> bool {
        let mut resources = defaults();
        for role in ["admin", "edit", "view"] {
            resources.push(bound("p", role, &format!("ClusterRole:{role}"), &[&format!("User:{role}")]));
        }
        let (resource, part) = resource.split_once('/').unwrap_or((resource, ""));
        let asked = Attributes::resource(verb, group, resource).part(part).in_namespace("p").named("n");
        Policy::new(&resources).allows(&User::new(user, [] as [&str; 0]), &asked).allowed
    }

    #[test]
    fn the_defaults_are_valid_resources() {
        for resource in defaults() {
            let again =
                madang_model::from_json(resource.to_json()).unwrap_or_else(|wrong| panic!("{wrong:?}"));
            assert_eq!(again, resource);
        }
    }

    #[test]
    fn view_looks_edit_changes_admin_gives_rights() {
        let (madang, rbac) = ("madang.dev", "rbac.authorization.k8s.io");
        for (verb, group, resource, may) in [
            ("list", madang, "vpcs", "admin edit view"),
            ("get", madang, "instances/status", "admin edit view"),
            ("get", madang, "instances/log", "admin edit view"),
            ("watch", "", "events", "admin edit view"),
            ("get", "", "namespaces", "admin edit view"),
            ("patch", madang, "instances", "admin edit"),
            ("update", madang, "instancegroups/scale", "admin edit"),
            ("create", madang, "instances/exec", "admin edit"),
            ("get", "", "secrets", "admin edit"),
            ("create", "", "secrets", "admin edit"),
            ("list", rbac, "roles", "admin"),
            ("create", rbac, "rolebindings", "admin"),
            ("bind", rbac, "clusterroles", ""),
            ("escalate", rbac, "roles", ""),
            ("delete", "", "namespaces", ""),
            ("create", rbac, "clusterrolebindings", ""),
            ("update", madang, "instances/status", ""),
            ("create", madang, "users", ""),
            ("create", madang, "bundles", ""),
            ("create", madang, "addresspools", ""),
            ("impersonate", "", "users", ""),
        ] {
            for user in ["admin", "edit", "view"] {
                let expected = may.split(' ').any(|name| name == user);
                assert_eq!(allowed(user, verb, group, resource), expected, "{user} {verb} {resource}");
            }
        }
    }

    #[test]
    fn who_is_known_can_find_out_what_there_is_and_who_is_not_can_see_that_it_lives() {
        let policy = Policy::new(&defaults());
        let ana = User::new("ana", [] as [&str; 0]);
        let path = |user: &User, path: &str| policy.allows(user, &Attributes::path("get", path)).allowed;
        assert!(path(&ana, "/apis/madang.dev/v1alpha1") && path(&ana, "/openapi/v3"));
        assert!(!path(&User::anonymous(), "/apis") && path(&User::anonymous(), "/healthz"));
        assert!(path(&User::anonymous(), "/version"));
        assert!(!path(&ana, "/metrics") && !path(&ana, "/shutdown"));
        let review = Attributes::resource("create", "authorization.k8s.io", "selfsubjectaccessreviews");
        assert!(policy.allows(&ana, &review).allowed);
        assert!(!policy.allows(&User::anonymous(), &review).allowed);
    }

    #[test]
    fn an_admin_of_a_project_can_give_the_roles_of_a_project() {
        let mut resources = defaults();
        resources.push(bound("p", "a", "ClusterRole:admin", &["User:ana"]));
        let policy = Policy::new(&resources);
        let ana = User::new("ana", [] as [&str; 0]);
        for role in ["admin", "edit", "view"] {
            let new = bound("p", "new", &format!("ClusterRole:{role}"), &["User:eve"]);
            assert_eq!(policy.may_give(&ana, &new, None), Ok(()), "{role}");
        }
        let new = bound("p", "new", "ClusterRole:cluster-admin", &["User:ana"]);
        assert!(policy.may_give(&ana, &new, None).is_err());
    }

    #[test]
    fn a_newer_build_adds_what_is_new_and_takes_nothing() {
        let all = defaults();
        let view = all.iter().find(|resource| resource.metadata().name == "view").unwrap();
        assert_eq!(completed(view, view), None);
        let mut older = view.clone();
        if let Resource::ClusterRole(role) = &mut older {
            role.spec.rules = vec![rule(&["get"], "example.com", ["things"])];
        }
        let newer = completed(&older, view).unwrap();
        assert_eq!(completed(&newer, view), None);
        let Resource::ClusterRole(role) = &newer else { panic!("it is one") };
        assert_eq!(role.spec.rules.len(), 3, "what somebody added stays");
        older.metadata_mut().annotations.insert(AUTO_UPDATE.to_owned(), "false".to_owned());
        assert_eq!(completed(&older, view), None);
        let public =
            all.iter().rfind(|resource| resource.metadata().name == "system:public-info-viewer").unwrap();
        let mut fewer = public.clone();
        if let Resource::ClusterRoleBinding(binding) = &mut fewer {
            binding.spec.subjects.truncate(1);
        }
        assert_eq!(completed(&fewer, public).as_ref(), Some(public));
    }
}
