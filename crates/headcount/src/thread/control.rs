//! What else can be done to a group of threads from anywhere in its scope: asking, cancelling, waiting until it is idle.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use super::{Roll, Spawner};
use crate::context::{CancelKind, Cancelled};
use crate::group::{Policy, Root, who};
use crate::roll::RollCall;
use crate::{Timeline, WaitTimeoutError};

/// Asking, cancelling, waiting.
impl<'scope, 'env: 'scope, T, E, P> Spawner<'scope, 'env, T, E, P>
where
    T: Send + 'env,
    E: Root + Send + 'env,
    P: Policy<T, E> + 'env,
{
    /// Sets how many members may run at once, at any time. Lowering it stops nobody who runs.
    ///
    /// # Panics
    ///
    /// If `n` is zero: nobody could ever run.
    #[track_caller]
    pub fn set_limit(&self, n: usize) {
        assert!(n > 0, "a group with the limit 0 could never run a member");
        self.team().set_limit(n);
    }

    /// How many members are out and not queued.
    #[must_use]
    pub fn running(&self) -> usize {
        // First who queues: one that begins in between is counted nowhere rather than twice.
        let queued = self.queued();
        self.team().core.books.lock().out().saturating_sub(queued)
    }

    /// How many members queue for a slot, or for a thread to run on.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.team().workers.queued()
    }

    /// Who is out: running, queued, or cancelled and not gone yet.
    #[must_use]
    pub fn roll_call(&self) -> RollCall {
        self.team().core.roll_call()
    }

    /// What the members did and when, if the scope is [recorded](super::Scope::record).
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline> {
        self.team().core.books.lock().recorder.clone().map(Timeline::new)
    }

    /// The group's roll, to be called from outside of the scope, and at any time: for a thread that answers signals, say.
    ///
    /// ```
    /// use headcount::{Context, thread};
    ///
    /// let mut roll = None;
    /// thread::Scope::new(&Context::background()).run(|group| {
    ///     roll = Some(group.roll());
    ///     let there = roll.clone();
    ///     group.spawn_named("clerk", move |_| {
    ///         let roll_call = there.and_then(|roll| roll.roll_call()).ok_or("nobody is out")?;
    ///         assert_eq!(roll_call.iter().next().and_then(|clerk| clerk.name()), Some("clerk"));
    ///         Ok::<_, &str>(())
    ///     });
    /// })?;
    /// assert!(roll.unwrap().roll_call().is_none(), "the scope is over");
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    #[must_use]
    pub fn roll(&self) -> Roll
    where
        T: 'static,
        E: 'static,
        P: 'static,
    {
        Roll::new(&self.team().core)
    }

    /// Cancels the group: its context, and so its members; those who queue never begin.
    #[track_caller]
    pub fn cancel(&self) {
        self.team().core.cancel(&Cancelled::new(CancelKind::Cancelled, None, Location::caller()));
    }

    /// Cancels the group and says why: an error, a boxed error, or a string.
    #[track_caller]
    pub fn cancel_because(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        self.team().core.cancel(&Cancelled::new(
            CancelKind::Cancelled,
            Some(cause.into()),
            Location::caller(),
        ));
    }

    /// Blocks the calling thread until nobody is out; the group stays open, and more may be spawned afterwards.
    ///
    /// # Panics
    ///
    /// If it is called by a member of this group, or by one that this group's members wait for: it could never end. The
    /// message names the cycle. And if it would block a thread that is running an async task (feature `tokio`).
    ///
    /// # Memory ordering
    ///
    /// What members did is visible after the wait.
    #[track_caller]
    pub fn wait_idle(&self) {
        crate::blocking::assert_allowed("thread::Spawner::wait_idle", "task::Spawner::wait_idle()");
        let waiting = who::block_for(self.team().core.id, || self.team().core.title());
        let _waiting = waiting.unwrap_or_else(|cycle| panic!("wait_idle {cycle}"));
        self.team().wait_idle(None);
    }

    /// Blocks the calling thread until nobody is out, `timeout` at the longest.
    ///
    /// # Errors
    ///
    /// [`WaitTimeoutError`] with the roll call of those who are out.
    ///
    /// # Panics
    ///
    /// As [`wait_idle`](Self::wait_idle).
    #[track_caller]
    pub fn wait_idle_timeout(&self, timeout: Duration) -> Result<(), WaitTimeoutError> {
        crate::blocking::assert_allowed(
            "thread::Spawner::wait_idle_timeout",
            "task::Spawner::wait_idle_timeout(timeout)",
        );
        let allowed = who::may_wait(self.team().core.id, || self.team().core.title());
        allowed.unwrap_or_else(|cycle| panic!("wait_idle_timeout {cycle}"));
        let begun = Instant::now();
        // A timeout beyond the end of time is no timeout.
        if self.team().wait_idle(begun.checked_add(timeout)) {
            return Ok(());
        }
        Err(WaitTimeoutError::new(begun.elapsed(), Location::caller(), self.roll_call()))
    }

    /// The same as [`wait_idle_timeout`](Self::wait_idle_timeout), by the name that all groups have for a wait with a limit.
    /// It cannot use the group up, as a task group's does: the end of the scope is the wait that does that.
    ///
    /// # Errors
    ///
    /// As [`wait_idle_timeout`](Self::wait_idle_timeout).
    ///
    /// # Panics
    ///
    /// As [`wait_idle`](Self::wait_idle).
    #[track_caller]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), WaitTimeoutError> {
        self.wait_idle_timeout(timeout)
    }

    pub(super) fn describe(&self, f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
        let title = self.team().core.title();
        f.debug_struct(what)
            .field("title", &format_args!("{title}"))
            .field("running", &self.running())
            .field("queued", &self.queued())
            .field("cancelled", &self.context().cancelled_because())
            .finish()
    }
}
