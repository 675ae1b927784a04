//! Waiting for the end of a group of tasks.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Group, TaskCore};
use crate::WaitTimeoutError;
use crate::context::Context;
use crate::group::{Policy, Root, panics, who};
use crate::roll::RollCall;

/// Until nobody is out. Who is spawned meanwhile is waited for as well, or not: there is no telling which came first.
pub(super) async fn idle<T, E, P: Policy<T, E>>(core: &Arc<TaskCore<T, E, P>>) {
    let _awaiting = core.await_zero();
    core.out.wait_async().await;
}

/// Until nobody is out and nobody can be any more.
async fn over<T, E, P: Policy<T, E>>(core: &Arc<TaskCore<T, E, P>>) {
    loop {
        idle(core).await;
        if core.close() {
            return;
        }
    }
}

/// What comes of a closed group: what its policy says, or the first panic.
pub(super) fn conclude<T, E, P: Policy<T, E>>(core: &Arc<TaskCore<T, E, P>>) -> P::Output {
    core.kind.timers.clear();
    let panic = core.court.lock().take_panic();
    match panic {
        Some(payload) => {
            core.abandon();
            panics::resume(payload)
        }
        None => core.output(),
    }
}

impl<T, E, P> Group<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    /// Waits until every member is over, and gives what the policy makes of them: by default the values in the order of
    /// spawning, or the first error.
    ///
    /// It never returns while a member still runs, not even after a failure: that cancels the others, which end, or are
    /// called off after the group's [grace](Self::grace), and are waited for.
    ///
    /// # Panics
    ///
    /// With the payload of the first member that panicked, unchanged, once everyone is over; see [`Self::panics`]. And if it is
    /// awaited by a member of this group: it could never end.
    ///
    /// # Errors
    ///
    /// With the default policy a [`GroupError`](crate::GroupError): who failed, where it was launched, and why.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the group: its members are called off.
    ///
    /// # Memory ordering
    ///
    /// What members did is visible after the wait.
    pub async fn wait(self) -> P::Output {
        let core = self.core();
        let waiting = who::wait_for(core.id, || core.title());
        let waiting = waiting.unwrap_or_else(|cycle| panic!("wait {cycle}"));
        over(core).await;
        drop(waiting);
        conclude(core)
    }

    /// Waits until every member is over, `timeout` at the longest.
    ///
    /// # Errors
    ///
    /// [`GroupTimeoutError`] if members are still out then: it has the roll call, and the group, to wait on or to drop.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait). In a Tokio runtime its timers must be enabled, see
    /// [`Context::with_deadline`](crate::Context::with_deadline).
    ///
    /// # Cancel safety
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use headcount::{Context, task};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let group = task::Group::<()>::new(&Context::background()).named("prices");
    /// group.spawn_named("sku 42", |ctx| async move { Err(ctx.wait_async().await) });
    ///
    /// let late = group.wait_timeout(Duration::from_millis(5)).await.unwrap_err();
    /// assert!(late.to_string().starts_with("prices: 1 of 1 still out after 5 ms"));
    /// let group = late.into_group(); // wait on, or drop it
    /// group.cancel();
    /// assert!(group.wait().await.is_err());
    /// # }
    /// ```
    #[track_caller]
    pub fn wait_timeout(
        self,
        timeout: Duration,
    ) -> impl Future<Output = Result<P::Output, GroupTimeoutError<Self>>> + Send {
        let patience = Context::background().with_timeout(timeout);
        self.wait_until(patience, timeout, Location::caller())
    }

    /// Waits until every member is over, or until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`wait_timeout`](Self::wait_timeout).
    ///
    /// # Panics
    ///
    /// As [`wait_timeout`](Self::wait_timeout).
    ///
    /// # Cancel safety
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_deadline(
        self,
        deadline: Instant,
    ) -> impl Future<Output = Result<P::Output, GroupTimeoutError<Self>>> + Send {
        let patience = Context::background().with_deadline(deadline);
        let timeout = patience.remaining().unwrap_or_default();
        self.wait_until(patience, timeout, Location::caller())
    }

    async fn wait_until(
        self,
        patience: Context,
        timeout: Duration,
        place: &'static Location<'static>,
    ) -> Result<P::Output, GroupTimeoutError<Self>> {
        let core = self.core();
        let allowed = who::may_wait(core.id, || core.title());
        allowed.unwrap_or_else(|cycle| panic!("wait_timeout {cycle}"));
        // Who is back in time is not late, even if the time is up as well; for that the pen must be down.
        let awaiting = core.await_zero();
        let back = patience.run_part(over(core)).await.is_ok() || core.close();
        drop(awaiting);
        if back {
            return Ok(conclude(core));
        }
        let late = WaitTimeoutError::new(timeout, place, self.roll_call());
        Err(GroupTimeoutError { late, group: self })
    }
}

/// A wait for a group has run out of time; it knows who is still out, and holds the group.
///
/// Dropping it drops the group, and so calls its members off.
pub struct GroupTimeoutError<G> {
    late: WaitTimeoutError,
    group: G,
}

impl<G> GroupTimeoutError<G> {
    /// Who was out.
    #[must_use]
    pub fn roll_call(&self) -> &RollCall {
        self.late.roll_call()
    }

    /// How long the wait was to last.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.late.waited()
    }

    /// Where in the source the wait was made.
    #[must_use]
    pub fn place(&self) -> &'static Location<'static> {
        self.late.place()
    }

    /// The group, to wait on.
    #[must_use]
    pub fn into_group(self) -> G {
        self.group
    }

    /// The error without the group, which is dropped.
    #[must_use]
    pub fn into_error(self) -> WaitTimeoutError {
        self.late
    }
}

impl<G> fmt::Display for GroupTimeoutError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.late, f)
    }
}

impl<G> fmt::Debug for GroupTimeoutError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupTimeoutError: {}", self.late)
    }
}

impl<G> Error for GroupTimeoutError<G> {}
