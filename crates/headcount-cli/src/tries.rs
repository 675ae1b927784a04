//! How often a member is tried, after what, and how long it waits in between. Pure, but for the dice.

use std::time::Duration;

use backon::{BackoffBuilder, ConstantBuilder, ExponentialBuilder};
use serde::{Deserialize, Serialize};

use crate::ledger::Attempt;

/// The first wait, and the longest before chance adds to it.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);

/// By the so many-th wait the longest is reached.
const ENOUGH: usize = 10;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tries {
    /// So many attempts after the first.
    pub retries: u32,
    /// How long to wait.
    pub backoff: Backoff,
    /// Up to twice as long, by chance.
    pub jitter: bool,
    /// After which ends.
    pub on: RetryOn,
}

/// How long to wait between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// A little, and twice as long each time.
    Exponential,
    /// Always so long.
    Fixed(Duration),
}

/// After which ends there is another attempt. By default after each that a repetition can change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryOn {
    /// Any exit code.
    pub any_code: bool,
    /// Ranges of exit codes, both ends included.
    pub codes: Vec<(i32, i32)>,
    /// Any signal.
    pub any_signal: bool,
    /// Signals.
    pub signals: Vec<i32>,
    /// A timeout.
    pub timeout: bool,
}

/// How an attempt ended that was no success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Its time was up.
    Timeout,
    /// The system was short of something it needed to begin.
    Starved,
    /// In a way that would be the same again, or that nobody understands.
    Hopeless,
}

impl Default for RetryOn {
    fn default() -> Self {
        Self { any_code: true, codes: Vec::new(), any_signal: true, signals: Vec::new(), timeout: true }
    }
}

impl RetryOn {
    /// Never.
    #[must_use]
    pub fn nothing() -> Self {
        Self { any_code: false, codes: Vec::new(), any_signal: false, signals: Vec::new(), timeout: false }
    }

    /// Whether there is another attempt after this one.
    #[must_use]
    pub fn is(&self, miss: Miss) -> bool {
        match miss {
            Miss::Code(code) => {
                self.any_code || self.codes.iter().any(|&(from, to)| (from..=to).contains(&code))
            }
            Miss::Signal(signal) => self.any_signal || self.signals.contains(&signal),
            Miss::Timeout => self.timeout,
            // It never ran, so no end of it was asked about.
            Miss::Starved => true,
            Miss::Hopeless => false,
        }
    }
}

impl Tries {
    /// How many attempts there are at most.
    #[must_use]
    pub fn most(&self) -> Attempt {
        self.retries.saturating_add(1)
    }

    /// How long to wait after this attempt, if there is to be another.
    #[must_use]
    pub fn again(&self, attempt: Attempt, miss: Miss) -> Option<Duration> {
        (attempt < self.most() && self.on.is(miss)).then(|| self.wait(attempt))
    }

    /// The wait after this attempt.
    fn wait(&self, attempt: Attempt) -> Duration {
        let place = usize::try_from(attempt).unwrap_or(ENOUGH).clamp(1, ENOUGH) - 1;
        match self.backoff {
            Backoff::Exponential => {
                let waits = ExponentialBuilder::new().with_min_delay(FIRST).with_max_delay(LONGEST);
                let waits = waits.without_max_times();
                let waits = if self.jitter { waits.with_jitter() } else { waits };
                waits.build().nth(place)
            }
            Backoff::Fixed(time) => {
                let waits = ConstantBuilder::new().with_delay(time).without_max_times();
                let waits = if self.jitter { waits.with_jitter() } else { waits };
                waits.build().next()
            }
        }
        .unwrap_or(LONGEST)
    }

    /// Which attempt it is, where there may be more than one: ` (attempt 2 of 3)`.
    #[must_use]
    pub fn told(&self, attempt: Option<Attempt>) -> String {
        match attempt {
            Some(attempt) if self.retries > 0 => {
                format!(" (attempt {attempt} of {})", self.most().max(attempt))
            }
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries(backoff: Backoff, jitter: bool) -> Tries {
        Tries { retries: 20, backoff, jitter, on: RetryOn::default() }
    }

    fn waits(tries: &Tries) -> Vec<u128> {
        (1..=12).map(|attempt| tries.again(attempt, Miss::Timeout).unwrap().as_millis()).collect()
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let seen = waits(&tries(Backoff::Exponential, false));
        let told = [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000];
        // The factor is a float.
        assert!(seen.iter().zip(told).all(|(seen, told)| seen.abs_diff(told) <= 1), "{seen:?}");
        assert_eq!(waits(&tries(Backoff::Fixed(Duration::from_secs(2)), false)), [2000; 12]);
        assert_eq!(waits(&tries(Backoff::Fixed(Duration::ZERO), true)), [0; 12]);
    }

    #[test]
    fn chance_adds_up_to_as_much_again() {
        let (plain, by_chance) =
            (waits(&tries(Backoff::Exponential, false)), waits(&tries(Backoff::Exponential, true)));
        for (plain, by_chance) in plain.iter().zip(&by_chance) {
            assert!((plain - 1..=2 * plain + 1).contains(by_chance), "{by_chance} for {plain}");
        }
        assert_ne!(plain, by_chance, "twelve throws of nothing");
    }

    #[test]
    fn the_last_attempt_is_the_last() {
        let tries = Tries { retries: 2, ..tries(Backoff::Exponential, false) };
        assert!(tries.again(2, Miss::Code(1)).is_some());
        assert_eq!(tries.again(3, Miss::Code(1)), None);
        assert_eq!(tries.again(1, Miss::Hopeless), None);
        assert_eq!(tries.told(Some(3)), " (attempt 3 of 3)");
        assert_eq!(Tries { retries: 0, ..tries }.told(Some(1)), "");
    }
}
