//! All roles and bindings, made ready to answer who may do what.
//!
//! Bindings are found by who they are for and by project, so that a question costs what the asker's own bindings cost, however
//! many others there are.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use madang_model::{BindingSpec, PolicyRule, Resource, RoleRef};

use crate::{Attributes, User, rule};

/// Who may do what.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    roles: Roles,
    users: HashMap<String, Grants>,
    groups: HashMap<String, Grants>,
}

/// Whether something may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may.
    pub allowed: bool,
    /// Which binding allows it; or, if none does, what is wrong with one that might. Can be empty.
    pub reason: String,
}

/// What roles allow: those of a project by project and name, and those of all.
#[derive(Clone, Debug, Default)]
struct Roles {
    of_project: HashMap<(String, String), Arc<[PolicyRule]>>,
    of_all: HashMap<String, Arc<[PolicyRule]>>,
}

/// What somebody was given.
#[derive(Clone, Debug, Default)]
struct Grants {
    everywhere: Vec<Arc<Grant>>,
    in_project: HashMap<String, Vec<Arc<Grant>>>,
}

/// One binding.
#[derive(Debug)]
pub(crate) struct Grant {
    /// Empty: everywhere.
    namespace: String,
    name: String,
    role: RoleRef,
    /// None: there is no such role.
    pub(crate) rules: Option<Arc<[PolicyRule]>>,
}

/// A subject of a binding that a user is: itself or a group of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum As<'a> {
    User(&'a str),
    Group(&'a str),
}

impl Policy {
    /// The policy of these roles and bindings; other resources among them are left aside.
    pub fn new<'a>(resources: impl IntoIterator<Item = &'a Resource>) -> Self {
        let resources: Vec<_> = resources.into_iter().collect();
        let mut policy = Self { roles: Roles::of(&resources), ..Self::default() };
        for resource in resources {
            match resource {
                Resource::RoleBinding(binding) => {
                    let namespace = binding.metadata.namespace.as_deref().unwrap_or_default();
                    policy.bind(namespace, &binding.metadata.name, &binding.spec);
                }
                Resource::ClusterRoleBinding(binding) => {
                    policy.bind("", &binding.metadata.name, &binding.spec);
                }
                _ => {}
            }
        }
        policy
    }

    fn bind(&mut self, namespace: &str, name: &str, binding: &BindingSpec) {
        let role = &binding.role_ref;
        let rules = self.roles.rules(namespace, role).cloned();
        let grant =
            Grant { namespace: namespace.to_owned(), name: name.to_owned(), role: role.clone(), rules };
        let grant = Arc::new(grant);
        for subject in &binding.subjects {
            let index = match subject.kind.as_str() {
                "User" => &mut self.users,
                "Group" => &mut self.groups,
                _ => continue,
            };
            let grants = index.entry(subject.name.clone()).or_default();
            let list = match namespace {
                "" => &mut grants.everywhere,
                namespace => grants.in_project.entry(namespace.to_owned()).or_default(),
            };
            list.push(Arc::clone(&grant));
        }
    }

    /// Whether this user may do this.
    pub fn allows(&self, user: &User, asked: &Attributes) -> Decision {
        if user.is_master() {
            return Decision {
                allowed: true,
                reason: format!("members of {} may do everything", crate::MASTERS),
            };
        }
        let namespace = asked.target().map_or("", |target| target.namespace.as_str());
        let mut dangling = Vec::new();
        for (subject, grant) in self.grants(user, namespace) {
            match &grant.rules {
                Some(rules) if rules.iter().any(|rule| rule::allows(rule, asked)) => {
                    return Decision { allowed: true, reason: format!("allowed by {grant} to {subject}") };
                }
                Some(_) => {}
                None => dangling.push(format!("{grant} gives nothing: there is no such role")),
            }
        }
        Decision { allowed: false, reason: dangling.join("; ") }
    }

    /// Everything that this user may do in this project (empty: at the cluster scope), as rules.
    pub fn rules_for(&self, user: &User, namespace: &str) -> Vec<PolicyRule> {
        let mut rules: Vec<PolicyRule> = Vec::new();
        if user.is_master() {
            rules.extend(everything());
        }
        for (_, grant) in self.grants(user, namespace) {
            for rule in grant.rules.iter().flat_map(|rules| rules.iter()) {
                if !rules.contains(rule) {
                    rules.push(rule.clone());
                }
            }
        }
        rules
    }

    /// What the role of a binding in this project (empty: everywhere) allows; none, if there is no such role.
    pub(crate) fn rules_of(&self, namespace: &str, role: &RoleRef) -> Option<&[PolicyRule]> {
        self.roles.rules(namespace, role).map(|rules| &**rules)
    }

    /// What a user was given that counts in this project, with why it was.
    fn grants<'a>(&'a self, user: &'a User, namespace: &'a str) -> impl Iterator<Item = (As<'a>, &'a Grant)> {
        let own = self.users.get(&user.name).map(|grants| (As::User(&user.name), grants));
        let groups = user.all_groups().into_iter();
        let of_groups = groups.filter_map(|group| Some((As::Group(group), self.groups.get(group)?)));
        own.into_iter().chain(of_groups).flat_map(move |(subject, grants)| {
            let in_project = grants.in_project.get(namespace).into_iter().flatten();
            grants.everywhere.iter().chain(in_project).map(move |grant| (subject, &**grant))
        })
    }
}

/// The rules that allow everything.
fn everything() -> [PolicyRule; 2] {
    let all = || vec!["*".to_owned()];
    [
        PolicyRule { verbs: all(), api_groups: all(), resources: all(), ..PolicyRule::default() },
        PolicyRule { verbs: all(), non_resource_urls: all(), ..PolicyRule::default() },
    ]
}

impl Roles {
    fn of(resources: &[&Resource]) -> Self {
        let mut roles = Self::default();
        for resource in resources {
            match resource {
                Resource::Role(role) => {
                    let namespace = role.metadata.namespace.clone().unwrap_or_default();
                    let rules = role.spec.rules.as_slice().into();
                    roles.of_project.insert((namespace, role.metadata.name.clone()), rules);
                }
                Resource::ClusterRole(role) => {
                    roles.of_all.insert(role.metadata.name.clone(), role.spec.rules.as_slice().into());
                }
                _ => {}
            }
        }
        roles
    }

    /// A binding of no project can name no role of one.
    fn rules(&self, namespace: &str, role: &RoleRef) -> Option<&Arc<[PolicyRule]>> {
        match role.kind.as_str() {
            "ClusterRole" => self.of_all.get(&role.name),
            "Role" if !namespace.is_empty() => {
                self.of_project.get(&(namespace.to_owned(), role.name.clone()))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, name, role, .. } = self;
        match namespace.as_str() {
            "" => write!(f, "ClusterRoleBinding {name:?}")?,
            namespace => write!(f, "RoleBinding \"{namespace}/{name}\"")?,
        }
        write!(f, " of {} {:?}", role.kind, role.name)
    }
}

impl fmt::Display for As<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "User {name:?}"),
            Self::Group(name) => write!(f, "Group {name:?}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
