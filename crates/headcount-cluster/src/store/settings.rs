//! What is said of a group when it is made, and holds for all its life.

use std::time::Duration;

use headcount_ledger::Policy;

/// How long to wait before another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// Always so long.
    Fixed(Duration),
    /// So long before the second attempt, then twice as long each time, up to `most`.
    Doubling {
        /// Before the second attempt.
        first: Duration,
        /// Never longer than this.
        most: Duration,
    },
}

/// What a group is like. `Settings::new("name")` is the usual: the first failure ends the rest, no limit, a lease of 30 seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// For people.
    pub name: String,
    /// When it is over, and what it came to.
    pub policy: Policy,
    /// So many run at once at most, on all workers; 0 for as many as there are workers for.
    pub limit: u32,
    /// So many attempts may fail besides the last.
    pub retries: u32,
    /// How long to wait before another attempt.
    pub backoff: Backoff,
    /// A member whose worker vanished is given out again; the so-manyth worker that vanishes with it is the last, and the member is lost.
    pub losses: u32,
    /// How long a worker may be silent before its members are taken for orphans. Workers speak up three times as often.
    pub lease: Duration,
    /// How long who registers members may be silent before the group is given up.
    pub owner_lease: Duration,
    /// Time for all of it.
    pub deadline: Option<Duration>,
    /// How long the group is remembered after its end.
    pub keep: Duration,
    /// The largest payload, and the largest result, in bytes.
    pub largest: usize,
    /// So many events are kept, about.
    pub events: u64,
}

impl Settings {
    /// The usual.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            policy: Policy::FailFast,
            limit: 0,
            retries: 0,
            backoff: Backoff::Doubling { first: Duration::from_millis(100), most: Duration::from_secs(30) },
            losses: 3,
            lease: Duration::from_secs(30),
            owner_lease: Duration::from_secs(60),
            deadline: None,
            keep: Duration::from_secs(24 * 60 * 60),
            largest: 64 * 1024,
            events: 10_000,
        }
    }

    /// The wait after so many attempts that failed.
    pub(crate) fn wait(&self, failed: u32) -> Duration {
        match self.backoff {
            Backoff::Fixed(wait) => wait,
            Backoff::Doubling { first, most } => first
                .saturating_mul(1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX))
                .min(most),
        }
    }
}
