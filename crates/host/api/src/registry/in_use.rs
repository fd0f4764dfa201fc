//! What is to go, and is still used: that is what is wrong, and not what its users would then lack.

use std::collections::{BTreeMap, BTreeSet};

use madang_model::{Diagnostic, ObjectRef, refers_to};

use super::draft::{Draft, REFERENCE_NOT_FOUND};
use super::lifecycle::is_going;

/// How many users are named.
const NAMED: usize = 5;

/// Puts one mistake of each resource that is to go and is still used in the place of those of its users. The users that
/// are `written` by the same bundle keep theirs: there the text is wrong.
pub(super) fn in_use(
    draft: &Draft,
    going: &[ObjectRef],
    written: &[ObjectRef],
    mut wrong: Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let written: BTreeSet<_> = written.iter().collect();
    let going: BTreeSet<_> = going.iter().filter(|object| draft.before.contains_key(object)).collect();
    let lacking = wrong.iter().filter(|d| d.code == REFERENCE_NOT_FOUND).filter_map(|d| d.object.as_ref());
    let lacking: BTreeSet<_> = lacking.filter(|object| !written.contains(object)).cloned().collect();
    let users = draft.after.iter().filter(|(object, user)| lacking.contains(object) && !is_going(user));
    let mut users_of: BTreeMap<ObjectRef, BTreeSet<&ObjectRef>> = BTreeMap::new();
    for (object, user) in users {
        for used in refers_to(user).into_iter().filter(|used| going.contains(used)) {
            users_of.entry(used).or_default().insert(object);
        }
    }
    let users: BTreeSet<_> = users_of.values().flatten().copied().collect();
    wrong.retain(|d| d.code != REFERENCE_NOT_FOUND || d.object.as_ref().is_none_or(|o| !users.contains(o)));
    users_of.iter().map(|(used, users)| still_used(used, users)).chain(wrong).collect()
}

fn still_used(object: &ObjectRef, users: &BTreeSet<&ObjectRef>) -> Diagnostic {
    let mut names = users.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if users.len() > NAMED {
        names += &format!(" and {} more", users.len() - NAMED);
    }
    let first = if users.len() == 1 { "that" } else { "those" };
    Diagnostic::new("inUse", format!("still used by {names}"))
        .hint(format!(
            "delete {first} first, or use madang down -f FILE, which deletes all that a file declares"
        ))
        .at(object.clone(), "")
}
