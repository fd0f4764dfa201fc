//! Leases end at whole seconds, kept in four bytes: of a clock that shows 2^31 when the server starts, so that what ended up
//! to 68 years before has its place too.

use crate::server::table::{NEVER, Second};
use crate::time::{Instant, Now, Wall};

/// What the clock shows at the start.
const BEGINNING: u32 = 1 << 31;

#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn new(start: Instant) -> Self {
        Self { start }
    }

    /// The second that a moment is in.
    pub(super) fn second(self, at: Instant) -> Second {
        self.shows(at.since(self.start) / 1000)
    }

    /// The first second in which something is over that lasts this long from now: never too early.
    pub(super) fn end(self, now: Instant, seconds: u32) -> Second {
        match seconds {
            u32::MAX => NEVER,
            seconds => self.shows(now.after_seconds(seconds).since(self.start).div_ceil(1000)),
        }
    }

    fn shows(self, seconds: u64) -> Second {
        u32::try_from(seconds).map_or(NEVER, |seconds| BEGINNING.saturating_add(seconds))
    }

    /// When a second begins; none for one that never does.
    pub(super) fn instant(self, second: Second) -> Option<Instant> {
        let after = u64::from(second.saturating_sub(BEGINNING)) * 1000;
        (second != NEVER).then(|| self.start.after(after))
    }

    /// What the wall clock shows then, if it goes on as it does now.
    pub(super) fn wall(self, second: Second, now: Now) -> Option<Wall> {
        let current = self.second(now.instant);
        let wall = match second.checked_sub(current) {
            Some(ahead) => now.wall.0.saturating_add(ahead.into()),
            None => now.wall.0.saturating_sub((current - second).into()),
        };
        (second != NEVER).then_some(Wall(wall))
    }

    /// The second that a moment of the wall clock is in, if it is right now.
    pub(super) fn of_wall(self, at: Wall, now: Now) -> Second {
        let current = self.second(now.instant);
        let away = |by: u64| u32::try_from(by).unwrap_or(u32::MAX);
        match at.0.checked_sub(now.wall.0) {
            Some(ahead) => current.saturating_add(away(ahead)),
            None => current.saturating_sub(away(now.wall.0 - at.0)),
        }
    }
}
