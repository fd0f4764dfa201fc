//! When something was, told so that a clock that is set in between does no harm.
//!
//! As long as the machine runs, the time since it was started counts: nobody sets that clock, and it goes on while no
//! daemon runs and while the machine sleeps. After a restart of the machine only the time of day is left; then what is
//! left is never more than what was given, however far the clock was set back.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Moment {
    /// The time of day.
    pub(super) wall: Timestamp,
    /// Which start of the machine it was in; empty if that is not known.
    #[serde(default)]
    boot: String,
    /// Milliseconds since then.
    #[serde(default)]
    uptime: u64,
}

impl Moment {
    /// This one.
    pub(super) fn now() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let uptime = read("/proc/uptime");
        let seconds = uptime.split(' ').next().and_then(|text| text.parse::<f64>().ok());
        let uptime = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let boot = if uptime.is_some() { read("/proc/sys/kernel/random/boot_id") } else { String::new() };
        let uptime = uptime.map_or(0, |uptime| u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX));
        Self { wall: Timestamp::now(), boot: boot.trim().to_owned(), uptime }
    }

    /// How much is left at a later moment of what was given at this one.
    pub(super) fn left(&self, given: Duration, now: &Self) -> Duration {
        let passed = if !self.boot.is_empty() && self.boot == now.boot {
            Duration::from_millis(now.uptime.saturating_sub(self.uptime))
        } else {
            Duration::try_from(now.wall.duration_since(self.wall)).unwrap_or_default()
        };
        given.saturating_sub(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(wall: i64, boot: &str, uptime: u64) -> Moment {
        Moment { wall: Timestamp::from_second(wall).unwrap(), boot: boot.to_owned(), uptime }
    }

    #[test]
    fn a_clock_that_is_set_does_no_harm() {
        let (given, began) = (Duration::from_secs(60), moment(1_000_000, "a", 5_000));
        let left = |now: Moment| began.left(given, &now).as_secs();
        assert_eq!(left(moment(1_000_020, "a", 25_000)), 40);
        assert_eq!(left(moment(9_000_000, "a", 25_000)), 40, "set forward");
        assert_eq!(left(moment(0, "a", 25_000)), 40, "set back");
        assert_eq!(left(moment(1_000_000, "a", 70_000)), 0);
    }

    #[test]
    fn after_a_restart_of_the_machine_the_time_of_day_counts() {
        let (given, began) = (Duration::from_secs(60), moment(1_000_000, "a", 5_000));
        let left = |now: Moment| began.left(given, &now).as_secs();
        assert_eq!(left(moment(1_000_045, "b", 1_000)), 15);
        assert_eq!(left(moment(1_000_061, "b", 1_000)), 0);
        assert_eq!(left(moment(0, "b", 1_000)), 60, "never more than was given");
        let unknown = moment(1_000_000, "", 0);
        assert_eq!(unknown.left(given, &moment(1_000_010, "", 0)).as_secs(), 50);
    }

    #[test]
    fn this_one() {
        let (one, two) = (Moment::now(), Moment::now());
        assert_eq!(one.boot, two.boot);
        assert!(!one.boot.is_empty() && one.uptime > 0 && two.uptime >= one.uptime, "{one:?}");
    }
}
