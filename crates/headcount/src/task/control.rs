//! What else can be done to a group of tasks from anywhere: asking, cancelling, waiting until it is idle.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::{Spawner, launch, waiting};
use crate::context::{CancelKind, Cancelled, Context};
use crate::group::{Policy, Root};
use crate::raw::wait::Wait;
use crate::roll::RollCall;
use crate::who::{self, Waiting};
use crate::{Timeline, WaitTimeoutError};

/// Asking, cancelling, waiting.
impl<T, E, P> Spawner<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    /// Sets how many members may run at once, at any time. Lowering it stops nobody who runs.
    ///
    /// # Panics
    ///
    /// If `n` is zero: nobody could ever run.
    #[track_caller]
    pub fn set_limit(&self, n: usize) {
        assert!(n > 0, "a group with the limit 0 could never run a member");
        let mut books = self.core().books.lock();
        // Who was launched without a limit holds no slot, and takes one up from now on.
        let riders = if books.lane.limit().is_none() { books.count_riders() } else { 0 };
        books.lane.set_limit(n, riders);
        self.core().ledger.set_limit(Some(n));
        drop(books);
        launch::release(self.core(), 0);
    }

    /// How many members are out and not queued.
    #[must_use]
    pub fn running(&self) -> usize {
        let books = self.core().books.lock();
        books.out().saturating_sub(books.lane.queued_members())
    }

    /// How many members queue for a slot.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.core().books.lock().lane.queued_members()
    }

    /// Who is out: running, queued, or cancelled and not gone yet.
    #[must_use]
    pub fn roll_call(&self) -> RollCall {
        self.core().roll_call()
    }

    /// What the members did and when, if the group is [recorded](super::Group::record).
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline> {
        self.core().books.lock().recorder.clone().map(Timeline::new)
    }

    /// Cancels the group: its context, and so its members; those who queue never begin.
    #[track_caller]
    pub fn cancel(&self) {
        self.core().cancel(&Cancelled::new(CancelKind::Cancelled, None, Location::caller()));
    }

    /// Cancels the group and says why: an error, a boxed error, or a string.
    #[track_caller]
    pub fn cancel_because(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        self.core().cancel(&Cancelled::new(CancelKind::Cancelled, Some(cause.into()), Location::caller()));
    }

    /// Waits until nobody is out; the group stays open, and more may be spawned meanwhile and afterwards.
    ///
    /// # Panics
    ///
    /// If it is awaited by a member of this group, or by one that this group's members wait for: it could never end. The
    /// message names the cycle.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time.
    pub async fn wait_idle(&self) {
        let (_awaiting, wait, _waiting) = self.begin_to_wait();
        wait.await;
    }

    /// A wait for nobody to be out, with what is kept as long as it lasts. Not a part of the future, which would have it twice.
    fn begin_to_wait(&self) -> (impl Sized + use<T, E, P>, Wait<'_>, Option<Waiting>) {
        let core = self.core();
        let awaiting = core.await_zero();
        // Made before it is told, so that it is known which round it waits for.
        let wait = core.out.wait_async();
        let round = who::here().and_then(|_| wait.round());
        let waiting = round.map(|round| {
            let needs = || {
                let core = Arc::clone(core);
                Arc::new(move || (!core.out.counter().has_ended(round)).then_some(1_usize)) as who::Needs
            };
            let waiting = who::wait_for_round(core.id, || core.title(), needs);
            waiting.unwrap_or_else(|cycle| panic!("wait_idle {cycle}"))
        });
        (awaiting, wait, waiting)
    }

    /// Waits until nobody is out, `timeout` at the longest.
    ///
    /// # Errors
    ///
    /// [`WaitTimeoutError`] with the roll call of those who are out.
    ///
    /// # Panics
    ///
    /// As [`wait_idle`](Self::wait_idle). In a Tokio runtime its timers must be enabled, see
    /// [`Context::with_deadline`](crate::Context::with_deadline).
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time.
    #[track_caller]
    pub fn wait_idle_timeout(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), WaitTimeoutError>> + Send + use<'_, T, E, P> {
        let place = Location::caller();
        async move {
            let allowed = who::may_wait(self.core().id, || self.core().title());
            allowed.unwrap_or_else(|cycle| panic!("wait_idle_timeout {cycle}"));
            let patience = Context::background().with_timeout(timeout);
            // Who is back in time is not late, even if the time is up as well; for that the pen must be down.
            let _awaiting = self.core().await_zero();
            let back = patience.run_part(waiting::idle(self.core())).await.is_ok();
            if back || self.core().out.outstanding() == 0 {
                return Ok(());
            }
            Err(WaitTimeoutError::new(timeout, place, self.roll_call()))
        }
    }

    pub(super) fn describe(&self, f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
        let title = self.core().title();
        f.debug_struct(what)
            .field("title", &format_args!("{title}"))
            .field("running", &self.running())
            .field("queued", &self.queued())
            .field("cancelled", &self.context().cancelled_because())
            .finish()
    }
}
