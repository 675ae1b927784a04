//! A scope of threads: how a group is configured, run and concluded.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use super::attempts::Bodies;
use super::launch::Threads;
use super::team::{Lane, OnThreads, Team};
use super::workers::Workers;
use super::{Group, Spawner};
use crate::attempt::Attempts;
use crate::context::Context;
use crate::group::core::Core;
use crate::group::court::Recognize;
use crate::group::ending::{Ending, finish};
use crate::group::{Body, BoxError, FailFast, Panics, Policy, Root, Title, panics, who};
use crate::roll::Name;
use crate::timeline::{Recorder, Timeline};

/// Threads that start, fail, are cancelled and are waited for together, and that may borrow from the stack.
///
/// [`run`](Self::run) calls a body with the scope's [`Group`], whose [`spawn`](Spawner::spawn) launches members, and returns
/// when the body and all members are over: by default with the members' values in the order of spawning, or with the first
/// failure. The first member that fails, or panics, cancels the [`Context`] that all members are given. What decides that,
/// and what `run` returns, is the group's [`Policy`]; [`FailFast`] unless you choose another.
///
/// It differs from [`std::thread::scope`] in that values come back, in order; that members can fail as one, have a limit,
/// know their group's context, and are always accounted for: whoever is still out can be seen in the
/// [`roll_call`](Spawner::roll_call). From `rayon::scope` in that the threads are the scope's own, so that members may block
/// for as long as they like.
///
/// # Threads
///
/// They are started as needed, used again, and gone when `run` returns; there is no pool that scopes share. Tiny members
/// share a few threads. Members that block get more: without a [`limit`](Self::limit) every member gets a thread within
/// milliseconds, though all others are blocked, so members may wait for each other. Under a limit no more members run at
/// once than it says, and there are no more threads. When the body is over the calling thread helps. If the system gives no
/// thread, whoever waits for the members runs them, see [`stack_size`](Self::stack_size).
///
/// A thread is never killed: a member that does not heed its context is waited for, and the roll call names it. So there is
/// no grace here, as task groups have.
///
/// # Errors of members
///
/// Members return a `Result`. In a scope made with [`new`](Self::new) its error may be any error type, a boxed error, an
/// `anyhow::Error` or a string, each member its own. A body that only uses `?` and ends in `Ok(v)` leaves open which one is
/// meant, and Rust asks for it: end it in `Ok::<_, MyError>(v)` or `anyhow::Ok(v)`, or in [`headcount::ok(v)`](crate::ok) if it
/// cannot fail. [`typed`](Self::typed) scopes keep one error type, for libraries.
///
/// # When not to use it
///
/// For two closures that neither fail nor block, [`std::thread::scope`] is enough. To split up one computation over all
/// cores, rayon's parallel iterators are made for that. For thousands of members that mostly wait for the network, use
/// [`task::Group`](crate::task::Group): each of them would hold a thread here.
///
/// # Examples
///
/// ```
/// use headcount::{Context, thread};
///
/// let data: Vec<u64> = (1..=10_000).collect();
/// let sums: Vec<u64> = thread::Scope::new(&Context::background()).limit(4).named("sums").run(|group| {
///     for chunk in data.chunks(4096) {
///         group.spawn(move |_ctx| headcount::ok(chunk.iter().sum())); // borrowed
///     }
/// })?;
/// assert_eq!(sums.iter().sum::<u64>(), 50_005_000);
/// # Ok::<(), headcount::GroupError>(())
/// ```
///
/// A member that fails, and one that heeds it:
///
/// ```
/// use headcount::{Context, thread};
/// use std::time::Duration;
///
/// let checks = thread::Scope::new(&Context::background()).run(|group| {
///     group.spawn_named("net", |ctx| ctx.sleep(Duration::from_secs(60))); // cut short when "clock" fails
///     group.spawn_named("clock", |_| Err("it runs backwards"));
/// });
/// let error = checks.unwrap_err();
/// assert_eq!(error.member().unwrap().name(), Some("clock"));
/// assert!(error.to_string().ends_with("failed: it runs backwards"));
/// ```
///
/// What a member borrows must outlive the scope, so the body's own variables are to be moved in:
///
/// ```compile_fail
/// # use headcount::{Context, thread};
/// thread::Scope::<usize>::new(&Context::background()).run(|group| {
///     let line = String::from("gone when the body is over");
///     group.spawn(|_| headcount::ok(line.len()));
/// });
/// ```
///
/// # Cost
///
/// A member is one allocation, and takes two short locks when it is spawned and none when it succeeds; tiny members are
/// handed to the threads in batches. A scope of its own threads costs their start: tens of microseconds for each that it
/// needs.
#[must_use = "a scope does nothing until it is run"]
pub struct Scope<T, E = BoxError, P = FailFast> {
    ctx: Context,
    policy: P,
    title: Title,
    limit: Option<usize>,
    stack: Option<usize>,
    panics: Panics,
    recognize: Option<Recognize<E>>,
    pub(super) attempts: Option<Attempts<E>>,
    recorder: Option<Arc<Recorder>>,
    values: PhantomData<fn() -> T>,
}

impl<T> Scope<T> {
    /// A scope whose context is below `ctx`: its members may fail with any error, the first one cancels the rest.
    #[track_caller]
    pub fn new(ctx: &Context) -> Self {
        Self::make(ctx, FailFast)
    }
}

impl<T, E: std::error::Error + Send + 'static> Scope<T, E> {
    /// The same for members that all fail with the error type `E`, which the group keeps as it is.
    #[track_caller]
    pub fn typed(ctx: &Context) -> Self {
        Self::make(ctx, FailFast)
    }
}

impl<T, P: Policy<T, BoxError>> Scope<T, BoxError, P> {
    /// A scope whose group is over when `policy` says so, and which returns what that makes of the outcomes.
    ///
    /// ```
    /// use headcount::{Context, FirstOk, thread};
    ///
    /// let answer = thread::Scope::with_policy(&Context::background(), FirstOk).run(|group| {
    ///     group.spawn(|_| Err("no route to host"));
    ///     group.spawn(|_| headcount::ok("the mirror's answer"));
    /// });
    /// assert_eq!(answer.unwrap(), "the mirror's answer");
    /// ```
    #[track_caller]
    pub fn with_policy(ctx: &Context, policy: P) -> Self {
        Self::make(ctx, policy)
    }
}

impl<T, E, P> Scope<T, E, P>
where
    E: std::error::Error + Send + 'static,
    P: Policy<T, E>,
{
    /// The same for members that all fail with the error type `E`.
    #[track_caller]
    pub fn typed_with_policy(ctx: &Context, policy: P) -> Self {
        Self::make(ctx, policy)
    }
}

impl<T, E, P> Scope<T, E, P>
where
    E: Root + Send,
    P: Policy<T, E>,
{
    #[track_caller]
    fn make(ctx: &Context, policy: P) -> Self {
        Self {
            ctx: ctx.clone(),
            policy,
            title: Title::new(None, Location::caller()),
            limit: None,
            stack: None,
            panics: Panics::default(),
            recognize: None,
            attempts: None,
            recorder: None,
            values: PhantomData,
        }
    }

    /// At most `n` members run at once; the others queue, in order. Without it there is no limit.
    ///
    /// # Panics
    ///
    /// If `n` is zero: nobody could ever run.
    #[track_caller]
    pub fn limit(mut self, n: usize) -> Self {
        assert!(n > 0, "a group with the limit 0 could never run a member");
        self.limit = Some(n);
        self
    }

    /// What the group is called in roll calls and errors, and its threads by debuggers.
    pub fn named(mut self, name: impl Into<Name>) -> Self {
        self.title.set_name(name.into());
        self
    }

    /// What rolls call what is built from a scope.
    pub(crate) fn called_in_rolls(mut self, what: &'static str) -> Self {
        self.title.call_in_rolls(what);
        self
    }

    /// How many bytes of stack each of the scope's threads gets: for very many threads, or for deep recursion. Without it
    /// they have what [`std::thread`] gives by default. Members that the calling thread helps with run on its own stack.
    ///
    /// A system that does not grant so much starts no thread. Then members run on the threads there are, and on those that
    /// wait for them: in `wait_idle`, in [`submit`](Spawner::submit), in the iterator over the results, and when the body is
    /// over. A wait with a timeout runs nobody, because it might not come back in time, and a body that waits by other means
    /// for a member that has no thread waits for ever.
    ///
    /// ```
    /// use headcount::{Context, thread};
    ///
    /// fn sum(n: u64) -> u64 {
    ///     let room = std::hint::black_box([n; 64]); // half a kilobyte for each step
    ///     if n == 0 { 0 } else { room[1] + sum(n - 1) }
    /// }
    /// let sums = thread::Scope::new(&Context::background()).stack_size(256 << 20).run(|group| {
    ///     group.spawn(|_| headcount::ok(sum(50_000)));
    ///     group.wait_idle(); // so that the calling thread, with its own stack, does not help
    /// })?;
    /// assert_eq!(sums, [1_250_025_000]);
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack = Some(bytes);
        self
    }

    /// What a member's panic does. The default is [`Panics::Resume`].
    ///
    /// A panic of the body itself goes on in any case, unless the process ends first.
    pub fn panics(mut self, panics: Panics) -> Self {
        self.panics = panics;
        self
    }

    /// Errors that mean "I was cancelled", besides those that are or wrap a [`Cancelled`](crate::Cancelled): a member that ends
    /// with one after the group was cancelled has not failed.
    ///
    /// `f` must not panic; if it does the error counts as a failure.
    pub fn cancelled_when(mut self, f: impl Fn(&E) -> bool + Send + Sync + 'static) -> Self {
        self.recognize = Some(Arc::new(f));
        self
    }

    /// Keeps a [`Timeline`] of the scope's members, to be taken with [`timeline`](Self::timeline) before the scope is run, or from
    /// its group.
    ///
    /// # Cost
    ///
    /// A lock and a look at the clock at each spawn, begin and end; bounded memory, see [`Timeline`](Timeline#memory).
    pub fn record(mut self) -> Self {
        self.recorder = Some(Recorder::new(self.title.clone()));
        self
    }

    /// The same with a recorder that is there already.
    pub(crate) fn recorded_by(mut self, recorder: Option<Arc<Recorder>>) -> Self {
        self.recorder = recorder;
        self
    }

    /// What the members did and when, as far as it has come, if the scope is [recorded](Self::record).
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline> {
        self.recorder.clone().map(Timeline::new)
    }

    /// Calls `body` with the group, waits until every member is over, and gives what the policy makes of them: by default
    /// the values in the order of spawning, or the first error.
    ///
    /// It never returns while a member still runs, not even after a failure: that cancels the others, which are waited for.
    /// When the body is over, the calling thread runs members itself until none is left.
    ///
    /// The body returns nothing, or a `Result<(), _>` whose error counts as one more failed member, named `body`.
    ///
    /// # Errors
    ///
    /// With the default policy a [`GroupError`](crate::GroupError): who failed, where it was launched, and why.
    ///
    /// # Panics
    ///
    /// With the payload of the first member that panicked, unchanged, once everyone is over; see [`Self::panics`]. If the body
    /// panics the members are cancelled and waited for, and then that panic goes on. And if it would block a thread that is
    /// running an async task (feature `tokio`).
    ///
    /// # Memory ordering
    ///
    /// What members did is visible when it returns.
    #[track_caller]
    pub fn run<'env, F, R>(self, body: F) -> P::Output
    where
        T: Send + 'env,
        E: 'env,
        P: 'env,
        F: for<'scope> FnOnce(&Group<'scope, 'env, T, E, P>) -> R,
        R: Body<E>,
    {
        crate::blocking::assert_allowed("thread::Scope::run", "task::Group::wait()");
        let place = Location::caller();
        let name = self.title.name().cloned();
        let core = Core::new(&self.ctx, self.policy, OnThreads, Lane::new(self.limit), self.title.place());
        // A member of another group waits here until this one is over, from now on: whoever would close a circle is told.
        let _waiting = who::wait_for(core.id, || self.title.clone());
        core.ledger.rename(|title| *title = self.title);
        core.books.lock().recorder = self.recorder;
        let mut court = core.court.lock();
        (court.panics, court.recognize) = (self.panics, self.recognize);
        drop(court);
        std::thread::scope(|scope| {
            let threads = Threads::new(scope, name).stack_size(self.stack);
            let (attempts, _until_here) = Bodies::open(self.attempts, &core.ctx, threads.clone());
            let workers = Arc::new(Workers::new(self.limit, threads));
            let team = Team { core: Arc::clone(&core), workers: Arc::clone(&workers), attempts };
            let group = Group::new(Spawner::new(team));
            // Turning an error into the group's may run foreign code, too.
            match panics::catch(|| body(&group).failure()) {
                Ok(None) => {}
                Ok(Some(error)) => {
                    if let Ok((seat, ())) = core.register(Some(Name::from("body")), place, |_| ()) {
                        finish(seat, Ending::Error(error), None);
                    }
                }
                Err(payload) => core.body_panicked(payload, place),
            }
            workers.help_until_empty();
        });
        Team::<_, _, _, Threads<'_, '_>>::conclude(&core)
    }
}

impl<T, E, P> fmt::Debug for Scope<T, E, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("thread::Scope")
            .field("title", &format_args!("{}", self.title))
            .field("limit", &self.limit)
            .field("panics", &self.panics)
            .finish_non_exhaustive()
    }
}
