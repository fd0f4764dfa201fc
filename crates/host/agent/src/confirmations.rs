//! What is said when a change that nobody confirmed was rolled back.

use madang_api::{Ended, Registry};
use madang_model::{Kind, ObjectRef};

use crate::events::EventRecorder;

/// Says it in the log, loudly, since somebody has lost what he declared, or has cut himself off; and tells it of this host
/// and of each resource that there still is.
pub(crate) fn rolled_back(registry: &Registry, events: &EventRecorder, ended: &Ended) {
    let tell = |object: &ObjectRef, message: String| {
        if let Ok(Some(resource)) = registry.find(object) {
            events.warning(&resource, "RolledBack", message);
        }
    };
    let what = format!("the change of {} was rolled back: {}", ended.since, ended.because);
    tell(&ObjectRef::new(Kind::Node, crate::node::name()), what.clone());
    ended.restored.iter().for_each(|object| tell(object, format!("{what}; it is as it was before")));
    ended.deleted.iter().for_each(|object| tell(object, format!("{what}; it was not there before")));
    ended.returning.iter().for_each(|object| tell(object, format!("{what}; it comes back when it is gone")));
    ended
        .kept
        .iter()
        .for_each(|kept| tell(&kept.object, format!("{what}; it was not put back: {}", kept.why)));
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
