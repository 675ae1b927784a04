//! How many items to take at once: as many as are over in some microseconds, one where an item takes as long.
//!
//! Whoever takes tiny items one by one pays more for the taking than for the items. So the first is taken alone and timed,
//! and what one takes is doubled as long as it is over in no time. That is a guess about items to come, and may be wrong:
//! hence what was taken stays within reach of the others (`supply`), but for a [`handful`](Pace::handful).

use std::time::Duration;

use crate::time::Moment;

/// The most that is taken at once.
const MOST: usize = 1024;
/// What took less is followed by twice as much.
const SHORT: Duration = Duration::from_micros(12);
/// What took longer is followed by half as much.
const LONG: Duration = Duration::from_micros(40);
/// A handful of items is over in this time, if they are like those before.
const HANDFUL: u64 = 128;
/// The most that is in a hand.
const MOST_IN_HAND: usize = 8;
/// Ages in roll calls are wrong by this many nanoseconds at most, if items are like those before; and a look at the clock is
/// a hundredth of it.
const LOOK: u64 = 2048;
/// The most items that are begun without such a look: one of them may take unlike those before.
const MOST_UNSEEN: usize = 64;

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Pace {
    /// How many items to take from the source.
    pub(super) batch: usize,
    /// How many of them to have in hand, out of the others' reach.
    pub(super) handful: usize,
    /// When the last were taken.
    since: Option<Moment>,
    /// How many have been begun since.
    begun: usize,
    /// After how many items the clock is to be looked at for the roll call, and how many have been taken since it was.
    look_every: usize,
    unseen: usize,
}

impl Pace {
    /// That of somebody who begins with `batch`.
    pub(super) fn new(batch: usize) -> Self {
        Self { batch, handful: 1, since: None, begun: 0, look_every: 1, unseen: 0 }
    }

    /// All that was taken has been begun, and as far as is known is over: how many next?
    pub(super) fn take_stock(&mut self) {
        if cfg!(loom) {
            // The checker's runs must not depend on a clock.
            (self.batch, self.handful, self.unseen) = (2, 1, MOST_UNSEEN);
            return;
        }
        let now = Moment::now();
        self.unseen = MOST_UNSEEN;
        let begun = std::mem::take(&mut self.begun);
        let took = self.since.replace(now).and_then(|since| now.since(since));
        if let Some(took) = took.filter(|_| begun > 0) {
            self.learn(begun, took);
        }
    }

    /// So many items took so long, together with taking them.
    fn learn(&mut self, begun: usize, took: Duration) {
        self.batch = match took {
            // Who got less than a batch has learned nothing about a whole one.
            _ if took < SHORT && begun >= self.batch => (self.batch * 2).min(MOST),
            _ if took > 4 * LONG => (self.batch / 16).max(1),
            _ if took > LONG => (self.batch / 2).max(1),
            _ => self.batch,
        };
        let each = took.as_nanos() as u64 / begun as u64;
        self.handful = (HANDFUL / each.max(1)).clamp(1, MOST_IN_HAND as u64) as usize;
        self.look_every = (LOOK / each.max(1)).clamp(1, MOST_UNSEEN as u64) as usize;
    }

    /// So many have been taken in hand.
    pub(super) fn takes(&mut self, count: usize) {
        self.begun += count;
        self.unseen += count;
    }

    /// Whether it is time to note when the items in hand were taken. Always where they come from afresh, and else so seldom
    /// that it costs next to nothing: a look at the clock takes as long as several tiny items.
    pub(super) fn looks_at_the_clock(&mut self) -> bool {
        let looks = self.unseen >= self.look_every;
        if looks {
            self.unseen = 0;
        }
        looks
    }

    /// When the last were taken.
    pub(super) fn since(&self) -> Moment {
        self.since.unwrap_or_else(Moment::now)
    }

    /// After a rest, the time begins anew.
    pub(super) fn begin_anew(&mut self) {
        self.since = Some(Moment::now());
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, MOST_IN_HAND, Pace};
    use std::time::Duration;

    #[test]
    fn tiny_items_are_taken_together_and_long_ones_alone() {
        let mut pace = Pace::new(1);
        for _ in 0..12 {
            pace.learn(pace.batch, Duration::from_nanos(10) * pace.batch as u32);
        }
        assert_eq!((pace.batch, pace.handful), (MOST, MOST_IN_HAND));
        for _ in 0..4 {
            pace.learn(pace.batch, Duration::from_micros(50) * pace.batch as u32);
        }
        assert_eq!((pace.batch, pace.handful), (1, 1));
        pace.learn(1, Duration::from_micros(20));
        assert_eq!((pace.batch, pace.handful), (1, 1));
    }

    #[test]
    fn the_clock_is_looked_at_for_each_long_item_and_now_and_then_for_tiny_ones() {
        let looks = |each: u64| {
            let mut pace = Pace::new(1);
            pace.learn(1, Duration::from_nanos(each));
            let mut look = || {
                pace.takes(pace.handful);
                pace.looks_at_the_clock()
            };
            (0..640).filter(|_| look()).count()
        };
        assert_eq!(looks(50_000), 640);
        assert_eq!(looks(1_000), 320, "every second of a microsecond");
        assert_eq!(looks(1), 80, "eight are in a hand");
        let mut pace = Pace::new(1);
        pace.learn(1, Duration::from_nanos(1));
        pace.take_stock();
        pace.takes(1);
        assert!(pace.looks_at_the_clock(), "what comes afresh is looked at");
    }

    #[test]
    fn one_long_item_among_tiny_ones_makes_the_next_be_taken_alone() {
        let mut pace = Pace::new(MOST);
        pace.learn(MOST, Duration::from_millis(50));
        assert_eq!((pace.batch, pace.handful), (MOST / 16, 1));
    }
}
