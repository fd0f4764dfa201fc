//! A table of slots by hash, which keeps no keys: those are where the slots are.
//!
//! Five bytes a place. Places are looked through one after another from where the hash points; a byte of the hash at each
//! spares nearly every look at a slot that is another's.

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// The places at first.
const FEW: usize = 16;

#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// 0: the place is empty; else a byte of the hash, with its highest bit set.
    tags: Vec<u8>,
    slots: Vec<u32>,
    used: usize,
}

impl Index {
    /// The slot with this hash that is the right one.
    pub(super) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = self.start(hash)?;
        let tag = tag(hash);
        while self.tags[at] != 0 {
            if self.tags[at] == tag && is(self.slots[at]) {
                return Some(self.slots[at]);
            }
            at = self.next(at);
        }
        None
    }

    /// Adds a slot, which must not be there. The hashes of others are asked for when the table grows.
    pub(super) fn insert(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) {
        // At most seven eighths are used, so that there is always an empty place to end at.
        if (self.used + 1) * 8 > self.tags.len() * 7 {
            self.grow(hash_of);
        }
        self.place(hash, slot);
        self.used += 1;
    }

    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) {
        let places = (self.tags.len() * 2).max(FEW);
        let tags = std::mem::replace(&mut self.tags, vec![0; places]);
        let slots = std::mem::replace(&mut self.slots, vec![NONE; places]);
        for (_, slot) in tags.into_iter().zip(slots).filter(|(tag, _)| *tag != 0) {
            self.place(hash_of(slot), slot);
        }
    }

    fn place(&mut self, hash: u64, slot: u32) {
        let Some(mut at) = self.start(hash) else { return };
        while self.tags[at] != 0 {
            at = self.next(at);
        }
        self.tags[at] = tag(hash);
        self.slots[at] = slot;
    }

    /// Takes a slot out, if it is there. What follows moves up, so that no place is lost.
    pub(super) fn remove(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) {
        let Some(mut at) = self.start(hash) else { return };
        while self.tags[at] != 0 && self.slots[at] != slot {
            at = self.next(at);
        }
        if self.tags[at] == 0 {
            return;
        }
        self.used -= 1;
        let mut hole = at;
        loop {
            at = self.next(at);
            if self.tags[at] == 0 {
                break;
            }
            // Whatever begins at the hole or before it can be there.
            let from = self.start(hash_of(self.slots[at])).unwrap_or(at);
            if self.distance(from, at) >= self.distance(hole, at) {
                self.tags[hole] = self.tags[at];
                self.slots[hole] = self.slots[at];
                hole = at;
            }
        }
        self.tags[hole] = 0;
    }

    fn start(&self, hash: u64) -> Option<usize> {
        let mask = self.tags.len().checked_sub(1)?;
        usize::try_from(hash & u64::try_from(mask).ok()?).ok()
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.tags.len() - 1)
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.tags.len() - 1)
    }

    /// What it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.tags.capacity() + self.slots.capacity() * 4
    }
}

fn tag(hash: u64) -> u8 {
    let [top, ..] = hash.to_be_bytes();
    top | 0x80
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Few places and few tags: everything collides.
    fn hash(slot: u32) -> u64 {
        u64::from(slot % 7) << 60 | u64::from(slot % 5)
    }

    proptest! {
        #[test]
        fn it_is_a_set(steps in prop::collection::vec((0u32..60, any::<bool>()), 0..300)) {
            let (mut index, mut set) = (Index::default(), BTreeSet::new());
            for (slot, add) in steps {
                if add && set.insert(slot) {
                    index.insert(hash(slot), slot, hash);
                } else if !add {
                    set.remove(&slot);
                    index.remove(hash(slot), slot, hash);
                }
                for slot in 0..60 {
                    prop_assert_eq!(index.find(hash(slot), |of| of == slot).is_some(), set.contains(&slot));
                }
            }
        }
    }
}
