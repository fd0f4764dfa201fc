//! Roles and who has them.

use super::Found;
use crate::words::{nearest, quote};
use crate::{BindingSpec, Diagnostic, PolicyRule, RoleSpec};

/// What can be done to a resource.
const VERBS: [&str; 9] =
    ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "*"];
/// Of roles and users there are two more: to give what one does not have, and to be somebody else.
const OTHER_VERBS: [&str; 4] = ["bind", "escalate", "impersonate", "use"];

/// How many permissions a role may come to: a rule stands for each of its verbs on each of its resources by each name.
const MOST_PERMISSIONS: usize = 10_000;

pub(super) fn role(found: &mut Found, spec: &RoleSpec, in_project: bool) {
    let permissions = spec.rules.iter().map(permissions).fold(0, usize::saturating_add);
    if permissions > MOST_PERMISSIONS {
        let message = format!("the role stands for {permissions} permissions, more than {MOST_PERMISSIONS}");
        let cause = "a rule is each of its verbs on each of its resources, of each group and by each name";
        let hint = "write \"*\" instead of long lists, or several roles";
        found.add("rules", Diagnostic::new("tooLarge", message).cause(cause).hint(hint));
    }
    for (n, rule) in spec.rules.iter().enumerate() {
        self::rule(found, &format!("rules[{n}]"), rule, in_project);
    }
}

fn permissions(rule: &PolicyRule) -> usize {
    let things = rule.api_groups.len().saturating_mul(rule.resources.len());
    let things = things.saturating_mul(rule.resource_names.len().max(1));
    rule.verbs.len().max(1).saturating_mul(things.saturating_add(rule.non_resource_urls.len()).max(1))
}

fn rule(found: &mut Found, path: &str, rule: &PolicyRule, in_project: bool) {
    found.not_empty(&format!("{path}.verbs"), &rule.verbs, "write what may be done, as [get, list, watch]");
    for (n, verb) in rule.verbs.iter().enumerate() {
        if VERBS.contains(&verb.as_str()) || OTHER_VERBS.contains(&verb.as_str()) {
            continue;
        }
        let diagnostic = Diagnostic::new("invalidValue", format!("{} is no verb", quote(verb)));
        let hint = match nearest(verb, VERBS) {
            Some(verb) => format!("did you mean \"{verb}\"?"),
            None => format!("write one of {}", VERBS.join(", ")),
        };
        found.add(format!("{path}.verbs[{n}]"), diagnostic.hint(hint));
    }
    if !rule.non_resource_urls.is_empty() {
        if in_project {
            let diagnostic = Diagnostic::new("invalidValue", "paths are of no project")
                .hint("write nonResourceURLs in a ClusterRole");
            found.add(format!("{path}.nonResourceURLs"), diagnostic);
        }
        return;
    }
    found.not_empty(&format!("{path}.resources"), &rule.resources, "write plural names, as [instances]");
    found.not_empty(&format!("{path}.apiGroups"), &rule.api_groups, "write groups, as [madang.dev]");
}

pub(super) fn binding(found: &mut Found, spec: &BindingSpec, in_project: bool) {
    let kinds: &[&str] = if in_project { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&spec.role_ref.kind.as_str()) {
        let message = format!("{} is no role that can be bound here", quote(&spec.role_ref.kind));
        let diagnostic = Diagnostic::new("invalidValue", message);
        found.add("roleRef.kind", diagnostic.hint(format!("write {}", kinds.join(" or "))));
    }
    if spec.role_ref.name.is_empty() {
        let diagnostic = Diagnostic::new("missingField", "the role has no name");
        found.add("roleRef.name", diagnostic.hint("write the name of a role"));
    }
    for (n, subject) in spec.subjects.iter().enumerate() {
        if !matches!(subject.kind.as_str(), "User" | "Group") {
            let message = format!("{} is nobody who can have a role", quote(&subject.kind));
            let diagnostic = Diagnostic::new("invalidValue", message);
            found.add(format!("subjects[{n}].kind"), diagnostic.hint("write User or Group"));
        }
        if subject.name.is_empty() {
            let diagnostic = Diagnostic::new("missingField", "the subject has no name");
            found.add(format!("subjects[{n}].name"), diagnostic.hint("write a user's or a group's name"));
        }
    }
}
