//! What others have answered, for as long as they say, and what is being asked now. Each VPC has its own: nobody learns from it
//! what another one has asked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use madang_dns::Key;
use tokio::sync::oneshot::{Receiver, Sender, channel};

/// How many bytes of answers are kept, and of one.
const MOST: usize = 8 << 20;
const LONGEST: usize = 4 << 10;
/// About what an entry takes beside its answer.
const OVERHEAD: usize = 512;

/// An answer, as it came.
type Answer = Rc<[u8]>;

/// What is known, and what is being asked.
#[derive(Debug, Default)]
pub(super) struct Cache {
    answers: HashMap<Key, Kept>,
    bytes: usize,
    asked: HashMap<Key, Vec<Sender<Option<Answer>>>>,
}

#[derive(Debug)]
struct Kept {
    answer: Answer,
    since: Instant,
    until: Instant,
}

/// What is known of a question.
pub(super) enum Known {
    /// Its answer, and how many seconds old that is.
    Answer(Answer, u32),
    /// Somebody asks it now, and will say.
    AskedNow(Receiver<Option<Answer>>),
    /// Nothing.
    No,
}

impl Cache {
    pub(super) fn find(&mut self, key: &Key) -> Known {
        let now = Instant::now();
        if let Some(kept) = self.answers.get(key).filter(|kept| now < kept.until) {
            let age = now.duration_since(kept.since).as_secs();
            return Known::Answer(Rc::clone(&kept.answer), age.try_into().unwrap_or(u32::MAX));
        }
        let Some(waiting) = self.asked.get_mut(key) else { return Known::No };
        let (sender, receiver) = channel();
        waiting.push(sender);
        Known::AskedNow(receiver)
    }

    fn keep(&mut self, key: Key, answer: Answer, seconds: u32) {
        if seconds == 0 || answer.len() > LONGEST {
            return;
        }
        let now = Instant::now();
        if self.bytes + answer.len() + OVERHEAD > MOST {
            self.make_room(now);
        }
        self.bytes += answer.len() + OVERHEAD;
        let kept = Kept { answer, since: now, until: now + Duration::from_secs(seconds.into()) };
        if let Some(old) = self.answers.insert(key, kept) {
            self.bytes -= old.answer.len() + OVERHEAD;
        }
    }

    /// Forgets what is too old; if that is not much, every other one of the rest, whichever that is.
    fn make_room(&mut self, now: Instant) {
        self.answers.retain(|_, kept| now < kept.until);
        let size = |answers: &HashMap<Key, Kept>| answers.values().map(|k| k.answer.len() + OVERHEAD).sum();
        self.bytes = size(&self.answers);
        if self.bytes > MOST / 2 {
            let mut stays = false;
            self.answers.retain(|_, _| {
                stays = !stays;
                stays
            });
            self.bytes = size(&self.answers);
        }
    }
}

/// A question that is being asked: whoever waits for it is told when this is gone, at the latest.
pub(super) struct Asked<'a> {
    cache: &'a RefCell<Cache>,
    key: Key,
}

impl<'a> Asked<'a> {
    pub(super) fn new(cache: &'a RefCell<Cache>, key: Key) -> Self {
        cache.borrow_mut().asked.insert(key.clone(), Vec::new());
        Self { cache, key }
    }

    /// Tells what came, and keeps it for some seconds.
    pub(super) fn answered(self, answer: Option<Answer>, seconds: u32) {
        let mut cache = self.cache.borrow_mut();
        for waiting in cache.asked.remove(&self.key).into_iter().flatten() {
            let _ = waiting.send(answer.clone());
        }
        if let Some(answer) = answer {
            cache.keep(self.key.clone(), answer, seconds);
        }
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Ok(mut cache) = self.cache.try_borrow_mut() {
            cache.asked.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use madang_dns::{Decision, Directory, Transport, Zone, decide};

    use super::*;

    /// The key of a question for this number's name.
    fn key(number: usize) -> Key {
        let directory = Directory { askers: [(1, 2)].into(), zones: [(2, Zone::default())].into() };
        let label = format!("n{number}");
        let mut question = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        question.push(label.len().try_into().unwrap());
        question.extend(label.bytes().chain([3, b'c', b'o', b'm', 0, 0, 1, 0, 1]));
        match decide(&directory, 1, &question, Transport::Udp) {
            Decision::Forward(forwarded) => forwarded.key(),
            other => panic!("{other:?}"),
        }
    }

    fn is_kept(cache: &RefCell<Cache>, number: usize) -> bool {
        matches!(cache.borrow_mut().find(&key(number)), Known::Answer(..))
    }

    #[test]
    fn who_asks_meanwhile_gets_the_same_answer() {
        let cache = RefCell::default();
        let asked = Asked::new(&cache, key(1));
        let Known::AskedNow(mut waits) = cache.borrow_mut().find(&key(1)) else { panic!() };
        assert!(matches!(cache.borrow_mut().find(&key(2)), Known::No));
        asked.answered(Some(Rc::from(*b"answer")), 60);
        assert_eq!(waits.try_recv().unwrap().as_deref(), Some(&b"answer"[..]));
        assert!(is_kept(&cache, 1));

        // One who asks and is gone leaves nobody waiting.
        let asked = Asked::new(&cache, key(3));
        let Known::AskedNow(mut waits) = cache.borrow_mut().find(&key(3)) else { panic!() };
        drop(asked);
        assert!(waits.try_recv().is_err());
        assert!(matches!(cache.borrow_mut().find(&key(3)), Known::No));
    }

    #[test]
    fn there_is_no_more_than_there_is_room_for() {
        let cache: RefCell<Cache> = RefCell::default();
        let keep = |number, length, seconds| {
            Asked::new(&cache, key(number)).answered(Some(vec![0; length].into()), seconds);
        };
        keep(0, 100, 0);
        keep(1, LONGEST + 1, 60);
        assert!(!is_kept(&cache, 0) && !is_kept(&cache, 1));
        let count = 2 * MOST / (LONGEST + OVERHEAD);
        for number in 0..count {
            keep(number, LONGEST, 60);
            assert!(is_kept(&cache, number), "the newest one is there");
        }
        let cache = cache.into_inner();
        let bytes: usize = cache.answers.values().map(|kept| kept.answer.len() + OVERHEAD).sum();
        assert_eq!(cache.bytes, bytes);
        assert!((MOST / 4..=MOST).contains(&bytes), "{bytes}");
    }
}
