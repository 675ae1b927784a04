//! The owner's side where there is an operating system: waits that block a thread, and members that are launched here.

use std::panic::Location;
use std::pin::pin;
use std::sync::Weak;
use std::time::{Duration, Instant};

use super::WaitGroup;
use crate::context::Context;
use crate::error::{WaitCancelledError, WaitTimeoutError};
use crate::raw::shared::Shared;
use crate::raw::wait::Wait;
use crate::roll::registry::{self, Listed, Registered};
use crate::roll::roster::Roster;
use crate::roll::{RollCall, Title};
use crate::time;
use crate::who::threads::Seen;
use crate::who::{self, Here};

/// Blocking waits, and counted threads and tasks.
impl WaitGroup {
    /// Blocks the calling thread until nobody is out.
    ///
    /// Waiting for a group of which you hold a token yourself never ends: drop the token first.
    ///
    /// # Panics
    ///
    /// If it would block a thread that is running an async task (feature `tokio`): use
    /// [`wait_async`](Self::wait_async) there. And if it could only end after the caller has ended: on a thread that this group
    /// has [spawned](Self::spawn), or in a member of a group for which such a thread waits. The message names the cycle.
    ///
    /// # Memory ordering
    ///
    /// Synchronizes with the drop of every token that it waited for.
    #[inline]
    #[track_caller]
    pub fn wait(&self) {
        if self.shared().counter.members() > 0 {
            self.block(0, None, "WaitGroup::wait", "wait_async()");
        }
    }

    /// Blocks the calling thread until nobody is out, `timeout` at the longest.
    ///
    /// # Errors
    ///
    /// [`WaitTimeoutError`] when members are still out after `timeout`. It holds the roll call: who, since when, and
    /// where they were launched. Nothing stays behind, the members go on, and the wait may be made again.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use headcount::WaitGroup;
    /// use std::time::Duration;
    ///
    /// let group = WaitGroup::new();
    /// let _token = group.add_named("backup");
    /// let error = group.wait_timeout(Duration::from_millis(5)).unwrap_err();
    /// assert!(error.to_string().contains("1 still out"));
    /// assert!(error.to_string().contains("backup"));
    /// ```
    #[track_caller]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), WaitTimeoutError> {
        if self.shared().counter.members() == 0 {
            return Ok(());
        }
        let begun = time::now();
        // A timeout beyond the end of time is no timeout.
        self.wait_until(begun, begun.checked_add(timeout), "WaitGroup::wait_timeout")
    }

    /// Blocks the calling thread until nobody is out, or until `deadline`.
    ///
    /// # Errors
    ///
    /// [`WaitTimeoutError`], as for [`wait_timeout`](Self::wait_timeout).
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_deadline(&self, deadline: Instant) -> Result<(), WaitTimeoutError> {
        if self.shared().counter.members() == 0 {
            return Ok(());
        }
        self.wait_until(time::now(), Some(deadline), "WaitGroup::wait_deadline")
    }

    /// Blocks the calling thread until nobody is out, or until `ctx` is cancelled or its deadline passes.
    ///
    /// The async twin is [`ctx.run_async(&group)`](crate::Context::run_async).
    ///
    /// # Errors
    ///
    /// [`WaitCancelledError`] if the context was cancelled while members were out: why, and who they were.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use headcount::{Context, WaitGroup};
    /// use std::time::Duration;
    ///
    /// let ctx = Context::background().with_timeout(Duration::from_millis(5));
    /// let group = WaitGroup::new();
    /// let _token = group.add_named("backup");
    /// let error = group.wait_with(&ctx).unwrap_err();
    /// assert!(error.cancelled().is_deadline());
    /// assert_eq!(error.roll_call().outstanding(), 1);
    /// ```
    #[track_caller]
    pub fn wait_with(&self, ctx: &Context) -> Result<(), WaitCancelledError> {
        let own = &self.shared().counter;
        if own.members() == 0 {
            return Ok(());
        }
        crate::blocking::assert_allowed("WaitGroup::wait_with", "ctx.run_async(&group)");
        let over = match ctx.counter() {
            Some(cancelled) => own.block_with(cancelled),
            None => own.block(0, None),
        };
        match ctx.cancelled_because() {
            Some(cancelled) if !over => {
                Err(WaitCancelledError::new(cancelled, Location::caller(), self.roll_call()))
            }
            _ => Ok(()),
        }
    }

    /// Blocks the calling thread until `n` members or fewer are out.
    ///
    /// Made for back-pressure: launch, and when too many are out, wait until there is room.
    ///
    /// ```
    /// # let group = headcount::WaitGroup::new();
    /// # let jobs = 0..10;
    /// for job in jobs {
    ///     group.wait_at_most(7); // so at most 8 at once
    ///     group.spawn(move || println!("{job}"));
    /// }
    /// group.wait();
    /// ```
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait). And if it is called by a member that [`spawn`](Self::spawn) has launched, while others of them wait
    /// like it, more than any of them puts up with: each would wait for the others to leave. That is found out within a second, and the
    /// message names them all.
    ///
    /// # Cost
    ///
    /// While such a wait is listed every member that comes back takes the group's lock.
    #[track_caller]
    pub fn wait_at_most(&self, n: usize) {
        if self.shared().counter.members() > n as u64 {
            self.block(n as u64, None, "WaitGroup::wait_at_most", "wait_at_most_async()");
        }
    }

    /// Starts an OS thread that is counted in this group until it has returned or panicked.
    ///
    /// The handle may be dropped; the thread is waited for by the group. A panic is reported as usual and is found in
    /// the handle; for the group the member has come back.
    ///
    /// # Panics
    ///
    /// If the operating system cannot start a thread, as `std::thread::spawn` does.
    #[track_caller]
    pub fn spawn(&self, f: impl FnOnce() + Send + 'static) -> std::thread::JoinHandle<()> {
        let token = self.add();
        let here = self.here();
        std::thread::spawn(move || {
            // Dropped last: after what `f` owned, also when it unwinds.
            let _token = token;
            let _inside = who::enter(here);
            let _end = End;
            f();
        })
    }

    /// Spawns a task on the current Tokio runtime that is counted in this group until its future has been dropped:
    /// finished, panicked, aborted, or never polled.
    ///
    /// # Panics
    ///
    /// If called outside a Tokio runtime, as `tokio::spawn` does.
    #[cfg(feature = "tokio")]
    #[track_caller]
    pub fn spawn_async(
        &self,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> tokio::task::JoinHandle<()> {
        // One value, so that a task that is never polled drops them in this order too: the token last.
        let counted = (who::Attending::new(self.here(), future), self.add());
        tokio::spawn(async move {
            let (future, _token) = counted;
            future.await;
        })
    }

    /// A member that is launched here.
    #[track_caller]
    fn here(&self) -> Here {
        let number = who::unnumbered();
        Here { group: self.id(), number, place: Location::caller(), root: who::root() }
    }

    /// What tells this group from others: where it is. Groups of tasks and threads have numbers, which are too small to be
    /// places.
    pub(super) fn id(&self) -> who::Id {
        std::ptr::from_ref(self.shared()).addr()
    }

    pub(super) fn title(&self) -> Title {
        Title::of_wait_group(self.shared().extra.place())
    }

    #[cold]
    #[track_caller]
    fn wait_until(
        &self,
        begun: Instant,
        deadline: Option<Instant>,
        what: &'static str,
    ) -> Result<(), WaitTimeoutError> {
        if self.block(0, deadline, what, "wait_async()") {
            return Ok(());
        }
        Err(WaitTimeoutError::new(begun.elapsed(), Location::caller(), self.roll_call()))
    }

    #[track_caller]
    fn block(&self, at_most: u64, deadline: Option<Instant>, what: &str, instead: &str) -> bool {
        crate::blocking::assert_allowed(what, instead);
        let title = || self.title();
        let waiting = match (at_most, deadline) {
            (0, None) if who::here().is_some() => {
                // Made before it is told, so that it is known which round it waits for.
                let wait = pin!(Wait::new(&self.shared().counter, 0));
                let Some(round) = wait.round() else { return true };
                let _waiting = self.wait_for(round).unwrap_or_else(|cycle| panic!("{what} {cycle}"));
                return wait.as_ref().block(None);
            }
            (0, None) => Ok(None),
            (0, Some(_)) => who::may_wait(self.id(), title).map(|()| None),
            // With somebody left to be out, that may be the caller; unless all who are left wait like it.
            (n, None) => {
                who::wait_for_fewer(self.id(), n, title, || self.shared().counter.members() <= n).map(Some)
            }
            (_, Some(_)) => Ok(None),
        };
        let _waiting = waiting.unwrap_or_else(|cycle| panic!("{what} {cycle}"));
        self.shared().counter.block(at_most, deadline)
    }
}

/// The end of a thread's member, however it comes.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        who::end();
    }
}

/// Registers a group that is going to be at `group`, so that its roll is called with all others.
pub(super) fn register(group: &Weak<Shared<Roster>>) -> Registered {
    registry::register(group.as_ptr().addr(), group)
}

impl Listed for Shared<Roster> {
    fn roll_call(&self, _: &Seen) -> RollCall {
        super::roll_call(self)
    }
}
