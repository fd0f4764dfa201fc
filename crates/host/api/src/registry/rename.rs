//! Resources that get another name and stay what they are: an item of a bundle with the annotation
//! `madang.dev/renamed-from` takes over the uid, the addresses and the status of the resource that had that name.

use std::collections::{BTreeMap, BTreeSet};

use madang_model::{Diagnostic, Kind, ObjectRef, RENAMED_FROM, Resource, references_mut};

use super::lifecycle::{is_going, updated_as};

/// Which stored resource becomes which item of a bundle.
#[derive(Default)]
pub(super) struct Renames {
    by_new: BTreeMap<ObjectRef, ObjectRef>,
    by_old: BTreeMap<ObjectRef, ObjectRef>,
}

impl Renames {
    /// What the items ask for, beside what is stored. One that is done already is not among them.
    pub(super) fn of(
        items: &[Resource],
        stored: &BTreeMap<ObjectRef, Resource>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut asked: BTreeMap<ObjectRef, ObjectRef> = BTreeMap::new();
        let (mut wrong, mut sources) = (Vec::new(), BTreeSet::new());
        for item in items {
            let new = item.object_ref();
            let Some(old) = older_name(item) else { continue };
            if is_done(stored.get(&new), &old) {
                continue;
            }
            if let Some(diagnostic) = senseless(&new, &old, !sources.insert(old.clone())) {
                wrong.push(at(diagnostic, &new));
            } else {
                asked.insert(new, old);
            }
        }
        let mut renames = Self::default();
        for (new, old) in &asked {
            // A name that goes to another item is free.
            let taken = stored.contains_key(new) && !asked.values().any(|source| source == new);
            match (stored.get(old), taken) {
                (Some(older), _) if is_going(older) => wrong.push(at(going(old), new)),
                (Some(_), true) => wrong.push(at(both(new, old), new)),
                (Some(_), false) => {
                    renames.by_new.insert(new.clone(), old.clone());
                    renames.by_old.insert(old.clone(), new.clone());
                }
                (None, true) => {}
                (None, false) => wrong.push(at(neither(new, old, stored), new)),
            }
        }
        if wrong.is_empty() { Ok(renames) } else { Err(wrong) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_new.is_empty()
    }

    /// What the item of this name was called before.
    pub(super) fn source(&self, new: &ObjectRef) -> Option<&ObjectRef> {
        self.by_new.get(new)
    }

    /// Whether the stored resource of this name gets another one.
    pub(super) fn takes(&self, old: &ObjectRef) -> bool {
        self.by_old.contains_key(old)
    }

    /// The names that are given up.
    pub(super) fn sources(&self) -> impl Iterator<Item = &ObjectRef> {
        self.by_old.keys()
    }

    /// The stored resource with what it refers to called as it will be: so that to name a renamed VPC by its new name is no
    /// change of the VPC.
    pub(super) fn followed(&self, stored: &Resource) -> Resource {
        let mut followed = stored.clone();
        let project = followed.metadata().namespace.clone();
        references_mut(&mut followed, |kind, name| {
            if let Some(new) =
                self.by_old.get(&ObjectRef::in_namespace(kind, project.as_deref(), name.as_str()))
            {
                name.clone_from(&new.name);
            }
        });
        followed
    }

    /// The stored resource under the item's name, with the item's spec, and what of it cannot be changed.
    pub(super) fn renamed(&self, stored: &Resource, item: &Resource) -> (Resource, Vec<Diagnostic>) {
        let mut followed = self.followed(stored);
        followed.metadata_mut().name.clone_from(&item.metadata().name);
        let (mut new, fixed) = updated_as(stored, &followed, item);
        let metadata = new.metadata_mut();
        metadata.name.clone_from(&item.metadata().name);
        metadata.resource_version = None;
        (new, fixed)
    }
}

/// The resource that the item says it was.
fn older_name(item: &Resource) -> Option<ObjectRef> {
    let metadata = item.metadata();
    let old = metadata.annotations.get(RENAMED_FROM)?;
    Some(ObjectRef::in_namespace(item.kind(), metadata.namespace.as_deref(), old.as_str()))
}

/// Whether the resource has been renamed by an earlier bundle: then another one may have its old name.
fn is_done(stored: Option<&Resource>, old: &ObjectRef) -> bool {
    stored.and_then(older_name).as_ref() == Some(old)
}

/// Nothing that others hold by its name alone, outside of specs.
fn can_be_renamed(kind: Kind) -> bool {
    kind.is_of_the_network() && !matches!(kind, Kind::Node | Kind::InstanceGroup)
}

const CODE: &str = "rename";

fn at(diagnostic: Diagnostic, item: &ObjectRef) -> Diagnostic {
    diagnostic.at(item.clone(), format!("metadata.annotations.{RENAMED_FROM}"))
}

fn senseless(new: &ObjectRef, old: &ObjectRef, twice: bool) -> Option<Diagnostic> {
    let (message, hint) = if !can_be_renamed(new.kind) {
        let message = format!("resources of the kind {} cannot be renamed", new.kind);
        (message, "delete it and create it again, and take the annotation out".to_owned())
    } else if new == old {
        (
            format!("{old} is its own name"),
            "write the name that it had before, or take the annotation out".to_owned(),
        )
    } else if twice {
        (format!("{old} is renamed twice"), "take the annotation out of one of them".to_owned())
    } else {
        return None;
    };
    Some(Diagnostic::new(CODE, message).hint(hint))
}

fn going(old: &ObjectRef) -> Diagnostic {
    Diagnostic::new(CODE, format!("{old} is being deleted, and cannot be renamed"))
        .hint("wait until it is gone, and take the annotation out")
}

fn both(new: &ObjectRef, old: &ObjectRef) -> Diagnostic {
    Diagnostic::new(CODE, format!("{old} cannot become {new}: both exist"))
        .cause("to take over the one would be to lose the other")
        .hint(format!("delete one of them first; or take the annotation out, if {new} is another one"))
}

fn neither(new: &ObjectRef, old: &ObjectRef, stored: &BTreeMap<ObjectRef, Resource>) -> Diagnostic {
    let message = format!("there is no {old} that could become {new}");
    let mut others = stored.keys().filter(|other| {
        other.name == old.name && (other.namespace == old.namespace || other.namespace.is_empty())
    });
    let diagnostic = Diagnostic::new(CODE, message);
    match others.next() {
        Some(other) => diagnostic
            .cause(format!("there is {other}, and a resource never becomes one of another kind"))
            .hint("correct the name, or take the annotation out to create it anew"),
        None => diagnostic.hint("correct the name, or take the annotation out to create it anew"),
    }
}
