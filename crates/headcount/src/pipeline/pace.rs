//! How many items a worker takes at once, and where its time goes: one look at the clock for each batch.
//!
//! A worker keeps for itself what it has taken, so what stands behind a long item waits for it though others may be idle. So a
//! batch is never more than what should take [`TARGET`], going by the batch before; the first is one item, and each at most
//! twice as large as the last one. Items that take longer than that go one by one.

use std::time::{Duration, Instant};

use super::report::{Record, Shift};

/// How long a batch should take.
const TARGET: Duration = Duration::from_micros(20);
/// The most that is taken at once.
const MOST: usize = 1024;
/// A worker that has been busy for longer lets others run.
const LONG: Duration = Duration::from_micros(100);

/// A worker's clock.
#[derive(Debug)]
pub(super) struct Pace {
    most: usize,
    limit: usize,
    /// When the last thing ended, and the next began.
    last: Instant,
    /// Blocked since it began.
    blocked: Duration,
    /// Busy since it last gave way.
    ran: Duration,
}

impl Pace {
    /// For a worker that never takes more than `limit` at once.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            most: 1,
            limit: limit.clamp(1, MOST),
            last: Instant::now(),
            blocked: Duration::ZERO,
            ran: Duration::ZERO,
        }
    }

    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// It has waited for input until now.
    pub(super) fn waited(&mut self, record: &Record) {
        let waiting = self.lap();
        record.add(Shift { waiting, ..Shift::default() });
    }

    /// It has waited for room for so long.
    pub(super) fn was_blocked(&mut self, time: Duration) {
        self.blocked += time;
    }

    /// It has done `taken` items, and handed on `given`. True if it is time to let others run.
    pub(super) fn done(&mut self, taken: usize, given: usize, record: &Record) -> bool {
        let all = self.lap();
        let blocked = std::mem::take(&mut self.blocked);
        let busy = all.saturating_sub(blocked);
        let fits = TARGET.as_nanos() * taken as u128 / busy.as_nanos().max(1);
        let fits = usize::try_from(fits).unwrap_or(usize::MAX);
        self.most = fits.clamp(1, self.limit.min(self.most * 2));
        record.add(Shift { taken, given, busy, blocked, ..Shift::default() });
        self.ran += busy;
        let tired = self.ran >= LONG;
        if tired {
            self.ran = Duration::ZERO;
        }
        tired
    }

    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        let lap = now.saturating_duration_since(self.last);
        self.last = now;
        lap
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::{MOST, Pace};
    use crate::pipeline::report::Record;
    use std::time::{Duration, Instant};

    #[test]
    fn a_batch_doubles_while_items_are_tiny_and_is_one_item_as_soon_as_they_are_long() {
        let record = Record::default();
        let mut pace = Pace::new(usize::MAX);
        for most in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, MOST, MOST] {
            assert_eq!(pace.most(), most);
            pace.last = Instant::now() + Duration::from_secs(1); // so that it took no time at all
            pace.done(most, most, &record);
        }
        pace.last = Instant::now() - Duration::from_secs(1);
        pace.done(MOST, MOST, &record);
        assert_eq!(pace.most(), 1);
    }

    #[test]
    fn time_blocked_on_the_output_is_no_reason_for_smaller_batches() {
        let record = Record::default();
        let mut pace = Pace::new(16);
        let hour = Duration::from_secs(3600);
        (pace.last, pace.blocked) = (Instant::now() - hour, hour + Duration::from_secs(1));
        pace.done(1, 1, &record);
        assert_eq!(pace.most(), 2);
    }
}
