//! What needs a disk that does as it is told: one that loses power, or has something else in it than was written.

mod cuts;
mod damage;
mod disk;
mod history;
mod kills;
mod migration;
mod room;

/// A generator whose every run is the same.
#[derive(Clone, Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        // SplitMix64: any seed is as good as another.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Once in so many times.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A place in something that is so long.
    pub(super) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }
}

/// The seed to begin with: the same in every run, or the one in `STORE_SEED`.
pub(super) fn seed() -> u64 {
    std::env::var("STORE_SEED").map_or(1, |seed| seed.parse().unwrap())
}
