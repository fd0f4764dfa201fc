//! Nobody gives what they do not have.
//!
//! Who writes a role must hold every permission in it, or have the verb `escalate` on it. Who writes a binding must hold
//! every permission of its role, or have the verb `bind` on the role. Without this rule, the permission to write roles would
//! be the permission to do everything.

use madang_model::{ApiGroup, BindingSpec, PolicyRule, Resource, RoleSpec};

use crate::{Attributes, Policy, User, covers};

/// A write that would give what its writer does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Escalation {
    /// Permissions that the writer does not hold.
    #[error(
        "user {user:?} would give permissions that it does not have itself: {}; only who has the verb {verb:?} on the role may",
        describe(missing)
    )]
    Missing {
        /// Who writes.
        user: String,
        /// What would be enough instead.
        verb: &'static str,
        /// What it lacks.
        missing: Vec<PolicyRule>,
    },
    /// A binding to a role that may come to be anything.
    #[error(
        "there is no {kind} {name:?}: only who has the verb \"bind\" on it may bind a role that is not there yet"
    )]
    NoRole {
        /// Of the role.
        kind: String,
        /// Its name.
        name: String,
    },
}

impl Policy {
    /// Whether this user may write this resource as far as it gives permissions: anybody may, if it gives none that the
    /// one that is stored does not give.
    ///
    /// # Errors
    /// It would give what the user does not have.
    pub fn may_give(&self, user: &User, new: &Resource, stored: Option<&Resource>) -> Result<(), Escalation> {
        if stored.is_some_and(|stored| stored.same_spec(new)) {
            return Ok(());
        }
        match new {
            Resource::Role(role) => {
                let namespace = role.metadata.namespace.as_deref().unwrap_or_default();
                self.may_give_role(user, "roles", namespace, &role.metadata.name, &role.spec)
            }
            Resource::ClusterRole(role) => {
                self.may_give_role(user, "clusterroles", "", &role.metadata.name, &role.spec)
            }
            Resource::RoleBinding(binding) => {
                let namespace = binding.metadata.namespace.as_deref().unwrap_or_default();
                self.may_bind(user, namespace, &binding.spec)
            }
            Resource::ClusterRoleBinding(binding) => self.may_bind(user, "", &binding.spec),
            _ => Ok(()),
        }
    }

    fn may_give_role(
        &self,
        user: &User,
        plural: &str,
        namespace: &str,
        name: &str,
        role: &RoleSpec,
    ) -> Result<(), Escalation> {
        if self.has_verb(user, "escalate", plural, namespace, name) {
            return Ok(());
        }
        self.holds(user, "escalate", namespace, &role.rules)
    }

    fn may_bind(&self, user: &User, namespace: &str, binding: &BindingSpec) -> Result<(), Escalation> {
        let role = &binding.role_ref;
        let plural = if role.kind == "Role" { "roles" } else { "clusterroles" };
        if self.has_verb(user, "bind", plural, namespace, &role.name) {
            return Ok(());
        }
        let Some(rules) = self.rules_of(namespace, role) else {
            return Err(Escalation::NoRole { kind: role.kind.clone(), name: role.name.clone() });
        };
        self.holds(user, "bind", namespace, rules)
    }

    fn has_verb(&self, user: &User, verb: &str, plural: &str, namespace: &str, name: &str) -> bool {
        let asked = Attributes::resource(verb, ApiGroup::Rbac.name(), plural);
        self.allows(user, &asked.in_namespace(namespace).named(name)).allowed
    }

    fn holds(
        &self,
        user: &User,
        verb: &'static str,
        namespace: &str,
        rules: &[PolicyRule],
    ) -> Result<(), Escalation> {
        let owned = self.rules_for(user, namespace);
        let missing: Vec<_> =
            rules.iter().flat_map(|rule| covers(&owned, rule).err().unwrap_or_default()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Escalation::Missing { user: user.name.clone(), verb, missing })
    }
}

/// How many permissions a message names.
const NAMED: usize = 5;

fn describe(missing: &[PolicyRule]) -> String {
    let mut said: Vec<_> = missing.iter().take(NAMED).map(one).collect();
    if missing.len() > NAMED {
        said.push(format!("and {} more", missing.len() - NAMED));
    }
    said.join(", ")
}

/// A permission of [`covers`]: one verb on one thing.
fn one(rule: &PolicyRule) -> String {
    let verb = rule.verbs.first().map_or("", String::as_str);
    if let Some(url) = rule.non_resource_urls.first() {
        return format!("{verb} {url}");
    }
    let first = |list: &[String]| list.first().cloned().unwrap_or_default();
    let group = first(&rule.api_groups);
    let dot = if group.is_empty() { "" } else { "." };
    let name = rule.resource_names.first().map(|name| format!(" {name:?}")).unwrap_or_default();
    format!("{verb} {}{dot}{group}{name}", first(&rule.resources))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::{binding, role};

    fn rule(verbs: &[&str], group: &str, resources: &[&str]) -> PolicyRule {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        PolicyRule {
            verbs: list(verbs),
            api_groups: list(&[group]),
            resources: list(resources),
            ..PolicyRule::default()
        }
    }

    /// Ana may do something with VPCs and everything with roles and bindings of the project p; Ben may bind one role.
    fn policy() -> Policy {
        let rbac = ApiGroup::Rbac.name();
        let bind = PolicyRule {
            resource_names: vec!["strong".to_owned()],
            ..rule(&["bind"], rbac, &["clusterroles"])
        };
        Policy::new(&[
            role("", "weak", &[rule(&["get"], "madang.dev", &["vpcs"])]),
            role("", "strong", &[rule(&["*"], "*", &["*"])]),
            role(
                "p",
                "mine",
                &[
                    rule(&["get", "list"], "madang.dev", &["vpcs"]),
                    rule(&["create", "update"], rbac, &["roles", "rolebindings"]),
                ],
            ),
            binding("p", "ana", "Role:mine", &["User:ana"]),
            role("p", "binder", &[bind, rule(&["escalate"], rbac, &["roles"])]),
            binding("p", "ben", "Role:binder", &["User:ben"]),
        ])
    }

    fn may(user: &str, new: &Resource) -> Result<(), String> {
        let user = User::new(user, [] as [&str; 0]);
        policy().may_give(&user, new, None).map_err(|error| error.to_string())
    }

    #[test]
    fn a_role_gives_only_what_its_writer_has() {
        let list = rule(&["list"], "madang.dev", &["vpcs"]);
        assert_eq!(may("ana", &role("p", "r", &[list.clone()])), Ok(()));
        assert!(may("ana", &role("q", "r", &[list.clone()])).is_err(), "in another project she has nothing");
        assert!(may("ana", &role("", "r", &[list.clone()])).is_err(), "nor in all");
        assert_eq!(
            may("ana", &role("p", "r", &[list, rule(&["get", "delete"], "", &["secrets"])])).unwrap_err(),
            "user \"ana\" would give permissions that it does not have itself: get secrets, delete secrets; only who has the verb \"escalate\" on the role may"
        );
        assert_eq!(may("ben", &role("p", "r", &[rule(&["*"], "*", &["*"])])), Ok(()), "he has escalate");
    }

    #[test]
    fn a_binding_gives_only_what_its_writer_has() {
        assert_eq!(may("ana", &binding("p", "b", "ClusterRole:weak", &["User:eve"])), Ok(()));
        assert_eq!(may("ana", &binding("p", "b", "Role:mine", &["User:eve"])), Ok(()));
        assert!(may("ana", &binding("", "b", "ClusterRole:weak", &["User:eve"])).is_err());
        let refused = may("ana", &binding("p", "b", "ClusterRole:strong", &["User:ana"])).unwrap_err();
        assert!(refused.contains("* *.*; only who has the verb \"bind\""), "{refused}");
        assert_eq!(
            may("ben", &binding("p", "b", "ClusterRole:strong", &["User:eve"])),
            Ok(()),
            "he has bind"
        );
        assert!(
            may("ben", &binding("p", "b", "ClusterRole:weak", &["User:eve"])).is_err(),
            "on this one alone"
        );
        let refused = may("ana", &binding("p", "b", "Role:later", &["User:eve"])).unwrap_err();
        assert!(refused.starts_with("there is no Role \"later\""), "{refused}");
    }

    #[test]
    fn what_gives_nothing_new_may_be_written_by_who_may_write() {
        let strong = binding("p", "b", "ClusterRole:strong", &["User:eve"]);
        let mut labelled = strong.clone();
        labelled.metadata_mut().labels.insert("a".to_owned(), "b".to_owned());
        let ana = User::new("ana", [] as [&str; 0]);
        assert_eq!(policy().may_give(&ana, &labelled, Some(&strong)), Ok(()));
        let other = binding("p", "b", "ClusterRole:strong", &["User:ana"]);
        assert!(policy().may_give(&ana, &other, Some(&strong)).is_err());
        let root = User::new("root", [crate::MASTERS]);
        assert_eq!(policy().may_give(&root, &other, None), Ok(()));
    }

    #[test]
    fn what_is_no_role_gives_nothing() {
        let vpc = serde_json::json!({ "apiVersion": "madang.dev/v1alpha1", "kind": "Vpc",
            "metadata": { "name": "shop" }, "spec": { "cidrs": ["10.0.0.0/16"] } });
        assert_eq!(may("eve", &madang_model::from_json(vpc).unwrap()), Ok(()));
    }
}
