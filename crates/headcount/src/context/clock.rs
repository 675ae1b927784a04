//! A clock for tests: it stands still until it is told to move.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dues::{Due, Dues, Ring};
use super::timer::Set;
use super::values::Link;
use super::{Context, callback};
use crate::time;
use crate::wait::lock::Lock;
use crate::wait::parker::{Unparker, park, unparker};

/// A clock that stands still until your test moves it, for code that keeps deadlines or sleeps under a [`Context`].
///
/// Code under test needs no parameter for a clock: it is handed a context, and the clock comes with it. All that is derived
/// from [`context`](Self::context) lives by this clock: deadlines, [`remaining`](Context::remaining),
/// [`sleep`](Context::sleep), [`wait_timeout`](Context::wait_timeout) and their async twins, on threads and on any executor.
/// Nothing else does: timeouts of a [`WaitGroup`](crate::WaitGroup) that are given no context stay in real time.
///
/// In tests that live on Tokio's paused time you need none of this; contexts that are made in such a runtime follow it.
///
/// Clones are handles to the same clock.
///
/// # Examples
///
/// ```
/// use headcount::{Context, DrivenClock};
/// use std::time::Duration;
///
/// let clock = DrivenClock::new();
/// let ctx = clock.context().with_timeout(Duration::from_secs(3600));
/// assert!(!ctx.is_cancelled());
/// clock.advance(Duration::from_secs(3600));
/// assert!(ctx.check().unwrap_err().is_deadline()); // an hour has passed, in no time
/// ```
///
/// A thread that sleeps must have fallen asleep before the clock is moved, or it sleeps from then on. So wait for it, with a
/// limit in real time:
///
/// ```
/// use headcount::{Context, DrivenClock};
/// use std::{thread, time::Duration};
///
/// fn third_time_lucky(ctx: &Context) -> u32 {
///     let mut tries = 1;
///     while tries < 3 {
///         ctx.sleep(Duration::from_secs(60)).expect("nobody cancels");
///         tries += 1;
///     }
///     tries
/// }
///
/// let clock = DrivenClock::new();
/// let ctx = clock.context();
/// let begun = clock.now();
/// let trying = thread::spawn(move || third_time_lucky(&ctx));
/// for _ in 0..2 {
///     assert!(clock.wait_pending_timeout(1, Duration::from_secs(10)), "it does not sleep");
///     clock.advance(Duration::from_secs(60));
/// }
/// assert_eq!(trying.join().unwrap(), 3);
/// assert_eq!(clock.now() - begun, Duration::from_secs(120));
/// ```
#[derive(Clone)]
pub struct DrivenClock(Arc<Driven>);

struct Driven {
    state: Lock<State>,
}

struct State {
    now: Instant,
    dues: Dues,
    /// Threads that wait for more to be pending, by numbers of their own.
    watchers: BTreeMap<u64, Unparker>,
    watched: u64,
}

impl State {
    fn number(&mut self) -> u64 {
        self.watched += 1;
        self.watched
    }
}

impl DrivenClock {
    /// A clock that shows the present and stands still.
    #[must_use]
    pub fn new() -> Self {
        let state = State { now: time::now(), dues: Dues::new(), watchers: BTreeMap::new(), watched: 0 };
        Self(Arc::new(Driven { state: Lock::new(state) }))
    }

    /// A context at the root, never cancelled and without a deadline: whatever is derived from it lives by this clock.
    ///
    /// The clock travels as a value does: [`detached`](Context::detached) keeps it, and a [`merged`](Context::merged) context
    /// has that of the first. Deadlines that were set before stay on the clock that they were set on.
    #[must_use]
    pub fn context(&self) -> Context {
        Context { node: None, values: Some(Link::new(self.clone(), None)) }
    }

    /// What the clock shows.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.state.lock().now
    }

    /// Moves the clock forward. When this returns every deadline on the way has passed: its context and all below are
    /// cancelled, who waits is woken, and its callbacks have run, on this thread.
    ///
    /// They pass one after the other, each at its time. So what a callback sets meanwhile passes too, if it is due in time.
    ///
    /// If several threads move one clock at once, each deadline is served by one of them, and the others may return before.
    ///
    /// # Panics
    ///
    /// With the first panic of a callback, when the way is done.
    pub fn advance(&self, by: Duration) {
        let mut state = self.0.state.lock();
        let target = state.now.checked_add(by);
        let Some(target) = target else {
            drop(state);
            panic!("a clock cannot be moved beyond the end of time, here by {by:?}");
        };
        let mut panic = None;
        while let Some((at, ring)) = state.dues.pass(target) {
            state.now = state.now.max(at);
            drop(state);
            // Wakers and callbacks are foreign code. One that panics harms no other; nothing half done is seen afterwards.
            let rung = catch_unwind(AssertUnwindSafe(|| {
                if let Some((cause, callbacks)) = ring.ring() {
                    callback::run(callbacks, &cause);
                }
            }));
            panic = panic.or(rung.err());
            state = self.0.state.lock();
        }
        state.now = state.now.max(target);
        drop(state);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// How many deadlines and sleeps are set on this clock and have not passed.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.0.state.lock().dues.len()
    }

    /// Blocks until `pending` deadlines and sleeps or more are set on this clock; false if they are not within `timeout`, in
    /// real time.
    ///
    /// For a test that must not move the clock before the code under test has fallen asleep by it. It blocks the thread; an async
    /// test lets others run until [`pending`](Self::pending) says so.
    #[must_use = "false means that they are not there"]
    pub fn wait_pending_timeout(&self, pending: usize, timeout: Duration) -> bool {
        let deadline = time::now().checked_add(timeout);
        let mut patient = true;
        let number = self.0.state.lock().number();
        loop {
            let mut state = self.0.state.lock();
            let enough = state.dues.len() >= pending;
            if enough || !patient {
                state.watchers.remove(&number);
                return enough;
            }
            // Under the lock under which it looked: who sets another deadline later finds it listed and wakes it.
            state.watchers.insert(number, unparker());
            drop(state);
            patient = park(deadline);
        }
    }

    pub(super) fn set(&self, ring: Ring, at: Instant) -> Set {
        let mut state = self.0.state.lock();
        let due = state.dues.set(ring, at);
        let watchers = std::mem::take(&mut state.watchers);
        drop(state);
        watchers.into_values().for_each(Unparker::unpark);
        Set::Driven(self.clone(), due)
    }

    pub(super) fn take_back(&self, due: &Due) {
        let mut state = self.0.state.lock();
        let ring = state.dues.take_back(due);
        drop(state);
        // Its weak reference is given back outside the lock.
        drop(ring);
    }
}

impl Default for DrivenClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DrivenClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, pending) = (self.now(), self.pending());
        f.debug_struct("DrivenClock").field("now", &now).field("pending", &pending).finish()
    }
}
