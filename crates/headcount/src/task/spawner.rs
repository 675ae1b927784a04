//! Launching members of a group of tasks, from anywhere.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use super::carriers::{Carriers, Way};
use super::lane::{Job, Lane, Queued};
use super::launch::{self, Runner, Slots};
use super::member::Attended;
use super::{TaskCore, Tasks, stop};
use crate::attempt::{Attempted, tasks as attempt, threads};
use crate::context::{Canceller, Context};
use crate::group::closure::{Closure, unbegun};
use crate::group::core::SeatOf;
use crate::group::ending::{Ending, finish};
use crate::group::fork::Forked;
use crate::group::settle::{Hand, Plain, Settle, WithHand};
use crate::group::{BoxError, FailFast, Fork, FromMember, Policy, Root, panics};
use crate::roll::Name;

/// Launches members of a group from anywhere: other members, other tasks, other threads. Cheap to clone.
///
/// It does not keep its group going: once the group has been waited for, or dropped, it launches nothing more.
///
/// # Examples
///
/// A member that spawns siblings:
///
/// ```
/// use headcount::{Context, task};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), headcount::GroupError> {
/// let group = task::Group::new(&Context::background()).limit(1);
/// let spawner = group.spawner();
/// group.spawn(move |_| async move {
///     for n in 1..=2 {
///         spawner.spawn(move |_| async move { headcount::ok(n) });
///     }
///     headcount::ok(0)
/// });
/// assert_eq!(group.wait().await?, [0, 1, 2]);
/// # Ok(())
/// # }
/// ```
pub struct Spawner<T, E = BoxError, P = FailFast>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    core: Arc<TaskCore<T, E, P>>,
}

/// A member that has been registered; the slots that it holds, unless it must queue; and what it is to do.
type Registered<T, E, P, F> = (SeatOf<T, E, P, Tasks>, Option<Free>, F);

/// A member need not queue: the slots that it holds, and what it needs to be launched.
pub(super) type Free = (usize, Arc<Way>);

impl<T, E, P> Spawner<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    pub(super) fn new(core: Arc<TaskCore<T, E, P>>) -> Self {
        Self { core }
    }

    pub(super) fn core(&self) -> &Arc<TaskCore<T, E, P>> {
        &self.core
    }

    /// Another one.
    #[must_use]
    pub fn spawner(&self) -> Self {
        self.clone()
    }

    /// The group's context: what its members are given, and what [`cancel`](Self::cancel) cancels.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.core.ctx
    }

    /// Launches a member. Never blocks: over the limit the member queues.
    ///
    /// The member is counted out before this returns. `f` is called when it begins, where members run. Once the group is over,
    /// cancelled or finished by its policy, `f` is dropped unrun and the member counts as cancelled.
    ///
    /// # Panics
    ///
    /// If there is no runtime: the group was made outside one, this is called outside one, and none was chosen with
    /// [`Group::on`](super::Group::on).
    #[track_caller]
    pub fn spawn<F, Fut, X>(&self, f: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, X>> + Send + 'static,
        X: 'static,
        E: FromMember<X>,
    {
        self.begin(None, 1, Location::caller(), f, Plain);
    }

    /// Launches a member with a name, by which errors and roll calls call it.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_named<F, Fut, X>(&self, name: impl Into<Name>, f: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, X>> + Send + 'static,
        X: 'static,
        E: FromMember<X>,
    {
        self.begin(Some(name.into()), 1, Location::caller(), f, Plain);
    }

    /// Launches a member with a name, in the name of whoever called `place`.
    #[track_caller]
    pub(crate) fn spawn_at<F, Fut, X>(&self, name: Name, place: &'static Location<'static>, f: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, X>> + Send + 'static,
        E: FromMember<X>,
    {
        self.launch(Some(name), 1, place, f, Plain);
    }

    /// Launches a member that takes `weight` slots of the limit while it runs; one heavier than the limit runs alone.
    ///
    /// Nobody overtakes a member that waits for its slots, so heavy ones do not starve.
    ///
    /// # Panics
    ///
    /// If `weight` is zero, and as [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_weighted<F, Fut, X>(&self, weight: usize, f: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, X>> + Send + 'static,
        X: 'static,
        E: FromMember<X>,
    {
        assert!(weight > 0, "a member that takes no slot cannot be limited: spawn_weighted(0, …)");
        self.begin(None, weight, Location::caller(), f, Plain);
    }

    /// Launches a member that can be cancelled by itself, with the canceller that is returned; dropping that cancels it too,
    /// [`keep`](Canceller::keep) does not.
    ///
    /// A member that ends for this reason has not failed: its siblings go on, it just leaves no value. If it does not heed
    /// the cancellation it is called off after the group's grace.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Cost
    ///
    /// A context more than [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_with_cancel<F, Fut, X>(&self, f: F) -> Canceller
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, X>> + Send + 'static,
        X: 'static,
        E: FromMember<X>,
    {
        let (hand, canceller) = self.core.ctx.with_cancel();
        if let Some((seat, free, f)) = self.register(None, 1, Location::caller(), f) {
            stop::when_cancelled_by_hand(&hand, &self.core, Arc::downgrade(seat.page()), seat.line());
            match self.attempts() {
                None => self.start(free, 1, Attended::new(seat, WithHand::new(hand), f)),
                Some(attempts) => {
                    let body = attempt::bind_once(attempts, f);
                    self.start(free, 1, Attended::new(seat, Attempted(WithHand::new(hand)), body));
                }
            }
        }
        canceller
    }

    /// Launches a member whose value has a type of its own, to be taken from the [`Fork`]. It is counted, and fails, with the
    /// group like any other.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Cost
    ///
    /// A small allocation more than [`spawn`](Self::spawn), for the place of the value.
    #[track_caller]
    pub fn fork<U, F, Fut, X>(&self, f: F) -> Fork<U>
    where
        U: Send + 'static,
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<U, X>> + Send + 'static,
        X: 'static,
        E: FromMember<X>,
    {
        let (fork, forked): (_, Forked<U>) = Fork::new();
        self.begin(None, 1, Location::caller(), f, forked);
        fork
    }

    /// Launches a closure that blocks, on Tokio's blocking threads; with another executor on a thread of its own.
    ///
    /// It cannot be called off: a group is over only when it has returned.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_blocking<F, X>(&self, f: F)
    where
        F: FnOnce(&Context) -> Result<T, X> + Send + 'static,
        E: FromMember<X>,
    {
        let place = Location::caller();
        let Some((seat, free, f)) = self.register(None, 1, place, f) else { return };
        match self.attempts() {
            None => {
                let member = Closure::new(seat, place, None, Plain, f);
                self.start_blocking(free, move || member.run());
            }
            Some(attempts) => {
                let body = threads::bind_once(attempts, f);
                let member = Closure::new(seat, place, None, Attempted(Plain), body);
                self.start_blocking(free, move || member.run());
            }
        }
    }

    fn start_blocking(&self, free: Option<Free>, run: impl FnOnce() + Send + 'static) {
        match free {
            Some((held, _)) => {
                let slots = Slots::new(Arc::clone(&self.core), held);
                self.core.kind.carriers.executor.spawn_blocking(move || {
                    // Given back last, and also if it is dropped unrun.
                    let _slots = slots;
                    run();
                });
            }
            None => launch::enter(&self.core, 1, Queued::Job(Job::Blocking(Box::new(run)))),
        }
    }

    #[track_caller]
    pub(super) fn launch<F, Fut, S>(
        &self,
        name: Option<Name>,
        weight: usize,
        place: &'static Location<'static>,
        f: F,
        settle: S,
    ) where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future + Send + 'static,
        S: Settle<T, E, Fut::Output> + Hand + Send + 'static,
    {
        if let Some((seat, free, f)) = self.register(name, weight, place, f) {
            self.start(free, weight, Attended::new(seat, settle, f));
        }
    }

    /// Counts a member out. Nothing if the group is over: then `f` is gone, and the member counts as cancelled.
    #[track_caller]
    fn register<F>(
        &self,
        name: Option<Name>,
        weight: usize,
        place: &'static Location<'static>,
        f: F,
    ) -> Option<Registered<T, E, P, F>> {
        self.core.kind.carriers.executor.assert_there();
        let registered = self.core.register(name, place, |lane| self.admit(lane, weight));
        let Ok((seat, free)) = registered else {
            panics::drop_quietly(f);
            return None;
        };
        match self.core.ctx.cancelled_because() {
            None => Some((seat, free, f)),
            Some(why) => {
                finish(seat, unbegun(f, Ending::Unbegun(why)), None);
                launch::release(&self.core, free.map_or(0, |(held, _)| held));
                None
            }
        }
    }

    /// Slots for a member that has not waited, if there is room.
    pub(super) fn admit(&self, lane: &mut Lane, weight: usize) -> Option<Free> {
        let held = lane.try_enter(weight)?;
        Some((held, lane.way(&self.core.kind.carriers)))
    }

    /// Lets a member run in the slots that it holds, or queue.
    #[track_caller]
    pub(super) fn start(
        &self,
        free: Option<Free>,
        weight: usize,
        member: impl Future<Output = ()> + Send + 'static,
    ) {
        match free {
            Some((0, way)) => Carriers::launch(way, member),
            Some((held, way)) => Carriers::launch(way, Runner::new(Arc::clone(&self.core), held, member)),
            None => launch::enter(&self.core, weight, Queued::Job(Job::Task(Box::pin(member)))),
        }
    }
}

impl<T, E, P> Clone for Spawner<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core) }
    }
}

impl<T, E, P> fmt::Debug for Spawner<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f, "task::Spawner")
    }
}
