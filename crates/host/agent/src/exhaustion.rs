//! What has run out, so that new connections were dropped: told as events, now and then.
//!
//! The kernel only counts it; so the counts are looked at.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use madang_datapath::DropReason;
use madang_kernel::datapath::DropCount;

/// How often the counts are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How long the same is not told again.
const QUIET: Duration = Duration::from_secs(60);

/// What the counts were.
#[derive(Default)]
pub(crate) struct Exhaustion {
    looked: Option<Instant>,
    counts: BTreeMap<(u32, DropReason), u64>,
    told: BTreeMap<(u32, DropReason), Instant>,
}

/// Something that has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunOut {
    /// The interface at which packets were dropped.
    pub(crate) ifindex: u32,
    pub(crate) reason: DropReason,
    /// How many, since it was told last.
    pub(crate) packets: u64,
}

impl RunOut {
    /// The reason of its event.
    pub(crate) fn name(&self) -> &'static str {
        match self.reason {
            DropReason::InstanceQuota => "ConnectionQuota",
            DropReason::VpcQuota => "VpcConnectionQuota",
            DropReason::NatPortsExhausted => "NatPortsExhausted",
            _ => "ConnectionTableFull",
        }
    }

    /// What its event says.
    pub(crate) fn message(&self) -> String {
        let Self { reason, packets, .. } = self;
        let packets =
            if *packets == 1 { "1 packet was".to_owned() } else { format!("{packets} packets were") };
        format!("{packets} dropped: {} {}", reason.sentence(), reason.hint())
    }
}

impl Exhaustion {
    /// Whether it is time to look.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK)
    }

    /// What has run out since it was told last. What was counted before the first look was before us.
    pub(crate) fn news(&mut self, counts: &[DropCount], now: Instant) -> Vec<RunOut> {
        let first = self.looked.replace(now).is_none();
        let relevant = counts.iter().filter(|count| is_exhaustion(count.reason));
        let seen: BTreeMap<_, _> =
            relevant.map(|count| ((count.ifindex, count.reason), count.packets)).collect();
        self.counts.retain(|key, _| seen.contains_key(key));
        self.told.retain(|key, _| seen.contains_key(key));
        let mut news = Vec::new();
        for (key, packets) in seen {
            if first {
                self.counts.insert(key, packets);
                continue;
            }
            let before = self.counts.get(&key).copied().unwrap_or(0);
            let quiet = self.told.get(&key).is_some_and(|told| now.duration_since(*told) < QUIET);
            if packets > before && !quiet {
                let (ifindex, reason) = key;
                news.push(RunOut { ifindex, reason, packets: packets - before });
                self.counts.insert(key, packets);
                self.told.insert(key, now);
            }
        }
        news
    }
}

fn is_exhaustion(reason: DropReason) -> bool {
    use DropReason::{FlowTableFull, InstanceQuota, NatPortsExhausted, VpcQuota};
    [FlowTableFull, InstanceQuota, NatPortsExhausted, VpcQuota].contains(&reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_a_minute_and_only_what_is_new() {
        let count = |reason, packets| DropCount { ifindex: 7, reason, packets };
        let (quota, denied) = (DropReason::InstanceQuota, DropReason::EgressDenied);
        let (start, mut exhaustion) = (Instant::now(), Exhaustion::default());
        let mut news =
            |seconds, counts: &[DropCount]| exhaustion.news(counts, start + Duration::from_secs(seconds));
        assert_eq!(news(0, &[count(quota, 5)]), [], "before us");
        assert_eq!(news(2, &[count(quota, 5), count(denied, 9)]), []);
        let expected = |packets| [RunOut { ifindex: 7, reason: quota, packets }];
        assert_eq!(news(4, &[count(quota, 6)]), expected(1));
        assert_eq!(news(6, &[count(quota, 60)]), []);
        assert_eq!(news(64, &[count(quota, 60)]), expected(54));
        assert_eq!(news(130, &[count(quota, 60)]), []);
        assert_eq!(news(132, &[]), [], "the interface is gone");
        assert_eq!(news(134, &[count(quota, 2)]), expected(2), "and its index came again");
    }
}
