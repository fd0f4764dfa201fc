//! How much of it at once: requests a second, and watches.
//!
//! Time is an argument: how long it is since some fixed moment.

use std::collections::HashMap;
use std::time::Duration;

/// How many requests are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Every second, in the long run.
    pub per_second: u32,
    /// At once, by who was silent before.
    pub burst: u32,
}

/// A token bucket for each user. Who was silent long enough has a full one, and needs none.
#[derive(Clone, Debug)]
pub struct Buckets {
    rate: Rate,
    buckets: HashMap<String, Bucket>,
    /// How many buckets there may be before full ones are looked for.
    sweep_at: usize,
}

/// Spent tokens, and when that was true: an empty bucket is one that spent the whole burst.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    spent: f64,
    at: Duration,
}

/// Buckets that are kept without a look at whether they are needed.
const FEW: usize = 1024;

impl Buckets {
    /// All full.
    pub fn new(rate: Rate) -> Self {
        Self { rate, buckets: HashMap::new(), sweep_at: FEW }
    }

    /// Takes a token of this user.
    ///
    /// # Errors
    /// There is none: how long to wait for the next.
    pub fn take(&mut self, user: &str, now: Duration) -> Result<(), Duration> {
        let rate = self.rate;
        let bucket =
            self.buckets.get(user).map_or(Bucket { spent: 0.0, at: now }, |bucket| bucket.at(now, rate));
        let spent = bucket.spent + 1.0;
        let over = spent - f64::from(rate.burst);
        if over > 0.0 {
            return Err(Duration::from_secs_f64(over / f64::from(rate.per_second.max(1))));
        }
        if self.buckets.len() >= self.sweep_at {
            self.buckets.retain(|_, bucket| bucket.at(now, rate).spent > 0.0);
            self.sweep_at = (self.buckets.len() * 2).max(FEW);
        }
        self.buckets.insert(user.to_owned(), Bucket { spent, at: bucket.at });
        Ok(())
    }
}

impl Bucket {
    /// The bucket as it is now. Time that runs backwards fills nothing.
    fn at(self, now: Duration, rate: Rate) -> Self {
        let filled = now.saturating_sub(self.at).as_secs_f64() * f64::from(rate.per_second);
        Self { spent: (self.spent - filled).max(0.0), at: now.max(self.at) }
    }
}

/// How much of something that goes on each user has, and all together.
#[derive(Clone, Debug)]
pub struct Shares {
    each: usize,
    all: usize,
    held: HashMap<String, usize>,
    total: usize,
}

/// Why nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The user has as much as one may have.
    ByUser,
    /// All together have as much as there is.
    ByAll,
}

impl Shares {
    /// Nothing is held yet: this much may be by each, and by all.
    pub fn new(each: usize, all: usize) -> Self {
        Self { each, all, held: HashMap::new(), total: 0 }
    }

    /// Takes one.
    ///
    /// # Errors
    /// There is none left.
    pub fn take(&mut self, user: &str) -> Result<(), Taken> {
        let held = self.held.get(user).copied().unwrap_or_default();
        if held >= self.each {
            return Err(Taken::ByUser);
        }
        if self.total >= self.all {
            return Err(Taken::ByAll);
        }
        self.total += 1;
        self.held.insert(user.to_owned(), held + 1);
        Ok(())
    }

    /// Gives one back.
    pub fn give(&mut self, user: &str) {
        if let Some(held) = self.held.get_mut(user) {
            *held -= 1;
            self.total -= 1;
            if *held == 0 {
                self.held.remove(user);
            }
        }
    }

    /// How many are held.
    pub fn total(&self) -> usize {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 3 };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut buckets = Buckets::new(RATE);
        for _ in 0..3 {
            assert_eq!(buckets.take("ana", ms(0)), Ok(()));
        }
        let wait = buckets.take("ana", ms(0)).unwrap_err();
        assert_eq!(wait, ms(100), "a tenth of a second makes one token");
        assert_eq!(buckets.take("ben", ms(0)), Ok(()), "each has a bucket of its own");
        assert!(buckets.take("ana", ms(50)).is_err());
        assert_eq!(buckets.take("ana", ms(101)), Ok(()), "to be refused costs nothing");
        assert!(buckets.take("ana", ms(101)).is_err());
        for _ in 0..3 {
            assert_eq!(buckets.take("ana", ms(60_000)), Ok(()));
        }
        assert!(buckets.take("ana", ms(60_000)).is_err(), "silence makes no more than the burst");
        assert!(buckets.take("ana", ms(0)).is_err(), "a clock that goes back makes nothing");
    }

    #[test]
    fn who_was_silent_takes_no_room() {
        let mut buckets = Buckets::new(RATE);
        for n in 0..100_000_u64 {
            buckets.take(&format!("user-{n}"), ms(n)).unwrap();
        }
        assert!(buckets.buckets.len() <= FEW + 1, "{}", buckets.buckets.len());
    }

    #[test]
    fn watches_are_shared_out() {
        let mut shares = Shares::new(2, 3);
        assert_eq!(
            [shares.take("a"), shares.take("a"), shares.take("a")],
            [Ok(()), Ok(()), Err(Taken::ByUser)]
        );
        assert_eq!([shares.take("b"), shares.take("b")], [Ok(()), Err(Taken::ByAll)]);
        shares.give("a");
        assert_eq!((shares.take("b"), shares.total()), (Ok(()), 3));
        shares.give("nobody");
        for user in ["a", "b", "b"] {
            shares.give(user);
        }
        assert_eq!((shares.total(), shares.held.len()), (0, 0));
    }

    proptest! {
        #[test]
        fn nobody_gets_more_than_the_rate_allows(waits in proptest::collection::vec(0_u64..200, 1..200)) {
            let mut buckets = Buckets::new(RATE);
            let (mut now, mut taken) = (0, 0_u64);
            for wait in waits {
                now += wait;
                taken += u64::from(buckets.take("ana", ms(now)).is_ok());
                prop_assert!(taken <= 3 + now / 100);
            }
        }
    }
}
