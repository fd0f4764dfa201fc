//! How much one asker, and all together, may have at once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

/// How much there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    /// Questions in a second of one asker.
    pub(crate) rate: u32,
    /// Questions that are asked elsewhere at once: of one asker, and of all, but that everybody may have one.
    pub(crate) questions: (usize, usize),
    /// Streams at once: of one asker, and of all, but that everybody may have one.
    pub(crate) streams: (usize, usize),
}

/// How many askers are remembered before those that are silent are forgotten.
const REMEMBERED: usize = 4_096;

/// What everybody has now.
#[derive(Debug)]
pub(crate) struct Limits {
    most: Most,
    asked: RefCell<HashMap<u32, (Instant, u32)>>,
    questions: Rc<RefCell<Places>>,
    streams: Rc<RefCell<Places>>,
}

/// Who has how many places.
#[derive(Debug, Default)]
struct Places {
    of: HashMap<u32, usize>,
    all: usize,
}

/// A place that is free again when this is gone.
#[derive(Debug)]
pub(crate) struct Place {
    places: Rc<RefCell<Places>>,
    asker: u32,
}

impl Limits {
    pub(crate) fn new(most: Most) -> Self {
        Self { most, asked: RefCell::default(), questions: Rc::default(), streams: Rc::default() }
    }

    /// Whether another question is one too many in this second: then it is not answered.
    pub(crate) fn may_ask(&self, asker: u32) -> bool {
        let mut asked = self.asked.borrow_mut();
        let now = Instant::now();
        if asked.len() > REMEMBERED {
            asked.retain(|_, (since, _)| now.duration_since(*since).as_secs() < 1);
        }
        let (since, count) = asked.entry(asker).or_insert((now, 0));
        if now.duration_since(*since).as_secs() >= 1 {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.most.rate
    }

    /// A place for a question that is asked elsewhere.
    pub(crate) fn question(&self, asker: u32) -> Option<Place> {
        Place::of(&self.questions, asker, self.most.questions)
    }

    /// Whether nothing is asked elsewhere now.
    pub(crate) fn is_quiet(&self) -> bool {
        self.questions.borrow().all == 0
    }

    /// A place for a stream.
    pub(crate) fn stream(&self, asker: u32) -> Option<Place> {
        Place::of(&self.streams, asker, self.most.streams)
    }
}

impl Place {
    fn of(places: &Rc<RefCell<Places>>, asker: u32, (each, all): (usize, usize)) -> Option<Self> {
        let mut taken = places.borrow_mut();
        let own = taken.of.get(&asker).copied().unwrap_or_default();
        // Whoever has none gets one: so many take not all of it together.
        if own >= each || (taken.all >= all && own > 0) {
            return None;
        }
        taken.all += 1;
        *taken.of.entry(asker).or_default() += 1;
        Some(Self { places: Rc::clone(places), asker })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.borrow_mut();
        taken.all -= 1;
        if let Some(own) = taken.of.get_mut(&self.asker) {
            *own -= 1;
            if *own == 0 {
                taken.of.remove(&self.asker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_it_all() {
        let limits = Limits::new(Most { rate: 1_000, questions: (64, 512), streams: (8, 256) });
        let mut places: Vec<_> = (0..64).map(|_| limits.question(1).unwrap()).collect();
        assert!(limits.question(1).is_none());
        assert!(limits.question(2).is_some() && limits.stream(1).is_some());
        places.pop();
        assert!(limits.question(1).is_some());
        places.extend(
            (2..9)
                .flat_map(|asker| (0..64).map_while(move |_| Some(asker)))
                .map_while(|asker| limits.question(asker)),
        );
        assert_eq!(places.len(), 63 + 7 * 64);
        places.push(limits.question(9).unwrap());
        assert!(limits.question(9).is_none(), "there is no room for a second one");
        assert!(limits.question(10).is_some());
        assert_eq!((0..2_000).filter(|_| limits.may_ask(1)).count(), 1_000);
        assert!(limits.may_ask(2));
    }
}
