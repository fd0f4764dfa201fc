//! A project that is being deleted is emptied first, dependants before what they depend on.

use madang_model::{Kind, ObjectRef, Resource};

use crate::order_for_delete;

/// Finalizer: the project goes when nothing is in it any longer.
pub const NAMESPACE_FINALIZER: &str = "madang.dev/namespace";

/// How far a project is with being emptied.
#[derive(Clone, Debug, PartialEq)]
pub struct Emptying<'a> {
    /// The project.
    pub project: &'a Resource,
    /// What is in it and nobody has deleted yet, in the order in which that can be done.
    pub delete: Vec<ObjectRef>,
    /// What is in it and is going.
    pub going: Vec<ObjectRef>,
}

impl Emptying<'_> {
    /// Whether nothing is in it any longer.
    pub fn is_done(&self) -> bool {
        self.delete.is_empty() && self.going.is_empty()
    }
}

/// The projects that are being deleted and wait to be emptied.
pub fn emptying(resources: &[Resource]) -> Vec<Emptying<'_>> {
    let waits = |resource: &&Resource| {
        let metadata = resource.metadata();
        resource.kind() == Kind::Namespace
            && metadata.deletion_timestamp.is_some()
            && metadata.finalizers.iter().any(|f| f == NAMESPACE_FINALIZER)
    };
    let one = |project| {
        let inside: Vec<_> = contents(resources, project).collect();
        let (going, staying): (Vec<_>, Vec<_>) =
            inside.into_iter().partition(|r| r.metadata().deletion_timestamp.is_some());
        Emptying { project, delete: order_for_delete(&staying), going: order_for_delete(&going) }
    };
    resources.iter().filter(waits).map(one).collect()
}

/// What is in a project.
pub fn contents<'a>(resources: &'a [Resource], project: &Resource) -> impl Iterator<Item = &'a Resource> {
    let name = Some(project.metadata().name.clone());
    resources.iter().filter(move |r| r.kind().is_namespaced() && r.metadata().namespace == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resource(kind: &str, name: &str, namespace: Option<&str>, going: bool) -> Resource {
        let spec = match kind {
            "Vpc" => json!({ "cidrs": ["10.0.0.0/16"] }),
            "Instance" => json!({ "subnet": "web", "process": { "command": ["a"] } }),
            _ => json!({}),
        };
        let mut metadata = json!({ "name": name, "namespace": namespace });
        if going {
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            metadata["finalizers"] = json!([NAMESPACE_FINALIZER]);
        }
        Resource::decode(json!({ "kind": kind, "metadata": metadata, "spec": spec })).unwrap()
    }

    #[test]
    fn all_that_is_in_it_goes_and_nothing_else() {
        let mut resources = vec![
            resource("Namespace", "lab", None, true),
            resource("Namespace", "default", None, false),
            resource("Vpc", "v", Some("lab"), false),
            resource("Instance", "a", Some("lab"), false),
            resource("Instance", "b", Some("lab"), true),
            resource("Instance", "a", Some("default"), false),
        ];
        let inside = |kind, name| ObjectRef::in_namespace(kind, Some("lab"), name);
        let [lab] = &emptying(&resources)[..] else { panic!("one project is going") };
        assert_eq!(lab.project.metadata().name, "lab");
        assert_eq!(lab.delete, [inside(Kind::Instance, "a"), inside(Kind::Vpc, "v")], "dependants first");
        assert_eq!(lab.going, [inside(Kind::Instance, "b")]);
        assert!(!lab.is_done());
        resources.retain(|r| r.metadata().namespace.as_deref() != Some("lab"));
        assert!(emptying(&resources)[0].is_done());
    }

    #[test]
    fn a_project_that_stays_is_left_alone() {
        let resources = [resource("Namespace", "lab", None, false), resource("Vpc", "v", Some("lab"), false)];
        assert_eq!(emptying(&resources), []);
    }
}
