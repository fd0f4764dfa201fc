//! What is asked for.

use std::fmt;

/// What is asked for: a verb, and of what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attributes {
    /// As `get`, `list`, `create`; of a path the HTTP method in lower case.
    pub verb: String,
    /// Of what.
    pub target: Target,
}

/// Of what something is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Resources.
    Resource(ResourceTarget),
    /// A path that names no resource, as `/healthz`.
    Path(String),
}

/// Which resources. What is empty is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResourceTarget {
    /// The API group; the core one is empty.
    pub group: String,
    /// The plural name, as `instances`.
    pub resource: String,
    /// The part that is meant, as `exec`; empty: the resource itself.
    pub subresource: String,
    /// The resource's name; empty: all, or a new one.
    pub name: String,
    /// The project; empty: all, or a resource of the host.
    pub namespace: String,
}

impl Attributes {
    /// A verb on resources: of all names, in all projects.
    pub fn resource(verb: impl Into<String>, group: impl Into<String>, resource: impl Into<String>) -> Self {
        let target =
            ResourceTarget { group: group.into(), resource: resource.into(), ..ResourceTarget::default() };
        Self { verb: verb.into(), target: Target::Resource(target) }
    }

    /// A verb on a path.
    pub fn path(verb: impl Into<String>, path: impl Into<String>) -> Self {
        Self { verb: verb.into(), target: Target::Path(path.into()) }
    }

    /// In this project.
    #[must_use]
    pub fn in_namespace(mut self, namespace: impl Into<String>) -> Self {
        if let Target::Resource(target) = &mut self.target {
            target.namespace = namespace.into();
        }
        self
    }

    /// Of this one.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        if let Target::Resource(target) = &mut self.target {
            target.name = name.into();
        }
        self
    }

    /// Of this part.
    #[must_use]
    pub fn part(mut self, subresource: impl Into<String>) -> Self {
        if let Target::Resource(target) = &mut self.target {
            target.subresource = subresource.into();
        }
        self
    }

    /// The resources that are meant, if such are.
    pub fn target(&self) -> Option<&ResourceTarget> {
        match &self.target {
            Target::Resource(target) => Some(target),
            Target::Path(_) => None,
        }
    }

    /// Whether nothing but looking is asked for, and at nothing that is secret.
    pub fn is_look(&self) -> bool {
        let looks = matches!(self.verb.as_str(), "get" | "list" | "watch" | "head" | "options");
        match &self.target {
            Target::Path(_) => looks,
            Target::Resource(target) if is_review(target) => true,
            Target::Resource(target) => {
                let shows = target.resource == "secrets"
                    || matches!(target.subresource.as_str(), "log" | "exec" | "attach" | "portforward");
                looks && !shows
            }
        }
    }

    /// The message that this user may not do it, as Kubernetes says it.
    pub fn forbidden_to(&self, user: &str, reason: &str) -> String {
        let subject = match &self.target {
            Target::Path(_) => String::new(),
            Target::Resource(target) => format!("{} is ", target.qualified()),
        };
        let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        format!("{subject}forbidden: User {user:?} cannot {self}{why}")
    }
}

/// Questions about oneself are sent as things to create, and create nothing.
fn is_review(target: &ResourceTarget) -> bool {
    matches!(target.group.as_str(), "authorization.k8s.io" | "authentication.k8s.io")
        && target.resource.starts_with("selfsubject")
}

impl ResourceTarget {
    /// The plural name, with the part that is meant: as a rule has it.
    pub fn combined(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }

    /// As `vpcs.madang.dev "shop"`.
    fn qualified(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        let name = if self.name.is_empty() { String::new() } else { format!(" {:?}", self.name) };
        format!("{}{dot}{}{name}", self.resource, self.group)
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Path(path) => write!(f, "{} path {path:?}", self.verb),
            Target::Resource(target) => {
                let (resource, group) = (target.combined(), &target.group);
                write!(f, "{} resource {resource:?} in API group {group:?}", self.verb)?;
                match target.namespace.as_str() {
                    "" => f.write_str(" at the cluster scope"),
                    namespace => write!(f, " in the namespace {namespace:?}"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_reads_as_kubernetes_says_it() {
        let list = Attributes::resource("list", "madang.dev", "vpcs").in_namespace("default");
        assert_eq!(
            list.forbidden_to("ana", ""),
            r#"vpcs.madang.dev is forbidden: User "ana" cannot list resource "vpcs" in API group "madang.dev" in the namespace "default""#
        );
        let exec = Attributes::resource("create", "madang.dev", "instances").part("exec");
        let exec = exec.in_namespace("shop").named("web-1");
        assert_eq!(
            exec.forbidden_to("ana", "no role"),
            r#"instances.madang.dev "web-1" is forbidden: User "ana" cannot create resource "instances/exec" in API group "madang.dev" in the namespace "shop": no role"#
        );
        assert_eq!(
            Attributes::resource("get", "", "namespaces").named("shop").forbidden_to("ana", ""),
            r#"namespaces "shop" is forbidden: User "ana" cannot get resource "namespaces" in API group "" at the cluster scope"#
        );
        assert_eq!(
            Attributes::path("post", "/shutdown").forbidden_to("ana", ""),
            r#"forbidden: User "ana" cannot post path "/shutdown""#
        );
    }

    #[test]
    fn looking_is_not_worth_a_line_in_the_audit_log_but_for_secrets_and_logs() {
        let of = |verb: &str, group: &str, resource: &str, part: &str| {
            Attributes::resource(verb, group, resource).part(part).is_look()
        };
        assert!(of("list", "madang.dev", "vpcs", ""));
        assert!(of("watch", "", "events", ""));
        assert!(of("create", "authorization.k8s.io", "selfsubjectaccessreviews", ""));
        assert!(!of("create", "authorization.k8s.io", "subjectaccessreviews", ""));
        assert!(!of("get", "", "secrets", ""));
        assert!(!of("get", "madang.dev", "instances", "log"));
        assert!(!of("get", "madang.dev", "instances", "exec"));
        assert!(!of("patch", "madang.dev", "vpcs", ""));
        assert!(Attributes::path("get", "/healthz").is_look());
        assert!(!Attributes::path("post", "/shutdown").is_look());
    }
}
