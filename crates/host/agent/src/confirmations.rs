//! What is said when a change that nobody confirmed was rolled back.

use madang_api::Ended;
use madang_model::ObjectRef;

/// Says it in the log: loudly, since somebody has lost what he declared, or has cut himself off. Who records what happens
/// to resources does it here too, for each of these.
pub(crate) fn rolled_back(ended: &Ended) {
    let Ended { since, because, restored, deleted, returning, kept, .. } = ended;
    tracing::warn!(
        restored = said(restored),
        deleted = said(deleted),
        "the change of {since} was rolled back: {because}"
    );
    if !returning.is_empty() {
        tracing::warn!("created again when what they were before is gone: {}", said(returning));
    }
    for kept in kept {
        tracing::warn!("{} was not put back: {}", kept.object, kept.why);
    }
}

fn said(objects: &[ObjectRef]) -> String {
    objects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
