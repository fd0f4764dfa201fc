//! Two clocks, and what each is for.
//!
//! What lasts is measured by the monotonic clock, which nobody sets: so neither a jump of the wall clock nor its correction
//! ends a lease or prolongs it while a server runs. What is kept over a restart is written in wall time, because nothing
//! else goes on. A server that comes back trusts it only as far as it cannot harm: see [`crate::Server::restore`].

/// A moment, in milliseconds of a clock that is never set and goes on while the host sleeps (`CLOCK_BOOTTIME`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// The moment this many milliseconds later.
    #[must_use]
    pub fn after(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// The moment this many seconds later.
    #[must_use]
    pub fn after_seconds(self, seconds: u32) -> Self {
        self.after(u64::from(seconds) * 1000)
    }

    /// How many milliseconds it is after an earlier moment; 0 if that one is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A moment, in seconds since 1970 (UTC), by the host's clock: right or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub u64);

/// What both clocks show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock.
    pub instant: Instant,
    /// The wall clock.
    pub wall: Wall,
}
