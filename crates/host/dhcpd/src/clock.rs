//! What the clocks show.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use madang_dhcp::{Instant, Now, Wall};
use rustix::time::{ClockId, clock_gettime};

/// Now, by both clocks.
pub(crate) fn now() -> Now {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { instant: instant(), wall: Wall(wall.as_secs()) }
}

/// Now, by the clock that is never set.
pub(crate) fn instant() -> Instant {
    let boot = Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default();
    Instant(u64::try_from(boot.as_millis()).unwrap_or(u64::MAX))
}

/// A random number.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    // The kernel gives that many at once, or is one without the call: then what is random is when it is asked.
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(8) => u64::from_ne_bytes(bytes),
        _ => clock_gettime(ClockId::Monotonic).tv_nsec.unsigned_abs(),
    }
}
