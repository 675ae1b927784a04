//! The time between two starts. Pure: it is told what time it is.
//!
//! Starts are evenly spaced, and time in which nobody wanted to start is not saved up for a burst: a rate is asked for so that
//! somebody is spared, and that somebody does not know what went before. Only what a timer is late by may be caught up.

use std::time::{Duration, Instant};

/// No timer is finer.
const CATCH_UP: Duration = Duration::from_millis(10);

/// See the room's text.
#[derive(Debug)]
pub(super) struct Spacing {
    period: Duration,
    /// The next start may be no sooner; the first at any time.
    next: Option<Instant>,
}

impl Spacing {
    pub(super) fn new(period: Duration) -> Self {
        Self { period, next: None }
    }

    /// How long the next start has to wait.
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }

    /// Somebody starts now.
    pub(super) fn stamp(&mut self, now: Instant) {
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        let planned = self.next.map_or(now, |next| next.max(earliest));
        self.next = planned.checked_add(self.period);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The starts of somebody who always wants to, with a timer that is late by so much.
    fn starts(period: Duration, late: Duration, many: usize) -> Vec<Duration> {
        let begin = Instant::now();
        let (mut spacing, mut now) = (Spacing::new(period), begin);
        let mut starts = Vec::new();
        for _ in 0..many {
            let left = spacing.left(now);
            if left > Duration::ZERO {
                now += left + late;
            }
            spacing.stamp(now);
            starts.push(now - begin);
        }
        starts
    }

    #[test]
    fn starts_are_evenly_spaced() {
        let second = Duration::from_secs(1);
        assert_eq!(starts(second, Duration::ZERO, 4), [0, 1, 2, 3].map(|nth| nth * second));
    }

    #[test]
    fn a_late_timer_does_not_slow_it_down() {
        let (period, late) = (Duration::from_micros(100), Duration::from_millis(2));
        let starts = starts(period, late, 1001);
        assert!(starts[1000] >= 1000 * period && starts[1000] <= 1000 * period + late, "{:?}", starts[1000]);
    }

    #[test]
    fn idle_time_is_not_saved_up() {
        let (begin, period) = (Instant::now(), Duration::from_secs(1));
        let mut spacing = Spacing::new(period);
        spacing.stamp(begin);
        let later = begin + 100 * period;
        assert_eq!(spacing.left(later), Duration::ZERO);
        spacing.stamp(later);
        assert!(spacing.left(later) >= period - CATCH_UP, "one, and not a hundred");
    }
}
