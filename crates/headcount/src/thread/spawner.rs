//! Launching members of a group of threads, from its body and from its members.

use std::fmt;
use std::panic::Location;

use super::launch::Threads;
use super::team::{Launched, Team};
use crate::context::{Canceller, Context};
use crate::group::fork::Forked;
use crate::group::settle::Plain;
use crate::group::{BoxError, FailFast, Fork, FromMember, Policy, Root, SubmitError, TrySpawnError};
use crate::roll::Name;

/// Launches members of a group of threads from anywhere in its scope: its body, and members that take one with them. Cheap
/// to clone.
///
/// # Examples
///
/// A member that spawns siblings:
///
/// ```
/// use headcount::{Context, thread};
///
/// let values = thread::Scope::new(&Context::background()).limit(1).run(|group| {
///     let spawner = group.spawner();
///     group.spawn(move |_| {
///         for n in 1..=2 {
///             spawner.spawn(move |_| headcount::ok(n));
///         }
///         headcount::ok(0)
///     });
/// })?;
/// assert_eq!(values, [0, 1, 2]);
/// # Ok::<(), headcount::GroupError>(())
/// ```
pub struct Spawner<'scope, 'env: 'scope, T, E = BoxError, P = FailFast>
where
    T: Send + 'env,
    E: Root + Send + 'env,
    P: Policy<T, E> + 'env,
{
    team: Team<'scope, T, E, P, Threads<'scope, 'env>>,
}

impl<'scope, 'env: 'scope, T, E, P> Spawner<'scope, 'env, T, E, P>
where
    T: Send + 'env,
    E: Root + Send + 'env,
    P: Policy<T, E> + 'env,
{
    pub(super) fn new(team: Team<'scope, T, E, P, Threads<'scope, 'env>>) -> Self {
        Self { team }
    }

    pub(super) fn team(&self) -> &Team<'scope, T, E, P, Threads<'scope, 'env>> {
        &self.team
    }

    /// Another one.
    #[must_use]
    pub fn spawner(&self) -> Self {
        self.clone()
    }

    /// The group's context: what its members are given, and what [`cancel`](Self::cancel) cancels.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.team.core.ctx
    }

    /// Launches a member. Never blocks: over the limit the member queues.
    ///
    /// The member is counted out before this returns, and runs on one of the group's threads, which are started as needed.
    /// Once the group is over, cancelled or finished by its policy, `f` is dropped unrun and the member counts as cancelled.
    #[track_caller]
    #[inline]
    pub fn spawn<F, X>(&self, f: F)
    where
        F: FnOnce(&Context) -> Result<T, X> + Send + 'scope,
        E: FromMember<X>,
    {
        self.team.begin(Launched::here(), Plain, f);
    }

    /// Launches a member with a name, by which errors and roll calls call it.
    #[track_caller]
    pub fn spawn_named<F, X>(&self, name: impl Into<Name>, f: F)
    where
        F: FnOnce(&Context) -> Result<T, X> + Send + 'scope,
        E: FromMember<X>,
    {
        self.team.begin(Launched { name: Some(name.into()), ..Launched::here() }, Plain, f);
    }

    /// Launches a member with a name, in the name of whoever called `place`.
    pub(crate) fn spawn_at<F, X>(&self, name: Name, place: &'static Location<'static>, f: F)
    where
        F: FnOnce(&Context) -> Result<T, X> + Send + 'scope,
        E: FromMember<X>,
    {
        self.team.launch(Launched { name: Some(name), place, ..Launched::here() }, Plain, f);
    }

    /// Launches a member that takes `weight` slots of the limit while it runs; one heavier than the limit runs alone.
    ///
    /// Nobody overtakes a member that waits for its slots, so heavy ones do not starve.
    ///
    /// # Panics
    ///
    /// If `weight` is zero.
    #[track_caller]
    pub fn spawn_weighted<F, X>(&self, weight: usize, f: F)
    where
        F: FnOnce(&Context) -> Result<T, X> + Send + 'scope,
        E: FromMember<X>,
    {
        assert!(weight > 0, "a member that takes no slot cannot be limited: spawn_weighted(0, …)");
        self.team.begin(Launched { weight, ..Launched::here() }, Plain, f);
    }

    /// Launches a member whose body may be called several times: as often as the scope's `retry` and
    /// [`hedge_after`](super::Scope::hedge_after) say, and with the latter by two threads at once.
    ///
    /// Without such an option it is the same as [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_repeatable<F, X>(&self, f: F)
    where
        F: Fn(&Context) -> Result<T, X> + Send + Sync + 'scope,
        E: FromMember<X>,
    {
        self.team.begin_repeatable(Launched::here(), f);
    }

    /// Launches a member that can be cancelled by itself, with the canceller that is returned; dropping that cancels it too,
    /// [`keep`](Canceller::keep) does not.
    ///
    /// A member that ends for this reason has not failed: its siblings go on, it just leaves no value. It has to heed the
    /// context that it is given; a thread cannot be stopped from outside.
    ///
    /// # Cost
    ///
    /// A context more than [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_with_cancel<F, X>(&self, f: F) -> Canceller
    where
        F: FnOnce(&Context) -> Result<T, X> + Send + 'scope,
        E: FromMember<X>,
    {
        let (hand, canceller) = self.team.core.ctx.with_cancel();
        self.team.begin(Launched { hand: Some(hand), ..Launched::here() }, Plain, f);
        canceller
    }

    /// Launches a member whose value has a type of its own, to be taken from the [`Fork`] once it is over. It is counted, and
    /// fails, with the group like any other.
    ///
    /// # Cost
    ///
    /// A small allocation more than [`spawn`](Self::spawn), for the place of the value.
    ///
    /// # Examples
    ///
    /// Two services at once; if one fails the other is cancelled:
    ///
    /// ```
    /// use headcount::{Context, GroupError, thread};
    ///
    /// # fn price(_: &Context) -> Result<u32, std::io::Error> { Ok(995) }
    /// # fn stock(_: &Context) -> Result<String, std::io::Error> { Ok("plenty".into()) }
    /// fn offer(ctx: &Context) -> Result<Option<(u32, String)>, GroupError> {
    ///     let mut forks = None;
    ///     thread::Scope::<()>::new(ctx).run(|group| forks = Some((group.fork(price), group.fork(stock))))?;
    ///     Ok(forks.and_then(|(price, stock)| price.take().zip(stock.take())))
    /// }
    /// assert_eq!(offer(&Context::background()).unwrap(), Some((995, "plenty".to_owned())));
    /// ```
    #[track_caller]
    pub fn fork<U, F, X>(&self, f: F) -> Fork<U>
    where
        U: Send + 'scope,
        F: FnOnce(&Context) -> Result<U, X> + Send + 'scope,
        E: FromMember<X>,
    {
        let (fork, forked): (_, Forked<U>) = Fork::new();
        self.team.begin(Launched::here(), forked, f);
        fork
    }

    /// Blocks the calling thread until a slot is free, then launches a member in it: back-pressure for those who produce
    /// members.
    ///
    /// # Errors
    ///
    /// [`SubmitError`], with `f` in it: if the group is over, or is cancelled while this waits; or if all slots are taken and
    /// this is called by a member of the same group, or by one that its members wait for, so that it could wait for ever.
    ///
    /// # Panics
    ///
    /// If it would block a thread that is running an async task (feature `tokio`).
    #[track_caller]
    pub fn submit<F, X>(&self, f: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce(&Context) -> Result<T, X> + Send + 'scope,
        E: FromMember<X>,
    {
        crate::blocking::assert_allowed("thread::Spawner::submit", "task::Spawner::submit(f)");
        self.team.submit(Location::caller(), f)
    }

    /// Launches a member if it can run now. Never blocks.
    ///
    /// # Errors
    ///
    /// [`TrySpawnError`], with `f` in it, if the group is full or over.
    #[track_caller]
    pub fn try_spawn<F, X>(&self, f: F) -> Result<(), TrySpawnError<F>>
    where
        F: FnOnce(&Context) -> Result<T, X> + Send + 'scope,
        E: FromMember<X>,
    {
        self.team.try_spawn(Location::caller(), f)
    }
}

impl<'scope, 'env: 'scope, T, E, P> Clone for Spawner<'scope, 'env, T, E, P>
where
    T: Send + 'env,
    E: Root + Send + 'env,
    P: Policy<T, E> + 'env,
{
    fn clone(&self) -> Self {
        Self { team: self.team.clone() }
    }
}

impl<'scope, 'env: 'scope, T, E, P> fmt::Debug for Spawner<'scope, 'env, T, E, P>
where
    T: Send + 'env,
    E: Root + Send + 'env,
    P: Policy<T, E> + 'env,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f, "thread::Spawner")
    }
}
