//! The one door through which clocks enter: std's, none, or under shuttle one that the model drives.
//!
//! A clock that a *test* drives, beside the real one, is [`DrivenClock`](crate::DrivenClock); it belongs to the contexts.

use core::time::Duration;

#[cfg(feature = "std")]
use std::time::Instant;

#[cfg(shuttle)]
pub use driven::{advance, asleep, threads};
#[cfg(shuttle)]
pub(crate) use driven::{counted, now, wake_at};

/// Now, by the clock on the wall.
#[cfg(all(feature = "std", not(shuttle)))]
#[inline]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// When something happened. Without an operating system there is no clock, and ages are unknown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    #[cfg(feature = "std")]
    at: Instant,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            #[cfg(feature = "std")]
            at: now(),
        }
    }

    /// So many nanoseconds later.
    #[cfg(feature = "std")]
    pub(crate) fn plus(self, nanoseconds: u64) -> Self {
        Self { at: self.at + Duration::from_nanos(nanoseconds) }
    }

    /// How long after `earlier` this was.
    pub(crate) fn since(self, earlier: Self) -> Option<Duration> {
        #[cfg(feature = "std")]
        return Some(self.at.saturating_duration_since(earlier.at));
        #[cfg(not(feature = "std"))]
        {
            let _ = earlier;
            None
        }
    }
}

/// Shuttle has no time. So its models have a clock that stands still until they advance it, and a thread that sleeps by
/// it sleeps until it is woken or its time is reached.
#[cfg(shuttle)]
mod driven {
    use shuttle::sync::{Mutex, MutexGuard};
    use std::collections::BTreeMap;
    use std::time::{Duration, Instant};

    struct Clock {
        now: Instant,
        sleepers: BTreeMap<(Instant, u64), Box<dyn FnOnce() + Send>>,
        numbered: u64,
        /// Threads that the library has started and that have not ended.
        threads: usize,
    }

    shuttle::lazy_static! {
        static ref CLOCK: Mutex<Clock> = Mutex::new(Clock {
            now: Instant::now(),
            sleepers: BTreeMap::new(),
            numbered: 0,
            threads: 0,
        });
    }

    fn clock() -> MutexGuard<'static, Clock> {
        CLOCK.lock().expect("nothing panics under this lock")
    }

    pub(crate) fn now() -> Instant {
        clock().now
    }

    /// A sleeper, listed until this is dropped.
    pub(crate) struct Listed(Instant, u64);

    /// Has `wake` called when the clock reaches `deadline`; nothing if it has. No advance is missed: it either came before
    /// the look at the clock, or finds the sleeper listed.
    pub(crate) fn wake_at(deadline: Instant, wake: impl FnOnce() + Send + 'static) -> Option<Listed> {
        let mut clock = clock();
        if deadline <= clock.now {
            return None;
        }
        clock.numbered += 1;
        let number = clock.numbered;
        clock.sleepers.insert((deadline, number), Box::new(wake));
        Some(Listed(deadline, number))
    }

    impl Drop for Listed {
        fn drop(&mut self) {
            let wake = clock().sleepers.remove(&(self.0, self.1));
            drop(wake);
        }
    }

    /// Moves the clock, and wakes those whose time is reached.
    pub fn advance(by: Duration) {
        let mut clock = clock();
        clock.now += by;
        let later = (clock.now, u64::MAX);
        let later = clock.sleepers.split_off(&later);
        let reached = std::mem::replace(&mut clock.sleepers, later);
        drop(clock);
        reached.into_values().for_each(|wake| wake());
    }

    /// How many threads sleep by the clock.
    pub fn asleep() -> usize {
        clock().sleepers.len()
    }

    /// How many threads the library has started that have not ended.
    pub fn threads() -> usize {
        clock().threads
    }

    pub(crate) fn counted(body: impl FnOnce() + Send + 'static) -> impl FnOnce() + Send + 'static {
        clock().threads += 1;
        move || {
            body();
            clock().threads -= 1;
        }
    }
}
