//! Concurrency on the caller's own task: members are polled by the one who waits for them, so they may borrow.
//!
//! The scope is one future (`turns`). It holds its members, and polls those that were woken.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::member::Attended;
use super::turns::{Fell, Fresh, Ready, Run, Turns};
use crate::context::{CancelKind, Cancelled, Context};
use crate::fault::{self, Fault};
use crate::group::core::{Core, Kind};
use crate::group::ending::{Ending, Riders, finish};
use crate::group::mark::Polled;
use crate::group::settle::Plain;
use crate::group::{Body, BoxError, FailFast, FromMember, GroupError, panics, who};
use crate::roll::{Name, RollCall};
use crate::timeline::{Recorder, Timeline};

/// A scope has no limit and no lane.
#[derive(Debug)]
pub(crate) struct Local;

impl Kind for Local {
    type Lane = ();
    type Bell = Polled;

    fn limit((): &()) -> Option<usize> {
        None
    }
}

type LocalCore<T> = Core<T, BoxError, FailFast, Local>;

impl<T> Riders for LocalCore<T> {
    fn rider_left(self: &Arc<Self>) {
        unreachable!("a scope has no limit, so nobody is counted against one");
    }
}

/// How long members that are cancelled have to end by themselves.
const GRACE: Duration = Duration::from_secs(5);

/// Runs `body`, and the members that it spawns, on the caller's own task, until all are over; gives their values in the
/// order of spawning. The first that fails cancels the rest.
///
/// Members may borrow whatever outlives the call, because they are polled by this future and dropped with it. That also means
/// that they take turns: they wait at the same time and do not compute at the same time. For parallel tasks, which own what
/// they use, there is [`Group`](super::Group).
///
/// An error of `body` counts as one more failed member, named `body`.
///
/// # Errors
///
/// [`GroupError`]: who failed, where it was launched, and why.
///
/// # Panics
///
/// With the payload of the first member that panicked, unchanged, once everyone is over.
///
/// # Cancel safety
///
/// Dropping the future drops its members where they stand; nothing stays behind, whoever still has the scope's handle. What
/// that spawns afterwards is dropped at once.
///
/// # Memory ordering
///
/// What members did happens before the scope's values are there, also what was done on other threads that they waited for.
///
/// # Cost
///
/// Two allocations a member.
///
/// # Examples
///
/// ```
/// use headcount::{Context, GroupError, task};
///
/// # async fn size_of(page: &str) -> Result<usize, std::io::Error> { Ok(page.len()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), GroupError> {
/// let pages = vec![String::from("home"), String::from("about us")];
///
/// let sizes = task::scope(&Context::background(), async |scope| {
///     for page in &pages {
///         scope.spawn(move |_ctx| size_of(page)); // borrowed
///     }
/// })
/// .await?;
/// assert_eq!(sizes, [4, 8]);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn scope<'env, T, F, Fut, R>(
    ctx: &Context,
    body: F,
) -> impl Future<Output = Result<Vec<T>, GroupError>> + use<'env, T, F, Fut, R>
where
    T: Send + 'env,
    F: FnOnce(Scope<'env, T>) -> Fut,
    Fut: Future<Output = R>,
    R: Body<BoxError>,
{
    let place = Location::caller();
    let core = Core::new(ctx, FailFast, Local, (), place);
    async move {
        // A member of another group waits here until this one is over: whoever would close a circle is told.
        let _waiting = who::wait_for(core.id, || core.title());
        let ready = Arc::<Ready>::default();
        let scope = Scope { core: Arc::clone(&core), fresh: Arc::default(), ready: Arc::clone(&ready) };
        let fresh = Arc::clone(&scope.fresh);
        // Dropped last, also when this future is dropped half way: it opens the circle of core and pages.
        let _end = End { core: &core, fresh: Arc::clone(&fresh), place };
        let body = match panics::catch(|| body(scope)) {
            Ok(body) => Some(body),
            Err(payload) => {
                fail(&core, place, Ending::Panicked(payload));
                None
            }
        };
        let fell = |fell| {
            let ending = match fell {
                Fell::Error(error) => Ending::Error(error),
                Fell::Panicked(payload) => Ending::Panicked(payload),
            };
            fail(&core, place, ending);
        };
        let close = || {
            drop(core.await_zero());
            core.close() || fault::planted(Fault::ScopeUnclosed)
        };
        let mut run = std::pin::pin!(Run::new(body, Turns::new(fresh, ready), fell, close));
        if core.ctx.run_part(run.as_mut()).await.is_err() {
            // Cancelled: they may end by themselves for a while.
            let patience = Context::background().with_timeout(GRACE);
            if patience.run_part(run.as_mut()).await.is_err() {
                core.call_off();
                run.as_mut().await;
            }
        }
        let panic = core.court.lock().take_panic();
        match panic {
            Some(payload) => {
                core.abandon();
                panics::resume(payload)
            }
            None => core.output(),
        }
    }
}

/// The end of a scope that was not waited for to the end.
struct End<'c, 'env, T> {
    core: &'c Arc<LocalCore<T>>,
    fresh: Arc<Fresh<'env>>,
    place: &'static Location<'static>,
}

impl<T> Drop for End<'_, '_, T> {
    fn drop(&mut self) {
        if !self.core.is_closed() {
            self.core.cancel(&Cancelled::new(CancelKind::Dropped, None, self.place));
            self.core.abandon();
            // Members that were never polled, of handles that may live on. Whoever was counted out and is not here yet finds the
            // door shut.
            panics::drop_each_quietly(self.fresh.shut());
        }
    }
}

/// Ends the body as a member that has failed.
fn fail<T>(core: &Arc<LocalCore<T>>, place: &'static Location<'static>, ending: Ending<T, BoxError>) {
    if let Ok((seat, ())) = core.register(Some(Name::from("body")), place, |()| ()) {
        finish(seat, ending, None);
    }
}

/// Launches members of a [`scope`]. Cheap to clone; members may take one with them to launch siblings.
pub struct Scope<'env, T> {
    core: Arc<LocalCore<T>>,
    /// Members that have not been polled yet.
    fresh: Arc<Fresh<'env>>,
    ready: Arc<Ready>,
}

impl<'env, T: Send + 'env> Scope<'env, T> {
    /// Launches a member. It is polled for the first time when its scope next is.
    #[track_caller]
    pub fn spawn<F, Fut, X>(&self, f: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'env,
        Fut: Future<Output = Result<T, X>> + Send + 'env,
        X: 'env,
        BoxError: FromMember<X>,
    {
        self.launch(None, Location::caller(), f);
    }

    /// Launches a member with a name, by which errors and roll calls call it.
    #[track_caller]
    pub fn spawn_named<F, Fut, X>(&self, name: impl Into<Name>, f: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'env,
        Fut: Future<Output = Result<T, X>> + Send + 'env,
        X: 'env,
        BoxError: FromMember<X>,
    {
        self.launch(Some(name.into()), Location::caller(), f);
    }

    fn launch<F, Fut, X>(&self, name: Option<Name>, place: &'static Location<'static>, f: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'env,
        Fut: Future<Output = Result<T, X>> + Send + 'env,
        X: 'env,
        BoxError: FromMember<X>,
    {
        let Ok((seat, ())) = self.core.register(name, place, |()| ()) else {
            // The scope is over.
            panics::drop_quietly(f);
            return;
        };
        let member = Attended::new(seat, Plain, f);
        match self.fresh.push(Box::pin(member)) {
            None => self.ready.wake_scope(),
            // Its end is that of a member that was called off.
            Some(member) => drop(member),
        }
    }

    /// The scope's context: what its members are given.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.core.ctx
    }

    /// Cancels the scope's context, and so its members; who has not begun never does.
    #[track_caller]
    pub fn cancel(&self) {
        self.core.cancel(&Cancelled::new(CancelKind::Cancelled, None, Location::caller()));
    }

    /// Keeps a [`Timeline`] of the members that are spawned from now on, and gives it: it may be carried out of the scope, and
    /// looked at there when the scope is over.
    ///
    /// ```
    /// use headcount::{Context, task};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), headcount::GroupError> {
    /// let mut timeline = None;
    /// let sizes = task::scope(&Context::background(), async |scope| {
    ///     timeline = Some(scope.record());
    ///     for word in ["one", "three"] {
    ///         scope.spawn_named(word, move |_ctx| async move { headcount::ok(word.len()) });
    ///     }
    /// })
    /// .await?;
    /// assert_eq!(sizes, [3, 5]);
    /// assert_eq!(timeline.expect("the body has run").summary().tally().succeeded, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cost
    ///
    /// A lock and a look at the clock at each spawn, begin and end; bounded memory, see [`Timeline`](Timeline#memory).
    pub fn record(&self) -> Timeline {
        let recorder = Recorder::new(self.core.title());
        self.core.record(Arc::clone(&recorder));
        Timeline::new(recorder)
    }

    /// What the members did and when, if the scope is [recorded](Self::record).
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline> {
        self.core.books.lock().recorder.clone().map(Timeline::new)
    }

    /// Who is out.
    #[must_use]
    pub fn roll_call(&self) -> RollCall {
        self.core.roll_call()
    }
}

impl<T> Clone for Scope<'_, T> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), fresh: Arc::clone(&self.fresh), ready: Arc::clone(&self.ready) }
    }
}

impl<T> fmt::Debug for Scope<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("task::Scope")
            .field("title", &format_args!("{}", self.core.title()))
            .finish_non_exhaustive()
    }
}
