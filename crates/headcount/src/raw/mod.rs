//! Counting by hand: Go's `sync.WaitGroup`, for ports, statics and foreign interfaces.
//!
//! [`WaitGroup`] here is a counter with `add` and `done` that you must pair yourself. Prefer
//! [`headcount::WaitGroup`](crate::WaitGroup), whose tokens cannot be forgotten, doubled or registered too late; come
//! here when there is no place to keep a token: a `static`, a C callback, a line-by-line port from Go.
//!
//! The room holds everything that counts, for both types:
//!
//! | file | idea |
//! |---|---|
//! | `word` | what the bits of the two words mean |
//! | `counter` | the protocol, its invariants and edges; the members' side: going out, coming back, releasing waiters |
//! | `watching` | the waiters' side: beginning to watch, being listed, leaving |
//! | `wait` | one wait: the future and the blocking thread |
//! | `shared` | the allocation that handles and tokens share, freed by the last of them |
#![expect(
    unsafe_code,
    reason = "the waits are nodes of an intrusive list and the tokens count themselves; rules W and H"
)]

pub(crate) mod counter;
#[cfg(loom)]
mod grave;
pub(crate) mod shared;
pub(crate) mod wait;
mod watching;
mod word;

use core::fmt;
#[cfg(feature = "std")]
use std::{
    panic::Location,
    time::{Duration, Instant},
};

use self::counter::{Counter, OutOfRange};
use self::wait::Wait;
#[cfg(feature = "std")]
use crate::error::WaitTimeoutError;
use crate::sync::const_unless_loom;
#[cfg(feature = "std")]
use crate::time;

/// A counter of members with Go's semantics: `add` before you launch, `done` when finished, `wait` for zero.
///
/// It never allocates, can stand in a `static`, and any number of threads and tasks may wait on it at once. Unlike
/// Go's it may be re-used at any time: a wait belongs to the round in which it began, and returns once that round has
/// reached zero even if the next one has begun by then.
///
/// Use [`headcount::WaitGroup`](crate::WaitGroup) unless you cannot keep a token: nothing here stops you from
/// forgetting a `done`, which makes `wait` hang, or from adding after the launch, which makes it return too early.
///
/// # Examples
///
/// ```
/// use headcount::raw::WaitGroup;
///
/// static WORKERS: WaitGroup = WaitGroup::new();
///
/// for _ in 0..4 {
///     WORKERS.add(1); // before the launch, never inside
///     std::thread::spawn(|| {
///         // work
///         WORKERS.done();
///     });
/// }
/// WORKERS.wait();
/// ```
///
/// # Lifetime
///
/// A `done` may still be using the counter when the wait that it ended has returned. Rust's borrows see to it that the
/// counter outlives every call; across a foreign interface you must: a counter may be freed when every `done` has
/// *returned*, not when `wait` has.
///
/// # Memory ordering
///
/// Everything that a thread did before its `done` (or negative `add`) is visible after any wait that it released, and
/// after any wait that found the count at zero.
///
/// # Cost
///
/// `add` and `done` are one atomic operation each while nobody waits, two while somebody does.
pub struct WaitGroup {
    counter: Counter,
}

impl WaitGroup {
    const_unless_loom! {
        /// A counter at zero.
        #[must_use]
        pub fn new() -> Self {
            Self { counter: Counter::new(0) }
        }
    }

    /// Adds `delta`, which may be negative, to the number of members out.
    ///
    /// # Panics
    ///
    /// If the number would fall below zero ("negative WaitGroup counter") or rise above 2^31. The counter then stays
    /// as it was.
    #[track_caller]
    pub fn add(&self, delta: isize) {
        let members = delta.unsigned_abs() as u64;
        let counted = match delta {
            0 => Ok(()),
            1 => self.counter.add_one(),
            2.. => self.counter.add(members),
            _ => self.counter.done_checked(members),
        };
        if let Err(error) = counted {
            self.out_of_range(error, delta);
        }
    }

    /// Counts one member back in: `add(-1)`.
    ///
    /// # Panics
    ///
    /// If no member is out ("negative WaitGroup counter"). The counter then stays as it was.
    #[track_caller]
    pub fn done(&self) {
        if let Err(error) = self.counter.done_checked(1) {
            self.out_of_range(error, -1);
        }
    }

    #[cold]
    #[track_caller]
    fn out_of_range(&self, error: OutOfRange, delta: isize) -> ! {
        let out = self.counter.members();
        match error {
            OutOfRange::Negative => panic!("negative WaitGroup counter: add({delta}) with {out} out"),
            OutOfRange::Overflow => {
                panic!("WaitGroup counter overflow: add({delta}) with {out} out, the limit is 2^31")
            }
        }
    }

    /// A counter with one member out; for what ends once.
    #[cfg(feature = "std")]
    pub(crate) fn with_one_out() -> Self {
        Self { counter: Counter::with_members(1) }
    }

    /// Counts one member back in if one is out; for cancelling, which anyone may do at any time and as often as they like.
    #[cfg(feature = "std")]
    pub(crate) fn done_if_out(&self) {
        let _ = self.counter.done_checked(1);
    }

    /// Blocks until no member is out, or until `deadline`; false if that passed first. The caller has asked whether it
    /// may block.
    #[cfg(feature = "std")]
    pub(crate) fn block_until(&self, deadline: Option<Instant>) -> bool {
        self.counter.members() == 0 || self.counter.block(0, deadline)
    }

    #[cfg(feature = "std")]
    pub(crate) fn counter(&self) -> &Counter {
        &self.counter
    }

    /// How many members are out at this moment.
    #[inline]
    #[must_use]
    pub fn outstanding(&self) -> usize {
        usize::try_from(self.counter.members()).unwrap_or(usize::MAX)
    }

    /// Waits, without blocking the thread, until no member is out.
    ///
    /// The wait belongs to the round in which this is *called*: it is over once that round has reached zero.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time; nothing stays behind.
    pub fn wait_async(&self) -> Wait<'_> {
        Wait::new(&self.counter, 0)
    }
}

/// Blocking waits.
#[cfg(feature = "std")]
impl WaitGroup {
    /// Blocks the calling thread until no member is out.
    ///
    /// # Panics
    ///
    /// If it would block a thread that is running an async task (feature `tokio`): use
    /// [`wait_async`](Self::wait_async) there.
    #[inline]
    #[track_caller]
    pub fn wait(&self) {
        if self.counter.members() > 0 {
            crate::blocking::assert_allowed("raw::WaitGroup::wait", "wait_async()");
            self.counter.block(0, None);
        }
    }

    /// Blocks the calling thread until no member is out, `timeout` at the longest.
    ///
    /// # Errors
    ///
    /// [`WaitTimeoutError`] when members are still out after `timeout`; it says how many. Nothing stays behind, and the
    /// wait may be made again.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), WaitTimeoutError> {
        if self.counter.members() == 0 {
            return Ok(());
        }
        crate::blocking::assert_allowed("raw::WaitGroup::wait_timeout", "wait_async()");
        let begun = time::now();
        // A timeout beyond the end of time is no timeout.
        if self.counter.block(0, begun.checked_add(timeout)) {
            return Ok(());
        }
        let roll_call = crate::roll::RollCall::unlisted("raw wait group", None, self.outstanding());
        Err(WaitTimeoutError::new(begun.elapsed(), Location::caller(), roll_call))
    }
}

impl Default for WaitGroup {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("raw::WaitGroup")
            .field("outstanding", &self.outstanding())
            .field("waiting", &self.counter.listed())
            .finish()
    }
}
