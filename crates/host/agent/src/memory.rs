//! Which instances had something killed because their memory was not enough.
//!
//! The kernel only counts it, in each instance's control group; so the counts are looked at, a few each turn.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use madang_kernel::Layout;
use madang_kernel::cgroup::Cgroups;

/// How many instances are looked at in a turn.
const AT_ONCE: usize = 32;

/// What the counts were.
pub(crate) struct OutOfMemory {
    /// None, if this host has no control groups to look at.
    groups: Option<Cgroups>,
    counts: BTreeMap<String, u64>,
    /// Whether all that was there at the beginning has been counted: that was before us.
    begun: bool,
    /// The last one that was looked at.
    last: String,
}

impl OutOfMemory {
    pub(crate) fn new(layout: &Layout) -> Self {
        let groups = Cgroups::detect(layout).ok();
        Self { groups, counts: BTreeMap::new(), begun: false, last: String::new() }
    }

    /// Looks at some of the instances that there are. Those in which something was killed since the last look.
    pub(crate) fn news(&mut self, uids: &BTreeSet<&str>) -> Vec<String> {
        let Some(groups) = &self.groups else { return Vec::new() };
        let begun = std::mem::replace(&mut self.begun, true);
        self.counts.retain(|uid, _| uids.contains(uid.as_str()));
        let after = (Bound::Excluded(self.last.as_str()), Bound::Unbounded);
        let some = uids.range::<str, _>(after).chain(uids).take(AT_ONCE.min(uids.len()));
        let look: Vec<&str> = if begun { some.copied().collect() } else { uids.iter().copied().collect() };
        let mut killed = Vec::new();
        for uid in look {
            // A group that is just being made or removed is looked at the next time.
            let Ok(now) = groups.group(uid).oom_kills() else { continue };
            let before = self.counts.insert(uid.to_owned(), now).unwrap_or(0);
            if begun && now > before {
                killed.push(uid.to_owned());
            }
            uid.clone_into(&mut self.last);
        }
        killed
    }
}
