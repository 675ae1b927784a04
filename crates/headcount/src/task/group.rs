//! A group of tasks, as its owner holds it.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::executor::{Executor, Spawn};
use super::lane::Lane;
use super::stop;
use super::{Spawner, Tasks};
use crate::context::{CancelKind, Cancelled, Context};
use crate::group::core::Core;
use crate::group::{BoxError, FailFast, Panics, Policy, Root};
use crate::roll::Name;
use crate::timeline::Recorder;

/// Tasks that start, fail, are cancelled and are waited for together.
///
/// [`spawn`](Spawner::spawn) launches members, [`wait`](Self::wait) waits for all of them and gives what they returned, in
/// the order of spawning. The first member that fails, or panics, cancels the [`Context`] that all members are given. What
/// decides that, and what `wait` returns, is the group's [`Policy`]; [`FailFast`] unless you choose another.
///
/// Everything that does not need the owner is a method of [`Spawner`], which a group dereferences to; members that are to
/// spawn siblings take a [`spawner`](Spawner::spawner) with them.
///
/// It differs from Tokio's `JoinSet` in that members can fail as one, have a limit, know their group's context, and are
/// always accounted for: whoever is still out can be seen in the [`roll_call`](Spawner::roll_call). From Go's `errgroup` in
/// that results come back, that panics are passed on, and that a member over the limit queues instead of blocking whoever
/// spawns it.
///
/// # Errors of members
///
/// Members return a `Result`. In a group made with [`new`](Self::new) its error may be any error type, a boxed error, an
/// `anyhow::Error` or a string, each member its own. A body that only uses `?` and ends in `Ok(v)` leaves open which one is
/// meant, and Rust asks for it: end it in `Ok::<_, MyError>(v)` or `anyhow::Ok(v)`, or in [`headcount::ok(v)`](crate::ok) if it
/// cannot fail. [`typed`](Self::typed) groups keep one error type, for libraries.
///
/// # Dropping
///
/// Dropped without a wait, a group cancels its context and calls its members off at once; it does not block. They are gone
/// when their tasks next come up. A forgotten group (`mem::forget`) runs on and leaks its memory.
///
/// # A member is not a task of its own
///
/// Members are polled by a few tasks of the runtime, their group's *carriers*, as many as there is work for. They run in parallel on
/// all of the runtime's threads, and one that blocks its thread holds up no other as long as the runtime has another thread.
/// But what a runtime keeps for a task it keeps for a carrier: `tokio::task::id()` and `tokio::task::try_id()` are those of the carrier,
/// and may change from one poll to the next; so may smol's and other runtimes' task-locals (`tokio::task_local!` with `scope`
/// inside the member is the member's own). tokio-console lists carriers. A runtime that drops a carrier is taken to be
/// shutting down: every member that is out then ends as [`MemberError::Dropped`](crate::MemberError::Dropped).
///
/// # When not to use it
///
/// Its members own what they use. To borrow, use [`scope`](super::scope()), or threads. For a few futures whose number is
/// known, `tokio::join!` is enough.
///
/// # Examples
///
/// ```
/// use headcount::{Context, task};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let ctx = Context::background().with_timeout(Duration::from_secs(5));
/// let group = task::Group::new(&ctx).named("checks");
/// group.spawn_named("disk", |_| async { headcount::ok(1) });
/// group.spawn_named("net", |ctx| async move {
///     ctx.sleep_async(Duration::from_secs(60)).await?; // cut short when "clock" fails
///     Ok::<_, headcount::Cancelled>(2)
/// });
/// group.spawn_named("clock", |_| async { Err("it runs backwards") });
///
/// let error = group.wait().await.unwrap_err();
/// assert_eq!(error.member().unwrap().name(), Some("clock"));
/// assert!(error.to_string().ends_with("failed: it runs backwards"));
/// # }
/// ```
///
/// # Cost
///
/// A member is one allocation, and no task of the runtime's. Under a limit it is one as well, the box in which it queues. It is registered under one short lock; its end takes none if it succeeds.
#[must_use = "a group that is dropped calls its members off; `wait` for it"]
pub struct Group<T, E = BoxError, P = FailFast>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    spawner: Spawner<T, E, P>,
    place: &'static Location<'static>,
}

impl<T: Send + 'static> Group<T> {
    /// A group whose context is below `ctx`: its members may fail with any error, the first one cancels the rest.
    #[track_caller]
    pub fn new(ctx: &Context) -> Self {
        Self::make(ctx, FailFast)
    }
}

impl<T, E> Group<T, E>
where
    T: Send + 'static,
    E: std::error::Error + Send + 'static,
{
    /// The same for members that all fail with the error type `E`, which the group keeps as it is.
    #[track_caller]
    pub fn typed(ctx: &Context) -> Self {
        Self::make(ctx, FailFast)
    }
}

impl<T, P> Group<T, BoxError, P>
where
    T: Send + 'static,
    P: Policy<T, BoxError> + 'static,
{
    /// A group that is over when `policy` says so, and returns what it makes of the outcomes.
    ///
    /// ```
    /// use headcount::{Context, FirstOk, task};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let group = task::Group::with_policy(&Context::background(), FirstOk);
    /// group.spawn(|_| async { Err("no route to host") });
    /// group.spawn(|_| async { headcount::ok("the mirror's answer") });
    /// assert_eq!(group.wait().await.unwrap(), "the mirror's answer");
    /// # }
    /// ```
    #[track_caller]
    pub fn with_policy(ctx: &Context, policy: P) -> Self {
        Self::make(ctx, policy)
    }
}

impl<T, E, P> Group<T, E, P>
where
    T: Send + 'static,
    E: std::error::Error + Send + 'static,
    P: Policy<T, E> + 'static,
{
    /// The same for members that all fail with the error type `E`.
    #[track_caller]
    pub fn typed_with_policy(ctx: &Context, policy: P) -> Self {
        Self::make(ctx, policy)
    }
}

impl<T, E, P> Group<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    #[track_caller]
    fn make(ctx: &Context, policy: P) -> Self {
        let place = Location::caller();
        let tasks = Tasks::new(Executor::current());
        let core = Core::new(ctx, policy, tasks, Lane::default(), place);
        let weak = Arc::downgrade(&core);
        core.kind.carriers.carry(weak);
        stop::when_cancelled(&core);
        Self { spawner: Spawner::new(core), place }
    }

    /// At most `n` members run at once; the others queue, in order. Without it there is no limit.
    ///
    /// # Panics
    ///
    /// If `n` is zero: nobody could ever run.
    #[track_caller]
    pub fn limit(self, n: usize) -> Self {
        self.spawner.set_limit(n);
        self
    }

    /// What the group is called in roll calls and errors.
    pub fn named(self, name: impl Into<Name>) -> Self {
        self.core().ledger.rename(|title| title.set_name(name.into()));
        self
    }

    /// What rolls call what is built from a group.
    pub(crate) fn called_in_rolls(self, what: &'static str) -> Self {
        self.core().ledger.rename(|title| title.call_in_rolls(what));
        self
    }

    /// Keeps it out of the rolls: its members serve another, who lists them.
    pub(crate) fn hide(&self) {
        self.core().ledger.hide();
    }

    /// What a member's panic does. The default is [`Panics::Resume`].
    pub fn panics(self, panics: Panics) -> Self {
        self.core().court.lock().panics = panics;
        self
    }

    /// How long members that are cancelled have to end by themselves before they are called off, that is dropped where
    /// they stand. The default is five seconds; `Duration::ZERO` is at once, `Duration::MAX` never.
    ///
    /// In a Tokio runtime the grace runs on Tokio's clock, whose timers must be enabled; see
    /// [`Context::with_deadline`](crate::Context::with_deadline).
    pub fn grace(self, grace: Duration) -> Self {
        self.core().books.lock().grace = grace;
        self
    }

    /// Errors that mean "I was cancelled", besides those that are or wrap a [`Cancelled`]: a member that ends with one after
    /// the group was cancelled has not failed.
    ///
    /// `f` must not panic; if it does the error counts as a failure.
    pub fn cancelled_when(self, f: impl Fn(&E) -> bool + Send + Sync + 'static) -> Self {
        self.core().court.lock().recognize = Some(Arc::new(f));
        self
    }

    /// Keeps a [`Timeline`](crate::Timeline) of the members that are spawned from now on; to be taken with
    /// [`timeline`](Spawner::timeline) at any time, also by who keeps it beyond the group's end.
    ///
    /// ```
    /// use headcount::{Context, task};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), headcount::GroupError> {
    /// let group = task::Group::new(&Context::background()).limit(2).record();
    /// let timeline = group.timeline().expect("it is recorded");
    /// for n in 0..4 {
    ///     group.spawn(move |_| async move { headcount::ok(n) });
    /// }
    /// group.wait().await?;
    /// println!("{timeline}");
    /// assert_eq!(timeline.members().len(), 4);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cost
    ///
    /// A lock and a look at the clock at each spawn, begin and end; bounded memory, see [`Timeline`](crate::Timeline#memory).
    pub fn record(self) -> Self {
        let recorder = Recorder::new(self.core().title());
        self.recorded_by(Some(recorder))
    }

    /// The same with a recorder that is there already, if there is one.
    pub(crate) fn recorded_by(self, recorder: Option<Arc<Recorder>>) -> Self {
        recorder.into_iter().for_each(|recorder| self.core().record(recorder));
        self
    }

    /// Where members run, if not in the Tokio runtime that the group was made in. For the first choice only, and before the
    /// first member.
    pub fn on(self, executor: impl Spawn) -> Self {
        self.core().kind.carriers.executor.choose(executor);
        self
    }

    pub(super) fn core(&self) -> &Arc<super::TaskCore<T, E, P>> {
        self.spawner.core()
    }
}

impl<T, E, P> Deref for Group<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    type Target = Spawner<T, E, P>;

    fn deref(&self) -> &Self::Target {
        &self.spawner
    }
}

impl<T, E, P> Drop for Group<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    fn drop(&mut self) {
        let core = self.core();
        if core.is_closed() {
            // Waited for.
            return;
        }
        core.books.lock().grace = Duration::ZERO;
        core.cancel(&Cancelled::new(CancelKind::Dropped, None, self.place));
        // Also when it had been cancelled before, and was in its grace.
        core.call_off();
        core.kind.timers.clear();
        core.deaf();
        core.abandon();
    }
}

impl<T, E, P> fmt::Debug for Group<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spawner.describe(f, "task::Group")
    }
}
