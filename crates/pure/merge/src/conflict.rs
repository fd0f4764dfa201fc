//! What stands in the way of an apply: fields that others own and that it would change (KEP-555, "Conflicts").

use std::collections::BTreeMap;
use std::fmt;

use crate::managed::{Entry, Operation};
use crate::path::Path;

/// The `reason` of each cause in a Status that tells of conflicts.
pub const FIELD_MANAGER_CONFLICT: &str = "FieldManagerConflict";

/// A field that somebody owns and that an apply would change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// Who owns it.
    pub manager: String,
    /// How it came to own it.
    pub operation: Operation,
    /// In which version.
    pub api_version: String,
    /// Through which subresource.
    pub subresource: Option<String>,
    /// The field.
    pub path: Path,
}

/// All that stands in the way of an apply; at least one. Its text is the message of the Status, which kubectl shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Conflicts(Vec<Conflict>);

impl Conflict {
    /// The owner as kubectl shows it: `"x" using madang.dev/v1alpha1`.
    fn owner(&self) -> String {
        let mut owner = format!("{:?}", self.manager);
        if let Some(subresource) = &self.subresource {
            owner += &format!(" with subresource {subresource:?}");
        }
        if self.operation == Operation::Update {
            owner += &format!(" using {}", self.api_version);
        }
        owner
    }

    /// The `message` of its cause in a Status.
    pub fn message(&self) -> String {
        format!("conflict with {}", self.owner())
    }

    /// The `field` of its cause in a Status.
    pub fn field(&self) -> String {
        self.path.to_string()
    }
}

impl Conflicts {
    /// With the fields that each owner would lose; none if nobody would.
    pub(crate) fn of<'a>(owners: impl IntoIterator<Item = (&'a Entry, Vec<Path>)>) -> Option<Self> {
        let conflict = |owner: &Entry, path| Conflict {
            manager: owner.manager.clone(),
            operation: owner.operation,
            api_version: owner.api_version.clone(),
            subresource: owner.subresource.clone(),
            path,
        };
        let owners = owners.into_iter();
        let mut conflicts: Vec<_> = owners
            .flat_map(|(owner, paths)| paths.into_iter().map(move |path| conflict(owner, path)))
            .collect();
        conflicts.sort();
        (!conflicts.is_empty()).then_some(Self(conflicts))
    }

    /// Each, sorted by owner.
    pub fn each(&self) -> &[Conflict] {
        &self.0
    }
}

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [conflict] = self.each() {
            return write!(f, "Apply failed with 1 conflict: {}: {}", conflict.message(), conflict.path);
        }
        let mut owners: BTreeMap<String, Vec<&Path>> = BTreeMap::new();
        for conflict in self.each() {
            owners.entry(conflict.owner()).or_default().push(&conflict.path);
        }
        write!(f, "Apply failed with {} conflicts: ", self.0.len())?;
        for (n, (owner, paths)) in owners.iter().enumerate() {
            write!(f, "{}conflicts with {owner}:", if n == 0 { "" } else { "\n" })?;
            paths.iter().try_for_each(|path| write!(f, "\n- {path}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_set::FieldSet;
    use crate::path::PathElement;

    fn entry(manager: &str, operation: Operation, subresource: Option<&str>) -> Entry {
        Entry {
            manager: manager.to_owned(),
            operation,
            api_version: "madang.dev/v1alpha1".to_owned(),
            time: Some("2025-01-01T00:00:00Z".to_owned()),
            subresource: subresource.map(str::to_owned),
            fields: FieldSet::default(),
        }
    }

    fn path(name: &str) -> Path {
        Path(vec![PathElement::field("spec"), PathElement::field(name)])
    }

    #[test]
    fn one_conflict_reads_as_kubectl_shows_it() {
        let conflicts = Conflicts::of([(&entry("x", Operation::Update, None), vec![path("mtu")])]).unwrap();
        let [conflict] = conflicts.each() else { unreachable!() };
        assert_eq!(
            conflicts.to_string(),
            "Apply failed with 1 conflict: conflict with \"x\" using madang.dev/v1alpha1: .spec.mtu"
        );
        assert_eq!(conflict.message(), "conflict with \"x\" using madang.dev/v1alpha1");
        assert_eq!(conflict.field(), ".spec.mtu");
    }

    #[test]
    fn several_are_gathered_by_owner() {
        let (a, b) = (entry("b", Operation::Apply, None), entry("a", Operation::Update, Some("status")));
        let conflicts =
            Conflicts::of([(&a, vec![path("mtu"), path("cidr")]), (&b, vec![path("mtu")])]).unwrap();
        assert_eq!(
            conflicts.to_string(),
            "Apply failed with 3 conflicts: \
             conflicts with \"a\" with subresource \"status\" using madang.dev/v1alpha1:\n- .spec.mtu\n\
             conflicts with \"b\":\n- .spec.cidr\n- .spec.mtu"
        );
    }

    #[test]
    fn nothing_lost_is_no_conflict() {
        assert_eq!(Conflicts::of([(&entry("x", Operation::Apply, None), vec![])]), None);
    }
}
